/** Works out what a file is. Nothing of it is believed: a kind says only how the file is to be verified. */

import { fromUtf8, toHex } from "../../verify/bytes.ts";
import { parseCheckpoint } from "../../verify/checkpoint.ts";
import { claimOfFile } from "../../verify/claim.ts";
import { sha256 } from "../../verify/hash.ts";
import { Vkey } from "../../verify/key.ts";
import { MAX_NOTE_SIZE, Note } from "../../verify/note.ts";
import { Policy } from "../../verify/policy.ts";
import { MAX_RECEIPT_SIZE, parseReceipt } from "../../verify/receipt.ts";
import { readList } from "./blocks.ts";
import { digestOf } from "./digest.ts";
import type { Kind, Looked } from "./protocol.ts";

/** The largest file that can be anything but a record: evidence. */
const MAX_PROOF_BYTES = 64 << 20;

/** Begins a receipt of any version. */
const RECEIPT = "c2sp.org/tlog-proof@";
/** The object identifier of CMS SignedData (1.2.840.113549.1.7.2) in DER. */
const SIGNED_DATA = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/** A time-stamp token has it at once, a response behind its status, which may hold a text. */
const TOKEN_HEAD = 512;

/** Looks at a file: reads all of it once. */
export async function look(file: Blob, name: string, progress: (bytes: number) => void): Promise<Looked> {
  if (file.size > MAX_PROOF_BYTES) {
    const digest = await digestOf(file, progress);
    return { kind: "record", size: file.size, about: "", ...hashes(digest, undefined) };
  }
  const bytes = new Uint8Array(await file.arrayBuffer());
  const { kind, about } = recognise(bytes, name);
  return { kind, size: bytes.length, about, ...hashes(sha256(bytes), bytes) };
}

function hashes(digest: Uint8Array, contents: Uint8Array | undefined): Pick<Looked, "sha256" | "leaves"> {
  const { leaves } = claimOfFile("", digest, contents);
  return { sha256: toHex(digest), leaves: leaves.map(({ leaf }) => toHex(leaf)) };
}

/** What bytes are, and a line about them. */
export function recognise(bytes: Uint8Array, name: string): { readonly kind: Kind; readonly about: string } {
  if (bytes[0] === 0x30 && holds(bytes.subarray(0, TOKEN_HEAD), SIGNED_DATA)) {
    return { kind: "token", about: "a time-stamp token" };
  }
  const text = fromUtf8(bytes);
  if (text === undefined) {
    return /\.evidence\.json$/.test(name) ? { kind: "evidence", about: "" } : { kind: "record", about: "" };
  }
  return (
    ofEvidence(text, name) ??
    ofReceipt(text, bytes, name) ??
    ofTrust(text) ??
    ofCheckpoint(text, bytes) ?? { kind: "record", about: "" }
  );
}

type Found = { readonly kind: Kind; readonly about: string } | undefined;

function ofEvidence(text: string, name: string): Found {
  if (/^\s*\{/.test(text) && /"format"\s*:\s*"counterfoil\/evidence@/.test(text)) {
    return { kind: "evidence", about: "evidence" };
  }
  return name.endsWith(".evidence.json") ? { kind: "evidence", about: "" } : undefined;
}

function ofReceipt(text: string, bytes: Uint8Array, name: string): Found {
  if (!text.startsWith(RECEIPT) && !name.endsWith(".tlog-proof")) {
    return undefined;
  }
  const read = bytes.length > MAX_RECEIPT_SIZE ? undefined : attempt(() => parseReceipt(bytes));
  const about = read === undefined ? "" : `entry ${read.index} of ${read.checkpoint.origin}`;
  return { kind: "receipt", about };
}

function ofTrust(text: string): Found {
  if (/^\s*format\s*=\s*"counterfoil\/trust@/m.test(text)) {
    return { kind: "trust", about: "a trust file" };
  }
  if (text.includes("-----BEGIN CERTIFICATE-----")) {
    const count = text.split("-----BEGIN CERTIFICATE-----").length - 1;
    return { kind: "certificates", about: count === 1 ? "a certificate" : `${count} certificates` };
  }
  if (/^quorum /m.test(text) && attempt(() => Policy.parse(new TextEncoder().encode(text))) !== undefined) {
    return { kind: "policy", about: "a policy" };
  }
  const lines = text.trim().split("\n");
  if (lines.length <= 256 && lines.every((line) => attempt(() => Vkey.parse(line.trim())) !== undefined)) {
    return { kind: "vkeys", about: lines.length === 1 ? "a key" : `${lines.length} keys` };
  }
  const blocks = attempt(() => readList(text).size) ?? 0;
  if (blocks > 0) {
    return { kind: "blocks", about: blocks === 1 ? "a block" : `${blocks} blocks` };
  }
  return undefined;
}

function ofCheckpoint(text: string, bytes: Uint8Array): Found {
  if (bytes.length > MAX_NOTE_SIZE || !text.includes("\n\n— ")) {
    return undefined;
  }
  const checkpoint = attempt(() => parseCheckpoint(Note.parse(bytes).text));
  return checkpoint && { kind: "checkpoint", about: `${checkpoint.origin}, ${checkpoint.size} entries` };
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function holds(bytes: Uint8Array, part: readonly number[]): boolean {
  return bytes.some((_, at) => part.every((byte, offset) => bytes[at + offset] === byte));
}
