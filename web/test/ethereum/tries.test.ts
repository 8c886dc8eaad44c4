/** Proofs in tries made by hand, and RLP: each thing that must not be, one at a time (docs/ethereum.md, "Strictness"). */

import { describe, expect, test } from "vitest";
import { concat, fromHex } from "../../src/verify/bytes.ts";
import { VerifyError } from "../../src/verify/checks.ts";
import { indexKey, verifyTrieProof } from "../../src/verify/ethereum/index.ts";
import { keccak256 } from "../../src/verify/ethereum/keccak.ts";
import { Item } from "../../src/verify/ethereum/rlp.ts";
import { filled, type Rlp, rlp } from "./made.ts";

const hex = (text: string) => fromHex(text.replaceAll(" ", "")) ?? new Uint8Array();
const nothing = new Uint8Array();

/** A value too long to stand within a node above. */
const long = filled(0xee, 40);
const short = Uint8Array.of(1, 2, 3);

/** Hex-prefix (Yellow Paper, appendix C): of nibbles, as digits. */
function path(nibbles: string, isLeaf: boolean): Uint8Array {
  const flags = (isLeaf ? 2 : 0) + (nibbles.length % 2);
  return hex(nibbles.length % 2 === 0 ? `${flags}0${nibbles}` : `${flags}${nibbles}`);
}

const leaf = (nibbles: string, value: Uint8Array): Rlp => [path(nibbles, true), value];
const extension = (nibbles: string, child: Rlp): Rlp => [path(nibbles, false), child];
const hashed = (node: Rlp) => keccak256(rlp(node));

/** A branch with these children, by nibble. */
function branch(children: Readonly<Record<number, Rlp>>, value: Rlp = nothing): Rlp {
  return [...Array.from({ length: 16 }, (_, nibble) => children[nibble] ?? nothing), value];
}

/** What is said of a proof of a value under the key 0x12: nodes from the root. */
function said(nodes: readonly Rlp[], value: Uint8Array = long, key = "12"): string {
  const [root = nothing, ...rest] = nodes.map(rlp);
  try {
    verifyTrieProof(keccak256(root), hex(key), value, [root, ...rest]);
    return "it holds";
  } catch (error) {
    expect(error).toBeInstanceOf(VerifyError);
    return error instanceof VerifyError ? error.message : "";
  }
}

const other = leaf("5", short);
const below = leaf("2", long);

/** An extension of three nibbles, and what it leads to. */
const forked = branch({ 5: hashed(leaf("0", long)), 6: other });
const extended = extension("234", hashed(forked));

const good: readonly (readonly [string, readonly Rlp[], Uint8Array?, string?])[] = [
  ["a leaf", [leaf("12", long)]],
  ["a leaf of a short value", [leaf("12", short)], short],
  ["a branch and a leaf", [branch({ 1: hashed(below), 7: other }), below]],
  ["a leaf of 31 bytes within a branch", [branch({ 1: leaf("2", filled(1, 28)), 7: other })], filled(1, 28)],
  ["a leaf within a branch", [branch({ 1: leaf("2", short), 7: other })], short],
  [
    "a branch within a branch",
    [branch({ 1: branch({ 2: leaf("", hex("01")), 4: leaf("", hex("02")) }), 7: other })],
    hex("01"),
  ],
  [
    "an extension to a branch within it",
    [extension("1", branch({ 2: leaf("", hex("01")), 3: leaf("", hex("02")) }))],
    hex("01"),
  ],
  [
    "an extension, a branch and a leaf",
    [
      extension("1", hashed(branch({ 2: hashed(leaf("", long)), 3: other }))),
      branch({ 2: hashed(leaf("", long)), 3: other }),
      leaf("", long),
    ],
  ],
  [
    "an extension below a branch",
    [branch({ 1: hashed(extended), 7: other }), extended, forked, leaf("0", long)],
    long,
    "123450",
  ],
];

for (const [name, nodes, value, key] of good) {
  test(name, () => expect(said(nodes, value, key)).toBe("it holds"));
}

