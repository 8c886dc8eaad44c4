import { expect, test } from "vitest";
import {
  compare,
  concat,
  equal,
  fromBase64,
  fromDecimal,
  fromHex,
  fromU64,
  fromUtf8,
  toBase64,
  toHex,
  toU64,
} from "../src/verify/bytes.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);

test("hexadecimal is lower case and of whole bytes", () => {
  expect(fromHex("00ff7a")).toEqual(bytes(0, 255, 0x7a));
  expect(toHex(bytes(0, 255, 0x7a))).toBe("00ff7a");
  expect(fromHex("00ff", 2)).toEqual(bytes(0, 255));
  for (const text of ["0", "0F", "0g", " 00", "00 ", "0x00", "00\n", "é0"]) {
    expect(fromHex(text), text).toBeUndefined();
  }
  expect(fromHex("00ff", 3)).toBeUndefined();
});

test("base64 is that of Node, for every length", () => {
  for (let length = 0; length < 70; length++) {
    const value = Uint8Array.from({ length }, (_, at) => (at * 151 + length * 37) & 255);
    const text = Buffer.from(value).toString("base64");
    expect(toBase64(value)).toBe(text);
    expect(fromBase64(text), text).toEqual(value);
    expect(fromBase64(text, length + 1)).toBeUndefined();
  }
});

test("base64 has one spelling", () => {
  const wrong = [
    "A",
    "AA",
    "AAA",
    "AAAAA",
    "AB==",
    "AAB=",
    "AA=A",
    "A===",
    "====",
    "AAA\n",
    "AA==AAAA",
    "-_-_",
    "AAé=",
  ];
  for (const text of [...wrong, "AAAA\n", " AAAA", "AAAA====", "AA==\n", "AA", "AAA\u0141"]) {
    expect(fromBase64(text), text).toBeUndefined();
  }
});

test("UTF-8 is strict, and a byte order mark is kept", () => {
  expect(fromUtf8(bytes(0xef, 0xbb, 0xbf, 0x61))).toBe("\ufeffa");
  for (const wrong of [
    bytes(0xff),
    bytes(0xc0, 0x80),
    bytes(0xed, 0xa0, 0x80),
    bytes(0xf4, 0x90, 0x80, 0x80),
    bytes(0xe2, 0x82),
  ]) {
    expect(fromUtf8(wrong)).toBeUndefined();
  }
});

test("decimal numbers have one spelling and 64 bits", () => {
  expect(fromDecimal("0")).toBe(0n);
  expect(fromDecimal("18446744073709551615")).toBe((1n << 64n) - 1n);
  for (const text of [
    "",
    "00",
    "01",
    "+1",
    "-1",
    " 1",
    "1 ",
    "1\n",
    "0x1",
    "1e3",
    "1_0",
    "١",
    "18446744073709551616",
  ]) {
    expect(fromDecimal(text), text).toBeUndefined();
  }
});

test("bytes are joined, compared, and counted", () => {
  expect(concat(bytes(1), bytes(), bytes(2, 3))).toEqual(bytes(1, 2, 3));
  expect(equal(bytes(1, 2), bytes(1, 2))).toBe(true);
  expect(equal(bytes(1, 2), bytes(1, 3))).toBe(false);
  expect(equal(bytes(1, 2), bytes(1, 2, 0))).toBe(false);
  expect(compare(bytes(1, 2), bytes(2))).toBeLessThan(0);
  expect(compare(bytes(1, 2), bytes(1))).toBeGreaterThan(0);
  expect(toU64(0x0102030405060708n)).toEqual(bytes(1, 2, 3, 4, 5, 6, 7, 8));
  expect(fromU64(bytes(0, 0, 0, 0, 0, 0, 0, 0, 9), 1)).toBe(9n);
  expect(fromU64(bytes(0, 0, 0, 0, 0, 0, 9))).toBeUndefined();
});
