import { createHash } from "node:crypto";
import type { Browser, Page, Response } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MadeLog } from "../made-log.ts";
import { MadeService } from "../made-service.ts";
import { accessible, keep, launch, onPage } from "./browser.ts";
import { type LargeLog, startLargeLog } from "./large-log.ts";
import { startSite } from "./site.ts";

const SIZE = 1_000_000;

/** What stands in the code that verifies, and in no other: why a text is no trust file. */
const OF_VERIFIER = "expected a trust file";

let browser: Browser;
let large: LargeLog;

/** The file that entry 777,777 is the digest of. */
const file = { name: "contract.txt", mimeType: "text/plain", buffer: Buffer.from("a contract\n") };
const FOUND = 777_777;

beforeAll(async () => {
  browser = await launch();
  large = await startLargeLog(SIZE, (index) =>
    index === FOUND
      ? createHash("sha256").update(file.buffer).digest()
      : Buffer.from(`{"record": ${index}, "paid": ${index % 97}.50}`),
  );
});
afterAll(async () => {
  await browser?.close();
  await large?.stop();
});

const explore = (on: { readonly url: URL | string }) => `${on.url}#/explore`;
const trustLog = (page: Page) => page.getByRole("button", { name: /Trust what this log says of itself/ }).click();
const node = (page: Page) => page.locator("#node-title").textContent();

test("a log of a million entries is explored by few tiles, and everything verified", () =>
  onPage(browser, explore(large), {}, async (page) => {
    await page.getByText("Checkpoint, not verified yet").waitFor();
    await trustLog(page);
    await page.getByText("Verified, by the log's own word").waitFor();
    await page.locator(".tree svg").waitFor();
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.getByLabel("Entry", { exact: true }).fill("654 321");
    await page.getByRole("button", { name: "Go there" }).click();
    await page.getByText("20 hashes lead from this entry to the root of 1 000 000 entries").waitFor();
    await page.locator("pre", { hasText: '"record": 654321' }).waitFor();
    expect(await page.locator("pre").textContent()).toContain('"paid": 56.50');
    // Of each level one, and one bundle.
    expect(asked.filter((url) => url.includes("/tile/")).length).toBeLessThanOrEqual(5);
    expect(page.url()).toContain("#/explore?index=654321");
    await accessible(page);
    await keep(page, "explore");
  }));

test("the tree is walked with keys", () =>
  onPage(browser, explore(large), {}, async (page) => {
    await page.locator(".tree svg").waitFor();
    await page.getByRole("application").focus();
    const steps = [
      ["ArrowDown", "Node over entries 0 – 524 287"],
      ["ArrowRight", "Node over entries 524 288 – 999 999"],
      ["ArrowDown", "Node over entries 524 288 – 786 431"],
      ["ArrowRight", "Node over entries 786 432 – 999 999"],
      ["ArrowLeft", "Node over entries 524 288 – 786 431"],
      ["Enter", "Entry 524 288"],
      ["ArrowRight", "Entry 524 289"],
      ["End", "Entry 999 999"],
      ["ArrowUp", "Node over entries 999 998 – 999 999"],
      ["Escape", "Node over entries 0 – 999 999, the root"],
      ["Home", "Node over entries 0 – 999 999, the root"],
    ] as const;
    for (const [key, expected] of steps) {
      await page.keyboard.press(key);
      await page.locator("#node-title", { hasText: expected }).waitFor();
    }
    // As anybody may see that it has the focus.
    expect(await page.evaluate("document.activeElement.getAttribute('role')")).toBe("application");
  }));

test("a click on the drawing opens the tile below", () =>
  onPage(browser, explore(large), {}, async (page) => {
    const box = await page.locator(".tree svg").boundingBox();
    if (box === null) {
      throw new Error("there is no drawing");
    }
    // The lowest row of the only stage: sixteen slots of 65,536 entries.
    await page.mouse.click(box.x + box.width * 0.28, box.y + box.height - 8);
    expect(await node(page)).toBe("Node over entries 262 144 – 327 679");
    await page.getByText("tile/1/004", { exact: false }).waitFor();
  }));

test("a file is found by its hash, and the tree verifies that it is there", () =>
  onPage(
    browser,
    explore(large),
    {},
    async (page) => {
      await page.locator(".find input[type=file]").setInputFiles(file);
      await page.getByText("contract.txt is entry 777 777: 20 hashes lead from it").waitFor();
      expect(await node(page)).toBe("Entry 777 777");
      await page
        .locator(".find input[type=file]")
        .setInputFiles({ ...file, buffer: Buffer.from("another contract\n") });
      await page.getByText("This log says that it does not hold contract.txt").waitFor();
    },
    /404/,
  ));

