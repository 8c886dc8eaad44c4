/** Algorithms as tokens and certificates name them: hashes, and which signatures by which keys count. */

import { sha1 } from "@noble/hashes/legacy.js";
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js";
import { equal, toHex } from "../bytes.ts";
import { VerifyError } from "../checks.ts";
import { context, type Element, only, Reader, tag } from "./ber.ts";
import { type Curve, verifyEcdsa, verifyEd25519 } from "./curves.ts";
import { readRsaKey, verifyPkcs1, verifyPss } from "./rsa.ts";

export interface HashAlgorithm {
  readonly oid: string;
  readonly name: "SHA-1" | "SHA-256" | "SHA-384" | "SHA-512";
  /** The length of its digests in bytes. */
  readonly size: number;
  readonly digest: (bytes: Uint8Array) => Uint8Array;
}

/** Broken: read, and refused wherever a signature hangs on it. */
export const SHA1: HashAlgorithm = { oid: "1.3.14.3.2.26", name: "SHA-1", size: 20, digest: sha1 };
export const SHA256: HashAlgorithm = { oid: "2.16.840.1.101.3.4.2.1", name: "SHA-256", size: 32, digest: sha256 };
const SHA384: HashAlgorithm = { oid: "2.16.840.1.101.3.4.2.2", name: "SHA-384", size: 48, digest: sha384 };
const SHA512: HashAlgorithm = { oid: "2.16.840.1.101.3.4.2.3", name: "SHA-512", size: 64, digest: sha512 };

const MD5 = "1.2.840.113549.2.5";

export function hashOf(oid: string): HashAlgorithm | undefined {
  return [SHA1, SHA256, SHA384, SHA512].find((hash) => hash.oid === oid);
}

/** What is broken, and no longer counts. */
export function broken(what: string): VerifyError {
  return new VerifyError(`${what} is broken and no longer counts`);
}

export function unsupported(what: string): VerifyError {
  return new VerifyError(`${what} is not supported`);
}

/** A hash algorithm that counts. */
export function soundHash(oid: string): HashAlgorithm {
  const hash = hashOf(oid);
  if (hash === SHA1) {
    throw broken("SHA-1");
  }
  if (oid === MD5) {
    throw broken("MD5");
  }
  if (hash === undefined) {
    throw unsupported(`the hash algorithm ${oid}`);
  }
  return hash;
}

/** The signature is not this key's over this message: all else is as it should be. */
export class WrongSignature extends VerifyError {
  constructor() {
    super("the signature does not verify");
  }
}

/** `AlgorithmIdentifier` (RFC 5280 section 4.1.1.2). */
export class AlgorithmIdentifier {
  readonly oid: string;
  /** The parameters, whole; empty if there are none. */
  readonly parameters: Uint8Array;

  private constructor(oid: string, parameters: Uint8Array) {
    this.oid = oid;
    this.parameters = parameters;
  }

  static read(outer: Reader, what: string): AlgorithmIdentifier {
    const reader = outer.enter(tag.sequence, what);
    const oid = reader.oid(what);
    const parameters = reader.isEmpty ? new Uint8Array() : reader.next().raw;
    reader.end();
    return new AlgorithmIdentifier(oid, parameters);
  }

  equals(other: AlgorithmIdentifier): boolean {
    return this.oid === other.oid && equal(this.parameters, other.parameters);
  }
}

