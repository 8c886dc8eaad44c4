/** Whether evidence that a log gave is what it was asked for: of its own entry, under a checkpoint of the tree that its page shows. */

import { VerifyError } from "../../verify/checks.ts";
import { WrongRoot } from "../../verify/proof.ts";
import type { Anchored } from "../engine/protocol.ts";
import type { Tiles } from "../explore/tiles.ts";
import { counted } from "../words.ts";

export type OwnTree = Pick<Tiles, "size" | "consistency">;

/** Throws where it is another's, and what kept that from being told. */
export async function checkBelongs(read: Anchored, index: bigint, origin: string, tree: OwnTree): Promise<void> {
  const asked = `the evidence of entry ${counted(index)}`;
  if (read.origin !== origin) {
    throw new VerifyError(`${asked} is of another log, ${read.origin}`);
  }
  if (read.index !== index) {
    throw new VerifyError(`${asked} is of another entry, ${counted(read.index)}`);
  }
  if (read.size > tree.size) {
    throw new VerifyError(
      `${asked} is under a checkpoint of ${counted(read.size)} entries, newer than that shown here`,
    );
  }
  try {
    await tree.consistency(read.size, read.root);
  } catch (error) {
    throw error instanceof WrongRoot
      ? new VerifyError(
          `${asked} is of another tree of ${counted(read.size)} entries than this log shows: ${error.message}`,
        )
      : error;
  }
}
