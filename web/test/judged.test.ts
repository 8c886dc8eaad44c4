import { createHash, generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { verdictOf } from "../src/app/audit/verdict.ts";
import { readHead } from "../src/app/engine/head.ts";
import { checkpointOf, compared } from "../src/app/explore/compared.ts";
import { Tiles } from "../src/app/explore/tiles.ts";
import { headUnder } from "../src/app/judged.ts";
import { LogError } from "../src/app/log.ts";
import { answerTo } from "../src/app/use-async.ts";
import { toUtf8 } from "../src/verify/bytes.ts";
import type { Check } from "../src/verify/checks.ts";
import { MadeLog } from "./made-log.ts";
import { MadeService } from "./made-service.ts";

const log = MadeLog.ofSize(600);
const service = new MadeService(log);
const head = (trust: string, size = 600) => readHead(toUtf8(service.checkpoint(size)), trust);
const stranger = new MadeService(log).policy;

const checks = (entries: Check["outcome"] = "passed", root: Check["outcome"] = "passed"): Check[] => [
  { name: "entries", outcome: entries, reason: "" },
  { name: "tiles", outcome: "passed", reason: "" },
  { name: "root", outcome: root, reason: "" },
];

test("a checkpoint says under which trust it was judged, and nothing under another", () => {
  const verified = head(service.policy);
  expect(verified).toMatchObject({ outcome: "passed", trust: service.policy });
  expect(headUnder(verified, service.policy)).toBe(verified);
  for (const trust of ["", stranger]) {
    const now = headUnder(verified, trust);
    expect(now).toMatchObject({ outcome: "not-checked", quorum: undefined, trust });
    expect(now.checks.map(({ outcome }) => outcome)).toEqual(["not-checked"]);
  }
});

test("an audit is verified only under one's own trust, with every entry looked at", () => {
  const verified = head(service.policy);
  const rows = [
    ["all of it", checks(), "entries", verified, "mine", "passed", "The log is whole"],
    ["the log's own word", checks(), "entries", verified, "log", "not-checked", "The log is whole"],
    ["trust taken back", checks(), "entries", headUnder(verified, ""), "mine", "not-checked", "The log is whole"],
    ["nobody trusted", checks(), "entries", head(""), "mine", "not-checked", "The log is whole"],
    [
      "a signature that fails",
      checks(),
      "entries",
      head(stranger),
      "mine",
      "failed",
      "The checkpoint of this log does not verify",
    ],
    [
      "hashes alone",
      checks("not-checked"),
      "hashes",
      verified,
      "mine",
      "not-checked",
      "The hashes fit together; no entry was looked at",
    ],
    [
      "hashes alone, of a checkpoint that fails",
      checks("not-checked"),
      "hashes",
      head(stranger),
      "mine",
      "failed",
      "The checkpoint of this log does not verify",
    ],
    [
      "another root",
      checks("passed", "failed"),
      "entries",
      verified,
      "mine",
      "failed",
      "This log is not what its checkpoint says",
    ],
  ] as const;
  for (const [name, made, depth, of, choice, outcome, title] of rows) {
    expect(verdictOf(made, depth, of, choice), name).toMatchObject({ outcome, title });
  }
});

test("why a checkpoint does not count is in the audit's sentence", () => {
  expect(verdictOf(checks(), "entries", head(stranger), "mine").sentence).toMatch(
    /not signed as you demand: log signature: /,
  );
  expect(verdictOf(checks(), "entries", head(""), "mine").sentence).toContain("not known: nobody is trusted yet.");
  const pending = verdictOf(checks(), "entries", headUnder(head(""), stranger), "mine").sentence;
  expect(pending).toContain("is being verified under whom you trust now");
});

test("an answer is shown with the keys that it was made of, and with no others", () => {
  const tree = {};
  const kept = { keys: [tree, "trust"], came: { value: 5, error: undefined, busy: false } };
  expect(answerTo(kept, [tree, "trust"]).value).toBe(5);
  const nothing = { value: undefined, error: undefined, busy: true };
  for (const keys of [[tree, "other"], [{}, "trust"], [tree], [tree, "trust", 1]]) {
    expect(answerTo(kept, keys)).toEqual(nothing);
  }
  expect(answerTo(undefined, [tree, "trust"])).toEqual(nothing);
});

const tiles = new Tiles(log.read, 600n, log.root());

test("an older checkpoint is compared with a tree, whose size the result names", async () => {
  const came = await compared(head("", 400), tiles, service.origin);
  expect(came).toMatchObject({ size: 600n, error: undefined, older: { size: 400n } });
  expect(came.proof?.length).toBeGreaterThan(0);
  const other = readHead(toUtf8(service.checkpoint(400, log.root(399))), "");
  expect(await compared(other, tiles, service.origin)).toMatchObject({ proof: undefined, error: expect.any(String) });
  const smaller = new Tiles(log.read, 300n, log.root(300));
  expect((await compared(head("", 400), smaller, service.origin)).error).toContain("more entries than the log shows");
  await expect(compared(head("", 400), tiles, "other.example/log")).rejects.toThrow("of another log");
});

test("an answer that does not come, or is cut off, is no inconsistency", async () => {
  for (const error of [new LogError("the log answers 503", 503), new DOMException("timed out", "TimeoutError")]) {
    const silent = { size: 600n, consistency: () => Promise.reject(error) };
    await expect(compared(head("", 400), silent, service.origin)).rejects.toBe(error);
  }
});

test("tiles that are not of the tree are no inconsistency", async () => {
  const lying = MadeLog.ofSize(600);
  lying.lies.set("tile/0/001", new Uint8Array(256 * 32));
  const wrong = new Tiles(lying.read, 600n, lying.root());
  await expect(compared(head("", 400), wrong, service.origin)).rejects.toThrow("tile/0/001");
});

test("the checkpoint in a receipt is what follows its proof", () => {
  const checkpoint = service.checkpoint(400);
  expect(checkpointOf(toUtf8(`c2sp.org/tlog-proof@v1\nindex 0\n\n${checkpoint}`))).toEqual(toUtf8(checkpoint));
  expect(checkpointOf(toUtf8(checkpoint))).toEqual(toUtf8(checkpoint));
});

/** A witness's key (C2SP signed-note, type 4) that signs nothing here. */
function witnessKey(name: string): string {
  const material = Buffer.concat([
    Uint8Array.of(4),
    generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "der" }).subarray(-32),
  ]);
  const id = createHash("sha256").update(`${name}\n`).update(material).digest().subarray(0, 4);
  return `${name}+${id.toString("hex")}+${material.toString("base64")}`;
}

test("a quorum that is not reached is shown, with who is missing", () => {
  const policy = `log ${service.vkey}\nwitness w ${witnessKey("w.example")}\ngroup g 1 w\nquorum g\n`;
  const { outcome, quorum } = head(policy);
  expect(outcome).toBe("failed");
  expect(quorum).toMatchObject({ kind: "group", isMet: false, needed: 1, members: [{ name: "w", isMet: false }] });
  // Of a checkpoint that is not the log's, nothing is said of who cosigned it.
  expect(head(policy.replace(service.vkey, new MadeService(log).vkey)).quorum).toBeUndefined();
});
