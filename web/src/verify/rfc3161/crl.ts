/** Certificate revocation lists (RFC 5280 section 5): read in the order in which they stand, and nothing kept but what is said of one certificate. */

import { equal } from "../bytes.ts";
import { VerifyError } from "../checks.ts";
import { AlgorithmIdentifier } from "./algorithm.ts";
import { booleanOf, context, contextPrimitive, type Element, only, type Reader, tag } from "./ber.ts";
import { keyUsage } from "./certificate.ts";
import { type Extension, isUrl, readExtensions, repeated } from "./extensions.ts";
import { known } from "./known.ts";
import { Name } from "./name.ts";
import { decodeOid } from "./oid.ts";
import {
  type About,
  AboutOthers,
  isRemoval,
  type RevocationReason,
  type Revoked,
  readReason,
  type Statement,
  verifyUpdates,
  verifyValidAt,
} from "./revocation.ts";
import { generalizedTime, readTime, type Timestamp } from "./time.ts";

/** Largest list that is read, in bytes: some authorities' are a few megabytes. */
export const maxCrlSize = 8 * 1_024 * 1_024;

/** Most entries of a list: what fits into the largest one, at 32 bytes each. */
const maxEntries = maxCrlSize / 32;

const DELTA_CRL_INDICATOR = "2.5.29.27";
const ISSUING_DISTRIBUTION_POINT = "2.5.29.28";
const EXPIRED_CERTS_ON_CRL = "2.5.29.60";

/** What changes nothing about what a list says: its number, the names of its issuer and of its issuer's key, and where there are deltas. */
const ofNoConsequence: readonly string[] = ["2.5.29.18", "2.5.29.20", "2.5.29.35", "2.5.29.46"];

/** Extensions of entries. */
const REASON_CODE = "2.5.29.21";
const HOLD_INSTRUCTION = "2.5.29.23";
const INVALIDITY_DATE = "2.5.29.24";

/** What a list says of a certificate, once it is clear that the certificate's issuer signed it. Throws if it says nothing. */
export function readCrl(about: About, data: Uint8Array): Statement {
  const what = "CertificateList";
  if (data.length > maxCrlSize) {
    throw new VerifyError(`expected at most ${maxCrlSize} bytes, found ${data.length}`);
  }
  const outer = only(data, tag.sequence, what).reader(what);
  const tbs = outer.expect(tag.sequence, "TBSCertList");
  const algorithm = AlgorithmIdentifier.read(outer, "signatureAlgorithm");
  const signature = outer.bits("signatureValue");
  outer.end();

  const reader = tbs.reader("TBSCertList");
  // Section 5.1.2.1: v2, which is 1, or nothing.
  const version = reader.peek === tag.integer ? reader.small("version") : undefined;
  if (version !== undefined && version !== 1) {
    throw new VerifyError(`expected version 1 (v2), found ${version}`);
  }
  // Section 5.1.1.2: "This field MUST contain the same algorithm identifier as the signature field".
  if (!AlgorithmIdentifier.read(reader, "signature").equals(algorithm)) {
    throw new VerifyError("it names two signature algorithms");
  }
  const issuer = Name.read(reader, "issuer");
  if (!issuer.equals(about.issuer.subject)) {
    throw new AboutOthers(`expected the list of ${about.issuer}, found that of ${issuer}`);
  }
  const thisUpdate = readTime(reader, "thisUpdate");
  // Section 6.3.3 (f): if a key usage extension is present, cRLSign is set.
  if (!about.issuer.may(keyUsage.crlSign)) {
    throw new VerifyError(`${about.issuer} may not sign lists by its key usage`);
  }
  verifyValidAt(about.issuer, thisUpdate);
  known.verify(about.issuer.spki, { algorithm, message: tbs.raw, signature });
  return readStatement(about, reader, version === 1, thisUpdate);
}

/** What follows thisUpdate. */
function readStatement(about: About, reader: Reader, isV2: boolean, thisUpdate: Timestamp): Statement {
  const isTime = reader.peek === tag.utcTime || reader.peek === tag.generalizedTime;
  const nextUpdate = isTime ? readTime(reader, "nextUpdate") : undefined;
  verifyUpdates(thisUpdate, nextUpdate);
  const entries = reader.optional(tag.sequence);
  const revoked = entries === undefined ? [] : findEntries(entries, about.subject.serial, isV2);
  const extensions = reader.optional(context(0));
  let said: Pick<Statement, "incomplete" | "remembersFrom"> = { incomplete: undefined, remembersFrom: undefined };
  if (extensions !== undefined) {
    if (!isV2) {
      throw new VerifyError("it is of version 1 and has extensions");
    }
    const inner = extensions.reader("crlExtensions");
    const list = readExtensions(inner);
    inner.end();
    said = readListExtensions(about, list);
  }
  reader.end();
  return { thisUpdate, nextUpdate, revoked, ...said };
}

function readListExtensions(about: About, extensions: readonly Extension[]) {
  let incomplete: string | undefined;
  let remembersFrom: Timestamp | undefined;
  for (const [at, { oid, isCritical, value }] of extensions.entries()) {
    if (repeated(extensions.slice(0, at + 1)) !== undefined) {
      throw new VerifyError(`the extension ${oid} comes twice`);
    }
    if (oid === DELTA_CRL_INDICATOR) {
      throw new VerifyError("it is a delta, which says only what has changed");
    }
    if (oid === ISSUING_DISTRIBUTION_POINT) {
      incomplete = readScope(about, value);
    } else if (oid === EXPIRED_CERTS_ON_CRL) {
      // X.509 section 9.5.2.8.
      const what = "expiredCertsOnCRL";
      remembersFrom = generalizedTime(only(value, tag.generalizedTime, what).content, what);
    } else if (isCritical && !ofNoConsequence.includes(oid)) {
      // Section 5.2: such a list MUST NOT be used to determine the status of certificates.
      throw new VerifyError(`the critical extension ${oid} is not understood`);
    }
  }
  return { incomplete, remembersFrom };
}

