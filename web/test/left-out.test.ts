import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { judge } from "../src/app/engine/judge.ts";
import type { Judgement } from "../src/app/engine/protocol.ts";
import { caveatsBeside, leftOutOf } from "../src/app/verify/anchors.ts";
import { reportHtml, reportJson } from "../src/app/verify/report.ts";
import { concat, toHex } from "../src/verify/bytes.ts";
import { parseEvidence } from "../src/verify/evidence.ts";
import { anchorOf, destination, made, rootOver, selector, transaction } from "./ethereum/made.ts";

const docs = resolve(import.meta.dirname, "../../docs");
const example = readFileSync(resolve(docs, "evidence.example.json"));
const trust = readFileSync(resolve(docs, "trust.example.toml"), "utf8");
/** The policy of the example's token is another one. */
const otherPolicy = trust.replace("policies = []", 'policies = ["1.2.3"]');
/** After the example's token, and the block's time. */
const at = 4_000_000_000;

/** The example with a block beside its token, to where it says, judged under a chain of whose destination nothing is asked. */
async function judged(trusted: string, to: Uint8Array, change = (evidence: string) => evidence): Promise<Judgement> {
  const data = concat(selector, rootOver(parseEvidence(example).receipt.note.bytes));
  const { record, blockHash } = made({ transaction: transaction(data, to) });
  const value = JSON.parse(example.toString());
  value.anchors.push(anchorOf(record));
  const chain = `\n[[ethereum]]\nname = "chain"\nchain_id = 31337\nblock_hashes = ["0x${toHex(blockHash)}"]\n`;
  const proof = {
    name: "it.evidence.json",
    kind: "evidence",
    file: new Blob([change(JSON.stringify(value))]),
  } as const;
  return judge({ proof, record: undefined, trust: trusted + chain, at }, () => {});
}

const nowhere = new Uint8Array();
const goesNowhere = "the transaction goes nowhere: it creates a contract";
const failedOf = (judgement: Judgement) => [...leftOutOf(judgement).values()].flat().map(({ name }) => name);

test("what is left out is shown with each check that failed of it, and is no caveat beside that", async () => {
  const rows = [
    ["nothing", trust, destination, "passed", []],
    ["a block that creates a contract", trust, nowhere, "passed", ["anchor chain: destination"]],
    ["a token under another policy", otherPolicy, destination, "passed", ["anchor dev: policy"]],
    ["both", otherPolicy, nowhere, "failed", ["anchor dev: policy", "anchor chain: destination"]],
  ] as const;
  for (const [name, trusted, to, outcome, failed] of rows) {
    const came = await judged(trusted, to);
    expect([came.outcome, failedOf(came), came.leftOut], name).toEqual([outcome, failed, failed]);
    const said = came.caveats.filter((caveat) => caveat.includes("is left out"));
    expect(said.length, name).toBe(failed.length);
    expect(caveatsBeside(came), name).toEqual(came.caveats.filter((caveat) => !said.includes(caveat)));
  }
});

test("an anchor by which the evidence fails is not left out", async () => {
  const token = /"token":"(.{3000})(.)/;
  const came = await judged(trust, nowhere, (evidence) =>
    evidence.replace(token, (_, before: string, one: string) => `"token":"${before}${one === "A" ? "B" : "A"}`),
  );
  expect(came.sentence).toMatch(/^NOT verified: .* anchor dev: /);
  expect(failedOf(came)).toEqual(["anchor chain: destination"]);
  // Of its own checks, one may take no more than the anchor; another takes all.
  const checks = [
    { name: "anchor chain: block hash", outcome: "failed", reason: "" },
    { name: "anchor chain: status", outcome: "failed", reason: "" },
  ] as const;
  expect(leftOutOf({ checks, leftOut: ["anchor chain: block hash"] }).size).toBe(0);
  expect(leftOutOf({ checks, leftOut: checks.map(({ name }) => name) }).get("anchor chain")).toEqual(checks);
});

test("a report names what is left out and why, and marks its rows", async () => {
  const came = await judged(trust, nowhere);
  const html = reportHtml(came, false);
  expect(html).toContain(`<li>anchor chain: destination: ${goesNowhere}</li>`);
  expect(html).toContain(`<td>✗ left out</td><th scope="row">anchor chain: destination</th><td>${goesNowhere}`);
  expect(html.match(/left out/gi)?.length, "once in words, once as a mark").toBe(2);
  expect(JSON.parse(reportJson(came, false)).left_out).toEqual(["anchor chain: destination"]);
  const whole = await judged(trust, destination);
  expect(reportHtml(whole, false)).not.toMatch(/left out/i);
  expect(JSON.parse(reportJson(whole, false)).left_out).toEqual([]);
});
