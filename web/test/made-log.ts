/** A log made in memory, of any entries: its tiles, bundles and roots, by the definition of the tree and not by the code under test. */

import { createHash } from "node:crypto";
import { LogError } from "../src/app/log.ts";

const WIDTH = 256;

export class MadeLog {
  /** Per level of tiles, the hashes on it. */
  readonly #levels: Uint8Array[][] = [];
  readonly entries: readonly Uint8Array[];
  /** What was read of it. */
  readonly asked: string[] = [];
  /** What it answers instead, by path; undefined for nothing at all. */
  readonly lies = new Map<string, Uint8Array | undefined>();

  constructor(entries: readonly Uint8Array[]) {
    this.entries = entries;
    let hashes = entries.map((entry) => digest(Uint8Array.of(0), entry));
    while (hashes.length > 0) {
      this.#levels.push(hashes);
      const next: Uint8Array[] = [];
      for (let at = 0; at + WIDTH <= hashes.length; at += WIDTH) {
        next.push(treeHash(hashes.slice(at, at + WIDTH)));
      }
      hashes = next;
    }
  }

  static ofSize(size: number): MadeLog {
    return new MadeLog(Array.from({ length: size }, (_, index) => new TextEncoder().encode(`entry ${index}`)));
  }

  get size(): bigint {
    return BigInt(this.entries.length);
  }

  /** RFC 9162, section 2.1.1, over the leaf hashes. */
  root(size = this.entries.length): Uint8Array {
    return this.node(0, size);
  }

  node(start: number, end: number): Uint8Array {
    return treeHash((this.#levels[0] ?? []).slice(start, end));
  }

  /** Reads as the log's HTTP does, of tiles of this size and of whole ones. */
  readonly read = async (path: string, limit: number): Promise<Uint8Array> => {
    this.asked.push(path);
    const bytes = this.lies.has(path) ? this.lies.get(path) : this.#at(path);
    if (bytes === undefined) {
      throw new LogError("not-found", 404);
    }
    if (bytes.length > limit) {
      throw new LogError("too long", 0);
    }
    return bytes;
  };

  #at(path: string): Uint8Array | undefined {
    const [, level = "", indexText = "", width = "256"] =
      /^tile\/(entries|[0-9]+)\/([x0-9/]+?)(?:\.p\/([0-9]+))?$/.exec(path) ?? [];
    const first = Number(indexText.replace(/[x/]/g, "")) * WIDTH;
    const end = first + Number(width);
    if (level === "entries") {
      const entries = this.entries.slice(first, end);
      return entries.length < Number(width) ? undefined : Buffer.concat(entries.map(withLength));
    }
    const hashes = this.#levels[Number(level)]?.slice(first, end) ?? [];
    return hashes.length < Number(width) ? undefined : Buffer.concat(hashes);
  }
}

function withLength(entry: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(entry.length >> 8, entry.length & 0xff), entry]);
}

function treeHash(hashes: readonly Uint8Array[]): Uint8Array {
  const [only] = hashes;
  if (hashes.length <= 1) {
    return only ?? digest();
  }
  let half = 1;
  while (2 * half < hashes.length) {
    half *= 2;
  }
  return digest(Uint8Array.of(1), treeHash(hashes.slice(0, half)), treeHash(hashes.slice(half)));
}

function digest(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) {
    hash.update(part);
  }
  return new Uint8Array(hash.digest());
}
