/** When two public keys are the same, however they are spelled. */

import { expect, test } from "vitest";
import { concat } from "../../src/verify/bytes.ts";
import { sameKey } from "../../src/verify/rfc3161/algorithm.ts";
import { encoded } from "../../src/verify/rfc3161/ber.ts";

const bytes = (...octets: number[]) => Uint8Array.of(...octets);

/** `SubjectPublicKeyInfo` of an algorithm, its parameters and bits. */
function spki(algorithm: Uint8Array, parameters: Uint8Array, ...bits: number[]): Uint8Array {
  return encoded(0x30, concat(encoded(0x30, concat(algorithm, parameters)), encoded(3, bytes(0, ...bits))));
}

test("a key is the same however it is spelled", () => {
  const rsa = bytes(6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1);
  const pss = bytes(6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 10);
  const ec = bytes(6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1);
  const p256 = bytes(6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7);
  const p384 = bytes(6, 5, 0x2b, 0x81, 4, 0, 34);
  const number = [0x30, 6, 2, 1, 77, 2, 1, 3];
  const keys: readonly (readonly [string, Uint8Array, number])[] = [
    ["RSA with NULL", spki(rsa, bytes(5, 0), ...number), 0],
    ["RSA without", spki(rsa, bytes(), ...number), 0],
    ["for PSS", spki(pss, bytes(), ...number), 0],
    ["another number", spki(rsa, bytes(5, 0), 0x30, 6, 2, 1, 79, 2, 1, 3), 1],
    ["a point", spki(ec, p256, 4, 1, 2, 3, 5), 2],
    ["compressed", spki(ec, p256, 3, 1, 2), 2],
    ["hybrid", spki(ec, p256, 7, 1, 2, 3, 5), 2],
    ["the point below", spki(ec, p256, 2, 1, 2), 3],
    ["of another curve", spki(ec, p384, 3, 1, 2), 4],
    ["no key", bytes(1, 2, 3), 5],
  ];
  for (const [name, one, of] of keys) {
    for (const [otherName, other, ofOther] of keys) {
      expect(sameKey(one) === sameKey(other), `${name}, ${otherName}`).toBe(of === ofOther);
    }
  }
});
