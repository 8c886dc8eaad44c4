/**
 * BER and DER (X.690), read where they stand: what was signed is a part of the input, byte for byte, and never encoded anew but for the
 * signed attributes, which RFC 5652 section 5.4 wants hashed in DER.
 *
 * ```text
 * identifier    class (2 bits), constructed (1 bit), number (5 bits; 31 would begin a longer one, which no format here has)
 * length        00..7f, or 80+n and n octets, or 80: to the end-of-contents octets 00 00
 * content
 * ```
 */

import { concat } from "../bytes.ts";
import { VerifyError } from "../checks.ts";
import { decodeOid } from "./oid.ts";

/** How deep elements of indefinite length may nest, and parts of octet strings: many times what anybody writes, and a bound on recursion. */
const maxDepth = 24;

/** Identifier octets. */
export const tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

const constructed = 0x20;

/** The identifier octet of a context-specific element that holds others. */
export function context(number: number): number {
  return 0xa0 | number;
}

/** The identifier octet of a context-specific element that holds bytes. */
export function contextPrimitive(number: number): number {
  return 0x80 | number;
}

export function noValue(what: string): VerifyError {
  return new VerifyError(`${what} has no valid value`);
}

export function badLength(what: string): VerifyError {
  return new VerifyError(`a length of ${what} is malformed or too large`);
}

/** One element: an identifier, and where in the input it stands. */
export class Element {
  readonly identifier: number;
  readonly #input: Uint8Array;
  readonly #start: number;
  readonly #contentStart: number;
  readonly #contentEnd: number;
  readonly end: number;

  constructor(input: Uint8Array, start: number, contentStart: number, contentEnd: number, end: number) {
    this.identifier = input[start] ?? 0;
    this.#input = input;
    this.#start = start;
    this.#contentStart = contentStart;
    this.#contentEnd = contentEnd;
    this.end = end;
  }

  /** The whole element. */
  get raw(): Uint8Array {
    return this.#input.subarray(this.#start, this.end);
  }

  /** What it holds; for an indefinite length without the end-of-contents octets. */
  get content(): Uint8Array {
    return this.#input.subarray(this.#contentStart, this.#contentEnd);
  }

  get isConstructed(): boolean {
    return (this.identifier & constructed) !== 0;
  }

  /** What it holds, as elements. */
  reader(what: string): Reader {
    return new Reader(this.content, what);
  }
}

/** Reads one element after the other; `what` they are is for errors. */
export class Reader {
  readonly #input: Uint8Array;
  readonly #what: string;
  #at = 0;

  constructor(input: Uint8Array, what: string) {
    this.#input = input;
    this.#what = what;
  }

  get isEmpty(): boolean {
    return this.#at === this.#input.length;
  }

  /** The identifier octet of the next element, if there is one. */
  get peek(): number | undefined {
    return this.#input[this.#at];
  }

