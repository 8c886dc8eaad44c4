/**
 * What a check of an anchor weighs (docs/evidence.md, "What a failed check of an anchor does").
 *
 * Anchors are gathered from whoever has them, by programs that trust nobody in particular. So an anchor that anybody could have made, or that
 * the verifier's own terms rule out, takes nothing from the others; but what somebody who is trusted did not say as it stands here was
 * altered, and evidence that was altered is none.
 */

import type { Check, Checks, Outcome } from "./checks.ts";

/**
 * What a check of an anchor is about: that it is an anchor (`form`); whether anybody who is trusted stands behind it (`whose`); the anchor with the
 * checkpoint, of which everybody can tell (`itself`); what only the verifier can tell, by whom they trust for what, and when they judge (`terms`).
 */
export type About = "form" | "whose" | "itself" | "terms";

/** A check of an anchor, as it came out. */
export interface Made extends Check {
  readonly about: About;
  /** Whether an anchor can hold where it is not checked. */
  readonly mayBeOpen: boolean;
}

/** The checks of an anchor, as they weigh. */
export interface Weighed {
  readonly made: readonly Made[];
  /** What stands in its way. */
  readonly why: string | undefined;
  /** It does not hold, and the evidence may. */
  readonly isLeftOut: boolean;
}

/** What does not hold, and takes nothing from the rest: the names of the checks by which it does not, and what a reader should know. */
export interface LeftOut {
  readonly checks: string[];
  readonly caveats: string[];
}

const failed = ({ outcome }: Made) => outcome === "failed";

/** Whether all of the evidence fails where it does. */
const isOfAll = ({ about }: Made) => about === "form" || about === "itself";

export function weigh(checks: readonly Made[]): Weighed {
  const whose = checks.find(({ about }) => about === "whose");
  const stands = whose?.outcome === "passed";
  const made = checks.map((one) => (failed(one) && !stands ? ofNobody(one) : one));
  const against = made.find((one) => failed(one) && isOfAll(one));
  const obstacle =
    against ??
    (stands ? undefined : whose) ??
    made.find(failed) ??
    made.find(({ outcome, mayBeOpen }) => outcome === "not-checked" && !mayBeOpen);
  return {
    made,
    why: obstacle && `${obstacle.name}: ${obstacle.reason}`,
    isLeftOut: against === undefined && made.some(failed),
  };
}

/** A check that failed, of an anchor behind which nobody stands: anybody could have made it so. */
function ofNobody(one: Made): Made {
  const outcome: Outcome = "not-checked";
  return one.about === "itself" || one.about === "terms"
    ? { ...one, outcome, reason: `nobody who is trusted stands behind this anchor: ${one.reason}` }
    : one;
}

/** Takes the checks of an anchor down by what it is called. */
export function noteWeighed({ made, why, isLeftOut }: Weighed, name: string, checks: Checks, leftOut: LeftOut): void {
  if (isLeftOut && why !== undefined) {
    leftOut.caveats.push(`the anchor ${name} does not hold, and is left out: ${why}`);
  }
  for (const one of made) {
    const called = `anchor ${name}: ${one.name}`;
    if (failed(one) && !isOfAll(one)) {
      leftOut.checks.push(called);
    }
    checks.add(called, one.outcome, one.reason);
  }
}
