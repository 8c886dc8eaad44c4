/**
 * Whether a certificate of a chain was revoked, by what its issuer publishes: lists (RFC 5280 section 5) and OCSP (RFC 6960).
 *
 * What counts is the time of the token: data that are older than it say nothing of it, and what they say of today does not matter.
 */

import { equal } from "../bytes.ts";
import { NotChecked, VerifyError } from "../checks.ts";
import type { Element } from "./ber.ts";
import { shortestInteger, smallInteger } from "./ber.ts";
import type { Certificate } from "./certificate.ts";
import { readCrl } from "./crl.ts";
import { readOcsp } from "./ocsp.ts";
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
  readonly revoked: Revoked | undefined;
  /** Certificates that expired from then on are not forgotten. */
  readonly remembersFrom: Timestamp | undefined;
  /** Why it says nothing that the certificate is not among the revoked ones. */
  readonly incomplete: string | undefined;
}

/** How a certificate of the chain stands at the time of the token, by all data together. */
export type Standing =
  | { readonly state: "good" }
  /** For a reason that leaves the token standing. */
  | { readonly state: "revoked later"; readonly at: Timestamp; readonly reason: string }
  /** The token does not stand. */
  | { readonly state: "revoked"; readonly at: Timestamp; readonly reason: string }
  /** It names a place over HTTP where that is published, and nothing that was given settles it. */
  | { readonly state: "unknown"; readonly why: string }
  /** It names no such place, and nothing that was given settles it. */
  | { readonly state: "unpublished" };

/** What one datum says of one certificate. */
export type RevocationStatus =
  | Extract<Standing, { state: "good" | "revoked later" | "revoked" }>
  /** Right, but older than the token; the next ones are said to come by then. */
  | { readonly state: "too old"; readonly next: Timestamp | undefined }
  | { readonly state: "nothing"; readonly why: string };

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
      const spki = chain[at]?.spki;
      const isOfTheKey = standing.state === "revoked" && reasonsOfTheKey.includes(standing.reason);
      return spki !== undefined && isOfTheKey ? [{ spki, standing }] : [];
    }),
  );
  return (certificate) =>
    found.find(({ spki }) => certificate !== undefined && equal(spki, certificate.spki))?.standing;
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
export function revocationStatus(about: About, { kind, data }: RevocationData, genTime: Timestamp): RevocationStatus {
  try {
    const statement = kind === "CRL" ? readCrl(about, data) : readOcsp(about, data);
    return statusBy(statement, about.subject, genTime);
  } catch (error) {
    if (error instanceof VerifyError) {
      return { state: "nothing", why: `${kind}: ${error.message}` };
    }
    throw error;
  }
}

function standing(about: About, data: readonly RevocationData[], genTime: Timestamp): Standing {
  const statuses = data.map((datum) => revocationStatus(about, datum, genTime));
  const settled =
    statuses.find((status) => status.state === "revoked") ??
    statuses.findLast((status) => status.state === "revoked later") ??
    statuses.find((status) => status.state === "good");
  if (settled !== undefined) {
    return settled;
  }
  const { crlUrls, ocspUrls } = about.subject.extensions;
  if (crlUrls.length === 0 && ocspUrls.length === 0) {
    return { state: "unpublished" };
  }
  return { state: "unknown", why: whyUnknown(statuses) };
}

function whyUnknown(statuses: readonly RevocationStatus[]): string {
  const tooOld = statuses.filter((status) => status.state === "too old");
  if (tooOld.length > 0) {
    const nexts = tooOld.flatMap(({ next }) => next ?? []);
    const [latest] = nexts.sort((one, other) => (one.isAfter(other) ? -1 : 1));
    const old = "what was captured is older than the token";
    return latest === undefined ? old : `${old}; the next comes by ${latest}`;
  }
  if (statuses.length === 0) {
    return "nothing was captured";
  }
  const troubles = statuses.flatMap((status) => (status.state === "nothing" ? [status.why] : []));
  return `nothing that was captured speaks of it (${troubles.slice(0, maxTroubles).join("; ")})`;
}

/** docs/rfc3161.md, "Revocation". */
function statusBy(statement: Statement, certificate: Certificate, genTime: Timestamp): RevocationStatus {
  const { thisUpdate, nextUpdate, revoked, remembersFrom, incomplete } = statement;
  const isTooOld = thisUpdate.isBefore(genTime);
  const tooOld: RevocationStatus = { state: "too old", next: nextUpdate };
  if (revoked !== undefined) {
    const { reason, invalidSince } = revoked;
    const at = invalidSince?.isBefore(revoked.at) ? invalidSince : revoked.at;
    // Nothing undoes a revocation but the end of a hold, so that older data will do.
    const mayHaveEnded = reason === CERTIFICATE_HOLD && isTooOld;
    const reachesBack = !at.isAfter(genTime) || !reasonsThatLeaveTokensStanding.includes(reason);
    if (reachesBack && !mayHaveEnded) {
      return { state: "revoked", at, reason: reasonInWords(reason) };
    }
    return isTooOld ? tooOld : { state: "revoked later", at, reason: reasonInWords(reason) };
  }
  if (isTooOld) {
    return tooOld;
  }
  // RFC 5280 section 3.3: an entry may go once it has been on a list that was issued after the certificate's validity.
  const { notAfter } = certificate;
  const isRemembered = remembersFrom !== undefined && !remembersFrom.isAfter(notAfter);
  if (thisUpdate.seconds > notAfter.seconds && !isRemembered) {
    throw new VerifyError(
      `it is of ${thisUpdate}, when the certificate had expired (${notAfter}): its revocation may have been forgotten`,
    );
  }
  if (incomplete !== undefined) {
    throw new VerifyError(incomplete);
  }
  return { state: "good" };
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
    throw new NotChecked(
      "no certificate below the root names a place over HTTP where its revocation would be published",
    );
  }
  return settled.join("; ");
}