/** A signature, and what it is said to be over. */
export interface Signed {
  readonly algorithm: AlgorithmIdentifier;
  /** The digest algorithm that stands beside it in CMS, where the signature algorithm may be the key's alone. */
  readonly digestBeside?: string;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** `SubjectPublicKeyInfo` (RFC 5280 section 4.1.2.7). */
interface PublicKey {
  readonly algorithm: AlgorithmIdentifier;
  readonly bits: Uint8Array;
}

const RSA = "1.2.840.113549.1.1.1";
const RSA_PSS = "1.2.840.113549.1.1.10";
const MGF1 = "1.2.840.113549.1.1.8";
const EC = "1.2.840.10045.2.1";
const ED25519 = "1.3.101.112";

/** RFC 8017 appendix A.2.4. */
const rsaSignatures: ReadonlyMap<string, HashAlgorithm> = new Map([
  ["1.2.840.113549.1.1.5", SHA1],
  ["1.2.840.113549.1.1.11", SHA256],
  ["1.2.840.113549.1.1.12", SHA384],
  ["1.2.840.113549.1.1.13", SHA512],
]);

/** RFC 5758 section 3.2. */
const ecdsaSignatures: ReadonlyMap<string, HashAlgorithm> = new Map([
  ["1.2.840.10045.4.1", SHA1],
  ["1.2.840.10045.4.3.2", SHA256],
  ["1.2.840.10045.4.3.3", SHA384],
  ["1.2.840.10045.4.3.4", SHA512],
]);

/** RFC 5480 section 2.1.1.1. */
const curves: ReadonlyMap<string, Curve> = new Map([
  ["1.2.840.10045.3.1.7", "P-256"],
  ["1.3.132.0.34", "P-384"],
  ["1.3.132.0.35", "P-521"],
]);

/** An RSA key of fewer bits can be factored, or soon. */
const minRsaBits = 2_048;

/** Throws if a signature is not by the key in this `SubjectPublicKeyInfo`, or does not count. */
export function verifySignature(spki: Uint8Array, signed: Signed): void {
  const key = readKey(spki);
  if (!isBy(key, signed)) {
    throw new WrongSignature();
  }
}

/** What is wrong with a key's encoding is said to be that. */
function keyPart<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof VerifyError) {
      throw new VerifyError(`the public key is malformed: ${error.message}`);
    }
    throw error;
  }
}

function readKey(spki: Uint8Array): PublicKey {
  return keyPart(() => {
    const what = "SubjectPublicKeyInfo";
    const reader = only(spki, tag.sequence, what).reader(what);
    const algorithm = AlgorithmIdentifier.read(reader, what);
    const bits = reader.bits(what);
    reader.end();
    return { algorithm, bits };
  });
}

/**
 * What is the same for all spellings of the key in a `SubjectPublicKeyInfo`, and for no two keys: the parameters of an RSA key may be NULL or not
 * there, or say that it is for PSS; a point on a curve may be compressed or not (SEC 1 section 2.3.3). What is no key is its own only spelling.
 */
export function sameKey(spki: Uint8Array): string {
  try {
    const { algorithm, bits } = readKey(spki);
    switch (algorithm.oid) {
      case RSA:
      case RSA_PSS:
        return `RSA ${toHex(bits)}`;
      case EC:
        return `EC ${toHex(algorithm.parameters)} ${toHex(compressed(bits))}`;
      default:
        return toHex(spki);
    }
  } catch (error) {
    if (error instanceof VerifyError) {
      return toHex(spki);
    }
    throw error;
  }
}

/** A point with the sign of its y in place of that, if it is one. */
function compressed(point: Uint8Array): Uint8Array {
  const [form, ...coordinates] = point;
  // Uncompressed, or hybrid: x and y are of one length.
  if (form === undefined || ![4, 6, 7].includes(form) || coordinates.length % 2 !== 0) {
    return point;
  }
  const sign = 2 | ((coordinates.at(-1) ?? 0) & 1);
  return Uint8Array.of(sign, ...coordinates.slice(0, coordinates.length / 2));
}

function isBy(key: PublicKey, signed: Signed): boolean {
  switch (key.algorithm.oid) {
    case RSA:
    case RSA_PSS:
      return isByRsa(key, signed);
    case EC:
      return isByEcdsa(key, signed);
    case ED25519:
      if (signed.algorithm.oid === ED25519) {
        verifyEd25519Terms(signed);
        return verifyEd25519(key.bits, signed.message, signed.signature);
      }
      break;
  }
  throw unfit(key, signed);
}

/** RFC 8410 section 3: "the parameters MUST be absent". RFC 8419 section 2.3: the digest algorithm beside is SHA-512. */
function verifyEd25519Terms({ algorithm, digestBeside }: Signed): void {
  if (algorithm.parameters.length > 0) {
    throw unsupported("Ed25519 with parameters");
  }
  if (digestBeside !== undefined && digestBeside !== SHA512.oid) {
    throw unsupported(`Ed25519 beside the digest algorithm ${digestBeside}`);
  }
}

function unfit(key: PublicKey, { algorithm }: Signed): VerifyError {
  return unsupported(`the signature algorithm ${algorithm.oid} with a key of ${key.algorithm.oid}`);
}

