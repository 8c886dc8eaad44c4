import { afterEach, expect, test, vi } from "vitest";
import { readSaved, save, takenUp } from "../src/app/saved.ts";
import { readText } from "../src/app/verify/trust-text.ts";

afterEach(() => vi.unstubAllGlobals());

function storage(entries: Iterable<[string, string]> = []) {
  const kept = new Map(entries);
  vi.stubGlobal("localStorage", {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  });
  return kept;
}

test("what is kept is kept with its time, each by itself, and can be forgotten", () => {
  const kept = storage();
  expect(readSaved("trust")).toBeUndefined();
  save("trust", "a key", 1_700_000_000_999);
  save("blocks", "chain 1", 1_800_000_000_000);
  expect(readSaved("trust")).toEqual({ text: "a key", since: 1_700_000_000 });
  expect(readSaved("blocks")).toEqual({ text: "chain 1", since: 1_800_000_000 });
  expect(save("trust", undefined)).toBeUndefined();
  expect(readSaved("trust")).toBeUndefined();
  expect(kept.size).toBe(1);
});

test("a page of a file takes up nothing that is kept without a question", () => {
  const saved = { text: "planted", since: 1 };
  expect(takenUp(saved, "file:")).toBe("");
  expect(takenUp(saved, "https:")).toBe("planted");
  expect(takenUp(saved, "http:")).toBe("planted");
  expect(takenUp(undefined, "https:")).toBe("");
});

test("what this page has not written counts as nothing", () => {
  for (const text of [
    "log.example+1+AQ==",
    "5",
    "null",
    "{}",
    '{"text": 5, "since": 1}',
    '{"text": "a", "since": "1"}',
  ]) {
    storage([["counterfoil trust", text]]);
    expect(readSaved("trust"), text).toBeUndefined();
  }
  vi.stubGlobal("localStorage", {
    setItem: () => {
      throw new Error("there is no room");
    },
  });
  expect(readSaved("trust")).toBeUndefined();
  expect(save("trust", "a key")).toBeUndefined();
});

test("a text of trust is UTF-8, of bounded size, and read as it stands", async () => {
  const read = (...bytes: number[]) => readText(new Blob([Uint8Array.from(bytes)]), 4);
  expect(await read(0x61, 0xc3, 0xa9)).toBe("aé");
  // The verifier refuses it, as the command line does: it is not taken away here.
  expect(await read(0xef, 0xbb, 0xbf, 0x61)).toBe("\ufeffa");
  await expect(read(0x61, 0xff)).rejects.toThrow("no text in UTF-8");
  await expect(read(0xc0, 0x80)).rejects.toThrow("no text in UTF-8");
  await expect(read(1, 2, 3, 4, 5)).rejects.toThrow("at most 4 bytes, got 5");
});
