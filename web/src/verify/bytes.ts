/**
 * The small strict readers that every format shares: hexadecimal, base64, UTF-8, decimal numbers. Each accepts exactly one spelling of a
 * value, and gives undefined for every other, so that a value that was read is always written as the bytes it came from.
 */

/** These, one behind the other. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Whether these are the same bytes. Not in constant time: nothing that is verified is secret. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return compare(a, b) === 0;
}

/** Less than, equal to or greater than 0 as `a` is before, the same as or after `b`, byte by byte, the shorter first. */
export function compare(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let at = 0; at < shared; at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) {
      return difference;
    }
  }
  return a.length - b.length;
}

const hexOf: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) {
    text += hexOf[byte];
  }
  return text;
}

/** Reads lower-case hexadecimal; with `size`, of exactly so many bytes. */
export function fromHex(text: string, size?: number): Uint8Array | undefined {
  if (text.length % 2 !== 0 || (size !== undefined && text.length !== 2 * size) || !/^[0-9a-f]*$/.test(text)) {
    return undefined;
  }
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at++) {
    bytes[at] = Number.parseInt(text.slice(2 * at, 2 * at + 2), 16);
  }
  return bytes;
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The value of each character of the alphabet by its code, and 64 for every other. */
const sextets = new Uint8Array(128).fill(64);
for (let value = 0; value < 64; value++) {
  sextets[alphabet.charCodeAt(value)] = value;
}

/** Standard base64 with padding (RFC 4648, section 4). */
export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const bits = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    text += alphabet.charAt(bits >> 18) + alphabet.charAt((bits >> 12) & 63);
    text += left > 1 ? alphabet.charAt((bits >> 6) & 63) : "=";
    text += left > 2 ? alphabet.charAt(bits & 63) : "=";
  }
  return text;
}

/** Reads standard base64: padded, without white space, and with no bit set that no byte uses; with `size`, of exactly so many bytes. */
export function fromBase64(text: string, size?: number): Uint8Array | undefined {
  if (text.length % 4 !== 0) {
    return undefined;
  }
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  if (size !== undefined && bytes.length !== size) {
    return undefined;
  }
  const digits = text.length - padding;
  let bits = 0;
  let wrong = 0;
  let to = 0;
  for (let at = 0; at < digits; at++) {
    const sextet = sextets[text.charCodeAt(at)] ?? 64;
    wrong |= sextet;
    bits = (bits << 6) | (sextet & 63);
    if (at % 4 === 3) {
      bytes[to] = bits >> 16;
      bytes[to + 1] = bits >> 8;
      bytes[to + 2] = bits;
      to += 3;
      bits = 0;
    }
  }
  if ((wrong & 64) !== 0) {
    return undefined;
  }
  if (padding === 2) {
    bytes[to] = bits >> 4;
    return (bits & 15) === 0 ? bytes : undefined;
  }
  if (padding === 1) {
    bytes[to] = bits >> 10;
    bytes[to + 1] = bits >> 2;
    return (bits & 3) === 0 ? bytes : undefined;
  }
  return bytes;
}

const encoder = new TextEncoder();

/** A text as UTF-8. */
export function toUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Reads UTF-8; a byte order mark is a character like any other. */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The place of the first byte that is not of UTF-8; undefined if all are. */
export function firstNotUtf8(bytes: Uint8Array): number | undefined {
  let at = 0;
  while (at < bytes.length) {
    const size = utf8Size(bytes[at] ?? 0);
    if (size === 0 || fromUtf8(bytes.subarray(at, at + size)) === undefined) {
      return at;
    }
    at += size;
  }
  return undefined;
}

/** How many bytes a character has that begins with this one; 0 if none does. */
function utf8Size(first: number): number {
  if (first < 0x80) {
    return 1;
  }
  return first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
}

/** Octets as a string of as many characters, U+0000 to U+00FF: for formats that are of octets and not of text. */
export function toOctets(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096) {
    text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  }
  return text;
}

/** The octets of such a string. */
export function fromOctets(text: string): Uint8Array {
  return Uint8Array.from(text, (octet) => octet.charCodeAt(0));
}

/** Reads UTF-8, with U+FFFD for whatever is not: for showing, never for comparing. */
export function fromUtf8Lossy(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

/** The largest number that 64 bits hold. */
export const MAX_U64 = (1n << 64n) - 1n;

/** Reads a decimal number of ASCII digits, without sign, white space or leading zeros, of at most 2^64-1. */
export function fromDecimal(text: string): bigint | undefined {
  if (!/^(0|[1-9][0-9]{0,19})$/.test(text)) {
    return undefined;
  }
  const value = BigInt(text);
  return value <= MAX_U64 ? value : undefined;
}

/** 64 bits, the most significant byte first. */
export function toU64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}

/** Reads 64 bits, the most significant byte first, at this place. */
export function fromU64(bytes: Uint8Array, at = 0): bigint | undefined {
  if (bytes.length < at + 8) {
    return undefined;
  }
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(at);
}
