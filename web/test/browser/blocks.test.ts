/** Evidence with a block of an Ethereum chain: what the page asks for, and what it makes of it. The block is made by hand, and no chain has it. */

import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { concat, toHex } from "../../src/verify/bytes.ts";
import { parseEvidence } from "../../src/verify/evidence.ts";
import { anchorOf, made, rootOver, selector, transaction } from "../ethereum/made.ts";
import { accessible, keep, launch, onPage } from "./browser.ts";
import { cluster } from "./cluster.ts";

let browser: Browser;
let hash: string;

const inDemo = (...names: string[]) => join(cluster().directory, ...names);
const record = () => inDemo("records", "ledger-07.txt");
const evidence = () => inDemo("block.evidence.json");
const trustFile = () => inDemo("block-trust.toml");
const single = pathToFileURL(resolve(import.meta.dirname, "../../dist/verifier.html")).href;

beforeAll(async () => {
  browser = await launch();
  const text = readFileSync(inDemo("record.evidence.json"));
  const signed = parseEvidence(text).receipt.note.bytes;
  const block = made({ transaction: transaction(concat(selector, rootOver(signed))) });
  hash = `0x${toHex(block.blockHash)}`;
  const value = JSON.parse(text.toString());
  // In the place of the demonstration's own block.
  value.anchors = value.anchors.filter(({ kind }: { kind: string }) => kind !== "ethereum");
  value.anchors.push(anchorOf(block.record));
  writeFileSync(evidence(), JSON.stringify(value));
  // All of the authorities of the demonstration, and the chain.
  const ofDemo = readFileSync(inDemo("trust.toml"), "utf8").split("\n[[ethereum]]")[0] ?? "";
  const needed = ofDemo.split("[[tsa]]").length;
  const trust = ofDemo.replace(/^min_anchors = .*$/m, `min_anchors = ${needed}`);
  writeFileSync(trustFile(), `${trust}\n[[ethereum]]\nname = "chain"\nchain_id = 31337\n`);
});
afterAll(async () => {
  await browser?.close();
});

async function open(page: Page): Promise<void> {
  await page.locator(".trust input[type=file]").first().setInputFiles(trustFile());
  await page.locator(".drop input[type=file]").first().setInputFiles([evidence(), record()]);
}

const sentence = (page: Page) => page.locator(".sentence").textContent();
const hashField = (page: Page) => page.getByLabel("The hash of block 23000000 of a development chain");

async function giveHash(page: Page, given: string): Promise<void> {
  await hashField(page).fill(given);
  await page.getByRole("button", { name: "Trust this block" }).click();
}

test("a block is not known until its hash is given, and another hash fails", () =>
  onPage(browser, single, {}, async (page) => {
    await open(page);
    await page.locator(".verdict.not-checked").waitFor();
    expect(await sentence(page)).toContain("nothing that is trusted says that block 23000000 of a development chain");
    await accessible(page);
    await keep(page, "verify-block-unknown");
    await giveHash(page, "0x12");
    expect(await page.locator(".verdict.not-checked").count(), "a hash that is none is not taken").toBe(1);
    await giveHash(page, `0x${"ab".repeat(32)}`);
    await page.locator(".verdict.failed").waitFor();
    expect(await sentence(page)).toContain("which was given; its Ethereum anchors name ");
    await page.getByRole("button", { name: "Take it back" }).click();
    await page.locator(".verdict.not-checked").waitFor();
    await giveHash(page, hash);
    await page.locator(".verdict.passed").waitFor();
    expect(await sentence(page)).toMatch(
      /and by block 23000000 of a development chain \(chain 31337\) at 2025-10-09T08:53:20Z \(resting on the block hash from what was given for this proof\)\.$/,
    );
    expect(await page.locator(".caveats").textContent()).toContain("THE CHAIN OF chain IS A DEVELOPMENT CHAIN");
    await accessible(page);
  }));

test("blocks are trusted by a list, each changed byte fails, and the report says what it rests on", () =>
  onPage(browser, single, {}, async (page) => {
    await open(page);
    await page.locator(".blocks summary").click();
    const list = page.locator(".blocks textarea");
    await list.fill("chain 31337\n23000000 0x12");
    await page.locator(".blocks .notice.bad").waitFor();
    await list.fill(`chain 31337\n23000000 ${hash}`);
    await page.locator(".verdict.passed").waitFor();
    expect(await sentence(page)).toContain("(resting on the block hash from the list on this page)");
    await keep(page, "verify-block");
    const rows = [
      ["of the time-stamp token", "the signature does not verify"],
      ["of the transaction", "the value under the key is another"],
      // The header is that of another block then, behind which nobody stands.
      ["of the block's header", "the list on this page names block 23000000 as"],
    ] as const;
    for (const [button, words] of rows) {
      await page.getByRole("button", { name: button, exact: true }).click();
      const came = page.locator(".control-came.failed");
      await came.waitFor();
      const text = await came.textContent();
      expect(text, button).toContain(words);
      expect(text?.includes("Rests on the time-stamping authority"), button).toBe(button === "of the time-stamp token");
    }
    const json = page.waitForEvent("download");
    await page.getByRole("button", { name: "Report as JSON" }).click();
    const report = JSON.parse(readFileSync(await (await json).path(), "utf8"));
    expect(report.facts["Block, chain"]).toContain(hash);
    expect(report.trusted).toContain("the blocks that the list on this page names");
    const html = page.waitForEvent("download");
    await page.getByRole("button", { name: "Report to print" }).click();
    const printed = readFileSync(await (await html).path(), "utf8");
    expect(printed).toContain(hash);
    expect(printed).toContain("on the hash of the block, as you trust it");
  }));

test("a block whose transaction creates a contract is left out, and the page says why", () =>
  onPage(browser, single, {}, async (page) => {
    const value = JSON.parse(readFileSync(evidence(), "utf8"));
    const signed = parseEvidence(readFileSync(evidence())).receipt.note.bytes;
    const created = made({ transaction: transaction(concat(selector, rootOver(signed)), new Uint8Array()) });
    value.anchors[value.anchors.length - 1] = anchorOf(created.record);
    const file = inDemo("contract.evidence.json");
    writeFileSync(file, JSON.stringify(value));
    const trusted = inDemo("contract-trust.toml");
    const list = `block_hashes = ["23000000 0x${toHex(created.blockHash)}"]\n`;
    const needed = (trust: string) => trust.replace(/^min_anchors = .*$/m, "min_anchors = 1");
    writeFileSync(trusted, needed(readFileSync(trustFile(), "utf8")) + list);
    await page.locator(".trust input[type=file]").first().setInputFiles(trusted);
    await page.locator(".drop input[type=file]").first().setInputFiles([file, record()]);
    await page.locator(".verdict.passed").waitFor();
    expect(await page.locator(".left-out li").allTextContents()).toEqual([
      "anchor chain: destination: the transaction goes nowhere: it creates a contract",
    ]);
    expect(await page.locator(".facts div", { hasText: "Block, chain" }).textContent()).toContain("(does not count)");
  }));

test("a list that contradicts the block fails it", () =>
  onPage(browser, single, {}, async (page) => {
    await open(page);
    await page.locator(".blocks summary").click();
    await page.locator(".blocks textarea").fill(`23000000 0x${"ab".repeat(32)}`);
    await page.locator(".verdict.failed").waitFor();
    expect(await sentence(page)).toContain("the list on this page names block 23000000 as 0xabab");
  }));
