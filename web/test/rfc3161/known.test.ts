import { expect, test } from "vitest";
import { VerifyError } from "../../src/verify/checks.ts";
import { AlgorithmIdentifier, type Signed } from "../../src/verify/rfc3161/algorithm.ts";
import { only, tag } from "../../src/verify/rfc3161/ber.ts";
import { Known } from "../../src/verify/rfc3161/known.ts";

/** `SEQUENCE { AlgorithmIdentifier { 1.2.<last> } }`. */
const algorithm = (last: number) =>
  AlgorithmIdentifier.read(only(Uint8Array.of(48, 6, 48, 4, 6, 2, 42, last), tag.sequence, "it").reader("it"), "it");

const bytes = (number: number) => Uint8Array.of(number, number >> 8);

function counting() {
  const tried: string[] = [];
  const known = new Known((spki, { message, signature }) => {
    tried.push(`${spki} ${message} ${signature}`);
    if (signature[0] === 0) {
      throw new VerifyError("bad");
    }
  });
  return { tried, known };
}

const signed = (message: number, signature: number, last = 3): Signed => ({
  algorithm: algorithm(last),
  message: bytes(message),
  signature: bytes(signature),
});

test("a signature is verified once, be it good or bad", () => {
  const { tried, known } = counting();
  for (let round = 0; round < 3; round++) {
    known.verify(bytes(1), signed(2, 3));
    expect(() => known.verify(bytes(1), signed(2, 0))).toThrow("bad");
  }
  expect(tried).toHaveLength(2);
});

test("what differs in any part is another signature", () => {
  const { tried, known } = counting();
  known.verify(bytes(1), signed(2, 3));
  known.verify(bytes(4), signed(2, 3));
  known.verify(bytes(1), signed(4, 3));
  known.verify(bytes(1), signed(2, 4));
  known.verify(bytes(1), signed(2, 3, 4));
  known.verify(bytes(1), { ...signed(2, 3), digestBeside: "1.2.3" });
  expect(tried).toHaveLength(6);
});
