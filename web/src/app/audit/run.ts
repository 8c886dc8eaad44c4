/**
 * An audit: every entry of a log is hashed, and the tree over all of them built anew, up to the root. What the log shows of its tree on the way
 * must be the same, and the root that of its checkpoint.
 */

import { equal } from "../../verify/bytes.ts";
import { type Check, Checks } from "../../verify/checks.ts";
import { emptyRoot, HASH_SIZE, showHash } from "../../verify/hash.ts";
import { wholeTree } from "../../verify/proof.ts";
import { rangeHash, TILE_WIDTH, type TileId, tileOf, tilePath, tileRoot } from "../../verify/tile.ts";
import { type Read, readTile } from "../tile-reader.ts";
import { counted, plural } from "../words.ts";
import type { Batch, BatchDone, Depth } from "./batch.ts";

/** A larger log is not audited in a page, which keeps a hash for every 256 entries: 32 MB of them. The command line does. */
export const MOST_ENTRIES = 1n << 28n;

/** Tiles of one batch: 4,096 entries. */
const BATCH = 16;

/** More is not listed of what is wrong. */
const LISTED = 20;

export interface Progress {
  readonly entries: number;
  readonly bytes: number;
  readonly problems: readonly string[];
}

export interface Audit {
  readonly size: bigint;
  readonly root: Uint8Array;
  readonly depth: Depth;
  /** Does a batch, in some worker. */
  readonly work: (batch: Batch) => Promise<BatchDone>;
  /** Works on all, some at once. */
  readonly each: <T>(all: Iterable<T>, work: (one: T) => Promise<void>) => Promise<void>;
  /** For the tiles above the lowest. */
  readonly read: Read;
  readonly progress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

/** Audits; throws what kept it from coming to an end. */
export async function audit({
  size,
  root,
  depth,
  work,
  each,
  read,
  progress,
  signal,
}: Audit): Promise<readonly Check[]> {
  if (size > MOST_ENTRIES) {
    throw new Error(`a page audits up to ${counted(MOST_ENTRIES)} entries; the command line's audit does any`);
  }
  const tiles = Number((size + BigInt(TILE_WIDTH) - 1n) / BigInt(TILE_WIDTH));
  const above: Uint8Array[] = new Array<Uint8Array>(Math.floor(Number(size) / TILE_WIDTH));
  let edge: readonly Uint8Array[] = [];
  let [entries, bytes] = [0, 0];
  const problems: string[] = [];
  await each(batches(tiles), async (first) => {
    checkWanted(signal);
    const done = await work({ first: BigInt(first), count: BATCH, size, depth });
    checkWanted(signal);
    hashesIn(done.roots).forEach((hash, at) => {
      above[first + at] = hash;
    });
    edge = done.edge.length > 0 ? hashesIn(done.edge) : edge;
    entries += done.entries;
    bytes += done.bytes;
    problems.push(...done.problems.slice(0, LISTED - problems.length));
    progress({ entries, bytes, problems });
  });
  const tree = new Built(edge, above);
  const checks = new Checks();
  if (depth === "entries") {
    const reason =
      problems.length === 0
        ? `each of ${plural(size, "entry", "entries")} has the hash that the tree holds`
        : problems.join("; ");
    checks.add("entries", problems.length === 0 ? "passed" : "failed", reason);
  } else {
    checks.add("entries", "not-checked", "only the hashes of the tree were asked for");
  }
  const shown = await wrongTiles(tree, size, read, signal);
  checks.add(
    "tiles",
    shown.length === 0 ? "passed" : "failed",
    shown.length === 0 ? "every tile is what the tiles below it come to" : shown.join("; "),
  );
  const computed = size === 0n ? emptyRoot : rangeHash(wholeTree(size), size, (id) => tree.row(id));
  const isRoot = equal(computed, root);
  const reason = `${depth === "entries" && problems.length === 0 ? "the entries" : "the hashes"} come to ${showHash(computed)}${isRoot ? ", which the checkpoint signs" : `; the checkpoint has ${showHash(root)}`}`;
  checks.add("root", isRoot ? "passed" : "failed", reason);
  return checks.list;
}

function checkWanted(signal: AbortSignal): void {
  if (signal.aborted) {
    throw new Error("the audit was stopped");
  }
}

/** The first tile of each batch. */
function* batches(tiles: number): Iterable<number> {
  for (let first = 0; first < tiles; first += BATCH) {
    yield first;
  }
}

function hashesIn(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: bytes.length / HASH_SIZE }, (_, at) =>
    bytes.subarray(at * HASH_SIZE, (at + 1) * HASH_SIZE),
  );
}

/** The levels of tiles, as they follow from the lowest. */
class Built {
  readonly #edge: readonly Uint8Array[];
  readonly #levels: (readonly Uint8Array[])[];

  /** The hashes of the lowest tile that is not whole, and those over the whole ones. */
  constructor(edge: readonly Uint8Array[], above: readonly Uint8Array[]) {
    this.#edge = edge;
    this.#levels = [];
    for (let level = above; level.length > 0; ) {
      this.#levels.push(level);
      const below = level;
      level = Array.from({ length: Math.floor(below.length / TILE_WIDTH) }, (_, at) =>
        tileRoot(below.slice(at * TILE_WIDTH, (at + 1) * TILE_WIDTH)),
      );
    }
  }

  /** The levels above the lowest. */
  get levels(): readonly (readonly Uint8Array[])[] {
    return this.#levels;
  }

  row({ level, index, width }: TileId): readonly Uint8Array[] {
    if (level === 0) {
      return this.#edge;
    }
    const from = Number(index) * TILE_WIDTH;
    return (level === "entries" ? [] : (this.#levels[level - 1] ?? [])).slice(from, from + width);
  }
}

/** The tiles above the lowest that are not what they must be. */
async function wrongTiles(tree: Built, size: bigint, read: Read, signal: AbortSignal): Promise<string[]> {
  const wrong: string[] = [];
  for (const [at, hashes] of tree.levels.entries()) {
    for (let index = 0; index * TILE_WIDTH < hashes.length && wrong.length < LISTED; index++) {
      checkWanted(signal);
      const id = tileOf(at + 1, BigInt(index), size);
      if (id !== undefined) {
        const { row } = await readTile(read, id);
        const expected = tree.row(id);
        const isSame = row.every((hash, slot) => equal(hash, expected[slot] ?? new Uint8Array()));
        wrong.push(...(isSame ? [] : [`${tilePath(id)} is not what the tiles below it come to`]));
      }
    }
  }
  return wrong;
}
