/**
 * How many of those that vouch count: an authority once, however many tokens it gave, and a signer's key or a chain once, whatever roots it
 * leads to (docs/evidence.md). So what counts is the most pairs of an authority and a key of which no two share either: a matching, made
 * as large as it can be (Kuhn) after each anchor that holds, in the order of their times.
 */

import type { Held } from "./anchor-verdict.ts";
import type { Timestamp } from "./rfc3161/index.ts";

/** An authority that counts, and by when: the time of the anchor with which it came to count. */
export interface Counted {
  readonly authority: string;
  readonly by: Timestamp;
}

/** The authorities that count, by the time at which they do, and the anchors by which they count in the end, when all are known. */
export interface AllCounted {
  readonly authorities: readonly Counted[];
  readonly by: readonly Held[];
}

export function countedOf(held: readonly Held[]): AllCounted {
  const edges: Held[] = [];
  let pairs: Held[] = [];

  /** Finds a key for an authority; whose key it is must find another, of those that were not looked at yet. */
  const place = (authority: string, looked: string[]): boolean => {
    for (const edge of edges) {
      if (edge.authority !== authority || looked.includes(edge.key)) {
        continue;
      }
      looked.push(edge.key);
      const holder = pairs.find(({ key }) => key === edge.key);
      if (holder === undefined || place(holder.authority, looked)) {
        pairs = [...pairs.filter((pair) => pair.authority !== authority), edge];
        return true;
      }
    }
    return false;
  };

  const counted: Counted[] = [];
  // Of equal times, the first stays first.
  for (const one of [...held].sort((a, b) => (a.latest.isBefore(b.latest) ? -1 : a.latest.isAfter(b.latest) ? 1 : 0))) {
    edges.push(one);
    const waiting = new Set(edges.map(({ authority }) => authority));
    for (const { authority } of pairs) {
      waiting.delete(authority);
    }
    // One anchor makes the matching larger by one at most.
    const authority = [...waiting].find((name) => place(name, []));
    if (authority !== undefined) {
      counted.push({ authority, by: one.latest });
    }
  }
  return { authorities: counted, by: pairs };
}
