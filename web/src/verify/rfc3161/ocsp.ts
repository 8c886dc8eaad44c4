/** Answers of the Online Certificate Status Protocol (RFC 6960). */

import { equal } from "../bytes.ts";
import { VerifyError } from "../checks.ts";
import { AlgorithmIdentifier, hashOf, SHA1, verifySignature } from "./algorithm.ts";
import {
  badLength,
  context,
  contextPrimitive,
  type Element,
  noValue,
  only,
  type Reader,
  shortestInteger,
  smallInteger,
  tag,
} from "./ber.ts";
import { Certificate, keyUsage } from "./certificate.ts";
import { type Extension, readExtensions, repeated } from "./extensions.ts";
import { Name } from "./name.ts";
import { type About, type Revoked, readReason, type Statement, verifyUpdates, verifyValidAt } from "./revocation.ts";
import { generalizedTime, type Timestamp } from "./time.ts";

/** Largest answer that is read, in bytes: most have two thousand, certificates of the responder included. */
export const maxOcspSize = 65_536;

/** Most certificates of an answer that are looked at. */
const maxCertificates = 8;

/** Most certificates that an answer is about: responders that sign ahead put some into one. */
const maxSingles = 128;

const BASIC = "1.3.6.1.5.5.7.48.1.1";
const NONCE = "1.3.6.1.5.5.7.48.1.2";
const NO_CHECK = "1.3.6.1.5.5.7.48.1.5";
const ARCHIVE_CUTOFF = "1.3.6.1.5.5.7.48.1.6";
const EXTENDED_REVOKE = "1.3.6.1.5.5.7.48.1.9";
const INVALIDITY_DATE = "2.5.29.24";
const OCSP_SIGNING = "1.3.6.1.5.5.7.3.9";

/** `OCSPResponseStatus` (section 4.2.1). */
const refusals: ReadonlyMap<number, string> = new Map([
  [1, "malformedRequest"],
  [2, "internalError"],
  [3, "tryLater"],
  [5, "sigRequired"],
  [6, "unauthorized"],
]);

/**
 * What an answer says of a certificate, once it is clear that the certificate's issuer signed it, or somebody to whom that delegated it.
 * Throws if it says nothing.
 */
export function readOcsp(about: About, data: Uint8Array): Statement {
  const what = "OCSPResponse";
  if (data.length > maxOcspSize) {
    throw new VerifyError(`expected at most ${maxOcspSize} bytes, found ${data.length}`);
  }
  const reader = only(data, tag.sequence, what).reader(what);
  const statusContent = reader.expect(tag.enumerated, "responseStatus").content;
  const status = smallInteger(shortestInteger(statusContent, "responseStatus"), "responseStatus");
  if (status !== 0) {
    throw new VerifyError(`the responder refuses: ${refusals.get(status) ?? `status ${status}`}`);
  }
  const explicit = reader.enter(context(0), "responseBytes");
  reader.end();
  const bytes = explicit.enter(tag.sequence, "ResponseBytes");
  explicit.end();
  const type = bytes.oid("responseType");
  if (type !== BASIC) {
    throw new VerifyError(`expected id-pkix-ocsp-basic, found ${type}`);
  }
  const basic = bytes.expect(tag.octetString, "response").content;
  bytes.end();
  return readBasic(about, basic);
}

/** `BasicOCSPResponse`. */
function readBasic(about: About, basic: Uint8Array): Statement {
  const what = "BasicOCSPResponse";
  const reader = only(basic, tag.sequence, what).reader(what);
  const tbs = reader.expect(tag.sequence, "tbsResponseData");
  const algorithm = AlgorithmIdentifier.read(reader, "signatureAlgorithm");
  const signature = reader.bits("signature");
  const certificates = readCertificates(reader.optional(context(0)));
  reader.end();

  const { responderId, producedAt, statement } = readResponseData(tbs, about);
  const responder = findResponder(responderId, producedAt, about, certificates);
  verifySignature(responder.spki, { algorithm, message: tbs.raw, signature });
  return statement;
}

/** The certificates that are beside an answer. Nobody has signed which. */
function readCertificates(element: Element | undefined): Certificate[] {
  if (element === undefined) {
    return [];
  }
  const what = "certs";
  const outer = element.reader(what);
  const list = outer.enter(tag.sequence, what);
  outer.end();
  const certificates: Certificate[] = [];
  while (!list.isEmpty) {
    if (certificates.length === maxCertificates) {
      throw badLength(what);
    }
    certificates.push(Certificate.parse(list.next().raw));
  }
  return certificates;
}

/** `ResponderID`: whether a certificate is the one that is named. */
type ResponderId = (certificate: Certificate) => boolean;

