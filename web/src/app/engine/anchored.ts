/** Reads evidence for what it shows of a log's history: which checkpoint was fixed in time, when, and whether that holds under what is trusted. */

import { VerifyError } from "../../verify/checks.ts";
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
  return anchor.kind === "rfc3161"
    ? { kind: "time-stamp", name: anchor.authority, time: timeIn(anchor.token) }
    : { kind: anchor.kind, name: anchor.name, time: undefined };
}

/** The time that a token names. */
function timeIn(token: Uint8Array): number | undefined {
  try {
    return Number(parseToken(token).info.genTime.seconds);
  } catch (error) {
    if (error instanceof VerifyError) {
      return undefined;
    }
    throw error;
  }
}