/** The hash of a signature: by its algorithm's name, or by what stands beside where the name is the key's alone. */
function signedHash(key: PublicKey, signed: Signed, named: ReadonlyMap<string, HashAlgorithm>, plain: string) {
  const { algorithm, digestBeside } = signed;
  let hash = named.get(algorithm.oid);
  if (hash === undefined) {
    if (algorithm.oid !== plain || digestBeside === undefined) {
      throw unfit(key, signed);
    }
    hash = soundHash(digestBeside);
  } else if (digestBeside !== undefined && digestBeside !== hash.oid) {
    // Both are signed over, and where they contradict each other the signature is over one of them.
    throw unsupported(`a signature over ${hash.name} beside the digest algorithm ${digestBeside}`);
  }
  if (hash === SHA1) {
    throw broken("a signature over SHA-1");
  }
  return hash;
}

function isByRsa(key: PublicKey, signed: Signed): boolean {
  const rsa = keyPart(() => readRsaKey(key.bits));
  if (rsa.bits < minRsaBits) {
    throw broken(`an RSA key of ${rsa.bits} bits`);
  }
  const { algorithm, message, signature } = signed;
  if (algorithm.oid === RSA_PSS) {
    const hash = pssHash(algorithm.parameters);
    verifyPssTerms(key, hash, signed);
    return verifyPss(rsa, hash, message, signature);
  }
  // RFC 4055 section 1.2: a key that is named for PSS signs by nothing else.
  if (key.algorithm.oid === RSA_PSS) {
    throw unfit(key, signed);
  }
  return verifyPkcs1(rsa, signedHash(key, signed, rsaSignatures, RSA), message, signature);
}

function isByEcdsa(key: PublicKey, signed: Signed): boolean {
  const named = keyPart(() => new Reader(key.algorithm.parameters, "the curve").oid("the curve"));
  const hash = signedHash(key, signed, ecdsaSignatures, EC);
  const curve = curves.get(named);
  if (curve === undefined) {
    throw unsupported(`the curve ${named}`);
  }
  return verifyEcdsa(curve, key.bits, hash.digest(signed.message), signed.signature);
}

/** The hash of a PSS signature is that of the key if it says one, and that of what stands beside. */
function verifyPssTerms(key: PublicKey, hash: HashAlgorithm, { digestBeside }: Signed): void {
  const { oid, parameters } = key.algorithm;
  if (oid === RSA_PSS && parameters.length > 0 && pssHash(parameters) !== hash) {
    throw unsupported(`RSASSA-PSS with ${hash.name} by a key for another hash`);
  }
  if (digestBeside !== undefined && digestBeside !== hash.oid) {
    throw unsupported(`RSASSA-PSS with ${hash.name} beside the digest algorithm ${digestBeside}`);
  }
}

/** `RSASSA-PSS-params` (RFC 4055 section 3.1): one hash for both, and a salt as long as its digest, as is the rule. */
function pssHash(parameters: Uint8Array): HashAlgorithm {
  const what = "RSASSA-PSS-params";
  const inside = <T>(explicit: Element, read: (reader: Reader) => T): T => {
    const inner = explicit.reader(what);
    const found = read(inner);
    inner.end();
    return found;
  };
  const hashByDefault = () => broken("RSASSA-PSS over SHA-1, its default");
  if (parameters.length === 0) {
    throw hashByDefault();
  }
  const reader = keyPart(() => only(parameters, tag.sequence, what).reader(what));
  const hashPart = keyPart(() => reader.optional(context(0)));
  if (hashPart === undefined) {
    throw hashByDefault();
  }
  const hash = soundHash(keyPart(() => inside(hashPart, (part) => AlgorithmIdentifier.read(part, what))).oid);
  const maskPart = keyPart(() => reader.optional(context(1)));
  if (maskPart === undefined) {
    throw broken("MGF1 with SHA-1, its default");
  }
  const { mask, maskHash, salt, trailer } = keyPart(() => {
    const mask = inside(maskPart, (part) => AlgorithmIdentifier.read(part, what));
    const maskHash = AlgorithmIdentifier.read(new Reader(mask.parameters, what), what);
    const number = (tag: number, byDefault: number) => {
      const part = reader.optional(context(tag));
      return part === undefined ? byDefault : inside(part, (inner) => inner.small(what));
    };
    const salt = number(2, 20);
    const trailer = number(3, 1);
    reader.end();
    return { mask, maskHash, salt, trailer };
  });
  if (mask.oid !== MGF1 || maskHash.oid !== hash.oid || salt !== hash.size || trailer !== 1) {
    throw unsupported(
      `RSASSA-PSS with ${hash.name}, mask ${mask.oid} over ${maskHash.oid}, a salt of ${salt} bytes and trailer ${trailer}`,
    );
  }
  return hash;
}
