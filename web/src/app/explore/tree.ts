/**
 * Nodes of a log's tree (RFC 9162, section 2.1.1) and the ways between them. A node is the range of the entries under it, as in proofs.
 */

import { type Subtree, wholeTree } from "../../verify/proof.ts";

/** How many entries are under a node. */
export function sizeOfNode({ start, end }: Subtree): bigint {
  return end - start;
}

/** The steps from a node to its lowest entry: 0 for an entry. */
export function heightOf(node: Subtree): number {
  const size = sizeOfNode(node);
  return size <= 1n ? 0 : (size - 1n).toString(2).length;
}

export function sameNode(a: Subtree, b: Subtree): boolean {
  return a.start === b.start && a.end === b.end;
}

/** The two nodes under one that is no entry. */
export function childrenOf({ start, end }: Subtree): readonly [Subtree, Subtree] {
  // RFC 9162, section 2.1.1: "let k be the largest power of two smaller than n"
  const middle = start + (1n << BigInt(heightOf({ start, end }) - 1));
  return [
    { start, end: middle },
    { start: middle, end },
  ];
}

/** The nodes from the root down to an entry; of an empty tree none. */
export function pathTo(index: bigint, size: bigint): Subtree[] {
  if (index < 0n || index >= size) {
    return [];
  }
  let node = wholeTree(size);
  const path = [node];
  while (sizeOfNode(node) > 1n) {
    const [left, right] = childrenOf(node);
    node = index < left.end ? left : right;
    path.push(node);
  }
  return path;
}

/** A node, as the one so many steps below the root on the way to an entry. */
export interface Place {
  readonly index: bigint;
  readonly depth: number;
}

/** The node at a place; a depth below the entry is the entry's. */
export function nodeAt({ index, depth }: Place, size: bigint): Subtree {
  const path = pathTo(index, size);
  return path[Math.min(Math.max(depth, 0), path.length - 1)] ?? wholeTree(size);
}

/** The place of an entry. */
export function entryAt(index: bigint, size: bigint): Place {
  return { index, depth: Math.max(0, pathTo(index, size).length - 1) };
}

/** The place of a node, on the way to an entry under it. */
export function placeOf(node: Subtree, size: bigint, index = node.start): Place {
  const depth = pathTo(index, size).findIndex((one) => sameNode(one, node));
  return { index, depth: Math.max(0, depth) };
}

/** Where a place of a tree is once the tree has another size: at the same entry, or the same node where it has that; else as far from the root. */
export function carried(place: Place, before: bigint, size: bigint): Place {
  if (before === size) {
    return place;
  }
  if (place.index >= size) {
    return { index: 0n, depth: 0 };
  }
  const node = nodeAt(place, before);
  // The root is the way to all of it, however large that is.
  if (place.depth === 0) {
    return place;
  }
  const depth = pathTo(place.index, size).findIndex((one) => sameNode(one, node));
  return depth < 0 ? place : { index: place.index, depth };
}

/** Ways through the tree. */
export type Way = "up" | "down" | "left" | "right" | "root" | "entry" | "first" | "last";

/** Where a way leads from a place; undefined where it leads nowhere. */
export function step(place: Place, way: Way, size: bigint): Place | undefined {
  const { index, depth } = place;
  const lowest = pathTo(index, size).length - 1;
  switch (way) {
    case "root":
      return depth === 0 ? undefined : { index, depth: 0 };
    case "up":
      return depth === 0 ? undefined : { index, depth: depth - 1 };
    case "down":
      return depth >= lowest ? undefined : { index, depth: depth + 1 };
    case "entry":
      return depth >= lowest ? undefined : { index, depth: lowest };
    case "left":
    case "right":
      return beside(place, way, size);
    case "first":
    case "last": {
      const end = way === "first" ? 0n : size - 1n;
      return index === end || size === 0n ? undefined : atHeight(end, heightOf(nodeAt(place, size)), size, way);
    }
  }
}

/** The next node to one side, of the same height, or where the tree has none of that height there, of the height that it has. */
function beside(place: Place, way: "left" | "right", size: bigint): Place | undefined {
  const node = nodeAt(place, size);
  const index = way === "left" ? node.start - 1n : node.end;
  return index < 0n || index >= size ? undefined : atHeight(index, heightOf(node), size, way);
}

/** The highest node over an entry that is no higher than this; the way to it is that to its first entry, or to the last of the tree. */
function atHeight(index: bigint, height: number, size: bigint, way: Way): Place | undefined {
  const node = pathTo(index, size).find((one) => heightOf(one) <= height);
  return node && placeOf(node, size, way === "last" ? index : node.start);
}
