/**
 * Whether a certificate of a chain was revoked, by what its issuer publishes: lists (RFC 5280 section 5) and OCSP (RFC 6960).
 *
 * What counts is the time of the token: data that are older than it say nothing of it, and what they say of today does not matter.
 */

import { NotChecked, VerifyError } from "../checks.ts";
import type { Element } from "./ber.ts";
import { shortestInteger, smallInteger } from "./ber.ts";
import type { Certificate } from "./certificate.ts";
import { readCrl } from "./crl.ts";
import { readOcsp } from "./ocsp.ts";
import { listed } from "./text.ts";
import type { Timestamp } from "./time.ts";

/** Something that was published about revocations. Which certificate it is about it says itself. */
export interface RevocationData {
  readonly kind: "CRL" | "OCSP";
  /** As it came. */
  readonly data: Uint8Array;
}

/** A certificate, and who issued it. */
export interface About {
  readonly subject: Certificate;
  readonly issuer: Certificate;
}

/** `CRLReason` (RFC 5280 section 5.3.1): its number; undefined if none is given. */
export type RevocationReason = number | undefined;

export interface Revoked {
  readonly at: Timestamp;
  readonly reason: RevocationReason;
  /** Since when it is known or suspected that the certificate is invalid. */
  readonly invalidSince: Timestamp | undefined;
}

/** What verified data say of a certificate. */
export interface Statement {
  /** The last moment that they can speak for. */
  readonly thisUpdate: Timestamp;
  readonly nextUpdate: Timestamp | undefined;
  /** Each revocation that they name; of several the worst counts. */
  readonly revoked: readonly Revoked[];
  /** Certificates that expired from then on are not forgotten. */
  readonly remembersFrom: Timestamp | undefined;
  /** Why they do not tell whether the certificate was revoked for another reason, or at all. */
  readonly incomplete: string | undefined;
}

/** How a certificate of the chain stands at the time of the token, by all data together. */
export type Standing =
  | { readonly state: "good" }
  /** For a reason that leaves the token standing. */
  | { readonly state: "revoked later"; readonly at: Timestamp; readonly reason: string }
  /** The token does not stand. */
  | { readonly state: "revoked"; readonly at: Timestamp; readonly reason: string }
  /** It names a place where that is published, and nothing that was given settles it. */
  | { readonly state: "unknown"; readonly why: string }
  /** It names no such place, and nothing that was given settles it. */
  | { readonly state: "unpublished" };

/** What one datum says of one certificate. */
export type RevocationStatus =
  | Extract<Standing, { state: "good" | "revoked later" | "revoked" }>
  /** Right, but older than the token; the next ones are said to come by then. */
  | { readonly state: "too old"; readonly next: Timestamp | undefined }
  /** Since after the token: whether it will be released or revoked is not decided; the next ones are said to come by then. */
  | { readonly state: "on hold"; readonly at: Timestamp; readonly next: Timestamp | undefined }
  /** They are about other certificates. */
  | { readonly state: "about others"; readonly why: string }
  | { readonly state: "nothing"; readonly why: string };

/** Data that are right, and about other certificates. */
export class AboutOthers extends VerifyError {}

/** A status, and the moment that the data speak for; undefined if they say nothing. */
type Told = RevocationStatus & { readonly asOf?: Timestamp };

/** How many data that say nothing are told of. */
const maxTroubles = 4;

const REMOVE_FROM_CRL = 8;
const CERTIFICATE_HOLD = 6;

const reasons: ReadonlyMap<number, string> = new Map([
  [0, "unspecified"],
  [1, "keyCompromise"],
  [2, "cACompromise"],
  [3, "affiliationChanged"],
  [4, "superseded"],
  [5, "cessationOfOperation"],
  [CERTIFICATE_HOLD, "certificateHold"],
  [REMOVE_FROM_CRL, "removeFromCRL"],
  [9, "privilegeWithdrawn"],
  [10, "aACompromise"],
]);

