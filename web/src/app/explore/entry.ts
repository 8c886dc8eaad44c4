/** An entry as people read it: as text, as JSON, as bytes. Entries are anybody's, so nothing of them is taken for more than characters. */

import { fromUtf8, toHex } from "../../verify/bytes.ts";
import { type Json, JsonNumber, parseJson } from "../../verify/json.ts";
import { plainText } from "../plain.ts";

/** Bytes of an entry that are shown before its reader asks for all. */
export const SHOWN_BYTES = 4_096;

export type Form = "text" | "json" | "hex";

/** The forms that an entry has; the first is how it is shown. */
export function formsOf(entry: Uint8Array): readonly Form[] {
  if (textOf(entry) === undefined) {
    return ["hex"];
  }
  return jsonOf(entry) === undefined ? ["text", "hex"] : ["json", "text", "hex"];
}

/** The text of an entry; undefined where it is none. */
export function textOf(entry: Uint8Array): string | undefined {
  const text = fromUtf8(entry);
  // Controls other than those of lines are no text.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text === undefined || text === "" || /[\u0000-\u0008\u000e-\u001f]/.test(text) ? undefined : text;
}

/** An entry in a form, of at most so many bytes of it; undefined where it has no such form. */
export function shownAs(form: Form, entry: Uint8Array, most: number): string | undefined {
  switch (form) {
    case "json": {
      const value = jsonOf(entry);
      return value === undefined ? undefined : cut(plainText(writeJson(value, "")), most);
    }
    case "text": {
      const text = textOf(entry);
      return text === undefined ? undefined : cut(plainText(text), most);
    }
    case "hex":
      return hexDump(entry.subarray(0, most));
  }
}

/** Sixteen bytes a line: where they are, the bytes, and those of ASCII as characters. */
export function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const hex = (toHex(row).match(/../g) ?? []).join(" ").padEnd(47);
    const text = Array.from(row, (byte) => (byte > 0x1f && byte < 0x7f ? String.fromCharCode(byte) : "·")).join("");
    lines.push(`${at.toString(16).padStart(4, "0")}  ${hex}  ${text}`);
  }
  return lines.join("\n");
}

/** The value of an object or an array; single values are text just as well. */
function jsonOf(entry: Uint8Array): Json | undefined {
  const first = entry.find((byte) => byte > 0x20);
  if (first !== 0x7b && first !== 0x5b) {
    return undefined;
  }
  try {
    return parseJson(entry);
  } catch {
    return undefined;
  }
}

/** The value with a line for each member, and numbers as they stand. */
function writeJson(value: Json, indent: string): string {
  if (value instanceof JsonNumber) {
    return value.text;
  }
  const deeper = `${indent}  `;
  const within = (open: string, members: readonly string[], close: string) =>
    members.length === 0
      ? open + close
      : `${open}\n${members.map((member) => deeper + member).join(",\n")}\n${indent}${close}`;
  if (value instanceof Map) {
    const members = Array.from(value, ([key, one]) => `${JSON.stringify(key)}: ${writeJson(one, deeper)}`);
    return within("{", members, "}");
  }
  if (Array.isArray(value)) {
    return within(
      "[",
      (value as readonly Json[]).map((one) => writeJson(one, deeper)),
      "]",
    );
  }
  return JSON.stringify(value);
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : text.slice(0, most);
}
