/**
 * Whether a record shows that a block of an Ethereum chain holds a transaction which names a signed checkpoint: a function of what is
 * given, and of nothing else. docs/ethereum.md says what each check demands. What remains to be trusted is the hash of one block.
 */

import { equal, toHex } from "../bytes.ts";
import { Checks, NotChecked, VerifyError } from "../checks.ts";
import { hashLeaf, showHash } from "../hash.ts";
import { verifyInclusion } from "../proof.ts";
import { showKind } from "./envelope.ts";
import { type Header, parseHeader } from "./header.ts";
import { showBytes } from "./keccak.ts";
import { type Execution, parseReceipt, type Receipt } from "./receipt.ts";
import { type Call, parseTransaction, type Transaction } from "./transaction.ts";
import { indexKey, verifyTrieProof } from "./trie.ts";

/** What is kept of a transaction that anchors a round. Nothing is trusted because it is here. */
export interface BlockRecord {
  readonly chainId: bigint;
  /** The header of the block: its RLP. */
  readonly header: Uint8Array;
  /** The place of the transaction in the block, and of its receipt. */
  readonly index: bigint;
  /** The transaction, and its receipt, as the block commits to them (EIP-2718). */
  readonly transaction: Uint8Array;
  readonly receipt: Uint8Array;
  /** The nodes from the header's roots to transaction and receipt. */
  readonly transactionProof: readonly Uint8Array[];
  readonly receiptProof: readonly Uint8Array[];
  /** The way from the signed checkpoint to the root in the calldata: an inclusion proof (RFC 6962 section 2.1.1). */
  readonly path: { readonly index: bigint; readonly size: bigint; readonly hashes: readonly Uint8Array[] };
}

/** What a record is judged by. What is undefined is not checked. */
export interface BlockQuestion {
  readonly record: BlockRecord;
  /** The signed checkpoint that it shall cover, byte for byte. */
  readonly checkpoint?: Uint8Array | undefined;
  /** The hash that the verifier trusts the block to have. */
  readonly blockHash?: Uint8Array | undefined;
  /** The chain of that block, if the verifier says which. */
  readonly chainId?: bigint | undefined;
  /** The address to which the transaction must go. */
  readonly destination?: Uint8Array | undefined;
  /** The time of the judgement in seconds since the beginning of 1970: no block is from later. */
  readonly at?: bigint | undefined;
}

export interface BlockJudgement {
  /** Each check that was made, or could not be, in order. */
  readonly checks: Checks;
  /** What the header says, if it could be read. */
  readonly header: Header | undefined;
  /** The transaction, if it could be read. */
  readonly transaction: Transaction | undefined;
  /** Nothing failed, and everything that a record must show was checked: the block hash as well. */
  readonly isGood: boolean;
}

/** What may be left open in a good record. */
const optionalChecks = ["destination", "time"];

/** How far the time of a block may be after the time of the judgement: clocks differ. */
const maxAheadSeconds = 300n;

const selector = Uint8Array.of(0xee, 0xcd, 0xf9, 0x27);
const calldataSize = 36;

const inWords: Record<Execution, string> = {
  succeeded: "status 1",
  failed: "status 0: the transaction failed and was undone",
  untold: "a state root in place of a status (from before Byzantium)",
};

/** What was read, or why it could not be. */
type Read<T> = { readonly value: T } | { readonly error: VerifyError };

function attempt<T>(read: () => T): Read<T> {
  try {
    return { value: read() };
  } catch (error) {
    if (error instanceof VerifyError) {
      return { error };
    }
    throw error;
  }
}

/** What was read; what could not be has failed a check of its own, and leaves this one open. */
function needed<T>(read: Read<T>, what: string): T {
  if ("error" in read) {
    throw new NotChecked(`the ${what} could not be read`);
  }
  return read.value;
}

function given<T>(read: Read<T>): T {
  if ("error" in read) {
    throw read.error;
  }
  return read.value;
}

export function judgeBlock(question: BlockQuestion): BlockJudgement {
  const { record } = question;
  const readHeader = attempt(() => parseHeader(record.header));
  const readTransaction = attempt(() => parseTransaction(record.transaction));
  const readReceipt = attempt(() => parseReceipt(record.receipt));
  const header = () => needed(readHeader, "header");
  const call = () => callOf(needed(readTransaction, "transaction"));
  const checks = new Checks();
  checks.note("header", () => `block ${given(readHeader).number}`);
  checks.note("block hash", () => blockHash(header(), question.blockHash));
  checks.note("transaction", () => {
    const { hash, kind } = given(readTransaction);
    return `${showBytes(hash)} (${showKind(kind)})`;
  });
  checks.note("transaction inclusion", () =>
    inclusion(header().transactionsRoot, record.index, record.transaction, record.transactionProof),
  );
  checks.note("receipt", () => sameKind(given(readReceipt), needed(readTransaction, "transaction")));
  checks.note("receipt inclusion", () =>
    inclusion(header().receiptsRoot, record.index, record.receipt, record.receiptProof),
  );
  checks.note("status", () => status(needed(readReceipt, "receipt")));
  checks.note("chain", () => chain(call, record.chainId, question.chainId));
  checks.note("destination", () => destination(call(), question.destination));
  let root: Uint8Array | undefined;
  checks.note("calldata", () => {
    root = rootInCalldata(call().data);
    return `anchor(bytes32) of the root ${showHash(root)}`;
  });
  checks.note("checkpoint", () => checkpoint(root, record.path, question.checkpoint));
  checks.note("time", () => isNotLater(header(), question.at));
  return {
    checks,
    header: "value" in readHeader ? readHeader.value : undefined,
    transaction: "value" in readTransaction ? readTransaction.value : undefined,
    isGood: checks.holdButFor(optionalChecks),
  };
}

