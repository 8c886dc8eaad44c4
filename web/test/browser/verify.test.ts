import { closeSync, ftruncateSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseEvidence } from "../../src/verify/evidence.ts";
import { accessible, keep, launch, onPage } from "./browser.ts";
import { cluster } from "./cluster.ts";

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
});

const single = pathToFileURL(resolve(import.meta.dirname, "../../dist/verifier.html")).href;
const inDemo = (...names: string[]) => join(cluster().directory, ...names);
const evidence = () => inDemo("record.evidence.json");
/** The record that the evidence of the demo is about: that in the middle of twelve. */
const record = () => inDemo("records", "ledger-07.txt");

const trust = (page: Page, file: string) => page.locator(".trust input[type=file]").first().setInputFiles(file);
const give = (page: Page, files: string[]) => page.locator(".drop input[type=file]").first().setInputFiles(files);
const title = (page: Page) => page.locator("#verdict-title").textContent();
const sentence = (page: Page) => page.locator(".sentence").textContent();

test("evidence verifies", () =>
  onPage(browser, single, {}, async (page) => {
    await trust(page, inDemo("trust.toml"));
    await give(page, [evidence(), record()]);
    await page.locator(".verdict.passed").waitFor();
    expect(await title(page)).toContain("Verified");
    // An anchor that counts is a good one, though nobody asks for its nonce.
    expect(await page.locator("summary", { hasText: /anchor dev\d/ }).textContent()).toMatch(
      /^✓passedanchor dev15 of 17 checks passed; not checked, and not needed: nonce, policy/,
    );
    expect(await sentence(page)).toMatch(
      /^Verified: ledger-07\.txt \(SHA-256 [0-9a-f]{64}\) existed no later than .*Z, because it is entry 6 of demo\.example\/log/,
    );
    await accessible(page);
    await keep(page, "verify");
  }));

test("one file verifies evidence on a phone in the dark, without a network", () =>
  onPage(
    browser,
    single,
    { offline: true, colorScheme: "dark", viewport: { width: 390, height: 844 } },
    async (page) => {
      await trust(page, inDemo("trust.toml"));
      await give(page, [evidence(), record()]);
      await page.locator(".verdict.passed").waitFor();
      expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
      await accessible(page);
      await keep(page, "verify-phone-dark");
    },
  ));

test("one file verifies every kind of proof, without a network", () =>
  onPage(browser, single, { offline: true }, async (page) => {
    const text = readFileSync(evidence(), "utf8");
    const { receipt, anchors } = parseEvidence(Buffer.from(text));
    const anchor = anchors.find((one) => one.kind === "rfc3161");
    if (anchor === undefined) {
      throw new Error("the evidence has no token");
    }
    const written = (name: string, bytes: Uint8Array) => {
      writeFileSync(inDemo(name), bytes);
      return inDemo(name);
    };
    const checkpoint = written("anchored.checkpoint", receipt.note.bytes);
    const token = written("anchored.tsr", anchor.token);
    // A token alone brings no revocation data.
    const [authorities = ""] = readFileSync(inDemo("trust.toml"), "utf8").split("\n[[ethereum]]");
    const patient = written(
      "patient-trust.toml",
      Buffer.from(
        authorities
          .replace(/^min_anchors = .*$/m, "min_anchors = 1")
          .replace(/^name = .*$/gm, '$&\nrevocation = "optional"'),
      ),
    );
    const rows = [
      ["evidence", inDemo("trust.toml"), [evidence()], /^Verified: the file with the SHA-256/],
      [
        "a receipt",
        inDemo("log", "policy"),
        [inDemo("receipts", "ledger-03.txt.tlog-proof"), inDemo("records", "ledger-03.txt")],
        /^Verified: ledger-03\.txt/,
      ],
      ["a checkpoint", inDemo("log", "policy"), [checkpoint], /^Verified: /],
      ["a token", patient, [token, checkpoint], /^Verified: /],
    ] as const;
    for (const [name, trusted, files, expected] of rows) {
      await trust(page, trusted);
      await give(page, [...files]);
      if (name === "a token") {
        // The checkpoint that it is over is a proof, too.
        await page.locator(".tally-passed dd", { hasText: "2" }).waitFor();
        await page.getByRole("button", { name: basename(token), exact: true }).click();
      }
      await page.locator(".verdict.passed").waitFor();
      expect(await sentence(page), name).toMatch(expected);
      await keep(page, `offline ${name}`.replaceAll(" ", "-"));
      for (const file of files) {
        await page.getByRole("button", { name: `Take ${basename(file)} away` }).click();
      }
      await page.locator(".verdict").waitFor({ state: "detached" });
    }
  }));

