import { expect, test } from "vitest";
import { provenWords } from "../../src/app/explore/found.ts";
import { carried, entryAt, nodeAt, pathTo, placeOf } from "../../src/app/explore/tree.ts";
import { standing } from "../../src/app/judged.ts";

test("a proof up to the root of a checkpoint shows no more than that checkpoint", () => {
  const found = { name: "a.pdf", index: 5_000n, hashes: 20 };
  const lead = "a.pdf is entry 5 000: 20 hashes lead from it to the root of this checkpoint";
  expect(provenWords(found, "passed")).toBe(`${lead}.`);
  expect(provenWords(found, "failed")).toBe(`${lead}, which does not verify, so that it shows nothing.`);
  expect(provenWords(found, "not-checked")).toBe(`${lead}. Whether that can be relied on is not verified.`);
  expect(provenWords({ ...found, hashes: 1 }, "passed")).toContain(": 1 hash leads from it");
});

test("by the log's own word alone, no checkpoint counts as verified", () => {
  expect(standing({ outcome: "passed" }, "mine")).toBe("passed");
  expect(standing({ outcome: "passed" }, "log")).toBe("not-checked");
  for (const outcome of ["failed", "not-checked"] as const) {
    expect(standing({ outcome }, "mine")).toBe(outcome);
    expect(standing({ outcome }, "log")).toBe(outcome);
  }
});

test("a reader stays at their entry or node while the log grows", () => {
  for (const before of [1n, 2n, 7n, 600n]) {
    for (const size of [before, before + 1n, 1_025n, 70_000n]) {
      for (const index of [0n, before / 2n, before - 1n]) {
        if (before > 1n) {
          expect(nodeAt(carried(entryAt(index, before), before, size), size)).toEqual({
            start: index,
            end: index + 1n,
          });
        }
        for (const node of pathTo(index, before)) {
          const isKept = pathTo(index, size).some(({ start, end }) => start === node.start && end === node.end);
          const place = placeOf(node, before, index);
          if (isKept && place.depth > 0) {
            expect(nodeAt(carried(place, before, size), size)).toEqual(node);
          }
        }
      }
      expect(carried({ index: 0n, depth: 0 }, before, size)).toEqual({ index: 0n, depth: 0 });
    }
  }
});

test("where a log has shrunk below a reader's entry, its root is shown", () => {
  expect(carried(entryAt(500n, 600n), 600n, 400n)).toEqual({ index: 0n, depth: 0 });
});
