/** Whether anchors hold, and the time that they show (docs/evidence.md, "How evidence is judged"). */

import { equal } from "./bytes.ts";
import { type Checks, type Outcome, VerifyError } from "./checks.ts";
import type { Evidence, TokenAnchor } from "./evidence.ts";
import { Certificate, judgeToken, Timestamp, type TokenJudgement } from "./rfc3161/index.ts";
import type { Authority, Trust } from "./trust.ts";

/**
 * The checks of a token that may be left open: evidence keeps no nonce, a verifier may accept any policy, not every authority says how exact
 * its time is, and about revocation the verifier's trust decides.
 */
const MAY_BE_OPEN: readonly string[] = ["nonce", "policy", "accuracy", "revocation"];

/** What an anchor came to. */
export interface AnchorVerdict {
  /** What its checks call it: the trusted authority's name, else its place among the anchors. */
  readonly name: string;
  /** Its kind, as the evidence says. */
  readonly kind: string;
  /** The trusted authority to whose root it leads. */
  readonly authority: string | undefined;
  /** That root. */
  readonly root: string | undefined;
  /** What it says its time is. */
  readonly genTime: Timestamp | undefined;
  /** The latest time that this may mean. */
  readonly latest: Timestamp | undefined;
  /** Whether it counts: everything holds that must, under a trusted authority. */
  readonly holds: boolean;
  /** Why it does not. */
  readonly why: string | undefined;
}

/** What all anchors came to. */
export interface Anchored {
  readonly verdicts: readonly AnchorVerdict[];
  readonly noLaterThan: Timestamp | undefined;
  readonly caveats: readonly string[];
}

/** An anchor that holds. */
interface Held {
  readonly authority: string;
  /** Its signer's public key. */
  readonly key: Uint8Array;
  readonly latest: Timestamp;
}

/** Makes the checks of every anchor, and the check `anchors`. */
export function judgeAnchors(evidence: Evidence, trust: Trust, at: Timestamp, checks: Checks): Anchored {
  const verdicts: AnchorVerdict[] = [];
  const held: Held[] = [];
  const caveats: string[] = [];
  for (const [index, anchor] of evidence.anchors.entries()) {
    if (anchor.kind === "unknown") {
      const name = `#${index + 1}`;
      const why = `this verifier does not know the kind ${anchor.name}`;
      checks.add(`anchor ${name}: kind`, "not-checked", why);
      verdicts.push({ ...unplaced, name, kind: anchor.name, why });
      continue;
    }
    const candidate = bestCandidate(anchor, evidence.receipt.note.bytes, trust, at);
    const name = nameOf(candidate.authority, verdicts, index);
    addChecks(candidate, name, checks);
    const verdict = verdictOf(candidate, name);
    verdicts.push(verdict);
    const { authority, judgement, revocation } = candidate;
    const [signer] = judgement.chain;
    if (verdict.holds && authority !== undefined && signer !== undefined && judgement.genTime !== undefined) {
      caveats.push(...caveatsOf(name, judgement, revocation, at));
      held.push({ authority: authority.name, key: signer.spki, latest: judgement.genTime.latest });
    }
  }
  return { verdicts, caveats, noLaterThan: conclude(held, verdicts, trust.minAnchors, checks) };
}

const unplaced = {
  authority: undefined,
  root: undefined,
  genTime: undefined,
  latest: undefined,
  holds: false,
} as const;

/** What checks call an anchor. The name in the evidence is anybody's, so that only a trusted authority's is used. */
function nameOf(authority: Authority | undefined, before: readonly AnchorVerdict[], index: number): string {
  if (authority === undefined) {
    return `#${index + 1}`;
  }
  const again = before.filter((verdict) => verdict.authority === authority.name).length;
  return again === 0 ? authority.name : `${authority.name}, again ${again}`;
}

/**
 * Makes the check `anchors`: an authority counts once, however many tokens it gave, and so does a key, whatever roots it leads to. Gives the time
 * by which as many as are needed had vouched.
 */
function conclude(
  held: readonly Held[],
  verdicts: readonly AnchorVerdict[],
  needed: number,
  checks: Checks,
): Timestamp | undefined {
  const counted: Held[] = [];
  // Of equal times, the first stays first.
  for (const one of held.toSorted((a, b) => (a.latest.isBefore(b.latest) ? -1 : a.latest.isAfter(b.latest) ? 1 : 0))) {
    if (!counted.some((other) => other.authority === one.authority || equal(other.key, one.key))) {
      counted.push(one);
    }
  }
  const found = counted.map(({ authority, latest }) => `${authority} by ${latest}`).join(", ");
  const last = counted[needed - 1];
  if (last !== undefined) {
    checks.add("anchors", "passed", `${counted.length} of ${needed} needed: ${found}`);
    return wholeSecond(last.latest);
  }
  const words = [
    counted.length === 0
      ? `no trusted authority has an anchor here that holds, and ${needed} are needed`
      : `${counted.length} of ${needed} needed: ${found}`,
    ...verdicts.flatMap(({ name, why }) => (why === undefined ? [] : [`anchor ${name}: ${why}`])),
  ];
  checks.add("anchors", "not-checked", words.join("; "));
  return undefined;
}

/** The next whole second, unless it is one. */
function wholeSecond(time: Timestamp): Timestamp {
  const whole = Timestamp.fromSeconds(time.seconds);
  return whole.isBefore(time) ? Timestamp.fromSeconds(time.seconds + 1n) : whole;
}

/** A token as it stands under the trust in one authority. */
interface Candidate {
  /** Whose root its chain leads to. */
  readonly authority: Authority | undefined;
  readonly judgement: TokenJudgement;
  readonly revocation: Settled;
}

