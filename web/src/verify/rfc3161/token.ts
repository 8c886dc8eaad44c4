/** Time-stamp tokens: CMS signed data (RFC 5652 section 5) over a `TSTInfo` (RFC 3161 section 2.4.2). Nothing that was read is verified. */

import { equal } from "../bytes.ts";
import { VerifyError } from "../checks.ts";
import { AlgorithmIdentifier, SHA1, SHA256 } from "./algorithm.ts";
import {
  badLength,
  booleanOf,
  context,
  contextPrimitive,
  type Element,
  inDer,
  noValue,
  only,
  type Reader,
  shortestInteger,
  smallInteger,
  tag,
} from "./ber.ts";
import { Certificate } from "./certificate.ts";
import { Name } from "./name.ts";
import { shownBytes } from "./text.ts";
import { generalizedTime, type Timestamp } from "./time.ts";

/** Largest token that is read, in bytes: authorities that put whole lists into theirs reach 150 KB. */
export const maxTokenSize = 262_144;

/** Most certificates in a token, so that nobody makes us build paths for ever. */
const maxCertificates = 32;

/** Most signed attributes. */
const maxAttributes = 64;

/** Most extensions of a `TSTInfo`. */
const maxExtensions = 64;

const SIGNED_DATA = "1.2.840.113549.1.7.2";

/** `MessageImprint`: what is stamped. */
export interface Imprint {
  /** The hash algorithm's object identifier. */
  readonly algorithm: string;
  readonly digest: Uint8Array;
}

/** `Accuracy`: in microseconds, or what is wrong with its numbers. */
type Accuracy = { readonly microseconds: number } | { readonly wrong: string };

export interface TstInfo {
  readonly version: number;
  readonly policy: string;
  readonly imprint: Imprint;
  /** The content octets of its serial number. */
  readonly serial: Uint8Array;
  readonly genTime: Timestamp;
  readonly accuracy: Accuracy | undefined;
  /** The content octets of the number of the request. */
  readonly nonce: Uint8Array | undefined;
  /** A name of the authority, a `GeneralName`. */
  readonly authority: Uint8Array | undefined;
  /** Critical extensions: none is known. */
  readonly critical: readonly string[];
}

export interface Token {
  readonly version: number;
  readonly contentType: string;
  /** What is signed over: the `TSTInfo` as it stands. */
  readonly content: Uint8Array;
  readonly info: TstInfo;
  readonly certificates: readonly Certificate[];
  /** Why certificates in it could not be read: others may be all that is needed. */
  readonly unreadable: readonly VerifyError[];
  readonly signer: SignerInfo;
}

/** Reads a token in DER or BER. */
export function parseToken(bytes: Uint8Array): Token {
  if (bytes.length > maxTokenSize) {
    throw badLength("a token");
  }
  const outer = only(bytes, tag.sequence, "ContentInfo").reader("ContentInfo");
  if (outer.oid("contentType") !== SIGNED_DATA) {
    throw noValue("contentType, which is not signed data,");
  }
  const explicit = outer.enter(context(0), "content");
  outer.end();
  const reader = explicit.enter(tag.sequence, "SignedData");
  explicit.end();
  const version = reader.small("version");
  reader.expect(tag.set, "digestAlgorithms");
  const { contentType, content } = readEncapsulated(reader);
  const { certificates, unreadable } = readCertificates(reader.optional(context(0)));
  // Lists within a token are not taken: what is kept beside it is.
  reader.optional(context(1));
  const signers = reader.enter(tag.set, "signerInfos");
  const signer = SignerInfo.read(signers);
  // RFC 3161 section 2.4.2: "The time-stamp token MUST NOT contain any signatures other than the signature of the TSA."
  signers.end();
  reader.end();
  return { version, contentType, content, info: parseInfo(content), certificates, unreadable, signer };
}

function readEncapsulated(outer: Reader): { contentType: string; content: Uint8Array } {
  const reader = outer.enter(tag.sequence, "encapContentInfo");
  const contentType = reader.oid("eContentType");
  const explicit = reader.enter(context(0), "eContent");
  const content = explicit.octetString("eContent");
  explicit.end();
  reader.end();
  return { contentType, content };
}

/** `CertificateSet`: what is no X.509 certificate (attribute certificates, other formats) is passed over. */
function readCertificates(set: Element | undefined): { certificates: Certificate[]; unreadable: VerifyError[] } {
  const what = "certificates";
  const certificates: Certificate[] = [];
  const unreadable: VerifyError[] = [];
  const reader = set?.reader(what);
  while (reader !== undefined && !reader.isEmpty) {
    const element = reader.next();
    if (element.identifier !== tag.sequence) {
      continue;
    }
    if (certificates.length + unreadable.length === maxCertificates) {
      throw badLength(what);
    }
    try {
      certificates.push(Certificate.parse(element.raw));
    } catch (error) {
      if (!(error instanceof VerifyError)) {
        throw error;
      }
      unreadable.push(error);
    }
  }
  return { certificates, unreadable };
}

