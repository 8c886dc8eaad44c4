/**
 * Whether evidence shows that a record existed no later than a time: a function of the evidence, of what the verifier trusts and holds, and of
 * the time of the judgement (docs/evidence.md, "How evidence is judged").
 */

import type { AnchorVerdict } from "./anchor-verdict.ts";
import { type Blocks, blocksInWords } from "./blocks.ts";
import { equal, toHex, toUtf8 } from "./bytes.ts";
import { type Check, Checks, type Outcome, VerifyError } from "./checks.ts";
import { type Basis, type Claim, matched, tried } from "./claim.ts";
import { type Entry, type Evidence, parseEvidence } from "./evidence.ts";
import { judgeAnchors } from "./judge-anchors.ts";
import { checkCheckpoint, included, messageOf } from "./judge-receipt.ts";
import { contentsInWords, sentenceOf, trustInWords } from "./judge-words.ts";
import { Policy } from "./policy.ts";
import { checkInclusion } from "./receipt.ts";
import type { Timestamp } from "./rfc3161/index.ts";
import type { Trust } from "./trust.ts";

/** The checks that evidence cannot be verified without. */
export const NEEDED: readonly string[] = ["log signature", "quorum", "entry", "inclusion", "anchors"];

/** What a judgement came to. */
export interface Verdict {
  /** Verified, not verified, or it could not be told. */
  readonly outcome: Outcome;
  /** What is shown and why, for a reader who knows nothing of logs. */
  readonly sentence: string;
  /** Each check, in order. */
  readonly checks: Checks;
  /** What a reader should know although it is verified. */
  readonly caveats: readonly string[];
  /** What was to be trusted, in words. */
  readonly trusted: readonly string[];
  /** What of the verifier's is the entry. */
  readonly matched: Basis | undefined;
  /** The time by which the first witness says that it saw the checkpoint, in Unix seconds. */
  readonly witnessedAt: bigint | undefined;
  /** The record existed no later than this; undefined unless it is verified. */
  readonly noLaterThan: Timestamp | undefined;
  /** What each anchor came to. */
  readonly anchors: readonly AnchorVerdict[];
  /** The checks that failed and by which no more than an anchor is left out. */
  readonly leftOut: readonly string[];
  /** What was judged, if it is evidence. */
  readonly evidence: Evidence | undefined;
}

/** Reads a file as evidence and judges it; `name` is what the file is called, and `claim` what the verifier holds, if it is anything. */
export function judgeEvidenceFile(
  name: string,
  bytes: Uint8Array,
  trust: Trust,
  blocks: Blocks,
  claim: Claim | undefined,
  at: Timestamp,
): Verdict {
  let evidence: Evidence;
  try {
    evidence = parseEvidence(bytes);
  } catch (error) {
    return withoutEvidence("failed", `${name} is no evidence: ${messageOf(error)}`, claim?.name ?? name);
  }
  return judgeEvidence(evidence, trust, blocks, claim, at);
}

/** The verdict where there is no evidence to judge, and why: the outcome is that of the check `evidence`. */
export function withoutEvidence(outcome: Outcome, why: string, subject: string): Verdict {
  const checks = new Checks();
  checks.add("evidence", outcome, why);
  for (const name of NEEDED) {
    checks.add(name, "not-checked", "there is no evidence to check");
  }
  const sentence =
    outcome === "failed"
      ? `NOT verified: ${subject} with this evidence. ${why}.`
      : `Could not tell whether ${subject} existed at any time: ${why}.`;
  return {
    outcome,
    sentence,
    checks,
    caveats: [],
    trusted: [],
    matched: undefined,
    witnessedAt: undefined,
    noLaterThan: undefined,
    anchors: [],
    leftOut: [],
    evidence: undefined,
  };
}

