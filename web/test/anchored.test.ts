import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { readAnchored } from "../src/app/engine/anchored.ts";
import type { Under } from "../src/app/engine/protocol.ts";
import { Tiles } from "../src/app/explore/tiles.ts";
import { anchoredUnder } from "../src/app/judged.ts";
import { eventsOf, sizesOf } from "../src/app/status/anchor-points.ts";
import { checkBelongs } from "../src/app/status/belongs.ts";
import { bySize, Judging } from "../src/app/status/judging.ts";
import { concat, toBase64, toHex, toUtf8 } from "../src/verify/bytes.ts";
import { parseEvidence } from "../src/verify/evidence.ts";
import { anchorOf, made, rootOver, selector, transaction } from "./ethereum/made.ts";
import { blocks, bytes } from "./ethereum/vectors.ts";
import { MadeLog } from "./made-log.ts";
import { vectors } from "./vectors.ts";

const docs = resolve(import.meta.dirname, "../../docs");
const example = JSON.parse(readFileSync(resolve(docs, "evidence.example.json"), "utf8"));
const trust = readFileSync(resolve(docs, "trust.example.toml"), "utf8");
const under = (trusted: string, blocks = ""): Under => ({ trust: trusted, blocks });
const read = (evidence: unknown, trusted = "", at = 0, blocks = "") =>
  readAnchored(toUtf8(JSON.stringify(evidence)), under(trusted, blocks), at);

/** A block that holds nothing of the log, whatever it says. */
const block = (header: Uint8Array) => ({
  kind: "ethereum",
  chain_id: 1,
  header: toBase64(header),
  index: 0,
  transaction: "AA==",
  transaction_proof: ["AA=="],
  receipt: "AA==",
  receipt_proof: ["AA=="],
  path: { index: 0, size: 1, hashes: [] },
});

test("evidence shows what it is of and the times that it names, whoever is trusted", () => {
  const came = read(example);
  expect(came).toMatchObject({ size: 3n, index: expect.any(BigInt), under: under(""), outcome: "not-checked" });
  expect(came.origin).toBe(example.receipt.split("\n\n")[1]?.split("\n")[0]);
  expect(came.anchors).toEqual([{ kind: "time-stamp", name: "dev", time: expect.any(Number), outcome: "not-checked" }]);
});

const time = () => read(example).anchors[0]?.time ?? 0;

test("what counts is what holds under whom one trusts", () => {
  const at = time() + 60;
  const good = read(example, trust, at);
  expect(good.sentence).toMatch(/^Verified: /);
  expect(good).toMatchObject({ under: under(trust), outcome: "passed" });
  const policy = /policy = """\n([\s\S]*?)"""/.exec(trust)?.[1] ?? "";
  const alone = read(example, policy, at);
  expect(alone.outcome).toBe("not-checked");
  expect(alone.sentence).toContain("no time-stamping authority is trusted");
  expect(alone.anchors.map(({ outcome }) => outcome)).toEqual(["not-checked"]);
});

test("beside an anchor that holds, another counts no more than it is worth", () => {
  const [anchor] = example.anchors;
  const renamed = { ...anchor, authority: "bank" };
  const unknown = { kind: "horoscope", sign: "♎" };
  const came = read({ ...example, anchors: [unknown, renamed] }, trust, time() + 60);
  expect(came.outcome).toBe("passed");
  // A name that somebody gave it is not that under which it holds.
  expect(came.anchors).toEqual([
    { kind: "horoscope", name: "horoscope", time: undefined, outcome: "not-checked" },
    { kind: "time-stamp", name: "dev", time: expect.any(Number), outcome: "passed" },
  ]);
  expect(came.anchors[1]?.time).toBeGreaterThanOrEqual(time());
});

test("a block counts where a list names it, and not otherwise", () => {
  const signed = parseEvidence(toUtf8(JSON.stringify(example))).receipt.note.bytes;
  const { record, blockHash } = made({ transaction: transaction(concat(selector, rootOver(signed))) });
  const both = { ...example, anchors: [...example.anchors, anchorOf(record)] };
  const trusted = `${trust}\n[[ethereum]]\nname = "own"\nchain_id = 31337\n`;
  const list = (hash: string) => `chain 31337\n23000000 0x${hash}\n`;
  const outcomes = (blocks: string) => read(both, trusted, 4_000_000_000, blocks).anchors.map(({ outcome }) => outcome);
  expect(outcomes("")[1]).toBe("not-checked");
  expect(outcomes(list(toHex(blockHash)))[1]).toBe("passed");
  // It is left out, and takes nothing from the other one.
  expect(outcomes(list("ab".repeat(32)))).toEqual(["passed", "not-checked"]);
});

