import { expect, test } from "vitest";
import { formsOf, hexDump, shownAs } from "../../src/app/explore/entry.ts";
import { plainLine, plainText } from "../../src/app/plain.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const all = Number.POSITIVE_INFINITY;

test("an entry is shown as what it can be read as", () => {
  const rows = [
    ["a digest", Uint8Array.from({ length: 32 }, (_, at) => 200 + at), ["hex"]],
    ["nothing", new Uint8Array(), ["hex"]],
    ["a text", bytes("one\ntwo\n"), ["text", "hex"]],
    ["controls", bytes("a\u0000b"), ["hex"]],
    ["an object", bytes(' {"a": 1}\n'), ["json", "text", "hex"]],
    ["half an object", bytes('{"a": 1'), ["text", "hex"]],
    ["a key that stands twice", bytes('{"a": 1, "a": 2}'), ["text", "hex"]],
    ["a number", bytes("12"), ["text", "hex"]],
    ["nesting without end", bytes("[".repeat(60_000)), ["text", "hex"]],
  ] as const;
  for (const [name, entry, forms] of rows) {
    expect(formsOf(entry), name).toEqual(forms);
  }
});

test("JSON keeps its numbers and the order of its keys", () => {
  const entry = bytes('{"b":12345678901234567890,"a":[1.50,{}],"c":[],"d":null}');
  expect(shownAs("json", entry, all)).toBe(
    '{\n  "b": 12345678901234567890,\n  "a": [\n    1.50,\n    {}\n  ],\n  "c": [],\n  "d": null\n}',
  );
});

test("what cannot be seen, or turns other text around, is written out", () => {
  const rows = [
    ["right to left override", "a\u202egnp.exe", "a\\u{202e}gnp.exe"],
    ["isolates and marks", "\u2066\u2069\u200e\u200f\u061c", "\\u{2066}\\u{2069}\\u{200e}\\u{200f}\\u{61c}"],
    ["no width", "a\u200bb\ufeffc", "a\\u{200b}b\\u{feff}c"],
    ["unusual spaces", "a\u00a0b\u2028c", "a\\u{a0}b\\u{2028}c"],
    ["tags", "\u{e0041}", "\\u{e0041}"],
    ["an escape", "\u001b[31m", "\\u{1b}[31m"],
    ["what is seen", "Ä€\u4e2d\u{1f600} \u05d0", "Ä€\u4e2d\u{1f600} \u05d0"],
  ] as const;
  for (const [name, text, expected] of rows) {
    expect(plainLine(text), name).toBe(expected);
    expect(plainText(text), name).toBe(expected);
  }
  expect(plainText("a\n\tb\r")).toBe("a\n\tb\\u{d}");
  expect(plainLine("a\nb")).toBe("a\\u{a}b");
  expect(plainLine("x".repeat(1_000)).length).toBe(401);
  expect(shownAs("json", bytes('{"\u202e":"\u2028"}'), all)).toBe('{\n  "\\u{202e}": "\\u{2028}"\n}');
});

test("no more is shown than was asked for", () => {
  const entry = bytes("x".repeat(60_000));
  expect(shownAs("text", entry, 4_096)?.length).toBe(4_096);
  expect(shownAs("hex", entry, 4_096)?.split("\n").length).toBe(256);
});

test("bytes stand sixteen in a line, with their characters", () => {
  expect(hexDump(bytes("<b>bold</b>\u0001 and more"))).toBe(
    [
      "0000  3c 62 3e 62 6f 6c 64 3c 2f 62 3e 01 20 61 6e 64  <b>bold</b>· and",
      "0010  20 6d 6f 72 65                                    more",
    ].join("\n"),
  );
});