function readResponderId(reader: Reader): ResponderId {
  const byName = reader.optional(context(1));
  if (byName !== undefined) {
    const inner = byName.reader("byName");
    const name = Name.read(inner, "byName");
    inner.end();
    return (certificate) => name.equals(certificate.subject);
  }
  const inner = reader.enter(context(2), "responderID");
  // Section 4.2.1: "SHA-1 hash of responder's public key", which is no signature here.
  const hash = inner.expect(tag.octetString, "byKey").content;
  inner.end();
  return (certificate) => {
    const bits = keyBits(certificate);
    return bits !== undefined && equal(SHA1.digest(bits), hash);
  };
}

/** The bits of a certificate's public key, which is what is hashed; undefined if its encoding is malformed. */
function keyBits(certificate: Certificate): Uint8Array | undefined {
  try {
    return readKeyBits(certificate);
  } catch (error) {
    if (error instanceof VerifyError) {
      return undefined;
    }
    throw error;
  }
}

function readKeyBits(certificate: Certificate): Uint8Array {
  const what = "SubjectPublicKeyInfo";
  const reader = only(certificate.spki, tag.sequence, what).reader(what);
  reader.next();
  return reader.bits(what);
}

/** `ResponseData`, as far as it is about one certificate. */
interface ResponseData {
  readonly responderId: ResponderId;
  readonly producedAt: Timestamp;
  readonly statement: Statement;
}

function readResponseData(tbs: Element, about: About): ResponseData {
  const reader = tbs.reader("ResponseData");
  verifyVersion(reader.optional(context(0)));
  const responderId = readResponderId(reader);
  const producedAt = readGeneralizedTime(reader, "producedAt");
  const singles = reader.enter(tag.sequence, "responses");
  for (const extension of readExtensionsOf(reader.optional(context(1)))) {
    // The nonce is of another request than ours, if there is one: the answer counts by its times.
    verifyUnderstood(extension, [NONCE, EXTENDED_REVOKE]);
  }
  reader.end();
  const statement = findSingle(singles, about);
  // Nobody can sign what will be known later.
  const thisUpdate = producedAt.isBefore(statement.thisUpdate) ? producedAt : statement.thisUpdate;
  return { responderId, producedAt, statement: { ...statement, thisUpdate } };
}

function verifyVersion(element: Element | undefined): void {
  const reader = element?.reader("version");
  const version = reader?.small("version") ?? 0;
  reader?.end();
  if (version !== 0) {
    throw new VerifyError(`expected version 0 (v1), found ${version}`);
  }
}

function readGeneralizedTime(reader: Reader, what: string): Timestamp {
  return generalizedTime(reader.expect(tag.generalizedTime, what).content, what);
}

/** The one answer about the certificate. */
function findSingle(singles: Reader, about: About): Statement {
  let found: Statement | undefined;
  for (let count = 0; !singles.isEmpty; count++) {
    if (count === maxSingles) {
      throw badLength("responses");
    }
    const single = singles.enter(tag.sequence, "SingleResponse");
    if (isAbout(single.expect(tag.sequence, "certID"), about)) {
      const statement = readSingle(single);
      if (found !== undefined) {
        throw new VerifyError("it answers twice about the certificate");
      }
      found = statement;
    }
  }
  if (found === undefined) {
    throw new VerifyError("it is not about the certificate");
  }
  return found;
}

/** Whether `CertID` is the certificate's, by the hashes that it was made with. */
function isAbout(id: Element, about: About): boolean {
  const what = "CertID";
  const reader = id.reader(what);
  const algorithm = AlgorithmIdentifier.read(reader, what);
  const nameHash = reader.expect(tag.octetString, "issuerNameHash").content;
  const keyHash = reader.expect(tag.octetString, "issuerKeyHash").content;
  const serial = reader.integer("serialNumber");
  reader.end();
  // Which hash does not matter here: the issuer made the name, the key and the signature over the answer.
  const hash = hashOf(algorithm.oid);
  return (
    hash !== undefined &&
    equal(serial, about.subject.serial) &&
    equal(nameHash, hash.digest(about.subject.issuer.der)) &&
    equal(keyHash, hash.digest(readKeyBits(about.issuer)))
  );
}