/** Judges evidence at a time, by the trust file and what else is trusted of blocks. */
export function judgeEvidence(
  evidence: Evidence,
  trust: Trust,
  blocks: Blocks,
  claim: Claim | undefined,
  at: Timestamp,
): Verdict {
  const { receipt, entry } = evidence;
  const checks = new Checks();
  checks.add("evidence", "passed", contentsInWords(evidence));
  const witnessedAt = checkCheckpoint(receipt, trust.policy.logKeys, trust.policy, checks);
  const basis = checkEntry(entry, claim, checks);
  try {
    checkInclusion(receipt, entry.leafHash);
    checks.add("inclusion", "passed", included(receipt));
  } catch (error) {
    const why = `the proof does not lead from the entry to the signed root: ${messageOf(error)}`;
    checks.add("inclusion", "failed", why);
  }
  const anchored = judgeAnchors(evidence, trust, blocks, at, checks);
  const { outcome, standsInTheWay } = conclude(checks, anchored.leftOut);
  const noLaterThan = outcome === "passed" ? anchored.noLaterThan : undefined;
  return {
    outcome,
    sentence: sentenceOf({ outcome, noLaterThan, standsInTheWay, anchors: anchored.verdicts }, evidence, trust, claim),
    checks,
    caveats: [...anchored.caveats, ...otherPolicy(evidence.policy, trust.policy)],
    trusted: [...trustInWords(trust), ...blocksInWords(blocks)],
    matched: basis,
    witnessedAt,
    noLaterThan,
    anchors: anchored.verdicts,
    leftOut: anchored.leftOut,
    evidence,
  };
}

/**
 * What the checks come to, and which stands in the way. Failed if one failed, but for those by which no more than an anchor is left out; passed
 * if those that are needed passed; else it could not be told.
 */
function conclude(
  checks: Checks,
  leftOut: readonly string[],
): { readonly outcome: Outcome; readonly standsInTheWay: Check | undefined } {
  const { list } = checks;
  const against = list.find(({ name, outcome }) => outcome === "failed" && !leftOut.includes(name));
  if (against !== undefined) {
    return { outcome: "failed", standsInTheWay: against };
  }
  if (NEEDED.every((name) => checks.outcomeOf(name) === "passed")) {
    return { outcome: "passed", standsInTheWay: undefined };
  }
  const open = list.find(({ name, outcome }) => outcome !== "passed" && NEEDED.includes(name));
  return { outcome: "not-checked", standsInTheWay: open };
}

/** Makes the check `entry`. Gives what of the verifier's matched. */
function checkEntry(
  { leafHash, digest, contents }: Entry,
  claim: Claim | undefined,
  checks: Checks,
): Basis | undefined {
  if (claim === undefined) {
    if (digest !== undefined) {
      const why = "the evidence holds the digest that is the entry; no file was given to compare with it";
      checks.add("entry", "passed", why);
    } else if (contents !== undefined) {
      checks.add("entry", "passed", `the evidence holds the entry itself, ${contents.length} bytes`);
    } else {
      const why =
        "the evidence holds nothing of the entry but its leaf hash, and nothing was given to compare with that: give the file, --sha256 or --leaf-hash";
      checks.add("entry", "not-checked", why);
    }
    return undefined;
  }
  const found = claim.leaves.find(({ leaf }) => equal(leaf, leafHash));
  if (found !== undefined) {
    checks.add("entry", "passed", matched(found.basis));
    return found.basis;
  }
  const other = `the evidence is about another entry, that with the leaf hash ${toHex(leafHash)} (tried ${tried(claim)})`;
  checks.add("entry", "failed", other);
  return undefined;
}

/** That the evidence names another policy than the verifier's. */
function otherPolicy(text: string, policy: Policy): string[] {
  try {
    if (Policy.parse(toUtf8(text)).encode() === policy.encode()) {
      return [];
    }
  } catch (error) {
    if (!(error instanceof VerifyError)) {
      throw error;
    }
  }
  return ["the evidence says that it was made under another policy than the one that is trusted, which alone was used"];
}
