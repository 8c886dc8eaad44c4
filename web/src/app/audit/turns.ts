/** Large answers take turns, so that what a worker holds at once is bounded: a bundle may have 16.8 MB, and most have some kilobytes. */

import { TooLong } from "../log.ts";
import type { Read } from "../tile-reader.ts";

/** What may be read beside others. */
const SMALL = 1 << 20;

export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Reads; what turns out to be large is read again, once every large one before it is there. */
  async read(read: Read, path: string, limit: number): Promise<Uint8Array> {
    try {
      return await read(path, Math.min(limit, SMALL));
    } catch (error) {
      if (!(error instanceof TooLong) || limit <= SMALL) {
        throw error;
      }
    }
    const turn = this.#last.then(() => read(path, limit));
    this.#last = turn.catch(() => {});
    return turn;
  }
}
