/** Whether a time-stamp token over the checkpoint holds (docs/evidence.md, "How evidence is judged"). */

import type { AnchorVerdict, Held, Noted } from "./anchor-verdict.ts";
import { type Check, type Checks, type Outcome, VerifyError } from "./checks.ts";
import type { TokenAnchor } from "./evidence.ts";
import {
  type About,
  type Behind,
  heaviness,
  type LeftOut,
  type Made,
  noteWeighed,
  type Weighed,
  weigh,
} from "./judge-weigh.ts";
import { Certificate, type Covers, judgeToken, type Timestamp, type TokenJudgement } from "./rfc3161/index.ts";
import type { Authority, Trust } from "./trust.ts";

/**
 * The checks of a token that may be left open: evidence keeps no nonce, a verifier may accept any policy, and not every authority says how
 * exact its time is. About revocation the verifier's trust decides.
 */
const MAY_BE_OPEN: readonly string[] = ["nonce", "policy", "accuracy"];

/** What the checks of a token are about that are not about the token itself. */
const ABOUT: Readonly<Record<string, About>> = {
  parsed: "form",
  path: "whose",
  "basic constraints": "terms",
  policy: "terms",
  revocation: "terms",
  time: "terms",
};

/** A token as it stands under the trust in one authority. */
export interface Candidate {
  /** Whose root it leads to, by good signatures. */
  readonly authority: Authority | undefined;
  readonly judgement: TokenJudgement;
  readonly revocation: Settled;
  readonly weighed: Weighed;
}

/** Whether revocation is as the trust asks. */
interface Settled {
  readonly outcome: Outcome;
  readonly reason: string;
  /** Whether the anchor may count. */
  readonly suffices: boolean;
  readonly caveats: readonly string[];
}

/** The token under each authority under which it holds; where there is none, under the one that comes nearest. */
export function judgeTokenAnchor(
  token: Pick<TokenAnchor, "token" | "certificates" | "revocation">,
  covers: Covers,
  trust: Trust,
  at: Timestamp,
): readonly [Candidate, ...Candidate[]] {
  // What is no certificate helps nobody, and is not needed.
  const beside = token.certificates.flatMap(readCertificate);
  const revocation = token.revocation.map(
    ({ kind, data }) => ({ kind: kind === "crl" ? "CRL" : "OCSP", data }) as const,
  );
  const under = (trusted: Authority | undefined): Candidate => {
    const judgement = judgeToken({
      token: token.token,
      covers,
      policies: trusted?.policies ?? [],
      roots: trusted?.roots ?? [],
      extra: [...beside, ...(trusted?.certificates ?? [])],
      revocation,
      at,
    });
    return candidateOf(judgement, trusted, at);
  };
  // Of equals the first.
  const [best, ...others] = trust.authorities.map(under).sort((a, b) => rank(a) - rank(b));
  return [best ?? under(undefined), ...others.filter(holds)];
}

/** A judgement of a token, made under the trust in this authority. */
function candidateOf(judgement: TokenJudgement, trusted: Authority | undefined, at: Timestamp): Candidate {
  const { who } = judgement.behind;
  const authority = who === "trusted" ? trusted : undefined;
  const revocation = settle(judgement, authority, at);
  const made = judgement.checks.list.map((check): Made => {
    const { outcome, reason } = check.name === "revocation" ? revocation : check;
    const mayBeOpen = MAY_BE_OPEN.includes(check.name) || (check.name === "revocation" && revocation.suffices);
    return { name: check.name, outcome, reason, about: ABOUT[check.name] ?? "itself", mayBeOpen };
  });
  const behind: Behind =
    who !== "named" ? { who } : trusted === undefined ? { who: "nobody" } : { who, name: trusted.name };
  return { authority, judgement, revocation, weighed: weigh(made, behind) };
}

export function holds({ weighed }: Candidate): boolean {
  return weighed.weight === "holds";
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

/**
 * How far a token is from holding: first by who stands behind it, then by what is in the way. Nothing of it depends on the order of the
 * authorities.
 */
function rank({ judgement: { behind, checks }, weighed: { weight } }: Candidate): number {
  const who = ["trusted", "named", "nobody"].indexOf(behind.who);
  const hasPath = checks.outcomeOf("path") === "passed";
  return (weight === "holds" ? 0 : 100) + 10 * who + 2 * heaviness(weight) + (hasPath ? 0 : 1);
}

/** What a token counts by, where it holds; `anchor` is its place. */
export function heldBy(candidate: Candidate, anchor: number): Held[] {
  const { authority, judgement } = candidate;
  const [signer] = judgement.chain;
  if (!holds(candidate) || authority === undefined || signer === undefined || judgement.genTime === undefined) {
    return [];
  }
  const key = `signer ${signer.key}`;
  return [{ anchor, authority: authority.name, key, latest: judgement.genTime.latest }];
}

/** Makes the checks of a token, and gives what it came to, with what a reader should know of it. */
export function noteToken(candidate: Candidate, name: string, at: Timestamp, checks: Checks, leftOut: LeftOut): Noted {
  const { authority, judgement, weighed } = candidate;
  noteWeighed(weighed, name, checks, leftOut);
  const { behind, genTime } = judgement;
  const verdict: AnchorVerdict = {
    name,
    kind: "rfc3161",
    authority: authority?.name,
    root: behind.who === "trusted" ? behind.root.subject.toString() : undefined,
    genTime: genTime?.time,
    latest: genTime?.latest,
    block: undefined,
    holds: holds(candidate),
    why: weighed.why,
  };
  return { verdict, caveats: verdict.holds ? caveatsOf(name, candidate, at) : [] };
}

/** The checks of a token, that of revocation as the trust in its authority settles it. */
export function checksOf({ judgement, revocation: { outcome, reason } }: Candidate): Check[] {
  return judgement.checks.list.map((check) =>
    check.name === "revocation" ? { name: check.name, outcome, reason } : check,
  );
}

/** What a reader should know of a token that holds. */
export function caveatsOf(name: string, { judgement, revocation }: Candidate, at: Timestamp): string[] {
  const { checks, chain } = judgement;
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
  if (authority === undefined || judgement.chain.length === 0 || outcome === "failed") {
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