describe("what is none", () => {
  const inside = (child: Rlp) => [branch({ 1: hashed(below), 7: child }), below];
  const rows: readonly (readonly [string, readonly Rlp[], string, Uint8Array?, string?])[] = [
    ["another value", [leaf("12", long)], "the value under the key is another, of 40 bytes (expected 3)", short],
    ["another key", [leaf("13", long)], "node 0 does not lead to the key"],
    ["a leaf above the key", [leaf("1", long)], "node 0 does not lead to the key"],
    ["a leaf below the key", [leaf("123", long)], "node 0 does not lead to the key"],
    [
      "a branch where the key ends",
      [
        branch({ 1: hashed(branch({ 2: hashed(branch({ 1: hashed(below), 2: other })), 3: other })), 7: other }),
        branch({ 2: hashed(branch({ 1: hashed(below), 2: other })), 3: other }),
        branch({ 1: hashed(below), 2: other }),
      ],
      "node 2 does not lead to the key",
    ],
    ["nothing below the branch", [branch({ 2: other, 7: other })], "node 0 does not lead to the key"],
    ["an extension to elsewhere", [extension("2", hashed(forked)), forked], "node 0 does not lead to the key"],
    ["an extension beyond the key", [extension("123", hashed(forked)), forked], "node 0 does not lead to the key"],
    [
      "an end before the value",
      [branch({ 1: hashed(below), 7: other })],
      "the proof ends after 1 nodes, before the value",
    ],
    ["a node more", [leaf("12", long), leaf("12", long)], "the proof has 2 nodes, of which 1 lead to the value"],
    [
      "another node",
      [branch({ 1: hashed(below), 7: other }), leaf("2", filled(1, 40))],
      "node 1 is not the one that is named above it",
    ],
    [
      "a short node apart",
      [branch({ 1: hashed(leaf("2", short)), 7: other }), leaf("2", short)],
      "node 1 has only 6 bytes: it belongs into the one above it",
      short,
    ],
    [
      "a long node within",
      [branch({ 1: leaf("2", filled(1, 30)), 7: other })],
      "node 0: a node of 33 bytes stands within its parent; from 32 on it is there by its hash",
      filled(1, 30),
    ],
    [
      "a node of 32 bytes within",
      [branch({ 1: leaf("2", filled(1, 29)), 7: other })],
      "node 0: a node of 32 bytes stands within its parent; from 32 on it is there by its hash",
      filled(1, 29),
    ],
    [
      "an extension to a leaf",
      [extension("1", hashed(below)), below],
      "node 1 is not a branch, but an extension leads to it",
    ],
    [
      "an extension to an extension",
      [extension("1", hashed(extension("2", hashed(forked)))), extension("2", hashed(forked)), forked],
      "node 1 is not a branch, but an extension leads to it",
    ],
    [
      "a leaf within an extension",
      [extension("1", leaf("2", short))],
      "node 0: an extension of no nibbles, or to something else than a branch",
      short,
    ],
    [
      "an extension of no nibbles",
      [extension("", hashed(leaf("12", long))), leaf("12", long)],
      "node 0: an extension of no nibbles, or to something else than a branch",
    ],
    [
      "an extension to nothing",
      [extension("1", nothing)],
      "node 0: an extension of no nibbles, or to something else than a branch",
    ],
    [
      "an extension in a leaf's place below",
      inside(extension("1", leaf("2", short))),
      "node 0: an extension of no nibbles, or to something else than a branch",
    ],
    [
      "a branch of one child",
      [branch({ 1: hashed(below) }), below],
      "node 0: a branch with 1 children; it has at least two",
    ],
    ["a branch of none", [branch({})], "node 0: a branch with 0 children; it has at least two"],
    [
      "a branch of one child beside",
      inside(branch({ 2: other })),
      "node 0: a branch with 1 children; it has at least two",
    ],
    [
      "a branch with a value",
      [branch({ 1: hashed(below), 7: other }, short), below],
      "node 0: a branch has a value of 3 bytes; no key of a block's tries begins another",
    ],
    [
      "a branch whose value is a list",
      [branch({ 1: hashed(below), 7: other }, []), below],
      "node 0: it is not RLP: expected a byte string, found a list",
    ],
    ["a child of 31 bytes", inside(filled(1, 31)), "node 0: expected a child of 0 or 32 bytes, found 31"],
    ["a child of 33 bytes", inside(filled(1, 33)), "node 0: expected a child of 0 or 32 bytes, found 33"],
    ["a list of one item", [[long]], "node 0: expected a list of 2 or 17 items, found 1"],
    ["a list of three items", [[path("12", true), long, long]], "node 0: expected a list of 2 or 17 items, found 3"],
    [
      "a list of 16 items",
      [[...(branch({ 1: hashed(below), 7: other }) as readonly Rlp[])].slice(1), below],
      "node 0: expected a list of 2 or 17 items, found 16",
    ],
    [
      "a list of 18 items",
      [[...(branch({ 1: hashed(below), 7: other }) as readonly Rlp[]), nothing], below],
      "node 0: it is not RLP: expected at most 17 items, found more",
    ],
    ["no list", [long], "node 0: it is not RLP: expected a list, found a byte string of 40 bytes"],
    [
      "a path that is a list",
      [[[path("12", true)], long]],
      "node 0: it is not RLP: expected a byte string, found a list",
    ],
    [
      "a value that is a list",
      [[path("12", true), [long]]],
      "node 0: it is not RLP: expected a byte string, found a list",
    ],
    ["a leaf without a value", [leaf("12", nothing)], "node 0: a leaf has no value", nothing],
    ["a leaf without a value beside", inside(leaf("2", nothing)), "node 0: a leaf has no value"],
    ["a path without flags", [[nothing, long]], "node 0: the path is empty, without even its flags"],
    ["unknown flags", [[hex("4012"), long]], "node 0: expected the flags of a path to be 0 to 3, found 0x4"],
    ["an unused nibble", [[hex("2112"), long]], "node 0: expected the unused nibble of a path to be 0, found 0x1"],
    [
      "an unused nibble of an extension",
      [[hex("0112"), hashed(forked)]],
      "node 0: expected the unused nibble of a path to be 0, found 0x1",
    ],
  ];

  for (const [name, nodes, expected, value, key] of rows) {
    test(name, () => expect(said(nodes, value, key)).toBe(expected));
  }

  test("a byte behind a node", () => {
    const node = concat(rlp(leaf("12", long)), hex("00"));
    expect(() => verifyTrieProof(keccak256(node), hex("12"), long, [node])).toThrow("1 bytes follow the item");
  });

  test("an empty proof", () => {
    expect(() => verifyTrieProof(keccak256(rlp(leaf("12", long))), hex("12"), long, [])).toThrow(
      "the proof ends after 0 nodes",
    );
  });
});

