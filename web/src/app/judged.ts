/** What was judged under whom the reader trusted then, as it may be shown under whom they trust now. */

import type { Anchored, Head } from "./engine/protocol.ts";

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
export function anchoredUnder(anchored: Anchored, trust: string): Anchored {
  if (anchored.trust === trust) {
    return anchored;
  }
  const anchors = anchored.anchors.map((anchor) => ({ ...anchor, outcome: "not-checked" as const }));
  return { ...anchored, trust, anchors, outcome: "not-checked", sentence: "Not judged yet under whom you trust now." };
}
