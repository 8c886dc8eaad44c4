import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";

const source = resolve(import.meta.dirname, "../src");

/**
 * What the oldest browsers that the pages promise to work in (vite.config.ts) do not have, and no compiler can give them. What the language
 * had later is not known to the type checker (tsconfig.json).
 */
const newer = [
  "AbortSignal.any",
  "AbortSignal.timeout",
  "throwIfAborted",
  "signal.reason",
  "structuredClone",
  'type: "module"',
  "scheduler.",
  "navigator.locks",
  "showOpenFilePicker",
  "createImageBitmap",
  "CompressionStream",
  "OffscreenCanvas",
  "?<=",
  "?<!",
];

test("the pages ask nothing of a browser that those of 2021 do not have", () => {
  const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((name) => /\.tsx?$/.test(name));
  expect(files.length).toBeGreaterThan(100);
  for (const name of files) {
    const text = readFileSync(resolve(source, name), "utf8");
    expect(
      newer.filter((one) => text.includes(one)),
      name,
    ).toEqual([]);
  }
});
