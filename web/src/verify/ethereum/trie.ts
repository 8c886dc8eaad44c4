/**
 * Proofs in the Merkle-Patricia tries of a block: its transactions and its receipts, by their index (Yellow Paper, appendices C and D). A
 * key is cut into nibbles. A node is the RLP of one of
 *
 * ```text
 * [child 0, ..., child f, ""]       a branch, by the next nibble
 * [hex-prefix(nibbles, 0), child]   an extension: the next nibbles, shared by all below
 * [hex-prefix(nibbles, 1), value]   a leaf: the last nibbles
 * ```
 *
 * A child is nothing (the empty string), the node itself if its RLP is shorter than 32 bytes, and Keccak-256 of its RLP otherwise. The key
 * is the RLP of the index. No such key begins another, so that no branch has a value. All of a node is read, and not only the way.
 */

import { equal } from "../bytes.ts";
import { VerifyError } from "../checks.ts";
import { within } from "./fields.ts";
import { keccak256 } from "./keccak.ts";
import { encodeInteger, Item } from "./rlp.ts";

const hashSize = 32;

/** The longest encoding of a node that stands within its parent. */
const maxInline = hashSize - 1;

/** Sixteen children and a value. */
const branchItems = 17;

type Node =
  | { readonly type: "branch"; readonly children: readonly Child[] }
  | { readonly type: "extension"; readonly path: readonly number[]; readonly child: Child }
  | { readonly type: "leaf"; readonly path: readonly number[]; readonly value: Uint8Array };

/** What is below a node: nothing, a hash, or a node within it. */
type Child = undefined | Uint8Array | Node;

/** The key of a transaction, and of its receipt, in the tries of its block. */
export function indexKey(index: bigint): Uint8Array {
  return encodeInteger(index);
}

/** Throws unless the trie with this root has this value under this key, and the proof is the one that shows it. */
export function verifyTrieProof(
  root: Uint8Array,
  key: Uint8Array,
  value: Uint8Array,
  proof: readonly Uint8Array[],
): void {
  const way = new Way(root, nibblesOf(key));
  for (const [place, encoded] of proof.entries()) {
    const found = way.through(place, encoded);
    if (found !== undefined) {
      if (!equal(found, value)) {
        throw new VerifyError(
          `the value under the key is another, of ${found.length} bytes (expected ${value.length})`,
        );
      }
      if (place + 1 !== proof.length) {
        throw new VerifyError(`the proof has ${proof.length} nodes, of which ${place + 1} lead to the value`);
      }
      return;
    }
  }
  throw new VerifyError(`the proof ends after ${proof.length} nodes, before the value`);
}

/** The way to a key, as far as it has been gone. */
class Way {
  /** The hash of the next node. */
  #hash: Uint8Array;
  /** What is left of the key. */
  #rest: readonly number[];
  #isAfterExtension = false;

  constructor(root: Uint8Array, key: readonly number[]) {
    this.#hash = root;
    this.#rest = key;
  }

  /** Goes through a node and what is within it: gives the value, or nothing where another node follows. */
  through(place: number, encoded: Uint8Array): Uint8Array | undefined {
    if (!equal(keccak256(encoded), this.#hash)) {
      throw new VerifyError(`node ${place} is not the one that is named ${place === 0 ? "as the root" : "above it"}`);
    }
    if (place > 0 && encoded.length <= maxInline) {
      throw new VerifyError(`node ${place} has only ${encoded.length} bytes: it belongs into the one above it`);
    }
    let node = within(`node ${place}`, () => readNode(notRlp(() => Item.parse(encoded))));
    if (this.#isAfterExtension && node.type !== "branch") {
      throw new VerifyError(`node ${place} is not a branch, but an extension leads to it`);
    }
    for (;;) {
      this.#isAfterExtension = node.type === "extension";
      if (node.type === "leaf") {
        this.#take(node.path, place);
        if (this.#rest.length > 0) {
          throw otherKey(place);
        }
        return node.value;
      }
      const child: Child = this.#below(node, place);
      if (child === undefined) {
        throw otherKey(place);
      }
      if (child instanceof Uint8Array) {
        this.#hash = child;
        return undefined;
      }
      node = child;
    }
  }

  #below(node: Exclude<Node, { type: "leaf" }>, place: number): Child {
    if (node.type === "extension") {
      this.#take(node.path, place);
      return node.child;
    }
    const [nibble, ...rest] = this.#rest;
    this.#rest = rest;
    return nibble === undefined ? undefined : node.children[nibble];
  }

