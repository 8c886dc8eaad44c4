/** A running log of many entries, which serves its pages itself. */

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binary, ended, said } from "./cluster.ts";

/** Entries that are added at once. */
const BATCH = 20_000;

export interface LargeLog {
  readonly url: URL;
  /** A checkpoint that it published on the way, of about a third of its entries. */
  readonly earlier: string;
  stop(): Promise<void>;
}

/** Below a prefix, if one is given. */
export async function startLargeLog(
  size: number,
  entry: (index: number) => Uint8Array,
  prefix = "/",
): Promise<LargeLog> {
  const home = mkdtempSync(join(tmpdir(), "counterfoil-large-"));
  execFileSync(binary, ["log", "init", "log", "--origin", "large.example/log"], { cwd: home, stdio: "ignore" });
  const config = join(home, "log", "counterfoil.toml");
  const written = readFileSync(config, "utf8")
    .replace(/^listen = .*$/m, 'listen = ["127.0.0.1:0"]')
    .replace(/^\[\[log\]\]$/m, `[[log]]\nprefix = "${prefix}"`);
  writeFileSync(config, written);
  const child = spawn(binary, ["log", "run", "--config", "log"], {
    cwd: home,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const url = new URL(await said(child, / is ready at (\S+)/));
  let earlier = "";
  for (let first = 0; first < size; first += BATCH) {
    const count = Math.min(BATCH, size - first);
    const entries = Array.from({ length: count }, (_, at) => withLength(entry(first + at)));
    const response = await fetch(new URL("add-batch", url), { method: "POST", body: Buffer.concat(entries) });
    if (!response.ok) {
      throw new Error(`the log takes no entries: ${await response.text()}`);
    }
    if (earlier === "" && first > size / 3) {
      await until(url, (status) => status.published_size > 0);
      earlier = await (await fetch(new URL("checkpoint", url))).text();
    }
  }
  await until(url, (status) => status.published_size >= size && status.indexed_size >= size);
  return {
    url,
    earlier,
    stop: async () => {
      await ended(child);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

function withLength(entry: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(entry.length >> 8, entry.length & 0xff), entry]);
}

type Sizes = { readonly published_size: number; readonly indexed_size: number };

/** Waits until the log says so of itself. */
async function until(url: URL, holds: (status: Sizes) => boolean): Promise<void> {
  while (!holds((await (await fetch(new URL("status", url))).json()) as Sizes)) {
    await new Promise((done) => setTimeout(done, 100));
  }
}
