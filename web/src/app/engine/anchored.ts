/** Reads evidence for what it shows of a log's history: which checkpoint was fixed in time, when, and whether that holds under what is trusted. */

import type { AnchorVerdict } from "../../verify/anchor-verdict.ts";
import type { BlockAnchor } from "../../verify/block-anchor.ts";
import { chainInWords } from "../../verify/blocks.ts";
import { VerifyError } from "../../verify/checks.ts";
import { parseHeader } from "../../verify/ethereum/index.ts";
import { type Anchor, parseEvidence } from "../../verify/evidence.ts";
import { judgeEvidence } from "../../verify/judge.ts";
import { parseToken, Timestamp } from "../../verify/rfc3161/index.ts";
import { blocksOf } from "./blocks.ts";
import type { Anchored, AnchorPoint, Under } from "./protocol.ts";
import { readTrust } from "./trust.ts";

export function readAnchored(bytes: Uint8Array, under: Under, at: number): Anchored {
  const evidence = parseEvidence(bytes);
  const { index, checkpoint } = evidence.receipt;
  const { origin, size, root } = checkpoint;
  const read = { origin, index, size, root, under };
  const unjudged = (sentence: string): Anchored => {
    const anchors = evidence.anchors.map((anchor): AnchorPoint => ({ ...claimOf(anchor), outcome: "not-checked" }));
    return { ...read, anchors, outcome: "not-checked", sentence };
  };
  if (under.trust.trim() === "") {
    return unjudged("Nobody is trusted yet.");
  }
  const trusted = readTrust(under.trust).trust;
  if (trusted === undefined) {
    return unjudged("Could not tell: no time-stamping authority is trusted, as only a trust file names them.");
  }
  const verdict = judgeEvidence(evidence, trusted, blocksOf(under), undefined, Timestamp.fromSeconds(at));
  const anchors = evidence.anchors.map((anchor, at) =>
    pointOf(anchor, verdict.anchors[at], verdict.outcome === "failed"),
  );
  return { ...read, anchors, outcome: verdict.outcome, sentence: verdict.sentence };
}

/** An anchor counts by the name and the time that its verdict has, and only where it holds on a checkpoint that nothing is wrong with. */
function pointOf(anchor: Anchor, verdict: AnchorVerdict | undefined, isRefused: boolean): AnchorPoint {
  const claim = claimOf(anchor);
  if (isRefused) {
    return { ...claim, outcome: "failed" };
  }
  const { holds, authority, latest } = verdict ?? {};
  return holds && authority !== undefined && latest !== undefined
    ? { kind: claim.kind, name: authority, time: Number(latest.seconds), outcome: "passed" }
    : { ...claim, outcome: "not-checked" };
}

/** What an anchor says of itself. */
type AnchorClaim = Omit<AnchorPoint, "outcome">;

function claimOf(anchor: Anchor): AnchorClaim {
  switch (anchor.kind) {
    case "rfc3161":
      return { kind: "time-stamp", name: anchor.authority, time: timeIn(anchor.token) };
    case "ethereum":
      return blockClaim(anchor);
    case "unknown":
      return { kind: anchor.name, name: anchor.name, time: undefined };
  }
}

/** The block, by its chain, and the time that its header names. */
function blockClaim({ chainId, header }: BlockAnchor): AnchorClaim {
  const name = chainInWords(chainId);
  const read = attempt(() => parseHeader(header));
  return read === undefined
    ? { kind: "block", name, time: undefined }
    : { kind: `block ${read.number}`, name, time: Number(read.timestamp) };
}

/** The time that a token names. */
function timeIn(token: Uint8Array): number | undefined {
  return attempt(() => Number(parseToken(token).info.genTime.seconds));
}

/** What can be read; what cannot is nothing. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof VerifyError) {
      return undefined;
    }
    throw error;
  }
}
