/** Signatures on elliptic curves: ECDSA (FIPS 186-5, encoded as RFC 3279 section 2.2.3 says) and Ed25519 (RFC 8032). */

import { ed25519 } from "@noble/curves/ed25519.js";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import { concat, equal } from "../bytes.ts";
import { VerifyError } from "../checks.ts";
import { encoded, only, tag } from "./ber.ts";

export type Curve = "P-256" | "P-384" | "P-521";

const curves = {
  "P-256": { ecdsa: p256, size: 32 },
  "P-384": { ecdsa: p384, size: 48 },
  "P-521": { ecdsa: p521, size: 66 },
} as const;

/** A point, and a signature over a digest; the signature is DER, and of the two that are valid for a digest either counts. */
export function verifyEcdsa(curve: Curve, point: Uint8Array, digest: Uint8Array, signature: Uint8Array): boolean {
  const { ecdsa, size } = curves[curve];
  const compact = compactSignature(signature, size);
  if (compact === undefined || !isPoint(curve, point)) {
    return false;
  }
  return ecdsa.verify(compact, digest, point, { prehash: false, lowS: false, format: "compact" });
}

function isPoint(curve: Curve, bytes: Uint8Array): boolean {
  try {
    curves[curve].ecdsa.Point.fromBytes(bytes);
    return true;
  } catch {
    return false;
  }
}

/** `Ecdsa-Sig-Value` in DER, as its two numbers of a fixed size. */
function compactSignature(bytes: Uint8Array, size: number): Uint8Array | undefined {
  try {
    const what = "Ecdsa-Sig-Value";
    const reader = only(bytes, tag.sequence, what).reader(what);
    const numbers = [reader.integer(what), reader.integer(what)];
    reader.end();
    const inDer = encoded(tag.sequence, concat(...numbers.map((number) => encoded(tag.integer, number))));
    const halves = numbers.map((number) => fixed(number, size)).filter((half) => half !== undefined);
    return equal(inDer, bytes) && halves.length === 2 ? concat(...halves) : undefined;
  } catch (error) {
    if (error instanceof VerifyError) {
      return undefined;
    }
    throw error;
  }
}

/** An integer that is not negative, without its sign and with leading zeros. */
function fixed(integer: Uint8Array, size: number): Uint8Array | undefined {
  const octets = integer[0] === 0 ? integer.subarray(1) : integer;
  if ((integer[0] ?? 0) >= 0x80 || octets.length > size) {
    return undefined;
  }
  return concat(new Uint8Array(size - octets.length), octets);
}

/** A key that is no point, or a signature of another length, verifies nothing. */
export function verifyEd25519(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (key.length !== 32 || signature.length !== 64) {
    return false;
  }
  return ed25519.verify(signature, message, key, { zip215: false });
}
