/** Answers of the Online Certificate Status Protocol (RFC 6960). */

import { equal } from "../bytes.ts";
import { VerifyError } from "../checks.ts";
import { AlgorithmIdentifier, hashOf, SHA1 } from "./algorithm.ts";
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
import { known } from "./known.ts";
import { Name } from "./name.ts";
import {
  type About,
  AboutOthers,
  isRemoval,
  type Revoked,
  readReason,
  type Statement,
  verifyUpdates,
  verifyValidAt,
} from "./revocation.ts";
import { listed } from "./text.ts";
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
 * Each single response about the certificate says something: one, where the answer is right. Throws if it says nothing.
 */
export function readOcsp(about: About, data: Uint8Array): readonly Statement[] {
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
function readBasic(about: About, basic: Uint8Array): readonly Statement[] {
  const what = "BasicOCSPResponse";
  const reader = only(basic, tag.sequence, what).reader(what);
  const tbs = reader.expect(tag.sequence, "tbsResponseData");
  const algorithm = AlgorithmIdentifier.read(reader, "signatureAlgorithm");
  const signature = reader.bits("signature");
  const certificates = readCertificates(reader.optional(context(0)));
  reader.end();

  const { responderId, producedAt, statements } = readResponseData(tbs, about);
  if (statements.length === 0) {
    throw new AboutOthers("it is not about the certificate");
  }
  verifyResponder(responderId, producedAt, about, certificates, (responder) => {
    known.verify(responder.spki, { algorithm, message: tbs.raw, signature });
  });
  return statements;
}

/** The certificates that are beside an answer. Nobody has signed which, so that one that cannot be read is passed over. */
function readCertificates(element: Element | undefined): Certificate[] {
  if (element === undefined) {
    return [];
  }
  const what = "certs";
  const outer = element.reader(what);
  const list = outer.enter(tag.sequence, what);
  outer.end();
  const certificates: Certificate[] = [];
  for (let count = 0; !list.isEmpty; count++) {
    if (count === maxCertificates) {
      throw badLength(what);
    }
    const { raw } = list.next();
    const certificate = ifReadable(() => Certificate.parse(raw));
    if (certificate !== undefined) {
      certificates.push(certificate);
    }
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
    const bits = ifReadable(() => readKeyBits(certificate));
    return bits !== undefined && equal(SHA1.digest(bits), hash);
  };
}

function ifReadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof VerifyError) {
      return undefined;
    }
    throw error;
  }
}

/** The bits of a certificate's public key, which is what is hashed. */
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
  readonly statements: readonly Statement[];
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
  // Nobody can sign what will be known later.
  const asOf = (thisUpdate: Timestamp) => (producedAt.isBefore(thisUpdate) ? producedAt : thisUpdate);
  const statements = findSingles(singles, about).map((one) => ({ ...one, thisUpdate: asOf(one.thisUpdate) }));
  return { responderId, producedAt, statements };
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

/** The answers about the certificate. */
function findSingles(singles: Reader, about: About): readonly Statement[] {
  const found: Statement[] = [];
  for (let count = 0; !singles.isEmpty; count++) {
    if (count === maxSingles) {
      throw badLength("responses");
    }
    const single = singles.enter(tag.sequence, "SingleResponse");
    if (isAbout(single.expect(tag.sequence, "certID"), about)) {
      found.push(readSingle(single));
    }
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
  const { revoked: found, incomplete } = readCertStatus(reader.next());
  let revoked = found;
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
  return { thisUpdate, nextUpdate, revoked: revoked === undefined ? [] : [revoked], remembersFrom, incomplete };
}

/** `CertStatus`: nothing is good. */
function readCertStatus(status: Element): { revoked?: Revoked; incomplete: string | undefined } {
  if (status.identifier === contextPrimitive(0) && status.content.length === 0) {
    return { incomplete: undefined };
  }
  if (status.identifier === context(1)) {
    return { revoked: readRevoked(status), incomplete: undefined };
  }
  if (status.identifier === contextPrimitive(2)) {
    return { incomplete: "the responder does not know the certificate" };
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
  // RFC 5280 section 5.3.1: it is of delta lists alone.
  if (isRemoval(reason)) {
    throw new VerifyError("it says that the certificate is revoked, and that it is not any more (removeFromCRL)");
  }
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

/**
 * Throws unless the certificate's issuer signed it, or one whose certificate the issuer signed for that. Several certificates may be the one
 * that is named; if none will do, the first says why.
 */
function verifyResponder(
  isResponder: ResponderId,
  producedAt: Timestamp,
  about: About,
  certificates: readonly Certificate[],
  verifySignedBy: (responder: Certificate) => void,
): void {
  // A delegate speaks for its issuer, whose own certificate has to be valid then, too.
  verifyValidAt(about.issuer, producedAt);
  const byIssuer = isResponder(about.issuer) ? [() => verifySignedBy(about.issuer)] : [];
  const byDelegates = certificates.filter(isResponder).map((delegate) => () => {
    verifyIsDelegate(delegate, about.issuer);
    verifyValidAt(delegate, producedAt);
    verifySignedBy(delegate);
  });
  let first: VerifyError | undefined;
  for (const verify of [...byIssuer, ...byDelegates]) {
    try {
      verify();
      return;
    } catch (error) {
      if (!(error instanceof VerifyError)) {
        throw error;
      }
      first ??= error;
    }
  }
  const nobody = "the responder is not the certificate's issuer, and its certificate is not there";
  throw first ?? new VerifyError(nobody);
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
  const { extendedKeyUsage, notUnderstood, crlUrls, ocspUrls, unfetchable, oids } = delegate.extensions;
  if (extendedKeyUsage?.purposes.includes(OCSP_SIGNING) !== true) {
    throw trouble("its certificate is not for OCSP by its extended key usage");
  }
  if (!delegate.may(keyUsage.digitalSignature) && !delegate.may(keyUsage.nonRepudiation)) {
    throw trouble("its key may not be used for signatures");
  }
  if (notUnderstood.length > 0) {
    throw trouble(`its certificate has critical extensions that are not understood: ${listed(notUnderstood, ", ")}`);
  }
  // Section 4.2.2.2.1: it may be trusted for its life time by ocsp-nocheck; it may say where to ask about it; or it says nothing, and then
  // it is for whoever asks to decide.
  if ([...crlUrls, ...ocspUrls, ...unfetchable].length > 0 && !oids.includes(NO_CHECK)) {
    throw trouble("whether its own certificate was revoked is not known");
  }
}
