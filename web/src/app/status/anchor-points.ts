/** Anchors as the charts of the status page draw them. */

import type { Anchored, AnchorPoint } from "../engine/protocol.ts";
import { plainLine } from "../plain.ts";
import { counted, utcOf } from "../words.ts";
import type { Event, Point } from "./charts.tsx";
import { isMoment } from "./scale.ts";

/** The sizes that were there at a time by the word of somebody who is trusted: each at the first of these times. */
export function sizesOf(anchored: readonly Anchored[]): Point[] {
  return anchored.flatMap(({ size, anchors }) => {
    const times = anchors.flatMap(({ time, outcome }) => (outcome === "passed" && isMoment(time) ? [time] : []));
    return times.length === 0 ? [] : [{ at: Math.min(...times), value: Number(size), mark: "anchored" as const }];
  });
}

/** Each anchor that names a time, on the lane of who vouches for it. */
export function eventsOf({ size, anchors }: Anchored): Event[] {
  return anchors.flatMap((anchor): Event[] => {
    const { kind, time, outcome } = anchor;
    const shape = kind === "time-stamp" ? "time-stamp" : "block";
    const lane = shownName(anchor);
    return isMoment(time)
      ? [{ at: time, lane, shape, outcome, words: `${counted(size)} entries, ${utcOf(time)}, ${lane}` }]
      : [];
  });
}

/** A name that is anybody's word is never that of a trusted authority. */
export function shownName({ name, outcome }: AnchorPoint): string {
  return outcome === "passed" ? plainLine(name) : `says it is ${plainLine(name)}`;
}
