/**
 * Whether a time-stamp token is good: a function of what is given, and of nothing else. docs/rfc3161.md says what each check demands.
 * Nothing in a token is trusted because it is there.
 */

import { equal } from "../bytes.ts";
import { Checks, NotChecked, VerifyError } from "../checks.ts";
import { hashOf, soundHash } from "./algorithm.ts";
import { Reader } from "./ber.ts";
import type { Certificate } from "./certificate.ts";
import { type RevocationData, revocationCheck, type Standing } from "./revocation.ts";
import { type Behind, judgeSigner } from "./signer.ts";
import { listed, shownBytes } from "./text.ts";
import type { Timestamp } from "./time.ts";
import { type Imprint, parseToken, type Token, type TstInfo } from "./token.ts";

/** What a token shall cover: these bytes, or bytes with this digest. */
export type Covers = { readonly data: Uint8Array } | { readonly imprint: Imprint };

/** What a token is judged by. What is undefined is not checked. */
export interface TokenQuestion {
  /** DER or BER. */
  readonly token: Uint8Array;
  readonly covers?: Covers | undefined;
  /** The number of the request: the content octets of an INTEGER. */
  readonly nonce?: Uint8Array | undefined;
  /** The policies that are accepted, as object identifiers; none: any. */
  readonly policies?: readonly string[];
  /** The roots that the verifier trusts. */
  readonly roots: readonly Certificate[];
  /** Certificates that may be needed beside those in the token. */
  readonly extra?: readonly Certificate[];
  /** What was captured about the revocation of certificates. */
  readonly revocation?: readonly RevocationData[];
  /** The time of the judgement: no token is from later. */
  readonly at?: Timestamp | undefined;
}

/** The time in a token, and what its accuracy leaves open. */
export interface GenTime {
  readonly time: Timestamp;
  readonly earliest: Timestamp;
  readonly latest: Timestamp;
}

export interface TokenJudgement {
  /** Each check that was made, or could not be, in order. */
  readonly checks: Checks;
  /** The time in it, if it could be read. */
  readonly genTime: GenTime | undefined;
  /** The chain by which it was verified: the signer's certificate first, the root last; empty if there is none. */
  readonly chain: readonly Certificate[];
  /** How each of them but the root stands, by what was given about their revocation. */
  readonly revocation: readonly Standing[];
  /** Who stands behind it. */
  readonly behind: Behind;
  /** Nothing failed, and everything that a token must show was checked. The optional checks are the caller's to ask for. */
  readonly isGood: boolean;
}

/** What may be left open in a good token. */
const optionalChecks = ["nonce", "policy", "revocation", "accuracy", "time"];

const TST_INFO = "1.2.840.113549.1.9.16.1.4";
const CONTENT_TYPE = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST = "1.2.840.113549.1.9.4";

/** How far genTime may be after the time of the judgement: clocks differ. */
const maxAheadMicroseconds = 300_000_000;

export function judgeToken(question: TokenQuestion): TokenJudgement {
  const checks = new Checks();
  let parsed: Token | undefined;
  checks.note("parsed", () => {
    parsed = parseToken(question.token);
    return `${parsed.certificates.length} certificates in it`;
  });
  const token = parsed as Token | undefined;
  if (token === undefined) {
    return { checks, genTime: undefined, chain: [], revocation: [], behind: { who: "nobody" }, isGood: false };
  }
  const { info } = token;
  checks.note("version", () => version(token));
  checks.note("content type", () => contentType(token));
  checks.note("imprint algorithm", () => imprintAlgorithm(info.imprint));
  checks.note("imprint", () => imprint(info.imprint, question.covers));
  checks.note("nonce", () => nonce(info.nonce, question.nonce));
  checks.note("policy", () => policy(info.policy, question.policies ?? []));
  checks.note("message digest", () => messageDigest(token));
  const { roots, extra, revocation: data } = question;
  const { chain, standings: revocation, behind } = judgeSigner(token, roots, extra ?? [], data ?? [], checks);
  checks.note("revocation", () => revocationCheck(chain, revocation));
  checks.note("accuracy", () => accuracy(info));
  checks.note("time", () => isNotLater(info.genTime, question.at));
  const isGood = checks.holdButFor(optionalChecks);
  return { checks, genTime: genTimeOf(info), chain, revocation, behind, isGood };
}

function genTimeOf({ genTime, accuracy }: TstInfo): GenTime {
  const microseconds = accuracy !== undefined && "microseconds" in accuracy ? accuracy.microseconds : 0;
  return { time: genTime, earliest: genTime.shifted(-microseconds), latest: genTime.shifted(microseconds) };
}

