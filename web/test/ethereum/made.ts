/** A block with an anchor in it, made by hand from the specifications: what an example is changed from. */

import { concat, toBase64, toHex } from "../../src/verify/bytes.ts";
import type { BlockRecord } from "../../src/verify/ethereum/index.ts";
import { keccak256 } from "../../src/verify/ethereum/keccak.ts";
import { hashLeaf, hashNode } from "../../src/verify/hash.ts";

/** Bytes, a number, or a list of them: what RLP encodes. */
export type Rlp = Uint8Array | number | bigint | readonly Rlp[];

/** RLP (Yellow Paper, appendix B). */
export function rlp(value: Rlp): Uint8Array {
  if (Array.isArray(value)) {
    return prefixed(0xc0, concat(...(value as readonly Rlp[]).map(rlp)));
  }
  const bytes = value instanceof Uint8Array ? value : ofNumber(BigInt(value as number | bigint));
  return bytes.length === 1 && (bytes[0] ?? 0) < 0x80 ? bytes : prefixed(0x80, bytes);
}

function prefixed(base: number, payload: Uint8Array): Uint8Array {
  if (payload.length <= 55) {
    return concat(Uint8Array.of(base + payload.length), payload);
  }
  const size = ofNumber(BigInt(payload.length));
  return concat(Uint8Array.of(base + 55 + size.length), size, payload);
}

function ofNumber(number: bigint): Uint8Array {
  const digits = number === 0n ? "" : number.toString(16);
  return Uint8Array.from((digits.length % 2 === 0 ? digits : `0${digits}`).match(/../g) ?? [], (two) =>
    Number.parseInt(two, 16),
  );
}

export function filled(byte: number, size: number): Uint8Array {
  return new Uint8Array(size).fill(byte);
}

/** The node of a trie with one value, that under the key of the index 0. */
export function onlyLeaf(value: Uint8Array): Uint8Array {
  return rlp([Uint8Array.of(0x20, 0x80), value]);
}

export const checkpoint = new TextEncoder().encode("the signed checkpoint");
const beside = hashLeaf(new TextEncoder().encode("that of another log"));

/** The root of a round of two, of which this checkpoint is the first. */
export function rootOver(signed: Uint8Array): Uint8Array {
  return hashNode(hashLeaf(signed), beside);
}

export const root = rootOver(checkpoint);
export const selector = Uint8Array.of(0xee, 0xcd, 0xf9, 0x27);
export const destination = filled(0xa7, 20);
export const chainId = 31_337n;

/** What a block is made of. */
export interface Plan {
  readonly kind: number;
  readonly transaction: Rlp;
  readonly receiptKind: number;
  readonly receipt: Rlp;
  /** What is made of the header's fields. */
  readonly header: (fields: readonly Rlp[]) => Rlp;
}

/** A transaction of EIP-1559. */
export function transaction(data: Uint8Array, to: Uint8Array = destination, chain: bigint = chainId): Rlp[] {
  return [chain, 7, 7, 7, 7, to, 0, data, [], 1, filled(0x51, 32), filled(0x52, 32)];
}

export function receipt(status: Rlp): Rlp[] {
  return [status, 21_000, filled(0, 256), []];
}

export const plan: Plan = {
  kind: 2,
  transaction: transaction(concat(selector, root)),
  receiptKind: 2,
  receipt: receipt(1),
  header: (fields) => fields,
};

/** The record of the anchor in its block, and the block's hash. */
export function made(changes: Partial<Plan> = {}): { readonly record: BlockRecord; readonly blockHash: Uint8Array } {
  const all = { ...plan, ...changes };
  const enveloped = (kind: number, value: Rlp) => (kind === 0 ? rlp(value) : concat(Uint8Array.of(kind), rlp(value)));
  const [sent, got] = [enveloped(all.kind, all.transaction), enveloped(all.receiptKind, all.receipt)];
  const [ofSent, ofGot] = [onlyLeaf(sent), onlyLeaf(got)];
  const header = rlp(all.header(headerFields(keccak256(ofSent), keccak256(ofGot))));
  const record = {
    chainId,
    header,
    index: 0n,
    transaction: sent,
    transactionProof: [ofSent],
    receipt: got,
    receiptProof: [ofGot],
    path: { index: 0n, size: 2n, hashes: [beside] },
  };
  return { record, blockHash: keccak256(header) };
}

/** The fields of a header as of Prague; 4 and 5 are the roots, 8 is the number, 11 the time. */
export function headerFields(transactions: Uint8Array, receipts: Uint8Array): Rlp[] {
  return [
    filled(1, 32),
    filled(2, 32),
    filled(3, 20),
    filled(4, 32),
    transactions,
    receipts,
    filled(0, 256),
    0,
    23_000_000,
    45_000_000,
    900_000,
    1_760_000_000,
    new TextEncoder().encode("made by hand"),
    filled(5, 32),
    filled(0, 8),
    1_000_000_007,
    filled(6, 32),
    0,
    0,
    filled(7, 32),
    filled(8, 32),
  ];
}

/** The record as an anchor of evidence, in JSON. */
export function anchorOf({ chainId, index, path, ...record }: BlockRecord) {
  return {
    kind: "ethereum",
    chain_id: Number(chainId),
    header: toBase64(record.header),
    index: Number(index),
    transaction: toBase64(record.transaction),
    transaction_proof: record.transactionProof.map(toBase64),
    receipt: toBase64(record.receipt),
    receipt_proof: record.receiptProof.map(toBase64),
    path: { index: Number(path.index), size: Number(path.size), hashes: path.hashes.map(toHex) },
  };
}
