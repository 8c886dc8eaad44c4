/** The checks of one anchor, which stand together, and what they come to. */

import type { Check } from "../../verify/checks.ts";
import type { AnchorOf, Judgement } from "../engine/protocol.ts";

/** The anchor that a check is of, as in `anchor dev`. */
export function anchorNamed({ name }: Check): string | undefined {
  return /^(anchor [^:]+): /.exec(name)?.[1];
}

/** Whether all anchors that their checks call so hold; of one that was not judged, nobody can say that it does. */
export function holdsAs(name: string, anchors: readonly AnchorOf[]): boolean {
  const named = anchors.filter((anchor) => `anchor ${anchor.name}` === name);
  return named.length > 0 && named.every(({ holds }) => holds);
}

/** What it means that an anchor is left out. */
export const LEFT_OUT =
  "an anchor that does not hold under what is trusted does not count, and takes nothing from the others";

/** The anchors that are left out: whatever failed of them takes no more than the anchor itself. */
export function leftOutOf({ checks, leftOut }: Pick<Judgement, "checks" | "leftOut">): Map<string, Check[]> {
  const failed = new Map<string, Check[]>();
  for (const check of checks) {
    const anchor = anchorNamed(check);
    if (anchor !== undefined && check.outcome === "failed") {
      failed.set(anchor, [...(failed.get(anchor) ?? []), check]);
    }
  }
  return new Map([...failed].filter(([, of]) => of.every(({ name }) => leftOut.includes(name))));
}

/** The caveats, but for those of anchors that are left out: these are shown with each check that failed of them. */
export function caveatsBeside(judgement: Pick<Judgement, "caveats" | "checks" | "leftOut">): string[] {
  const anchors = [...leftOutOf(judgement).keys()];
  return judgement.caveats.filter(
    (caveat) => !anchors.some((anchor) => caveat.startsWith(`the ${anchor} does not hold, and is left out: `)),
  );
}
