import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fromBase64 } from "../src/verify/bytes.ts";
import { VerifyError } from "../src/verify/checks.ts";
import { vectors } from "./vectors.ts";

/** The bytes of a file of the test vectors. */
export function vectorFile(path: string): Uint8Array {
  return new Uint8Array(readFileSync(join(vectors ?? "", path)));
}

/** The rows of a file of the test vectors with a JSON object on each line. Integers beyond what numbers hold are strings. */
export function vectorRows<Row>(path: string): Row[] {
  const lines = new TextDecoder().decode(vectorFile(path)).split("\n");
  return lines
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line.replace(/":\s*([0-9]{16,})/g, '":"$1"')) as Row);
}

/** The rows of a table of the test vectors, by the names of the columns. */
export function vectorTable(path: string): Record<string, string>[] {
  const [head = "", ...rows] = new TextDecoder().decode(vectorFile(path)).split("\n");
  const names = head.split("\t");
  return rows
    .filter((row) => row !== "")
    .map((row) => Object.fromEntries(row.split("\t").map((cell, at) => [names[at] ?? "", cell])));
}

/** What was read, or why not. Any other error is a fault. */
export function attempt<T>(read: () => T): { value: T } | { error: string } {
  try {
    return { value: read() };
  } catch (error) {
    if (error instanceof VerifyError) {
      return { error: error.message };
    }
    throw error;
  }
}

/** Whether it is accepted. Any other error than a refusal is a fault. */
export function accepts(check: () => unknown): boolean {
  return "value" in attempt(check);
}

/** Bytes of base64 that must be some. */
export function bytesOf(text: string): Uint8Array {
  const bytes = fromBase64(text);
  if (bytes === undefined) {
    throw new Error(`no base64: ${text.slice(0, 40)}`);
  }
  return bytes;
}
