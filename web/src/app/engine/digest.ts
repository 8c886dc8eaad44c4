/** SHA-256 of files of any size, a piece at a time. */

import { sha256 } from "../../verify/hash.ts";
import type { Change } from "./protocol.ts";

/** Progress is told no more often than this. */
const STEP_BYTES = 8 << 20;

/** The SHA-256 of a file; where a change is given, of the file with one bit of that byte flipped. */
export async function digestOf(file: Blob, progress: (bytes: number) => void, change?: Change): Promise<Uint8Array> {
  const hash = sha256.create();
  const reader = file.stream().getReader();
  let [done, told] = [0, 0];
  for (;;) {
    const { value, done: ended } = await reader.read();
    if (ended) {
      return hash.digest();
    }
    hash.update(change === undefined ? value : changed(value, change.at - done));
    done += value.length;
    if (done - told >= STEP_BYTES) {
      told = done;
      progress(done);
    }
  }
}

/** The bytes with one bit of one of them flipped, if it is among them. */
export function changed(bytes: Uint8Array, at: number): Uint8Array {
  const byte = bytes[at];
  if (byte === undefined) {
    return bytes;
  }
  const copy = bytes.slice();
  copy[at] = byte ^ 1;
  return copy;
}