/** Whether revocation is as the trust asks. */
interface Settled {
  readonly outcome: Outcome;
  readonly reason: string;
  /** Whether the anchor may count. */
  readonly suffices: boolean;
  readonly caveats: readonly string[];
}

/** The token under the trust in the authority to whose root it leads; of several, the first under which it holds. */
function bestCandidate(token: TokenAnchor, checkpoint: Uint8Array, trust: Trust, at: Timestamp): Candidate {
  // What is no certificate helps nobody, and is not needed.
  const beside = token.certificates.flatMap(readCertificate);
  const revocation = token.revocation.map(
    ({ kind, data }) => ({ kind: kind === "crl" ? "CRL" : "OCSP", data }) as const,
  );
  let best: Candidate | undefined;
  for (const trusted of trust.authorities) {
    const judgement = judgeToken({
      token: token.token,
      covers: { data: checkpoint },
      policies: trusted.policies,
      roots: trusted.roots,
      extra: [...beside, ...trusted.certificates],
      revocation,
      at,
    });
    const authority = judgement.chain.length === 0 ? undefined : trusted;
    const candidate = { authority, judgement, revocation: settle(judgement, authority, at) };
    if (authority !== undefined && whyNot(candidate) === undefined) {
      return candidate;
    }
    if (best === undefined || rank(candidate) > rank(best)) {
      best = candidate;
    }
  }
  if (best === undefined) {
    throw new RangeError("trust without an authority");
  }
  return best;
}

function readCertificate(der: Uint8Array): Certificate[] {
  try {
    return [Certificate.parse(der)];
  } catch (error) {
    if (error instanceof VerifyError) {
      return [];
    }
    throw error;
  }
}

/** How much a token shows that does not hold. */
function rank({ authority, judgement }: Candidate): number {
  if (authority !== undefined) {
    return 2;
  }
  // The path is wrong, and not only unknown.
  return judgement.checks.outcomeOf("path") === "failed" ? 1 : 0;
}

/** What stands in a token's way: a check that failed, else one that could not be made and had to be. */
function whyNot({ judgement, revocation }: Candidate): string | undefined {
  const { list } = judgement.checks;
  const check =
    list.find(({ outcome }) => outcome === "failed") ??
    list.find(({ name, outcome }) => outcome === "not-checked" && !MAY_BE_OPEN.includes(name));
  if (check !== undefined) {
    return `${check.name}: ${check.reason}`;
  }
  return revocation.suffices ? undefined : `revocation: ${revocation.reason}`;
}

function addChecks({ judgement, revocation }: Candidate, anchor: string, checks: Checks): void {
  for (const { name, outcome, reason } of judgement.checks.list) {
    const called = `anchor ${anchor}: ${name}`;
    if (name === "revocation") {
      checks.add(called, revocation.outcome, revocation.reason);
    } else {
      checks.add(called, outcome, reason);
    }
  }
}

function verdictOf(candidate: Candidate, name: string): AnchorVerdict {
  const { authority, judgement } = candidate;
  const why = whyNot(candidate);
  return {
    name,
    kind: "rfc3161",
    authority: authority?.name,
    root: judgement.chain.at(-1)?.subject.toString(),
    genTime: judgement.genTime?.time,
    latest: judgement.genTime?.latest,
    holds: authority !== undefined && why === undefined,
    why,
  };
}

/** What a reader should know of a token that holds. */
function caveatsOf(name: string, { checks, chain }: TokenJudgement, revocation: Settled, at: Timestamp): string[] {
  const caveats = [...revocation.caveats];
  if (checks.outcomeOf("accuracy") === "not-checked") {
    caveats.unshift(`${name} does not say how exact its time is; it was taken as it stands`);
  }
  const [first] = chain.map(({ notAfter }) => notAfter).sort((a, b) => (a.isBefore(b) ? -1 : 1));
  if (first?.isBefore(at)) {
    caveats.push(
      `certificates of ${name} have expired since (the first at ${first}): they were valid when it gave the time-stamp, but nothing newer vouches for the algorithms that it was made with`,
    );
  }
  return caveats;
}

/** Whether what is known of revocation is as much as the trust in the authority asks for. */
function settle(judgement: TokenJudgement, authority: Authority | undefined, at: Timestamp): Settled {
  const made = judgement.checks.list.find(({ name }) => name === "revocation");
  const { outcome, reason } = made ?? { outcome: "not-checked", reason: "" };
  if (authority === undefined || outcome === "failed") {
    return { outcome, reason, suffices: false, caveats: [] };
  }
  const caveats: string[] = [];
  const open: string[] = [];
  for (const [place, standing] of judgement.revocation.entries()) {
    const certificate = judgement.chain[place];
    const who = certificate?.subject;
    switch (standing.state) {
      case "good":
        break;
      case "revoked later":
        caveats.push(
          `${who} was revoked at ${standing.at} (${standing.reason}), which leaves time-stamps from before standing`,
        );
        break;
      case "revoked":
        open.push(`${who} was revoked at ${standing.at} (${standing.reason})`);
        break;
      case "unknown":
        // Whether a certificate was revoked is told until it expires, and then no more.
        if (authority.revocation === "optional" && certificate !== undefined && !at.isAfter(certificate.notAfter)) {
          caveats.push(`whether ${who} was revoked is not known: ${standing.why}`);
        } else {
          open.push(`${who}: ${standing.why}`);
        }
        break;
      case "unpublished": {
        const words = `${who} names no place where its revocation is published`;
        (authority.revocation === "required" ? open : caveats).push(words);
      }
    }
  }
  if (open.length > 0) {
    return { outcome: "not-checked", reason: open.join("; "), suffices: false, caveats };
  }
  return { outcome, reason, suffices: true, caveats };
}
