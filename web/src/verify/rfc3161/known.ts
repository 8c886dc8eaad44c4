/**
 * What came of signatures that were verified before, so that none is verified twice: a search for a path tries the same certificates anew
 * for each of its questions, and thousands of tokens share a chain. One verification in a browser takes up to some 10 ms, and whoever makes
 * a token chooses how many are tried. It changes what a judgement costs, and nothing of what it comes to.
 */

import { concat, toHex, toU64, toUtf8 } from "../bytes.ts";
import { VerifyError } from "../checks.ts";
import { sha256 } from "../hash.ts";
import { type Signed, verifySignature } from "./algorithm.ts";

/** Most that are remembered; beyond that all are forgotten. The chains of some hundred authorities. */
const MAX_KNOWN = 4_096;

export class Known {
  readonly #verify: (spki: Uint8Array, signed: Signed) => void;
  /** What was thrown, or undefined for a good signature, by what decides. */
  readonly #known = new Map<string, VerifyError | undefined>();

  constructor(verify: (spki: Uint8Array, signed: Signed) => void) {
    this.#verify = verify;
  }

  /** Verifies a signature over a message by the key in `spki`, unless it is known what comes of that. */
  verify(spki: Uint8Array, signed: Signed): void {
    const name = nameOf(spki, signed);
    let error = this.#known.get(name);
    if (error === undefined && !this.#known.has(name)) {
      error = thrownBy(() => this.#verify(spki, signed));
      if (this.#known.size >= MAX_KNOWN) {
        this.#known.clear();
      }
      this.#known.set(name, error);
    }
    if (error !== undefined) {
      throw error;
    }
  }
}

/** What all judgements of this thread know. */
export const known = new Known(verifySignature);

function thrownBy(verify: () => void): VerifyError | undefined {
  try {
    verify();
    return undefined;
  } catch (error) {
    if (error instanceof VerifyError) {
      return error;
    }
    throw error;
  }
}

/** SHA-256 of all that decides, each part behind its length. */
function nameOf(spki: Uint8Array, { algorithm, digestBeside = "", message, signature }: Signed): string {
  const parts = [spki, toUtf8(algorithm.oid), algorithm.parameters, toUtf8(digestBeside), message, signature];
  return toHex(sha256(concat(...parts.flatMap((part) => [toU64(BigInt(part.length)), part]))));
}
