/** 77 blocks of mainnet and Sepolia, from Frontier to after Osaka: each header's hash, and every transaction and receipt. */

import { expect, test } from "vitest";
import { toHex } from "../../src/verify/bytes.ts";
import { showKind } from "../../src/verify/ethereum/envelope.ts";
import { parseHeader, parseReceipt, parseTransaction } from "../../src/verify/ethereum/index.ts";
import { vectors } from "../vectors.ts";
import { blocks, bytes, chainIds } from "./vectors.ts";

/** Byzantium gave receipts a status. */
const byzantium = 4_370_000n;

test.skipIf(vectors === undefined)("headers of every fork", () => {
  expect(blocks().size).toBe(77);
  for (const [name, block] of blocks()) {
    const header = parseHeader(bytes(block.header_rlp));
    expect(`0x${toHex(header.hash)}`, name).toBe(block.hash);
    expect([header.number, header.timestamp], name).toEqual([BigInt(block.number), BigInt(block.timestamp)]);
  }
});

test.skipIf(vectors === undefined)("transactions and receipts of every type", () => {
  const transactions = new Map<string, number>();
  let receipts = 0;
  for (const [name, block] of blocks()) {
    const { number } = parseHeader(bytes(block.header_rlp));
    const parsed = block.transactions?.map((transaction) => parseTransaction(bytes(transaction)));
    for (const { kind, call } of parsed ?? []) {
      expect(call, name).toBeDefined();
      expect([undefined, chainIds[block.network]], name).toContain(call?.chainId);
      transactions.set(showKind(kind), (transactions.get(showKind(kind)) ?? 0) + 1);
    }
    for (const [place, encoded] of (block.receipts ?? []).entries()) {
      const { kind, execution } = parseReceipt(bytes(encoded));
      const isUntold = block.network === "mainnet" && number < byzantium;
      expect(execution === "untold", `${name}: ${place}`).toBe(isUntold);
      expect(kind, `${name}: ${place}`).toBe(parsed === undefined ? kind : parsed[place]?.kind);
      receipts += 1;
    }
  }
  expect(Object.fromEntries(transactions)).toEqual({
    legacy: 1_624,
    "type 0x01": 21,
    "type 0x02": 4_766,
    "type 0x03": 17,
    "type 0x04": 8,
  });
  expect(receipts).toBe(359 + 19 + 1_921 + 6 + 2);
});
