/** What takes long, and is stopped. */

import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MadeLog } from "../made-log.ts";
import { MadeService } from "../made-service.ts";
import { slowEvidence, slowTrust } from "../slow-evidence.ts";
import { accessible, keep, launch, onPage } from "./browser.ts";
import { cluster } from "./cluster.ts";
import { startSite } from "./site.ts";

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
});

const inDemo = (...names: string[]) => join(cluster().directory, ...names);
const single = pathToFileURL(resolve(import.meta.dirname, "../../dist/verifier.html")).href;

test("while evidence that is made to take long is verified the page answers, and it can be stopped", () =>
  onPage(browser, single, {}, async (page) => {
    const slow = inDemo("slow.evidence.json");
    writeFileSync(slow, slowEvidence());
    const give = (files: string[]) => page.locator(".drop input[type=file]").first().setInputFiles(files);
    const trust = (file: string) => page.locator(".trust input[type=file]").first().setInputFiles(file);
    await trust(slowTrust);
    await give([slow]);
    await page.getByText("Verifying slow.evidence.json…").waitFor();
    await accessible(page);
    await keep(page, "verify-slow");
    // The page can still be used.
    await page.getByText("Paste a proof as text").click();
    await page.getByLabel("A receipt, evidence or a checkpoint as text").fill("x");
    expect(await page.locator(".verdict").count()).toBe(0);
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByText("Could not verify slow.evidence.json. It was stopped before it came to an end.").waitFor();
    // What comes then is verified by workers that do nothing else.
    await page.getByRole("button", { name: "Take slow.evidence.json away" }).click();
    await trust(inDemo("trust.toml"));
    await give([inDemo("record.evidence.json"), inDemo("records", "ledger-07.txt")]);
    await page.locator(".verdict.passed").waitFor();
  }));

test("what is slow is ended when it is taken away, too", () =>
  onPage(browser, single, {}, async (page) => {
    const slow = inDemo("slow.evidence.json");
    writeFileSync(slow, slowEvidence());
    await page.locator(".trust input[type=file]").first().setInputFiles(slowTrust);
    await page.locator(".drop input[type=file]").first().setInputFiles([slow]);
    await page.getByText("Verifying slow.evidence.json…").waitFor();
    const ended = page.workers().map((worker) => new Promise((done) => worker.once("close", done)));
    expect(ended.length).toBeGreaterThan(0);
    await page.getByRole("button", { name: "Take slow.evidence.json away" }).click();
    await Promise.race(ended);
    expect(await page.getByText("Verifying slow.evidence.json…").count()).toBe(0);
  }));

test("an audit that is stopped wants nothing of the log any more, and can be begun again", async () => {
  const service = new MadeService(MadeLog.ofSize(20_000));
  let [held, ended] = [0, 0];
  let isHolding = true;
  const own = await startSite((path, closed) => {
    if (!isHolding || !path.startsWith("/tile/entries/")) {
      return service.answer(path);
    }
    held++;
    closed.addEventListener("abort", () => ended++);
    return new Promise(() => {});
  });
  try {
    await onPage(browser, `${own.url}#/audit`, {}, async (page) => {
      await page.getByRole("button", { name: "Audit", exact: true }).click();
      await expect.poll(() => held).toBeGreaterThan(0);
      await page.getByRole("button", { name: "Stop" }).click();
      await page.getByText("Nothing follows from a part of the log").waitFor();
      await expect.poll(() => ended).toBe(held);
      const asked = held;
      isHolding = false;
      await page.getByRole("button", { name: "Audit again" }).click();
      await page.getByText("The log is whole").waitFor();
      expect(held).toBe(asked);
    });
  } finally {
    await own.stop();
  }
});
