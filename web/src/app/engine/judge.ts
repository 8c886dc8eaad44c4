/** Verifies one proof under what the verifier trusts, and gives what the page shows. The judgements themselves are src/verify's. */

import type { AnchorVerdict } from "../../verify/anchor-verdict.ts";
import { fromHex, toHex } from "../../verify/bytes.ts";
import { parseCheckpoint } from "../../verify/checkpoint.ts";
import { Checks, type Outcome, VerifyError } from "../../verify/checks.ts";
import { type Claim, claimOfFile } from "../../verify/claim.ts";
import { HASH_SIZE, sha256 } from "../../verify/hash.ts";
import { judgeEvidenceFile, withoutEvidence } from "../../verify/judge.ts";
import { checkCheckpoint, judgeReceipt } from "../../verify/judge-receipt.ts";
import { caveatsOf, checksOf, judgeTokenAnchor } from "../../verify/judge-token.ts";
import { Note } from "../../verify/note.ts";
import type { Receipt } from "../../verify/receipt.ts";
import { type Covers, Timestamp, tokenInResponse } from "../../verify/rfc3161/index.ts";
import { MAX_ENTRY_SIZE } from "../../verify/tile.ts";
import { utc } from "../../verify/time.ts";
import { blocksOf } from "./blocks.ts";
import { changeProof } from "./control.ts";
import { changed, digestOf } from "./digest.ts";
import type { AnchorOf, Fact, Job, Judgement } from "./protocol.ts";
import { type Read, readTrust } from "./trust.ts";

/** The object identifier of SHA-256. */
const SHA256 = "2.16.840.1.101.3.4.2.1";
/** A file that a token covers is read into memory up to this size. */
const MAX_WHOLE = 64 << 20;

/** What one kind of proof comes to. */
interface Came {
  readonly outcome: Outcome;
  readonly sentence: string;
  readonly checks: Checks;
  readonly caveats: readonly string[];
  readonly trusted: readonly string[];
  readonly facts: readonly Fact[];
  readonly anchors?: readonly AnchorOf[];
  readonly leftOut?: readonly string[];
}

/** Verifies. */
export async function judge(job: Job, progress: (bytes: number) => void): Promise<Judgement> {
  const started = performance.now();
  const trust = readTrust(job.trust);
  const original = new Uint8Array(await job.proof.file.arrayBuffer());
  const control = job.control === undefined || job.control === "record" ? undefined : job.control;
  const change = control === undefined ? undefined : changeProof(job.proof.kind, original, control);
  if (control !== undefined && change === undefined) {
    throw new VerifyError("this proof has no such byte to change");
  }
  const proof = change?.bytes ?? original;
  const claim = await claimOf(job, progress);
  const came = await comes(job, proof, claim?.claim, trust);
  const what = change?.what ?? claim?.changed;
  return {
    kind: job.proof.kind,
    subject: claim?.claim.name ?? job.proof.name,
    proofName: job.proof.name,
    proofSha256: toHex(sha256(proof)),
    recordSha256: claim?.claim.digest && toHex(claim.claim.digest),
    ...came,
    anchors: came.anchors ?? [],
    leftOut: came.leftOut ?? [],
    checks: came.checks.list,
    at: job.at,
    milliseconds: performance.now() - started,
    ...(what !== undefined && { changed: what }),
  };
}

async function comes(job: Job, proof: Uint8Array, claim: Claim | undefined, trust: Read): Promise<Came> {
  switch (job.proof.kind) {
    case "receipt":
      return ofReceipt(proof, claim, trust);
    case "evidence":
      return ofEvidence(job, proof, claim, trust);
    case "checkpoint":
      return ofCheckpoint(job.proof.name, proof, trust);
    case "token":
      return ofToken(job, proof, claim, trust);
    default:
      throw new VerifyError(
        `${job.proof.name} proves nothing by itself: a receipt, evidence or a checkpoint was expected`,
      );
  }
}

interface Claimed {
  readonly claim: Claim;
  readonly changed: string | undefined;
}

