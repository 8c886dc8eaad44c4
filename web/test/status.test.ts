import { expect, test } from "vitest";
import { changesOf } from "../src/app/status/changes.ts";
import type { Point } from "../src/app/status/charts.tsx";
import { readStatus } from "../src/app/status/read.ts";
import { Sampling } from "../src/app/status/sampling.ts";
import { isMoment, scaleBetween, scaleOf, ticksOf, timeTicks } from "../src/app/status/scale.ts";

/** The anchored sizes that are found of a log in so many questions, and what was asked. */
function sampled(anchored: readonly bigint[], questions: number, silent: readonly bigint[] = []) {
  const sampling = new Sampling(anchored.at(-1) ?? 0n);
  const asked: bigint[] = [];
  const found = new Set<bigint>();
  for (let index = sampling.next(); index !== undefined && asked.length < questions; index = sampling.next()) {
    const entry = index;
    asked.push(entry);
    const size = silent.includes(entry) ? undefined : anchored.find((one) => one > entry);
    if (size === undefined) {
      sampling.failed(entry);
    } else {
      sampling.found(entry, size);
      found.add(size);
    }
  }
  return { asked, found: [...found].sort((a, b) => (a < b ? -1 : 1)), isOpen: sampling.next() !== undefined };
}

test("few anchors are all found, each by one question", () => {
  for (const anchored of [[1n], [5n, 9n], [10n, 20n, 1_000n, 1_001n], [3n, 1_000_000n]]) {
    const { asked, found, isOpen } = sampled(anchored, 100);
    expect(found).toEqual(anchored);
    expect(isOpen).toBe(false);
    // Beside the answers that name one that is known: bisection between neighbours.
    expect(asked.length).toBeLessThanOrEqual(anchored.length + 20 * (anchored.length - 1));
    expect(new Set(asked).size).toBe(asked.length);
  }
});

test("of many, the first and the last are found first, and the others spread", () => {
  const anchored = Array.from({ length: 10_000 }, (_, at) => BigInt(at + 1) * 100n);
  const { asked, found, isOpen } = sampled(anchored, 8);
  expect(asked.slice(0, 2)).toEqual([0n, 999_999n]);
  expect(found.length).toBe(8);
  expect(isOpen).toBe(true);
  const gaps = found.slice(1).map((size, at) => size - (found[at] ?? 0n));
  expect(gaps.every((gap) => gap < 260_000n)).toBe(true);
});

test("what is not answered is not asked again, and answers that go backwards end, too", () => {
  const { asked } = sampled([4n, 8n], 100, [0n, 7n]);
  expect(new Set(asked).size).toBe(asked.length);
  const sampling = new Sampling(10n);
  for (let asked = 0; sampling.next() !== undefined; asked++) {
    expect(asked).toBeLessThan(11);
    sampling.found(sampling.next() ?? 0n, 0n);
  }
  expect(new Sampling(0n).next()).toBeUndefined();
});

test("an axis has few marks, at round values within it", () => {
  const rows = [
    [0, 15, 4, [0, 5, 10, 15]],
    [0, 1, 4, [0, 1]],
    [0, 1_050_000, 4, [0, 500_000, 1_000_000]],
    [0, 9_007_199_254_740_991, 4, [0, 5_000_000_000_000_000]],
  ] as const;
  for (const [from, to, most, expected] of rows) {
    expect(ticksOf(scaleBetween(from, to), most)).toEqual(expected);
  }
  for (const length of [10, 600, 86_400, 86_400 * 40, 86_400 * 365 * 30]) {
    const ticks = timeTicks(scaleBetween(1_790_000_000, 1_790_000_000 + length), 6);
    expect(ticks.length, String(length)).toBeGreaterThan(0);
    expect(ticks.length, String(length)).toBeLessThanOrEqual(7);
  }
  expect(timeTicks(scaleBetween(1_795_789_220, 1_795_789_260), 6).map(({ words }) => words)).toEqual([
    "14:20:20",
    "14:20:30",
    "14:20:40",
    "14:20:50",
    "14:21:00",
  ]);
  // What is drawn is a moment, so that its axis has marks.
  for (const [seconds, expected] of [
    [0, true],
    [253_402_300_799, true],
    [253_402_300_800, false],
    [2 ** 63, false],
    [-1, false],
    [Number.NaN, false],
  ] as const) {
    expect(isMoment(seconds), String(seconds)).toBe(expected);
  }
  expect(timeTicks(scaleBetween(0, 253_402_300_799), 6).length).toBeGreaterThan(0);
  const alone = scaleOf([7]);
  expect(alone.at(7)).toBe(0.5);
  expect(scaleOf([]).at(0)).toBe(0.5);
});

test("a status is read as far as it is one", () => {
  const status = readStatus(
    JSON.stringify({
      state: "running",
      size: 5,
      published_size: "5",
      published_at: 1.5,
      indexed_size: 1e300,
      unpublished_seconds: -1,
      explanation: "a\u202eb",
      last_error: { what: "x".repeat(1_000), at: 3 },
      witnesses: [{ name: "w\u0007", cosigns: "yes", cosigned_at: "huge" }, 5, null],
      anchors: { 0: "no list" },
    }).replace('"huge"', "1e999"),
  );
  expect(status).toMatchObject({ state: "running", size: 5, publishedSize: undefined, unpublishedSeconds: undefined });
  expect(status).toMatchObject({ publishedAt: undefined, indexedSize: undefined });
  expect(status.explanation).toBe("a\\u{202e}b");
  expect(status.lastError?.what.length).toBe(401);
  expect(status.witnesses).toEqual([
    { name: "w\\u{7}", answer: "", cosigns: false, cosignedSize: undefined, cosignedAt: undefined, since: undefined },
  ]);
  expect(status.anchors).toEqual([]);
  expect(readStatus(JSON.stringify({ witnesses: Array(10_000).fill({}) })).witnesses.length).toBe(256);
  for (const text of ["", "[]", "null", '"running"', "{"]) {
    expect(() => readStatus(text), text).toThrow();
  }
});

test("the table of a chart has a row for each change, the newest first, up to a limit", () => {
  const seen = (at: number, value: number): Point => ({ at, value, mark: "seen" });
  const anchored: Point = { at: 1, value: 5, mark: "anchored" };
  expect(changesOf([anchored, seen(2, 5), seen(3, 5), seen(4, 7)])).toEqual({
    rows: [seen(4, 7), seen(2, 5), anchored],
    left: 0,
  });
  const many = changesOf(Array.from({ length: 1_000 }, (_, at) => seen(at, at)));
  expect([many.rows.length, many.left, many.rows[0]?.at]).toEqual([200, 800, 999]);
  expect(changesOf([])).toEqual({ rows: [], left: 0 });
});
