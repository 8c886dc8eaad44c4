/** Whether each checkpoint that a page sees continues those before it: one comparison after the other, in the order in which they came. */

import { equal } from "../verify/bytes.ts";
import { VerifyError } from "../verify/checks.ts";
import { WrongRoot } from "../verify/proof.ts";
import type { Alarm } from "./alarms.ts";
import type { Tiles } from "./explore/tiles.ts";
import { counted, said } from "./words.ts";

/** What a checkpoint is to those seen before it. */
export interface Growth {
  readonly outcome: "passed" | "failed" | "not-checked";
  readonly reason: string;
}

/** The tree of a checkpoint that is seen, of which the log can be asked. */
export type Grown = Pick<Tiles, "size" | "root" | "consistency">;

/** What is kept of a checkpoint that was seen. */
interface Seen {
  readonly size: bigint;
  readonly root: Uint8Array;
  /** Signed, byte for byte. */
  readonly note: Uint8Array;
}

/** So many are remembered that could not be compared, to be compared with the next. */
const KEPT_OPEN = 16;

/** So many comparisons wait for each other. */
const WAITING = 16;

export class Growths {
  /** The newest that continues all that were compared. */
  #newest: Seen | undefined;
  /** Those after it of which nobody knows yet. */
  #open: readonly Seen[] = [];
  #last: Growth | undefined;
  #waiting = 0;
  #queue: Promise<unknown> = Promise.resolve();
  readonly #raise: (alarm: Alarm) => void;
  readonly #now: () => number;

  /** Failures are given to `raise`, whoever asked and whatever they look at meanwhile; `now` is in Unix seconds. */
  constructor(raise: (alarm: Alarm) => void, now: () => number) {
    this.#raise = raise;
    this.#now = now;
  }

  /** What the last comparison came to; undefined while only one was seen. */
  get last(): Growth | undefined {
    return this.#last;
  }

  /** Compares with the newest that is known to continue all others, once the comparisons before are done; gives the last that was made. */
  see(tree: Grown, note: Uint8Array): Promise<Growth | undefined> {
    if (this.#waiting >= WAITING) {
      return Promise.resolve({ outcome: "not-checked", reason: "too many comparisons wait for the log's answers" });
    }
    this.#waiting++;
    const done = this.#queue.then(async () => {
      await this.#compare(tree, note);
      return this.#last;
    });
    this.#queue = done
      .catch(() => {})
      .finally(() => {
        this.#waiting--;
      });
    return done;
  }

  async #compare(tree: Grown, note: Uint8Array): Promise<void> {
    const seen: Seen = { size: tree.size, root: tree.root, note };
    if (this.#newest === undefined) {
      this.#newest = seen;
      return;
    }
    if (isSame(this.#newest, seen)) {
      return;
    }
    this.#last = await this.#judge(this.#newest, tree, note);
    if (this.#last.outcome !== "passed" && tree.size > this.#newest.size) {
      this.#open = [...this.#open.filter((one) => !isSame(one, seen)), seen].slice(-KEPT_OPEN);
    }
    if (this.#last.outcome === "passed") {
      this.#newest = seen;
      await this.#settle(tree, note);
    }
  }

  /** Compares those that could not be compared when they came. */
  async #settle(tree: Grown, note: Uint8Array): Promise<void> {
    const left: Seen[] = [];
    for (const one of this.#open) {
      const growth = isSame(one, tree) ? undefined : await this.#judge(one, tree, note);
      if (growth?.outcome === "not-checked") {
        left.push(one);
      }
      this.#last = growth?.outcome === "failed" ? growth : this.#last;
    }
    this.#open = left;
  }

  async #judge(before: Seen, tree: Grown, note: Uint8Array): Promise<Growth> {
    const growth = await judged(before, tree);
    if (growth.outcome === "failed") {
      this.#raise({ at: this.#now(), reason: growth.reason, before: before.note, now: note });
    }
    return growth;
  }
}

function isSame(one: Pick<Seen, "size" | "root">, other: Pick<Seen, "size" | "root">): boolean {
  return one.size === other.size && equal(one.root, other.root);
}

async function judged(before: Seen, tree: Grown): Promise<Growth> {
  const [from, to] = [counted(before.size), counted(tree.size)];
  if (before.size === tree.size) {
    return { outcome: "failed", reason: `the log showed two different trees of ${to} entries` };
  }
  if (before.size > tree.size) {
    return { outcome: "failed", reason: `the log showed ${from} entries before, and now only ${to}` };
  }
  try {
    await tree.consistency(before.size, before.root);
    return { outcome: "passed", reason: `it grew from ${from} to ${to} entries, and nothing that was there changed` };
  } catch (thrown) {
    if (thrown instanceof WrongRoot) {
      const reason = `the log's ${to} entries are not a continuation of the ${from} seen before: ${thrown.message}`;
      return { outcome: "failed", reason };
    }
    if (thrown instanceof VerifyError) {
      const reason = `the log shows other tiles than its tree of ${to} entries has, so that nobody can tell whether it continues the ${from} seen before: ${thrown.message}`;
      return { outcome: "failed", reason };
    }
    return { outcome: "not-checked", reason: `whether it continues the ${from} entries seen before: ${said(thrown)}` };
  }
}