  /** The key goes on with these nibbles. */
  #take(path: readonly number[], place: number): void {
    if (path.some((nibble, at) => nibble !== this.#rest[at])) {
      throw otherKey(place);
    }
    this.#rest = this.#rest.slice(path.length);
  }
}

function otherKey(place: number): VerifyError {
  return new VerifyError(`node ${place} does not lead to the key`);
}

function notRlp<T>(read: () => T): T {
  return within("it is not RLP", read);
}

/** Reads a node and all that is within it. */
function readNode(item: Item): Node {
  const items = notRlp(() => item.items(branchItems));
  const [first, second] = items;
  if (items.length === 2 && first !== undefined && second !== undefined) {
    return readPair(first, second);
  }
  const value = items[branchItems - 1];
  if (value === undefined) {
    throw new VerifyError(`expected a list of 2 or ${branchItems} items, found ${items.length}`);
  }
  return readBranch(items.slice(0, -1), value);
}

function readPair(first: Item, second: Item): Node {
  const { path, isLeaf } = decodePath(notRlp(() => first.bytes()));
  if (isLeaf) {
    const value = notRlp(() => second.bytes());
    if (value.length === 0) {
      throw new VerifyError("a leaf has no value");
    }
    return { type: "leaf", path, value };
  }
  const child = readChild(second);
  const leadsToBranch = child !== undefined && (child instanceof Uint8Array || child.type === "branch");
  if (path.length === 0 || !leadsToBranch) {
    throw new VerifyError("an extension of no nibbles, or to something else than a branch");
  }
  return { type: "extension", path, child };
}

function readBranch(items: readonly Item[], last: Item): Node {
  const children = items.map(readChild);
  const value = notRlp(() => last.bytes());
  if (value.length > 0) {
    throw new VerifyError(`a branch has a value of ${value.length} bytes; no key of a block's tries begins another`);
  }
  const count = children.filter((child) => child !== undefined).length;
  if (count < 2) {
    throw new VerifyError(`a branch with ${count} children; it has at least two`);
  }
  return { type: "branch", children };
}

function readChild(item: Item): Child {
  if (item.isList) {
    // Shorter than a hash, so that few nodes fit into one another.
    const size = item.encoding.length;
    if (size > maxInline) {
      throw new VerifyError(
        `a node of ${size} bytes stands within its parent; from ${hashSize} on it is there by its hash`,
      );
    }
    return readNode(item);
  }
  const bytes = item.bytes();
  if (bytes.length !== 0 && bytes.length !== hashSize) {
    throw new VerifyError(`expected a child of 0 or ${hashSize} bytes, found ${bytes.length}`);
  }
  return bytes.length === 0 ? undefined : bytes;
}

function nibblesOf(bytes: Uint8Array): number[] {
  return Array.from(bytes).flatMap((byte) => [byte >> 4, byte & 0xf]);
}

/** Appendix C: flags in the first nibble (1: an odd number of nibbles; 2: a leaf); an even number leaves the second unused. */
function decodePath(bytes: Uint8Array): { path: readonly number[]; isLeaf: boolean } {
  const [flags, second = 0, ...rest] = nibblesOf(bytes);
  if (flags === undefined) {
    throw new VerifyError("the path is empty, without even its flags");
  }
  if (flags > 3) {
    throw new VerifyError(`expected the flags of a path to be 0 to 3, found 0x${flags.toString(16)}`);
  }
  const isOdd = (flags & 1) !== 0;
  if (!isOdd && second !== 0) {
    throw new VerifyError(`expected the unused nibble of a path to be 0, found 0x${second.toString(16)}`);
  }
  return { path: isOdd ? [second, ...rest] : rest, isLeaf: (flags & 2) !== 0 };
}
