/** The log's anchored checkpoints, as evidence of its entries shows them: asked for one by one, each judged under what is trusted. */

import { useEffect, useMemo, useState } from "preact/hooks";
import { ask } from "../engine/engine.ts";
import type { Anchored } from "../engine/protocol.ts";
import { get } from "../log.ts";
import { said } from "../words.ts";
import { Sampling } from "./sampling.ts";

/** So many entries are asked about before the reader asks for more. */
const AT_ONCE = 8;

/** And so many in all: their evidence is kept, to be judged again when somebody else is trusted. */
const MOST = 48;

/** Larger evidence is left out. */
const MAX_BYTES = 4 << 20;

export interface History {
  /** The smallest first. */
  readonly anchored: readonly Anchored[];
  readonly busy: boolean;
  readonly error: string | undefined;
  /** Undefined where nothing more can be asked about. */
  readonly more: (() => void) | undefined;
}

/** The history of a log of which an anchor has fixed so many entries. */
export function useHistory(newest: number | undefined, trust: string): History {
  const [rounds, setRounds] = useState(1);
  const [found, setFound] = useState<readonly Uint8Array[]>([]);
  const [anchored, setAnchored] = useState<readonly Anchored[]>([]);
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  const hasAnchors = newest !== undefined && newest > 0;
  // Of the log as it was when its anchors were first looked at.
  const walk = useMemo(() => (hasAnchors ? new Walk(BigInt(newest)) : undefined), [hasAnchors]);
  useEffect(() => {
    let current = true;
    const go = async () => {
      setBusy(true);
      for (let asked = 0; current && asked < AT_ONCE && walk?.isOpen; asked++) {
        setError(await walk.step());
        setFound([...walk.found]);
      }
      setBusy(false);
    };
    if (walk !== undefined) {
      void go();
    }
    return () => {
      current = false;
    };
  }, [walk, rounds]);
  useEffect(() => {
    let current = true;
    const at = Math.floor(Date.now() / 1000);
    const judged = found.map((evidence) => ask({ op: "anchored", evidence, trust, at }));
    Promise.all(judged).then(
      (all) => current && setAnchored(apart(all)),
      (thrown: unknown) => current && setError(said(thrown)),
    );
    return () => {
      current = false;
    };
  }, [found, trust]);
  return { anchored, busy, error, more: walk?.isOpen && !busy ? () => setRounds(rounds + 1) : undefined };
}

class Walk {
  readonly found: Uint8Array[] = [];
  readonly #sampling: Sampling;

  constructor(newest: bigint) {
    this.#sampling = new Sampling(newest);
  }

  get isOpen(): boolean {
    return this.found.length < MOST && this.#sampling.next() !== undefined;
  }

  /** Asks about one more entry; gives what was wrong. */
  async step(): Promise<string | undefined> {
    const index = this.#sampling.next();
    if (index === undefined) {
      return undefined;
    }
    try {
      const evidence = await get(`evidence/${index}`, MAX_BYTES);
      const { size } = await ask({ op: "anchored", evidence, trust: "", at: 0 });
      this.#sampling.found(index, size);
      this.found.push(evidence);
      return undefined;
    } catch (error) {
      this.#sampling.failed(index);
      return said(error);
    }
  }
}

/** Each size once, growing. */
function apart(all: readonly Anchored[]): Anchored[] {
  const bySize = new Map(all.map((one) => [one.size, one]));
  return [...bySize.values()].sort((a, b) => (a.size < b.size ? -1 : 1));
}
