import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { endpoints } from "../src/app/about/api.ts";
import { keysOf } from "../src/app/about/policy.ts";
import { address, readRoute } from "../src/app/routes.ts";

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