test("two sizes are compared, by a checkpoint that the log keeps and by one's own", () =>
  onPage(browser, explore(large), {}, async (page) => {
    await trustLog(page);
    const size = large.earlier.split("\n")[1] ?? "";
    const words = `The tree of ${size.replace(/\B(?=(\d{3})+$)/g, " ")} entries is the beginning of that of 1 000 000`;
    await page.getByLabel("or a size that the log still keeps a checkpoint of").fill(size);
    await page.getByRole("button", { name: "Compare" }).click();
    await page.getByText(words).waitFor();
    await page.getByText("is signed as you demand, and came from the log now").waitFor();
    await accessible(page);
    await keep(page, "explore-consistency");
    const own = (text: string) => ({ name: "kept", mimeType: "text/plain", buffer: Buffer.from(text) });
    const choose = page.locator("section", { hasText: "Did it only grow?" }).locator("input[type=file]");
    await choose.setInputFiles(own(large.earlier));
    await page.getByText(words).waitFor();
    await page.getByText("The older checkpoint is signed as you demand.").waitFor();
    const [origin, sizeLine, root = "", ...rest] = large.earlier.split("\n");
    const forged = root.startsWith("A") ? `B${root.slice(1)}` : `A${root.slice(1)}`;
    await choose.setInputFiles(own([origin, sizeLine, forged, ...rest].join("\n")));
    await page.getByText(/NOT consistent from [0-9 ]+ to 1 000 000 entries/).waitFor();
    await page.getByText("The older checkpoint: log signature:").waitFor();
  }));

test("on a phone in the dark nothing is cut off", () =>
  onPage(
    browser,
    `${large.url}#/explore?index=999999`,
    { colorScheme: "dark", viewport: { width: 390, height: 844 }, reducedMotion: "reduce" },
    async (page) => {
      await trustLog(page);
      await page.getByText("hashes lead from this entry").waitFor();
      await page.locator("pre").waitFor();
      expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
      await accessible(page);
      await keep(page, "explore-phone-dark");
    },
  ));

test("entries and origins are text, whatever they hold", async () => {
  const entries = [
    "<img src=x onerror=alert(1)>",
    '{"\u202e": "<script>alert(1)</script>"}',
    "\u001b[31m\u202egnp",
    "",
  ].map((text) => Buffer.from(text));
  const hostile = new MadeService(new MadeLog(entries), "made.example/<img/src=x>\u202egol");
  const own = await startSite(hostile.answer);
  try {
    await onPage(browser, `${own.url}#/explore?index=1`, {}, async (page) => {
      await page.locator("pre", { hasText: "<script>alert(1)</script>" }).waitFor();
      expect(await page.locator("pre").textContent()).toContain("\\u{202e}");
      await page.locator("td", { hasText: "<img src=x onerror=alert(1)>" }).waitFor();
      expect(await page.locator("main img, main script").count()).toBe(0);
      const text = await page.locator("main").textContent();
      expect(["\u202e", "\u001b"].filter((one) => text?.includes(one))).toEqual([]);
      await accessible(page);
      await keep(page, "explore-hostile");
    });
  } finally {
    await own.stop();
  }
});

test("a log that lies is caught, and says what about", async () => {
  const rows = [
    [
      "an entry",
      "/tile/entries/000",
      (log: MadeLog) =>
        log.read("tile/entries/000", 1 << 20).then((bytes) => bytes.map((byte, at) => (at === 2 ? byte ^ 1 : byte))),
      /shows other bytes as entry 0/,
    ],
    [
      "a tile",
      "/tile/0/000",
      () => Promise.resolve(new Uint8Array(8_192)),
      /tile\/0\/000 is not what the tile above it says/,
    ],
    [
      "the right edge",
      "/tile/1/000.p/2",
      () => Promise.resolve(new Uint8Array(64)),
      /the log's tiles come to the root/,
    ],
    ["a tile without end", "/tile/0/000", () => Promise.resolve(new Uint8Array(1 << 20)), /more than 8192 bytes/],
  ] as const;
  for (const [name, path, lie, expected] of rows) {
    const lying = new MadeService(MadeLog.ofSize(600));
    lying.answers.set(path, await lie(lying.log));
    const own = await startSite(lying.answer);
    try {
      await onPage(browser, `${own.url}#/explore?index=0`, {}, async (page) => {
        await page.locator(".notice.bad", { hasText: expected }).first().waitFor();
        expect(await page.locator("pre").count(), name).toBe(0);
      });
    } finally {
      await own.stop();
    }
  }
});

