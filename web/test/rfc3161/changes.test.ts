/** Tokens of which one byte was changed, or the end cut off. */

import { expect, test } from "vitest";
import { VerifyError } from "../../src/verify/checks.ts";
import { only, tag } from "../../src/verify/rfc3161/ber.ts";
import { judgeToken, parseToken, type Token } from "../../src/verify/rfc3161/index.ts";
import { vectors } from "../vectors.ts";
import { judge, type Row, rows } from "./tokens.ts";

/** A sound token, and itself as it is read. */
interface Sample {
  readonly row: Row;
  readonly before: Token;
}

/** A token of each kind of signature and encoding, the smallest there is. */
function samples(): Sample[] {
  const kinds = new Map<string, Sample>();
  const valid = rows.filter((row) => row.class === "valid" || row.class === "valid-openssl-ts-cannot");
  for (const row of valid.sort((one, other) => one.token.length - other.token.length)) {
    const kind = `${row.signature} ${row.encoding}`;
    const before = parsed(row.token);
    if (before !== undefined && !kinds.has(kind) && judge(row, row.token, before.info.imprint).isGood) {
      kinds.set(kind, { row, before });
    }
  }
  return Array.from(kinds.values());
}

function parsed(token: Uint8Array): Token | undefined {
  try {
    return parseToken(token);
  } catch (error) {
    if (error instanceof VerifyError) {
      return undefined;
    }
    throw error;
  }
}

/** Where a token's signed parts stand: the content, the signed attributes, the signature. A part that BER has in pieces is left out. */
function signedParts({ row, before }: Sample): { from: number; to: number }[] {
  const { content, signer } = before;
  const attributes = only(signer.signedAttributes ?? new Uint8Array(), tag.set, "signedAttrs").content;
  return [content, attributes, signer.signature].flatMap((part) => {
    const from = Buffer.from(row.token).indexOf(part);
    return from === -1 ? [] : [{ from, to: from + part.length }];
  });
}

test.skipIf(vectors === undefined)(
  "a changed byte is refused, or changes nothing that is said",
  () => {
    let [refused, harmless, signed] = [0, 0, 0];
    const all = samples();
    expect(all.length).toBeGreaterThan(10);
    for (const sample of all) {
      const { row, before } = sample;
      const parts = signedParts(sample);
      for (let at = 0; at < row.token.length; at++) {
        const isSigned = parts.some(({ from, to }) => at >= from && at < to);
        // Of what nobody has signed every 23rd.
        if (!isSigned && at % 23 !== 0) {
          continue;
        }
        const changed = row.token.slice();
        changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
        signed += isSigned ? 1 : 0;
        if (judge(row, changed, before.info.imprint).isGood) {
          expect(isSigned, `${row.file} at ${at}`).toBe(false);
          expect(parseToken(changed).info, `${row.file} at ${at}`).toEqual(before.info);
          harmless += 1;
        } else {
          refused += 1;
        }
      }
    }
    expect(signed).toBeGreaterThan(5_000);
    expect(refused).toBeGreaterThanOrEqual(signed);
    expect(harmless).toBeGreaterThan(0);
  },
  300_000,
);

test.skipIf(vectors === undefined)("a token cut short is no token", () => {
  for (const { row } of samples()) {
    for (let length = 0; length < row.token.length; length += 3) {
      const { checks } = judge(row, row.token.subarray(0, length));
      expect(checks.outcomeOf("parsed"), `${row.file} at ${length}`).toBe("failed");
      expect(checks.list.length).toBe(1);
    }
  }
});

test("a token that is too large is not read", () => {
  const { checks } = judgeToken({ token: new Uint8Array(262_145), roots: [] });
  expect(checks.list).toEqual([
    { name: "parsed", outcome: "failed", reason: "a length of a token is malformed or too large" },
  ]);
});
