import { expect, test } from "vitest";
import { restsOn } from "../src/app/rests.ts";

/** The checks of evidence with anchors of an authority, of a block and of an unknown kind, whose names are as misleading as they may be. */
const names = [
  "log signature",
  "anchor chain-root-imprint: path",
  "anchor chain-root-imprint: imprint",
  "anchor chain-root-imprint: nonce",
  "anchor revocation: header",
  "anchor revocation: block hash",
  "anchor revocation: chain",
  "anchor revocation: transaction inclusion",
  "anchor #3: kind",
  "anchors",
];
const rests = (check: string) => restsOn(check, names);

test("checks of a block rest on the block's hash, and on no authority, whatever they are called", () => {
  for (const check of names.filter((name) => name.startsWith("anchor revocation"))) {
    expect(rests(check), check).not.toMatch(/authority|certificate/);
  }
  for (const check of ["anchor revocation", "anchor revocation: block hash", "anchor revocation: chain"]) {
    expect(rests(check), check).toMatch(/^on the hash of the block, as you trust it/);
  }
  expect(rests("anchor revocation: transaction inclusion")).toMatch(/^on Keccak-256/);
});

test("checks of a token rest on the authority, and its name says nothing of it", () => {
  expect(rests("anchor chain-root-imprint")).toBe("on the time-stamping authority, as you trust it");
  expect(rests("anchor chain-root-imprint: nonce")).toBe("on the time-stamping authority, as you trust it");
  expect(rests("anchor chain-root-imprint: path")).toMatch(/^on the roots of the time-stamping authority/);
  expect(rests("anchor chain-root-imprint: imprint")).toMatch(/^on the hash in the token/);
});

test("an anchor of a kind that is not known rests on nothing, and what is no anchor on no authority", () => {
  for (const check of ["anchor #3", "anchor #3: kind"]) {
    expect(rests(check), check).toBe("on nothing that this verifier knows");
  }
  expect(rests("log signature")).toBe("on the log's key, as you trust it");
  expect(rests("anchors")).toBe("on how many authorities you ask for");
});

test("checks of a token alone rest on what those of an anchor do", () => {
  const alone = ["parsed", "imprint", "nonce", "signing certificate", "path", "revocation", "anchors"];
  const rests = (check: string) => restsOn(check, alone);
  expect(rests("imprint")).toMatch(/^on the hash in the token/);
  expect(rests("path")).toMatch(/^on the roots of the time-stamping authority/);
  expect(rests("revocation")).toMatch(/^on revocation data/);
  expect(rests("nonce")).toBe("on the time-stamping authority, as you trust it");
  expect(rests("anchors")).toBe("on how many authorities you ask for");
});
