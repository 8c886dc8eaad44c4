import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fromHex } from "../../src/verify/bytes.ts";
import { vectors } from "../vectors.ts";

const folder = vectors === undefined ? undefined : resolve(vectors, "ethereum");

/** The rows of a file of JSON lines; none where there are no vectors. */
function jsonLines<T>(file: string): T[] {
  if (folder === undefined) {
    return [];
  }
  const lines = readFileSync(resolve(folder, file), "utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as T);
}

/** A block of a real chain. Transactions and receipts are null where they are not known. */
export interface Block {
  readonly network: "mainnet" | "sepolia";
  readonly number: number;
  readonly timestamp: number;
  readonly hash: string;
  readonly header_rlp: string;
  readonly transactions: readonly string[] | null;
  readonly receipts: readonly string[] | null;
}

/** All blocks, by their files' names. */
export function blocks(): Map<string, Block> {
  if (folder === undefined) {
    return new Map();
  }
  const files = readdirSync(resolve(folder, "blocks"));
  return new Map(
    files.map((name) => [name, JSON.parse(readFileSync(resolve(folder, "blocks", name), "utf8")) as Block]),
  );
}

/** The bytes of a text of `0x` and hexadecimal digits. */
export function bytes(text: string): Uint8Array {
  const found = text.startsWith("0x") ? fromHex(text.slice(2).toLowerCase()) : undefined;
  if (found === undefined) {
    throw new Error(`expected 0x and hexadecimal digits, found ${text.slice(0, 80)}`);
  }
  return found;
}

/** A proof of a real transaction or receipt, under its key. */
export interface Row {
  readonly id: string;
  readonly network: Block["network"];
  readonly block_hash: string;
  readonly header_rlp: string;
  readonly kind: "tx" | "receipt";
  readonly index: string;
  readonly value: string;
  readonly proof: readonly string[];
}

/** What is changed of a row: whatever is not here is as it is there. */
export interface Changed extends Partial<Row> {
  readonly id: string;
  readonly base: string;
  readonly mutation: string;
  readonly expect: string;
}

export const validRows = () => jsonLines<Row>("proofs/valid.jsonl");
export const changedRows = () => jsonLines<Changed>("proofs/mutated.jsonl");

/** The one change that only the trusted block hash can tell: the header is well formed, and it is another block's. */
export const onlyByTrust = "header-timestamp-altered-rehashed";

export const chainIds = { mainnet: 1n, sepolia: 11_155_111n } as const;
