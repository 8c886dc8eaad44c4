import { expect, test, vi } from "vitest";
import { oneFile, pasted, picked } from "../src/app/drop.ts";
import type { Kind } from "../src/app/engine/protocol.ts";
import { type Given, type Item, MAX_FILES, pair, Session } from "../src/app/session.ts";

vi.mock("../src/app/engine/engine.ts", () => ({
  ask: () => Promise.resolve({ kind: "record", size: 1, sha256: "00", leaves: [], about: "" }),
  inParallel: async (all: Iterable<unknown>, work: (one: unknown) => Promise<void>) => {
    for (const one of all) {
      await work(one);
    }
  },
}));

const file = new File(["a"], "a");
const given = (count: number, from = 0): Given[] =>
  Array.from({ length: count }, (_, at) => ({ path: `folder/${from + at}`, file }));

test("one file is looked for in a log, and neither a text nor the first of several", () => {
  expect(oneFile(given(1))).toBe(file);
  expect(oneFile([])).toMatch(/no file/);
  expect(oneFile([pasted("a text")])).toMatch(/no file/);
  expect(oneFile(given(2))).toMatch(/several were given/);
});

test("that files were too many and left out is said, until all are taken away", async () => {
  const session = new Session(() => {});
  await session.add(given(MAX_FILES));
  expect([session.items.length, session.leftOut]).toEqual([MAX_FILES, false]);
  // The same ones again take the place of those before.
  await session.add(given(2));
  expect([session.items.length, session.leftOut]).toEqual([MAX_FILES, false]);
  await session.add(given(1, MAX_FILES));
  expect([session.items.length, session.leftOut]).toEqual([MAX_FILES, true]);
  session.clear();
  expect([session.items.length, session.leftOut]).toEqual([0, false]);
  await session.add(given(MAX_FILES + 1));
  expect([session.items.length, session.leftOut]).toEqual([MAX_FILES, true]);
});

test("of more files than are taken, one more is picked, so that it is seen", () => {
  const files = Array.from({ length: MAX_FILES + 5 }, () => file) as unknown as FileList;
  expect(picked(files).length).toBe(MAX_FILES + 1);
});

test("a token is compared with the file that it is over, which may be a checkpoint that is verified itself", () => {
  const item = (path: string, kind: Kind): Item => ({
    id: 0,
    path,
    name: path,
    file,
    looked: { kind, size: 1, sha256: "00", leaves: [], about: "" },
    progress: 0,
    error: undefined,
  });
  const paired = (...items: Item[]) => pair(items).map(({ proof, record }) => [proof.path, record?.path]);
  const [token, checkpoint] = [item("a.tsr", "token"), item("b", "checkpoint")];
  expect(paired(token, checkpoint)).toEqual([
    ["a.tsr", "b"],
    ["b", undefined],
  ]);
  const [other, own] = [item("c.tsr", "token"), item("c", "checkpoint")];
  expect(paired(token, checkpoint, other, own)).toEqual([
    ["a.tsr", undefined],
    ["b", undefined],
    ["c.tsr", "c"],
    ["c", undefined],
  ]);
  expect(paired(token, checkpoint, item("a", "record"))).toEqual([
    ["a.tsr", "a"],
    ["b", undefined],
  ]);
});
