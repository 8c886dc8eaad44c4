/** Reads evidence for what it shows of a log's history: which checkpoint was fixed in time, when, and whether that holds under what is trusted. */

import type { BlockAnchor } from "../../verify/block-anchor.ts";
import { chainInWords } from "../../verify/blocks.ts";
import { VerifyError } from "../../verify/checks.ts";
import { parseHeader } from "../../verify/ethereum/index.ts";
import { type Anchor, parseEvidence } from "../../verify/evidence.ts";
import { parseToken } from "../../verify/rfc3161/index.ts";
import { judge } from "./judge.ts";
import type { Anchored, AnchorPoint } from "./protocol.ts";

export async function readAnchored(bytes: Uint8Array, trust: string, at: number): Promise<Anchored> {
  const { receipt, anchors } = parseEvidence(bytes);
  const read = { size: receipt.checkpoint.size, anchors: anchors.map(pointOf) };
  if (trust.trim() === "") {
    return { ...read, outcome: "not-checked", sentence: "Nobody is trusted yet." };
  }
  const file = new Blob([bytes as Uint8Array<ArrayBuffer>]);
  const proof = { name: `the checkpoint of ${receipt.checkpoint.size} entries`, kind: "evidence", file } as const;
  const { outcome, sentence } = await judge({ proof, record: undefined, trust, at }, () => {});
  return { ...read, outcome, sentence };
}

function pointOf(anchor: Anchor): AnchorPoint {
  switch (anchor.kind) {
    case "rfc3161":
      return { kind: "time-stamp", name: anchor.authority, time: timeIn(anchor.token) };
    case "ethereum":
      return blockPoint(anchor);
    case "unknown":
      return { kind: anchor.name, name: anchor.name, time: undefined };
  }
}

/** The block, by its chain, and the time that its header names. */
function blockPoint({ chainId, header }: BlockAnchor): AnchorPoint {
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