/** Which certificate the signer says is its own. */
type SignerId = { readonly issuer: Name; readonly serial: Uint8Array } | { readonly subjectKeyId: Uint8Array };

interface Attribute {
  readonly oid: string;
  readonly values: readonly Element[];
}

/** `SignerInfo` (RFC 5652 section 5.3). */
export class SignerInfo {
  readonly #id: SignerId;
  readonly #attributes: readonly Attribute[];
  /** The object identifier of the hash. */
  readonly digestAlgorithm: string;
  /** In DER with the identifier of a SET, which is what is signed; undefined if there are none. */
  readonly signedAttributes: Uint8Array | undefined;
  readonly algorithm: AlgorithmIdentifier;
  readonly signature: Uint8Array;

  private constructor(reader: Reader) {
    const version = reader.small("SignerInfo version");
    this.#id = readSignerId(reader);
    if (version !== 1 && version !== 3) {
      throw noValue("SignerInfo version");
    }
    this.digestAlgorithm = AlgorithmIdentifier.read(reader, "digestAlgorithm").oid;
    const signed = reader.optional(context(0));
    this.signedAttributes = signed === undefined ? undefined : inDer(tag.set, signed, "signedAttrs");
    this.#attributes = signed === undefined ? [] : readAttributes(signed);
    this.algorithm = AlgorithmIdentifier.read(reader, "signatureAlgorithm");
    this.signature = reader.octetString("signature");
    // Nobody has signed what is in the unsigned attributes.
    reader.optional(context(1));
    reader.end();
  }

  static read(signers: Reader): SignerInfo {
    return new SignerInfo(signers.enter(tag.sequence, "SignerInfo"));
  }

  /** Who issued the signer's certificate, where it is named by that. */
  get issuer(): Name | undefined {
    return "issuer" in this.#id ? this.#id.issuer : undefined;
  }

  names(certificate: Certificate): boolean {
    const id = this.#id;
    if ("subjectKeyId" in id) {
      const own = certificate.extensions.subjectKeyId;
      return own !== undefined && equal(own, id.subjectKeyId);
    }
    return equal(certificate.serial, id.serial) && certificate.issuer.equals(id.issuer);
  }

  /** The one value of an attribute that may come once (RFC 5652 section 11); undefined if it is not there. */
  attribute(oid: string, name: string): Uint8Array | undefined {
    const [found, another] = this.#attributes.filter((attribute) => attribute.oid === oid);
    if (found === undefined) {
      return undefined;
    }
    if (another !== undefined) {
      throw new VerifyError(`the attribute ${name} comes more than once`);
    }
    const [value, second] = found.values;
    if (value === undefined || second !== undefined) {
      throw new VerifyError(`the attribute ${name} has not exactly one value`);
    }
    return value.raw;
  }
}

function readSignerId(reader: Reader): SignerId {
  const subjectKeyId = reader.optional(contextPrimitive(0));
  if (subjectKeyId !== undefined) {
    return { subjectKeyId: subjectKeyId.content };
  }
  const id = reader.enter(tag.sequence, "issuerAndSerialNumber");
  const issuer = Name.read(id, "issuer");
  const serial = id.integer("serialNumber");
  id.end();
  return { issuer, serial };
}

function readAttributes(signed: Element): Attribute[] {
  const what = "signedAttrs";
  const reader = signed.reader(what);
  const attributes: Attribute[] = [];
  while (!reader.isEmpty) {
    if (attributes.length === maxAttributes) {
      throw badLength(what);
    }
    const attribute = reader.enter(tag.sequence, what);
    const oid = attribute.oid(what);
    const set = attribute.enter(tag.set, what);
    attribute.end();
    const values: Element[] = [];
    while (!set.isEmpty) {
      values.push(set.next());
    }
    attributes.push({ oid, values });
  }
  return attributes;
}

function parseInfo(content: Uint8Array): TstInfo {
  const what = "TSTInfo";
  const reader = only(content, tag.sequence, what).reader(what);
  const version = reader.small("TSTInfo version");
  const policy = reader.oid("policy");
  const imprint = readImprint(reader);
  const serial = reader.integer("serialNumber");
  const genTime = generalizedTime(reader.expect(tag.generalizedTime, "genTime").content, "genTime");
  const accuracy = readAccuracy(reader.optional(tag.sequence));
  const ordering = reader.optional(tag.boolean);
  if (ordering !== undefined) {
    booleanOf(ordering, "ordering");
  }
  const nonce = reader.peek === tag.integer ? reader.integer("nonce") : undefined;
  const authority = readAuthority(reader.optional(context(0)));
  const critical = criticalExtensions(reader.optional(context(1)));
  reader.end();
  return { version, policy, imprint, serial, genTime, accuracy, nonce, authority, critical };
}

