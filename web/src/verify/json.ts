/**
 * JSON (RFC 8259) as evidence is written in it (docs/evidence.md, "What a reader refuses"): read strictly, with the place of whatever is wrong.
 *
 * `JSON.parse` takes a key that stands twice, half a surrogate pair, and any depth; so the text is read here, character by character.
 */

import { firstNotUtf8, fromUtf8 } from "./bytes.ts";
import { VerifyError } from "./checks.ts";
import { escaped, shown } from "./words.ts";

/** How deep arrays and objects nest. */
const MAX_DEPTH = 32;

/** The most values in one text, of any type. */
const MAX_VALUES = 100_000;

/** A number as it stands in the text. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** Its value if it is an integer of 64 bits without sign, written without fraction or exponent. */
  get integer(): bigint | undefined {
    const value = /^[0-9]+$/.test(this.text) ? BigInt(this.text) : -1n;
    return value >= 0n && value < 1n << 64n ? value : undefined;
  }
}

/** A value; an object's keys are in the order of the text. */
export type Json = null | boolean | JsonNumber | string | readonly Json[] | JsonObject;
export type JsonObject = ReadonlyMap<string, Json>;

/** The way to a value, as in `anchors[1].token`. */
export class Path {
  /** Undefined for all of it. */
  readonly #text: string | undefined;

  private constructor(text: string | undefined) {
    this.#text = text;
  }

  static readonly root = new Path(undefined);

  key(name: string): Path {
    return new Path(this.#text === undefined ? escaped(name) : `${this.#text}.${escaped(name)}`);
  }

  at(index: number): Path {
    return new Path(`${this.toString()}[${index}]`);
  }

  toString(): string {
    return this.#text ?? "evidence";
  }
}

/** That something else was expected at a place than came. */
export function wrongPart(path: Path, expected: string, got: string): VerifyError {
  return new VerifyError(`${path}: expected ${expected}, got ${got}`);
}

/** What an error says that there is. */
export function shownJson(value: Json): string {
  if (value instanceof JsonNumber) {
    return shownNumber(value);
  }
  if (typeof value === "string") {
    return shown(value);
  }
  if (value === null || typeof value === "boolean") {
    return String(value);
  }
  return value instanceof Map ? "an object" : "an array";
}

/** An integer as it stands; of any other number what it comes to, with a fraction or an exponent. */
export function shownNumber({ text }: JsonNumber): string {
  const isInteger = /^(0|-?[1-9][0-9]*)$/.test(text);
  if (isInteger && BigInt(text) < 1n << 64n && BigInt(text) >= -(1n << 63n)) {
    return text;
  }
  const value = Number(text);
  const sign = Object.is(value, -0) || value < 0 ? "-" : "";
  const [mantissa = "", exponentText = "0"] = Math.abs(value).toExponential().split("e");
  const digits = mantissa.replace(".", "");
  const point = Number(exponentText) + 1;
  if (value === 0) {
    return `${sign}0.0`;
  }
  if (point > 16 || point <= -5) {
    return `${sign}${mantissa}e${point > 0 ? "+" : ""}${point - 1}`;
  }
  if (point <= 0) {
    return `${sign}0.${"0".repeat(-point)}${digits}`;
  }
  return digits.length <= point
    ? `${sign}${digits.padEnd(point, "0")}.0`
    : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** Reads a text: one value, and nothing but white space around it. */
export function parseJson(bytes: Uint8Array): Json {
  const text = fromUtf8(bytes);
  if (text === undefined) {
    throw new VerifyError(`byte ${firstNotUtf8(bytes)} is not UTF-8`);
  }
  const reader = new Reader(text);
  const value = reader.value(Path.root, 0);
  reader.end();
  return value;
}

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

class Reader {
  readonly #text: string;
  #at = 0;
  #left = MAX_VALUES;

  constructor(text: string) {
    this.#text = text;
  }

  /** What stands here is not what must. */
  #wrong(expected: string): VerifyError {
    const before = this.#text.slice(0, this.#at).split("\n");
    const character = this.#text.codePointAt(this.#at);
    const got = character === undefined ? "the end" : shown(String.fromCodePoint(character));
    const column = (before.at(-1)?.length ?? 0) + 1;
    return new VerifyError(`line ${before.length}, column ${column}: expected ${expected}, got ${got}`);
  }

  /** Takes what the sticky expression finds here. */
  #take(expression: RegExp): string | undefined {
    expression.lastIndex = this.#at;
    const found = expression.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #space(): void {
    this.#take(/[ \t\n\r]*/y);
  }

