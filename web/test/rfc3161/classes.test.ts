/** Each token by its class: how many are refused, by which check, and for which reason. docs/rfc3161.md argues each difference. */

import { expect, test } from "vitest";
import type { Check, Outcome } from "../../src/verify/checks.ts";
import { vectors } from "../vectors.ts";
import { judge, rows } from "./tokens.ts";

/** How many tokens that others hold to be valid are good here, too. */
const good = 573;

/** Why others that they hold to be valid are refused here, by the first reason that fits, and how many. */
const differences: readonly (readonly [string, number])[] = [
  ["SHA-1 is broken", 70],
  ["MD5 is broken", 2],
  ["an RSA key of 1024 bits is broken", 7],
  ["the hash algorithm 2.16.840.1.101.3.4.2.4 is not supported", 2],
  ["a digest by SHA-256 has 32 bytes, found 64", 2],
  ["genTime has no valid value", 1],
];

/** An algorithm that is SHA-1's under a name of its own. */
const sha1ByAnotherName = "1.2.840.113549.1.1.5 with a key of";

/** How many tokens of a class are refused by a check for a reason. The first that fits counts. */
const refused: readonly (readonly [string, number, string, Outcome, string])[] = [
  ["eku-not-critical", 19, "extended key usage", "failed", "is not critical"],
  ["invalid-purpose", 16, "key usage", "failed", "for more than signatures"],
  ["invalid-time", 4, "path", "failed", "is valid from"],
  ["malformed", 1, "parsed", "failed", "expected signerInfos"],
  ["invalid", 5, "signature", "failed", "the signature does not verify"],
  ["invalid", 1, "message digest", "failed", "not the digest of the content"],
  ["invalid", 1, "key usage", "failed", "for more than signatures"],
  // Its digest is wrong, too, and by SHA-1.
  ["invalid", 1, "message digest", "failed", "SHA-1 is broken"],
  // Critical qcStatements; OpenSSL refuses it for them, too.
  ["no-anchor", 1, "path", "failed", "not understood: 1.3.6.1.5.5.7.1.3"],
  // ML-DSA.
  ["unsupported-alg", 1, "signature", "failed", "2.16.840.1.101.3.4.3.18 is not supported"],
  // A hash where a list should be.
  ["unsupported-alg", 1, "signing certificate", "failed", "expected SigningCertificate"],
  ["no-signer-cert", 5, "signature", "not-checked", "neither in the token nor beside it"],
];

const isValidToOthers = (name: string) => name.startsWith("valid");

test.skipIf(vectors === undefined)("tokens that others hold to be valid are good but for reasons of our own", () => {
  let found = 0;
  const different = differences.map(() => 0);
  for (const row of rows.filter((row) => isValidToOthers(row.class))) {
    const { checks, isGood } = judge(row, row.token);
    const failures = checks.list.filter(({ outcome }) => outcome === "failed");
    if (failures.length === 0) {
      for (const name of ["signature", "path", "basic constraints"]) {
        expect(checks.outcomeOf(name), `${row.file}: ${name}`).toBe("passed");
      }
      // What it covers was not given, so that it is not good yet.
      expect([checks.outcomeOf("imprint"), isGood]).toEqual(["not-checked", false]);
      found += 1;
      continue;
    }
    const known = [...differences.map(([reason]) => reason), sha1ByAnotherName];
    const unknown = failures.filter(({ reason }) => !known.some((words) => reason.includes(words)));
    expect(unknown, row.file).toEqual([]);
    const first = differences.findIndex(([words]) => failures.some(({ reason }) => reason.includes(words)));
    different[first] = (different[first] ?? Number.NaN) + 1;
  }
  expect(found).toBe(good);
  expect(different).toEqual(differences.map(([, tokens]) => tokens));
});

test.skipIf(vectors === undefined)("tokens that others refuse are refused for the reason of their class", () => {
  const found = refused.map(() => 0);
  for (const row of rows.filter((row) => !isValidToOthers(row.class))) {
    const { checks, isGood } = judge(row, row.token);
    expect(isGood, row.file).toBe(false);
    const at = refused.findIndex(([ofClass, , name, outcome, words]) => {
      const isSaid = (check: Check) => check.name === name && check.outcome === outcome && check.reason.includes(words);
      return ofClass === row.class && checks.list.some(isSaid);
    });
    expect(at, `${row.file} (${row.class}): ${JSON.stringify(checks.list)}`).not.toBe(-1);
    found[at] = (found[at] ?? Number.NaN) + 1;
  }
  expect(found).toEqual(refused.map(([, tokens]) => tokens));
});
