/**
 * The tiles and entries of a log at one size, fetched as they are needed. Nothing is given out that does not follow from the root hash: the
 * tiles on the right edge must come to it, and every other tile to its hash in the tile above.
 */

import { equal } from "../../verify/bytes.ts";
import { VerifyError } from "../../verify/checks.ts";
import { emptyRoot, hashLeaf, showHash } from "../../verify/hash.ts";
import {
  consistencyRanges,
  inclusionRanges,
  type Subtree,
  verifyConsistency,
  verifyInclusion,
  wholeTree,
} from "../../verify/proof.ts";
import { rangeHash, TILE_WIDTH, type TileId, tileOf, tilePath, tileRoot, tilesFor } from "../../verify/tile.ts";
import { type Read, readBundle, readTile } from "../tile-reader.ts";

/** Tiles that are kept: 2 MB of hashes. */
const KEPT_TILES = 256;

/** Bundles that are kept. They can be large. */
const KEPT_BUNDLES = 4;

/** A hash of a proof, and the node that it is of. */
export interface ProofHash {
  readonly node: Subtree;
  readonly hash: Uint8Array;
}

export class Tiles {
  readonly size: bigint;
  readonly root: Uint8Array;
  readonly #read: Read;
  readonly #tiles = new Kept<readonly Uint8Array[]>(KEPT_TILES);
  readonly #bundles = new Kept<readonly Uint8Array[]>(KEPT_BUNDLES);
  #edge: Promise<ReadonlyMap<string, readonly Uint8Array[]>> | undefined;

  constructor(read: Read, size: bigint, root: Uint8Array) {
    this.#read = read;
    this.size = size;
    this.root = root;
  }

  /** The hashes of a tile of this size. */
  async tile(id: TileId): Promise<readonly Uint8Array[]> {
    const edge = await this.edge();
    return edge.get(tilePath(id)) ?? this.#tiles.get(tilePath(id), () => this.#below(id));
  }

  /** The tiles that the root hash is computed from. */
  edge(): Promise<ReadonlyMap<string, readonly Uint8Array[]>> {
    this.#edge ??= this.#verifiedEdge().catch((error: unknown) => {
      this.#edge = undefined;
      throw error;
    });
    return this.#edge;
  }

  /** The hash of a node. */
  async hash(node: Subtree): Promise<Uint8Array> {
    const [hash] = await this.#hashes([node]);
    return hash?.hash ?? emptyRoot;
  }

  /** An entry, with its leaf hash. */
  async entry(index: bigint): Promise<{ readonly entry: Uint8Array; readonly leaf: Uint8Array }> {
    const slot = Number(index % BigInt(TILE_WIDTH));
    const [entries, leaf] = await Promise.all([this.entries(index / BigInt(TILE_WIDTH)), this.leaf(index)]);
    const entry = entries[slot];
    if (entry === undefined || !equal(hashLeaf(entry), leaf)) {
      throw new VerifyError(`the log shows other bytes as entry ${index} than its tree holds`);
    }
    return { entry, leaf };
  }

  /** The leaf hash of an entry. */
  async leaf(index: bigint): Promise<Uint8Array> {
    return this.hash({ start: index, end: index + 1n });
  }

  /** The inclusion proof of an entry, verified. */
  async inclusion(index: bigint): Promise<ProofHash[]> {
    const [leaf, proof] = await Promise.all([this.leaf(index), this.#hashes(inclusionRanges(index, this.size))]);
    verifyInclusion(index, this.size, leaf, proof.map(hashOf), this.root);
    return proof;
  }

  /** The consistency proof from an older tree, verified. */
  async consistency(oldSize: bigint, oldRoot: Uint8Array): Promise<ProofHash[]> {
    const proof = await this.#hashes(consistencyRanges(oldSize, this.size));
    verifyConsistency(oldSize, this.size, oldRoot, this.root, proof.map(hashOf));
    return proof;
  }

  /** The entries of a bundle, as the log shows them: each is still to be compared with its leaf hash. */
  entries(bundle: bigint): Promise<readonly Uint8Array[]> {
    const id = tileOf("entries", bundle, this.size);
    if (id === undefined) {
      throw new VerifyError(`a tree of size ${this.size} has no bundle ${bundle}`);
    }
    return this.#bundles.get(tilePath(id), async () => (await readBundle(this.#read, id)).entries);
  }

  async #hashes(nodes: readonly Subtree[]): Promise<ProofHash[]> {
    const ids = tilesFor(nodes, this.size);
    const rows = new Map(await Promise.all(ids.map(async (id) => [tilePath(id), await this.tile(id)] as const)));
    return nodes.map((node) => ({ node, hash: rangeHash(node, this.size, (id) => rows.get(tilePath(id)) ?? []) }));
  }

  async #verifiedEdge(): Promise<ReadonlyMap<string, readonly Uint8Array[]>> {
    const whole = wholeTree(this.size);
    const ids = tilesFor([whole], this.size);
    const edge = new Map(
      await Promise.all(ids.map(async (id) => [tilePath(id), (await readTile(this.#read, id)).row] as const)),
    );
    const root = rangeHash(whole, this.size, (id) => edge.get(tilePath(id)) ?? []);
    if (!equal(root, this.root)) {
      throw new VerifyError(
        `the log's tiles come to the root ${showHash(root)}, its checkpoint has ${showHash(this.root)}`,
      );
    }
    return edge;
  }

  /** A whole tile, compared with its hash one level up. */
  async #below(id: TileId): Promise<readonly Uint8Array[]> {
    const above = id.level === "entries" ? undefined : tileOf(id.level + 1, id.index / BigInt(TILE_WIDTH), this.size);
    if (above === undefined) {
      throw new VerifyError(`a tree of size ${this.size} has no ${tilePath(id)}`);
    }
    const [{ row }, over] = await Promise.all([readTile(this.#read, id), this.tile(above)]);
    const expected = over[Number(id.index % BigInt(TILE_WIDTH))];
    if (expected === undefined || !equal(tileRoot(row), expected)) {
      throw new VerifyError(`${tilePath(id)} is not what the tile above it says`);
    }
    return row;
  }
}

function hashOf({ hash }: ProofHash): Uint8Array {
  return hash;
}

/** What was fetched last, up to so many; what fails is fetched again. */
class Kept<T> {
  readonly #most: number;
  readonly #kept = new Map<string, Promise<T>>();

  constructor(most: number) {
    this.#most = most;
  }

  get(name: string, make: () => Promise<T>): Promise<T> {
    const known = this.#kept.get(name);
    const value = known ?? make();
    // Behind all others, as the one that was needed last.
    this.#kept.delete(name);
    this.#kept.set(name, value);
    if (known === undefined) {
      value.catch(() => this.#kept.delete(name));
    }
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#most) {
        break;
      }
      this.#kept.delete(oldest);
    }
    return value;
  }
}
