/** Extensions (RFC 5280 section 4.2), and what those of a certificate say that paths and time-stamps need. */

import { equal, fromUtf8, fromUtf8Lossy } from "../bytes.ts";
import { VerifyError } from "../checks.ts";
import {
  badLength,
  booleanOf,
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
import { Name } from "./name.ts";
import { quoted } from "./text.ts";

/** Extensions of a certificate or a list: more are refused. */
const maxExtensions = 64;

/** Longest URL that counts. */
const maxUrlLength = 2_048;

export interface Extension {
  readonly oid: string;
  readonly isCritical: boolean;
  readonly value: Uint8Array;
}

/** `Extensions`. */
export function readExtensions(outer: Reader): Extension[] {
  const what = "extensions";
  const list = outer.enter(tag.sequence, what);
  const extensions: Extension[] = [];
  while (!list.isEmpty) {
    if (extensions.length === maxExtensions) {
      throw badLength(what);
    }
    const extension = list.enter(tag.sequence, what);
    const oid = extension.oid(what);
    const critical = extension.optional(tag.boolean);
    const isCritical = critical !== undefined && booleanOf(critical, what);
    const value = extension.octetString(what);
    extension.end();
    extensions.push({ oid, isCritical, value });
  }
  return extensions;
}

/** The first extension that comes a second time, if one does. */
export function repeated(extensions: readonly Extension[]): string | undefined {
  const oids = extensions.map(({ oid }) => oid);
  return oids.find((oid, at) => oids.indexOf(oid) < at);
}

/** What an authority's certificate says of certificate policies: RFC 5280 sections 4.2.1.4, 4.2.1.5, 4.2.1.11 and 4.2.1.14. */
export interface PolicyExtensions {
  /** The policies; none if the extension is not there. */
  stated: readonly string[];
  /** A policy of the issuer, and the policy of the subject that counts as it. */
  mappings: readonly (readonly [string, string])[];
  /** After so many more certificates: a policy must hold, no mapping counts, anyPolicy does not count. */
  requireExplicit: number | undefined;
  inhibitMapping: number | undefined;
  inhibitAny: number | undefined;
}

export interface CertificateExtensions {
  basicConstraints: { readonly isAuthority: boolean; readonly pathLength: number | undefined } | undefined;
  /** The numbers of the bits that are set. */
  keyUsage: ReadonlySet<number> | undefined;
  extendedKeyUsage: { readonly isCritical: boolean; readonly purposes: readonly string[] } | undefined;
  subjectKeyId: Uint8Array | undefined;
  authorityKeyId: Uint8Array | undefined;
  policies: PolicyExtensions;
  /** Where its revocation is published, over HTTP: lists and responders. */
  crlUrls: readonly string[];
  ocspUrls: readonly string[];
  /** Places where it is published and that are not fetched, as with LDAP; in words. */
  unfetchable: readonly string[];
  /** Its subject's other names, each a `GeneralName`. */
  alternativeNames: readonly Uint8Array[];
  /** Critical extensions that are not understood: RFC 5280 section 4.2 wants such a certificate to be refused. */
  notUnderstood: readonly string[];
  /** All that are there. */
  oids: readonly string[];
}

type Take = (into: CertificateExtensions, value: Uint8Array, extension: Extension) => void;

/** What is done with each extension that is understood. */
const understood: ReadonlyMap<string, Take> = new Map<string, Take>([
  ["2.5.29.19", (into, value) => (into.basicConstraints = basicConstraints(value))],
  ["2.5.29.15", (into, value) => (into.keyUsage = keyUsage(value))],
  [
    "2.5.29.37",
    (into, value, { isCritical }) => (into.extendedKeyUsage = { isCritical, purposes: oids(value, "extKeyUsage") }),
  ],
  ["2.5.29.14", (into, value) => (into.subjectKeyId = only(value, tag.octetString, "subjectKeyIdentifier").content)],
  ["2.5.29.35", (into, value) => (into.authorityKeyId = authorityKeyId(value))],
  ["2.5.29.32", (into, value) => (into.policies.stated = statedPolicies(value))],
  ["2.5.29.33", (into, value) => (into.policies.mappings = policyMappings(value))],
  ["2.5.29.36", (into, value) => takePolicyConstraints(into.policies, value)],
  ["2.5.29.54", (into, value) => (into.policies.inhibitAny = inhibitAnyPolicy(value))],
  ["2.5.29.31", takeDistributionPoints],
  ["1.3.6.1.5.5.7.1.1", takeResponders],
  ["2.5.29.17", takeAlternativeNames],
  // Those of the issuer change nothing about whether a path holds.
  ["2.5.29.18", () => {}],
]);

/** They are not computed, and to pass over those that are not critical would be to pass over a limit on who may be certified. */
const NAME_CONSTRAINTS = "2.5.29.30";

/** `[3] EXPLICIT Extensions` of a certificate; none says nothing. */
export function readCertificateExtensions(reader: Reader | undefined): CertificateExtensions {
  const extensions = reader === undefined ? [] : readExtensions(reader);
  const into: CertificateExtensions = {
    basicConstraints: undefined,
    keyUsage: undefined,
    extendedKeyUsage: undefined,
    subjectKeyId: undefined,
    alternativeNames: [],
    authorityKeyId: undefined,
    policies: {
      stated: [],
      mappings: [],
      requireExplicit: undefined,
      inhibitMapping: undefined,
      inhibitAny: undefined,
    },
    crlUrls: [],
    ocspUrls: [],
    unfetchable: [],
    notUnderstood: [],
    oids: extensions.map(({ oid }) => oid),
  };
  const seen = new Set<string>();
  for (const extension of extensions) {
    const { oid, isCritical, value } = extension;
    // RFC 5280 section 4.2: "A certificate MUST NOT include more than one instance of a particular extension."
    if (seen.has(oid)) {
      throw noValue("extensions, of which one comes twice");
    }
    seen.add(oid);
    const take = understood.get(oid);
    if (take !== undefined) {
      take(into, value, extension);
    } else if (isCritical || oid === NAME_CONSTRAINTS) {
      into.notUnderstood = [...into.notUnderstood, oid];
    }
  }
  return into;
}

function oids(value: Uint8Array, what: string): string[] {
  const reader = only(value, tag.sequence, what).reader(what);
  const found: string[] = [];
  while (!reader.isEmpty) {
    found.push(reader.oid(what));
  }
  return found;
}

function basicConstraints(value: Uint8Array): CertificateExtensions["basicConstraints"] {
  const what = "basicConstraints";
  const reader = only(value, tag.sequence, what).reader(what);
  const authority = reader.optional(tag.boolean);
  const isAuthority = authority !== undefined && booleanOf(authority, what);
  const length = reader.optional(tag.integer);
  const pathLength = length === undefined ? undefined : smallInteger(length.content, what);
  reader.end();
  return { isAuthority, pathLength };
}

/** X.690 section 8.6: how many of the last bits are none, then the bits, the first one the highest of the first octet. There are nine. */
function keyUsage(value: Uint8Array): Set<number> {
  const what = "keyUsage";
  const content = only(value, tag.bitString, what).content;
  const [unused] = content;
  const octets = content.subarray(1);
  if (unused === undefined || unused > (octets.length === 0 ? 0 : 7) || octets.length > 2) {
    throw noValue(what);
  }
  const bits = Array.from({ length: 8 * octets.length - unused }, (_, bit) => bit);
  return new Set(bits.filter((bit) => ((octets[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0));
}

function authorityKeyId(value: Uint8Array): Uint8Array | undefined {
  const what = "authorityKeyIdentifier";
  return only(value, tag.sequence, what).reader(what).optional(contextPrimitive(0))?.content;
}

/** Without qualifiers. */
function statedPolicies(value: Uint8Array): string[] {
  const what = "certificatePolicies";
  const reader = only(value, tag.sequence, what).reader(what);
  const policies: string[] = [];
  while (!reader.isEmpty) {
    policies.push(reader.enter(tag.sequence, what).oid(what));
  }
  return policies;
}

function policyMappings(value: Uint8Array): (readonly [string, string])[] {
  const what = "policyMappings";
  const reader = only(value, tag.sequence, what).reader(what);
  const mappings: (readonly [string, string])[] = [];
  while (!reader.isEmpty) {
    const mapping = reader.enter(tag.sequence, what);
    mappings.push([mapping.oid(what), mapping.oid(what)]);
    mapping.end();
  }
  return mappings;
}

function takePolicyConstraints(into: PolicyExtensions, value: Uint8Array): void {
  const what = "policyConstraints";
  const reader = only(value, tag.sequence, what).reader(what);
  const skipCertificates = (number: number) => {
    const skip = reader.optional(contextPrimitive(number));
    return skip === undefined ? undefined : smallInteger(shortestInteger(skip.content, what), what);
  };
  into.requireExplicit = skipCertificates(0);
  into.inhibitMapping = skipCertificates(1);
  reader.end();
}

function inhibitAnyPolicy(value: Uint8Array): number {
  const what = "inhibitAnyPolicy";
  return smallInteger(shortestInteger(only(value, tag.integer, what).content, what), what);
}

/** The places of lists (RFC 5280 section 4.2.1.13). */
function takeDistributionPoints(into: CertificateExtensions, value: Uint8Array): void {
  const what = "cRLDistributionPoints";
  const points = only(value, tag.sequence, what).reader(what);
  while (!points.isEmpty) {
    const name = points.enter(tag.sequence, what).optional(context(0));
    const names = name?.reader(what).optional(context(0))?.reader(what);
    if (names === undefined) {
      const words =
        name === undefined ? "the name of another issuer of lists" : "a name relative to that of its issuer";
      into.unfetchable = [...into.unfetchable, words];
    }
    while (names !== undefined && !names.isEmpty) {
      const one = names.next();
      const url = httpUrl(one);
      if (url === undefined) {
        into.unfetchable = [...into.unfetchable, placeInWords(one)];
      } else {
        into.crlUrls = [...into.crlUrls, url];
      }
    }
  }
}

/** Nothing but the name of a token's authority hangs on it: where they cannot be read there is none that it could be. */
function takeAlternativeNames(into: CertificateExtensions, value: Uint8Array, { oid, isCritical }: Extension): void {
  try {
    into.alternativeNames = generalNames(value);
  } catch (error) {
    if (!(error instanceof VerifyError)) {
      throw error;
    }
    into.notUnderstood = isCritical ? [...into.notUnderstood, oid] : into.notUnderstood;
  }
}

function generalNames(value: Uint8Array): Uint8Array[] {
  const what = "subjectAltName";
  const reader = only(value, tag.sequence, what).reader(what);
  const names: Uint8Array[] = [];
  while (!reader.isEmpty) {
    names.push(reader.next().raw);
  }
  return names;
}

/** The responders of id-ad-ocsp (RFC 5280 section 4.2.2.1). */
function takeResponders(into: CertificateExtensions, value: Uint8Array): void {
  const what = "authorityInfoAccess";
  const reader = only(value, tag.sequence, what).reader(what);
  while (!reader.isEmpty) {
    const description = reader.enter(tag.sequence, what);
    const method = description.oid(what);
    const location = description.next();
    description.end();
    if (method === "1.3.6.1.5.5.7.48.1") {
      const url = httpUrl(location);
      if (url === undefined) {
        into.unfetchable = [...into.unfetchable, placeInWords(location)];
      } else {
        into.ocspUrls = [...into.ocspUrls, url];
      }
    }
  }
}

/** A general name, if it is a URL over HTTP in printable ASCII. */
function httpUrl(name: Element): string | undefined {
  const text = name.identifier === contextPrimitive(6) ? fromUtf8(name.content) : undefined;
  const isUrl = text !== undefined && text.length <= maxUrlLength && /^https?:\/\/[!-~]*$/i.test(text);
  return isUrl ? text : undefined;
}

/** A place that is not fetched. */
function placeInWords(name: Element): string {
  switch (name.identifier) {
    case contextPrimitive(6):
      return quoted(fromUtf8Lossy(name.content));
    case context(4): {
      const directoryName = Name.ofDirectory(name.raw);
      return directoryName === undefined ? "a directory name" : `the directory name ${directoryName}`;
    }
    default:
      return `a name of kind ${name.identifier & 0x1f}`;
  }
}

export function isUrl(name: Element, url: string): boolean {
  return name.identifier === contextPrimitive(6) && equal(name.content, new TextEncoder().encode(url));
}
