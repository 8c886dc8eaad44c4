/**
 * RSA signatures (RFC 8017): verification alone, so that nothing here is secret. WebCrypto has it too, but only asynchronously, only in
 * pages that came over HTTPS, and not for keys whose certificate says id-RSASSA-PSS.
 */

import { concat, equal, fromHex, toHex } from "../bytes.ts";
import type { HashAlgorithm } from "./algorithm.ts";
import { encoded, only, tag } from "./ber.ts";

/** The largest modulus: nobody has larger ones, and each verification costs the square. */
const maxBits = 8_192;

/** The largest public exponent in bits: 65537 is usual, and a larger one only costs time. */
const maxExponentBits = 33;

export interface RsaKey {
  readonly modulus: bigint;
  /** The size of the modulus. */
  readonly bits: number;
  /** 0 if there is none that a key may have: then nothing verifies. */
  readonly exponent: bigint;
}

/** `RSAPublicKey` (RFC 8017 appendix A.1.1). */
export function readRsaKey(bytes: Uint8Array): RsaKey {
  const what = "RSAPublicKey";
  const reader = only(bytes, tag.sequence, what).reader(what);
  const modulusOctets = reader.integer(what);
  const modulus = unsigned(modulusOctets);
  const rest = reader.peek === tag.integer ? reader.next().content : new Uint8Array();
  const inDer = encoded(tag.sequence, concat(encoded(tag.integer, modulusOctets), encoded(tag.integer, rest)));
  const isNegative = [modulusOctets, rest].some((octets) => (octets[0] ?? 0) >= 0x80);
  const isSpelledSo = equal(inDer, bytes) && !isNegative && !(rest[0] === 0 && (rest[1] ?? 0) < 0x80);
  return { modulus, bits: bitLength(modulus), exponent: isSpelledSo ? unsigned(rest) : 0n };
}

/** Section 8.2.2. */
export function verifyPkcs1(key: RsaKey, hash: HashAlgorithm, message: Uint8Array, signature: Uint8Array): boolean {
  const found = opened(key, signature);
  return found !== undefined && equal(found, pkcs1Encoding(hash.oid, hash.digest(message), found.length));
}

/** Section 8.1.2, with MGF1 over the same hash and a salt as long as its digest. */
export function verifyPss(key: RsaKey, hash: HashAlgorithm, message: Uint8Array, signature: Uint8Array): boolean {
  const found = opened(key, signature);
  if (found === undefined) {
    return false;
  }
  // Section 8.1.2, 2c: the encoded message has one bit less than the modulus.
  const bits = key.bits - 1;
  const size = Math.ceil(bits / 8);
  if (found.length > size && found[0] !== 0) {
    return false;
  }
  return isPssEncoding(found.subarray(found.length - size), bits, hash, hash.digest(message));
}

/** Section 5.2.2: what the signature opens to, as long as the modulus; undefined if key or signature have no valid values. */
function opened({ modulus, exponent, bits }: RsaKey, signature: Uint8Array): Uint8Array | undefined {
  const size = Math.ceil(bits / 8);
  const isKey =
    bits <= maxBits &&
    modulus % 2n === 1n &&
    exponent > 1n &&
    exponent % 2n === 1n &&
    bitLength(exponent) <= maxExponentBits;
  const number = unsigned(signature);
  if (!isKey || signature.length !== size || number >= modulus) {
    return undefined;
  }
  const hex = power(number, exponent, modulus)
    .toString(16)
    .padStart(2 * size, "0");
  return fromHex(hex, size);
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let [result, square] = [1n, base];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest % 2n === 1n) {
      result = (result * square) % modulus;
    }
    square = (square * square) % modulus;
  }
  return result;
}

function bitLength(number: bigint): number {
  return number === 0n ? 0 : number.toString(2).length;
}

function unsigned(bytes: Uint8Array): bigint {
  return BigInt(`0x0${toHex(bytes)}`);
}

/** Section 9.2: 00 01 ff ... ff 00, then `DigestInfo` in DER. The content octets of the object identifiers of SHA-2 differ in the last. */
function pkcs1Encoding(oid: string, digest: Uint8Array, size: number): Uint8Array {
  const last = Number(oid.slice(oid.lastIndexOf(".") + 1));
  const id = encoded(tag.oid, Uint8Array.of(0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last));
  const algorithm = encoded(tag.sequence, concat(id, encoded(tag.null, new Uint8Array())));
  const info = encoded(tag.sequence, concat(algorithm, encoded(tag.octetString, digest)));
  const padding = new Uint8Array(size - info.length - 3).fill(0xff);
  return concat(Uint8Array.of(0, 1), padding, Uint8Array.of(0), info);
}

/** Section 9.1.2: masked zeros, 01 and salt, then a digest of digest and salt, then bc. */
function isPssEncoding(found: Uint8Array, bits: number, hash: HashAlgorithm, digest: Uint8Array): boolean {
  const saltSize = hash.size;
  const maskedSize = found.length - hash.size - 1;
  const spareBits = 8 * found.length - bits;
  if (maskedSize < saltSize + 1 || found.at(-1) !== 0xbc || (found[0] ?? 0) >> (8 - spareBits) !== 0) {
    return false;
  }
  const seed = found.subarray(maskedSize, found.length - 1);
  const mask = mgf1(seed, maskedSize, hash);
  const block = found.subarray(0, maskedSize).map((byte, at) => byte ^ (mask[at] ?? 0));
  block[0] = (block[0] ?? 0) & (0xff >> spareBits);
  const salt = block.subarray(maskedSize - saltSize);
  const before = block.subarray(0, maskedSize - saltSize);
  const isPadding = before.every((byte, at) => byte === (at === before.length - 1 ? 1 : 0));
  return isPadding && equal(seed, hash.digest(concat(new Uint8Array(8), digest, salt)));
}

/** Appendix B.2.1. */
function mgf1(seed: Uint8Array, size: number, hash: HashAlgorithm): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (let counter = 0; counter * hash.size < size; counter++) {
    blocks.push(hash.digest(concat(seed, Uint8Array.of(0, 0, counter >> 8, counter & 0xff))));
  }
  return concat(...blocks).subarray(0, size);
}
