/** The checkpoint of the log that served the page: fetched again when the reader wants, and compared with the one before. */

import { useEffect, useMemo, useState } from "preact/hooks";
import { equal } from "../verify/bytes.ts";
import { ask } from "./engine/engine.ts";
import type { Head } from "./engine/protocol.ts";
import { Tiles } from "./explore/tiles.ts";
import { get, limits } from "./log.ts";
import { counted, said } from "./words.ts";

/** A checkpoint that this page saw, while it was open. */
export interface Seen {
  /** Unix seconds. */
  readonly at: number;
  readonly size: bigint;
  readonly root: Uint8Array;
}

/** What a checkpoint is to the one seen before it. */
export interface Growth {
  readonly outcome: "passed" | "failed" | "not-checked";
  readonly reason: string;
}

export interface Following {
  readonly head: Head | undefined;
  /** Its tree. */
  readonly tiles: Tiles | undefined;
  readonly error: string | undefined;
  readonly busy: boolean;
  /** Undefined while only one was seen. */
  readonly growth: Growth | undefined;
  readonly refresh: () => void;
}

/** More of what was seen is not kept; the oldest goes first. */
const KEPT = 2_000;

/** In the order in which they came; of those that follow each other, no two the same. */
const history: Seen[] = [];

/** Follows the log's checkpoint, under what is trusted. */
export function useHead(trust: string): Following {
  const [note, setNote] = useState<Uint8Array>();
  const [head, setHead] = useState<Head>();
  const [error, setError] = useState<string>();
  const [growth, setGrowth] = useState<Growth>();
  const [asked, setAsked] = useState(0);
  const [answered, setAnswered] = useState(0);
  useEffect(() => {
    let current = true;
    get("checkpoint", limits.text)
      .then(
        (bytes) => current && setNote(bytes),
        (thrown: unknown) => current && setError(said(thrown)),
      )
      .finally(() => current && setAnswered(asked + 1));
    return () => {
      current = false;
    };
  }, [asked]);
  useEffect(() => {
    let current = true;
    if (note !== undefined) {
      ask({ op: "head", note, trust }).then(
        (read) => {
          if (current) {
            setHead(read);
            setError(undefined);
          }
        },
        (thrown: unknown) => current && setError(said(thrown)),
      );
    }
    return () => {
      current = false;
    };
  }, [note, trust]);
  const tiles = useMemo(
    () => head && new Tiles((path, limit) => get(path, limit), head.size, head.root),
    // A head that is verified anew is of the same tree.
    [head?.size, head && showRoot(head.root)],
  );
  useEffect(() => {
    let current = true;
    if (tiles !== undefined) {
      void compare(tiles).then((found) => current && found !== undefined && setGrowth(found));
    }
    return () => {
      current = false;
    };
  }, [tiles]);
  return { head, tiles, error, busy: answered <= asked, growth, refresh: () => setAsked(asked + 1) };
}

function showRoot(root: Uint8Array): string {
  return root.join();
}

/** Compares a tree with the largest that was seen before, and keeps it. */
async function compare(tiles: Tiles): Promise<Growth | undefined> {
  const before = history.at(-1);
  const now = { at: Math.floor(Date.now() / 1000), size: tiles.size, root: tiles.root };
  if (before !== undefined && before.size === now.size && equal(before.root, now.root)) {
    return undefined;
  }
  const growth = before && (await judged(before, tiles));
  if (growth?.outcome !== "failed") {
    history.push(now);
    history.splice(0, history.length - KEPT);
  }
  return growth;
}

async function judged(before: Seen, tiles: Tiles): Promise<Growth> {
  const [from, to] = [counted(before.size), counted(tiles.size)];
  if (before.size === tiles.size) {
    return { outcome: "failed", reason: `the log showed two different trees of ${to} entries` };
  }
  if (before.size > tiles.size) {
    return { outcome: "failed", reason: `the log showed ${from} entries before, and now only ${to}` };
  }
  try {
    await tiles.consistency(before.size, before.root);
    return { outcome: "passed", reason: `it grew from ${from} to ${to} entries, and nothing that was there changed` };
  } catch (thrown) {
    if (thrown instanceof Error && thrown.name === "VerifyError") {
      return {
        outcome: "failed",
        reason: `it is not a continuation of the ${from} entries seen before: ${thrown.message}`,
      };
    }
    return { outcome: "not-checked", reason: `whether it continues the ${from} entries seen before: ${said(thrown)}` };
  }
}