/**
 * RFC 3161 section 4: what was signed before stands if the reason is there and is unspecified (0), affiliationChanged (3), superseded (4)
 * or cessationOfOperation (5), and does not without a reason or for keyCompromise (1). No other may be given for a time-stamping authority
 * that stops in good order.
 */
const reasonsThatLeaveTokensStanding: readonly RevocationReason[] = [0, 3, 4, 5];

/** keyCompromise and cACompromise. */
const reasonsOfTheKey: readonly string[] = [reasonInWords(1), reasonInWords(2)];

function reasonInWords(reason: RevocationReason): string {
  return reason === undefined ? "no reason given" : (reasons.get(reason) ?? `reason ${reason}`);
}

export function isRemoval(reason: RevocationReason): boolean {
  return reason === REMOVE_FROM_CRL;
}

/** An ENUMERATED with a `CRLReason`. */
export function readReason(element: Element): RevocationReason {
  const what = "CRLReason";
  return smallInteger(shortestInteger(element.content, what), what);
}

/** Throws unless whoever signed data was valid when it says that it was signed. */
export function verifyValidAt(certificate: Certificate, time: Timestamp): void {
  if (!certificate.isValidAt(time)) {
    const { notBefore, notAfter } = certificate;
    throw new VerifyError(
      `it is of ${time}, and ${certificate}, which signed it, is valid from ${notBefore} to ${notAfter}`,
    );
  }
}

/** Throws if the next data would come before these. */
export function verifyUpdates(thisUpdate: Timestamp, nextUpdate: Timestamp | undefined): void {
  if (nextUpdate?.isBefore(thisUpdate)) {
    throw new VerifyError(`nextUpdate, ${nextUpdate}, is before thisUpdate, ${thisUpdate}`);
  }
}

/**
 * Of several paths the one by which the token stands best, whichever was found first, and how each of its certificates but the root
 * stands. Who cross-signs has two certificates for one key.
 */
export function bestPath(
  paths: readonly (readonly Certificate[])[],
  data: readonly RevocationData[],
  genTime: Timestamp,
): { readonly chain: readonly Certificate[]; readonly standings: readonly Standing[] } {
  const all = paths.map((chain) => ({ chain, standings: standings(chain, data, genTime) }));
  const compromised = compromisedKeys(all);
  const [best] = all
    .map(({ chain, standings }) => ({ chain, standings: standings.map((own, at) => compromised(chain[at]) ?? own) }))
    .sort((one, other) => worst(one) - worst(other) || one.chain.length - other.chain.length || byNames(one, other));
  return best ?? { chain: [], standings: [] };
}

interface Stood {
  readonly chain: readonly Certificate[];
  readonly standings: readonly Standing[];
}

/** Keys of certificates that were revoked because somebody else has them: that is so whichever certificate says it. */
function compromisedKeys(all: readonly Stood[]): (certificate: Certificate | undefined) => Standing | undefined {
  const found = all.flatMap(({ chain, standings }) =>
    standings.flatMap((standing, at) => {
      const key = chain[at]?.key;
      const isOfTheKey = standing.state === "revoked" && reasonsOfTheKey.includes(standing.reason);
      return key !== undefined && isOfTheKey ? [{ key, standing }] : [];
    }),
  );
  return (certificate) => found.find(({ key }) => key === certificate?.key)?.standing;
}

const severity = { good: 0, "revoked later": 1, unpublished: 2, unknown: 3, revoked: 4 } as const;

function worst({ standings }: Stood): number {
  return Math.max(0, ...standings.map(({ state }) => severity[state]));
}

/** The order of the certificates' bytes, the signer's first. */
function byNames(one: Stood, other: Stood): number {
  for (const [at, own] of one.chain.entries()) {
    const order = compareBytes(own.der, other.chain[at]?.der ?? new Uint8Array());
    if (order !== 0) {
      return order;
    }
  }
  return 0;
}

function compareBytes(one: Uint8Array, other: Uint8Array): number {
  const at = one.findIndex((byte, index) => byte !== other[index]);
  return at === -1 ? one.length - other.length : (one[at] ?? 0) - (other[at] ?? -1);
}

