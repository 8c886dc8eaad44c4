/** What a verdict says to people. */

import type { AnchorVerdict } from "./anchor-verdict.ts";
import { chainInWords } from "./blocks.ts";
import { toHex } from "./bytes.ts";
import type { Check, Outcome } from "./checks.ts";
import { type Claim, described } from "./claim.ts";
import { showBytes } from "./ethereum/index.ts";
import { type Entry, EVIDENCE_FORMAT, type Evidence } from "./evidence.ts";
import { sha256 } from "./hash.ts";
import { shownName } from "./policy.ts";
import type { Timestamp } from "./rfc3161/index.ts";
import type { Authority, Chain, Trust } from "./trust.ts";

/** What the evidence is made of. */
export function contentsInWords({ receipt, anchors }: Evidence): string {
  const { index, checkpoint } = receipt;
  const count = counted(anchors.length, "anchor");
  return `${EVIDENCE_FORMAT} with a receipt of entry ${index} in a tree of ${checkpoint.size}, and ${count}`;
}

function counted(number: number, what: string): string {
  return number === 1 ? `1 ${what}` : `${number} ${what}s`;
}

/** What a verifier trusts, line by line. */
export function trustInWords({ policy, minAnchors, authorities, chains }: Trust): string[] {
  const names = policy.witnesses.map(shownName).join(", ");
  return [
    ...policy.logKeys.map(({ origin, vkey }) => `the log ${origin}, by the key ${vkey.label}`),
    policy.quorum === undefined
      ? "no witness"
      : `a quorum of ${counted(policy.witnesses.length, "witness key")}: ${names}`,
    `${minAnchors} of these authorities:`,
    ...authorities.map(authorityInWords),
    ...chains.map(trustInChain),
  ];
}

function authorityInWords({ name, roots, policies, revocation }: Authority): string {
  const shown = roots.map(({ subject, der }) => `${subject} (SHA-256 ${toHex(sha256(der))})`).join(", ");
  const under = policies.length === 0 ? "any policy" : `policy ${policies.join(" or ")}`;
  return `${name}, by the root ${shown}; ${under}; revocation ${revocation}`;
}

function trustInChain({ name, chainId, destination, blocks }: Chain): string {
  const to = destination === undefined ? "any address" : showBytes(destination);
  return `${name}, ${chainInWords(chainId)}, by ${counted(blocks.size, "block")} that are named; transactions to ${to}`;
}

/** What the sentence is about, once the checks are made. */
interface Judged {
  readonly outcome: Outcome;
  readonly noLaterThan: Timestamp | undefined;
  readonly standsInTheWay: Check | undefined;
  readonly anchors: readonly AnchorVerdict[];
}

/** What is shown, and why. */
export function sentenceOf(
  judged: Judged,
  { entry, receipt }: Evidence,
  { policy }: Trust,
  claim: Claim | undefined,
): string {
  const record = claim === undefined ? recordInWords(entry) : described(claim);
  const { index, checkpoint } = receipt;
  if (judged.outcome === "passed" && judged.noLaterThan !== undefined) {
    const seen = policy.quorum === undefined ? "signed by the log" : "signed by the log and cosigned by its witnesses";
    const entries = checkpoint.size === 1n ? "1 entry" : `${checkpoint.size} entries`;
    return `Verified: ${record} existed no later than ${judged.noLaterThan}, because it is entry ${index} of ${checkpoint.origin}, under a checkpoint of ${entries} that is ${seen}, and that checkpoint was fixed in time by ${fixed(judged.anchors)}.`;
  }
  const { standsInTheWay: check } = judged;
  const reason = check === undefined ? "nothing was checked" : `${check.name}: ${check.reason}`;
  return judged.outcome === "failed"
    ? `NOT verified: ${record} with this evidence. ${reason}.`
    : `Could not tell whether ${record} existed at the time that this evidence names. ${reason}.`;
}

/** The record that the evidence is about, as the verifier can recognise it. */
function recordInWords({ leafHash, digest, contents }: Entry): string {
  if (digest !== undefined) {
    return `the file with the SHA-256 ${toHex(digest)}`;
  }
  if (contents !== undefined) {
    return `the record of ${contents.length} bytes in the evidence (SHA-256 ${toHex(sha256(contents))})`;
  }
  return `the entry with the leaf hash ${toHex(leafHash)}`;
}

/** What fixed the checkpoint in time, when, and what that rests on. */
function fixed(anchors: readonly AnchorVerdict[]): string {
  const each = anchors.flatMap((anchor) => (anchor.holds ? (sourceOf(anchor) ?? []) : []));
  const last = each.pop() ?? "";
  return each.length === 0 ? last : `${each.join(", by ")}, and by ${last}`;
}

function sourceOf({ authority, root, genTime, block }: AnchorVerdict): string | undefined {
  if (genTime === undefined) {
    return undefined;
  }
  if (block !== undefined) {
    const by = block.sources.join(" and ");
    return `block ${block.number} of ${block.chain} at ${genTime} (resting on the block hash from ${by})`;
  }
  return authority === undefined || root === undefined
    ? undefined
    : `a signed statement of the time-stamping authority ${authority} at ${genTime} (under the root ${root})`;
}
