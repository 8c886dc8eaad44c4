/** The pages as the log itself serves them, from its binary. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessible, drop, keep, launch, onPage } from "./browser.ts";
import { binary, cluster } from "./cluster.ts";

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
});

const url = (page = "") => `${cluster().url}${page}`;
const inDemo = (...names: string[]) => join(cluster().directory, ...names);
const record = () => inDemo("records", "ledger-07.txt");
const built = resolve(import.meta.dirname, "../../dist/verifier.html");
const trust = (page: Page, file: string) => page.locator(".trust input[type=file]").first().setInputFiles(file);

const sentence = (page: Page) => page.locator(".sentence").textContent();

async function boxOf(page: Page, selector: string) {
  const box = await page.locator(selector).boundingBox();
  if (box === null) {
    throw new Error(`there is no ${selector}`);
  }
  return box;
}

/** What Chromium says of a lookup that finds nothing: the log knows digests, and is asked for contents first. */
const NOT_FOUND = /status of 404/;

test("the log serves the page, and what is dropped onto it verifies", () =>
  onPage(browser, url(), {}, async (page) => {
    await trust(page, inDemo("trust.toml"));
    await drop(page, page.locator(".drop"), [inDemo("record.evidence.json"), record()]);
    await page.locator(".verdict.passed").waitFor();
    expect(await page.locator(".sentence").textContent()).toMatch(
      /^Verified: ledger-07\.txt \(SHA-256 [0-9a-f]{64}\) existed no later than .*Z, because it is entry 6 of demo\.example\/log/,
    );
    expect(await page.context().cookies()).toEqual([]);
    await accessible(page);
    await keep(page, "served-verify");
    // What the README shows: the sentence and the checks.
    await page.evaluate("scrollTo(0, 0)");
    const [verdict, checks] = [await boxOf(page, ".verdict"), await boxOf(page, ".checks")];
    const clip = { ...verdict, height: checks.y + checks.height + 20 - verdict.y };
    await keep(page, "readme", { fullPage: true, clip });
  }));

test("a record alone is found by its leaf hash, and its proof verified in the page", () =>
  onPage(
    browser,
    url(),
    {},
    async (page) => {
      const asked: string[] = [];
      page.on("request", (request) => asked.push(new URL(request.url()).pathname));
      await trust(page, inDemo("trust.toml"));
      await drop(page, page.locator(".drop"), [record()]);
      await page.getByRole("button", { name: "Ask this log for its proof" }).click();
      await page.locator(".verdict.passed").waitFor();
      expect(await sentence(page)).toMatch(/^Verified: ledger-07\.txt .* it is entry 6 of demo\.example\/log/);
      expect(asked.filter((path) => path.startsWith("/lookup/")).length).toBeGreaterThan(0);
      expect(asked.filter((path) => path === "/evidence/6").length).toBe(1);
    },
    NOT_FOUND,
  ));

test("a record that the log does not hold is not found", () =>
  onPage(
    browser,
    url(),
    {},
    async (page) => {
      await drop(page, page.locator(".drop"), [inDemo("forged-file")]);
      await page.getByRole("button", { name: "Ask this log for its proof" }).click();
      await page.getByText("This log has no such entry.").waitFor();
    },
    NOT_FOUND,
  ));

test("a file dropped on the tree of the served log is found in it", () =>
  onPage(
    browser,
    url("#/explore"),
    {},
    async (page) => {
      await trust(page, inDemo("trust.toml"));
      await page.locator(".tree svg").waitFor();
      await drop(page, page.locator(".find"), [record()]);
      await page.getByText(/ledger-07\.txt is entry 6: \d+ hashes lead from it to the root/).waitFor();
      await accessible(page);
      await keep(page, "served-explore");
    },
    NOT_FOUND,
  ));

test("the verifier that the log gives out is the one that was built, and the one of the command line", () =>
  onPage(browser, url(), {}, async (page) => {
    const download = page.waitForEvent("download");
    await page.getByRole("link", { name: "Keep this verifier as one file" }).click();
    const came = readFileSync(await (await download).path());
    expect(came.equals(readFileSync(built))).toBe(true);
    const written = execFileSync(binary, ["verifier", "--output", "-", "--quiet"]);
    expect(written.equals(came)).toBe(true);
  }));

test("a folder is dropped, with what is in it", () =>
  onPage(browser, url(), {}, async (page) => {
    await trust(page, inDemo("log", "policy"));
    await drop(page, page.locator(".drop"), [inDemo("receipts"), inDemo("records")]);
    await page.locator(".tally-passed dd", { hasText: "12" }).waitFor();
  }));

test("what the policy forbids is forbidden, and fails a test", async () => {
  const rows = [
    [
      "a script in the page",
      `{
        const script = document.createElement("script");
        script.textContent = "document.title = 'ran'";
        document.body.append(script);
      }`,
    ],
    ["a request to elsewhere", "fetch('http://127.0.0.1:9/').then(() => 0, () => 0)"],
    ["code in a text", "setTimeout('document.title = 1')"],
    [
      "a frame",
      `new Promise((done) => {
        const frame = document.createElement("iframe");
        frame.src = "checkpoint";
        frame.addEventListener("load", done);
        document.body.append(frame);
      })`,
    ],
  ] as const;
  for (const [what, script] of rows) {
    const opened = onPage(browser, url(), {}, async (page) => {
      await page.evaluate(script);
      expect(await page.title()).toBe("Counterfoil");
    });
    const message = await opened.then(
      () => "nothing was noticed",
      (error: { actual?: unknown }) => JSON.stringify(error.actual),
    );
    expect(message, what).toContain("Content Security Policy");
  }
});

test("no other page can frame it", async () => {
  const page = await browser.newPage();
  try {
    const refused = page.waitForEvent("console", (message) => message.text().includes("frame-ancestors 'none'"));
    await page.setContent(`<iframe src="${url()}"></iframe>`);
    await refused;
  } finally {
    await page.close();
  }
});
