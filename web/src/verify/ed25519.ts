/**
 * Ed25519 (RFC 8032): which signatures and which public keys are accepted.
 *
 * A signature is accepted if and only if Go's `crypto/ed25519` accepts it: S is below the order of the group, and [S]B - [k]A, encoded,
 * is byte for byte the R of the signature. So an R in another spelling never verifies, and what is of small order is not multiplied away.
 * Public keys are judged apart, when they are loaded. (The browsers' own Ed25519 is not used: which signatures at the edges it takes
 * differs from one to the next, and no browser says.)
 */

import { ed25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { equal } from "./bytes.ts";
import { VerifyError } from "./checks.ts";

export const ED25519_KEY_SIZE = 32;
export const ED25519_SIGNATURE_SIZE = 64;

const Point = ed25519.Point;
type Point = InstanceType<typeof Point>;

const ORDER = Point.CURVE().n;

/** A key that has verified so many signatures will verify more, and gets a table that makes each four times as fast. */
const USES_BEFORE_TABLE = 3;

/** As large a table as pays off after tens of signatures. */
const TABLE_WINDOW = 6;

/** A public key. */
export class Ed25519Key {
  readonly bytes: Uint8Array;
  readonly #negated: Point;
  #uses = 0;

  private constructor(bytes: Uint8Array, point: Point) {
    this.bytes = bytes;
    this.#negated = point.negate();
  }

  /** Loads a key for use: a point in its one spelling, not of small order. */
  static load(bytes: Uint8Array): Ed25519Key {
    const point = decode(bytes);
    if (point === undefined) {
      throw new VerifyError("the Ed25519 public key is not a point of the curve");
    }
    if (!equal(point.toBytes(), bytes)) {
      throw new VerifyError("the Ed25519 public key is not in canonical form");
    }
    if (point.isSmallOrder()) {
      throw new VerifyError("the Ed25519 public key is of small order");
    }
    return new Ed25519Key(bytes, point);
  }

  /** Decodes a key as Go does: any spelling of any point. For test vectors; keys that are to be trusted are loaded. */
  static decode(bytes: Uint8Array): Ed25519Key | undefined {
    const point = decode(bytes);
    return point === undefined ? undefined : new Ed25519Key(bytes, point);
  }

  /** Whether it is a signature of the message by this key. */
  verify(message: Uint8Array, signature: Uint8Array): boolean {
    if (signature.length !== ED25519_SIGNATURE_SIZE) {
      return false;
    }
    const r = signature.subarray(0, 32);
    const s = littleEndian(signature.subarray(32));
    if (s >= ORDER) {
      return false;
    }
    this.#uses++;
    if (this.#uses === USES_BEFORE_TABLE) {
      this.#negated.precompute(TABLE_WINDOW, true);
    }
    const digest = sha512.create().update(r).update(this.bytes).update(message).digest();
    const k = littleEndian(digest) % ORDER;
    const computed = Point.BASE.multiplyUnsafe(s).add(this.#negated.multiplyUnsafe(k));
    return equal(computed.toBytes(), r);
  }
}

function decode(bytes: Uint8Array): Point | undefined {
  if (bytes.length !== ED25519_KEY_SIZE) {
    return undefined;
  }
  try {
    return Point.fromBytes(bytes, true);
  } catch {
    return undefined;
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let value = 0n;
  for (let at = bytes.length - 8; at >= 0; at -= 8) {
    value = (value << 64n) | view.getBigUint64(at, true);
  }
  return value;
}
