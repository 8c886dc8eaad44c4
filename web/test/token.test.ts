import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { readAnchored } from "../src/app/engine/anchored.ts";
import { judge } from "../src/app/engine/judge.ts";
import type { Judgement } from "../src/app/engine/protocol.ts";
import { parseEvidence } from "../src/verify/evidence.ts";

const docs = resolve(import.meta.dirname, "../../docs");
const example = new Uint8Array(readFileSync(resolve(docs, "evidence.example.json")));
const published = readFileSync(resolve(docs, "trust.example.toml"), "utf8");
const demanding = (mode: string) => published.replace('revocation = "published"', `revocation = "${mode}"`);

/** The token of the example, and the checkpoint that it is over. */
const { anchors, receipt } = parseEvidence(example);
const token = anchors.flatMap((anchor) => (anchor.kind === "rfc3161" ? [anchor.token] : []))[0] ?? new Uint8Array();
const covered = receipt.note.bytes;

async function judged(trust: string, record: Uint8Array = covered): Promise<Judgement> {
  const file = (bytes: Uint8Array) => new Blob([bytes as Uint8Array<ArrayBuffer>]);
  const at = ((await readAnchored(example, { trust: "", blocks: "" }, 0)).anchors[0]?.time ?? 0) + 60;
  const proof = { name: "it.tsr", kind: "token", file: file(token) } as const;
  return judge({ proof, record: { name: "it", file: file(record), sha256: undefined }, trust, at }, () => {});
}
const outcomeOf = ({ checks }: Judgement, name: string) => checks.find((check) => check.name === name)?.outcome;

test("a token alone is verified where nothing is asked of revocation, and what is not known is said", async () => {
  const came = await judged(demanding("optional"));
  expect([came.outcome, outcomeOf(came, "anchors")]).toEqual(["passed", "passed"]);
  expect(came.sentence).toMatch(/^Verified: it existed no later than .*Z, because the time-stamping authority dev/);
  expect(came.caveats).toContainEqual(expect.stringMatching(/^whether .* was revoked is not known/));
});

test("a token alone is not verified where the trust asks for revocation data", async () => {
  for (const mode of ["required", "published"]) {
    const came = await judged(demanding(mode));
    expect([came.outcome, outcomeOf(came, "revocation")], mode).toEqual(["not-checked", "not-checked"]);
    expect(came.sentence, mode).toMatch(/^Could not tell when it existed\. revocation: /);
    expect(came.caveats, mode).toContain("a token alone brings no revocation data, as evidence does");
  }
});

test("a token alone is not verified where the trust asks for more authorities", async () => {
  const chain = '\n[[ethereum]]\nname = "mainnet"\nchain_id = 1\n';
  const came = await judged(demanding("optional").replace("min_anchors = 1", "min_anchors = 2") + chain);
  expect([came.outcome, outcomeOf(came, "anchors")]).toEqual(["not-checked", "not-checked"]);
  expect(came.sentence).toContain("anchors: 1 of 2 needed");
});

test("a token over another file fails, whatever the trust asks for", async () => {
  for (const mode of ["required", "published", "optional"]) {
    const came = await judged(demanding(mode), Uint8Array.of(1));
    expect(came.outcome, mode).toBe("failed");
    expect(came.sentence, mode).toMatch(/^NOT verified: it with this token\. imprint: it covers other data/);
  }
});
