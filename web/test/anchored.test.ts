import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { readAnchored } from "../src/app/engine/anchored.ts";
import { toBase64, toUtf8 } from "../src/verify/bytes.ts";
import { blocks, bytes } from "./ethereum/vectors.ts";
import { vectors } from "./vectors.ts";

const docs = resolve(import.meta.dirname, "../../docs");
const example = JSON.parse(readFileSync(resolve(docs, "evidence.example.json"), "utf8"));
const trust = readFileSync(resolve(docs, "trust.example.toml"), "utf8");
const read = (evidence: unknown, trusted = "", at = 0) => readAnchored(toUtf8(JSON.stringify(evidence)), trusted, at);

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

test("evidence shows the size and the times that it names, whoever is trusted", async () => {
  const { size, anchors, outcome } = await read(example);
  expect(size).toBe(3n);
  expect(anchors).toEqual([{ kind: "time-stamp", name: "dev", time: expect.any(Number) }]);
  expect(outcome).toBe("not-checked");
});

test("what counts is what holds under whom one trusts", async () => {
  const at = (await read(example)).anchors[0]?.time ?? 0;
  expect((await read(example, trust, at + 60)).sentence).toMatch(/^Verified: /);
  const policy = /policy = """\n([\s\S]*?)"""/.exec(trust)?.[1] ?? "";
  expect((await read(example, policy, at + 60)).outcome).toBe("not-checked");
  const other = { ...example, receipt: example.receipt.replace(/\n([A-Za-z0-9+/]{43}=)\n/, `\n${"A".repeat(43)}=\n`) };
  expect((await read(other, trust, at + 60)).outcome).toBe("failed");
});

test.skipIf(vectors === undefined)("a block shows its number and its time, if its header can be read", async () => {
  const real = blocks().values().next().value;
  if (real === undefined) {
    throw new Error("there are no blocks");
  }
  const anchors = [...example.anchors, block(bytes(real.header_rlp)), block(Uint8Array.of(1))];
  const came = await read({ ...example, anchors });
  expect(came.anchors.slice(1)).toEqual([
    { kind: `block ${real.number}`, name: "Ethereum mainnet (chain 1)", time: real.timestamp },
    { kind: "block", name: "Ethereum mainnet (chain 1)", time: undefined },
  ]);
});

test("what is no evidence is refused", async () => {
  for (const text of ["", "{}", "<html>", JSON.stringify({ ...example, anchors: 5 })]) {
    await expect(readAnchored(toUtf8(text), "", 0), text).rejects.toThrow();
  }
});