/** What follows `certID` in `SingleResponse`. */
function readSingle(reader: Reader): Statement {
  let revoked = readCertStatus(reader.next());
  const thisUpdate = readGeneralizedTime(reader, "thisUpdate");
  const next = reader.optional(context(0))?.reader("nextUpdate");
  const nextUpdate = next === undefined ? undefined : readGeneralizedTime(next, "nextUpdate");
  next?.end();
  verifyUpdates(thisUpdate, nextUpdate);
  let remembersFrom: Timestamp | undefined;
  for (const extension of readExtensionsOf(reader.optional(context(1)))) {
    verifyUnderstood(extension, [ARCHIVE_CUTOFF, INVALIDITY_DATE]);
    const date = () => generalizedTime(only(extension.value, tag.generalizedTime, "a date").content, "a date");
    if (extension.oid === ARCHIVE_CUTOFF) {
      remembersFrom = date();
    } else if (extension.oid === INVALIDITY_DATE && revoked !== undefined) {
      // Section 4.4.5: extensions of entries of lists may be here, too.
      revoked = { ...revoked, invalidSince: date() };
    }
  }
  reader.end();
  return { thisUpdate, nextUpdate, revoked, remembersFrom, incomplete: undefined };
}

/** `CertStatus`: undefined is good. */
function readCertStatus(status: Element): Revoked | undefined {
  if (status.identifier === contextPrimitive(0) && status.content.length === 0) {
    return undefined;
  }
  if (status.identifier === context(1)) {
    return readRevoked(status);
  }
  if (status.identifier === contextPrimitive(2)) {
    throw new VerifyError("the responder does not know the certificate");
  }
  throw noValue("certStatus");
}

/** `RevokedInfo`. */
function readRevoked(element: Element): Revoked {
  const reader = element.reader("RevokedInfo");
  const at = readGeneralizedTime(reader, "revocationTime");
  const given = reader.optional(context(0))?.reader("revocationReason");
  const reason = given === undefined ? undefined : readReason(given.expect(tag.enumerated, "revocationReason"));
  given?.end();
  reader.end();
  return { at, reason, invalidSince: undefined };
}

/** `[1] EXPLICIT Extensions`, of which none comes twice. */
function readExtensionsOf(element: Element | undefined): Extension[] {
  if (element === undefined) {
    return [];
  }
  const reader = element.reader("extensions");
  const extensions = readExtensions(reader);
  reader.end();
  const twice = repeated(extensions);
  if (twice !== undefined) {
    throw new VerifyError(`the extension ${twice} comes twice`);
  }
  return extensions;
}

function verifyUnderstood({ oid, isCritical }: Extension, known: readonly string[]): void {
  if (isCritical && !known.includes(oid)) {
    throw new VerifyError(`the critical extension ${oid} is not understood`);
  }
}

/** Who signed it: the certificate's issuer, or one whose certificate the issuer signed for that. */
function findResponder(
  isResponder: ResponderId,
  producedAt: Timestamp,
  about: About,
  certificates: readonly Certificate[],
): Certificate {
  if (isResponder(about.issuer)) {
    verifyValidAt(about.issuer, producedAt);
    return about.issuer;
  }
  const delegate = certificates.find(isResponder);
  if (delegate === undefined) {
    throw new VerifyError("the responder is not the certificate's issuer, and its certificate is not there");
  }
  verifyIsDelegate(delegate, about.issuer);
  verifyValidAt(delegate, producedAt);
  return delegate;
}

/** Section 4.2.2.2: a delegate's certificate is issued directly by the certificate's issuer, by the same key, for OCSP. */
function verifyIsDelegate(delegate: Certificate, issuer: Certificate): void {
  const trouble = (what: string) => new VerifyError(`${delegate} may not answer: ${what}`);
  if (!delegate.issuer.equals(issuer.subject)) {
    throw trouble(`its certificate is by ${delegate.issuer}, not by ${issuer}`);
  }
  try {
    delegate.verifySignedBy(issuer);
  } catch (error) {
    throw error instanceof VerifyError ? trouble(`its certificate: ${error.message}`) : error;
  }
  const { extendedKeyUsage, notUnderstood, crlUrls, ocspUrls, oids } = delegate.extensions;
  if (extendedKeyUsage?.purposes.includes(OCSP_SIGNING) !== true) {
    throw trouble("its certificate is not for OCSP by its extended key usage");
  }
  if (!delegate.may(keyUsage.digitalSignature) && !delegate.may(keyUsage.nonRepudiation)) {
    throw trouble("its key may not be used for signatures");
  }
  if (notUnderstood.length > 0) {
    throw trouble(`its certificate has critical extensions that are not understood: ${notUnderstood.join(", ")}`);
  }
  // Section 4.2.2.2.1: it may be trusted for its life time by ocsp-nocheck; it may say where to ask about it; or it says nothing, and then
  // it is for whoever asks to decide.
  if ((crlUrls.length > 0 || ocspUrls.length > 0) && !oids.includes(NO_CHECK)) {
    throw trouble("whether its own certificate was revoked is not known");
  }
}