test("one file verifies a block by its hash, typed in or from a list, and asks nobody for it", () =>
  onPage(browser, single, { offline: true }, async (page) => {
    const trusted = readFileSync(inDemo("trust.toml"), "utf8");
    const named = /^block_hashes = \["(\d+) (0x[0-9a-f]{64})"\]\n/m;
    const [, number = "", hash = ""] = named.exec(trusted) ?? [];
    const chain = inDemo("trust-without-blocks.toml");
    writeFileSync(chain, trusted.replace(named, ""));
    const block = `block ${number} of a development chain`;
    const unknown = `block hash: nothing that is trusted says that ${block} (chain 31337) is ${hash}`;
    await trust(page, chain);
    await give(page, [evidence(), record()]);
    await page.locator(".verdict.not-checked").waitFor();
    expect(await sentence(page)).toContain(unknown);
    await page.getByLabel(`The hash of ${block}`).fill(hash);
    await page.getByRole("button", { name: "Trust this block" }).click();
    await page.locator(".verdict.passed").waitFor();
    expect(await sentence(page)).toContain("(resting on the block hash from what was given for this proof)");
    await page.getByRole("button", { name: "Take it back" }).click();
    await page.locator(".verdict.not-checked").waitFor();
    expect(await sentence(page)).toContain(unknown);
    const list = inDemo("blocks.txt");
    writeFileSync(list, `# As a node of one's own has it.\nchain 31337\n${number} ${hash}\n`);
    await page.locator(".blocks summary").click();
    await page.locator(".blocks input[type=file]").setInputFiles(list);
    await page.locator(".verdict.passed").waitFor();
    expect(await sentence(page)).toContain("(resting on the block hash from the list on this page)");
    await keep(page, "verify-offline-block");
  }));

test("an anchor that is left out is shown beside the caveats, with what failed of it, and in the report", () =>
  onPage(browser, single, {}, async (page) => {
    const file = inDemo("trust-of-another-policy.toml");
    const trusted = readFileSync(inDemo("trust.toml"), "utf8");
    writeFileSync(
      file,
      trusted.replace(/^min_anchors = .*$/m, "min_anchors = 1").replace(/^name = "dev"$/m, '$&\npolicies = ["1.2.3"]'),
    );
    await trust(page, file);
    await give(page, [evidence(), record()]);
    await page.locator(".verdict.passed").waitFor();
    const shown = await page.locator(".left-out li").allTextContents();
    expect(shown).toEqual([expect.stringMatching(/^anchor dev: policy: expected .*1\.2\.3/)]);
    expect(await page.locator(".verdict header").textContent()).not.toContain("and is left out");
    const summary = page.locator("summary", { hasText: /anchor dev\d/ });
    expect(await summary.textContent()).toContain("failed, so that it is left out: policy; not checked: nonce");
    await accessible(page);
    await keep(page, "verify-left-out");
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Report to print" }).click();
    const html = readFileSync(await (await download).path(), "utf8");
    const printed = await page.context().newPage();
    await printed.setContent(html);
    expect(await printed.locator("p:has-text('Left out:') + ul li").allTextContents()).toEqual(shown);
    expect(await printed.locator("tr", { hasText: "left out" }).allTextContents()).toEqual([
      expect.stringMatching(/^✗ left outanchor dev: policy/),
    ]);
    await keep(printed, "report-left-out");
    await printed.close();
  }));

test("each changed byte fails with the right check", () =>
  onPage(browser, single, {}, async (page) => {
    await trust(page, inDemo("trust.toml"));
    await give(page, [evidence(), record()]);
    const rows = [
      ["of the record", "the evidence is about another entry"],
      ["of the inclusion proof", "the proof does not lead from the entry to the signed root"],
      ["of the root hash", "log signature"],
      ["of a signature", "log signature"],
      ["of the time-stamp token", "the signature does not verify"],
    ] as const;
    for (const [button, words] of rows) {
      await page.getByRole("button", { name: button, exact: true }).click();
      const came = page.locator(".control-came.failed");
      await came.waitFor();
      expect(await came.textContent(), button).toContain(words);
    }
    await keep(page, "verify-control");
  }));

test("a changed record is not verified", () =>
  onPage(browser, single, {}, async (page) => {
    await trust(page, inDemo("trust.toml"));
    await give(page, [evidence(), inDemo("forged-file")]);
    await page.locator(".verdict.failed").waitFor();
    expect(await sentence(page)).toMatch(/^NOT verified: forged-file .* entry: the evidence is about another entry/);
    await accessible(page);
    await keep(page, "verify-failed");
  }));

test("a changed token is not verified", () =>
  onPage(browser, single, {}, async (page) => {
    await trust(page, inDemo("trust.toml"));
    const text = readFileSync(evidence(), "utf8");
    const at = text.indexOf('"token": "') + 3_000;
    const forged = inDemo("token.evidence.json");
    writeFileSync(forged, `${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`);
    await give(page, [forged, record()]);
    await page.locator(".verdict.failed").waitFor();
    expect(await sentence(page)).toMatch(/^NOT verified: .* anchor /);
  }));

