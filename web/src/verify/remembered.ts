/** What came of something that was computed before: it changes what a judgement costs, and nothing of what it comes to. */

import { concat, toHex, toU64 } from "./bytes.ts";
import { sha256 } from "./hash.ts";

/** Most that are remembered; beyond that all are forgotten. */
export const MOST_REMEMBERED = 4_096;

export class Remembered<T> {
  readonly #known = new Map<string, { readonly value: T }>();

  /** The value that these parts decide, and nothing else; computed unless it is known. */
  of(parts: readonly Uint8Array[], compute: () => T): T {
    // Each part behind its length.
    const name = toHex(sha256(concat(...parts.flatMap((part) => [toU64(BigInt(part.length)), part]))));
    const known = this.#known.get(name);
    if (known !== undefined) {
      return known.value;
    }
    const value = compute();
    if (this.#known.size >= MOST_REMEMBERED) {
      this.#known.clear();
    }
    this.#known.set(name, { value });
    return value;
  }
}
