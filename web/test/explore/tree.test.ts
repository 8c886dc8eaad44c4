import { expect, test } from "vitest";
import { cellAt, cellOf, cellsOf, rowsOf, stagesTo } from "../../src/app/explore/layout.ts";
import {
  entryAt,
  heightOf,
  nodeAt,
  type Place,
  pathTo,
  placeOf,
  sameNode,
  sizeOfNode,
  step,
} from "../../src/app/explore/tree.ts";
import { inclusionRanges, type Subtree } from "../../src/verify/proof.ts";

/** Sizes around powers of two and of tiles, and the largest. */
const sizes = [
  1n,
  2n,
  3n,
  5n,
  7n,
  8n,
  9n,
  255n,
  256n,
  257n,
  300n,
  511n,
  512n,
  65_535n,
  65_536n,
  65_537n,
  70_000n,
  1_000_000n,
  (1n << 40n) + 3n,
  (1n << 64n) - 1n,
];

/** Entries of a tree: its ends, and some between. */
function entries(size: bigint): bigint[] {
  const some = [0n, 1n, size / 3n, size / 2n, (2n * size) / 3n, size - 2n, size - 1n];
  return [...new Set(some.filter((index) => index >= 0n && index < size))];
}

const shown = ({ start, end }: Subtree) => `${start}-${end}`;

test("beside the way to an entry stand the hashes of its proof, in the drawing as in the tree", () => {
  for (const size of sizes) {
    for (const index of entries(size)) {
      const path = pathTo(index, size);
      const leaf = path.at(-1) ?? { start: 0n, end: 0n };
      const proof = inclusionRanges(index, size);
      expect(shown(leaf)).toBe(`${index}-${index + 1n}`);
      expect(path.length, `${index} of ${size}`).toBe(proof.length + 1);
      // Every node of the way and of the proof is drawn, on one stage or on two where it is the slot that is drawn out.
      const cells = stagesTo(leaf, size).flatMap(cellsOf);
      for (const node of [...path, ...proof]) {
        expect(
          cells.some((cell) => sameNode(cell.node, node)),
          `${shown(node)} of ${size}`,
        ).toBe(true);
      }
    }
  }
});

test("a drawing is bounded, whatever the size of the tree", () => {
  for (const size of sizes) {
    for (const index of entries(size)) {
      const stages = stagesTo({ start: index, end: index + 1n }, size);
      expect(stages.length).toBeLessThanOrEqual(8);
      for (const stage of stages) {
        expect(stage.slots).toBeLessThanOrEqual(256);
        expect(rowsOf(stage)).toBeLessThanOrEqual(9);
        expect(cellsOf(stage).length).toBe(2 * stage.slots - 1);
      }
    }
  }
});

test("cells fill each row of a stage, and none lies over another", () => {
  for (const slots of [1, 2, 3, 5, 15, 16, 17, 255, 256]) {
    const stage = {
      level: 1,
      range: { start: 0n, end: BigInt(slots) * 256n },
      slots,
      opened: undefined,
      tile: undefined,
    };
    const cells = cellsOf(stage);
    for (let row = 0; row < rowsOf(stage); row++) {
      for (let slot = 0; slot < slots; slot++) {
        const here = cells.filter(
          ({ from, to, top, bottom }) => from <= slot && slot < to && top <= row && row <= bottom,
        );
        expect(here.length, `slot ${slot} row ${row} of ${slots}`).toBe(1);
        expect(cellAt(cells, slot, row)).toBe(here[0]);
      }
    }
    expect(cellOf(cells, stage.range)?.from).toBe(0);
  }
});

test("a stage names the tile that holds the hashes of its slots", () => {
  const rows = [
    [1_000_000n, 999_999n, ["tile/2 15 of 16", "tile/1 66 of 67", "tile/0 64 of 64"]],
    [1_000_000n, 0n, ["tile/2 15 of 16", "tile/1 256 of 256", "tile/0 256 of 256"]],
    [70_000n, 69_999n, ["tile/2 1 of 2", "tile/1 17 of 18", "tile/0 112 of 112"]],
    // One entry alone at the right of 256 tiles is a slot by itself, and nothing is below it.
    [65_537n, 65_536n, ["tile/2 1 of 2"]],
    [256n, 255n, ["tile/0 256 of 256"]],
  ] as const;
  for (const [size, index, expected] of rows) {
    const stages = stagesTo({ start: index, end: index + 1n }, size);
    const words = stages.map(({ level, slots, tile }) => `tile/${level} ${tile?.width} of ${slots}`);
    expect(words, `${index} of ${size}`).toEqual(expected);
  }
});

test("the ways up, down and aside lead where they say", () => {
  const size = 1_000_000n;
  const at = (index: bigint, height: number): Place => {
    const node = pathTo(index, size).find((one) => heightOf(one) <= height) ?? { start: 0n, end: size };
    return placeOf(node, size, index);
  };
  const rows = [
    ["down from the root, on the way that was taken", { index: 600_000n, depth: 0 }, "down", "524288-1000000"],
    ["up from an entry", entryAt(5n, size), "up", "4-6"],
    ["right of an entry", entryAt(5n, size), "right", "6-7"],
    ["left of an entry", entryAt(8n, size), "left", "7-8"],
    ["right of a node", at(0n, 8), "right", "256-512"],
    ["left of a node", at(512n, 8), "left", "256-512"],
    ["right over the edge of a larger subtree", at(524_287n, 4), "right", "524288-524304"],
    ["to what is left at the right edge", at(999_424n, 9), "right", "999936-1000000"],
    ["back from there", at(999_936n, 6), "left", "999872-999936"],
    ["to the last of the same height", at(0n, 8), "last", "999936-1000000"],
    ["to the first of the same height", at(700_000n, 8), "first", "0-256"],
    ["to the entry below", at(512n, 8), "entry", "512-513"],
    ["nowhere left of the first", entryAt(0n, size), "left", undefined],
    ["nowhere right of the last", entryAt(size - 1n, size), "right", undefined],
    ["nowhere below an entry", entryAt(5n, size), "down", undefined],
    ["nowhere above the root", { index: 5n, depth: 0 }, "up", undefined],
  ] as const;
  for (const [name, place, way, expected] of rows) {
    const next = step(place, way, size);
    expect(next && shown(nodeAt(next, size)), name).toBe(expected);
  }
});

test("every way leads to a node of the tree, and left undoes right", () => {
  for (const size of sizes) {
    for (const index of entries(size)) {
      for (let depth = 0; depth < pathTo(index, size).length; depth++) {
        const node = nodeAt({ index, depth }, size);
        const right = step({ index, depth }, "right", size);
        if (right === undefined) {
          expect(node.end).toBe(size);
          continue;
        }
        const next = nodeAt(right, size);
        expect(next.start).toBe(node.end);
        expect(heightOf(next)).toBeLessThanOrEqual(heightOf(node));
        const back = step(right, "left", size);
        expect(back && nodeAt(back, size).end).toBe(node.end);
      }
    }
  }
});

test("an empty tree has no places", () => {
  expect(pathTo(0n, 0n)).toEqual([]);
  expect(stagesTo({ start: 0n, end: 0n }, 0n)).toEqual([]);
  for (const way of ["up", "down", "left", "right", "root", "entry", "first", "last"] as const) {
    expect(step({ index: 0n, depth: 0 }, way, 0n), way).toBeUndefined();
  }
  expect(sizeOfNode(nodeAt({ index: 0n, depth: 0 }, 0n))).toBe(0n);
});
