/** The log's anchored checkpoints, as evidence of its entries shows them: asked for one by one, each judged under what is trusted. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { ask } from "../engine/engine.ts";
import type { Anchored, Under } from "../engine/protocol.ts";
import type { Following } from "../head.ts";
import { get } from "../log.ts";
import { said } from "../words.ts";
import { checkBelongs, type OwnTree } from "./belongs.ts";
import { bySize, type Found, Judging } from "./judging.ts";
import { Sampling } from "./sampling.ts";

/** So many entries are asked about before the reader asks for more. */
const AT_ONCE = 8;

/** And so many in all: their evidence is kept, to be judged again when somebody else is trusted. */
const MOST = 48;

/** Larger evidence is left out. */
const MAX_BYTES = 4 << 20;

export interface History {
  /** The smallest first, as they stand under whom is trusted now. */
  readonly anchored: readonly Anchored[];
  readonly busy: boolean;
  readonly error: string | undefined;
  /** Undefined where nothing more can be asked about. */
  readonly more: (() => void) | undefined;
}

/** Evidence as it comes is read before it is judged. */
const nobody: Under = { trust: "", blocks: "" };

/** The history of a log of which an anchor has fixed so many entries. */
export function useHistory(newest: number | undefined, { head, tiles }: Following, under: Under): History {
  const [rounds, setRounds] = useState(1);
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  const [, draw] = useState(0);
  const judging = useMemo(() => new Judging(judge), []);
  // Evidence is held against the tree that is shown when it comes.
  const shown = useRef(tiles);
  shown.current = tiles;
  const origin = newest !== undefined && newest > 0 && tiles !== undefined ? head?.origin : undefined;
  // Of the log as it was when its anchors were first looked at.
  const walk = useMemo(
    () => (origin === undefined || newest === undefined ? undefined : new Walk(BigInt(newest), origin)),
    [origin],
  );
  useEffect(() => {
    const controller = new AbortController();
    const go = async () => {
      setBusy(true);
      for (let asked = 0; asked < AT_ONCE && walk?.isOpen && shown.current !== undefined; asked++) {
        const problem = await walk.step(shown.current, controller.signal);
        if (controller.signal.aborted) {
          return;
        }
        setError(problem);
        draw((drawn) => drawn + 1);
      }
      setBusy(false);
    };
    if (walk !== undefined) {
      void go();
    }
    return () => controller.abort();
  }, [walk, rounds]);
  const count = walk?.found.length ?? 0;
  useEffect(() => {
    let current = true;
    const go = async () => {
      for (const found of walk?.found.slice(0, count) ?? []) {
        if (!current) {
          return;
        }
        await judging.judge(found, under);
        draw((drawn) => drawn + 1);
      }
    };
    go().catch((thrown: unknown) => current && setError(said(thrown)));
    return () => {
      current = false;
    };
  }, [walk, count, under.trust, under.blocks]);
  return {
    anchored: bySize((walk?.found ?? []).map((found) => judging.now(found, under))),
    busy,
    error,
    more: walk?.isOpen && !busy ? () => setRounds(rounds + 1) : undefined,
  };
}

function judge(evidence: Uint8Array, under: Under): Promise<Anchored> {
  return ask({ op: "anchored", evidence, under, at: Math.floor(Date.now() / 1000) });
}

class Walk {
  readonly found: Found[] = [];
  readonly #sampling: Sampling;
  readonly #origin: string;

  constructor(newest: bigint, origin: string) {
    this.#sampling = new Sampling(newest);
    this.#origin = origin;
  }

  get isOpen(): boolean {
    return this.found.length < MOST && this.#sampling.next() !== undefined;
  }

  /** Asks about one more entry; gives what was wrong. */
  async step(tree: OwnTree, signal: AbortSignal): Promise<string | undefined> {
    const index = this.#sampling.next();
    if (index === undefined) {
      return undefined;
    }
    try {
      const evidence = await get(`evidence/${index}`, MAX_BYTES, { signal });
      const read = await judge(evidence, nobody);
      await checkBelongs(read, index, this.#origin, tree);
      this.#sampling.found(index, read.size);
      this.found.push({ evidence, read });
      return undefined;
    } catch (error) {
      if (!signal.aborted) {
        this.#sampling.failed(index);
      }
      return said(error);
    }
  }
}
