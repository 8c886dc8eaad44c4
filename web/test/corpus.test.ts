import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { describe, expect, test } from "vitest";
import { type Case, CorpusReader } from "./corpus.ts";

/** The file that `cargo run --example corpus` wrote. */
const path = process.env.COUNTERFOIL_CORPUS;

if (path === undefined && process.env.COUNTERFOIL_REQUIRE_CORPUS === "1") {
  throw new Error("COUNTERFOIL_CORPUS does not say where the corpus is: scripts/web-corpus.sh writes one");
}

/**
 * What both sides take from a library of their own: why a text is no JSON or no TOML, and why a block is no PEM. There, that they refuse it is
 * compared, and at which part of the file.
 */
const byLibraries: readonly [RegExp, string][] = [
  [/(expected evidence as JSON): (?!.*expected at most|.*depth of at most).*/gs, "$1"],
  [/^expected a trust file in TOML: .*/gs, "no TOML of a trust file"],
  [/(: expected a certificate in PEM as block [0-9]+), got .*/gs, "$1"],
];

function withoutLibraries(value: unknown): unknown {
  if (typeof value === "string") {
    return byLibraries.reduce((text, [from, to]) => text.replace(from, to), value);
  }
  if (Array.isArray(value)) {
    return value.map(withoutLibraries);
  }
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, inside]) => [key, withoutLibraries(inside)]));
  }
  return value;
}

describe.skipIf(path === undefined)("the corpus", () => {
  test("both implementations say the same of every case", { timeout: 900_000 }, async () => {
    const reader = new CorpusReader();
    const counts: Record<string, number> = {};
    const lines = createInterface({ input: createReadStream(path ?? "") });
    for await (const line of lines) {
      const found = reader.read(line);
      if (found !== undefined) {
        compare(found, reader.judge(found));
        const { outcome } = found.expect;
        const came = outcome ?? (found.expect.error === null ? "passed" : "failed");
        for (const what of [found.kind, ...(hasBlock(found) ? ["evidence in blocks"] : [])]) {
          counts[`${what} ${came}`] = (counts[`${what} ${came}`] ?? 0) + 1;
        }
      }
    }
    // A corpus of one outcome would show little.
    for (const what of [
      "evidence passed",
      "evidence failed",
      "evidence not-checked",
      "evidence in blocks passed",
      "evidence in blocks failed",
      "receipt passed",
      "receipt failed",
    ]) {
      expect(counts[what], what).toBeGreaterThan(50);
    }
    for (const what of [
      "evidence in blocks not-checked",
      "blocks passed",
      "blocks failed",
      "policy passed",
      "policy failed",
      "trust passed",
      "trust failed",
      "path passed",
      "path failed",
      "tile passed",
      "tile failed",
      "bundle passed",
      "bundle failed",
      "proof passed",
      "proof failed",
      "plan passed",
      "plan failed",
      "subtree failed",
    ]) {
      expect(counts[what], what).toBeGreaterThan(20);
    }
  });
});

/** Whether it is evidence with an anchor in a block whose header can be read. */
function hasBlock({ expect: { anchors } }: Case): boolean {
  return Array.isArray(anchors) && anchors.some(({ block }) => block !== null);
}

function compare({ name, kind, expect: expected }: Case, got: Record<string, unknown>): void {
  expect(withoutLibraries(got), `${kind}: ${name}`).toEqual(withoutLibraries(expected));
}
