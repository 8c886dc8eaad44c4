/**
 * How a tree is drawn: as stages, one for each level of tiles (C2SP tlog-tiles) from the root to the node that is looked at. A stage shows
 * the nodes over at most 256 slots, each of them one hash of a tile; the slot on the way is drawn out as the next stage.
 */

import type { Subtree } from "../../verify/proof.ts";
import { TILE_WIDTH, type TileId, tileOf } from "../../verify/tile.ts";
import { sameNode, sizeOfNode } from "./tree.ts";

export interface Stage {
  /** The level of the tile that holds the hashes of the slots. */
  readonly level: number;
  /** The node over all slots. */
  readonly range: Subtree;
  readonly slots: number;
  /** The slot that the next stage is about; undefined on the last. */
  readonly opened: number | undefined;
  /** The tile; its last slots may be lacking, as the last slot of a stage need not be whole. */
  readonly tile: TileId | undefined;
}

/** A node as it is drawn: above which slots, and in which rows. The root is in row 0. */
export interface Cell {
  readonly node: Subtree;
  readonly from: number;
  readonly to: number;
  readonly top: number;
  readonly bottom: number;
}

/** How many entries are under a slot that is whole. */
function slotSize(level: number): bigint {
  return 1n << BigInt(8 * level);
}

/** The lowest level on which a node has no more slots than a tile. */
function levelOf(node: Subtree): number {
  let level = 0;
  while (slotSize(level + 1) < sizeOfNode(node)) {
    level++;
  }
  return level;
}

/** The node over one slot. */
function slotOf(level: number, slot: number, { start, end }: Subtree): Subtree {
  const from = start + BigInt(slot) * slotSize(level);
  const to = from + slotSize(level);
  return { start: from, end: to < end ? to : end };
}

/** The stages from the root down to a node, and where the node is a slot, what is below it. */
export function stagesTo(node: Subtree, size: bigint): Stage[] {
  const stages: Stage[] = [];
  let range: Subtree = { start: 0n, end: size };
  while (sizeOfNode(range) > 0n) {
    const level = levelOf(range);
    const each = slotSize(level);
    const slots = Number((sizeOfNode(range) + each - 1n) / each);
    const slot = Number((node.start - range.start) / each);
    const below = slotOf(level, slot, range);
    const opens = node.end <= below.end && sizeOfNode(below) > 1n && level > 0;
    const tile = tileOf(level, range.start / (each * BigInt(TILE_WIDTH)), size);
    stages.push({ level, range, slots, opened: opens ? slot : undefined, tile });
    if (!opens) {
      break;
    }
    range = below;
  }
  return stages;
}

/** How many rows a stage has. */
export function rowsOf({ slots }: Pick<Stage, "slots">): number {
  return height(slots) + 1;
}

/** The nodes of a stage, each before those under it. */
export function cellsOf(stage: Stage): Cell[] {
  const lowest = height(stage.slots);
  const cells: Cell[] = [];
  const add = (from: number, to: number, top: number) => {
    const high = height(to - from);
    const bottom = lowest - high;
    const node = {
      start: slotOf(stage.level, from, stage.range).start,
      end: slotOf(stage.level, to - 1, stage.range).end,
    };
    cells.push({ node, from, to, top, bottom });
    if (high > 0) {
      const middle = from + 2 ** (high - 1);
      add(from, middle, bottom + 1);
      add(middle, to, bottom + 1);
    }
  };
  add(0, stage.slots, 0);
  return cells;
}

/** The cell at a slot and a row. */
export function cellAt(cells: readonly Cell[], slot: number, row: number): Cell | undefined {
  return cells.find(({ from, to, top, bottom }) => from <= slot && slot < to && top <= row && row <= bottom);
}

/** The cell of a node, if the stage has it. */
export function cellOf(cells: readonly Cell[], node: Subtree): Cell | undefined {
  return cells.find((cell) => sameNode(cell.node, node));
}

/** The height of the tree over so many slots. */
function height(slots: number): number {
  return slots <= 1 ? 0 : Math.ceil(Math.log2(slots));
}
