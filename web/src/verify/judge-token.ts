/** Whether a time-stamp token over the checkpoint holds (docs/evidence.md, "How evidence is judged"). */

import type { AnchorVerdict, Noted } from "./anchor-verdict.ts";
import { toHex } from "./bytes.ts";
import { type Check, type Checks, type Outcome, VerifyError } from "./checks.ts";
import type { TokenAnchor } from "./evidence.ts";
import { type About, type LeftOut, type Made, noteWeighed, type Weighed, weigh } from "./judge-weigh.ts";
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
export function judgeTokenAnchor(
  token: Pick<TokenAnchor, "token" | "certificates" | "revocation">,
  covers: Covers,
  trust: Trust,
  at: Timestamp,
): Candidate {
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
    const authority = judgement.chain.length === 0 ? undefined : trusted;
    return { authority, judgement, revocation: settle(judgement, authority, at) };
  };
  let best: Candidate | undefined;
  for (const trusted of trust.authorities) {
    const candidate = under(trusted);
    if (candidate.authority !== undefined && whyNot(candidate) === undefined) {
      return candidate;
    }
    if (best === undefined || rank(candidate) > rank(best)) {
      best = candidate;
    }
  }
  return best ?? under(undefined);
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

/** What stands in a token's way. */
export function whyNot(candidate: Candidate): string | undefined {
  return weighed(candidate).why;
}

function weighed(candidate: Candidate): Weighed {
  const made = checksOf(candidate).map(
    (check): Made => ({
      ...check,
      about: ABOUT[check.name] ?? "itself",
      mayBeOpen: MAY_BE_OPEN.includes(check.name) || (check.name === "revocation" && candidate.revocation.suffices),
    }),
  );
  return weigh(made);
}

/** Makes the checks of a token, and gives what it came to, with what a reader should know of it and, if it holds, what it rests on. */
export function noteToken(candidate: Candidate, name: string, at: Timestamp, checks: Checks, leftOut: LeftOut): Noted {
  const { authority, judgement } = candidate;
  const weight = weighed(candidate);
  noteWeighed(weight, name, checks, leftOut);
  const { why } = weight;
  const verdict: AnchorVerdict = {
    name,
    kind: "rfc3161",
    authority: authority?.name,
    root: judgement.chain.at(-1)?.subject.toString(),
    genTime: judgement.genTime?.time,
    latest: judgement.genTime?.latest,
    block: undefined,
    holds: authority !== undefined && why === undefined,
    why,
  };
  const [signer] = judgement.chain;
  if (!verdict.holds || authority === undefined || signer === undefined || judgement.genTime === undefined) {
    return { verdict, caveats: [], held: undefined };
  }
  const held = { authority: authority.name, key: `signer ${toHex(signer.spki)}`, latest: judgement.genTime.latest };
  return { verdict, caveats: caveatsOf(name, candidate, at), held };
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