  #isNext(character: string): boolean {
    const isNext = this.#text.startsWith(character, this.#at);
    this.#at += isNext ? character.length : 0;
    return isNext;
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) {
      throw this.#wrong("nothing more");
    }
  }

  value(path: Path, depth: number): Json {
    this.#space();
    if (this.#left === 0) {
      throw new VerifyError(`${path}: expected at most ${MAX_VALUES} values, got more`);
    }
    this.#left--;
    switch (this.#text[this.#at]) {
      case '"':
        return this.#string();
      case "{":
        return this.#object(path, this.#deeper(path, depth));
      case "[":
        return this.#array(path, this.#deeper(path, depth));
      default:
        return this.#word();
    }
  }

  #deeper(path: Path, depth: number): number {
    if (depth === MAX_DEPTH) {
      throw new VerifyError(
        `${path}: expected arrays and objects in each other to a depth of at most ${MAX_DEPTH}, got more`,
      );
    }
    this.#at++;
    return depth + 1;
  }

  #object(path: Path, depth: number): JsonObject {
    const object = new Map<string, Json>();
    this.#space();
    if (this.#isNext("}")) {
      return object;
    }
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') {
        throw this.#wrong("a key in double quotes");
      }
      const key = this.#string();
      const inside = path.key(key);
      if (object.has(key)) {
        throw new VerifyError(`${inside}: expected the key once, got it again`);
      }
      this.#space();
      if (!this.#isNext(":")) {
        throw this.#wrong('":"');
      }
      object.set(key, this.value(inside, depth));
      this.#space();
      if (this.#isNext("}")) {
        return object;
      }
      if (!this.#isNext(",")) {
        throw this.#wrong('"," or "}"');
      }
    }
  }

  #array(path: Path, depth: number): Json[] {
    const array: Json[] = [];
    this.#space();
    if (this.#isNext("]")) {
      return array;
    }
    for (;;) {
      array.push(this.value(path.at(array.length), depth));
      this.#space();
      if (this.#isNext("]")) {
        return array;
      }
      if (!this.#isNext(",")) {
        throw this.#wrong('"," or "]"');
      }
    }
  }

  #word(): null | boolean | JsonNumber {
    if (this.#isNext("null")) {
      return null;
    }
    if (this.#isNext("true")) {
      return true;
    }
    if (this.#isNext("false")) {
      return false;
    }
    const start = this.#at;
    const number = this.#take(/-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y);
    if (number === undefined || /[0-9.eE+-]/.test(this.#text[this.#at] ?? "")) {
      this.#at = start;
      throw this.#wrong("a value");
    }
    if (!Number.isFinite(Number(number))) {
      this.#at = start;
      throw this.#wrong("a number that 64 bits can hold");
    }
    return new JsonNumber(number);
  }

  #string(): string {
    this.#at++;
    let text = "";
    for (;;) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: JSON has no control characters in strings
      text += this.#take(/[^"\\\u0000-\u001f]*/y) ?? "";
      if (this.#isNext('"')) {
        return text;
      }
      if (!this.#isNext("\\")) {
        throw this.#wrong("a character of a string, or its end");
      }
      text += this.#escape();
    }
  }

  #escape(): string {
    const name = this.#text[this.#at] ?? "";
    if (Object.hasOwn(escapes, name)) {
      this.#at++;
      return escapes[name] ?? "";
    }
    const unit = this.#take(/u[0-9a-fA-F]{4}/y);
    if (unit === undefined) {
      throw this.#wrong("an escape");
    }
    const code = Number.parseInt(unit.slice(1), 16);
    if (code < 0xd800 || code > 0xdfff) {
      return String.fromCharCode(code);
    }
    const second = code < 0xdc00 ? this.#take(/\\u[dD][c-fC-F][0-9a-fA-F]{2}/y) : undefined;
    if (second === undefined) {
      throw this.#wrong("the other half of a surrogate pair");
    }
    return String.fromCharCode(code, Number.parseInt(second.slice(2), 16));
  }
}
