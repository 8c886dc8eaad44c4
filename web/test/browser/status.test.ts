import { readFileSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { accessible, keep, launch, onPage } from "./browser.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { before, type Site, startSite } from "./site.ts";

let cluster: Cluster;
let browser: Browser;
let site: Site;

beforeAll(async () => {
  browser = await launch();
  cluster = await startCluster();
  const evidence = readFileSync(`${cluster.directory}/record.evidence.json`, "utf8");
  const size = Number(/demo\.example\/log\\n([0-9]+)\\n/.exec(evidence)?.[1]);
  const anchor = {
    url: "http://anchor.example/",
    answers: true,
    newest_size: size,
    newest_time: Math.floor(Date.now() / 1000) - 60,
  };
  // The log of the demonstration names no anchor, so that its evidence, which is real, is given out before it.
  site = await startSite(
    before(cluster.url, {
      "/status": (own) => JSON.stringify({ ...JSON.parse(own), anchors: [anchor] }),
      "/evidence/": () => evidence,
    }),
  );
});
afterAll(async () => {
  await browser?.close();
  await site?.stop();
  await cluster?.stop();
});

const trust = async (page: Page) => {
  await page.getByText("Signatures, root hash, and whom you trust").click();
  await page.locator(".trust input[type=file]").first().setInputFiles(`${cluster.directory}/trust.toml`);
  await page.getByText("Verified checkpoint").waitFor();
};

test("the status of a running log is shown, and its witnesses and anchors verified", () =>
  onPage(browser, `${site.url}#/status`, {}, async (page) => {
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
    `${site.url}#/status`,
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
  onPage(browser, `${site.url}#/status`, {}, async (page) => {
    await page.getByRole("button", { name: /Trust what this log says of itself/ }).click();
    await page.locator(".event.not-checked").first().waitFor();
    await page.locator("td", { hasText: "no time-stamping authority is trusted" }).first().waitFor();
    expect(await page.locator(".event.passed").count()).toBe(0);
    expect(await page.getByText(/2 of 3 needed, 3 there/).count()).toBe(1);
  }));

test("what the log says of others is text, whatever it holds", async () => {
  const hostile = "<img src=x onerror=alert(1)>\u202e\u0007";
  const own = await startSite(
    before(cluster.url, {
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
