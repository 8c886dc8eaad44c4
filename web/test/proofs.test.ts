import { describe, expect, test } from "vitest";
import { toBase64, toUtf8 } from "../src/verify/bytes.ts";
import { emptyRoot, hashLeaf, readHash, showHash } from "../src/verify/hash.ts";
import {
  consistencyRanges,
  inclusionRanges,
  isSubtree,
  type Subtree,
  verifyConsistency,
  verifyInclusion,
  verifySubtreeConsistency,
  verifySubtreeInclusion,
  wholeTree,
} from "../src/verify/proof.ts";
import { rangeHash, TILE_WIDTH, type TileId, tileRoot, tilesFor } from "../src/verify/tile.ts";
import { accepts, vectorRows } from "./files.ts";
import { vectors } from "./vectors.ts";

type Int = number | string;

/** Whether a proof is accepted; what is no hash is in no proof. */
function holds(hashes: readonly string[], proof: readonly string[] | null, verify: (...of: Uint8Array[][]) => void) {
  const read = (texts: readonly string[]) => texts.map(readHash).filter((hash) => hash !== undefined);
  const [known, path] = [read(hashes), read(proof ?? [])];
  if (known.length !== hashes.length || path.length !== (proof ?? []).length) {
    return false;
  }
  return accepts(() => verify(known, path));
}

const none = new Uint8Array();

const inclusion = (index: Int, size: Int, leaf: string, proof: readonly string[] | null, root: string) =>
  holds([leaf, root], proof, ([l = none, r = none] = [], path = []) =>
    verifyInclusion(BigInt(index), BigInt(size), l, path, r),
  );

const consistency = (from: Int, to: Int, root1: string, root2: string, proof: readonly string[] | null) =>
  holds([root1, root2], proof, ([a = none, b = none] = [], path = []) =>
    verifyConsistency(BigInt(from), BigInt(to), a, b, path),
  );

const subtree = (start: Int, end: Int): Subtree => ({ start: BigInt(start), end: BigInt(end) });

const subtreeInclusion = (index: Int, of: Subtree, leaf: string, proof: readonly string[] | null, root: string) =>
  holds([leaf, root], proof, ([l = none, r = none] = [], path = []) =>
    verifySubtreeInclusion(BigInt(index), of, l, path, r),
  );

const subtreeConsistency = (of: Subtree, size: Int, node: string, root: string, proof: readonly string[] | null) =>
  holds([node, root], proof, ([n = none, r = none] = [], path = []) =>
    verifySubtreeConsistency(of, BigInt(size), n, r, path),
  );

/** The tiles of the tree of 66,000 entries, of which entry i is the decimal digits of i. */
function decimalTree(): (tile: TileId) => Uint8Array[] {
  const levels = [Array.from({ length: 66_000 }, (_, at) => hashLeaf(toUtf8(String(at))))];
  for (let row = levels[0] ?? []; row.length >= TILE_WIDTH; ) {
    const full = Math.floor(row.length / TILE_WIDTH);
    const below = row;
    row = Array.from({ length: full }, (_, at) => tileRoot(below.slice(at * TILE_WIDTH, (at + 1) * TILE_WIDTH)));
    levels.push(row);
  }
  return ({ level, index }) => {
    const first = Number(index) * TILE_WIDTH;
    return (levels[Number(level)] ?? []).slice(first, first + TILE_WIDTH);
  };
}

