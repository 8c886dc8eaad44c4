/** 430 proofs of real transactions and receipts, and 3,910 changed ones, by the name of the change. */

import { expect, test } from "vitest";
import { equal } from "../../src/verify/bytes.ts";
import { VerifyError } from "../../src/verify/checks.ts";
import { parseHeader, verifyTrieProof } from "../../src/verify/ethereum/index.ts";
import { vectors } from "../vectors.ts";
import { bytes, changedRows, onlyByTrust, type Row, validRows } from "./vectors.ts";

/** What is said of the changes that mainstream verifiers disagree about, and of those that only strict reading tells. */
const reasons: ReadonlyMap<string, readonly string[]> = new Map([
  ["empty-node-appended", ["of which"]],
  ["empty-node-prepended", ["node 0 is not the one that is named as the root"]],
  ["first-two-swapped", ["node 0 is not the one that is named as the root"]],
  ["forged-branch-16-items", ["expected a list of 2 or 17 items, found 16"]],
  ["forged-branch-18-items", ["expected at most 17 items"]],
  ["forged-branch-bad-sibling", ["expected a child of 0 or 32 bytes"]],
  ["forged-branch-child-31-bytes", ["expected a child of 0 or 32 bytes, found 31"]],
  ["forged-branch-child-empty", ["does not lead to the key", "a branch with"]],
  ["forged-branch-with-value", ["a branch has a value"]],
  ["forged-leaf-as-extension", ["expected a child of 0 or 32 bytes"]],
  ["forged-leaf-even-padding-nonzero", ["the unused nibble", "does not lead to the key"]],
  ["forged-leaf-high-flag-bits", ["the flags of a path"]],
  ["forged-leaf-longform-length", ["is not the shortest one"]],
  ["forged-leaf-prefix-empty", ["the path is empty"]],
  ["forged-leaf-three-items", ["expected a list of 2 or 17 items, found 3"]],
  ["forged-leaf-trailing-byte", ["1 bytes follow the item"]],
  ["forged-leaf-value-empty", ["a leaf has no value", "it belongs into the one above it"]],
  ["forged-root-empty-list", ["expected a list of 2 or 17 items, found 0"]],
  ["forged-root-empty-string", ["expected a list"]],
  ["forged-root-longform-length", ["is not the shortest one"]],
  ["forged-root-trailing-byte", ["1 bytes follow the item"]],
  ["header-field-is-list-rehashed", ["extraData: expected a byte string, found a list"]],
  ["header-longform-length-rehashed", ["is not the shortest one"]],
  ["header-number-leading-zero-rehashed", ["number: the number begins with a zero byte"]],
  ["header-root-31-bytes-rehashed", ["Root: expected 32 bytes, found 31"]],
  ["header-trailing-byte-rehashed", ["1 bytes follow the item"]],
  ["node-duplicated-at-end", ["of which"]],
  ["nodes-reversed", ["node 0 is not the one that is named as the root"]],
  ["root-duplicated", ["of which", "node 1 is not the one that is named above it"]],
  ["unrelated-node-appended", ["of which"]],
]);

/** Why a row does not hold; undefined if it does. */
function trouble(row: Row): string | undefined {
  try {
    const header = parseHeader(bytes(row.header_rlp));
    if (!equal(header.hash, bytes(row.block_hash))) {
      return "the block hash is another";
    }
    const root = row.kind === "tx" ? header.transactionsRoot : header.receiptsRoot;
    verifyTrieProof(root, bytes(row.index), bytes(row.value), row.proof.map(bytes));
    return undefined;
  } catch (error) {
    if (error instanceof VerifyError) {
      return error.message;
    }
    throw error;
  }
}

const valid = validRows();

test.skipIf(vectors === undefined)("proofs of real blocks hold", () => {
  expect(valid.length).toBe(430);
  for (const row of valid) {
    expect(trouble(row), row.id).toBeUndefined();
  }
});

test.skipIf(vectors === undefined)("changed proofs are refused by name", () => {
  const bases = new Map(valid.map((row) => [row.id, row]));
  const changed = changedRows();
  expect(changed.length).toBe(3_910);
  let [policy, onTrust, explained] = [0, 0, 0];
  for (const row of changed) {
    const base = bases.get(row.base);
    if (base === undefined) {
      throw new Error(`${row.id} has no base`);
    }
    policy += row.expect.startsWith("policy:") ? 1 : 0;
    const found = trouble({ ...base, ...row });
    if (row.mutation === onlyByTrust) {
      expect(found, row.id).toBeUndefined();
      onTrust += 1;
      continue;
    }
    expect(found, row.id).toBeDefined();
    const expected = reasons.get(row.mutation);
    if (expected !== undefined) {
      expect(
        expected.some((words) => found?.includes(words)),
        `${row.id}: ${found}`,
      ).toBe(true);
      explained += 1;
    }
  }
  expect([policy, onTrust]).toEqual([665, 47]);
  expect(explained).toBeGreaterThan(1_000);
});

test.skipIf(vectors === undefined)("any changed byte of a real proof is refused", () => {
  // Each part of a proof at other places, all proofs together at every one.
  const step = 61;
  let count = 0;
  for (const [number, row] of valid.entries()) {
    const header = parseHeader(bytes(row.header_rlp));
    const root = row.kind === "tx" ? header.transactionsRoot : header.receiptsRoot;
    const [key, value, proof] = [bytes(row.index), bytes(row.value), row.proof.map(bytes)];
    for (const part of [value, ...proof]) {
      for (let at = number % step; at < part.length; at += step) {
        part[at] = (part[at] ?? 0) ^ (1 << (at % 8));
        expect(() => verifyTrieProof(root, key, value, proof), `${row.id} at ${at}`).toThrow(VerifyError);
        part[at] = (part[at] ?? 0) ^ (1 << (at % 8));
        count += 1;
      }
    }
    verifyTrieProof(root, key, value, proof);
  }
  expect(count).toBeGreaterThan(1_000);
});