/** How each certificate of a chain but the root stands. */
function standings(
  chain: readonly Certificate[],
  data: readonly RevocationData[],
  genTime: Timestamp,
): readonly Standing[] {
  return chain.slice(0, -1).flatMap((subject, at) => {
    const issuer = chain[at + 1];
    return issuer === undefined ? [] : [standing({ subject, issuer }, data, genTime)];
  });
}

/** What a datum says of a certificate at the time of a token. */
export function revocationStatus(about: About, { kind, data }: RevocationData, genTime: Timestamp): Told {
  try {
    const statements = kind === "CRL" ? [readCrl(about, data)] : readOcsp(about, data);
    const told = statements.map((one): Told => ({ ...statusBy(one, about.subject, genTime), asOf: one.thisUpdate }));
    const status = worstOf(told);
    return status.state === "nothing" ? { state: "nothing", why: `${kind}: ${status.why}` } : status;
  } catch (error) {
    if (error instanceof VerifyError) {
      const state = error instanceof AboutOthers ? "about others" : "nothing";
      return { state, why: `${kind}: ${error.message}` };
    }
    throw error;
  }
}

/** Of several things that the same data say the one that is worse for the token, and of those alike the earlier, or the first. */
function worstOf<T extends RevocationStatus>(statuses: readonly T[]): T {
  return statuses.reduce((worst, next) => {
    const more = weight[next.state] - weight[worst.state];
    const isEarlier = more === 0 && "at" in next && "at" in worst && next.at.isBefore(worst.at);
    return more > 0 || isEarlier ? next : worst;
  });
}

const weight = {
  good: 0,
  "revoked later": 1,
  "too old": 2,
  "about others": 3,
  nothing: 3,
  "on hold": 4,
  revoked: 5,
} as const;

function standing(about: About, data: readonly RevocationData[], genTime: Timestamp): Standing {
  const told = data.map((datum) => revocationStatus(about, datum, genTime));
  // Nothing takes it back.
  const revoked = told.find((status) => status.state === "revoked");
  if (revoked !== undefined) {
    return revoked;
  }
  const settled = told.filter(({ state }) => state === "good" || state === "revoked later");
  // Whatever was said later ended a hold, or made it something else.
  const held = newestHold(told);
  const isOver = settled.some(({ asOf }) => held?.asOf !== undefined && asOf?.isAfter(held.asOf));
  if (held !== undefined && !isOver) {
    return { state: "revoked", at: held.at, reason: reasonInWords(CERTIFICATE_HOLD) };
  }
  const best = [...settled].reverse().find(({ state }) => state === "revoked later") ?? settled[0];
  if (best?.state === "revoked later" || best?.state === "good") {
    return best;
  }
  const { crlUrls, ocspUrls, unfetchable } = about.subject.extensions;
  const why = whyUnknown(told);
  if (crlUrls.length > 0 || ocspUrls.length > 0) {
    return { state: "unknown", why };
  }
  if (unfetchable.length === 0) {
    return { state: "unpublished" };
  }
  const places = listed(unfetchable, ", ");
  return { state: "unknown", why: `it names no place over HTTP, only ${places}, which is not fetched; ${why}` };
}

type Held = Extract<Told, { state: "on hold" }>;

function newestHold(told: readonly Told[]): Held | undefined {
  const holds = told.filter((status): status is Held => status.state === "on hold");
  const isNewer = (one: Held, other: Held) => {
    const [own, others] = [one.asOf ?? one.at, other.asOf ?? other.at];
    return own.isAfter(others) || (!own.isBefore(others) && one.at.isAfter(other.at));
  };
  return holds.reduce<Held | undefined>(
    (newest, next) => (newest && !isNewer(next, newest) ? newest : next),
    undefined,
  );
}