function readAuthority(tsa: Element | undefined): Uint8Array | undefined {
  if (tsa === undefined) {
    return undefined;
  }
  const reader = tsa.reader("tsa");
  const name = reader.next().raw;
  reader.end();
  return name;
}

function readImprint(outer: Reader): Imprint {
  const what = "messageImprint";
  const reader = outer.enter(tag.sequence, what);
  const algorithm = AlgorithmIdentifier.read(reader, what).oid;
  const digest = reader.octetString(what);
  reader.end();
  return { algorithm, digest };
}

/**
 * SPEC(RFC 3161 section 2.4.2): millis and micros are INTEGER (1..999). Some authorities write 0, which says what leaving it out says.
 */
function readAccuracy(element: Element | undefined): Accuracy | undefined {
  if (element === undefined) {
    return undefined;
  }
  const what = "accuracy";
  const reader = element.reader(what);
  const wrong: string[] = [];
  let microseconds = 0;
  for (const { identifier, name, unit, largest } of [
    { identifier: tag.integer, name: "seconds", unit: 1_000_000, largest: 4_294_967_295 },
    { identifier: contextPrimitive(0), name: "millis", unit: 1_000, largest: 999 },
    { identifier: contextPrimitive(1), name: "micros", unit: 1, largest: 999 },
  ]) {
    const part = reader.optional(identifier);
    if (part !== undefined) {
      const content = shortestInteger(part.content, what);
      const number = content.length > 4 || (content[0] ?? 0) >= 0x80 ? undefined : smallInteger(content, what);
      if (number === undefined || number > largest) {
        wrong.push(`0x${shownBytes(content)} ${name}, of at most ${largest}`);
      } else {
        microseconds += number * unit;
      }
    }
  }
  reader.end();
  return wrong[0] === undefined ? { microseconds } : { wrong: wrong[0] };
}

/** `[1] IMPLICIT Extensions`. */
function criticalExtensions(element: Element | undefined): string[] {
  const what = "TSTInfo extensions";
  const reader = element?.reader(what);
  const critical: string[] = [];
  for (let count = 0; reader !== undefined && !reader.isEmpty; count++) {
    if (count === maxExtensions) {
      throw badLength(what);
    }
    const extension = reader.enter(tag.sequence, what);
    const oid = extension.oid(what);
    const isCritical = extension.optional(tag.boolean);
    if (isCritical !== undefined && booleanOf(isCritical, what)) {
      critical.push(oid);
    }
    extension.octetString(what);
    extension.end();
  }
  return critical;
}

/** What `SigningCertificate` (RFC 2634 section 5.4) or `SigningCertificateV2` (RFC 5035 section 3) says of the signer's certificate. */
export interface EssCertId {
  /** The object identifier of the hash. */
  readonly algorithm: string;
  readonly hash: Uint8Array;
  /** The names of the issuer and the serial number, if they are given. */
  readonly issuerSerial: { readonly issuers: readonly Name[]; readonly serial: Uint8Array } | undefined;
}

/** The first entry of such an attribute's value, which is the signer's. */
export function parseEssCertId(value: Uint8Array, version: "v1" | "v2"): EssCertId {
  const what = "SigningCertificate";
  const list = only(value, tag.sequence, what).reader(what).enter(tag.sequence, what);
  const entry = list.enter(tag.sequence, what);
  // RFC 5035 section 4: the algorithm is SHA-256 by default.
  const named = version === "v2" && entry.peek === tag.sequence ? AlgorithmIdentifier.read(entry, what).oid : undefined;
  const algorithm = version === "v1" ? SHA1.oid : (named ?? SHA256.oid);
  const hash = entry.octetString(what);
  const issuerSerial = readIssuerSerial(entry.optional(tag.sequence));
  entry.end();
  return { algorithm, hash, issuerSerial };
}

function readIssuerSerial(element: Element | undefined): EssCertId["issuerSerial"] {
  if (element === undefined) {
    return undefined;
  }
  const what = "issuerSerial";
  const reader = element.reader(what);
  const generalNames = reader.enter(tag.sequence, what);
  const issuers: Name[] = [];
  while (!generalNames.isEmpty) {
    const name = generalNames.next();
    if (name.identifier === context(4)) {
      issuers.push(Name.read(name.reader(what), what));
    }
  }
  const serial = reader.integer(what);
  reader.end();
  return { issuers, serial };
}
