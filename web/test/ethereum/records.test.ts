/**
 * Whole records from real blocks, judged: 77 blocks, 430 proofs and 3,910 changed ones. None of them anchors anything, so that `calldata` fails
 * and `checkpoint` is open; all else is as it is on the chain, or the change is found by the check whose it is.
 */

import { expect, test } from "vitest";
import { toHex } from "../../src/verify/bytes.ts";
import type { Outcome } from "../../src/verify/checks.ts";
import {
  type BlockRecord,
  indexKey,
  judgeBlock,
  parseHeader,
  parseTransaction,
} from "../../src/verify/ethereum/index.ts";
import { vectors } from "../vectors.ts";
import { blocks, bytes, type Changed, chainIds, changedRows, onlyByTrust, type Row, validRows } from "./vectors.ts";

const none = new Uint8Array();

/** The time of the judgement: after all blocks. */
const at = 4_000_000_000n;

/** The index whose key this is; undefined if it is none's. */
function indexOf(key: Uint8Array): bigint | undefined {
  const [first = 0] = key;
  const number =
    key.length === 1 && first === 0x80 ? 0n : BigInt(`0x0${toHex(key.length === 1 ? key : key.subarray(1))}`);
  return toHex(indexKey(number)) === toHex(key) ? number : undefined;
}

/** A record of a transaction and a receipt in a block, as far as they are known. */
function recordOf(
  { network, header_rlp }: Pick<Row, "network" | "header_rlp">,
  sent: Row | undefined,
  got: Row | undefined,
  index: bigint,
): BlockRecord {
  return {
    chainId: chainIds[network],
    header: bytes(header_rlp),
    index,
    transaction: sent === undefined ? none : bytes(sent.value),
    transactionProof: (sent?.proof ?? []).map(bytes),
    receipt: got === undefined ? none : bytes(got.value),
    receiptProof: (got?.proof ?? []).map(bytes),
    path: { index: 0n, size: 1n, hashes: [] },
  };
}

/** What each check comes to of a row and that of the other kind about the same place, if there is one. */
function outcomes(row: Row, other: Row | undefined, index: bigint): Record<string, Outcome> {
  const [sent, got] = row.kind === "tx" ? [row, other] : [other, row];
  const record = recordOf(row, sent, got, index);
  const blockHash = bytes(row.block_hash);
  const { checks, isGood } = judgeBlock({ record, checkpoint: none, blockHash, chainId: record.chainId, at });
  expect(isGood, row.id).toBe(false);
  return Object.fromEntries(checks.list.map(({ name, outcome }) => [name, outcome]));
}

const valid = validRows();
const placeOf = ({ block_hash, index, kind }: Row) => `${block_hash} ${index} ${kind}`;
const byPlace = new Map(valid.map((row) => [placeOf(row), row]));
const otherOf = (row: Row) => byPlace.get(placeOf({ ...row, kind: row.kind === "tx" ? "receipt" : "tx" }));

/** What must come out of a good row, by what the transaction and the receipt say of themselves. */
function expected(row: Row): Record<string, Outcome> {
  const [sent, got] = row.kind === "tx" ? [row, otherOf(row)] : [otherOf(row), row];
  const call = sent === undefined ? undefined : parseTransaction(bytes(sent.value)).call;
  const open = "not-checked";
  return {
    header: "passed",
    "block hash": "passed",
    transaction: sent === undefined ? "failed" : "passed",
    "transaction inclusion": sent === undefined ? "failed" : "passed",
    receipt: got === undefined ? "failed" : sent === undefined ? open : "passed",
    "receipt inclusion": got === undefined ? "failed" : "passed",
    status: got === undefined ? open : statusOf(bytes(got.value)),
    chain: call?.chainId === undefined ? open : "passed",
    destination: call !== undefined && call.to === undefined ? "failed" : open,
    calldata: sent === undefined ? open : "failed",
    checkpoint: open,
    time: "passed",
  };
}

/** A receipt begins with its status, behind the prefix of its list, of three bytes or four; a good one has a status of 1. */
function statusOf(encoded: Uint8Array): Outcome {
  const list = (encoded[0] ?? 0) < 0x80 ? encoded.subarray(1) : encoded;
  const prefix = 1 + ((list[0] ?? 0) - 0xf7);
  return list[prefix] === 1 ? "passed" : "failed";
}

test.skipIf(vectors === undefined)("headers of 77 blocks have the hashes that are trusted, and no others", () => {
  const all = [...blocks().values()];
  expect(all.length).toBe(77);
  for (const [place, { header_rlp, hash, network }] of all.entries()) {
    const record = recordOf({ network, header_rlp }, undefined, undefined, 0n);
    const next = all[(place + 1) % all.length]?.hash ?? "";
    const outcomeUnder = (trusted: string | undefined) =>
      judgeBlock({ record, blockHash: trusted === undefined ? undefined : bytes(trusted), at }).checks.outcomeOf(
        "block hash",
      );
    expect([hash, next, undefined].map(outcomeUnder), hash).toEqual(["passed", "failed", "not-checked"]);
    const { timestamp } = parseHeader(record.header);
    const outcomeAt = (time: bigint) => judgeBlock({ record, at: time }).checks.outcomeOf("time");
    expect([timestamp - 300n, timestamp - 301n].map(outcomeAt), hash).toEqual(["passed", "failed"]);
  }
});

test.skipIf(vectors === undefined)("430 proofs of real blocks hold, each check as the chain has it", () => {
  expect(valid.length).toBe(430);
  let together = 0;
  for (const row of valid) {
    const index = indexOf(bytes(row.index));
    expect(index, row.id).toBeDefined();
    expect(outcomes(row, otherOf(row), index ?? 0n), row.id).toEqual(expected(row));
    together += otherOf(row) === undefined ? 0 : 1;
  }
  expect(together).toBe(2 * 132);
});

/** The check that finds a change, by its name. */
function finding({ mutation }: Changed, kind: Row["kind"]): readonly string[] {
  if (mutation === "block-hash-altered") {
    return ["block hash"];
  }
  if (mutation.startsWith("header-") && mutation !== "header-root-altered-rehashed") {
    return mutation.endsWith("-rehashed") ? ["header"] : ["header", "block hash"];
  }
  return [kind === "tx" ? "transaction inclusion" : "receipt inclusion"];
}

test.skipIf(vectors === undefined)("3,910 changed proofs are found, each by the check whose it is", () => {
  const bases = new Map(valid.map((row) => [row.id, row]));
  const rows = changedRows();
  expect(rows.length).toBe(3_910);
  let [withoutIndex, onTrust] = [0, 0];
  for (const row of rows) {
    const base = bases.get(row.base);
    if (base === undefined) {
      throw new Error(`${row.id} has no base`);
    }
    const changed: Row = { ...base, ...row };
    const index = indexOf(bytes(changed.index));
    if (index === undefined) {
      // A record has the index itself, and no key of another spelling.
      withoutIndex += 1;
      continue;
    }
    const found = outcomes(changed, otherOf(base), index);
    if (row.mutation === onlyByTrust) {
      expect(found, row.id).toEqual(expected(base));
      onTrust += 1;
      continue;
    }
    const by = finding(row, changed.kind).filter((name) => found[name] === "failed");
    expect(by.length, `${row.id}: ${JSON.stringify(found)}`).toBeGreaterThan(0);
  }
  expect([withoutIndex, onTrust]).toEqual([4 * 47, 47]);
});
