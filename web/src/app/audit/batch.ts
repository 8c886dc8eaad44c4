/** A part of an audit, as a worker does it: some tiles of the lowest level, each held against the entries that its hashes are of. */

import { concat, equal } from "../../verify/bytes.ts";
import { VerifyError } from "../../verify/checks.ts";
import { hashLeaf } from "../../verify/hash.ts";
import { TILE_WIDTH, type TileId, tileOf, tilePath, tileRoot } from "../../verify/tile.ts";
import { type Read, readBundle, readTile } from "../tile-reader.ts";

/** What of the log is read: the hashes of its tree, or its entries, too. */
export type Depth = "entries" | "hashes";

/** Which tiles of the lowest level. */
export interface Batch {
  readonly first: bigint;
  readonly count: number;
  /** The size of the tree. */
  readonly size: bigint;
  readonly depth: Depth;
}

/** What came of it. */
export interface BatchDone {
  /** Of each whole tile the hash over it, 32 bytes each. */
  readonly roots: Uint8Array;
  /** The hashes of the tile at the right edge, if it is among them and not whole. */
  readonly edge: Uint8Array;
  readonly entries: number;
  readonly bytes: number;
  /** What is wrong, in the order of the log. */
  readonly problems: readonly string[];
}

/** Tiles that one worker fetches at once, so that it need not wait for each. */
const AT_ONCE = 4;

interface TileDone {
  readonly row: readonly Uint8Array[];
  readonly bytes: number;
  readonly problem: string | undefined;
}

export async function auditBatch(read: Read, { first, count, size, depth }: Batch): Promise<BatchDone> {
  const ids = Array.from({ length: count }, (_, at) => tileOf(0, first + BigInt(at), size));
  const there = ids.filter((id) => id !== undefined);
  const done: TileDone[] = [];
  for (let at = 0; at < there.length; at += AT_ONCE) {
    done.push(...(await Promise.all(there.slice(at, at + AT_ONCE).map((id) => auditTile(read, id, depth)))));
  }
  const edge = done.find(({ row }) => row.length < TILE_WIDTH);
  return {
    roots: concat(...done.filter((one) => one !== edge).map(({ row }) => tileRoot(row))),
    edge: concat(...(edge?.row ?? [])),
    entries: done.reduce((sum, { row }) => sum + row.length, 0),
    bytes: done.reduce((sum, { bytes }) => sum + bytes, 0),
    problems: done.flatMap(({ problem }) => (problem === undefined ? [] : [problem])),
  };
}

async function auditTile(read: Read, id: TileId, depth: Depth): Promise<TileDone> {
  const [{ row, bytes }, entries] = await Promise.all([
    readTile(read, id),
    depth === "entries" ? compared(read, id) : undefined,
  ]);
  return { row, bytes: bytes + (entries?.bytes ?? 0), problem: entries?.problem(row) };
}

/** The bundle beside a tile, and what is wrong of it beside the tile's hashes. */
async function compared(read: Read, tile: TileId) {
  const id: TileId = { ...tile, level: "entries" };
  try {
    const { entries, bytes } = await readBundle(read, id);
    // At once, so that the entries are not kept while the tile is waited for.
    const leaves = entries.map(hashLeaf);
    const problem = (row: readonly Uint8Array[]): string | undefined => {
      const wrong = leaves.findIndex((leaf, at) => !equal(leaf, row[at] ?? new Uint8Array()));
      const index = id.index * BigInt(TILE_WIDTH) + BigInt(wrong);
      return wrong < 0 ? undefined : `entry ${index} is not the one whose hash ${tilePath(tile)} holds`;
    };
    return { bytes, problem };
  } catch (error) {
    if (error instanceof VerifyError) {
      return { bytes: 0, problem: () => `${tilePath(id)}: ${error.message}` };
    }
    throw error;
  }
}
