import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { endpoints } from "../src/app/about/api.ts";
import { keysOf } from "../src/app/about/policy.ts";
import { PLACEHOLDER, witnessCommands } from "../src/app/about/witness.ts";
import { address, readRoute } from "../src/app/routes.ts";
import { shellWord } from "../src/app/shell-words.ts";

test("the endpoints are those of the log's own list", () => {
  const source = readFileSync(resolve(import.meta.dirname, "../../log-server/src/http/reads.rs"), "utf8");
  const list = /const ENDPOINTS: &str = "\n([\s\S]*?)\n\n/.exec(source)?.[1] ?? "";
  const own = list.split("\n").map((line) => line.split(/ {2,}|(?<=^POST) |(?<=^GET) +/).slice(0, 2));
  expect(own.length).toBeGreaterThan(5);
  expect(endpoints.map(({ method, path }) => [method, path])).toEqual(own);
});

test("keys are taken out of a policy as it names them", () => {
  const policy = [
    "# a comment",
    "log log.example/one+0badc0de+AQ==",
    "\twitness  w1 \t witness.example/w1+12345678+BA== https://witness.example/",
    "witness w2 only\u202ename+1+x",
    "group Q 1 w1",
    "witness",
    "log",
    "quorum Q",
  ].join("\n");
  expect(keysOf(policy)).toEqual([
    { kind: "log", name: "log.example/one", vkey: "log.example/one+0badc0de+AQ==", url: undefined },
    { kind: "witness", name: "w1", vkey: "witness.example/w1+12345678+BA==", url: "https://witness.example/" },
    { kind: "witness", name: "w2", vkey: "only\\u{202e}name+1+x", url: undefined },
  ]);
  expect(keysOf("log a+1+AQ==\n".repeat(10_000)).length).toBe(512);
});

/** What would run, or be read as something else, if a shell saw it. */
const hostile = ["'; id; '", "'", "a b", "$(id)", "`id`", "a;id", "a|id", "a&id", "a>b", "\\", '"', "~", "*", "{}", ""];

test("a shell reads a word as it is, whatever stands in it", () => {
  for (const text of [...hostile, "https://log.example/a/?from=1&to=2", "log.example/one+0badc0de+AQ=="]) {
    const read = execFileSync("/bin/sh", ["-c", `printf %s ${shellWord(text)}`], { encoding: "utf8" });
    expect(read, text).toBe(text);
  }
  expect(shellWord("log.example/one+0badc0de+AQ==")).toBe("log.example/one+0badc0de+AQ==");
});

test("the log's key stands in a command only if a shell reads nothing into it", () => {
  const add = (policy: string) => witnessCommands(keysOf(policy))[1];
  const command = "counterfoil witness add-log --config my-witness";
  expect(add("log log.example/one+0badc0de+AQ==\n")).toBe(`${command} log.example/one+0badc0de+AQ==`);
  for (const name of [...hostile.filter((text) => !/\s|^$/.test(text)), "--config", "a\u202eb", "a".repeat(1_000)]) {
    expect(add(`log ${name}+0badc0de+AQ==\n`), name).toBe(`${command} ${PLACEHOLDER}`);
  }
  for (const policy of ["", "log log.example/one+0badc0de\n", "log log.example/one+0badc0de+$AQ==$(id)+x\n"]) {
    expect(add(policy), policy).toBe(`${command} ${PLACEHOLDER}`);
  }
});

test("an address stands in examples as one word of a shell", () => {
  const base = "https://log.example/it's;id&/";
  for (const { path, example } of endpoints) {
    const words = example(base);
    expect(words, path).toContain("'https://log.example/it'\\''s;id&/");
    execFileSync("/bin/sh", ["-n", "-c", words]);
  }
});

test("an address names a page, and what names none is the first", () => {
  for (const page of ["verify", "explore", "audit", "status", "about"] as const) {
    expect(readRoute(address(page)).page).toBe(page);
  }
  expect(address("verify")).toBe("#/");
  expect(readRoute(address("explore", { index: "5" })).query.get("index")).toBe("5");
  for (const hash of ["", "#", "#/", "#/nothing", "#/__proto__", "#/explore/more", "#explored"]) {
    expect(readRoute(hash).page, hash).toBe("verify");
  }
});
