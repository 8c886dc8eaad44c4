/**
 * Tiles and entry bundles of a tiled log (C2SP tlog-tiles): their paths, their bytes, which of them a tree has, and the hashes of ranges.
 *
 * A tile is up to 256 consecutive hashes of one level, 32 bytes each; a bundle is up to 256 consecutive entries, each after its size as
 * two bytes, the more significant first.
 */

import { VerifyError } from "./checks.ts";
import { emptyRoot, HASH_SIZE, hashLeaf, hashNode } from "./hash.ts";
import type { Subtree } from "./proof.ts";

// SPEC(tlog-tiles): "Full tiles MUST be exactly 256 hashes wide, or 8,192 bytes."
export const TILE_WIDTH = 256;
const TILE_HEIGHT = 8n;

/** The largest level that the specification allows. */
const MAX_LEVEL = 63;

/** The levels of a tree of less than 2^64 entries. */
const LEVELS = 8;

/** The largest entry: its size is two bytes. */
export const MAX_ENTRY_SIZE = 65_535;

/** Which tile or bundle. */
export interface TileId {
  /** 0 to 63, or that it is of entries. */
  readonly level: number | "entries";
  readonly index: bigint;
  /** 1 to 256; less than 256 for a partial one. */
  readonly width: number;
}

/** The path of a tile or bundle. */
export function tilePath({ level, index, width }: TileId): string {
  // SPEC(tlog-tiles): "`<N>` is the index of the tile within the level. It MUST be a non-negative integer encoded into zero-padded 3-digit path
  // elements. All but the last path element MUST begin with an `x`."
  const digits = index.toString();
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, "0");
  const elements = padded.match(/.../g) ?? [];
  const path = elements.map((element, at) => (at < elements.length - 1 ? `x${element}` : element)).join("/");
  return `tile/${level}/${path}${width < TILE_WIDTH ? `.p/${width}` : ""}`;
}

/** Reads the path of a tile or bundle. */
export function parseTilePath(path: string): TileId {
  const match = /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/.exec(path);
  const [, levelText = "", indexText = "", widthText] = match ?? [];
  const level = levelText === "entries" ? levelText : Number(levelText);
  const width = widthText === undefined ? TILE_WIDTH : Number(widthText);
  const index = BigInt(indexText.replace(/[x/]/g, "") || "0");
  const isPartial = widthText !== undefined;
  const fits = (level === "entries" || level <= MAX_LEVEL) && index < 1n << 64n && !(isPartial && width >= TILE_WIDTH);
  // Padding to three digits never gives an element of zeros in front of others.
  if (match === null || !fits || indexText.startsWith("x000")) {
    throw new VerifyError(
      "expected tile/<level 0 to 63>/<index> or tile/entries/<index>, the index in three-digit path elements, all but the last beginning with x, and .p/<1 to 255> behind a partial one",
    );
  }
  return { level, index, width };
}

/** Reads a tile of 1 to 256 hashes. */
export function parseTile(bytes: Uint8Array): Uint8Array[] {
  const width = bytes.length / HASH_SIZE;
  // SPEC(tlog-tiles): "Empty tiles MUST NOT be served."
  if (!Number.isInteger(width) || width < 1 || width > TILE_WIDTH) {
    throw new VerifyError(`a tile is 1 to 256 times 32 bytes, found ${bytes.length} bytes`);
  }
  return Array.from({ length: width }, (_, at) => bytes.subarray(at * HASH_SIZE, (at + 1) * HASH_SIZE));
}

/** Reads a bundle of so many entries. */
export function parseBundle(bytes: Uint8Array, width: number): Uint8Array[] {
  if (width < 1 || width > TILE_WIDTH) {
    throw new VerifyError(`a bundle has 1 to 256 entries, not ${width}`);
  }
  const entries: Uint8Array[] = [];
  let at = 0;
  // SPEC(tlog-tiles): "Entry bundles are sequences of big-endian uint16 length-prefixed log entries."
  while (entries.length < width) {
    const size = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    if (at + 2 + size > bytes.length) {
      throw new VerifyError(`expected ${width} entries, found ${entries.length} and ${bytes.length - at} more bytes`);
    }
    entries.push(bytes.subarray(at + 2, at + 2 + size));
    at += 2 + size;
  }
  if (at !== bytes.length) {
    throw new VerifyError(`expected ${width} entries, found ${bytes.length - at} more bytes after them`);
  }
  return entries;
}

