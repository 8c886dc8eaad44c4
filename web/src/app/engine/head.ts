/** Reads a log's checkpoint, and verifies it under what the verifier trusts, where anybody is trusted. */

import { parseCheckpoint, verifyCheckpoint } from "../../verify/checkpoint.ts";
import { Checks } from "../../verify/checks.ts";
import { checkCheckpoint } from "../../verify/judge-receipt.ts";
import { Note, type VerifiedSignature } from "../../verify/note.ts";
import { type Member, needed, shownName, type Witness } from "../../verify/policy.ts";
import type { Head, QuorumMember } from "./protocol.ts";
import { type Read, readTrust } from "./trust.ts";

/** Throws where the note is no checkpoint at all. */
export function readHead(bytes: Uint8Array, trust: string): Head {
  const note = Note.parse(bytes);
  const checkpoint = parseCheckpoint(note.text);
  const checks = new Checks();
  let quorum: QuorumMember | undefined;
  if (trust.trim() === "") {
    checks.add("log signature", "not-checked", "nobody is trusted yet");
  } else {
    const read = readTrust(trust);
    checkCheckpoint({ note, checkpoint, index: 0n, proof: [], extra: undefined }, read.keys, read.policy, checks);
    // Also where it is not reached: who is missing is what a reader wants to know then.
    quorum = checks.outcomeOf("log signature") === "passed" ? quorumOn(note, read) : undefined;
  }
  const { origin, size, root } = checkpoint;
  const lines = note.signatures.map(({ name, keyId }) => `${name}+${keyId}`);
  return { origin, size, root, lines, note: bytes, trust, outcome: checks.outcome, checks: checks.list, quorum };
}

/** The quorum of a policy, each member with what it did on a checkpoint that the log signed. */
function quorumOn(note: Note, { keys, policy }: Read): QuorumMember | undefined {
  const cosigned = new Map<Witness, VerifiedSignature | undefined>(
    policy.checkCosignatures(verifyCheckpoint(note, keys)).map(({ witness, cosignature }) => [witness, cosignature]),
  );
  return policy.quorum && memberOn(policy.quorum, cosigned);
}

function memberOn(member: Member, cosigned: ReadonlyMap<Witness, VerifiedSignature | undefined>): QuorumMember {
  const name = shownName(member);
  if (member.kind === "witness") {
    const cosignature = cosigned.get(member);
    const isMet = cosignature !== undefined;
    return { kind: "witness", name, key: member.vkey.label, isMet, at: cosignature?.timestamp };
  }
  const members = member.members.map((one) => memberOn(one, cosigned));
  const isMet = members.filter((one) => one.isMet).length >= needed(member);
  return { kind: "group", name, needed: needed(member), isMet, members };
}
