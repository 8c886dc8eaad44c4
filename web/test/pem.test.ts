/** PEM: the rows are those of anchor/rfc3161/src/pem.rs, to the word. */

import { expect, test } from "vitest";
import { VerifyError } from "../src/verify/checks.ts";
import { readPem } from "../src/verify/pem.ts";

const end = "-----END CERTIFICATE-----\n";
const block = `-----BEGIN CERTIFICATE-----\nMAA=\n${end}`;

const rows: readonly (readonly [name: string, text: string, got: string])[] = [
  ["a key", "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n", '"-----BEGIN PRIVATE KEY-----"'],
  ["no base64", `-----BEGIN CERTIFICATE-----\n!\n${end}`, "something that is not base64"],
  ["no end", "-----BEGIN CERTIFICATE-----\nMAA=\n", "a block without end"],
  [
    "a block within a block",
    "-----BEGIN CERTIFICATE-----\nMAA=\n-----BEGIN CERTIFICATE-----\n",
    "a block within a block",
  ],
  [
    "indented",
    "  -----BEGIN CERTIFICATE-----\n  MAA=\n  -----END CERTIFICATE-----\n",
    'a label that does not begin its line: "  -----BEGIN CERTIFICATE-----"',
  ],
  ["only its end indented", `-----BEGIN CERTIFICATE-----\nMAA=\n  ${end}`, "a block without end"],
  [
    "behind a byte order mark",
    `\u{feff}${block}`,
    'a label that does not begin its line: "\\u{feff}-----BEGIN CERTIFICATE-----"',
  ],
  [
    "behind the end of another",
    "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE----------BEGIN CERTIFICATE-----\n",
    'a label that does not begin its line: "-----END CERTIFICATE----------BEGIN CERTIFICATE-----"',
  ],
  ["a long line", `-----BEGIN ${"X".repeat(100)}-----\n`, `"-----BEGIN ${"X".repeat(69)}"`],
];

test.each(rows)("%s", (_, text, got) => {
  expect(() => readPem(text)).toThrow(new VerifyError(`expected a certificate in PEM as block 1, got ${got}`));
});

test("a label in a text for people is text", () => {
  expect(readPem(`CN=-----BEGIN CERTIFICATE-----\n${block}`)).toHaveLength(1);
});
