/** What an audit says in the end: the tree that was built, and who signed its root under whom the reader trusts now. */

import type { Check, Outcome } from "../../verify/checks.ts";
import type { Head } from "../engine/protocol.ts";
import { standing } from "../judged.ts";
import { plainLine } from "../plain.ts";
import type { Choice } from "../verify/trust-panel.tsx";
import { plural } from "../words.ts";
import type { Depth } from "./batch.ts";

export interface AuditVerdict {
  readonly outcome: Outcome;
  readonly title: string;
  readonly sentence: string;
}

/** The verdict on what an audit checked, of a checkpoint as it is judged under whom the reader trusts. */
export function verdictOf(
  checks: readonly Check[],
  depth: Depth,
  head: Pick<Head, "size" | "outcome" | "checks">,
  choice: Choice,
): AuditVerdict {
  if (checks.some(({ outcome }) => outcome === "failed")) {
    return {
      outcome: "failed",
      title: "This log is not what its checkpoint says",
      sentence: "What it shows does not lead to the root that it signed.",
    };
  }
  const [one, many] = depth === "entries" ? ["entry", "entries"] : ["hash", "hashes"];
  const lead = `All ${plural(head.size, one, many)} lead to the root in the checkpoint.`;
  if (head.outcome === "failed") {
    const why = head.checks.find(({ outcome }) => outcome === "failed");
    return {
      outcome: "failed",
      title: "The checkpoint of this log does not verify",
      sentence: `${lead} But it is not signed as you demand${why === undefined ? "" : `: ${why.name}: ${plainLine(why.reason)}`}.`,
    };
  }
  const signed =
    head.outcome === "not-checked"
      ? ` Who signed that is not known: ${head.checks.map(({ reason }) => plainLine(reason)).join("; ")}.`
      : choice === "log"
        ? " Its keys are those that the log names as its own."
        : "";
  if (depth === "hashes") {
    return {
      outcome: "not-checked",
      title: "The hashes fit together; no entry was looked at",
      sentence: `${lead} Whether the log holds the entries that they are of was not asked.${signed}`,
    };
  }
  return { outcome: standing(head, choice), title: "The log is whole", sentence: `${lead}${signed}` };
}
