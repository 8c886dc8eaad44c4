import { resolve } from "node:path";
import { build, type Rolldown } from "vite";
import { expect, test } from "vitest";
import { newerInScript, newerInStyle } from "./newer.ts";

/** What libraries ask whether it is there before they use it, or use only if they are asked to, which they are not. */
const unused = ["Temporal", "Uint8Array.fromHex", "isWellFormed", "moveBefore"];

/** All scripts and style sheets, as they are built. */
async function built(mode: "production" | "single"): Promise<{ scripts: string[]; styles: string[] }> {
  const root = resolve(import.meta.dirname, "..");
  const came = await build({ root, mode, logLevel: "silent", build: { write: false } });
  const files = [came].flat().flatMap((one) => ("output" in one ? one.output : []));
  const texts = files.map((file): [string, string] => [file.fileName, textOf(file)]);
  const ending = (end: string) => texts.flatMap(([name, text]) => (name.endsWith(end) ? [text] : []));
  const within = (element: string) => {
    const found = new RegExp(`<${element}[^>]*>([\\s\\S]*?)</${element}>`, "g");
    return ending(".html").flatMap((page) => [...page.matchAll(found)].map(([, text = ""]) => text));
  };
  return {
    scripts: [...ending(".js"), ...within("script")].filter((text) => text !== ""),
    styles: [...ending(".css"), ...within("style")],
  };
}

function textOf(file: Rolldown.OutputChunk | Rolldown.OutputAsset): string {
  return file.type === "chunk" ? file.code : Buffer.from(file.source).toString();
}

test("what is built asks nothing of a browser that those of 2021 do not have", async () => {
  for (const [mode, least] of [
    ["production", 8],
    ["single", 1],
  ] as const) {
    const { scripts, styles } = await built(mode);
    expect(scripts.length, mode).toBeGreaterThanOrEqual(least);
    expect(scripts.join("").length, mode).toBeGreaterThan(200_000);
    expect(styles.join("").length, mode).toBeGreaterThan(5_000);
    const found = new Map(scripts.flatMap((script) => [...newerInScript(script)]));
    expect([...found.keys()].sort(), mode).toEqual(unused);
    expect(
      styles.flatMap((style) => [...newerInStyle(style)]),
      mode,
    ).toEqual([]);
  }
});

test("what is newer is found, however it is asked for", () => {
  const worker = JSON.stringify(`${" ".repeat(10_000)}structuredClone({})`);
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ["structuredClone({})", ["structuredClone"]],
    ["const { structuredClone: copy } = globalThis", ["structuredClone"]],
    [`const worker = ${worker}`, ["structuredClone"]],
    ["[1].findLast(Boolean); new Set().union(new Set())", ["findLast", "union"]],
    ["AbortSignal.timeout(5); promise.timeout(5)", ["AbortSignal.timeout"]],
    ["controller.signal.reason; check.reason", ["signal.reason"]],
    ["const [a] = [/(?<=a)b/u]", ["lookbehind"]],
    ["RegExp('(?<!a)b'); RegExp('a', 'u')", ["lookbehind"]],
    ["new RegExp(`[a--b]`, 'v')", ["the flag v"]],
    ["/[a--b]/v", ["the flag v"]],
    ["/(?i:a)/; /(?:a)(?=b)(?!c)(?<name>d)/", ["modifiers in an expression"]],
    ["class It { static { It.a = 1; } static b = 2; #c; }", ["a static block of a class"]],
    ["{ using it = open(); }", ["using"]],
    ['import it from "./it.json" with { type: "json" }', ["attributes of an import"]],
    ['new Worker("it.js", { type: "module" }); new Worker("it.js", { name: "it" })', ["a worker that is a module"]],
    ["[].at(-1); Object.hasOwn({}, 'a'); 'a'.replaceAll('a', 'b'); a ??= b?.c; await it; /a/d", []],
  ];
  for (const [code, expected] of rows) {
    expect([...newerInScript(code).keys()], code).toEqual(expected);
  }
  expect(() => newerInScript("const")).toThrow("this is no script");
});

test("and so it is in a style sheet", () => {
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ["a{color:red;& b{color:blue}}", ["a rule in another"]],
    ["@media print{a{b{color:red}}}", ["a rule in another"]],
    ["a:has(b){color:red}", [":has()"]],
    ["a{color:oklch(0.5 0.1 20)}", ["colours of other spaces"]],
    ["a{color:color-mix(in srgb,red,blue);height:100dvh}", ["color-mix()", "dvh and its like"]],
    ["@media (width<=42rem){a{color:red}}", ["a range of @media"]],
    ["@layer a{b{color:red}}", ["@layer"]],
    ["a>b{color:red}@keyframes c{0%{color:red}to{color:blue}}@media (max-width:42rem){a,b{color:red}c{d:e}}", []],
  ];
  for (const [text, expected] of rows) {
    expect([...newerInStyle(text).keys()], text).toEqual(expected);
  }
});
