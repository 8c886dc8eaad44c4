import { expect, test } from "vitest";
import { auditBatch, type Depth } from "../src/app/audit/batch.ts";
import { audit, MOST_ENTRIES, type Progress } from "../src/app/audit/run.ts";
import { Turns } from "../src/app/audit/turns.ts";
import { TooLong } from "../src/app/log.ts";
import { MadeLog } from "./made-log.ts";

interface Came {
  readonly outcomes: Readonly<Record<string, string>>;
  readonly reasons: string;
  readonly told: readonly Progress[];
}

async function audited(log: MadeLog, depth: Depth = "entries", root = log.root(), signal?: AbortSignal): Promise<Came> {
  const told: Progress[] = [];
  const checks = await audit({
    size: log.size,
    root,
    depth,
    work: (batch) => auditBatch(log.read, batch),
    each: async (all, work) => {
      await Promise.all([...all].map(work));
    },
    read: log.read,
    progress: (progress) => told.push(progress),
    signal: signal ?? new AbortController().signal,
  });
  return {
    outcomes: Object.fromEntries(checks.map(({ name, outcome }) => [name, outcome])),
    reasons: checks.map(({ name, reason }) => `${name}: ${reason}`).join("\n"),
    told,
  };
}

const good = { entries: "passed", tiles: "passed", root: "passed" };

test("a log of any size is whole if its root is that of its entries", async () => {
  for (const size of [0, 1, 255, 256, 257, 4_096, 4_097, 65_536, 65_793]) {
    const log = MadeLog.ofSize(size);
    const { outcomes, told } = await audited(log);
    expect(outcomes, String(size)).toEqual(good);
    expect(told.at(-1)?.entries ?? 0).toBe(size);
    // Each tile and each bundle once.
    expect(new Set(log.asked).size).toBe(log.asked.length);
  }
});

test("hashes alone are fewer bytes, and leave the entries unchecked", async () => {
  const log = MadeLog.ofSize(5_000);
  const { outcomes } = await audited(log, "hashes");
  expect(outcomes).toEqual({ ...good, entries: "not-checked" });
  expect(log.asked.filter((path) => path.includes("entries"))).toEqual([]);
});

test("each damage is found, and named", async () => {
  const log = MadeLog.ofSize(66_000);
  const root = log.root();
  const flipped = (bytes: Uint8Array, at: number) => bytes.map((byte, place) => (place === at ? byte ^ 1 : byte));
  const rows = [
    [
      "an entry",
      "tile/entries/003",
      (bytes: Uint8Array) => flipped(bytes, 4),
      { ...good, entries: "failed" },
      "entry 768 is not the one whose hash tile/0/003 holds",
    ],
    [
      "an entry at the edge",
      "tile/entries/257.p/208",
      (bytes: Uint8Array) => flipped(bytes, bytes.length - 1),
      { ...good, entries: "failed" },
      "entry 65999 is not",
    ],
    [
      "a bundle cut off",
      "tile/entries/003",
      (bytes: Uint8Array) => bytes.slice(0, -1),
      { ...good, entries: "failed" },
      "tile/entries/003: expected 256 entries",
    ],
    [
      "a leaf hash",
      "tile/0/003",
      (bytes: Uint8Array) => flipped(bytes, 32 * 7),
      { entries: "failed", tiles: "failed", root: "failed" },
      "entry 775 is not",
    ],
    [
      "a leaf hash at the edge",
      "tile/0/257.p/208",
      (bytes: Uint8Array) => flipped(bytes, 0),
      { entries: "failed", tiles: "passed", root: "failed" },
      "entry 65792 is not",
    ],
    [
      "a hash above",
      "tile/1/000",
      (bytes: Uint8Array) => flipped(bytes, 0),
      { ...good, tiles: "failed" },
      "tile/1/000 is not what the tiles below it come to",
    ],
    [
      "the top",
      "tile/2/000.p/1",
      (bytes: Uint8Array) => flipped(bytes, 0),
      { ...good, tiles: "failed" },
      "tile/2/000.p/1 is not",
    ],
  ] as const;
  for (const [name, path, damage, outcomes, reason] of rows) {
    log.lies.clear();
    log.lies.set(path, damage(await log.read(path, 1 << 20)));
    const came = await audited(log, "entries", root);
    expect(came.outcomes, name).toEqual(outcomes);
    expect(came.reasons, name).toContain(reason);
  }
});

test("another root than that of the entries is found", async () => {
  const log = MadeLog.ofSize(300);
  const { outcomes } = await audited(log, "entries", log.root(299));
  expect(outcomes).toEqual({ ...good, root: "failed" });
});

test("what is wrong is listed up to a limit", async () => {
  const log = MadeLog.ofSize(256 * 40);
  for (let at = 0; at < 40; at++) {
    log.lies.set(`tile/entries/${String(at).padStart(3, "0")}`, new Uint8Array());
  }
  const { told, outcomes } = await audited(log);
  expect(outcomes.entries).toBe("failed");
  expect(told.at(-1)?.problems.length).toBe(20);
});

test("an audit ends when it is stopped, and when the log does not answer", async () => {
  const log = MadeLog.ofSize(10_000);
  const controller = new AbortController();
  controller.abort();
  await expect(audited(log, "entries", log.root(), controller.signal)).rejects.toThrow("the audit was stopped");
  log.lies.set("tile/0/007", undefined);
  await expect(audited(log)).rejects.toThrow("not-found");
});

test("a log that is too large for a page is refused before anything is fetched", async () => {
  const log = MadeLog.ofSize(1);
  const huge = { size: MOST_ENTRIES + 1n, root: log.root(), depth: "hashes" as const, read: log.read };
  const rest = { each: async () => {}, progress: () => {}, signal: new AbortController().signal };
  const work = () => Promise.reject(new Error("nothing is to be done"));
  await expect(audit({ ...huge, ...rest, work })).rejects.toThrow("a page audits up to");
  expect(log.asked).toEqual([]);
});

test("large answers are read one after the other, and small ones beside them", async () => {
  const turns = new Turns();
  const [mega, large] = [1 << 20, 5 << 20];
  let [now, most] = [0, 0];
  const read = async (path: string, limit: number) => {
    const size = path === "small" ? 10 : large;
    if (size > limit) {
      throw new TooLong(limit);
    }
    now += size > mega ? 1 : 0;
    most = Math.max(most, now);
    await new Promise((done) => setTimeout(done, 2));
    now -= size > mega ? 1 : 0;
    return new Uint8Array(size);
  };
  const paths = ["large", "small", "large", "large", "small"];
  const came = await Promise.all(paths.map((path) => turns.read(read, path, 16 << 20)));
  expect(came.map(({ length }) => length)).toEqual([large, 10, large, large, 10]);
  expect(most).toBe(1);
  // What is too long for its own limit is refused, and keeps nobody waiting.
  await expect(turns.read(read, "large", mega)).rejects.toThrow(TooLong);
  await expect(turns.read(read, "large", 2 << 20)).rejects.toThrow(TooLong);
  expect((await turns.read(read, "large", 16 << 20)).length).toBe(large);
});