test("a policy alone shows no time, and nobody trusted shows nothing", () =>
  onPage(browser, single, {}, async (page) => {
    await give(page, [evidence(), record()]);
    await page.getByText("Nothing is verified yet").waitFor();
    expect(await page.locator(".verdict").count()).toBe(0);
    await trust(page, inDemo("log", "policy"));
    await page.locator(".verdict.not-checked").waitFor();
    expect(await sentence(page)).toContain("no time-stamping authority and no chain is trusted");
  }));

test("a folder of receipts is verified, and the forged one is found first", () =>
  onPage(browser, single, {}, async (page) => {
    await trust(page, inDemo("log", "policy"));
    const receipts = readdirSync(inDemo("receipts")).map((name) => inDemo("receipts", name));
    const records = readdirSync(inDemo("records")).map((name) => inDemo("records", name));
    const forged = inDemo("ledger-99.txt");
    writeFileSync(forged, "made up later\n");
    const proof = inDemo("ledger-99.txt.tlog-proof");
    writeFileSync(proof, readFileSync(inDemo("receipts", "ledger-07.txt.tlog-proof")));
    await give(page, [...receipts, ...records, forged, proof]);
    await page.locator(".tally-passed dd", { hasText: "12" }).waitFor();
    await page.locator(".tally-failed dd", { hasText: "1" }).waitFor();
    expect(await page.locator("tbody tr").first().textContent()).toContain("ledger-99.txt.tlog-proof");
    await accessible(page);
    await keep(page, "verify-folder");
  }));

test("the report shows the same, and nothing in it is markup of others", () =>
  onPage(browser, single, {}, async (page) => {
    await trust(page, inDemo("trust.toml"));
    const hostile = inDemo("<img src=x onerror=alert(1)>\u202ecod.txt");
    writeFileSync(hostile, readFileSync(record()));
    await give(page, [evidence(), hostile]);
    await page.locator(".verdict.passed").waitFor();
    expect(await page.locator("main img").count()).toBe(0);
    expect(await page.locator("main").textContent()).not.toContain("\u202e");
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Report to print" }).click();
    const html = readFileSync(await (await download).path(), "utf8");
    expect(html).toContain("&lt;img src=x onerror=alert(1)&gt;\\u{202e}cod.txt");
    expect(html).not.toContain("<img");
    // It is printed on two pages at most.
    const printed = await page.context().newPage();
    await printed.setContent(html);
    const pdf = (await printed.pdf({ format: "A4" })).toString("latin1");
    expect(pdf.match(/\/Type\s*\/Page\b/g)?.length ?? 0).toBeGreaterThan(0);
    expect(pdf.match(/\/Type\s*\/Page\b/g)?.length ?? 0).toBeLessThanOrEqual(2);
    await keep(printed, "report");
    await printed.close();
    const json = page.waitForEvent("download");
    await page.getByRole("button", { name: "Report as JSON" }).click();
    const report = JSON.parse(readFileSync(await (await json).path(), "utf8"));
    expect(report.outcome).toBe("verified");
    expect(report.sentence).toBe(await sentence(page));
  }));

test(
  "a file of 1 GB is hashed in a worker, while the page answers",
  () =>
    onPage(browser, single, {}, async (page) => {
      const large = inDemo("large.bin");
      const file = openSync(large, "w");
      ftruncateSync(file, 1 << 30);
      closeSync(file);
      await give(page, [large]);
      await page.locator("progress").waitFor();
      // The page can still be used.
      await page.getByText("Paste a proof as text").click();
      await page.getByRole("button", { name: "Take this text" }).waitFor();
      expect(await page.locator("progress").count()).toBe(1);
      // SHA-256 of 2^30 zero bytes, as sha256sum has it.
      await page
        .locator('code[title="49bc20df15e412a64472421e13fe86ff1c5165e18b2afccf160d4dc19fe68a14"]')
        .waitFor({ timeout: 170_000 });
    }),
  180_000,
);

test("a browser that does not run the page is told what it needs", async () => {
  for (const [url, name] of [
    [single, "verifier"],
    [cluster().url.href, "served"],
  ] as const) {
    await onPage(browser, url, { javaScriptEnabled: false }, async (page) => {
      await page.getByText("It needs Chrome or Edge 96, Firefox 94, Safari 15.4, or a newer one").waitFor();
      await keep(page, `too-old-${name}`);
    });
    await onPage(browser, url, {}, async (page) => {
      await page.getByRole("heading", { name: "Verify a record" }).waitFor();
      expect(await page.getByText("It needs Chrome").count()).toBe(0);
    });
  }
});
