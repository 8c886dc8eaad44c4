import { expect, test } from "vitest";
import { type Alarm, Alarms } from "../src/app/alarms.ts";
import { Tiles } from "../src/app/explore/tiles.ts";
import { type Growth, Growths } from "../src/app/growth.ts";
import { LogError } from "../src/app/log.ts";
import { toUtf8 } from "../src/verify/bytes.ts";
import { MadeLog } from "./made-log.ts";

const honest = MadeLog.ofSize(900);
/** The same up to entry 500. */
const forked = new MadeLog(honest.entries.map((entry, at) => (at < 500 ? entry : toUtf8(`other ${at}`))));

const tiles = (log: MadeLog, size: number) => new Tiles(log.read, BigInt(size), log.root(size));
const note = (log: MadeLog, size: number) => toUtf8(`${log === forked ? "forked" : "honest"} ${size}`);

/** A tree of which the log does not answer. */
const silent = (log: MadeLog, size: number) => ({
  size: BigInt(size),
  root: log.root(size),
  consistency: () => Promise.reject(new LogError("the log answers 503", 503)),
});

function followed() {
  const raised: Alarm[] = [];
  const growths = new Growths(
    (alarm) => raised.push(alarm),
    () => 7,
  );
  const see = (log: MadeLog, size: number): Promise<Growth | undefined> =>
    growths.see(tiles(log, size), note(log, size));
  return { raised, growths, see };
}

test("a log that grows is said to, and the first checkpoint is compared with nothing", async () => {
  const { raised, growths, see } = followed();
  expect(await see(honest, 600)).toBeUndefined();
  expect(await see(honest, 600)).toBeUndefined();
  expect((await see(honest, 700))?.reason).toBe("it grew from 600 to 700 entries, and nothing that was there changed");
  expect((await see(honest, 900))?.outcome).toBe("passed");
  expect(growths.last?.outcome).toBe("passed");
  expect(raised).toEqual([]);
});

test("what could not be compared is compared with the next, and a fork in it found", async () => {
  const { raised, growths, see } = followed();
  await see(honest, 600);
  expect((await growths.see(silent(forked, 700), note(forked, 700)))?.outcome).toBe("not-checked");
  expect(raised).toEqual([]);
  // It continues the 600, but not the 700.
  expect((await see(honest, 800))?.outcome).toBe("failed");
  expect(raised.map(({ reason }) => reason)).toEqual([
    expect.stringContaining("the log's 800 entries are not a continuation of the 700 seen before"),
  ]);
  expect(raised[0]).toMatchObject({ at: 7, before: note(forked, 700), now: note(honest, 800) });
});

test("a fork that hides behind a log that does not answer is found when it answers", async () => {
  const { raised, growths, see } = followed();
  await see(honest, 600);
  await growths.see(silent(forked, 700), note(forked, 700));
  expect((await see(forked, 800))?.outcome).toBe("failed");
  expect(raised.map(({ before, now }) => [before, now])).toEqual([[note(honest, 600), note(forked, 800)]]);
  // The newest that is known to be right is still that before.
  expect((await see(honest, 900))?.reason).toContain("seen before");
  expect(raised.length).toBeGreaterThan(1);
});

test("comparisons wait for each other, and each is made with what the one before came to", async () => {
  const { raised, growths, see } = followed();
  await see(honest, 100);
  let answer = () => {};
  const slow = tiles(honest, 700);
  const held = growths.see(
    {
      size: slow.size,
      root: slow.root,
      consistency: async (size, root) => {
        await new Promise<void>((done) => {
          answer = done;
        });
        return slow.consistency(size, root);
      },
    },
    note(honest, 700),
  );
  const later = see(honest, 900);
  await new Promise((done) => setTimeout(done));
  answer();
  expect((await held)?.reason).toContain("from 100 to 700");
  expect((await later)?.reason).toContain("from 700 to 900");
  expect(raised).toEqual([]);
});

test("a failure is raised though nobody waits for it, and a later one does not take its place", async () => {
  const { raised, see } = followed();
  await see(honest, 600);
  void see(forked, 700);
  await see(honest, 900);
  expect(raised.length).toBeGreaterThan(0);
  expect(raised[0]?.now).toEqual(note(forked, 700));
});

test("another tree of the same size, and a smaller one, are named", async () => {
  const { raised, see } = followed();
  await see(honest, 600);
  expect((await see(honest, 400))?.reason).toBe("the log showed 600 entries before, and now only 400");
  expect((await see(forked, 600))?.reason).toBe("the log showed two different trees of 600 entries");
  expect(raised.map(({ before, now }) => [before, now])).toEqual([
    [note(honest, 600), note(honest, 400)],
    [note(honest, 600), note(forked, 600)],
  ]);
});

test("tiles that are not of the tree are no proof of a fork, and are named as what they are", async () => {
  const log = MadeLog.ofSize(900);
  const { raised, growths, see } = followed();
  await see(honest, 600);
  log.lies.set("tile/0/002", new Uint8Array(256 * 32));
  expect((await growths.see(tiles(log, 900), note(log, 900)))?.outcome).toBe("failed");
  expect(raised[0]?.reason).toContain("other tiles than its tree of 900 entries has");
});

test("so many comparisons wait, and no more", async () => {
  const { growths, see } = followed();
  await see(honest, 600);
  const never = { ...silent(honest, 700), consistency: () => new Promise<never>(() => {}) };
  for (let at = 0; at < 16; at++) {
    void growths.see(never, note(honest, 700));
  }
  expect((await see(honest, 800))?.reason).toContain("too many comparisons wait");
});

test("alarms are kept once each, up to a limit, and whoever wants is told", () => {
  const alarms = new Alarms();
  let told = 0;
  const end = alarms.tell(() => told++);
  const alarm = (reason: string): Alarm => ({ at: 1, reason, before: new Uint8Array(), now: new Uint8Array() });
  alarms.raise(alarm("a"));
  alarms.raise(alarm("a"));
  alarms.raise(alarm("b"));
  expect(alarms.list.map(({ reason }) => reason)).toEqual(["a", "b"]);
  expect(told).toBe(2);
  end();
  for (let at = 0; at < 100; at++) {
    alarms.raise(alarm(String(at)));
  }
  expect(alarms.list.length).toBe(16);
  expect(alarms.list[0]?.reason).toBe("a");
  expect(told).toBe(2);
});
