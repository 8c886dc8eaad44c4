import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessible, keep, launch, onPage } from "./browser.ts";
import { cluster } from "./cluster.ts";
import { before, startSite } from "./site.ts";

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
});

const trust = async (page: Page) => {
  await page.getByText("Signatures, root hash, and whom you trust").click();
  await page.locator(".trust input[type=file]").first().setInputFiles(`${cluster().directory}/trust.toml`);
  await page.getByText("Verified checkpoint").waitFor();
};

test("the status of a running log is shown, and its witnesses and anchors verified", () =>
  onPage(browser, `${cluster().url}#/status`, {}, async (page) => {
    await trust(page);
    await page.locator("#witnesses-title").waitFor();
    await page.getByText(/2 of 3 needed/).waitFor();
    await page.locator(".event.passed").first().waitFor();
    await page
      .locator("td", { hasText: /✓passed Verified/ })
      .first()
      .waitFor();
    await accessible(page);
    await keep(page, "status");
  }));

test("on a phone in the dark nothing is cut off", () =>
  onPage(
    browser,
    `${cluster().url}#/status`,
    { colorScheme: "dark", viewport: { width: 390, height: 844 }, reducedMotion: "reduce" },
    async (page) => {
      await trust(page);
      await page.locator(".event.passed").first().waitFor();
      expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
      await accessible(page);
      await keep(page, "status-phone-dark");
    },
  ));

test("without trust in authorities, tokens are shown and count for nothing", () =>
  onPage(browser, `${cluster().url}#/status`, {}, async (page) => {
    await page.getByRole("button", { name: /Trust what this log says of itself/ }).click();
    await page.locator(".event.not-checked").first().waitFor();
    await page.locator("td", { hasText: "no time-stamping authority is trusted" }).first().waitFor();
    expect(await page.locator(".event.passed").count()).toBe(0);
    expect(await page.getByText(/2 of 3 needed, 3 there/).count()).toBe(1);
  }));

test("what the log says of others is text, whatever it holds", async () => {
  const hostile = "<img src=x onerror=alert(1)>\u202e\u0007";
  const own = await startSite(
    before(cluster().url, {
      "/status": () =>
        JSON.stringify({
          state: hostile,
          explanation: hostile,
          last_error: { what: hostile, at: 1e300 },
          published_size: 9e15,
          published_at: 1e18,
          witnesses: Array.from({ length: 300 }, () => ({ name: hostile, answer: hostile, cosigned_at: -1 })),
          anchors: [{ url: hostile, newest_size: 3, last_error: { what: hostile } }],
        }),
      "/evidence/": () => undefined,
    }),
  );
  try {
    await onPage(
      browser,
      `${own.url}#/status`,
      {},
      async (page) => {
        await page.getByText("does not answer").waitFor();
        await page.getByText("No evidence:").waitFor();
        expect(await page.locator("main img").count()).toBe(0);
        const text = await page.locator("main").textContent();
        expect(["\u202e", "\u0007"].filter((one) => text?.includes(one))).toEqual([]);
        await accessible(page);
      },
      /404/,
    );
  } finally {
    await own.stop();
  }
});

// The file's contents are asked for before its digest, and are not there.
test("a record of the log is found, and its receipt shows an older tree of the same log", () =>
  onPage(
    browser,
    `${cluster().url}#/explore`,
    {},
    async (page) => {
      await trust(page);
      const [record, receipt] = ["records/ledger-03.txt", "receipts/ledger-03.txt.tlog-proof"];
      await page.locator(".find input[type=file]").setInputFiles(`${cluster().directory}/${record}`);
      await page.getByText(/ledger-03\.txt is entry [0-9]+: [0-9]+ hashes lead from it/).waitFor();
      await page.getByText("32 bytes, as many as a SHA-256 has").waitFor();
      const older = page.locator("section", { hasText: "Did it only grow?" }).locator("input[type=file]");
      await older.setInputFiles(`${cluster().directory}/${receipt}`);
      await page.getByText(/The tree of [0-9]+ entr(y|ies) is the beginning of that of [0-9]+/).waitFor();
      await page.getByText("The older checkpoint is signed as you demand.").waitFor();
      await accessible(page);
    },
    /404/,
  ));

test("a running log is audited", () =>
  onPage(browser, `${cluster().url}#/audit`, {}, async (page) => {
    await trust(page);
    await page.getByRole("button", { name: "Audit", exact: true }).click();
    await page.locator(".verdict.passed", { hasText: "The log is whole" }).waitFor();
    await accessible(page);
  }));

test("the log's keys can be copied, and its verifier kept", () =>
  onPage(browser, `${cluster().url}#/about`, { permissions: ["clipboard-read", "clipboard-write"] }, async (page) => {
    await page.getByRole("button", { name: "Copy the key of demo.example/log" }).click();
    await page.getByText("Copied").waitFor();
    const policy = readFileSync(`${cluster().directory}/log/policy`, "utf8");
    const copied = await page.evaluate<string>("navigator.clipboard.readText()");
    expect(policy).toContain(`log ${copied}\n`);
    await page.getByRole("button", { name: "Show its SHA-256" }).click();
    const verifier = readFileSync(resolve(import.meta.dirname, "../../dist/verifier.html"));
    await page.getByText(createHash("sha256").update(verifier).digest("hex")).waitFor();
    const download = page.waitForEvent("download");
    await page.getByRole("link", { name: "Keep the verifier" }).click();
    expect(readFileSync(await (await download).path()).equals(verifier)).toBe(true);
    await accessible(page);
    await keep(page, "about");
  }));

test("what the log says of its policy is text, and on a phone in the dark nothing is cut off", async () => {
  const hostile = `log <img/src=x>\u202e+00000000+${"A".repeat(3_000)}\nwitness <script>alert(1)</script> x+1+y\n`;
  const own = await startSite(before(cluster().url, { "/policy": () => hostile }));
  try {
    await onPage(
      browser,
      `${own.url}#/about`,
      { colorScheme: "dark", viewport: { width: 390, height: 844 } },
      async (page) => {
        await page.getByText("This is no policy").waitFor();
        expect(await page.locator("main img, main script").count()).toBe(0);
        expect(await page.locator("main").textContent()).not.toContain("\u202e");
        expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
        await accessible(page);
        await keep(page, "about-phone-dark");
      },
    );
  } finally {
    await own.stop();
  }
});
