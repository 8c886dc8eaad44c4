/** The chain of the running cluster: the block that its anchor wrote into is shown by the log's pages, and judged by the hash that the person gives. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fromBase64 } from "../../src/verify/bytes.ts";
import { parseHeader } from "../../src/verify/ethereum/index.ts";
import { accessible, drop, keep, launch, onPage } from "./browser.ts";
import { cluster } from "./cluster.ts";

let browser: Browser;
/** The block of the anchor's transaction: its number by its header, its hash as the chain itself says. */
let block: { readonly number: bigint; readonly hash: string };

const inDemo = (...names: string[]) => join(cluster().directory, ...names);
const demoTrust = () => readFileSync(inDemo("trust.toml"), "utf8");

beforeAll(async () => {
  browser = await launch();
  const evidence = JSON.parse(readFileSync(inDemo("record.evidence.json"), "utf8"));
  const anchor = evidence.anchors.find(({ kind }: { kind: string }) => kind === "ethereum");
  const { number } = parseHeader(fromBase64(anchor.header) ?? new Uint8Array());
  const rpc = /^rpc = \["([^"]+)"\]/m.exec(readFileSync(inDemo("anchor", "anchor.toml"), "utf8"))?.[1] ?? "";
  const answer = await fetch(rpc, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "eth_getBlockByNumber",
      params: [`0x${number.toString(16)}`, false],
    }),
  });
  block = { number, hash: (await answer.json()).result.hash };
});
afterAll(async () => {
  await browser?.close();
});

const trust = (page: Page, file: string) => page.locator(".trust input[type=file]").first().setInputFiles(file);
const sentence = (page: Page) => page.locator(".sentence").textContent();

/** The line of the block in the table of anchored checkpoints, under the name that its chain has there. */
const line = (page: Page, name: string) =>
  page.locator("li", { hasText: new RegExp(`UTC, ${name} \\(block ${block.number}\\)$`) }).first();

test("the status shows the block that has a checkpoint, which the trust file names", () =>
  onPage(browser, `${cluster().url}#/status`, {}, async (page) => {
    await page.getByText("Signatures, root hash, and whom you trust").click();
    await trust(page, inDemo("trust.toml"));
    await page.getByText("Verified checkpoint").waitFor();
    await line(page, "dev-chain").waitFor();
    expect(await line(page, "dev-chain").textContent()).toContain("passed");
    await accessible(page);
    await keep(page, "status-chain");
  }));

test("a block that nobody trusts is shown by what it says of itself, and counts for nothing", () =>
  onPage(browser, `${cluster().url}#/status`, {}, async (page) => {
    await page.getByRole("button", { name: /Trust what this log says of itself/ }).click();
    await line(page, "says it is a development chain \\(chain 31337\\)").waitFor();
    expect(await page.locator(".event.passed").count()).toBe(0);
  }));

test("evidence of the running log is judged by the hash of its block, which the person gives", () =>
  onPage(
    browser,
    cluster().url.href,
    {},
    async (page) => {
      const file = inDemo("chain-trust.toml");
      writeFileSync(file, demoTrust().replace(/^block_hashes = .*\n/m, ""));
      await trust(page, file);
      await drop(page, page.locator(".drop"), [inDemo("records", "ledger-07.txt")]);
      await page.getByRole("button", { name: "Ask this log for its proof" }).click();
      await page.locator(".verdict.not-checked").waitFor();
      const words = `block ${block.number} of a development chain`;
      expect(await sentence(page)).toContain(`nothing that is trusted says that ${words}`);
      const give = async (hash: string) => {
        await page.getByLabel(`The hash of ${words}`).fill(hash);
        await page.getByRole("button", { name: "Trust this block" }).click();
      };
      await give(`0x${"ab".repeat(32)}`);
      await page.locator(".verdict.failed").waitFor();
      await page.getByRole("button", { name: "Take it back" }).click();
      await page.locator(".verdict.not-checked").waitFor();
      await give(block.hash);
      await page.locator(".verdict.passed").waitFor();
      expect(await sentence(page)).toContain(`${words} (chain 31337) at `);
      await accessible(page);
      await keep(page, "served-chain");
    },
    // The log knows digests, and is asked for contents first.
    /status of 404/,
  ));
