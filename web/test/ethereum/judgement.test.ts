/** What each check says of a record (docs/ethereum.md, "The checks"), one thing wrong at a time. */

import { describe, expect, test } from "vitest";
import { concat } from "../../src/verify/bytes.ts";
import {
  type BlockQuestion,
  judgeBlock,
  parseHeader,
  parseReceipt,
  parseTransaction,
} from "../../src/verify/ethereum/index.ts";
import {
  chainId,
  checkpoint,
  destination,
  filled,
  headerFields,
  made,
  type Plan,
  type Rlp,
  receipt,
  rlp,
  root,
  selector,
  transaction,
} from "./made.ts";

const ALL = [
  "header",
  "block hash",
  "transaction",
  "transaction inclusion",
  "receipt",
  "receipt inclusion",
  "status",
  "chain",
  "destination",
  "calldata",
  "checkpoint",
  "time",
] as const;

/** The time of the judgement: after the block. */
const at = 1_800_000_000n;

function questionOf(plan: Partial<Plan> = {}, changes: Partial<BlockQuestion> = {}): BlockQuestion {
  const { record, blockHash } = made(plan);
  return { record, checkpoint, blockHash, chainId, destination, at, ...changes };
}

/** Each check that did not pass, with its reason. */
function open(question: BlockQuestion): Record<string, string> {
  const { checks, isGood } = judgeBlock(question);
  expect(checks.list.map(({ name }) => name)).toEqual(ALL);
  const found = checks.list.filter(({ outcome }) => outcome !== "passed");
  const optional = found.every(
    ({ name, outcome }) => outcome === "not-checked" && (name === "destination" || name === "time"),
  );
  expect(isGood).toBe(optional);
  return Object.fromEntries(found.map(({ name, outcome, reason }) => [name, `${outcome}: ${reason}`]));
}

const data = (...parts: Uint8Array[]) => transaction(concat(...parts));
const field = (at: number, value: Rlp) => (fields: readonly Rlp[]) =>
  fields.map((one, place) => (place === at ? value : one));

test("a good record passes every check", () => {
  expect(open(questionOf())).toEqual({});
  expect(judgeBlock(questionOf()).header?.timestamp).toBe(1_760_000_000n);
});

/** The fields of a transaction of each type, with the same destination and calldata. */
const call: readonly Rlp[] = [destination, 0, concat(selector, root)];
const signed: readonly Rlp[] = [1, filled(0x51, 32), filled(0x52, 32)];
const kinds: readonly (readonly [number, Rlp])[] = [
  [0, [7, 7, 7, ...call, 2n * chainId + 35n, ...signed.slice(1)]],
  [0, [7, 7, 7, ...call, 2n * chainId + 36n, ...signed.slice(1)]],
  [1, [chainId, 7, 7, 7, ...call, [], ...signed]],
  [2, [chainId, 7, 7, 7, 7, ...call, [], ...signed]],
  [3, [chainId, 7, 7, 7, 7, ...call, [], 7, [filled(1, 32)], ...signed]],
  [4, [chainId, 7, 7, 7, 7, ...call, [], [], ...signed]],
];

test.each(kinds)("type %i of a transaction will do", (kind, sent) => {
  expect(open(questionOf({ kind, transaction: sent, receiptKind: kind }))).toEqual({});
});

describe("what is not given is not checked", () => {
  test.each([
    [
      "blockHash",
      "block hash",
      /^not-checked: no hash was given that block 23000000 must have; by its header it is 0x/,
    ],
    ["checkpoint", "checkpoint", /^not-checked: the checkpoint to be covered was not given/],
    [
      "destination",
      "destination",
      /^not-checked: no address was given that the transaction must go to; it goes to 0xa7/,
    ],
    ["at", "time", /^not-checked: the time of the judgement was not given/],
  ] as const)("%s", (key, check, reason) => {
    expect(open(questionOf({}, { [key]: undefined }))).toEqual({ [check]: expect.stringMatching(reason) });
  });

  test("the chain is that of the record", () => {
    expect(open(questionOf({}, { chainId: undefined }))).toEqual({});
  });
});