test("no anchor counts on a checkpoint that fails", () => {
  const other = { ...example, receipt: example.receipt.replace(/\n([A-Za-z0-9+/]{43}=)\n/, `\n${"A".repeat(43)}=\n`) };
  const came = read(other, trust, time() + 60);
  expect(came.outcome).toBe("failed");
  expect(came.anchors.map(({ outcome }) => outcome)).toEqual(["failed"]);
  expect(sizesOf([came])).toEqual([]);
});

test("only what holds is a dot, and on the lane of an authority's own name", () => {
  const good = read(example, trust, time() + 60);
  expect(sizesOf([good])).toEqual([{ at: good.anchors[0]?.time, value: 3, mark: "anchored" }]);
  expect(eventsOf(good).map(({ lane, outcome }) => [lane, outcome])).toEqual([["dev", "passed"]]);
  // Judged under another trust, it says nothing under this one.
  const now = anchoredUnder(good, under(""));
  expect(now).toMatchObject({ outcome: "not-checked", under: under("") });
  expect(sizesOf([now])).toEqual([]);
  expect(eventsOf(now).map(({ lane, outcome }) => [lane, outcome])).toEqual([["says it is dev", "not-checked"]]);
  expect(anchoredUnder(good, under(trust))).toBe(good);
  expect(anchoredUnder(good, under(trust, "0x")).outcome).toBe("not-checked");
});

test("evidence is refused that is of another log, entry or tree", async () => {
  const log = MadeLog.ofSize(600);
  const tree = new Tiles(log.read, 600n, log.root());
  const own = { ...read(example), origin: "a", index: 5n, size: 300n, root: log.root(300) };
  await checkBelongs(own, 5n, "a", tree);
  const rows = [
    [own, 5n, "b", "is of another log, a"],
    [own, 6n, "a", "is of another entry, 5"],
    [{ ...own, size: 601n }, 5n, "a", "newer than that shown here"],
    [{ ...own, root: log.root(299) }, 5n, "a", "is of another tree of 300 entries"],
  ] as const;
  for (const [one, index, origin, why] of rows) {
    await expect(checkBelongs(one, index, origin, tree), why).rejects.toThrow(why);
  }
});

test("evidence is judged once by each that is gone by, and shown only by that", async () => {
  const asked: string[] = [];
  const judging = new Judging(async (_, by) => {
    asked.push(`${by.trust} ${by.blocks}`);
    return { ...read(example), under: by, outcome: "passed" };
  });
  const found = { evidence: new Uint8Array(), read: read(example) };
  const [one, two] = [under("1"), under("1", "0x")];
  expect(judging.now(found, one).outcome).toBe("not-checked");
  await Promise.all([judging.judge(found, one), judging.judge(found, one)]);
  await judging.judge(found, one);
  expect(asked).toEqual(["1 "]);
  expect(judging.now(found, one).outcome).toBe("passed");
  expect(judging.now(found, two).outcome).toBe("not-checked");
  await judging.judge(found, two);
  expect(judging.now(found, two).outcome).toBe("passed");
  expect(asked).toEqual(["1 ", "1 0x"]);
});

test("of a size, the anchors of all its evidence are shown, and the best that any came to", () => {
  const good = read(example, trust, time() + 60);
  const other = { ...good, size: 2n };
  const claims = { ...read(example), anchors: [{ kind: "x", name: "x", time: 1, outcome: "not-checked" as const }] };
  const all = bySize([claims, good, good, other]);
  expect(all.map(({ size }) => size)).toEqual([2n, 3n]);
  expect(all[1]?.outcome).toBe("passed");
  expect(all[1]?.anchors.map(({ name }) => name)).toEqual(["x", "dev"]);
});

test.skipIf(vectors === undefined)("a block shows its number and its time, if its header can be read", () => {
  const real = blocks().values().next().value;
  if (real === undefined) {
    throw new Error("there are no blocks");
  }
  const anchors = [...example.anchors, block(bytes(real.header_rlp)), block(Uint8Array.of(1))];
  const came = read({ ...example, anchors });
  expect(came.anchors.slice(1)).toEqual([
    { kind: `block ${real.number}`, name: "Ethereum mainnet (chain 1)", time: real.timestamp, outcome: "not-checked" },
    { kind: "block", name: "Ethereum mainnet (chain 1)", time: undefined, outcome: "not-checked" },
  ]);
});

test("what is no evidence is refused", () => {
  for (const text of ["", "{}", "<html>", JSON.stringify({ ...example, anchors: 5 })]) {
    expect(() => readAnchored(toUtf8(text), under(""), 0), text).toThrow();
  }
});
