/**
 * RLP (Yellow Paper, appendix B), the encoding of everything that Ethereum hashes, read in the only spelling of each value. An item is a
 * byte string or a list of items. With `n` the length of what follows the prefix:
 *
 * ```text
 * 00..7f                       that byte itself
 * 80+n, bytes                  a string of n = 0 to 55 bytes
 * b7+k, n in k bytes, bytes    a string of 56 bytes or more; n is big-endian without leading zeros
 * c0+n, items                  a list whose items have n = 0 to 55 bytes
 * f7+k, n in k bytes, items    a list whose items have 56 bytes or more
 * ```
 */

import { concat, MAX_U64, toHex } from "../bytes.ts";
import { VerifyError } from "../checks.ts";

/** How deep lists may be nested. Those of Ethereum reach four (the topics of a log in the logs of a receipt). */
const maxDepth = 16;

/** The longest payload whose length stands in the prefix. */
const maxShort = 55;

export class Item {
  /** The bytes that it was read from. */
  readonly encoding: Uint8Array;
  readonly isList: boolean;
  readonly #payload: Uint8Array;

  constructor(encoding: Uint8Array, headerSize: number, isList: boolean) {
    this.encoding = encoding;
    this.isList = isList;
    this.#payload = encoding.subarray(headerSize);
  }

  /** Reads the one item that the bytes are, in the only spelling, all the way down. */
  static parse(bytes: Uint8Array): Item {
    const item = firstItem(bytes);
    const rest = bytes.length - item.encoding.length;
    if (rest > 0) {
      throw new VerifyError(`${rest} bytes follow the item`);
    }
    item.#verifySpelling(maxDepth);
    return item;
  }

  /** The byte string that it is. */
  bytes(): Uint8Array {
    if (this.isList) {
      throw new VerifyError("expected a byte string, found a list");
    }
    return this.#payload;
  }

  /** The byte string of this length that it is. */
  sized(expected: number): Uint8Array {
    const bytes = this.bytes();
    if (bytes.length !== expected) {
      throw new VerifyError(`expected ${expected} bytes, found ${bytes.length}`);
    }
    return bytes;
  }

  /** The number that it is: big-endian without leading zeros, of at most so many bytes. */
  number(most: number): bigint {
    const bytes = this.bytes();
    if (bytes[0] === 0) {
      throw new VerifyError("the number begins with a zero byte");
    }
    if (bytes.length > most) {
      throw new VerifyError(`expected a number of at most ${most} bytes, found one of ${bytes.length}`);
    }
    return bigEndian(bytes);
  }

  /** The items of the list that it is, if they are at most so many. */
  items(most: number): Item[] {
    if (!this.isList) {
      throw new VerifyError(`expected a list, found a byte string of ${this.#payload.length} bytes`);
    }
    const items: Item[] = [];
    for (const item of itemsIn(this.#payload)) {
      if (items.length === most) {
        throw new VerifyError(`expected at most ${most} items, found more`);
      }
      items.push(item);
    }
    return items;
  }

  #verifySpelling(depth: number): void {
    if (!this.isList) {
      return;
    }
    if (depth === 0) {
      throw new VerifyError(`lists are nested more than ${maxDepth} deep`);
    }
    for (const item of itemsIn(this.#payload)) {
      item.#verifySpelling(depth - 1);
    }
  }
}

function* itemsIn(payload: Uint8Array): Generator<Item> {
  for (let at = 0; at < payload.length; ) {
    const item = firstItem(payload.subarray(at));
    at += item.encoding.length;
    yield item;
  }
}

/** The first item of the bytes. The items of a list are not looked at. */
function firstItem(bytes: Uint8Array): Item {
  const prefix = bytes[0];
  if (prefix === undefined) {
    throw truncated(1n, 0);
  }
  const isList = prefix >= 0xc0;
  if (prefix < 0x80) {
    return new Item(bytes.subarray(0, 1), 0, false);
  }
  const short = prefix - (isList ? 0xc0 : 0x80);
  const [headerSize, length] = short <= maxShort ? [1, BigInt(short)] : longLength(bytes, prefix, short - maxShort);
  const needed = length + BigInt(headerSize);
  if (needed > BigInt(bytes.length)) {
    throw truncated(needed, bytes.length);
  }
  const item = new Item(bytes.subarray(0, Number(needed)), headerSize, isList);
  // A byte below 0x80 is its own encoding.
  if (prefix === 0x81 && (bytes[1] ?? 0) < 0x80) {
    throw notShortest(prefix);
  }
  return item;
}

/** The size of prefix and length, and a length that stands in so many bytes of its own. */
function longLength(bytes: Uint8Array, prefix: number, size: number): [number, bigint] {
  const headerSize = 1 + size;
  if (bytes.length < headerSize) {
    throw truncated(BigInt(headerSize), bytes.length);
  }
  const octets = bytes.subarray(1, headerSize);
  const length = bigEndian(octets);
  if (octets[0] === 0 || length <= BigInt(maxShort)) {
    throw notShortest(prefix);
  }
  return [headerSize, length];
}

function truncated(needed: bigint, left: number): VerifyError {
  const shown = needed > MAX_U64 ? MAX_U64 : needed;
  return new VerifyError(`the item goes on for ${shown} bytes, but only ${left} are left`);
}

function notShortest(prefix: number): VerifyError {
  return new VerifyError(`the prefix 0x${prefix.toString(16)} is not the shortest one for what follows it`);
}

function bigEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x0${toHex(bytes)}`);
}

/** The encoding of a number: its big-endian bytes without leading zeros. */
export function encodeInteger(number: bigint): Uint8Array {
  const octets: number[] = [];
  for (let rest = number; rest > 0n; rest >>= 8n) {
    octets.unshift(Number(rest & 0xffn));
  }
  const bytes = Uint8Array.from(octets);
  const isItself = bytes.length === 1 && (bytes[0] ?? 0) < 0x80;
  return isItself ? bytes : concat(Uint8Array.of(0x80 + bytes.length), bytes);
}
