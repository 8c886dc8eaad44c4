/**
 * What browsers had only after those that the pages promise to work in (vite.config.ts), each with the first versions of promised kinds to have it,
 * by MDN's browser-compat-data 8.1.9. What a program asks for by a name that older objects have, too (`map` of an iterator, a stream in
 * `for await`), cannot be seen by its name. What only looks plainer where it is not known (`text-wrap`) is not in it.
 */

import { type ESTree, parseSync, Visitor } from "vite";

/** Names of the language and of browsers, wherever they stand; with a dot, of that object alone. */
const names: Readonly<Record<string, string>> = {
  "AbortSignal.any": "Chrome 116, Firefox 124, Safari 17.4",
  "AbortSignal.timeout": "Chrome 124, Firefox 100, Safari 16",
  adoptedStyleSheets: "Firefox 101, Safari 16.4",
  asyncDispose: "Chrome 127, Firefox 141",
  checkVisibility: "Chrome 105, Firefox 106, Safari 17.4",
  CompressionStream: "Firefox 113, Safari 16.4",
  DecompressionStream: "Firefox 113, Safari 16.4",
  "Error.isError": "Chrome 134, Firefox 138",
  findLast: "Chrome 97, Firefox 104",
  findLastIndex: "Chrome 97, Firefox 104",
  Float16Array: "Chrome 135, Firefox 129, Safari 18.2",
  fromAsync: "Chrome 121, Firefox 115, Safari 16.4",
  getOrInsert: "Chrome 145, Firefox 144, Safari 26.2",
  getOrInsertComputed: "Chrome 145, Firefox 144, Safari 26.2",
  groupBy: "Chrome 117, Firefox 119, Safari 17.4",
  inert: "Chrome 102, Firefox 112, Safari 15.5",
  "Intl.DurationFormat": "Chrome 129, Firefox 136, Safari 16.4",
  "Intl.Segmenter": "Firefox 125",
  "Intl.supportedValuesOf": "Chrome 99",
  intersection: "Chrome 122, Firefox 127, Safari 17",
  isDisjointFrom: "Chrome 122, Firefox 127, Safari 17",
  isSubsetOf: "Chrome 122, Firefox 127, Safari 17",
  isSupersetOf: "Chrome 122, Firefox 127, Safari 17",
  isWellFormed: "Chrome 111, Firefox 119, Safari 16.4",
  Iterator: "Chrome 122, Firefox 131, Safari 18.4",
  moveBefore: "Chrome 133, Firefox 144",
  "navigator.locks": "Firefox 96",
  OffscreenCanvas: "Firefox 105, Safari 16.4",
  postTask: "Firefox 142",
  "Promise.try": "Chrome 128, Firefox 134, Safari 18.2",
  randomUUID: "Firefox 95",
  rawJSON: "Chrome 114, Firefox 135, Safari 18.4",
  "ReadableStream.from": "Firefox 117",
  "RegExp.escape": "Chrome 136, Firefox 134, Safari 18.2",
  replaceSync: "Firefox 101, Safari 16.4",
  requestIdleCallback: "none of Safari",
  setFromBase64: "Chrome 140, Firefox 133, Safari 18.2",
  setFromHex: "Chrome 140, Firefox 133, Safari 18.2",
  setHTMLUnsafe: "Chrome 124, Firefox 123, Safari 26",
  SharedWorker: "Safari 16",
  showModal: "Firefox 98",
  showOpenFilePicker: "none of Firefox and Safari",
  showPopover: "Chrome 114, Firefox 125, Safari 17",
  "signal.reason": "Chrome 98, Firefox 97",
  startViewTransition: "Chrome 111, Firefox 144, Safari 18",
  "storage.getDirectory": "Firefox 111",
  structuredClone: "Chrome 98",
  "Symbol.dispose": "Chrome 125, Firefox 141",
  symmetricDifference: "Chrome 122, Firefox 127, Safari 17",
  Temporal: "Chrome 144, Firefox 139",
  throwIfAborted: "Chrome 100, Firefox 97",
  toBase64: "Chrome 140, Firefox 133, Safari 18.2",
  toReversed: "Chrome 110, Firefox 115, Safari 16",
  toSorted: "Chrome 110, Firefox 115, Safari 16",
  toSpliced: "Chrome 110, Firefox 115, Safari 16",
  toWellFormed: "Chrome 111, Firefox 119, Safari 16.4",
  transferToFixedLength: "Chrome 114, Firefox 122, Safari 17.4",
  "Uint8Array.fromBase64": "Chrome 140, Firefox 133, Safari 18.2",
  "Uint8Array.fromHex": "Chrome 140, Firefox 133, Safari 18.2",
  union: "Chrome 122, Firefox 127, Safari 17",
  "URL.canParse": "Chrome 120, Firefox 115, Safari 17",
  "URL.parse": "Chrome 126, Firefox 126, Safari 18",
  URLPattern: "Firefox 142, Safari 26",
  userAgentData: "none of Firefox and Safari",
  waitAsync: "Firefox 145, Safari 16.4",
  with: "Chrome 110, Firefox 115, Safari 16",
  withResolvers: "Chrome 119, Firefox 121, Safari 17.4",
};

