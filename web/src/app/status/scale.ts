/** Axes of charts: where values stand, and at which of them a mark helps. */

export interface Scale {
  readonly from: number;
  readonly to: number;
  /** Where a value stands, as a share of the axis. */
  readonly at: (value: number) => number;
}

/** An axis from the least to the largest of these; where they are one, with room beside it. */
export function scaleOf(values: readonly number[], room = 1): Scale {
  // Without spreading: there may be many.
  const from = values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const to = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  if (!(from < to)) {
    const only = Number.isFinite(from) ? from : 0;
    return scaleBetween(only - room, only + room);
  }
  return scaleBetween(from, to);
}

export function scaleBetween(from: number, to: number): Scale {
  return { from, to, at: (value) => (value - from) / (to - from) };
}

/** Round values within an axis: 1, 2 or 5 times a power of ten apart, and whole. */
export function ticksOf({ from, to }: Scale, most: number): number[] {
  const least = Math.max((to - from) / most, 1);
  const power = 10 ** Math.floor(Math.log10(least));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= least) ?? 10) * power;
  return multiples(step, from, to);
}

/** The end of the year 9999. */
const LAST_SECOND = 253_402_300_799;

/** Whether Unix seconds are a time that a calendar of four-digit years has: what a token or a block says of its time may be anything. */
export function isMoment(seconds: number | undefined): seconds is number {
  return seconds !== undefined && seconds >= 0 && seconds <= LAST_SECOND;
}

/** Seconds between marks on an axis of time. */
const steps = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
  2_592_000, 7_776_000, 15_552_000, 31_536_000, 157_680_000,
] as const;

const DAY = 86_400;

export interface TimeTick {
  readonly at: number;
  readonly words: string;
}

/** Round moments within an axis of Unix seconds, in UTC. */
export function timeTicks({ from, to }: Scale, most: number): TimeTick[] {
  const step = steps.find((one) => (to - from) / one <= most) ?? Math.ceil((to - from) / most);
  return multiples(step, from, to).map((at) => {
    const iso = new Date(at * 1000).toISOString();
    const words = step >= DAY ? iso.slice(0, 10) : step >= 60 ? iso.slice(11, 16) : iso.slice(11, 19);
    return { at, words };
  });
}

function multiples(step: number, from: number, to: number): number[] {
  const first = Math.ceil(from / step);
  const count = Math.floor(to / step) - first + 1;
  return Array.from({ length: Math.max(0, Math.min(count, 100)) }, (_, at) => (first + at) * step);
}