function blockHash(header: Header, trusted: Uint8Array | undefined): string {
  const found = showBytes(header.hash);
  if (trusted === undefined) {
    throw new NotChecked(`no hash was given that block ${header.number} must have; by its header it is ${found}`);
  }
  if (!equal(trusted, header.hash)) {
    throw new VerifyError(`expected the block ${showBytes(trusted)}, found the header of ${found}`);
  }
  return found;
}

function inclusion(root: Uint8Array, index: bigint, value: Uint8Array, proof: readonly Uint8Array[]): string {
  verifyTrieProof(root, indexKey(index), value, proof);
  return `number ${index} under the root ${showBytes(root)}`;
}

function sameKind(receipt: Receipt, transaction: Transaction): string {
  const found = showKind(receipt.kind);
  if (receipt.kind !== transaction.kind) {
    throw new VerifyError(
      `expected the receipt of a ${showKind(transaction.kind)} transaction, found that of a ${found} one`,
    );
  }
  return found;
}

function status({ kind, execution }: Receipt): string {
  if (execution === undefined) {
    throw new NotChecked(`the fields of a receipt of ${showKind(kind)} are not known`);
  }
  if (execution !== "succeeded") {
    throw new VerifyError(`expected status 1, found ${inWords[execution]}`);
  }
  return inWords[execution];
}

function callOf({ kind, call }: Transaction): Call {
  if (call === undefined) {
    throw new NotChecked(`the fields of a transaction of ${showKind(kind)} are not known`);
  }
  return call;
}

function chain(call: () => Call, ofRecord: bigint, expected: bigint | undefined): string {
  if (expected !== undefined && expected !== ofRecord) {
    throw new VerifyError(`expected the chain ${expected}, found a record of the chain ${ofRecord}`);
  }
  const { chainId } = call();
  if (chainId === undefined) {
    throw new NotChecked("the transaction does not say for which chain it is");
  }
  if (chainId !== ofRecord) {
    throw new VerifyError(`the record is of the chain ${ofRecord}, its transaction of the chain ${chainId}`);
  }
  return chainId.toString();
}

function destination({ to }: Call, expected: Uint8Array | undefined): string {
  if (to === undefined) {
    throw new VerifyError("the transaction goes nowhere: it creates a contract");
  }
  if (expected === undefined) {
    throw new NotChecked(`no address was given that the transaction must go to; it goes to ${showBytes(to)}`);
  }
  if (!equal(expected, to)) {
    throw new VerifyError(`expected a transaction to ${showBytes(expected)}, found one to ${showBytes(to)}`);
  }
  return showBytes(to);
}

/** Solidity's ABI of a call of `anchor(bytes32)`: the first 4 bytes of its Keccak-256, and the root. */
function rootInCalldata(data: Uint8Array): Uint8Array {
  if (data.length !== calldataSize) {
    throw new VerifyError(`expected ${calldataSize} bytes of calldata, found ${data.length}`);
  }
  const found = data.subarray(0, selector.length);
  if (!equal(found, selector)) {
    throw new VerifyError(`expected the selector 0x${toHex(selector)} of anchor(bytes32), found 0x${toHex(found)}`);
  }
  return data.subarray(selector.length);
}

function checkpoint(
  root: Uint8Array | undefined,
  { index, size, hashes }: BlockRecord["path"],
  signed: Uint8Array | undefined,
): string {
  if (root === undefined) {
    throw new NotChecked("there is no root in the calldata");
  }
  if (signed === undefined) {
    throw new NotChecked("the checkpoint to be covered was not given");
  }
  verifyInclusion(index, size, hashLeaf(signed), hashes, root);
  return `number ${index} of ${size} under the root`;
}

function isNotLater({ timestamp }: Header, at: bigint | undefined): string {
  if (at === undefined) {
    throw new NotChecked("the time of the judgement was not given");
  }
  if (timestamp > at + maxAheadSeconds) {
    throw new VerifyError(`the block is from second ${timestamp} since 1970, which is after ${at}`);
  }
  return `second ${timestamp} since 1970`;
}