/** The leaf hashes of the entries of a bundle. */
export function hashBundle(bytes: Uint8Array, width: number): Uint8Array[] {
  return parseBundle(bytes, width).map(hashLeaf);
}

/** How many hashes a tree has on a level of tiles. */
function hashesOn(level: number, size: bigint): bigint {
  return size >> (BigInt(level) * TILE_HEIGHT);
}

/** The tile or bundle at a place in a tree of this size, as wide as the tree makes it; undefined if the tree has none there. */
export function tileOf(level: number | "entries", index: bigint, size: bigint): TileId | undefined {
  const left = hashesOn(level === "entries" ? 0 : level, size) - index * BigInt(TILE_WIDTH);
  if (left <= 0n) {
    return undefined;
  }
  return { level, index, width: left < BigInt(TILE_WIDTH) ? Number(left) : TILE_WIDTH };
}

/** The partial tiles of a tree: its right edge. */
export function partialTiles(size: bigint): TileId[] {
  const edge: TileId[] = [];
  for (let level = 0; level < LEVELS; level++) {
    const tile = tileOf(level, hashesOn(level, size) >> TILE_HEIGHT, size);
    if (tile !== undefined) {
      edge.push(tile);
    }
  }
  return edge;
}

/** A node over a power of two of entries, and where it is computed from. */
interface FullNode {
  readonly tile: TileId;
  readonly first: number;
  readonly count: number;
}

/** The full nodes that a range of a tree is made of, from left to right. */
function fullNodes(range: Subtree, size: bigint): FullNode[] {
  const nodes: FullNode[] = [];
  let start = range.start;
  while (start < range.end) {
    let height = 0;
    // As high as the place allows and the range reaches.
    while (1n << BigInt(height + 1) <= range.end - start && (start & ((1n << BigInt(height + 1)) - 1n)) === 0n) {
      height++;
    }
    const level = Math.floor(height / 8);
    const place = start >> (BigInt(level) * TILE_HEIGHT);
    const tile = tileOf(level, place / BigInt(TILE_WIDTH), size);
    if (tile === undefined || range.end > size) {
      throw new VerifyError(`the subtree [${range.start}, ${range.end}) is not within a tree of size ${size}`);
    }
    nodes.push({ tile, first: Number(place % BigInt(TILE_WIDTH)), count: 1 << (height % 8) });
    start += 1n << BigInt(height);
  }
  return nodes;
}

/** The tiles that the hashes of these ranges are computed from, each once. */
export function tilesFor(ranges: readonly Subtree[], size: bigint): TileId[] {
  const tiles = new Map<string, TileId>();
  for (const { tile } of ranges.flatMap((range) => fullNodes(range, size))) {
    tiles.set(tilePath(tile), tile);
  }
  return [...tiles.values()];
}

/** The hash of a range of a tree, from its tiles: `read` gives the hashes of a tile, at least as many as it is wide. */
export function rangeHash(range: Subtree, size: bigint, read: (tile: TileId) => readonly Uint8Array[]): Uint8Array {
  const hashes = fullNodes(range, size).map(({ tile, first, count }) => {
    const row = read(tile);
    if (row.length < tile.width) {
      throw new VerifyError(`${tilePath(tile)} has only ${row.length} hashes`);
    }
    return nodeOver(row.slice(first, first + count));
  });
  const last = hashes.pop();
  return last === undefined ? emptyRoot : hashes.reduceRight((right, left) => hashNode(left, right), last);
}

/** The node over a power of two of hashes. */
function nodeOver(row: readonly Uint8Array[]): Uint8Array {
  const [only] = row;
  if (only !== undefined && row.length === 1) {
    return only;
  }
  const half = row.length / 2;
  return hashNode(nodeOver(row.slice(0, half)), nodeOver(row.slice(half)));
}

/** The hash over all of a full tile, which is its entry one level up. */
export function tileRoot(row: readonly Uint8Array[]): Uint8Array {
  if (row.length !== TILE_WIDTH) {
    throw new VerifyError(`a full tile has ${TILE_WIDTH} hashes, found ${row.length}`);
  }
  return nodeOver(row);
}
