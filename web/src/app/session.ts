/**
 * What the user gave, and what it came to: files are looked at, proofs are paired with records, and each pair is verified, in workers. Views
 * are told of changes, no more often than they can draw them.
 */

import { ask, inParallel } from "./engine/engine.ts";
import type { Job, Judgement, Kind, Looked } from "./engine/protocol.ts";
import { said } from "./words.ts";

/** More files are not taken at once. */
export const MAX_FILES = 50_000;

/** A file that was given. */
export interface Item {
  readonly id: number;
  /** With the folders that it was given in. */
  readonly path: string;
  readonly name: string;
  readonly file: File;
  looked: Looked | undefined;
  /** Bytes that were read. */
  progress: number;
  error: string | undefined;
}

/** A proof, what it is compared with, and what that came to. */
export interface Pair {
  readonly proof: Item;
  readonly record: Item | undefined;
  /** Hashes of blocks that the user gave for it. */
  given: readonly string[];
  judgement: Judgement | undefined;
  /** Why nothing was judged. */
  error: string | undefined;
}

/** A file with its path. */
export interface Given {
  readonly path: string;
  readonly file: File;
}

const proofs: ReadonlySet<Kind> = new Set<Kind>(["evidence", "receipt", "checkpoint", "token"]);

export class Session {
  items: Item[] = [];
  pairs: Pair[] = [];
  /** Whether files were given that were too many, and left out. */
  leftOut = false;
  #trust = "";
  #blocks = "";
  #next = 1;
  /** Ends what is being verified: for other files, or under another trust, or because nobody wants to wait. */
  #verifying = new AbortController();
  #scheduled = false;
  readonly #told: () => void;

  constructor(told: () => void) {
    this.#told = told;
  }

  /** Files that were read or judged, of all that will be. */
  get work(): { readonly done: number; readonly all: number } {
    const looked = this.items.filter(({ looked, error }) => looked !== undefined || error !== undefined).length;
    const judged = this.pairs.filter(({ judgement, error }) => judgement !== undefined || error !== undefined).length;
    return { done: looked + judged, all: this.items.length + this.pairs.length };
  }

  /** Whether everything is read, and something is yet to be verified. */
  get isVerifying(): boolean {
    const isDone = ({ judgement, error }: Pair) => judgement !== undefined || error !== undefined;
    return this.#trust.trim() !== "" && !this.pairs.every(isDone);
  }

  /** Records that no proof is about. */
  get lonely(): Item[] {
    const paired = new Set(this.pairs.flatMap(({ record }) => (record === undefined ? [] : [record])));
    return this.items.filter((item) => item.looked?.kind === "record" && !paired.has(item));
  }

