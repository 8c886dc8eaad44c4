/**
 * What a receipt shows under a verifier's trust (tlog-proof, "Verifying a tlog proof"), each check by name.
 *
 * | check | passes if |
 * |---|---|
 * | `receipt` | the receipt is a tlog-proof, to the letter |
 * | `log signature` | its checkpoint is of a trusted log, and a trusted key of that log signed it |
 * | `quorum` | witnesses cosigned it as the policy demands |
 * | `entry` | what the verifier holds is the entry that the proof is about |
 * | `inclusion` | the proof leads from that entry to the root in the checkpoint |
 */

import { type LogKey, type SignedCheckpoint, UnknownOrigin, verifyCheckpoint } from "./checkpoint.ts";
import { Checks, type Outcome, VerifyError } from "./checks.ts";
import { type Basis, type Claim, matched, tried } from "./claim.ts";
import { algorithmWords } from "./key.ts";
import { NoKnownSignature } from "./note.ts";
import { type CosignatureCheck, type Policy, shownName } from "./policy.ts";
import { checkInclusion, parseReceipt, type Receipt } from "./receipt.ts";
import { utc } from "./time.ts";

/** What a receipt came to. */
export interface ReceiptVerdict {
  readonly outcome: Outcome;
  /** What is shown and why, for a reader who knows nothing of logs. */
  readonly sentence: string;
  readonly checks: Checks;
  /** What of the verifier's is the entry. */
  readonly matched: Basis | undefined;
  /** The receipt, if it is one. */
  readonly receipt: Receipt | undefined;
  /** The time by which the first witness says that it saw the checkpoint, in Unix seconds. */
  readonly witnessedAt: bigint | undefined;
}

const AFTER_RECEIPT = ["log signature", "quorum", "entry", "inclusion"] as const;

/** Verifies a receipt: that what the verifier holds is in a log that they trust. */
export function judgeReceipt(
  bytes: Uint8Array,
  claim: Claim,
  policy: Policy,
  keys: readonly LogKey[] = policy.logKeys,
): ReceiptVerdict {
  const checks = new Checks();
  let receipt: Receipt;
  try {
    receipt = parseReceipt(bytes);
  } catch (error) {
    return withoutReceipt(claim, "failed", `it is not a tlog-proof: ${messageOf(error)}`);
  }
  const { index, checkpoint } = receipt;
  checks.add("receipt", "passed", `a tlog-proof of entry ${index} in a tree of ${checkpoint.size}`);
  const witnessedAt = checkCheckpoint(receipt, keys, policy, checks);
  const basis = checkEntry(receipt, claim, checks);
  const verdict = { checks, matched: basis, receipt, witnessedAt };
  return { ...verdict, outcome: checks.outcome, sentence: sentence(claim, verdict) };
}

/** The verdict where there is no receipt to verify, and why: the outcome is that of the check `receipt`. */
export function withoutReceipt(claim: Claim, outcome: Outcome, why: string): ReceiptVerdict {
  const checks = new Checks();
  checks.add("receipt", outcome, why);
  for (const name of AFTER_RECEIPT) {
    checks.add(name, "not-checked", "there is no receipt to check");
  }
  const verdict = { checks, matched: undefined, receipt: undefined, witnessedAt: undefined };
  return { ...verdict, outcome: checks.outcome, sentence: sentence(claim, verdict) };
}

function sentence(
  { name }: Claim,
  { checks, receipt, witnessedAt }: Pick<ReceiptVerdict, "checks" | "receipt" | "witnessedAt">,
): string {
  const first = (outcome: Outcome) => checks.list.find((check) => check.outcome === outcome);
  if (checks.outcome === "failed") {
    const why = first("failed");
    return `NOT verified: ${name} with this receipt. ${why?.name}: ${why?.reason}.`;
  }
  if (checks.outcome === "not-checked" || receipt === undefined) {
    return `Could not tell whether ${name} was logged: ${first("not-checked")?.reason}.`;
  }
  const seen = witnessedAt === undefined ? "" : `, and witnesses saw it there by ${utc(witnessedAt)}`;
  const { index, checkpoint } = receipt;
  return `Verified: ${name} is entry ${index} of ${checkpoint.origin}, unchanged since it was logged${seen}.`;
}

