/**
 * Inclusion, consistency and subtree proofs: whether they hold, and of which ranges of entries they are made.
 *
 * RFC 9162 sections 2.1.3 and 2.1.4, and section "Subtrees" of draft-ietf-plants-merkle-tree-certs, of whose procedures the others are cases.
 */

import { equal } from "./bytes.ts";
import { VerifyError } from "./checks.ts";
import { emptyRoot, hashNode, showHash } from "./hash.ts";

/** The entries from `start` up to but not including `end`. */
export interface Subtree {
  readonly start: bigint;
  readonly end: bigint;
}

/** A proof is one for its index and sizes, but leads to another root than it must. */
export class WrongRoot extends VerifyError {}

/** The entries of a whole tree. */
export function wholeTree(size: bigint): Subtree {
  return { start: 0n, end: size };
}

/** Whether the interval is a subtree. */
export function isSubtree({ start, end }: Subtree): boolean {
  // SPEC(subtrees): "`start` is a multiple of `BIT_CEIL(end - start)`"
  return start <= end && start % ceilingPowerOfTwo(end - start) === 0n;
}

/** The smallest power of two that is not less. */
function ceilingPowerOfTwo(value: bigint): bigint {
  let power = 1n;
  while (power < value) {
    power <<= 1n;
  }
  return power;
}

/** Verifies that the entry at an index of a tree has this leaf hash; throws what is wrong. */
export function verifyInclusion(
  index: bigint,
  size: bigint,
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): void {
  if (index >= size) {
    throw new VerifyError(`a tree of size ${size} has no entry ${index}`);
  }
  verifySubtreeInclusion(index, wholeTree(size), leaf, proof, root);
}

