/**
 * Hashes of an RFC 6962 Merkle tree (section 2.1, the same in RFC 9162 section 2.1.1), with SHA-256:
 *
 *     MTH({})     = SHA-256()                                    the root of the empty tree
 *     MTH({d(0)}) = SHA-256(0x00 || d(0))                        a leaf hash
 *     MTH(D[n])   = SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n]))  a node hash; k = the largest power of two smaller than n
 */

import { sha256 } from "@noble/hashes/sha2.js";
import { fromBase64, fromHex, toBase64 } from "./bytes.ts";

export { sha256 };

export const HASH_SIZE = 32;

const leafPrefix = Uint8Array.of(0);

/** The root of the empty tree. */
export const emptyRoot: Uint8Array = sha256(new Uint8Array());

/** The leaf hash of an entry. */
export function hashLeaf(entry: Uint8Array): Uint8Array {
  return sha256.create().update(leafPrefix).update(entry).digest();
}

/** The hash of the node over these two. */
export function hashNode(left: Uint8Array, right: Uint8Array): Uint8Array {
  const node = new Uint8Array(1 + 2 * HASH_SIZE);
  node[0] = 1;
  node.set(left, 1);
  node.set(right, 1 + HASH_SIZE);
  return sha256(node);
}

/** A hash as it is shown, and as formats write it. */
export function showHash(hash: Uint8Array): string {
  return toBase64(hash);
}

/** Reads a hash in base64, as all formats of tlog write it. */
export function readHash(text: string): Uint8Array | undefined {
  return fromBase64(text, HASH_SIZE);
}

/** Reads a SHA-256 in lower-case hexadecimal. */
export function readHexHash(text: string): Uint8Array | undefined {
  return fromHex(text, HASH_SIZE);
}
