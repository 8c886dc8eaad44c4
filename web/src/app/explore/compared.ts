/** An older checkpoint of a log, compared with its tree. */

import { fromUtf8, toUtf8 } from "../../verify/bytes.ts";
import { WrongRoot } from "../../verify/proof.ts";
import type { Head } from "../engine/protocol.ts";
import type { ProofHash, Tiles } from "./tiles.ts";

export interface Compared {
  readonly older: Head;
  /** The entries of the tree that it was compared with. */
  readonly size: bigint;
  /** Undefined where the tree does not continue the older. */
  readonly proof: readonly ProofHash[] | undefined;
  /** Why it does not. */
  readonly error: string | undefined;
}

/** Compares; throws what kept it from being told. */
export async function compared(
  older: Head,
  tiles: Pick<Tiles, "size" | "consistency">,
  origin: string,
): Promise<Compared> {
  if (older.origin !== origin) {
    throw new Error(`that checkpoint is of another log, ${older.origin}`);
  }
  const { size } = tiles;
  if (older.size > size) {
    const error = "the older checkpoint has more entries than the log shows now";
    return { older, size, proof: undefined, error };
  }
  try {
    return { older, size, proof: await tiles.consistency(older.size, older.root), error: undefined };
  } catch (error) {
    // Only another root says that it is another tree: no answer, and tiles that are not those of the tree, do not.
    if (error instanceof WrongRoot) {
      return { older, size, proof: undefined, error: error.message };
    }
    throw error;
  }
}

/** The checkpoint in a receipt, or the file itself. */
export function checkpointOf(bytes: Uint8Array): Uint8Array {
  const text = fromUtf8(bytes) ?? "";
  const end = text.indexOf("\n\n");
  return text.startsWith("c2sp.org/tlog-proof@") && end >= 0 ? toUtf8(text.slice(end + 2)) : bytes;
}