const syntax = {
  attributes: ["attributes of an import", "Chrome 123, Firefox 138, Safari 17.2"],
  block: ["a static block of a class", "Safari 16.4"],
  module: ["a worker that is a module", "Firefox 114"],
  using: ["using", "Chrome 134, Firefox 141"],
} as const;

/** Of a regular expression, with its flags behind it. */
const inExpressions: readonly (readonly [RegExp, string, string])[] = [
  [/\(\?<[=!]/, "lookbehind", "Safari 16.4"],
  [/\(\?(?:[ims]+|[ims]*-[ims]+):/, "modifiers in an expression", "Chrome 125, Firefox 132, Safari 26"],
  [/\/[a-z]*v[a-z]*$/, "the flag v", "Chrome 112, Firefox 116, Safari 17"],
];

const inStyles: readonly (readonly [RegExp, string, string])[] = [
  [/@container\b/, "@container", "Chrome 105, Firefox 110, Safari 16"],
  [/@layer\b/, "@layer", "Chrome 99, Firefox 97"],
  [/@property\b/, "@property", "Firefox 128, Safari 16.4"],
  [/@scope\b/, "@scope", "Chrome 118, Firefox 146, Safari 26.4"],
  [/@starting-style\b/, "@starting-style", "Chrome 117, Firefox 129, Safari 17.5"],
  [/:has\(/, ":has()", "Chrome 105, Firefox 121"],
  [/\bcolor-mix\(/, "color-mix()", "Chrome 111, Firefox 113, Safari 16.2"],
  [/\blight-dark\(/, "light-dark()", "Chrome 123, Firefox 120, Safari 17.5"],
  [/[:\s,(](?:ok)?(?:lab|lch)\(|[:\s,(]color\(/, "colours of other spaces", "Chrome 111, Firefox 113"],
  [/\d[dsl]v(?:h|w|i|b|min|max)\b/, "dvh and its like", "Chrome 108, Firefox 101"],
  [/@media[^{]*[<>]/, "a range of @media", "Chrome 104, Firefox 102, Safari 16.4"],
  // A rule that is none of @'s, in which another one begins.
  [/(?:^|[{};])[^@{};]+\{[^{}]*\{/, "a rule in another", "Chrome 120, Firefox 117, Safari 17.2"],
];

/** A string of a script that is as long as this is a script itself, that of the worker in the page that is one file. */
const A_SCRIPT = 10_000;

type Found = Map<string, string>;

function matched(text: string, table: typeof inStyles, found: Found): void {
  for (const [expression, name, since] of table) {
    if (expression.test(text)) {
      found.set(name, since);
    }
  }
}

/** What of a style sheet those browsers do not have. */
export function newerInStyle(text: string): Found {
  const found: Found = new Map();
  matched(text, inStyles, found);
  return found;
}

/** What of a script those browsers do not have, as it was built or written. */
export function newerInScript(code: string, found: Found = new Map()): Found {
  const { program, errors } = parseSync("it.js", code, { lang: "js" });
  if (errors.length > 0) {
    throw new Error(`this is no script: ${errors[0]?.message}`);
  }
  const add = ([name, since]: readonly [string, string]) => found.set(name, since);
  const named = (name: string) => {
    const since = Object.hasOwn(names, name) ? names[name] : undefined;
    if (since !== undefined) {
      add([name, since]);
    }
  };
  const made = ({ callee, arguments: given }: ESTree.NewExpression | ESTree.CallExpression) => {
    const [first, second] = given;
    if (nameOf(callee) === "RegExp") {
      matched(`/${textOf(first)}/${textOf(second)}`, inExpressions, found);
    }
    if (nameOf(callee) === "Worker" && second?.type === "ObjectExpression") {
      const isType = (one: ESTree.ObjectPropertyKind) => one.type === "Property" && nameOf(one.key) === "type";
      if (second.properties.some(isType)) {
        add(syntax.module);
      }
    }
  };
  new Visitor({
    CallExpression: made,
    Identifier: ({ name }) => named(name),
    ImportAttribute: () => add(syntax.attributes),
    Literal: (literal) => {
      if ("regex" in literal) {
        matched(`/${literal.regex.pattern}/${literal.regex.flags}`, inExpressions, found);
      } else if (typeof literal.value === "string" && literal.value.length > A_SCRIPT) {
        newerInScript(literal.value, found);
      }
    },
    MemberExpression: ({ object, property, computed }) => {
      if (!computed) {
        named(`${nameOf(object)}.${nameOf(property)}`);
      }
    },
    NewExpression: made,
    StaticBlock: () => add(syntax.block),
    VariableDeclaration: ({ kind }) => {
      if (kind.includes("using")) {
        add(syntax.using);
      }
    },
  }).visit(program);
  return found;
}

/** The name that a value is asked for by: its own, or that of the property. */
function nameOf(node: ESTree.Node): string | undefined {
  switch (node.type) {
    case "Identifier":
      return node.name;
    case "MemberExpression":
      return node.computed ? undefined : nameOf(node.property);
    default:
      return undefined;
  }
}

function textOf(node: ESTree.Node | undefined): string {
  if (node?.type === "TemplateLiteral" && node.expressions.length === 0) {
    return node.quasis[0]?.value.cooked ?? "";
  }
  return node?.type === "Literal" && typeof node.value === "string" ? node.value : "";
}