test("a log that says where a file is, and holds another entry there, is caught", async () => {
  const lying = new MadeService(MadeLog.ofSize(600));
  const digest = createHash("sha256").update(file.buffer).digest();
  for (const entry of [file.buffer, digest]) {
    const leaf = createHash("sha256").update(Uint8Array.of(0)).update(entry).digest("hex");
    lying.answers.set(`/lookup/${leaf}?limit=1`, "indexed 600\n5\n");
  }
  const own = await startSite(lying.answer);
  try {
    await onPage(browser, explore(own), {}, async (page) => {
      await page.locator(".find input[type=file]").setInputFiles(file);
      await page.getByText("The log says that contract.txt is entry 5, but the tree has another entry there").waitFor();
    });
  } finally {
    await own.stop();
  }
});

test("a log without entries says so, and is whole", async () => {
  const empty = await startSite(new MadeService(MadeLog.ofSize(0)).answer);
  try {
    await onPage(browser, explore(empty), {}, async (page) => {
      await page.getByText("It has no entries yet").waitFor();
      expect(await page.locator(".tree").count()).toBe(0);
      await page.getByRole("link", { name: "Audit" }).click();
      await page.getByRole("button", { name: "Audit", exact: true }).click();
      await page.getByText("The log is whole").waitFor();
    });
  } finally {
    await empty.stop();
  }
});

test("a log that shrinks or shows another tree is caught while the page is open", async () => {
  const log = MadeLog.ofSize(600);
  const turning = new MadeService(log);
  const own = await startSite(turning.answer);
  const again = (page: Page) => page.getByRole("button", { name: "Fetch it again" }).click();
  try {
    await onPage(browser, explore(own), {}, async (page) => {
      await page.locator(".sentence", { hasText: "600 entries" }).waitFor();
      turning.answers.set("/checkpoint", turning.checkpoint(400));
      await again(page);
      await page.getByText("the log showed 600 entries before, and now only 400").waitFor();
      turning.answers.set("/checkpoint", turning.checkpoint(600, log.root(599)));
      await again(page);
      await page.getByText("the log showed two different trees of 600 entries").waitFor();
    });
  } finally {
    await own.stop();
  }
});

test("what was found follows the checkpoint as it grows, and a fork is kept on every page", async () => {
  const log = MadeLog.ofSize(1_100);
  const growing = new MadeService(log);
  const leaf = createHash("sha256").update(Uint8Array.of(0)).update("entry 300").digest("hex");
  growing.answers.set(`/lookup/${leaf}?limit=1`, "indexed 600\n300\n");
  growing.answers.set("/checkpoint", growing.checkpoint(600));
  const own = await startSite(growing.answer);
  const made = (name: string, text: string) => ({ name, mimeType: "text/plain", buffer: Buffer.from(text) });
  const again = (page: Page) => page.getByRole("button", { name: "Fetch it again" }).click();
  try {
    await onPage(browser, `${own.url}#/explore?index=5`, {}, async (page) => {
      await page.locator("#node-title", { hasText: "Entry 5" }).waitFor();
      await page.locator(".find input[type=file]").setInputFiles(made("a.txt", "entry 300"));
      await page.locator("#node-title", { hasText: "Entry 300" }).waitFor();
      await trustLog(page);
      await page.getByText("Verified, by the log's own word").waitFor();
      // By the log's own word, it is not verified.
      await page.locator(".find .notice.open", { hasText: "a.txt is entry 300" }).waitFor();
      const choose = page.locator("section", { hasText: "Did it only grow?" }).locator("input[type=file]");
      await choose.setInputFiles(made("kept", growing.checkpoint(400)));
      await page.getByText("is the beginning of that of 600").waitFor();
      growing.answers.set("/checkpoint", growing.checkpoint(1_100));
      await again(page);
      await page.getByText("is the beginning of that of 1 100").waitFor();
      await page.getByText("it grew from 600 to 1 100 entries").waitFor();
      expect(await page.locator(".find .notice").count()).toBe(0);
      expect(await node(page)).toBe("Entry 300");
      growing.answers.set("/checkpoint", growing.checkpoint(1_100, log.root(1_099)));
      await again(page);
      await page.getByText("two different trees of 1 100 entries").waitFor();
      await page.getByRole("link", { name: "Audit" }).click();
      const saved = page.waitForEvent("download");
      await page.getByRole("button", { name: "Save the one before" }).click();
      expect((await saved).suggestedFilename()).toBe("checkpoint-before.txt");
    });
  } finally {
    await own.stop();
  }
});

