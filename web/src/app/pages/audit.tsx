/** The audit page: all of a log fetched and hashed again, in workers, up to the root that its checkpoint signs. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Check } from "../../verify/checks.ts";
import type { Depth } from "../audit/batch.ts";
import { audit, type Progress } from "../audit/run.ts";
import { verdictOf } from "../audit/verdict.ts";
import { CheckpointPanel } from "../checkpoint-panel.tsx";
import { ask, inParallel } from "../engine/engine.ts";
import type { Head } from "../engine/protocol.ts";
import { useHead } from "../head.ts";
import { headUnder } from "../judged.ts";
import { get } from "../log.ts";
import { Sign } from "../marks.tsx";
import { plainLine } from "../plain.ts";
import { useAsync } from "../use-async.ts";
import type { Trusting } from "../verify/trust-panel.tsx";
import { bytesInWords, counted, duration, plural, said } from "../words.ts";

/** An audit that runs, or has ended. */
interface Run {
  readonly head: Head;
  readonly depth: Depth;
  readonly stop: () => void;
  readonly progress: Progress;
  readonly seconds: number;
  readonly ended: "no" | "done" | "stopped" | "broken";
  readonly checks: readonly Check[];
  readonly error: string | undefined;
}

export default function AuditPage({ trust }: { trust: Trusting }) {
  const following = useHead(trust.text);
  const { head } = following;
  const [depth, setDepth] = useState<Depth>("entries");
  const [run, setRun] = useState<Run>();
  const stop = useRef<(() => void) | undefined>(undefined);
  // Leaving the page ends it.
  useEffect(() => () => stop.current?.(), []);
  const start = () => {
    if (head !== undefined) {
      stop.current = begin(head, depth, setRun);
    }
  };
  const isRunning = run?.ended === "no";
  return (
    <>
      <h1>Audit the log</h1>
      <p class="lead">
        Fetches every entry, hashes it, and builds the tree over all of them anew. If that comes to the root in the
        checkpoint, then the log holds exactly these entries in this order, and each of its tiles is right.
      </p>
      <CheckpointPanel following={following} trust={trust} />
      <form
        class="acts"
        onSubmit={(event) => {
          event.preventDefault();
          start();
        }}
      >
        <fieldset class="choice" disabled={isRunning}>
          <legend class="sr">How much is fetched</legend>
          <DepthChoice depth="entries" chosen={depth} choose={setDepth} words="Entries and tiles: everything" />
          <DepthChoice
            depth="hashes"
            chosen={depth}
            choose={setDepth}
            words="Tiles only: the hashes, without what they are of"
          />
        </fieldset>
        {/* Two elements: one that became the other while it is clicked would begin again what it stops. */}
        {isRunning ? (
          <button key="stop" type="button" onClick={run.stop}>
            Stop
          </button>
        ) : (
          <button key="begin" type="submit" disabled={head === undefined}>
            {run === undefined ? "Audit" : "Audit again"}
          </button>
        )}
      </form>
      {run !== undefined && <RunView run={run} trust={trust} />}
    </>
  );
}

function DepthChoice({
  depth,
  chosen,
  choose,
  words,
}: {
  depth: Depth;
  chosen: Depth;
  choose: (depth: Depth) => void;
  words: string;
}) {
  return (
    <label>
      <input type="radio" name="depth" checked={chosen === depth} onChange={() => choose(depth)} />
      {words}
    </label>
  );
}

/** Views are drawn no more often than this. */
const DRAW_MS = 100;

/** Begins an audit, and tells of it; gives what stops it. */
function begin(head: Head, depth: Depth, tell: (run: Run) => void): () => void {
  const controller = new AbortController();
  const started = performance.now();
  let run: Run = {
    head,
    depth,
    stop: () => controller.abort(),
    progress: { entries: 0, bytes: 0, problems: [] },
    seconds: 0,
    ended: "no",
    checks: [],
    error: undefined,
  };
  let told = 0;
  const change = (changed: Partial<Run>) => {
    run = { ...run, ...changed, seconds: (performance.now() - started) / 1000 };
    if (run.ended !== "no" || performance.now() - told > DRAW_MS) {
      told = performance.now();
      tell(run);
    }
  };
  change({});
  audit({
    size: head.size,
    root: head.root,
    depth,
    work: (batch) => ask({ op: "audit", batch, base: document.baseURI }, undefined, controller.signal),
    each: inParallel,
    read: (path, limit) => get(path, limit, { signal: controller.signal }),
    progress: (progress) => change({ progress }),
    signal: controller.signal,
  }).then(
    (checks) => change({ ended: "done", checks }),
    (error: unknown) =>
      change(controller.signal.aborted ? { ended: "stopped" } : { ended: "broken", error: said(error) }),
  );
  return run.stop;
}

function RunView({ run, trust }: { run: Run; trust: Trusting }) {
  const { head, progress, seconds, ended, checks, error } = run;
  const size = Number(head.size);
  const share = size === 0 ? 100 : Math.floor((100 * progress.entries) / size);
  const rate = progress.entries / Math.max(seconds, 0.001);
  return (
    <section aria-label="The audit">
      {ended === "no" && (
        <p class="progress">
          <label>
            {counted(progress.entries)} of {plural(head.size, "entry", "entries")}, {share} %
            <progress value={progress.entries} max={Math.max(size, 1)} />
          </label>
        </p>
      )}
      <dl class="tally figures">
        {[
          [run.depth === "entries" ? "Entries hashed" : "Hashes read", counted(progress.entries)],
          ["A second", counted(Math.round(rate))],
          ["Fetched", bytesInWords(progress.bytes)],
          [
            ended === "no" ? "Left, about" : "Took",
            ended === "no" ? duration((size - progress.entries) / Math.max(rate, 1)) : took(seconds),
          ],
        ].map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <div role="status" aria-live="polite">
        {progress.problems.length > 0 && ended === "no" && (
          <p class="notice bad">Found: {progress.problems.map(plainLine).join("; ")}. The audit goes on.</p>
        )}
        {ended === "stopped" && <p class="notice open">Stopped. Nothing follows from a part of the log.</p>}
        {ended === "broken" && <p class="notice bad">The audit could not be ended: {plainLine(error ?? "")}.</p>}
        {ended === "done" && <Result run={run} checks={checks} trust={trust} />}
      </div>
    </section>
  );
}

function Result({ run: { head, depth }, checks, trust }: { run: Run; checks: readonly Check[]; trust: Trusting }) {
  // Whom one trusts may have changed since it began.
  const judged = useAsync(() => ask({ op: "head", note: head.note, trust: trust.text }), [head.note, trust.text]);
  const { outcome, title, sentence } = verdictOf(
    checks,
    depth,
    headUnder(judged.value ?? head, trust.text),
    trust.choice,
  );
  return (
    <div class={`verdict ${outcome}`}>
      <h2>{title}</h2>
      <p class="sentence">{sentence}</p>
      <ul class="check-list">
        {checks.map(({ name, outcome, reason }) => (
          <li key={name}>
            <Sign outcome={outcome} />
            <span class="check-name">{name}</span>
            <span class="check-reason">{reason}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

function took(seconds: number): string {
  return seconds < 10 ? `${seconds.toFixed(1)} s` : duration(seconds);
}
