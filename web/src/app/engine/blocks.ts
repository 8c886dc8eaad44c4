/** Which blocks a verifier trusts, read from what they pasted: the list that the page keeps, and hashes for one proof. */

import { BlockFile, type Blocks, readBlockHash } from "../../verify/blocks.ts";
import { toUtf8 } from "../../verify/bytes.ts";
import { VerifyError } from "../../verify/checks.ts";
import { shown } from "../../verify/words.ts";
import type { Job } from "./protocol.ts";

/** What results call the list. */
const LIST = "the list on this page";

/** What results call the giving of a hash for one proof. */
const GIVEN = "what was given for this proof";

/** Reads the list; throws what is wrong, for whoever pasted it. */
export function readList(text: string): BlockFile {
  return BlockFile.parse(LIST, toUtf8(text));
}

/** What a job says of blocks. */
export function blocksOf({ blocks = "", given = [] }: Pick<Job, "blocks" | "given">): Blocks {
  return {
    given: { source: GIVEN, hashes: given.map(hashOf) },
    lists: blocks.trim() === "" ? [] : [readList(blocks)],
  };
}

function hashOf(text: string): string {
  const hash = readBlockHash(text.trim());
  if (hash === undefined) {
    throw new VerifyError(`the hash of a block is 0x and 64 hexadecimal digits, got ${shown(text)}`);
  }
  return hash;
}
