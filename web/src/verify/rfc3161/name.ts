/** Distinguished names (RFC 5280 section 4.1.2.4), compared as section 7.1 says. */

import { equal, fromUtf8, toHex, toUtf8 } from "../bytes.ts";
import { VerifyError } from "../checks.ts";
import { context, type Element, only, type Reader, tag } from "./ber.ts";
import { shownBytes, shownValue, shownWhole } from "./text.ts";

/** Short forms of RFC 4514 and what people write. */
const shortForms: ReadonlyMap<string, string> = new Map([
  ["2.5.4.3", "CN"],
  ["2.5.4.5", "serialNumber"],
  ["2.5.4.6", "C"],
  ["2.5.4.7", "L"],
  ["2.5.4.8", "ST"],
  ["2.5.4.10", "O"],
  ["2.5.4.11", "OU"],
  ["2.5.4.97", "organizationIdentifier"],
  ["1.2.840.113549.1.9.1", "emailAddress"],
  ["0.9.2342.19200300.100.1.25", "DC"],
]);

export class Name {
  /** As it came. */
  readonly der: Uint8Array;
  /** What is compared: relative names of attributes, what is text folded. */
  readonly #folded: string;
  readonly #shown: string;

  private constructor(der: Uint8Array, folded: string, shown: string) {
    this.der = der;
    this.#folded = folded;
    this.#shown = shown;
  }

  static read(reader: Reader, what: string): Name {
    const element = reader.expect(tag.sequence, what);
    const relativeNames = element.reader(what);
    const folded: string[] = [];
    const shown: string[] = [];
    while (!relativeNames.isEmpty) {
      const attributes = relativeNames.enter(tag.set, what);
      const relative: string[] = [];
      const values: string[] = [];
      while (!attributes.isEmpty) {
        const attribute = attributes.enter(tag.sequence, what);
        const oid = attribute.oid(what);
        const value = attribute.next();
        attribute.end();
        const text = textOf(value);
        const inWords = text === undefined ? `#${shownBytes(value.content)}` : shownValue(text);
        values.push(`${shortForms.get(oid) ?? oid}=${inWords}`);
        relative.push(`${oid}=${toHex(text === undefined ? value.raw : toUtf8(fold(text)))}`);
      }
      if (relative.length > 0) {
        folded.push(relative.join("+"));
        shown.push(values.join("+"));
      }
    }
    return new Name(element.raw, folded.join(","), shownWhole(shown.join(", ")));
  }

  /** A `GeneralName`, if it is a directoryName. */
  static ofDirectory(generalName: Uint8Array): Name | undefined {
    const what = "directoryName";
    try {
      return Name.read(only(generalName, context(4), what).reader(what), what);
    } catch (error) {
      if (error instanceof VerifyError) {
        return undefined;
      }
      throw error;
    }
  }

  equals(other: Name): boolean {
    return this.#folded === other.#folded || equal(this.der, other.der);
  }

  toString(): string {
    return this.#shown;
  }
}

/** The text of a directory string. */
function textOf(value: Element): string | undefined {
  switch (value.identifier) {
    case tag.utf8String:
    case tag.printableString:
    case tag.ia5String:
      return fromUtf8(value.content);
    case tag.teletexString:
      return fromUnits(Array.from(value.content));
    case tag.bmpString: {
      const octets = value.content;
      const units: number[] = [];
      for (let at = 0; at < octets.length; at += 2) {
        const [high = 0, low] = octets.subarray(at, at + 2);
        units.push(low === undefined ? high : high * 256 + low);
      }
      const text = fromUnits(units);
      return isWellFormed(text) ? text : undefined;
    }
    default:
      return undefined;
  }
}

function fromUnits(units: readonly number[]): string {
  return units.map((unit) => String.fromCharCode(unit)).join("");
}

/** Whether each surrogate has its other half. */
function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** RFC 5280 section 7.1, by RFC 4518: case and runs of white space do not matter. White space is Unicode's. */
function fold(text: string): string {
  const words = text.split(/[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/);
  return words
    .filter((word) => word !== "")
    .join(" ")
    .toLowerCase();
}
