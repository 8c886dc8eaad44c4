/** What the search for a file came to, as it may be said of a checkpoint that stands as it does. */

import type { Outcome } from "../../verify/checks.ts";
import { counted } from "../words.ts";

/** A file's entry, which the tree proves up to the root of its checkpoint. */
export interface Proven {
  readonly name: string;
  readonly index: bigint;
  /** Of its proof. */
  readonly hashes: number;
}

/** The outcome is that of the checkpoint: a proof shows no more than the root that it leads to. */
export function provenWords({ name, index, hashes }: Proven, checkpoint: Outcome): string {
  const leads = hashes === 1 ? "1 hash leads" : `${hashes} hashes lead`;
  const fact = `${name} is entry ${counted(index)}: ${leads} from it to the root of this checkpoint`;
  switch (checkpoint) {
    case "passed":
      return `${fact}.`;
    case "failed":
      return `${fact}, which does not verify, so that it shows nothing.`;
    case "not-checked":
      return `${fact}. Whether that can be relied on is not verified.`;
  }
}
