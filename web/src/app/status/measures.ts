/** The log's status, asked for again and again while the page is open, and what it was since then. */

import { useEffect, useState } from "preact/hooks";
import { get, limits } from "../log.ts";
import { said } from "../words.ts";
import { type LogStatus, readStatus } from "./read.ts";

/** How often it is asked for. */
const INTERVAL_MS = 10_000;

/** More is not kept: five hours; the oldest goes first. */
const KEPT = 2_000;

/** What a status said at a time. */
export interface Measure {
  /** Unix seconds. */
  readonly at: number;
  readonly status: LogStatus;
}

const measures: Measure[] = [];

export interface Measured {
  /** The newest is the last. */
  readonly measures: readonly Measure[];
  readonly error: string | undefined;
}

/** Asks now, and every few seconds while somebody looks. */
export function useMeasures(): Measured {
  const [came, setCame] = useState<Measured>({ measures, error: undefined });
  useEffect(() => {
    let current = true;
    const ask = async () => {
      try {
        const bytes = await get("status", limits.text, { accept: "application/json" });
        measures.push({ at: Math.floor(Date.now() / 1000), status: readStatus(new TextDecoder().decode(bytes)) });
        measures.splice(0, measures.length - KEPT);
        current && setCame({ measures: [...measures], error: undefined });
      } catch (error) {
        current && setCame({ measures: [...measures], error: said(error) });
      }
    };
    void ask();
    const timer = setInterval(() => document.hidden || void ask(), INTERVAL_MS);
    return () => {
      current = false;
      clearInterval(timer);
    };
  }, []);
  return came;
}