  /** Takes more files. */
  async add(given: readonly Given[]): Promise<void> {
    // The same file again replaces the one before.
    const paths = new Set(given.map(({ path }) => path));
    const others = this.items.filter(({ path }) => !paths.has(path));
    const room = MAX_FILES - others.length;
    const added = given.slice(0, room).map(({ path, file }) => this.#item(path, file));
    this.items = [...others, ...added];
    this.leftOut ||= given.length > room;
    this.#changed();
    await inParallel(added, async (item) => {
      try {
        item.looked = await ask({ op: "look", file: item.file, name: item.name }, (bytes) => {
          item.progress = bytes;
          this.#changed();
        });
      } catch (error) {
        item.error = said(error);
      }
      this.#changed();
    });
    await this.#judgeAll();
  }

  remove(item: Item): void {
    this.items = this.items.filter((one) => one !== item);
    void this.#judgeAll();
  }

  clear(): void {
    this.items = [];
    this.leftOut = false;
    void this.#judgeAll();
  }

  /** Ends what is being verified; what is not verified yet says so. */
  stop(): void {
    this.#verifying.abort();
  }

  /** From now on, this is whom the verifier trusts, and which blocks. */
  trust(text: string, blocks: string): void {
    if (text !== this.#trust || blocks !== this.#blocks) {
      this.#trust = text;
      this.#blocks = blocks;
      void this.#judgeAll();
    }
  }

  /** Takes hashes of blocks for a proof, in place of those before, and verifies that again. */
  give(pair: Pair, hashes: readonly string[]): void {
    pair.given = [...new Set(hashes)];
    void this.#judge(pair, this.#verifying.signal);
  }

  /** What would be verified again with a byte changed. */
  job(pair: Pair): Job | undefined {
    const { proof, record } = pair;
    const kind = proof.looked?.kind;
    return (
      kind && {
        proof: { name: proof.name, kind, file: proof.file },
        record: record && { name: record.name, file: record.file, sha256: record.looked?.sha256 },
        trust: this.#trust,
        blocks: this.#blocks,
        given: pair.given,
        at: Math.floor(Date.now() / 1000),
      }
    );
  }

  #item(path: string, file: File): Item {
    const name = path.slice(path.lastIndexOf("/") + 1);
    return { id: this.#next++, path, name, file, looked: undefined, progress: 0, error: undefined };
  }

  async #judgeAll(): Promise<void> {
    this.#verifying.abort();
    this.#verifying = new AbortController();
    const { signal } = this.#verifying;
    const given = new Map(this.pairs.map((one) => [one.proof, one.given]));
    this.pairs = pair(this.items.filter(({ looked }) => looked !== undefined));
    for (const one of this.pairs) {
      one.given = given.get(one.proof) ?? [];
    }
    this.#changed();
    if (this.#trust.trim() === "") {
      return;
    }
    await inParallel(this.pairs, (one) => this.#judge(one, signal));
  }

  async #judge(one: Pair, signal: AbortSignal): Promise<void> {
    const job = this.job(one);
    if (job === undefined) {
      return;
    }
    try {
      one.judgement = await ask({ op: "judge", job }, undefined, signal);
      one.error = undefined;
    } catch (error) {
      one.judgement = undefined;
      one.error = said(error);
    }
    this.#changed();
  }

  #changed(): void {
    if (!this.#scheduled) {
      this.#scheduled = true;
      // Also while the page is hidden, when no frames are drawn.
      setTimeout(() => {
        this.#scheduled = false;
        this.#told();
      }, 60);
    }
  }
}

/**
 * Each proof with its record: of one each, whatever their names; else `report.pdf` with `report.pdf.tlog-proof`, in its folder if it can be. What
 * a token is over may be a proof itself: the only checkpoint, or that of its name.
 */
export function pair(items: readonly Item[]): Pair[] {
  const isProof = ({ looked }: Item) => looked !== undefined && proofs.has(looked.kind);
  const proving = items.filter(isProof);
  const records = items.filter(({ looked }) => looked?.kind === "record");
  const [only] = records;
  const [proof] = proving;
  const made = (one: Item, record: Item | undefined): Pair => ({
    proof: one,
    record,
    given: [],
    judgement: undefined,
    error: undefined,
  });
  const checkpoints = items.filter(({ looked }) => looked?.kind === "checkpoint");
  const tokens = items.filter(({ looked }) => looked?.kind === "token");
  const stamped = (token: Item) =>
    tokens.length === 1 && checkpoints.length === 1
      ? checkpoints[0]
      : checkpoints.find(({ path }) => path === token.path.replace(/\.(tsr|tst)$/, ""));
  if (proof !== undefined && proving.length === 1 && records.length === 1) {
    return [made(proof, proof.looked?.kind === "checkpoint" ? undefined : only)];
  }
  const byPath = new Map(records.map((record) => [record.path, record]));
  const byName = new Map<string, Item[]>();
  for (const record of records) {
    byName.set(record.name, [...(byName.get(record.name) ?? []), record]);
  }
  return proving.map((one) => {
    const base = (text: string) => text.replace(/\.(tlog-proof|evidence\.json|tsr|tst)$/, "");
    const named = byName.get(base(one.name)) ?? [];
    const record = byPath.get(base(one.path)) ?? (named.length === 1 ? named[0] : undefined);
    return made(one, record ?? (one.looked?.kind === "token" ? stamped(one) : undefined));
  });
}