/**
 * `IssuingDistributionPoint` (sections 5.2.5 and 6.3.3 (b)): throws if the list is not about the certificate; if it is about some reasons
 * alone, the words for that.
 */
function readScope(about: About, value: Uint8Array): string | undefined {
  const what = "issuingDistributionPoint";
  const reader = only(value, tag.sequence, what).reader(what);
  const name = reader.optional(context(0));
  if (name !== undefined) {
    verifyIsNamed(about, name);
  }
  const flag = (number: number) => {
    const element = reader.optional(contextPrimitive(number));
    return element !== undefined && booleanOf(element, what);
  };
  const onlyUsers = flag(1);
  const onlyAuthorities = flag(2);
  const hasSomeReasons = reader.optional(contextPrimitive(3)) !== undefined;
  const isIndirect = flag(4);
  const onlyAttributes = flag(5);
  reader.end();
  const isAuthority = about.subject.extensions.basicConstraints?.isAuthority ?? false;
  if (isIndirect) {
    throw new VerifyError("it is an indirect list, about the certificates of several issuers");
  }
  if (onlyAttributes) {
    throw new AboutOthers("it is about attribute certificates alone");
  }
  if (onlyUsers && isAuthority) {
    throw new AboutOthers("it is about the certificates of users alone");
  }
  if (onlyAuthorities && !isAuthority) {
    throw new AboutOthers("it is about the certificates of authorities alone");
  }
  const words = "it is about some reasons alone, and the certificate may be revoked for another";
  return hasSomeReasons ? words : undefined;
}

/** Throws unless the certificate says that it would be in the list of this distribution point. Of names only URLs over HTTP are compared. */
function verifyIsNamed(about: About, name: Element): void {
  const reader = name.reader("distributionPoint");
  const fullName = reader.optional(context(0));
  let isNamed = false;
  if (fullName === undefined) {
    reader.next();
  } else {
    const names = fullName.reader("fullName");
    while (!names.isEmpty) {
      const one = names.next();
      isNamed ||= about.subject.extensions.crlUrls.some((url) => isUrl(one, url));
    }
  }
  reader.end();
  if (!isNamed) {
    throw new AboutOthers("it is the list of a distribution point that the certificate does not name");
  }
}

/** The entries with a serial number: none, or one where the list is right. All are read: one that is not understood spoils the list. */
function findEntries(entries: Element, serial: Uint8Array, isV2: boolean): readonly Revoked[] {
  const what = "revokedCertificates";
  const reader = entries.reader(what);
  const found: Revoked[] = [];
  for (let count = 0; !reader.isEmpty; count++) {
    if (count === maxEntries) {
      throw new VerifyError(`expected at most ${maxEntries} entries, found more`);
    }
    const entry = reader.enter(tag.sequence, what);
    const isIt = equal(entry.integer("userCertificate"), serial);
    const at = readTime(entry, "revocationDate");
    const extensions = entry.optional(tag.sequence);
    if (extensions !== undefined && !isV2) {
      throw new VerifyError("it is of version 1 and has extensions of an entry");
    }
    const said = readEntryExtensions(extensions);
    entry.end();
    if (isIt) {
      found.push({ at, ...said });
    }
  }
  return found;
}

/** Section 5.3. */
function readEntryExtensions(element: Element | undefined): Pick<Revoked, "reason" | "invalidSince"> {
  const what = "crlEntryExtensions";
  const reader = element?.reader(what);
  let reason: RevocationReason;
  let invalidSince: Timestamp | undefined;
  const seen = new Set<string>();
  while (reader !== undefined && !reader.isEmpty) {
    const extension = reader.enter(tag.sequence, what);
    const oidElement = extension.expect(tag.oid, what);
    const critical = extension.optional(tag.boolean);
    const isCritical = critical !== undefined && booleanOf(critical, what);
    const value = extension.expect(tag.octetString, what).content;
    extension.end();
    const oid = entryExtension(oidElement);
    if (oid === REASON_CODE) {
      reason = readReason(only(value, tag.enumerated, "reasonCode"));
    } else if (oid === INVALIDITY_DATE) {
      const date = only(value, tag.generalizedTime, "invalidityDate");
      invalidSince = generalizedTime(date.content, "invalidityDate");
    } else if (oid === undefined && isCritical) {
      // "If a CRL contains a critical CRL entry extension that the application cannot process, then the application MUST NOT use that
      // CRL". One is certificateIssuer, by which an indirect list says whose the entry is.
      const named = decodeOid(oidElement.content, what);
      throw new VerifyError(`the critical extension ${named} of an entry is not understood`);
    }
    if (oid !== undefined && oid !== HOLD_INSTRUCTION && seen.has(oid)) {
      throw new VerifyError("an extension of an entry comes twice");
    }
    seen.add(oid ?? "");
  }
  // Section 5.3.1: removeFromCRL may only appear in delta CRLs.
  if (isRemoval(reason)) {
    throw new VerifyError("it is no delta, and has an entry that removes a certificate");
  }
  return { reason, invalidSince };
}

/** Which of those that are known, told by its content octets, so that none of the others need be decoded. */
function entryExtension(oid: Element): string | undefined {
  const [first, second, third, more] = oid.content;
  const known = [REASON_CODE, HOLD_INSTRUCTION, INVALIDITY_DATE];
  const isShort = first === 0x55 && second === 0x1d && more === undefined;
  return isShort ? known.find((name) => name === `2.5.29.${third}`) : undefined;
}