/** Verifies that the entry at an index (of the tree) is in a subtree with this hash; throws what is wrong. */
export function verifySubtreeInclusion(
  index: bigint,
  subtree: Subtree,
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
  node: Uint8Array,
): void {
  // SPEC(subtrees): "Check that `[start, end)` is a valid subtree ({{definition-of-a-subtree}}), and that `start <= index < end`."
  checkSubtree(subtree);
  if (index < subtree.start || index >= subtree.end) {
    throw new VerifyError(`the subtree ${showSubtree(subtree)} has no entry ${index}`);
  }
  let fn = index - subtree.start;
  let sn = subtree.end - subtree.start - 1n;
  let r = leaf;
  for (const [used, p] of proof.entries()) {
    // SPEC(subtrees): "If `sn` is 0, then stop the iteration and fail proof evaluation."
    if (sn === 0n) {
      throw tooLong(used, proof);
    }
    // SPEC(subtrees): "If `LSB(fn)` is set, or if `fn` is equal to `sn`, then:"
    if (isOdd(fn) || fn === sn) {
      r = hashNode(p, r);
      // SPEC(subtrees): "Until `LSB(fn)` is set, right-shift `fn` and `sn` equally."
      while (!isOdd(fn)) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      r = hashNode(r, p);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  // SPEC(subtrees): "If `sn` is not zero, fail proof evaluation."
  if (sn !== 0n) {
    throw tooShort(proof);
  }
  checkRoot(r, node);
}

/** Verifies that an older tree is the beginning of a newer one; throws what is wrong. */
export function verifyConsistency(
  oldSize: bigint,
  newSize: bigint,
  oldRoot: Uint8Array,
  newRoot: Uint8Array,
  proof: readonly Uint8Array[],
): void {
  if (oldSize > newSize) {
    throw new VerifyError(`the older tree, of size ${oldSize}, is larger than the newer one, of size ${newSize}`);
  }
  if (newSize === 0n) {
    checkEmpty(newRoot);
  }
  // SPEC(subtrees): "When `start` is zero, this computes a Merkle consistency proof:"
  verifySubtreeConsistency(wholeTree(oldSize), newSize, oldRoot, newRoot, proof);
}

/** Verifies that a tree has a subtree with this hash; throws what is wrong. */
export function verifySubtreeConsistency(
  subtree: Subtree,
  size: bigint,
  node: Uint8Array,
  root: Uint8Array,
  proof: readonly Uint8Array[],
): void {
  // SPEC(subtrees): "Check that `[start, end)` is a valid subtree ({{definition-of-a-subtree}}), and that `end <= n`."
  checkSubtree(subtree);
  if (subtree.end > size) {
    throw new VerifyError(`the subtree ${showSubtree(subtree)} is not within a tree of size ${size}`);
  }
  // SPEC(subtrees): "If `start` equals `end`, check the following conditions:"
  if (subtree.start === subtree.end) {
    if (proof.length > 0) {
      throw tooLong(0, proof);
    }
    checkEmpty(node);
    return;
  }
  // SPEC(subtrees): "Set `fn` to `start`, `sn` to `end - 1`, and `tn` to `n - 1`."
  let [fn, sn, tn] = [subtree.start, subtree.end - 1n, size - 1n];
  // SPEC(subtrees): "If `sn` is `tn`, then: Until `fn` is `sn`, right-shift [...] equally. Otherwise: Until `fn` is `sn` or `LSB(sn)` is not
  // set, right-shift `fn`, `sn`, and `tn` equally."
  const toTheEnd = sn === tn;
  while (fn !== sn && (toTheEnd || isOdd(sn))) {
    [fn, sn, tn] = [fn >> 1n, sn >> 1n, tn >> 1n];
  }
  // SPEC(subtrees): "If `fn` is `sn`, set `fr` and `sr` to `node_hash`. Otherwise: If `proof` is an empty array, stop and fail verification.
  // Remove the first value of the `proof` array and set `fr` and `sr` to the removed value."
  const [first] = proof;
  const taken = fn === sn ? 0 : 1;
  if (taken === 1 && first === undefined) {
    throw tooShort(proof);
  }
  const seed = taken === 1 && first !== undefined ? first : node;
  let [fr, sr] = [seed, seed];
  for (const [used, c] of proof.entries()) {
    if (used < taken) {
      continue;
    }
    // SPEC(subtrees): "If `tn` is `0`, then stop the iteration and fail the proof verification."
    if (tn === 0n) {
      throw tooLong(used, proof);
    }
    // SPEC(subtrees): "If `LSB(sn)` is set, or if `sn` is equal to `tn`, then:"
    if (isOdd(sn) || sn === tn) {
      if (fn < sn) {
        fr = hashNode(c, fr);
      }
      sr = hashNode(c, sr);
      // SPEC(subtrees): "Until `LSB(sn)` is set, right-shift `fn`, `sn`, and `tn` equally."
      while (!isOdd(sn)) {
        [fn, sn, tn] = [fn >> 1n, sn >> 1n, tn >> 1n];
      }
    } else {
      sr = hashNode(sr, c);
    }
    // SPEC(subtrees): "Right-shift `fn`, `sn`, and `tn` once more."
    [fn, sn, tn] = [fn >> 1n, sn >> 1n, tn >> 1n];
  }
  // SPEC(subtrees): "Compare `tn` to `0`, `fr` to `node_hash`, and `sr` to `root_hash`. If any are not equal, fail the proof verification."
  if (tn !== 0n) {
    throw tooShort(proof);
  }
  if (!equal(fr, node)) {
    throw new WrongRoot(`the proof leads to the older root or subtree ${showHash(fr)}, expected ${showHash(node)}`);
  }
  checkRoot(sr, root);
}

function isOdd(value: bigint): boolean {
  return (value & 1n) === 1n;
}

function showSubtree({ start, end }: Subtree): string {
  return `[${start}, ${end})`;
}

function checkSubtree(subtree: Subtree): void {
  if (!isSubtree(subtree)) {
    throw new VerifyError(
      `${showSubtree(subtree)} is not a subtree: expected start <= end, and start a multiple of the smallest power of two that is at least end - start`,
    );
  }
}

function checkEmpty(root: Uint8Array): void {
  if (!equal(root, emptyRoot)) {
    throw new VerifyError(`a tree of size 0 has another root than the empty one: ${showHash(root)}`);
  }
}

function checkRoot(computed: Uint8Array, expected: Uint8Array): void {
  if (!equal(computed, expected)) {
    throw new WrongRoot(`the proof leads to the root ${showHash(computed)}, expected ${showHash(expected)}`);
  }
}

function tooShort(proof: readonly Uint8Array[]): VerifyError {
  return new VerifyError(`the proof is too short: ${proof.length} hashes do not reach the root`);
}

function tooLong(used: number, proof: readonly Uint8Array[]): VerifyError {
  return new VerifyError(`the proof is too long: ${used} of its ${proof.length} hashes reach the root`);
}

/** The ranges whose hashes are the inclusion proof of an entry, in the order of the proof. */
export function inclusionRanges(index: bigint, size: bigint): Subtree[] {
  if (index >= size) {
    throw new VerifyError(`a tree of size ${size} has no entry ${index}`);
  }
  return ranges({ start: index, end: index + 1n }, wholeTree(size), true);
}

/** The ranges whose hashes are the consistency proof between two sizes, in the order of the proof. */
export function consistencyRanges(oldSize: bigint, newSize: bigint): Subtree[] {
  if (oldSize > newSize) {
    throw new VerifyError(`the older tree, of size ${oldSize}, is larger than the newer one, of size ${newSize}`);
  }
  return oldSize === 0n ? [] : ranges(wholeTree(oldSize), wholeTree(newSize), true);
}

/** SUBTREE_SUBPROOF of the draft, as ranges: `known` says whether the verifier has the hash of the part. */
function ranges(part: Subtree, tree: Subtree, known: boolean): Subtree[] {
  if (part.start === tree.start && part.end === tree.end) {
    return known ? [] : [part];
  }
  const middle = tree.start + ceilingPowerOfTwo(tree.end - tree.start) / 2n;
  const [left, right] = [
    { start: tree.start, end: middle },
    { start: middle, end: tree.end },
  ];
  if (part.end <= middle) {
    return [...ranges(part, left, known), right];
  }
  if (part.start >= middle) {
    return [...ranges(part, right, known), left];
  }
  return [...ranges({ start: middle, end: part.end }, right, false), left];
}
