import { expect, test } from "vitest";
import { Tiles } from "../../src/app/explore/tiles.ts";
import { MadeLog } from "../made-log.ts";

const sizes = [1, 2, 255, 256, 257, 513, 65_537];

const tilesOf = (log: MadeLog) => new Tiles(log.read, log.size, log.root());

test("entries, leaf hashes, nodes and proofs follow from the root", async () => {
  for (const size of sizes) {
    const log = MadeLog.ofSize(size);
    const tiles = tilesOf(log);
    for (const index of new Set([0, size >> 1, size - 1])) {
      const { entry } = await tiles.entry(BigInt(index));
      expect(new TextDecoder().decode(entry)).toBe(`entry ${index}`);
      // Verified within; a proof that did not hold would have thrown.
      const proof = await tiles.inclusion(BigInt(index));
      for (const { node, hash } of proof) {
        expect(Buffer.from(hash)).toEqual(Buffer.from(log.node(Number(node.start), Number(node.end))));
      }
    }
    for (const older of new Set([1, size >> 1, size - 1, size].filter((one) => one > 0))) {
      await tiles.consistency(BigInt(older), log.root(older));
    }
    expect(Buffer.from(await tiles.hash({ start: 0n, end: log.size }))).toEqual(Buffer.from(log.root()));
  }
});

test("only the tiles on the way are fetched, each once", async () => {
  const log = MadeLog.ofSize(66_000);
  const tiles = tilesOf(log);
  await tiles.inclusion(1_000n);
  await tiles.entry(1_000n);
  await tiles.entry(1_001n);
  expect(log.asked.sort()).toEqual([
    "tile/0/003",
    "tile/0/257.p/208",
    "tile/1/000",
    "tile/1/001.p/1",
    "tile/2/000.p/1",
    "tile/entries/003",
  ]);
});

test("a partial tile that is kept no more is taken out of the whole one", async () => {
  const log = MadeLog.ofSize(700);
  const older = new Tiles(log.read, 600n, log.root(600));
  log.lies.set("tile/0/002.p/88", undefined);
  log.lies.set("tile/entries/002.p/88", undefined);
  // The log has grown by less than a whole tile, and has neither.
  await expect(older.entry(599n)).rejects.toThrow("not-found");
  const grown = MadeLog.ofSize(800);
  const again = new Tiles(grown.read, 600n, grown.root(600));
  grown.lies.set("tile/0/002.p/88", undefined);
  grown.lies.set("tile/entries/002.p/88", undefined);
  const { entry } = await again.entry(599n);
  expect(new TextDecoder().decode(entry)).toBe("entry 599");
  expect(grown.asked).toContain("tile/0/002");
  expect(grown.asked).toContain("tile/entries/002");
});

test("what does not follow from the root is refused", async () => {
  const changed = (bytes: Uint8Array, at: number) => bytes.map((byte, place) => (place === at ? byte ^ 1 : byte));
  const rows = [
    [
      "a hash of a whole tile",
      "tile/0/003",
      (bytes: Uint8Array) => changed(bytes, 32 * 100),
      "tile/0/003 is not what the tile above it says",
    ],
    [
      "a hash of the tile above",
      "tile/1/000",
      (bytes: Uint8Array) => changed(bytes, 0),
      "tile/1/000 is not what the tile above it says",
    ],
    [
      "a hash on the right edge",
      "tile/0/257.p/208",
      (bytes: Uint8Array) => changed(bytes, 0),
      "the log's tiles come to the root",
    ],
    [
      "an entry",
      "tile/entries/003",
      (bytes: Uint8Array) => changed(bytes, bytes.indexOf(0x65)),
      "shows other bytes as entry 768",
    ],
    ["too few hashes", "tile/0/003", (bytes: Uint8Array) => bytes.slice(32), "has 255 hashes, expected 256"],
    ["half a hash", "tile/0/003", (bytes: Uint8Array) => bytes.slice(16), "a tile is 1 to 256 times 32 bytes"],
    ["too few entries", "tile/entries/003", (bytes: Uint8Array) => bytes.slice(0, -1), "expected 256 entries"],
    [
      "one entry too many",
      "tile/entries/003",
      (bytes: Uint8Array) => Buffer.concat([bytes, Uint8Array.of(0, 0)]),
      "2 more bytes after them",
    ],
    ["without end", "tile/0/003", () => new Uint8Array(8_193), "too long"],
    ["nothing", "tile/0/003", () => undefined, "not-found"],
  ] as const;
  const log = MadeLog.ofSize(66_000);
  const root = log.root();
  for (const [name, path, lie, expected] of rows) {
    log.lies.clear();
    log.lies.set(path, lie(await log.read(path, 1 << 20)));
    await expect(new Tiles(log.read, log.size, root).entry(768n), name).rejects.toThrow(expected);
  }
});

test("what failed is fetched again", async () => {
  const log = MadeLog.ofSize(300);
  const tiles = tilesOf(log);
  log.lies.set("tile/0/001.p/44", undefined);
  await expect(tiles.entry(0n)).rejects.toThrow("not-found");
  log.lies.clear();
  expect((await tiles.entry(0n)).entry.length).toBe(7);
});

test("another root than that of the tiles is refused, and a tree that is no continuation", async () => {
  const log = MadeLog.ofSize(300);
  const other = new Tiles(log.read, 300n, log.root(299));
  await expect(other.leaf(0n)).rejects.toThrow("the log's tiles come to the root");
  await expect(tilesOf(log).consistency(200n, log.root(201))).rejects.toThrow("the proof leads to the older root");
});