/** What the verifier holds. For the control it is read with a bit flipped in its middle. */
async function claimOf({ record, control }: Job, progress: (bytes: number) => void): Promise<Claimed | undefined> {
  if (record === undefined) {
    return undefined;
  }
  const { file, name, sha256: sha256Known } = record;
  const at = file.size >> 1;
  const change = control === "record" ? { at } : undefined;
  const words = change === undefined ? undefined : `one bit of byte ${at} of ${name}`;
  if (file.size <= MAX_ENTRY_SIZE) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const contents = change === undefined ? bytes : changed(bytes, at);
    return { claim: claimOfFile(name, sha256(contents), contents), changed: words };
  }
  // What was hashed once, when the file was looked at, is not read again.
  const known = change === undefined && sha256Known !== undefined ? fromHex(sha256Known, HASH_SIZE) : undefined;
  const digest = known ?? (await digestOf(file, progress, change));
  return { claim: claimOfFile(name, digest, undefined), changed: words };
}

function ofReceipt(proof: Uint8Array, claim: Claim | undefined, trust: Read): Came {
  const held = claim ?? { name: "the record", leaves: [], digest: undefined };
  if (claim === undefined) {
    throw new VerifyError("a receipt does not hold its record: give the file that was logged, too");
  }
  const verdict = judgeReceipt(proof, held, trust.policy, trust.keys);
  return { ...verdict, caveats: [], trusted: trust.trusted, facts: factsOf(verdict.receipt, verdict.witnessedAt) };
}

/** Evidence under a policy alone, without authorities: its receipt can be judged, its anchors cannot. */
function ofEvidence(job: Job, proof: Uint8Array, claim: Claim | undefined, trust: Read): Came {
  if (trust.trust === undefined) {
    const why = `no time-stamping authority and no chain is trusted, so no time can be shown: whom you trust is ${trust.form === "policy" ? "a policy" : "a list of keys"}, and evidence needs a trust file, which names authorities by their roots, and chains`;
    const verdict = withoutEvidence("not-checked", why, claim?.name ?? job.proof.name);
    return { ...verdict, trusted: trust.trusted, facts: [], anchors: [] };
  }
  const at = Timestamp.fromSeconds(job.at);
  const verdict = judgeEvidenceFile(job.proof.name, proof, trust.trust, blocksOf(job), claim, at);
  const facts = [...factsOf(verdict.evidence?.receipt, verdict.witnessedAt), ...verdict.anchors.map(factOf)];
  const time =
    verdict.noLaterThan === undefined ? [] : [{ label: "No later than", value: String(verdict.noLaterThan) }];
  return {
    ...verdict,
    trusted: verdict.trusted.length > 0 ? verdict.trusted : trust.trusted,
    facts: [...time, ...facts],
    anchors: verdict.anchors.map(anchorOf),
  };
}

/** What an anchor says, and whether that counts. */
function factOf({ name, kind, block, genTime, holds }: AnchorVerdict): Fact {
  const counts = holds ? "" : " (does not count)";
  if (block !== undefined) {
    return { label: `Block, ${name}`, value: `${block.number} of ${block.chain}, ${genTime}, ${block.hash}${counts}` };
  }
  const what = kind === "rfc3161" ? "Time-stamp" : kind === "ethereum" ? "Block" : "Anchor";
  return { label: `${what}, ${name}`, value: genTime === undefined ? "not read" : `${genTime}${counts}` };
}

function anchorOf({ name, kind, holds, block }: AnchorVerdict): AnchorOf {
  return {
    name,
    holds,
    kind,
    block: block && { chain: block.chain, number: String(block.number), isTrusted: block.sources.length > 0 },
  };
}

