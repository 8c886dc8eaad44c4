/**
 * The TOML of a trust file: TOML 1.1, read strictly, with the place of whatever is wrong.
 *
 * A library reads the text; what it leaves open is decided here. A trust file has strings, integers of 64 bits, arrays and tables, and no
 * dates and no fractions. What readers of TOML are known to differ about is refused, because a file that says one thing to one verifier
 * and another to the next is worse than none: see `askew`.
 */

import { parse, TomlDate, TomlError, type TomlTable, type TomlValue } from "smol-toml";
import { compare, firstNotUtf8, fromUtf8, toUtf8 } from "./bytes.ts";
import { VerifyError } from "./checks.ts";
import { shown } from "./words.ts";

export type { TomlValue };

export function wrongPart(path: string, expected: string, got: string): VerifyError {
  return new VerifyError(`${path}: expected ${expected}, got ${got}`);
}

function noToml(why: string): VerifyError {
  return new VerifyError(`expected a trust file in TOML: ${why}`);
}

/**
 * Where a string over many lines may end in a quote right after lines that a `\` joins, as in `\`, a line's end, `""""`: the fourth quote is
 * of the string by the specification, and the library loses it. Looked for everywhere, also in comments.
 */
const askew = /\\[ \t\r]*\n[ \t\r\n]*""""/;

const [LEAST_INTEGER, MOST_INTEGER] = [-(1n << 63n), (1n << 63n) - 1n];

/** How deep arrays and tables nest. Those of a trust file nest 3 deep; with more, readers of TOML stop at limits of their own. */
const MAX_DEPTH = 16;

/** Reads a text. */
export function readToml(bytes: Uint8Array): Table {
  const source = fromUtf8(bytes);
  if (source === undefined) {
    throw noToml(`byte ${firstNotUtf8(bytes)} is not UTF-8`);
  }
  let table: TomlTable;
  try {
    table = parse(source, { integersAsBigInt: true });
  } catch (error) {
    throw error instanceof TomlError ? noToml(error.message) : error;
  }
  checkValues(Object.values(table), MAX_DEPTH);
  if (askew.test(source)) {
    throw noToml('expected text before the closing """ after a \\ that joins lines, got a quote');
  }
  return new Table(table, "");
}

/** Demands that all values are of types that a trust file has. Dotted keys nest as deep as they please, so that it stops in time. */
function checkValues(values: Iterable<TomlValue>, depth: number): void {
  for (const value of values) {
    const wrong =
      kindOfWrong(value) ?? (typeof value === "object" && depth === 0 ? "them in each other too deep" : undefined);
    if (wrong !== undefined) {
      throw noToml(`expected strings, integers of 64 bits, arrays and tables, got ${wrong}`);
    }
    if (typeof value === "object") {
      checkValues(Object.values(value), depth - 1);
    }
  }
}

function kindOfWrong(value: TomlValue): string | undefined {
  if (typeof value === "bigint" && (value < LEAST_INTEGER || value > MOST_INTEGER)) {
    return "an integer of more than 64 bits";
  }
  if (typeof value === "number") {
    return "a number with a fraction or an exponent";
  }
  return value instanceof TomlDate ? "a date or a time" : undefined;
}

/** Reads a value at a place. */
type ReadValue<T> = (value: TomlValue, path: string) => T;

/** A table of which each key is taken out once; what then is left is not known. */
export class Table {
  /** Empty for the whole file. */
  readonly #path: string;
  readonly #entries: Map<string, TomlValue>;

  constructor(value: TomlTable, path: string) {
    this.#path = path;
    this.#entries = new Map(Object.entries(value));
  }

  /** The value of a key, if it is there. */
  optional<T>(key: string, read: ReadValue<T>): T | undefined {
    const value = this.#entries.get(key);
    this.#entries.delete(key);
    return value === undefined ? undefined : read(value, this.#path === "" ? key : `${this.#path}.${key}`);
  }

  /** The value of a key that must be there. */
  take<T>(key: string, read: ReadValue<T>): T {
    const value = this.optional(key, read);
    if (value === undefined) {
      throw wrongPart(this.#name, `the key ${key}`, "none");
    }
    return value;
  }

  /** Demands that no key is left. */
  end(): void {
    const [left] = [...this.#entries.keys()].sort(byBytes);
    if (left !== undefined) {
      throw wrongPart(this.#name, "no other keys", shown(left));
    }
  }

  get #name(): string {
    return this.#path === "" ? "trust file" : this.#path;
  }
}

function byBytes(a: string, b: string): number {
  return compare(toUtf8(a), toUtf8(b));
}

export function text(value: TomlValue, path: string): string {
  if (typeof value !== "string") {
    throw wrongPart(path, "a string", kindOf(value));
  }
  return value;
}

export function integer(value: TomlValue, path: string): bigint {
  if (typeof value !== "bigint" || value < 0n) {
    throw wrongPart(path, "an integer without sign", kindOf(value));
  }
  return value;
}

export function texts(value: TomlValue, path: string): string[] {
  return array(value, path).map((one, at) => text(one, `${path}[${at}]`));
}

export function tables(value: TomlValue, path: string): Table[] {
  return array(value, path).map((one, at) => new Table(table(one, `${path}[${at}]`), `${path}[${at}]`));
}

function array(value: TomlValue, path: string): readonly TomlValue[] {
  if (!Array.isArray(value)) {
    throw wrongPart(path, "an array", kindOf(value));
  }
  return value;
}

function table(value: TomlValue, path: string): TomlTable {
  if (typeof value !== "object" || Array.isArray(value) || value instanceof TomlDate) {
    throw wrongPart(path, "a table", kindOf(value));
  }
  return value;
}

function kindOf(value: TomlValue): string {
  if (typeof value === "object") {
    return Array.isArray(value) ? "an array" : "a table";
  }
  return typeof value === "string" ? shown(value) : String(value);
}
