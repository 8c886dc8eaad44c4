/** A log with its witnesses, an anchor and a chain, as `counterfoil demo` makes them where `COUNTERFOIL_ANVIL` is set: with receipts, evidence and a trust file to verify. */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { inject } from "vitest";

const TIMEOUT_MS = 200_000;
const ANCHORED_MS = 90_000;

/** The program that is tried. */
export const binary = process.env.COUNTERFOIL_BIN ?? resolve(import.meta.dirname, "../../../target/debug/counterfoil");

export interface Cluster {
  readonly directory: string;
  /** Where the log is, and serves its pages. */
  readonly url: URL;
}

declare module "vitest" {
  interface ProvidedContext {
    cluster: { readonly directory: string; readonly url: string };
  }
}

/** The one that all tests share. */
export function cluster(): Cluster {
  const { directory, url } = inject("cluster");
  return { directory, url: new URL(url) };
}

export async function startCluster(): Promise<Cluster & { stop(): Promise<void> }> {
  if (!existsSync(binary)) {
    throw new Error(`${binary} is not there: run cargo build, after npm run build`);
  }
  const home = mkdtempSync(join(tmpdir(), "counterfoil-pages-"));
  const directory = join(home, "demo");
  // In an empty folder, so that the demo makes its own records.
  const child = spawn(binary, ["demo", "--keep", directory], { cwd: home, stdio: ["ignore", "pipe", "pipe"] });
  const stop = async () => {
    await ended(child);
    rmSync(home, { recursive: true, force: true });
  };
  const url = new URL(await said(child, /^The log is up at (\S+),/m));
  try {
    await anchored(url);
  } catch (error) {
    await stop();
    throw error;
  }
  return { directory, url, stop };
}

/** Waits until the log has seen what its anchor keeps, for which it asks every half minute. */
async function anchored(url: URL): Promise<void> {
  const end = Date.now() + ANCHORED_MS;
  let status = "";
  while (Date.now() < end) {
    status = await (await fetch(new URL("status", url))).text();
    if (JSON.parse(status).anchors[0]?.newest_size > 0) {
      return;
    }
    await new Promise((done) => setTimeout(done, 500));
  }
  throw new Error(`the log has not seen its anchor after ${ANCHORED_MS} ms:\n${status}`);
}

/** What a program says before it is ready: that part of it that is asked for. */
export function said(child: ChildProcess, words: RegExp): Promise<string> {
  return new Promise((done, fail) => {
    let output = "";
    const timer = setTimeout(() => {
      child.kill("SIGTERM");
      fail(new Error(`it is not ready after ${TIMEOUT_MS} ms:\n${output.slice(-2_000)}`));
    }, TIMEOUT_MS);
    const heard = (data: Buffer) => {
      output += data.toString();
      const part = words.exec(output)?.[1];
      if (part !== undefined) {
        clearTimeout(timer);
        done(part);
      }
    };
    child.stdout?.on("data", heard);
    child.stderr?.on("data", heard);
    child.once("exit", (code) => {
      clearTimeout(timer);
      fail(new Error(`it ended with ${code}:\n${output.slice(-2_000)}`));
    });
  });
}

/** Ends a program that was started. */
export async function ended(child: ChildProcess): Promise<void> {
  const exit = new Promise((done) => child.once("exit", done));
  child.kill("SIGTERM");
  await exit;
}