test("the key of an index is its RLP", () => {
  const rows = [
    [0n, "80"],
    [1n, "01"],
    [127n, "7f"],
    [128n, "8180"],
    [255n, "81ff"],
    [256n, "820100"],
    [(1n << 53n) - 1n, "871fffffffffffff"],
  ] as const;
  for (const [index, key] of rows) {
    expect(indexKey(index), String(index)).toEqual(hex(key));
  }
});

describe("RLP", () => {
  const nested = (depth: number) => Array.from({ length: depth }).reduce<Rlp>((inner) => [inner], []);

  test.each([
    ["nothing", "", "the item goes on for 1 bytes, but only 0 are left"],
    ["a byte with a prefix", "8101", "the prefix 0x81 is not the shortest one for what follows it"],
    ["the last such byte", "817f", "the prefix 0x81 is not the shortest one for what follows it"],
    [
      "55 bytes, their length apart",
      `b837${"11".repeat(55)}`,
      "the prefix 0xb8 is not the shortest one for what follows it",
    ],
    [
      "a list of 55 bytes, their length apart",
      `f837${"11".repeat(55)}`,
      "the prefix 0xf8 is not the shortest one for what follows it",
    ],
    [
      "a zero before a length",
      `b90038${"11".repeat(56)}`,
      "the prefix 0xb9 is not the shortest one for what follows it",
    ],
    ["a string cut off", "8311 22", "the item goes on for 4 bytes, but only 3 are left"],
    ["a length cut off", "b938", "the item goes on for 3 bytes, but only 2 are left"],
    [
      "the largest length",
      `bf${"ff".repeat(8)}`,
      "the item goes on for 18446744073709551615 bytes, but only 9 are left",
    ],
    ["a byte behind", "8000", "1 bytes follow the item"],
    ["a wrong item within", "c28101", "the prefix 0x81 is not the shortest one for what follows it"],
    ["a wrong item within a list within", "c3c28101", "the prefix 0x81 is not the shortest one for what follows it"],
    ["an item beyond its list", "c183", "the item goes on for 4 bytes, but only 1 are left"],
  ])("%s", (_name, text, expected) => {
    expect(() => Item.parse(hex(text))).toThrow(new VerifyError(expected));
  });

  test.each(["80", "00", "7f", "8180", `b838${"11".repeat(56)}`, "c0", "c3c28180"])("%s is right", (text) => {
    expect(Item.parse(hex(text)).encoding).toEqual(hex(text));
  });

  test("lists to a depth of 16", () => {
    expect(Item.parse(rlp(nested(15))).isList).toBe(true);
    expect(() => Item.parse(rlp(nested(16)))).toThrow("lists are nested more than 16 deep");
  });

  test("what is read must be what is asked for", () => {
    const [string, list] = [Item.parse(rlp(filled(1, 3))), Item.parse(rlp([1, 2]))];
    expect(() => list.bytes()).toThrow("expected a byte string, found a list");
    expect(() => string.items(3)).toThrow("expected a list, found a byte string");
    expect(() => list.items(1)).toThrow("expected at most 1 items, found more");
    expect(list.items(2).length).toBe(2);
    expect(() => string.sized(2)).toThrow("expected 2 bytes, found 3");
    expect(() => string.number(2)).toThrow("expected a number of at most 2 bytes, found one of 3");
    expect(string.number(3)).toBe(0x010101n);
    expect(() => Item.parse(hex("820001")).number(2)).toThrow("the number begins with a zero byte");
  });
});
