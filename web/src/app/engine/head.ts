/** Reads a log's checkpoint, and verifies it under what the verifier trusts, where anybody is trusted. */

import { parseCheckpoint } from "../../verify/checkpoint.ts";
import { Checks } from "../../verify/checks.ts";
import { checkCheckpoint } from "../../verify/judge-receipt.ts";
import { Note } from "../../verify/note.ts";
import type { Head } from "./protocol.ts";
import { readTrust } from "./trust.ts";

/** Throws where the note is no checkpoint at all. */
export function readHead(bytes: Uint8Array, trust: string): Head {
  const note = Note.parse(bytes);
  const checkpoint = parseCheckpoint(note.text);
  const checks = new Checks();
  let witnessedAt: bigint | undefined;
  if (trust.trim() === "") {
    checks.add("log signature", "not-checked", "nobody is trusted yet");
  } else {
    const { keys, policy } = readTrust(trust);
    const receipt = { note, checkpoint, index: 0n, proof: [], extra: undefined };
    witnessedAt = checkCheckpoint(receipt, keys, policy, checks);
  }
  const { origin, size, root } = checkpoint;
  const lines = note.signatures.map(({ name, keyId }) => `${name}+${keyId}`);
  return { origin, size, root, lines, note: bytes, outcome: checks.outcome, checks: checks.list, witnessedAt };
}
