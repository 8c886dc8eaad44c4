/** The system's Chromium. Whatever a page complains of, a broken Content-Security-Policy above all, fails the test. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import {
  type Browser,
  type BrowserContextOptions,
  chromium,
  type Locator,
  type Page,
  type PageScreenshotOptions,
} from "playwright-core";
import { expect } from "vitest";

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // Chromium refuses its sandbox to root, as whom tests in containers run.
    args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
  });
}

/** Opens a page for a test. */
export async function onPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions,
  test: (page: Page) => Promise<void>,
  /** A complaint that belongs to what the test does. */
  expected?: RegExp,
): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1100, height: 900 }, ...options });
  context.setDefaultTimeout(30_000);
  const complaints: string[] = [];
  const asked: string[] = [];
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") {
      complaints.push(message.text());
    }
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => asked.push(request.url()));
  try {
    await page.goto(url);
    await test(page);
    expect(complaints.filter((one) => expected?.test(one) !== true)).toEqual([]);
    const { protocol, host } = new URL(url);
    // A page that is a file asks for nothing but itself.
    const own = (one: string) =>
      /^(blob|data):/.test(one) || (protocol === "file:" ? one === url : new URL(one).host === host);
    expect(asked.filter((one) => !own(one))).toEqual([]);
  } catch (error) {
    const name = expect.getState().currentTestName ?? "";
    await keep(page, `failed ${name.replace(/[^a-z0-9]+/gi, " ").slice(0, 60)}`).catch(() => {});
    throw error;
  } finally {
    await context.close();
  }
}

/** Drops files where a person would, by the browser's own means: what the page gets are files of a disk. */
export async function drop(page: Page, on: Locator, files: readonly string[]): Promise<void> {
  await on.scrollIntoViewIfNeeded();
  const box = await on.boundingBox();
  if (box === null) {
    throw new Error("there is nothing to drop on");
  }
  const at = { x: box.x + box.width / 2, y: box.y + Math.min(20, box.height / 2) };
  const data = { items: [], files: [...files], dragOperationsMask: 1 };
  const debug = await page.context().newCDPSession(page);
  for (const type of ["dragEnter", "dragOver", "drop"] as const) {
    await debug.send("Input.dispatchDragEvent", { type, ...at, data });
  }
  await debug.detach();
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** No rule of axe is broken. */
export async function accessible(page: Page): Promise<void> {
  // By the debugger, to which the page's policy does not apply.
  await page.evaluate(axe);
  const found = await page.evaluate(
    "axe.run().then(({violations}) => violations.map((one) => one.id + ': ' + one.nodes.map((node) => node.target).join(', ')))",
  );
  expect(found).toEqual([]);
}

/** Keeps what a page looks like, for people: all of it, or what `options` say. */
export async function keep(
  page: Page,
  name: string,
  options: PageScreenshotOptions = { fullPage: true },
): Promise<void> {
  const path = join(resolve(import.meta.dirname, "../../screenshots"), `${name}.png`);
  await page.screenshot({ path, ...options });
}