/** A token alone, over the file beside it: verified if that is as much as the trust asks of authorities and of revocation. */
async function ofToken(job: Job, bytes: Uint8Array, claim: Claim | undefined, trust: Read): Promise<Came> {
  if (trust.trust === undefined) {
    throw new VerifyError("a token is verified under the root of its authority: give a trust file, which names it");
  }
  if (claim?.digest === undefined) {
    throw new VerifyError("a token says nothing by itself: give the file that it time-stamps, too");
  }
  const { minAnchors } = trust.trust;
  const at = Timestamp.fromSeconds(job.at);
  const token = { token: tokenOf(bytes), certificates: [], revocation: [] };
  const [candidate] = judgeTokenAnchor(token, await coveredBy(job, claim.digest), trust.trust, at);
  const { authority } = candidate;
  const { genTime } = candidate.judgement;
  const checks = new Checks();
  for (const { name, outcome, reason } of checksOf(candidate)) {
    checks.add(name, outcome, reason);
  }
  // Of a token alone nothing is left out: what failed stands in the way, whoever it is of.
  const failed = checks.list.find(({ outcome }) => outcome === "failed");
  const obstacle = failed === undefined ? candidate.weighed.why : `${failed.name}: ${failed.reason}`;
  const holds = obstacle === undefined && authority !== undefined && genTime !== undefined;
  const count = `${holds ? 1 : 0} of ${minAnchors} needed: a token alone is of one authority`;
  const suffices = holds && minAnchors <= 1;
  checks.add("anchors", suffices ? "passed" : "not-checked", count);
  const facts = genTime === undefined ? [] : [{ label: "Time in the token", value: String(genTime.time) }];
  const came = { checks, trusted: trust.trusted, facts };
  if (suffices) {
    const sentence = `Verified: ${claim.name} existed no later than ${genTime.latest}, because the time-stamping authority ${authority.name} time-stamped it.`;
    return { ...came, outcome: "passed", sentence, caveats: caveatsOf(authority.name, candidate, at) };
  }
  const why = obstacle ?? `anchors: ${count}`;
  if (checks.outcome === "failed") {
    return {
      ...came,
      outcome: "failed",
      sentence: `NOT verified: ${claim.name} with this token. ${why}.`,
      caveats: [],
    };
  }
  const sentence = `Could not tell when ${claim.name} existed. ${why}.`;
  const bare = "a token alone brings no revocation data, as evidence does";
  const caveats = checks.outcomeOf("revocation") === "not-checked" ? [bare] : [];
  return { ...came, outcome: "not-checked", sentence, caveats };
}

/** What the token is over: a file in whole, so that its imprint may be by any hash; of one that is too large, the SHA-256. */
async function coveredBy({ record, control }: Job, digest: Uint8Array): Promise<Covers> {
  if (record === undefined || record.file.size > MAX_WHOLE || control === "record") {
    return { imprint: { algorithm: SHA256, digest } };
  }
  return { data: new Uint8Array(await record.file.arrayBuffer()) };
}

/** The token, out of the response that it may have come in. */
function tokenOf(bytes: Uint8Array): Uint8Array {
  try {
    return tokenInResponse(bytes);
  } catch (error) {
    if (error instanceof VerifyError) {
      return bytes;
    }
    throw error;
  }
}

/** The facts of a receipt. */
export function factsOf(receipt: Receipt | undefined, witnessedAt: bigint | undefined): Fact[] {
  if (receipt === undefined) {
    return [];
  }
  const { index, checkpoint, proof, note } = receipt;
  return [
    { label: "Log", value: checkpoint.origin },
    { label: "Entry", value: `${index} of ${checkpoint.size}` },
    { label: "Root hash", value: toHex(checkpoint.root) },
    { label: "Inclusion proof", value: `${proof.length} ${proof.length === 1 ? "hash" : "hashes"}` },
    { label: "Signature lines", value: String(note.signatures.length) },
    ...(witnessedAt === undefined ? [] : [{ label: "First witnessed", value: utc(witnessedAt) }]),
  ];
}

function ofCheckpoint(name: string, bytes: Uint8Array, trust: Read): Came {
  const checks = new Checks();
  let receipt: Receipt | undefined;
  let witnessedAt: bigint | undefined;
  try {
    const note = Note.parse(bytes);
    const checkpoint = parseCheckpoint(note.text);
    // A checkpoint is judged as that of a receipt is: no entry is asked about.
    receipt = { note, checkpoint, index: 0n, proof: [], extra: undefined };
    checks.add("checkpoint", "passed", `a checkpoint of ${checkpoint.origin} with ${checkpoint.size} entries`);
    witnessedAt = checkCheckpoint(receipt, trust.keys, trust.policy, checks);
  } catch (error) {
    if (!(error instanceof VerifyError)) {
      throw error;
    }
    checks.add("checkpoint", "failed", `it is not a checkpoint: ${error.message}`);
  }
  const failed = checks.list.find(({ outcome }) => outcome === "failed");
  const sentence =
    failed === undefined && receipt !== undefined
      ? `Verified: ${receipt.checkpoint.origin} signed a tree of ${receipt.checkpoint.size} entries, and the witnesses that are asked for cosigned it. It says nothing of any one entry.`
      : `NOT verified: ${name}. ${failed?.name}: ${failed?.reason}.`;
  const facts = factsOf(receipt, witnessedAt).filter(({ label }) => label !== "Entry" && label !== "Inclusion proof");
  const size = receipt === undefined ? [] : [{ label: "Size", value: `${receipt.checkpoint.size}` }];
  return { outcome: checks.outcome, sentence, checks, caveats: [], trusted: trust.trusted, facts: [...size, ...facts] };
}
