/** Whether anchors hold, and the time that they show (docs/evidence.md, "How evidence is judged"). */

import type { AnchorVerdict, Held, Noted } from "./anchor-verdict.ts";
import type { Blocks } from "./blocks.ts";
import type { Checks } from "./checks.ts";
import { type Counted, countedOf } from "./counted.ts";
import type { Anchor, Evidence } from "./evidence.ts";
import { checkGiven, heldByBlock, type JudgedBlock, judgeBlockAnchor, noteBlock, type Under } from "./judge-block.ts";
import { type Candidate, heldBy, judgeTokenAnchor, noteToken } from "./judge-token.ts";
import type { LeftOut } from "./judge-weigh.ts";
import { Timestamp } from "./rfc3161/index.ts";
import type { Trust } from "./trust.ts";

/** What all anchors came to. */
export interface Anchored {
  readonly verdicts: readonly AnchorVerdict[];
  readonly noLaterThan: Timestamp | undefined;
  readonly caveats: readonly string[];
  /** The names of the checks by which no more than an anchor is left out. */
  readonly leftOut: readonly string[];
}

/** Makes the checks of every anchor, and the check `anchors`. */
export function judgeAnchors(
  evidence: Evidence,
  trust: Trust,
  blocks: Blocks,
  at: Timestamp,
  checks: Checks,
): Anchored {
  checkGiven(evidence, blocks, checks);
  const under = { checkpoint: evidence.receipt.note.bytes, trust, blocks, at };
  const judged = evidence.anchors.map((anchor) => judgeAnchor(anchor, under));
  const counted = countedOf(judged.flatMap(heldOf));
  const noted: Noted[] = [];
  const verdicts: AnchorVerdict[] = [];
  const leftOut: LeftOut = { checks: [], caveats: [] };
  for (const [index, anchor] of judged.entries()) {
    const name = (authority: string | undefined) => nameOf(authority, verdicts, index);
    const countsFor = counted.by.find((held) => held.anchor === index)?.authority;
    const one = noteAnchor(anchor, countsFor, name, at, checks, leftOut);
    noted.push(one);
    verdicts.push(one.verdict);
  }
  const caveats = [...leftOut.caveats, ...noted.flatMap((one) => one.caveats)];
  const noLaterThan = conclude(counted.authorities, verdicts, trust.minAnchors, checks, leftOut);
  return { verdicts, caveats, leftOut: leftOut.checks, noLaterThan };
}

/** An anchor as it was judged: a token under each authority under which it holds, or under the one that comes nearest. */
type Judged =
  | { readonly kind: "rfc3161"; readonly candidates: readonly [Candidate, ...Candidate[]] }
  | { readonly kind: "ethereum"; readonly block: JudgedBlock }
  | { readonly kind: "unknown"; readonly name: string };

function judgeAnchor(anchor: Anchor, under: Under): Judged {
  switch (anchor.kind) {
    case "rfc3161": {
      const candidates = judgeTokenAnchor(anchor, { data: under.checkpoint }, under.trust, under.at);
      return { kind: anchor.kind, candidates };
    }
    case "ethereum":
      return { kind: anchor.kind, block: judgeBlockAnchor(anchor, under) };
    case "unknown":
      return anchor;
  }
}

function heldOf(judged: Judged, index: number): Held[] {
  switch (judged.kind) {
    case "rfc3161":
      return judged.candidates.flatMap((candidate) => heldBy(candidate, index));
    case "ethereum":
      return heldByBlock(judged.block, index);
    case "unknown":
      return [];
  }
}

/** Makes the checks of one anchor. A token that holds under several authorities is taken for the one for which it counts, else for the first. */
function noteAnchor(
  judged: Judged,
  countsFor: string | undefined,
  name: (authority: string | undefined) => string,
  at: Timestamp,
  checks: Checks,
  leftOut: LeftOut,
): Noted {
  switch (judged.kind) {
    case "rfc3161": {
      const [first] = judged.candidates;
      const counts = ({ authority }: Candidate) => countsFor !== undefined && authority?.name === countsFor;
      const candidate = judged.candidates.find(counts) ?? first;
      return noteToken(candidate, name(candidate.authority?.name), at, checks, leftOut);
    }
    case "ethereum":
      return noteBlock(judged.block, name(judged.block.chain?.name), checks, leftOut);
    case "unknown": {
      const why = `this verifier does not know the kind ${judged.name}`;
      const verdict = { ...unplaced, name: name(undefined), kind: judged.name, why };
      checks.add(`anchor ${verdict.name}: kind`, "not-checked", why);
      return { verdict, caveats: [] };
    }
  }
}

const unplaced = {
  authority: undefined,
  root: undefined,
  genTime: undefined,
  latest: undefined,
  block: undefined,
  holds: false,
} as const;

/** What checks call an anchor. The name in the evidence is anybody's, so that only a trusted authority's is used. */
function nameOf(authority: string | undefined, before: readonly AnchorVerdict[], index: number): string {
  if (authority === undefined) {
    return `#${index + 1}`;
  }
  const again = before.filter((verdict) => verdict.authority === authority).length;
  return again === 0 ? authority : `${authority}, again ${again}`;
}

/** Makes the check `anchors`. Gives the time by which as many as are needed had vouched. */
function conclude(
  counted: readonly Counted[],
  verdicts: readonly AnchorVerdict[],
  needed: number,
  checks: Checks,
  leftOut: LeftOut,
): Timestamp | undefined {
  const found = counted.map(({ authority, by }) => `${authority} by ${by}`).join(", ");
  const last = counted[needed - 1];
  if (last !== undefined) {
    checks.add("anchors", "passed", `${counted.length} of ${needed} needed: ${found}`);
    return wholeSecond(last.by);
  }
  const words = [
    counted.length === 0
      ? `no trusted authority has an anchor here that holds, and ${needed} are needed`
      : `${counted.length} of ${needed} needed: ${found}`,
    ...verdicts.flatMap(({ name, why }) => (why === undefined ? [] : [`anchor ${name}: ${why}`])),
  ];
  // What is left out stands in the way only here, where too few others hold.
  checks.add("anchors", leftOut.checks.length === 0 ? "not-checked" : "failed", words.join("; "));
  return undefined;
}

/** The next whole second, unless it is one. */
function wholeSecond(time: Timestamp): Timestamp {
  const whole = Timestamp.fromSeconds(time.seconds);
  return whole.isBefore(time) ? Timestamp.fromSeconds(time.seconds + 1n) : whole;
}