describe("what is given and differs fails", () => {
  test.each([
    ["block hash", { blockHash: filled(9, 32) }, /^failed: expected the block 0x0909/],
    ["checkpoint", { checkpoint: new TextEncoder().encode("another") }, /^failed: /],
    ["destination", { destination: filled(8, 20) }, /^failed: expected a transaction to 0x0808.*, found one to 0xa7a7/],
    ["chain", { chainId: 1n }, /^failed: expected the chain 1, found a record of the chain 31337$/],
    ["time", { at: 1_760_000_000n - 301n }, /^failed: the block is from second 1760000000 since 1970, which is after/],
  ] as const)("%s", (check, changes, reason) => {
    expect(open(questionOf({}, changes))).toEqual({ [check]: expect.stringMatching(reason) });
  });

  test("a block may be five minutes ahead", () => {
    expect(open(questionOf({}, { at: 1_760_000_000n - 300n }))).toEqual({});
  });
});

describe("one thing wrong", () => {
  const later = { calldata: /^not-checked/, checkpoint: /^not-checked/ };
  const rows: readonly (readonly [string, Partial<Plan>, Readonly<Record<string, RegExp>>])[] = [
    [
      "status 0",
      { receipt: receipt(0) },
      { status: /^failed: expected status 1, found status 0: the transaction failed/ },
    ],
    [
      "a status of 2",
      { receipt: receipt(2) },
      { receipt: /^failed/, status: /^not-checked: the receipt could not be read/ },
    ],
    [
      "a state root",
      { kind: 0, transaction: kinds[0]?.[1] ?? [], receiptKind: 0, receipt: receipt(filled(9, 32)) },
      { status: /^failed: .*a state root in place of a status/ },
    ],
    [
      "a state root of a typed one",
      { receipt: receipt(filled(9, 32)) },
      { receipt: /^failed/, status: /^not-checked/ },
    ],
    [
      "a receipt of another type",
      { receiptKind: 1 },
      { receipt: /^failed: expected the receipt of a type 0x02 transaction, found that of a type 0x01 one$/ },
    ],
    [
      "a receipt of no known type",
      { receiptKind: 5 },
      { receipt: /^failed/, status: /^not-checked: the fields of a receipt of type 0x05 are not known$/ },
    ],
    [
      "a receipt of three fields",
      { receipt: receipt(1).slice(0, 3) },
      { receipt: /^failed: .*expected 4 items, found 3/, status: /^not-checked/ },
    ],
    ["a receipt of five fields", { receipt: [...receipt(1), 0] }, { receipt: /^failed/, status: /^not-checked/ }],
    [
      "a receipt of a short bloom",
      { receipt: [1, 7, filled(0, 255), []] },
      { receipt: /^failed: .*logsBloom: expected 256 bytes/, status: /^not-checked/ },
    ],
    [
      "a transaction of a later type",
      { kind: 5, receiptKind: 5 },
      {
        status: /^not-checked/,
        chain: /^not-checked: the fields of a transaction of type 0x05/,
        destination: /^not-checked/,
        ...later,
      },
    ],
    [
      "a transaction for another chain",
      { transaction: transaction(concat(selector, root), destination, 1n) },
      { chain: /^failed: the record is of the chain 31337, its transaction of the chain 1$/ },
    ],
    [
      "a transaction for any chain",
      { kind: 0, receiptKind: 0, transaction: [7, 7, 7, ...call, 27, 1, 1] },
      { chain: /^not-checked: the transaction does not say for which chain it is$/ },
    ],
    ["v = 34", { kind: 0, receiptKind: 0, transaction: [7, 7, 7, ...call, 34, 1, 1] }, { chain: /^not-checked/ }],
    [
      "v = 35",
      { kind: 0, receiptKind: 0, transaction: [7, 7, 7, ...call, 35, 1, 1] },
      { chain: /^failed: .*of the chain 0$/ },
    ],
    [
      "a transaction that goes nowhere",
      { transaction: transaction(concat(selector, root), new Uint8Array()) },
      { destination: /^failed: the transaction goes nowhere: it creates a contract$/ },
    ],
    [
      "one with blobs that goes nowhere",
      {
        kind: 3,
        receiptKind: 3,
        transaction: [chainId, 7, 7, 7, 7, new Uint8Array(), 0, concat(selector, root), [], 7, [], ...signed],
      },
      {
        transaction: /^failed: .*to: expected 20 bytes, found 0/,
        receipt: /^not-checked/,
        chain: /^not-checked: the transaction could not be read/,
        destination: /^not-checked/,
        ...later,
      },
    ],
    [
      "an address of 19 bytes",
      { transaction: transaction(concat(selector, root), filled(7, 19)) },
      { transaction: /^failed/, receipt: /^not-checked/, chain: /^not-checked/, destination: /^not-checked/, ...later },
    ],
    [
      "a transaction of a field more",
      { transaction: [...transaction(concat(selector, root)), 0] },
      { transaction: /^failed/, receipt: /^not-checked/, chain: /^not-checked/, destination: /^not-checked/, ...later },
    ],
    [
      "a transaction of a field less",
      { transaction: transaction(concat(selector, root)).slice(0, 11) },
      {
        transaction: /^failed: .*expected 12 items, found 11/,
        receipt: /^not-checked/,
        chain: /^not-checked/,
        destination: /^not-checked/,
        ...later,
      },
    ],
    [
      "calldata of 35 bytes",
      { transaction: data(selector, root.subarray(1)) },
      {
        calldata: /^failed: expected 36 bytes of calldata, found 35$/,
        checkpoint: /^not-checked: there is no root in the calldata$/,
      },
    ],
    [
      "calldata of 37 bytes",
      { transaction: data(selector, root, filled(0, 1)) },
      { calldata: /^failed: expected 36 bytes of calldata, found 37$/, checkpoint: /^not-checked/ },
    ],
    [
      "another selector",
      { transaction: data(filled(1, 4), root) },
      {
        calldata: /^failed: expected the selector 0xeecdf927 of anchor\(bytes32\), found 0x01010101$/,
        checkpoint: /^not-checked/,
      },
    ],
    ["another root", { transaction: data(selector, filled(1, 32)) }, { checkpoint: /^failed: / }],
    [
      "a header of 14 fields",
      { header: (fields) => fields.slice(0, 14) },
      noHeader(/^failed: expected a header of at least 15 fields, found 14$/),
    ],
    ["a header of 15 fields", { header: (fields) => fields.slice(0, 15) }, {}],
    ["a header of 29 fields", { header: (fields) => [...fields, ...Array<Rlp>(8).fill([1, [2]])] }, {}],
    [
      "a header of 30 fields",
      { header: (fields) => [...fields, ...Array<Rlp>(9).fill(0)] },
      noHeader(/^failed: .*expected at most 29 items/),
    ],
    [
      "a header that is a string",
      { header: () => filled(1, 500) },
      noHeader(/^failed: the header is not the RLP of a list of fields/),
    ],
    [
      "a time that is a list",
      { header: field(11, []) },
      noHeader(/^failed: the header's field timestamp: expected a byte string, found a list$/),
    ],
    [
      "a time of nine bytes",
      { header: field(11, filled(1, 9)) },
      noHeader(/^failed: .*expected a number of at most 8 bytes/),
    ],
    [
      "a number with a zero before",
      { header: field(8, Uint8Array.of(0, 1)) },
      noHeader(/^failed: .*number: the number begins with a zero byte$/),
    ],
    [
      "a hash of 31 bytes in the last known field",
      { header: field(20, filled(1, 31)) },
      noHeader(/^failed: .*requestsHash: expected 32 bytes/),
    ],
  ];

  test.each(rows)("%s", (_name, plan, expected) => {
    const wanted = Object.entries(expected).map(([check, reason]) => [check, expect.stringMatching(reason)]);
    expect(open(questionOf(plan))).toEqual(Object.fromEntries(wanted));
  });
});

/** Without a header, nothing that rests on it can be checked. */
function noHeader(reason: RegExp): Readonly<Record<string, RegExp>> {
  const unread = /^not-checked: the header could not be read$/;
  return {
    header: reason,
    "block hash": unread,
    "transaction inclusion": unread,
    "receipt inclusion": unread,
    time: unread,
  };
}

describe("a part of another", () => {
  const { record } = made();
  const rows = [
    ["index 1", { index: 1n }, ["transaction inclusion", "receipt inclusion"]],
    ["no node of the transaction", { transactionProof: [] }, ["transaction inclusion"]],
    ["no node of the receipt", { receiptProof: [] }, ["receipt inclusion"]],
    ["the other's proof of the transaction", { transactionProof: record.receiptProof }, ["transaction inclusion"]],
    ["the other's proof of the receipt", { receiptProof: record.transactionProof }, ["receipt inclusion"]],
    ["a node more", { receiptProof: [...record.receiptProof, ...record.receiptProof] }, ["receipt inclusion"]],
    ["the other place in the round", { path: { ...record.path, index: 1n } }, ["checkpoint"]],
    ["a place that the round has not", { path: { ...record.path, index: 2n } }, ["checkpoint"]],
    ["a larger round", { path: { ...record.path, size: 3n } }, ["checkpoint"]],
    ["no hash", { path: { ...record.path, hashes: [] } }, ["checkpoint"]],
    ["a hash more", { path: { ...record.path, hashes: [...record.path.hashes, filled(1, 32)] } }, ["checkpoint"]],
    ["another hash", { path: { ...record.path, hashes: [filled(1, 32)] } }, ["checkpoint"]],
  ] as const;

  test.each(rows)("%s", (_name, changes, failing) => {
    const found = open(questionOf({}, { record: { ...record, ...changes } }));
    expect(Object.keys(found)).toEqual(failing);
    expect(Object.values(found).every((reason) => reason.startsWith("failed: "))).toBe(true);
  });

  test("any changed byte", () => {
    const parts = [
      ["header", (bytes: Uint8Array) => ({ header: bytes })],
      ["transaction", (bytes: Uint8Array) => ({ transaction: bytes })],
      ["receipt", (bytes: Uint8Array) => ({ receipt: bytes })],
      ["transactionProof", ([...bytes]: Uint8Array) => ({ transactionProof: [Uint8Array.from(bytes)] })],
      ["receiptProof", ([...bytes]: Uint8Array) => ({ receiptProof: [Uint8Array.from(bytes)] })],
    ] as const;
    for (const [key, change] of parts) {
      const part = record[key];
      const bytes = part instanceof Uint8Array ? part : (part[0] ?? new Uint8Array());
      for (let place = 0; place < bytes.length; place++) {
        const other = bytes.slice();
        other[place] = (other[place] ?? 0) ^ 0x01;
        const { checks, isGood } = judgeBlock(questionOf({}, { record: { ...record, ...change(other) } }));
        expect([isGood, checks.outcome], `${key} at ${place}`).toEqual([false, "failed"]);
      }
    }
  });
});

describe("what is no transaction and no receipt", () => {
  const rows: readonly (readonly [string, Uint8Array, string])[] = [
    ["nothing", new Uint8Array(), "it is empty"],
    ["a type alone", Uint8Array.of(2), "it is empty"],
    ["a string", rlp(filled(1, 40)), "expected a type below 0x80 or a list, found 0xa8"],
    ["more than 4 MiB", filled(2, (4 << 20) + 1), "expected at most 4194304 bytes, found 4194305"],
  ];
  for (const [name, bytes, reason] of rows) {
    test(name, () => {
      expect(() => parseTransaction(bytes)).toThrow(`this is no transaction: ${reason}`);
      expect(() => parseReceipt(bytes)).toThrow(`this is no receipt: ${reason}`);
    });
  }

  test("a receipt of type 0, which no fork has", () => {
    expect(parseReceipt(concat(Uint8Array.of(0), rlp(receipt(1))))).toEqual({ kind: 0, execution: undefined });
  });

  test("an access list that is a string", () => {
    const sent = transaction(concat(selector, root));
    sent[8] = filled(1, 3);
    expect(() => parseTransaction(concat(Uint8Array.of(2), rlp(sent)))).toThrow("accessList: expected a list");
  });

  test("a header of more than 16,384 bytes", () => {
    const header = headerFields(filled(1, 32), filled(2, 32));
    header[12] = filled(1, 16_000);
    expect(() => parseHeader(rlp(header))).toThrow("expected a header of at most 16384 bytes");
    header[12] = filled(1, 15_000);
    expect(parseHeader(rlp(header)).number).toBe(23_000_000n);
  });
});