describe.skipIf(vectors === undefined)("proofs", () => {
  const tree = vectors === undefined ? () => [] : decimalTree();
  const made = (ranges: readonly Subtree[], size: bigint) =>
    ranges.map((range) => showHash(rangeHash(range, size, tree)));

  test("transparency-dev/merkle", () => {
    type Row = { file: string; test: Record<string, never> & { wantErr: boolean; proof: string[] | null } };
    let count = 0;
    const check = (path: string, verify: (row: Record<string, never>, proof: string[] | null) => boolean) => {
      for (const { file, test: row } of vectorRows<Row>(path)) {
        expect(verify(row, row.proof), file).toBe(!row.wantErr);
        count++;
      }
    };
    check("merkle/inclusion.jsonl", (row, proof) =>
      inclusion(row.leafIdx ?? 0, row.treeSize ?? 0, row.leafHash ?? "", proof, row.root ?? ""),
    );
    check("merkle/consistency.jsonl", (row, proof) =>
      consistency(row.size1 ?? 0, row.size2 ?? 0, row.root1 ?? "", row.root2 ?? "", proof),
    );
    check("merkle/subtreeinclusion.jsonl", (row, proof) =>
      subtreeInclusion(
        row.leafIdx ?? 0,
        subtree(row.start ?? 0, row.end ?? 0),
        row.leafHash ?? "",
        proof,
        row.root ?? "",
      ),
    );
    check("merkle/subtreeconsistency.jsonl", (row, proof) => {
      const of = subtree(row.start ?? 0, row.end ?? 0);
      // The library looks at no byte of the tree's root if the subtree is empty, so that a root of 12 bytes passes there.
      const isHash = readHash(row.root2 ?? "") !== undefined;
      const root = isHash || of.start !== of.end ? (row.root2 ?? "") : showHash(emptyRoot);
      return subtreeConsistency(of, row.size ?? 0, row.root1 ?? "", root, proof);
    });
    expect(count).toBeGreaterThanOrEqual(317);
  });

  test("roots", () => {
    const rows = vectorRows<{ size: number; root: string }>("generated/roots.jsonl");
    expect(rows.length).toBeGreaterThan(1000);
    for (const { size, root } of rows) {
      expect(showHash(rangeHash(wholeTree(BigInt(size)), BigInt(size), tree)), `size ${size}`).toBe(root);
    }
  });

  test("generated inclusion proofs", () => {
    type Row = {
      mutation: string;
      index: Int;
      size: Int;
      leaf_hash: string;
      root: string;
      proof: string[];
      merkle: string;
    };
    for (const { mutation, index, size, leaf_hash, root, proof, merkle } of vectorRows<Row>(
      "generated/inclusion.jsonl",
    )) {
      expect(inclusion(index, size, leaf_hash, proof, root), `${mutation} ${index} ${size}`).toBe(merkle === "accept");
      if (mutation === "none") {
        expect(made(inclusionRanges(BigInt(index), BigInt(size)), BigInt(size))).toEqual(proof);
      }
    }
  });

  test("generated consistency proofs", () => {
    type Row = {
      mutation: string;
      size1: Int;
      size2: Int;
      root1: string;
      root2: string;
      proof: string[];
      merkle: string;
    };
    const empty = toBase64(emptyRoot);
    for (const { mutation, size1, size2, root1, root2, proof, merkle } of vectorRows<Row>(
      "generated/consistency.jsonl",
    )) {
      // From size 0 the libraries differ from each other and from the texts, which ask for the empty proof and the empty root.
      const fromNothing = proof.length === 0 && root1 === empty && (BigInt(size2) > 0n || root2 === empty);
      const expected = BigInt(size1) === 0n ? fromNothing : merkle === "accept";
      expect(consistency(size1, size2, root1, root2, proof), `${mutation} ${size1} ${size2}`).toBe(expected);
      if (mutation === "none" && BigInt(size1) > 0n) {
        expect(made(consistencyRanges(BigInt(size1), BigInt(size2)), BigInt(size2))).toEqual(proof);
      }
    }
  });

  test("generated subtree proofs", () => {
    type Row = {
      kind: string;
      mutation: string;
      start: Int;
      end: Int;
      size?: Int;
      index?: Int;
      leaf_hash?: string;
      subtree_root?: string;
      root?: string;
      proof?: string[];
      verdict: string;
    };
    const rows = vectorRows<Row>("generated/subtree.jsonl");
    expect(rows.length).toBeGreaterThanOrEqual(3103);
    for (const row of rows) {
      const of = subtree(row.start, row.end);
      const name = `${row.kind} ${row.mutation} [${row.start}, ${row.end})`;
      if (row.proof === undefined) {
        expect([isSubtree(of), row.verdict], name).toEqual([false, "reject"]);
        continue;
      }
      const accepted =
        row.kind === "subtree-consistency"
          ? subtreeConsistency(of, row.size ?? 0, row.subtree_root ?? "", row.root ?? "", row.proof)
          : subtreeInclusion(row.index ?? 0, of, row.leaf_hash ?? "", row.proof, row.subtree_root ?? "");
      expect(accepted, name).toBe(row.verdict === "accept");
    }
  });

  test("a proof needs few tiles", () => {
    const ranges = inclusionRanges(12_345n, 66_000n);
    expect(tilesFor(ranges, 66_000n).map(({ level, index, width }) => `${level}/${index}.${width}`)).toEqual([
      "0/48.256",
      "1/0.256",
      "1/1.1",
      "0/257.208",
    ]);
  });
});