test(
  "a million entries are audited in workers, and an audit can be stopped",
  () =>
    onPage(browser, `${large.url}#/audit`, {}, async (page) => {
      await trustLog(page);
      await page.getByRole("button", { name: "Audit", exact: true }).click();
      await page.locator("progress").waitFor();
      await page.getByRole("button", { name: "Stop" }).click();
      await page.getByText("Nothing follows from a part of the log").waitFor();
      await page.getByRole("button", { name: "Audit again" }).click();
      await page.getByText("All 1 000 000 entries lead to the root in the checkpoint").waitFor({ timeout: 200_000 });
      expect(await page.locator(".check-list .sign.passed").count()).toBeGreaterThanOrEqual(3);
      const figures = await page.locator(".figures div", { hasText: "A second" }).textContent();
      process.stdout.write(`audit: ${figures}\n`);
      await accessible(page);
      await keep(page, "audit");
    }),
  240_000,
);

test("an audit names the entry that was changed", async () => {
  const log = MadeLog.ofSize(10_000);
  const lying = new MadeService(log);
  const bundle = await log.read("tile/entries/012", 1 << 20);
  lying.answers.set(
    "/tile/entries/012",
    bundle.map((byte, at) => (at === 2 ? byte ^ 1 : byte)),
  );
  const own = await startSite(lying.answer);
  try {
    await onPage(
      browser,
      `${own.url}#/audit`,
      { colorScheme: "dark", viewport: { width: 390, height: 844 } },
      async (page) => {
        await page.getByRole("button", { name: "Audit", exact: true }).click();
        await page.getByText("This log is not what its checkpoint says").waitFor();
        await page.getByText("entry 3072 is not the one whose hash tile/0/012 holds").waitFor();
        expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
        await accessible(page);
        await keep(page, "audit-failed-phone-dark");
      },
    );
  } finally {
    await own.stop();
  }
});

test("a log below a prefix shows its own pages, and they ask it and no other", async () => {
  const below = await startLargeLog(600, (index) => Buffer.from(`entry ${index}`), "/records/of-others");
  try {
    expect(below.url.pathname).toBe("/records/of-others/");
    await onPage(browser, `${below.url}#/explore?index=300`, {}, async (page) => {
      const asked: string[] = [];
      page.on("request", (request) => asked.push(new URL(request.url()).pathname));
      await page.locator("pre", { hasText: "entry 300" }).waitFor();
      for (const name of ["Status", "About", "Audit"]) {
        await page.getByRole("link", { name, exact: true }).click();
        await page.locator(`h1:has-text("${name}")`).waitFor();
        // Whoever uses a keyboard goes on from the page, and not from the link.
        await page.locator("main:focus").waitFor();
      }
      await page.getByRole("button", { name: "Audit", exact: true }).click();
      await page.getByText("The log is whole").waitFor();
      expect(asked.filter((path) => !path.startsWith("/records/of-others/"))).toEqual([]);
    });
  } finally {
    await below.stop();
  }
});

test("the first page is small, and loads what verifies only when it is needed", async () => {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const responses: Response[] = [];
    page.on("response", (response) => responses.push(response));
    await page.goto(large.url.href);
    await page.getByRole("heading", { name: "Verify a record" }).waitFor();
    await page.waitForLoadState("networkidle");
    const bodies = await Promise.all(responses.map((response) => response.body()));
    const bytes = bodies.reduce((sum, body) => sum + body.length, 0);
    // The page, its script and its style: fewer would be none of them.
    expect(bodies.length).toBeGreaterThanOrEqual(3);
    expect(bytes).toBeGreaterThan(20_000);
    expect(bytes).toBeLessThan(150_000);
    expect(page.workers()).toEqual([]);
    expect(bodies.some((body) => body.includes(OF_VERIFIER))).toBe(false);
    const started = page.waitForEvent("worker");
    await page.getByLabel("A trust file, a policy, or keys, one a line").fill("a key");
    const verifier = await context.request.get((await started).url());
    expect((await verifier.body()).includes(OF_VERIFIER)).toBe(true);
    expect(await context.cookies()).toEqual([]);
  } finally {
    await context.close();
  }
});
