/** X.509 certificates (RFC 5280 section 4.1), as far as paths and time-stamps need them. Nothing about one that was read is verified. */

import { equal } from "../bytes.ts";
import { AlgorithmIdentifier, sameKey } from "./algorithm.ts";
import { badLength, context, contextPrimitive, type Element, noValue, only, type Reader, tag } from "./ber.ts";
import { type CertificateExtensions, readCertificateExtensions } from "./extensions.ts";
import { known } from "./known.ts";
import { Name } from "./name.ts";
import { readTime, type Timestamp } from "./time.ts";

/** Largest certificate that is read, in bytes. */
export const maxCertificateSize = 32_768;

/** Bits of key usage (RFC 5280 section 4.2.1.3), by their number. */
export const keyUsage = { digitalSignature: 0, nonRepudiation: 1, keyCertSign: 5, crlSign: 6 } as const;
export type KeyUsage = (typeof keyUsage)[keyof typeof keyUsage];

/** The part that is signed. */
interface TbsCertificate {
  readonly serial: Uint8Array;
  readonly issuer: Name;
  readonly subject: Name;
  readonly notBefore: Timestamp;
  readonly notAfter: Timestamp;
  readonly spki: Uint8Array;
  readonly extensions: CertificateExtensions;
}

export class Certificate {
  /** As it came. */
  readonly der: Uint8Array;
  readonly #tbs: Uint8Array;
  readonly #fields: TbsCertificate;
  readonly #algorithm: AlgorithmIdentifier;
  readonly #signature: Uint8Array;

  private constructor(
    der: Uint8Array,
    tbs: Uint8Array,
    fields: TbsCertificate,
    algorithm: AlgorithmIdentifier,
    signature: Uint8Array,
  ) {
    this.der = der;
    this.#tbs = tbs;
    this.#fields = fields;
    this.#algorithm = algorithm;
    this.#signature = signature;
  }

  static parse(der: Uint8Array): Certificate {
    const what = "Certificate";
    if (der.length > maxCertificateSize) {
      throw badLength(what);
    }
    const outer = only(der, tag.sequence, what).reader(what);
    const tbs = outer.expect(tag.sequence, "TBSCertificate");
    const algorithm = AlgorithmIdentifier.read(outer, "signatureAlgorithm");
    const signature = outer.bits("signature");
    outer.end();
    const fields = readTbs(tbs.reader("TBSCertificate"), algorithm);
    return new Certificate(der, tbs.raw, fields, algorithm, signature);
  }

  /** The content octets of its serial number. */
  get serial(): Uint8Array {
    return this.#fields.serial;
  }

  get issuer(): Name {
    return this.#fields.issuer;
  }

  get subject(): Name {
    return this.#fields.subject;
  }

  get notBefore(): Timestamp {
    return this.#fields.notBefore;
  }

  get notAfter(): Timestamp {
    return this.#fields.notAfter;
  }

  /** Its `SubjectPublicKeyInfo`. */
  get spki(): Uint8Array {
    return this.#fields.spki;
  }

  /** What is the same for all certificates of one key, however each spells it. */
  get key(): string {
    return sameKey(this.#fields.spki);
  }

  get extensions(): CertificateExtensions {
    return this.#fields.extensions;
  }

  /** Whether a `GeneralName` is its subject or one of its alternative names. */
  hasName(generalName: Uint8Array): boolean {
    const name = Name.ofDirectory(generalName);
    const isIt = (own: Uint8Array) =>
      equal(own, generalName) || (name !== undefined && Name.ofDirectory(own)?.equals(name) === true);
    return name?.equals(this.subject) === true || this.extensions.alternativeNames.some(isIt);
  }

  /** Whether its subject's name is its issuer's (RFC 5280 section 3.2). */
  get isSelfIssued(): boolean {
    return this.subject.equals(this.issuer);
  }

  equals(other: Certificate): boolean {
    return this === other || equal(this.der, other.der);
  }

  /** Whether its key may be used so: it may if nothing is said. */
  may(usage: KeyUsage): boolean {
    return this.extensions.keyUsage?.has(usage) ?? true;
  }

  /** Whether its key may be used for nothing but these. */
  mayOnly(usages: readonly number[]): boolean {
    return Array.from(this.extensions.keyUsage ?? []).every((said) => usages.includes(said));
  }

  /** Whether a time is within its validity: a certificate is valid through its last second. */
  isValidAt(time: Timestamp): boolean {
    return !time.isBefore(this.notBefore) && time.seconds <= this.notAfter.seconds;
  }

  /** Throws if the issuer's key did not sign it. */
  verifySignedBy(issuer: Certificate): void {
    known.verify(issuer.spki, { algorithm: this.#algorithm, message: this.#tbs, signature: this.#signature });
  }

  toString(): string {
    return this.subject.toString();
  }
}

/** `[0] EXPLICIT Version DEFAULT v1`, of which v1 is 0 (RFC 5280 section 4.1.2.1). */
function readVersion(element: Element | undefined): number {
  const what = "version";
  const reader = element?.reader(what);
  const version = reader?.small(what) ?? 0;
  reader?.end();
  if (version > 2) {
    throw noValue(what);
  }
  return version;
}

function readTbs(reader: Reader, outerAlgorithm: AlgorithmIdentifier): TbsCertificate {
  const version = readVersion(reader.optional(context(0)));
  const serial = reader.integer("serialNumber");
  // RFC 5280 section 4.1.1.2: "This field MUST contain the same algorithm identifier as the signature field".
  if (!AlgorithmIdentifier.read(reader, "signature").equals(outerAlgorithm)) {
    throw noValue("signatureAlgorithm");
  }
  const issuer = Name.read(reader, "issuer");
  const validity = reader.enter(tag.sequence, "validity");
  const notBefore = readTime(validity, "notBefore");
  const notAfter = readTime(validity, "notAfter");
  validity.end();
  const subject = Name.read(reader, "subject");
  const spki = reader.expect(tag.sequence, "SubjectPublicKeyInfo").raw;
  // issuerUniqueID and subjectUniqueID.
  const uniqueIds = [reader.optional(contextPrimitive(1)), reader.optional(contextPrimitive(2))];
  const inner = reader.optional(context(3))?.reader("extensions");
  const extensions = readCertificateExtensions(inner);
  inner?.end();
  reader.end();
  // Section 4.1: unique identifiers are of v2 and v3, extensions of v3 alone.
  const least = inner !== undefined ? 2 : uniqueIds.some((id) => id !== undefined) ? 1 : 0;
  if (version < least) {
    throw noValue("version");
  }
  return { serial, issuer, subject, notBefore, notAfter, spki, extensions };
}