/** RFC 3161 section 2.4.2: version 1. RFC 5652 section 5.1: signed data of version 3 where the content is not id-data; some write 1. */
function version({ version, info }: Token): string {
  if (info.version !== 1) {
    throw new VerifyError(`expected TSTInfo of version 1, found ${info.version}`);
  }
  if (version < 1 || version > 5) {
    throw new VerifyError(`expected signed data of version 3, found ${version}`);
  }
  if (info.critical.length > 0) {
    throw new VerifyError(`the token has critical extensions that are not understood: ${listed(info.critical, ", ")}`);
  }
  return "1";
}

/** RFC 5652 section 5.3: signed attributes must be there if the content is not id-data, with content type and message digest. */
function contentType({ contentType, signer }: Token): string {
  if (contentType !== TST_INFO) {
    throw new VerifyError(`expected id-ct-TSTInfo, found ${contentType}`);
  }
  const said = signer.attribute(CONTENT_TYPE, "content-type");
  if (said === undefined) {
    throw new VerifyError("the signed attribute content-type is missing");
  }
  if (new Reader(said, "content-type").oid("content-type") !== TST_INFO) {
    throw new VerifyError("the signed attribute content-type is not id-ct-TSTInfo");
  }
  return "id-ct-TSTInfo";
}

/** RFC 3161 section 2.4.1: "The length of the hash value MUST match the length of the hash algorithm". */
function imprintAlgorithm({ algorithm, digest }: Imprint): string {
  const { name, size } = soundHash(algorithm);
  if (digest.length !== size) {
    throw new VerifyError(`a digest by ${name} has ${size} bytes, found ${digest.length}`);
  }
  return name;
}

function imprint(found: Imprint, covers: Covers | undefined): string {
  if (covers === undefined) {
    throw new NotChecked("what the token covers was not given");
  }
  if (!isCovered(found, covers)) {
    throw new VerifyError(`it covers other data: their digest is ${shownBytes(found.digest)}`);
  }
  return "it covers what was given";
}

function isCovered({ algorithm, digest }: Imprint, covers: Covers): boolean {
  if ("imprint" in covers) {
    return covers.imprint.algorithm === algorithm && equal(covers.imprint.digest, digest);
  }
  const hash = hashOf(algorithm);
  if (hash === undefined) {
    throw new NotChecked("the hash algorithm is not known");
  }
  return equal(hash.digest(covers.data), digest);
}

function nonce(found: Uint8Array | undefined, expected: Uint8Array | undefined): string {
  if (expected === undefined) {
    throw new NotChecked("the request's nonce is not known");
  }
  if (found === undefined) {
    throw new VerifyError(`expected the request's nonce ${shownBytes(expected)}, and there is none`);
  }
  if (!equal(found, expected)) {
    throw new VerifyError(`expected the request's nonce ${shownBytes(expected)}, found ${shownBytes(found)}`);
  }
  return "the request's";
}

function policy(found: string, accepted: readonly string[]): string {
  if (accepted.length === 0) {
    throw new NotChecked(`any policy is accepted; it is ${found}`);
  }
  if (!accepted.includes(found)) {
    throw new VerifyError(`expected ${listed(accepted, " or ")}, found ${found}`);
  }
  return found;
}

/** RFC 5652 section 5.6: the signed attribute is the digest of the content, by the signer's digest algorithm. */
function messageDigest({ signer, content }: Token): string {
  const hash = soundHash(signer.digestAlgorithm);
  const said = signer.attribute(MESSAGE_DIGEST, "message-digest");
  if (said === undefined) {
    throw new VerifyError("the signed attribute message-digest is missing");
  }
  if (!equal(new Reader(said, "message-digest").octetString("message-digest"), hash.digest(content))) {
    throw new VerifyError("the signed attribute message-digest is not the digest of the content");
  }
  return hash.name;
}

function accuracy({ accuracy }: TstInfo): string {
  if (accuracy === undefined) {
    throw new NotChecked("the token does not say how exact its time is");
  }
  if ("wrong" in accuracy) {
    throw new VerifyError(`an accuracy may not have ${accuracy.wrong}`);
  }
  return `within ${accuracy.microseconds} microseconds`;
}

function isNotLater(time: Timestamp, at: Timestamp | undefined): string {
  if (at === undefined) {
    throw new NotChecked("the time of the judgement was not given");
  }
  if (time.isAfter(at.shifted(maxAheadMicroseconds))) {
    throw new VerifyError(`the token is from ${time}, which is after ${at}`);
  }
  return time.toString();
}