function whyUnknown(statuses: readonly RevocationStatus[]): string {
  const tooOld = statuses.filter((status) => status.state === "too old");
  if (tooOld.length > 0) {
    const nexts = tooOld.flatMap(({ next }) => next ?? []);
    const [latest] = nexts.sort((one, other) => (one.isAfter(other) ? -1 : 1));
    const old = "what was captured is older than the token";
    return latest === undefined ? old : `${old}; the next comes by ${latest}`;
  }
  const troubles = statuses.flatMap((status) => (status.state === "nothing" ? [status.why] : []));
  if (troubles.length > 0) {
    return `nothing that was captured about it counts (${troubles.slice(0, maxTroubles).join("; ")})`;
  }
  return statuses.length > 0 ? "nothing that was captured is about it" : "nothing was captured";
}

/** docs/rfc3161.md, "Revocation". */
function statusBy(statement: Statement, certificate: Certificate, genTime: Timestamp): RevocationStatus {
  const { thisUpdate, nextUpdate, revoked, remembersFrom, incomplete } = statement;
  if (revoked.length > 0) {
    return worstOf(revoked.map((one) => revokedBy(one, statement, genTime)));
  }
  if (thisUpdate.isBefore(genTime)) {
    return { state: "too old", next: nextUpdate };
  }
  // RFC 5280 section 3.3: an entry may go once it has been on a list that was issued after the certificate's validity.
  const { notAfter } = certificate;
  const isRemembered = remembersFrom !== undefined && !remembersFrom.isAfter(notAfter);
  if (thisUpdate.seconds > notAfter.seconds && !isRemembered) {
    return {
      state: "nothing",
      why: `it is of ${thisUpdate}, when the certificate had expired (${notAfter}): its revocation may have been forgotten`,
    };
  }
  return incomplete === undefined ? { state: "good" } : { state: "nothing", why: incomplete };
}

/** What one revocation comes to. */
function revokedBy(revoked: Revoked, statement: Statement, genTime: Timestamp): RevocationStatus {
  const { at: since, reason, invalidSince } = revoked;
  const { thisUpdate, nextUpdate, incomplete } = statement;
  const inWords = reasonInWords(reason);
  const isTooOld = thisUpdate.isBefore(genTime);
  if (reason === CERTIFICATE_HOLD && !isTooOld) {
    // Of all revocations this one may end, so that only what is not older than the token shows that it lasted.
    return since.isAfter(genTime)
      ? { state: "on hold", at: since, next: nextUpdate }
      : { state: "revoked", at: since, reason: inWords };
  }
  const at = invalidSince?.isBefore(since) ? invalidSince : since;
  const reachesBack = !at.isAfter(genTime) || !reasonsThatLeaveTokensStanding.includes(reason);
  if (reachesBack && reason !== CERTIFICATE_HOLD) {
    return { state: "revoked", at, reason: inWords };
  }
  if (isTooOld) {
    return { state: "too old", next: nextUpdate };
  }
  return incomplete === undefined
    ? { state: "revoked later", at, reason: inWords }
    : { state: "nothing", why: incomplete };
}

/** What they come to. */
export function revocationCheck(chain: readonly Certificate[], all: readonly Standing[]): string {
  const settled: string[] = [];
  let unknown: string | undefined;
  for (const [at, standing] of all.entries()) {
    const who = chain[at];
    switch (standing.state) {
      case "revoked":
        throw new VerifyError(`${who} was revoked at ${standing.at}: ${standing.reason}`);
      case "revoked later":
        settled.push(`${who} was revoked at ${standing.at}, after the token was made: ${standing.reason}`);
        break;
      case "good":
        settled.push(`${who} was not revoked`);
        break;
      case "unknown":
        unknown ??= `${who}: ${standing.why}`;
        break;
      case "unpublished":
        break;
    }
  }
  if (unknown !== undefined) {
    throw new NotChecked(unknown);
  }
  if (chain.length === 0) {
    throw new NotChecked("there is no path");
  }
  if (settled.length === 0) {
    throw new NotChecked("no certificate below the root names a place where its revocation would be published");
  }
  return settled.join("; ");
}
