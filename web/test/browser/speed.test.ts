/** How fast the verify page is, and how much of it is loaded; what is measured is printed, for docs/performance.md. */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { counted } from "../../src/app/words.ts";
import { launch, onPage } from "./browser.ts";
import { cluster } from "./cluster.ts";

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
});

const inDemo = (...names: string[]) => join(cluster().directory, ...names);
const dist = (...names: string[]) => resolve(import.meta.dirname, "../../dist", ...names);
const single = pathToFileURL(dist("verifier.html")).href;

const trust = (page: Page, file: string) => page.locator(".trust input[type=file]").first().setInputFiles(file);

function print(line: string): void {
  process.stdout.write(`measured: ${line}\n`);
}

/** The most that is loaded at first, compressed. */
const FIRST_PAGE_LIMIT = 150_000;

test("the first page is small, and code that verifies comes when it is needed", async () => {
  const asked: string[] = [];
  await onPage(browser, cluster().url.href, {}, async (page) => {
    page.on("request", (request) => asked.push(request.url()));
    await page.goto(cluster().url.href, { waitUntil: "networkidle" });
    const first = [...asked];
    expect(first.length).toBeGreaterThan(2);
    expect(first.filter(isWorker)).toEqual([]);
    const size = await sizeOf(first);
    print(`the first page: ${first.length} requests, ${size} bytes compressed`);
    expect(size).toBeLessThan(FIRST_PAGE_LIMIT);
    await trust(page, inDemo("trust.toml"));
    await page.locator(".trusted li").first().waitFor();
    const workers = [...new Set(asked.filter(isWorker))];
    expect(workers.length).toBe(1);
    print(`the code that verifies: ${await sizeOf(workers)} bytes compressed`);
  });
});

const isWorker = (url: string) => /worker/.test(url);

/** How large these are, each compressed by itself. */
async function sizeOf(urls: readonly string[]): Promise<number> {
  const bodies = urls.map(async (url) => gzipSync(new Uint8Array(await (await fetch(url)).arrayBuffer())).length);
  return (await Promise.all(bodies)).reduce((sum, size) => sum + size, 0);
}

test("the page says how long it took to verify evidence", () =>
  onPage(browser, single, {}, async (page) => {
    await trust(page, inDemo("trust.toml"));
    const times: number[] = [];
    for (let run = 0; run < 10; run++) {
      await page
        .locator(".drop input[type=file]")
        .first()
        .setInputFiles([inDemo("record.evidence.json"), inDemo("records", "ledger-07.txt")]);
      await page.locator(".verdict.passed").waitFor();
      const words = await page.locator(".verdict .acts .quiet").first().textContent();
      times.push(Number(/ in ([0-9]+) ms/.exec(words ?? "")?.[1]));
      await page.getByRole("button", { name: /^Take .*evidence\.json away$/ }).click();
      await page.locator(".verdict").waitFor({ state: "detached" });
    }
    print(`evidence: the first ${times[0]} ms, the fastest of ten ${Math.min(...times)} ms (${times.join(", ")})`);
    expect(times.filter(Number.isFinite)).toHaveLength(10);
  }));

/** How many receipts are in the folder: 1,000 among all tests, and as many as are asked for to measure. */
const RECEIPTS = Number(process.env.COUNTERFOIL_RECEIPTS ?? 1_000);

test(
  "a folder of many receipts is verified, with progress, while the page answers",
  () =>
    onPage(browser, single, {}, async (page) => {
      const folder = inDemo("many");
      mkdirSync(folder);
      const names = readdirSync(inDemo("records"));
      const contents = names.map((name) => [
        readFileSync(inDemo("records", name)),
        readFileSync(inDemo("receipts", `${name}.tlog-proof`)),
      ]);
      for (let number = 0; number < RECEIPTS; number++) {
        const [record = "", receipt = ""] = contents[number % contents.length] ?? [];
        writeFileSync(join(folder, `${number}.txt`), record);
        writeFileSync(join(folder, `${number}.txt.tlog-proof`), receipt);
      }
      await trust(page, inDemo("log", "policy"));
      await page.locator(".trusted li").first().waitFor();
      await page.locator(".drop input[webkitdirectory]").setInputFiles(folder);
      const started = performance.now();
      await page.locator("progress").waitFor();
      // The page can still be used.
      await page.getByText("Paste a proof as text").click();
      await page.getByRole("button", { name: "Take this text" }).waitFor();
      expect(await page.locator("progress").count()).toBe(1);
      await page.locator(".tally-passed dd", { hasText: counted(RECEIPTS) }).waitFor({ timeout: 280_000 });
      const seconds = (performance.now() - started) / 1_000;
      const workers = await page.evaluate("Math.max(1, Math.min(4, navigator.hardwareConcurrency - 1))");
      const rate = Math.round(RECEIPTS / seconds);
      print(`${RECEIPTS} receipts: ${seconds.toFixed(1)} s, ${rate}/s, workers: ${workers}`);
    }),
  300_000,
);