/** Makes the checks `log signature` and `quorum`. Gives the time by which the first witness says that it saw the checkpoint. */
export function checkCheckpoint(
  { note }: Receipt,
  keys: readonly LogKey[],
  policy: Policy,
  checks: Checks,
): bigint | undefined {
  let signed: SignedCheckpoint;
  try {
    signed = verifyCheckpoint(note, keys);
  } catch (error) {
    checks.add("log signature", "failed", unsigned(error, keys));
    checks.add("quorum", "not-checked", "cosignatures are looked at only under a log's signature");
    return undefined;
  }
  const by = signed.signatures.map(({ name, keyId, algorithm }) => `${name}+${keyId} (${algorithmWords(algorithm)})`);
  checks.add("log signature", "passed", `the checkpoint is signed by ${by.join(", ")}`);
  return checkQuorum(signed, policy, checks);
}

function checkQuorum(signed: SignedCheckpoint, policy: Policy, checks: Checks): bigint | undefined {
  let seen: CosignatureCheck[];
  try {
    seen = policy.checkCosignatures(signed);
  } catch (error) {
    checks.add("quorum", "failed", messageOf(error));
    return undefined;
  }
  const cosigned = new Set(seen.filter(({ cosignature }) => cosignature !== undefined).map(({ witness }) => witness));
  if (policy.quorum === undefined) {
    const why = "no witness is asked for, so nobody but the log vouches that everyone sees the same log";
    checks.add("quorum", "passed", why);
  } else if (policy.satisfiedBy((witness) => cosigned.has(witness))) {
    checks.add("quorum", "passed", `the quorum is met: ${witnesses(seen)}`);
  } else {
    checks.add("quorum", "failed", `the quorum is not met: ${witnesses(seen)}`);
  }
  const times = seen.map(({ cosignature }) => cosignature?.timestamp ?? 0n).filter((time) => time > 0n);
  return times.reduce<bigint | undefined>(
    (least, time) => (least === undefined || time < least ? time : least),
    undefined,
  );
}

function witnesses(seen: readonly CosignatureCheck[]): string {
  const one = ({ witness, cosignature }: CosignatureCheck) => {
    const name = shownName(witness);
    if (cosignature === undefined) {
      return `${name} did not`;
    }
    return cosignature.timestamp === undefined
      ? `${name} cosigned`
      : `${name} cosigned at ${utc(cosignature.timestamp)}`;
  };
  return seen.map(one).join(", ");
}

/**
 * Makes the checks `entry` and `inclusion` of a receipt, which does not say what its entry is: that of the leaf hashes is meant from which the
 * proof leads to the root. Gives what that was made of.
 */
function checkEntry(receipt: Receipt, claim: Claim, checks: Checks): Basis | undefined {
  const errors: string[] = [];
  for (const { basis, leaf } of claim.leaves) {
    try {
      checkInclusion(receipt, leaf);
    } catch (error) {
      errors.push(messageOf(error));
      continue;
    }
    checks.add("entry", "passed", matched(basis));
    checks.add("inclusion", "passed", included(receipt));
    return basis;
  }
  const what = `entry ${receipt.index} is something else, or the proof was changed (tried ${tried(claim)})`;
  checks.add("entry", "failed", what);
  const [reason = "nothing was given to verify"] = errors;
  checks.add("inclusion", "failed", `the proof does not lead from it to the signed root: ${reason}`);
  return undefined;
}

/** That the proof of a receipt holds. */
export function included({ index, checkpoint }: Receipt): string {
  return `the proof leads from entry ${index} to the root of ${checkpoint.size} entries`;
}

/** Why a note is not a checkpoint of a trusted log, with what was expected. */
function unsigned(error: unknown, keys: readonly LogKey[]): string {
  if (error instanceof UnknownOrigin) {
    const origins = keys.map(({ origin }) => `"${origin}"`).filter((origin, at, all) => origin !== all[at - 1]);
    return `its origin is "${error.origin}"; the trusted logs are ${origins.join(", ")}`;
  }
  if (error instanceof NoKnownSignature) {
    const names = keys.map(({ vkey }) => vkey.label).join(", ");
    return `no signature is by a trusted key of this log (${names})`;
  }
  return messageOf(error);
}

/** What is wrong, in words. Any error but those of verification is a fault of the program, and is not swallowed. */
export function messageOf(error: unknown): string {
  if (error instanceof VerifyError) {
    return error.message;
  }
  throw error;
}
