/** Object identifiers (X.660) in DER (X.690 section 8.19), as dotted decimals. Arcs have no largest value: `2.25.` is followed by a UUID. */

import { VerifyError } from "../checks.ts";

/** Most content octets: many times what anybody uses, and a bound on the arithmetic. */
const maxOctets = 128;

export function decodeOid(content: Uint8Array, what: string): string {
  const wrong = () => new VerifyError(`${what} has no valid value`);
  const last = content.at(-1);
  if (content.length > maxOctets || last === undefined || last >= 0x80) {
    throw wrong();
  }
  const numbers: bigint[] = [];
  let isFirst = true;
  let number = 0n;
  for (const octet of content) {
    // X.690 section 8.19.2: in the fewest octets.
    if (isFirst && octet === 0x80) {
      throw wrong();
    }
    number = (number << 7n) | BigInt(octet & 0x7f);
    isFirst = octet < 0x80;
    if (isFirst) {
      numbers.push(number);
      number = 0n;
    }
  }
  // X.690 section 8.19.4: the first number is 40 times the first arc, which is 0, 1 or 2, plus the second.
  const [joined = 0n, ...rest] = numbers;
  const top = joined < 40n ? 0n : joined < 80n ? 1n : 2n;
  return [top, joined - 40n * top, ...rest].join(".");
}