  next(): Element {
    const element = elementAt(this.#input, this.#at, this.#what, 0);
    this.#at = element.end;
    return element;
  }

  /** The next element, which must have this identifier. */
  expect(identifier: number, what: string): Element {
    const found = this.peek;
    if (found !== identifier) {
      const said = found === undefined ? "the end" : hexOctet(found);
      throw new VerifyError(`expected ${what} (identifier ${hexOctet(identifier)}), found ${said}`);
    }
    return this.next();
  }

  /** The next element, if it has this identifier. */
  optional(identifier: number): Element | undefined {
    return this.peek === identifier ? this.next() : undefined;
  }

  /** What an element with this identifier holds. */
  enter(identifier: number, what: string): Reader {
    return this.expect(identifier, what).reader(what);
  }

  /** An object identifier, in dotted decimals. */
  oid(what: string): string {
    return decodeOid(this.expect(tag.oid, what).content, what);
  }

  /** An integer's content octets: two's complement, in its shortest form. */
  integer(what: string): Uint8Array {
    return shortestInteger(this.expect(tag.integer, what).content, what);
  }

  /** A small integer that is not negative. */
  small(what: string): number {
    return smallInteger(this.integer(what), what);
  }

  /** An octet string, which BER may give in parts. */
  octetString(what: string): Uint8Array {
    const inParts = tag.octetString | constructed;
    const element = this.expect(this.peek === inParts ? inParts : tag.octetString, what);
    return joinedOctets(element, what);
  }

  /** A bit string that is whole octets. */
  bits(what: string): Uint8Array {
    const content = this.expect(tag.bitString, what).content;
    if (content[0] !== 0) {
      throw noValue(what);
    }
    return content.subarray(1);
  }

  /** Nothing may follow. */
  end(): void {
    if (!this.isEmpty) {
      throw new VerifyError(`${this.#input.length - this.#at} bytes follow ${this.#what}`);
    }
  }
}

/** One element that is all there is. */
export function only(bytes: Uint8Array, identifier: number, what: string): Element {
  const reader = new Reader(bytes, what);
  const element = reader.expect(identifier, what);
  reader.end();
  return element;
}

function hexOctet(octet: number): string {
  return `0x${octet.toString(16).padStart(2, "0")}`;
}

function elementAt(input: Uint8Array, start: number, what: string, depth: number): Element {
  if (depth > maxDepth) {
    throw new VerifyError(`elements nest deeper than ${maxDepth} in ${what}`);
  }
  const truncated = () => new VerifyError(`the input ends within ${what}`);
  const identifier = input[start];
  if (identifier === undefined) {
    throw truncated();
  }
  if ((identifier & 0x1f) === 0x1f) {
    throw new VerifyError(`a tag with a number above 30 in ${what}`);
  }
  const first = input[start + 1];
  if (first === undefined) {
    throw truncated();
  }
  if (first === 0x80) {
    return indefinite(input, start, what, depth);
  }
  let [contentStart, length] = [start + 2, first];
  if (first > 0x80) {
    const count = first & 0x7f;
    contentStart += count;
    if (contentStart > input.length) {
      throw truncated();
    }
    // Four octets say more than any input has.
    if (count > 4) {
      throw badLength(what);
    }
    length = bigEndian(input.subarray(start + 2, contentStart));
  }
  const end = contentStart + length;
  if (end > input.length) {
    throw truncated();
  }
  return new Element(input, start, contentStart, end, end);
}

/** X.690 section 8.1.3.6: elements up to the end-of-contents octets, and only where elements may stand. */
function indefinite(input: Uint8Array, start: number, what: string, depth: number): Element {
  if (((input[start] ?? 0) & constructed) === 0) {
    throw badLength(what);
  }
  let at = start + 2;
  while (!(input[at] === 0 && input[at + 1] === 0)) {
    at = elementAt(input, at, what, depth + 1).end;
  }
  return new Element(input, start, start + 2, at, at + 2);
}

function bigEndian(octets: Uint8Array): number {
  return octets.reduce((value, octet) => value * 256 + octet, 0);
}

/** X.690 section 8.3.2: the first nine bits are neither all ones nor all zeros. */
export function shortestInteger(content: Uint8Array, what: string): Uint8Array {
  const [first, second] = content;
  const isPadded = second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80));
  if (first === undefined || isPadded) {
    throw noValue(what);
  }
  return content;
}

/** A number of at most four octets that is not negative. */
export function smallInteger(content: Uint8Array, what: string): number {
  if (content.length > 4 || (content[0] ?? 0) >= 0x80) {
    throw noValue(what);
  }
  return bigEndian(content);
}

/** DER's booleans are 0x00 and 0xff; BER's true is anything but zero, and some certificates have it. */
export function booleanOf(element: Element, what: string): boolean {
  const content = element.content;
  if (content.length !== 1) {
    throw noValue(what);
  }
  return content[0] !== 0;
}

/** The bytes of an octet string, whose parts may have parts (X.690 section 8.7). */
function joinedOctets(element: Element, what: string): Uint8Array {
  if (!element.isConstructed) {
    return element.content;
  }
  const parts: Uint8Array[] = [];
  const gather = (part: Element, depth: number) => {
    if (!part.isConstructed) {
      parts.push(part.content);
      return;
    }
    if (depth > maxDepth) {
      throw new VerifyError(`elements nest deeper than ${maxDepth} in ${what}`);
    }
    const reader = part.reader(what);
    while (!reader.isEmpty) {
      const inner = reader.next();
      if ((inner.identifier & ~constructed) !== tag.octetString) {
        throw noValue(what);
      }
      gather(inner, depth + 1);
    }
  };
  gather(element, 0);
  return joined(parts);
}

/**
 * What an element holds under another identifier, all lengths definite and shortest, octet strings whole. The order of a set's members
 * is the signer's: whoever does not write DER is not known to have sorted them before signing.
 */
export function inDer(identifier: number, element: Element, what: string): Uint8Array {
  const content = (outer: Element, depth: number): Uint8Array => {
    if (!outer.isConstructed) {
      return outer.content;
    }
    if (depth > maxDepth) {
      throw new VerifyError(`elements nest deeper than ${maxDepth} in ${what}`);
    }
    const members: Uint8Array[] = [];
    const reader = outer.reader(what);
    while (!reader.isEmpty) {
      const member = reader.next();
      const isInParts = member.identifier === (tag.octetString | constructed);
      members.push(
        isInParts
          ? encoded(tag.octetString, joinedOctets(member, what))
          : encoded(member.identifier, content(member, depth + 1)),
      );
    }
    return joined(members);
  };
  return encoded(identifier, content(element, 0));
}

/** An element in DER. */
export function encoded(identifier: number, content: Uint8Array): Uint8Array {
  const length = content.length;
  if (length < 0x80) {
    return concat(Uint8Array.of(identifier, length), content);
  }
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) {
    octets.unshift(rest % 256);
  }
  return concat(Uint8Array.of(identifier, 0x80 | octets.length, ...octets), content);
}

/** Like `concat`, of any number of parts. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
