/** The parts of evidence, read from JSON: each of one type and one spelling, with the place of whatever is wrong. */

import { fromBase64, toUtf8 } from "./bytes.ts";
import { readHexHash } from "./hash.ts";
import { type Json, JsonNumber, type JsonObject, type Path, shownJson, shownNumber, wrongPart } from "./json.ts";
import { shown } from "./words.ts";

/** Reads a value at a place. */
export type ReadPart<T> = (value: Json, path: Path) => T;

/** An object of which each key is taken out once; what then is left is not known. */
export class Part {
  readonly #path: Path;
  readonly #entries: Map<string, Json>;

  constructor(value: Json, path: Path) {
    if (!(value instanceof Map)) {
      throw wrongPart(path, "an object", shownJson(value));
    }
    this.#path = path;
    this.#entries = new Map(value as JsonObject);
  }

  /** The value of a key that may be lacking. */
  optional(key: string): Json | undefined {
    const value = this.#entries.get(key);
    this.#entries.delete(key);
    return value;
  }

  take<T>(key: string, read: ReadPart<T>): T {
    const value = this.optional(key);
    if (value === undefined) {
      throw wrongPart(this.#path, `the key ${key}`, "none");
    }
    return read(value, this.#path.key(key));
  }

  takeOptional<T>(key: string, read: ReadPart<T>): T | undefined {
    const value = this.optional(key);
    return value === undefined ? undefined : read(value, this.#path.key(key));
  }

  /** Demands that nothing is left. */
  end(known: string): void {
    for (const key of this.#entries.keys()) {
      throw wrongPart(this.#path, `no keys but ${known}`, shown(key));
    }
  }
}

export function readText(value: Json, path: Path): string {
  if (typeof value !== "string") {
    throw wrongPart(path, "a string", shownJson(value));
  }
  return value;
}

export function readBytes(value: Json, path: Path): Uint8Array {
  const text = readText(value, path);
  const bytes = fromBase64(text);
  if (bytes === undefined) {
    throw wrongPart(path, "standard base64, padded, canonical and without white space", shown(text));
  }
  return bytes;
}

export function readSha256(value: Json, path: Path): Uint8Array {
  const text = readText(value, path);
  const hash = readHexHash(text);
  if (hash === undefined) {
    throw wrongPart(path, "a SHA-256, 64 lowercase hexadecimal digits", shown(text));
  }
  return hash;
}

/** Milliseconds since the beginning of 1970; whether there can be so many is checked later. */
export function readMillis(value: Json, path: Path): bigint {
  return readInteger(value, path, "milliseconds since the beginning of 1970, an integer without fraction or exponent");
}

/** A number; how large it may be is checked later. */
export function readNumber(value: Json, path: Path): bigint {
  return readInteger(value, path, "a number, an integer without sign, fraction or exponent");
}

function readInteger(value: Json, path: Path, expected: string): bigint {
  const integer = value instanceof JsonNumber ? value.integer : undefined;
  if (integer === undefined) {
    throw wrongPart(path, expected, value instanceof JsonNumber ? shownNumber(value) : shownJson(value));
  }
  return integer;
}

export function readList<T>(value: Json, path: Path, read: ReadPart<T>): T[] {
  if (!Array.isArray(value)) {
    throw wrongPart(path, "an array", shownJson(value));
  }
  return (value as readonly Json[]).map((one, index) => read(one, path.at(index)));
}

/** Demands a number of something within limits. */
export function checkSize(size: number, least: number, most: number, what: string, path: Path): void {
  if (size < least || size > most) {
    const expected = least === 0 ? `at most ${most} ${what}` : `${least} to ${most} ${what}`;
    throw wrongPart(path, expected, String(size));
  }
}

export function checkBytes({ length }: Uint8Array, most: number, path: Path): void {
  checkSize(length, 1, most, "bytes", path);
}

const MAX_URL = 2_048;

export function checkUrl(url: string, path: Path): void {
  if (url.length > MAX_URL || !/^[!-~]+$/.test(url)) {
    throw wrongPart(path, `a URL, 1 to ${MAX_URL} visible ASCII characters`, shown(url));
  }
}

/** The largest number, and the last time: those above it are not exact in every reader of JSON (RFC 8259, section 6). */
export const MAX_NUMBER = (1n << 53n) - 1n;

export function checkMillis(millis: bigint, path: Path): void {
  if (millis > MAX_NUMBER) {
    const expected = `milliseconds since the beginning of 1970, at most ${MAX_NUMBER}`;
    throw wrongPart(path, expected, String(millis));
  }
}

export function checkNumber(number: bigint, least: bigint, path: Path): void {
  if (number < least || number > MAX_NUMBER) {
    throw wrongPart(path, `a number from ${least} to ${MAX_NUMBER}`, String(number));
  }
}

/** How many bytes a text has. */
export function sizeOf(text: string): number {
  return toUtf8(text).length;
}

/** Whether a text is the name of an authority. */
export function isAuthorityName(text: string): boolean {
  return text.length <= 40 && /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(text) && !text.includes("-revocation-");
}
