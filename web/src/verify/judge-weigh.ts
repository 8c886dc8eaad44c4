/**
 * What a check of an anchor weighs (docs/evidence.md, "What a failed check of an anchor does").
 *
 * Anchors are gathered from whoever has them, by programs that trust nobody in particular. So an anchor that anybody could have made, or that
 * the verifier's own terms rule out, takes nothing from the others; but what somebody who is trusted, or is said to be, did not say as it
 * stands here was altered, and evidence that was altered is none.
 */

import type { Check, Checks } from "./checks.ts";

/**
 * What a check of an anchor is about: that it is an anchor (`form`); whether anybody who is trusted stands behind it (`whose`); the anchor with the
 * checkpoint, of which everybody can tell (`itself`); what only the verifier can tell, by whom they trust for what, and when they judge (`terms`).
 */
export type About = "form" | "whose" | "itself" | "terms";

/**
 * Who stands behind an anchor, right or wrong: somebody who is trusted (good signatures lead to a trusted root, or the block is trusted); somebody
 * who is trusted is named, by this name in the trust file, and nothing shows it; or nobody who is trusted.
 */
export type Behind = { readonly who: "trusted" | "nobody" } | { readonly who: "named"; readonly name: string };

/** A check of an anchor, as it came out. */
export interface Made extends Check {
  readonly about: About;
  /** Whether an anchor can hold where it is not checked. */
  readonly mayBeOpen: boolean;
}

/**
 * What an anchor weighs, the less the nearer it is to holding: it holds; it does not, because something is not known; it does not, and the evidence
 * may; or all of the evidence fails by it.
 */
const weights = ["holds", "open", "left out", "against"] as const;
export type Weight = (typeof weights)[number];

export function heaviness(weight: Weight): number {
  return weights.indexOf(weight);
}

/** The checks of an anchor, as they weigh. */
export interface Weighed {
  readonly made: readonly Made[];
  /** What stands in its way. */
  readonly why: string | undefined;
  readonly weight: Weight;
  /** That it does not count and nothing of it failed, where a reader should know. */
  readonly doubt: string | undefined;
}

/** What does not hold, and takes nothing from the rest: the names of the checks by which it does not, and what a reader should know. */
export interface LeftOut {
  readonly checks: string[];
  readonly caveats: string[];
}

const failed = ({ outcome }: Made) => outcome === "failed";

/** Whether all of the evidence fails where it does. */
const isOfAll = ({ about }: Made) => about === "form" || about === "itself";

const inWords = ({ name, reason }: Made) => `${name}: ${reason}`;

export function weigh(checks: readonly Made[], behind: Behind): Weighed {
  const made = checks.map((one) => (failed(one) ? weighFailed(one, behind) : one));
  const against = made.find((one) => failed(one) && isOfAll(one));
  const obstacle =
    against ??
    made.find(({ about, outcome }) => about === "whose" && outcome !== "passed") ??
    made.find(failed) ??
    made.find(isOpen);
  const weight =
    against !== undefined ? "against" : made.some(failed) ? "left out" : obstacle !== undefined ? "open" : "holds";
  return { made, why: obstacle && inWords(obstacle), weight, doubt: doubtOf(checks, behind) };
}

/** It is not checked, and had to be. */
function isOpen({ outcome, mayBeOpen }: Made): boolean {
  return outcome === "not-checked" && !mayBeOpen;
}

/** A check that failed, by who stands behind the anchor: where nobody does, anybody could have made it so. */
function weighFailed(one: Made, behind: Behind): Made {
  const { about, reason } = one;
  if (about === "form" || about === "whose" || behind.who === "trusted") {
    return one;
  }
  return about === "itself" && behind.who === "named"
    ? { ...one, reason: `this anchor names ${behind.name}, and it was altered: ${reason}` }
    : { ...one, outcome: "not-checked", reason: `nobody who is trusted stands behind this anchor: ${reason}` };
}

/**
 * What a reader should know of an anchor that nobody stands behind who is trusted: that it is not right by itself, or that who is named can
 * neither be shown nor refuted.
 */
function doubtOf(checks: readonly Made[], behind: Behind): string | undefined {
  const ofItself = checks.filter(({ about }) => about === "itself");
  switch (behind.who) {
    case "trusted":
      return undefined;
    case "named": {
      const open = ofItself.find(isOpen);
      return open && `whether it is of ${behind.name}, whom it names, cannot be told: ${inWords(open)}`;
    }
    case "nobody": {
      const wrong = ofItself.find(failed);
      return wrong && `is of nobody who is trusted; it was altered, or never right: ${inWords(wrong)}`;
    }
  }
}

/** Takes the checks of an anchor down by what it is called. */
export function noteWeighed(
  { made, why, weight, doubt }: Weighed,
  name: string,
  checks: Checks,
  leftOut: LeftOut,
): void {
  const what = weight === "left out" ? why && `is left out: ${why}` : weight === "open" ? doubt : undefined;
  if (what !== undefined) {
    leftOut.caveats.push(`the anchor ${name} does not hold, and ${what}`);
  }
  for (const one of made) {
    const called = `anchor ${name}: ${one.name}`;
    if (failed(one) && !isOfAll(one)) {
      leftOut.checks.push(called);
    }
    checks.add(called, one.outcome, one.reason);
  }
}
