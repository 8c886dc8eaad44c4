/**
 * Judges the cases of a corpus, without a test runner: `vite build --ssr test/judge.ts --outDir node_modules/.judge && node
 * node_modules/.judge/judge.js CORPUS`. Writes a line of JSON for each case where what comes out is not what the corpus says, and at the end
 * how many there were. Exits with 1 if there was one.
 */

import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { isDeepStrictEqual } from "node:util";
import { CorpusReader } from "./corpus.ts";

const reader = new CorpusReader();
const [, , path] = process.argv;
let [cases, differences] = [0, 0];
for await (const line of createInterface({ input: path === undefined ? process.stdin : createReadStream(path) })) {
  const found = reader.read(line);
  if (found === undefined) {
    continue;
  }
  cases++;
  const got = reader.judge(found);
  if (!isDeepStrictEqual(got, found.expect)) {
    differences++;
    process.stdout.write(`${JSON.stringify({ name: found.name, kind: found.kind, expect: found.expect, got })}\n`);
  }
}
process.stdout.write(`${differences} of ${cases} cases differ\n`);
process.exitCode = differences === 0 ? 0 : 1;
