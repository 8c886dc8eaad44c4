/** What was judged under whom the reader trusted then, as it may be shown under whom they trust now. */

import type { Outcome } from "../verify/checks.ts";
import type { Anchored, Head, Under } from "./engine/protocol.ts";
import type { Choice } from "./verify/trust-panel.tsx";

/** A checkpoint that was judged under another trust is as one that nobody has verified yet. */
export function headUnder(head: Head, trust: string): Head {
  if (head.trust === trust) {
    return head;
  }
  const reason = trust === "" ? "nobody is trusted yet" : "is being verified under whom you trust now";
  return {
    ...head,
    trust,
    outcome: "not-checked",
    checks: [{ name: "log signature", outcome: "not-checked", reason }],
    quorum: undefined,
  };
}

/** And evidence, that shows what it says and nothing more. */
export function anchoredUnder(anchored: Anchored, under: Under): Anchored {
  if (isSame(anchored.under, under)) {
    return anchored;
  }
  const anchors = anchored.anchors.map((anchor) => ({ ...anchor, outcome: "not-checked" as const }));
  return { ...anchored, under, anchors, outcome: "not-checked", sentence: "Not judged yet under whom you trust now." };
}

/** Whether who goes by the one goes by the other, too. */
export function isSame(one: Under, other: Under): boolean {
  return one.trust === other.trust && one.blocks === other.blocks;
}

/** What a checkpoint counts as: by the log's own word alone, it is never verified. */
export function standing({ outcome }: Pick<Head, "outcome">, choice: Choice): Outcome {
  return outcome === "passed" && choice === "log" ? "not-checked" : outcome;
}
