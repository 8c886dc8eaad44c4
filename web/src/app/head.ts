/** The checkpoint of the log that served the page: fetched again when the reader wants, and compared with the one before. */

import { useEffect, useMemo, useState } from "preact/hooks";
import { alarms } from "./alarms.ts";
import { ask } from "./engine/engine.ts";
import type { Head } from "./engine/protocol.ts";
import { Tiles } from "./explore/tiles.ts";
import { type Growth, Growths } from "./growth.ts";
import { headUnder } from "./judged.ts";
import { get, limits } from "./log.ts";
import { said } from "./words.ts";

export interface Following {
  /** As it stands under whom is trusted now. */
  readonly head: Head | undefined;
  /** Its tree. */
  readonly tiles: Tiles | undefined;
  readonly error: string | undefined;
  readonly busy: boolean;
  /** Undefined while only one was seen. */
  readonly growth: Growth | undefined;
  readonly refresh: () => void;
}

/** Of all that this page saw while it was open. */
const growths = new Growths(
  (alarm) => alarms.raise(alarm),
  () => Math.floor(Date.now() / 1000),
);

/** Follows the log's checkpoint, under what is trusted. */
export function useHead(trust: string): Following {
  const [note, setNote] = useState<Uint8Array>();
  const [head, setHead] = useState<Head>();
  const [error, setError] = useState<string>();
  const [growth, setGrowth] = useState(growths.last);
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
    if (tiles !== undefined && head !== undefined) {
      void growths.see(tiles, head.note).then((last) => current && setGrowth(last));
    }
    return () => {
      current = false;
    };
  }, [tiles]);
  return {
    head: head && headUnder(head, trust),
    tiles,
    error,
    busy: answered <= asked,
    growth,
    refresh: () => setAsked(asked + 1),
  };
}

function showRoot(root: Uint8Array): string {
  return root.join();
}
