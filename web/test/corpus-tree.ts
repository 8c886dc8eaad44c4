/** The corpus's cases of tiles and proofs (evidence/examples/corpus/tiles.rs and proofs.rs), and what this implementation says of them. */

import { toUtf8 } from "../src/verify/bytes.ts";
import { VerifyError } from "../src/verify/checks.ts";
import { verifySubtreeCosignature } from "../src/verify/cosignature.ts";
import { hashLeaf, readHash, showHash } from "../src/verify/hash.ts";
import { Vkey } from "../src/verify/key.ts";
import {
  consistencyRanges,
  inclusionRanges,
  type Subtree,
  verifyConsistency,
  verifyInclusion,
  verifySubtreeConsistency,
  verifySubtreeInclusion,
  wholeTree,
} from "../src/verify/proof.ts";
import {
  hashBundle,
  parseTile,
  parseTilePath,
  partialTiles,
  rangeHash,
  TILE_WIDTH,
  type TileId,
  tilePath,
  tileRoot,
  tilesFor,
} from "../src/verify/tile.ts";
import { bytesOf } from "./files.ts";

type Said = Record<string, unknown>;

/** What comes of reading, or the error, in words where both sides have the same. */
function saying(read: () => Said): Said {
  try {
    return { error: null, ...read() };
  } catch (error) {
    if (error instanceof VerifyError) {
      return { error: error.message };
    }
    throw error;
  }
}

function hashOf(text: string): Uint8Array {
  const hash = readHash(text);
  if (hash === undefined) {
    throw new Error(`the corpus has ${text} as a hash`);
  }
  return hash;
}

export function readPath(text: string): Said {
  const { error, ...read } = saying(() => {
    const id = parseTilePath(text);
    // A path is one spelling of what it names.
    return tilePath(id) === text ? { id: [id.level, id.index.toString(), id.width] } : { id: tilePath(id) };
  });
  return { error: error === null ? null : true, ...read };
}

export function readTile(bytes: Uint8Array): Said {
  return saying(() => {
    const row = parseTile(bytes);
    return { hashes: row.map(showHash), root: row.length === TILE_WIDTH ? showHash(tileRoot(row)) : null };
  });
}

export function readBundle(bytes: Uint8Array, width: number): Said {
  return saying(() => ({ leaves: hashBundle(bytes, width).map(showHash) }));
}

/** A proof as the corpus has it. */
export interface ProofOfCase {
  readonly of: "inclusion" | "consistency" | "subtree inclusion" | "subtree consistency";
  readonly index: string;
  readonly start: string;
  readonly end: string;
  readonly size: string;
  readonly known: string;
  readonly root: string;
  readonly hashes: readonly string[];
}

export function judgeProof(proof: ProofOfCase): Said {
  const [index, size] = [BigInt(proof.index), BigInt(proof.size)];
  const subtree: Subtree = { start: BigInt(proof.start), end: BigInt(proof.end) };
  const [known, root, hashes] = [hashOf(proof.known), hashOf(proof.root), proof.hashes.map(hashOf)];
  return saying(() => {
    switch (proof.of) {
      case "inclusion":
        verifyInclusion(index, size, known, hashes, root);
        break;
      case "consistency":
        verifyConsistency(subtree.end, size, known, root, hashes);
        break;
      case "subtree inclusion":
        verifySubtreeInclusion(index, subtree, known, hashes, root);
        break;
      case "subtree consistency":
        verifySubtreeConsistency(subtree, size, known, root, hashes);
        break;
    }
    return {};
  });
}

/** What is to be computed from tiles. */
export interface PlanOfCase {
  readonly size: string;
  readonly root?: true;
  readonly index?: string;
  readonly old?: string;
  readonly changed: readonly [path: string, damage: "missing" | "narrow" | "flipped"] | null;
}

export function computePlan({ size: text, index, old, changed }: PlanOfCase): Said {
  const size = BigInt(text);
  const read = (tile: TileId) => {
    const row = tree().row(tile);
    return changed?.[0] === tilePath(tile) ? damaged(row, tile, changed[1]) : row;
  };
  return saying(() => {
    const ranges =
      index !== undefined
        ? inclusionRanges(BigInt(index), size)
        : old !== undefined
          ? consistencyRanges(BigInt(old), size)
          : [wholeTree(size)];
    const hashes = ranges.map((range) => showHash(rangeHash(range, size, read)));
    const tiles = index === undefined && old === undefined ? partialTiles(size) : tilesFor(ranges, size);
    return { hashes, tiles: tiles.sort(byPlace).map(tilePath) };
  });
}

function byPlace(a: TileId, b: TileId): number {
  return Number(a.level) - Number(b.level) || Number(a.index - b.index);
}

function damaged(row: readonly Uint8Array[], tile: TileId, damage: "missing" | "narrow" | "flipped"): Uint8Array[] {
  const [last] = row.slice(-1);
  const others = row.slice(0, -1);
  if (damage === "missing" || last === undefined || (damage === "narrow" && others.length === 0)) {
    throw new VerifyError(`no ${tilePath(tile)}`);
  }
  return damage === "narrow" ? others : [...others, last.map((byte, at) => (at === 31 ? byte ^ 1 : byte))];
}

/** The tree of the corpus: 66,000 entries, of which entry i is the decimal digits of i. */
class Tree {
  readonly #levels: Uint8Array[][] = [];

  constructor() {
    let row = Array.from({ length: 66_000 }, (_, at) => hashLeaf(toUtf8(String(at))));
    for (this.#levels.push(row); row.length >= TILE_WIDTH; this.#levels.push(row)) {
      const below = row;
      row = Array.from({ length: Math.floor(below.length / TILE_WIDTH) }, (_, at) =>
        tileRoot(below.slice(at * TILE_WIDTH, (at + 1) * TILE_WIDTH)),
      );
    }
  }

  row({ level, index, width }: TileId): Uint8Array[] {
    const first = Number(index) * TILE_WIDTH;
    return (this.#levels[Number(level)] ?? []).slice(first, first + width);
  }
}

let made: Tree | undefined;

function tree(): Tree {
  made ??= new Tree();
  return made;
}

/** A subtree as the corpus has it, and what a cosigner says of it. */
export interface CosignedOfCase {
  readonly vkey: string;
  readonly origin: string;
  readonly start: string;
  readonly end: string;
  readonly hash: string;
  readonly signature: string;
}

export function judgeCosigned({ vkey, origin, start, end, hash, signature }: CosignedOfCase): Said {
  const subtree: Subtree = { start: BigInt(start), end: BigInt(end) };
  const signed = bytesOf(signature);
  const time = verifySubtreeCosignature(Vkey.parse(vkey), origin, subtree, hashOf(hash), signed);
  return time === undefined ? { error: true } : { error: null, time: time.toString() };
}
