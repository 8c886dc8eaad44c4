/** Evidence that was fetched, judged again whenever somebody else is trusted: each once by each that is gone by, and shown only by that. */

import type { Outcome } from "../../verify/checks.ts";
import type { Anchored, AnchorPoint, Under } from "../engine/protocol.ts";
import { anchoredUnder, isSame } from "../judged.ts";

export interface Found {
  readonly evidence: Uint8Array;
  /** As it was read, under nobody. */
  readonly read: Anchored;
}

export class Judging {
  readonly #asked = new Map<Found, { readonly under: Under; readonly answer: Promise<Anchored> }>();
  readonly #known = new Map<Found, Anchored>();
  readonly #judge: (evidence: Uint8Array, under: Under) => Promise<Anchored>;

  constructor(judge: (evidence: Uint8Array, under: Under) => Promise<Anchored>) {
    this.#judge = judge;
  }

  /** Ends when it is judged by this. */
  async judge(found: Found, under: Under): Promise<void> {
    const before = this.#asked.get(found);
    const isAsked = before !== undefined && isSame(before.under, under);
    const asked = isAsked ? before : { under, answer: this.#judge(found.evidence, under) };
    this.#asked.set(found, asked);
    try {
      this.#known.set(found, await asked.answer);
    } catch (error) {
      if (this.#asked.get(found) === asked) {
        this.#asked.delete(found);
      }
      throw error;
    }
  }

  /** What it comes to by this, as far as that is known now. */
  now(found: Found, under: Under): Anchored {
    return anchoredUnder(this.#known.get(found) ?? found.read, under);
  }
}

/** Each size once, growing: with the anchors of all evidence of it, and the best that any came to. */
export function bySize(all: readonly Anchored[]): Anchored[] {
  const sizes = new Map<bigint, Anchored>();
  for (const one of all) {
    const other = sizes.get(one.size);
    sizes.set(one.size, other === undefined ? one : both(other, one));
  }
  return [...sizes.values()].sort((a, b) => (a.size < b.size ? -1 : 1));
}

const worth: Readonly<Record<Outcome, number>> = { passed: 2, "not-checked": 1, failed: 0 };

function both(one: Anchored, other: Anchored): Anchored {
  const best = worth[other.outcome] > worth[one.outcome] ? other : one;
  const isNew = (anchor: AnchorPoint) =>
    !one.anchors.some(
      ({ kind, name, time, outcome }) =>
        kind === anchor.kind && name === anchor.name && time === anchor.time && outcome === anchor.outcome,
    );
  return { ...best, anchors: [...one.anchors, ...other.anchors.filter(isNew)] };
}
