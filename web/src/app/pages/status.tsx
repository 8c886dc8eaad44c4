/** The status page: what the log is doing, what its witnesses and anchors do, and what it was like before. */

import { useEffect } from "preact/hooks";
import "../status/status.css";
import { CheckpointPanel } from "../checkpoint-panel.tsx";
import { useHead } from "../head.ts";
import { plainLine } from "../plain.ts";
import { sizesOf } from "../status/anchor-points.ts";
import { AnchorsSection } from "../status/anchors.tsx";
import { type Point, Steps } from "../status/charts.tsx";
import { useHistory } from "../status/history.ts";
import { type Measure, useMeasures } from "../status/measures.ts";
import type { LogStatus } from "../status/read.ts";
import { Witnesses } from "../status/witnesses.tsx";
import type { Trusting } from "../verify/trust-panel.tsx";
import { counted, duration, utcOf } from "../words.ts";

export default function Status({ trust }: { trust: Trusting }) {
  const following = useHead(trust.text);
  const { measures, error } = useMeasures();
  const newest = measures.at(-1);
  const published = newest?.status.publishedSize;
  // So that each checkpoint that the log publishes meanwhile is compared with the one before.
  useEffect(() => {
    if (published !== undefined && following.head !== undefined && BigInt(published) !== following.head.size) {
      following.refresh();
    }
  }, [published]);
  const anchors = newest?.status.anchors ?? [];
  const largest = anchors.reduce<number | undefined>(
    (most, { newestSize = 0 }) => (newestSize > (most ?? 0) ? newestSize : most),
    undefined,
  );
  const history = useHistory(largest, following, { trust: trust.text, blocks: trust.blocks.counted });
  const now = newest?.at ?? Math.floor(Date.now() / 1000);
  return (
    <>
      <h1>Status of the log</h1>
      <p class="lead">
        What the log says that it is doing, asked for every ten seconds while this page is open. Its checkpoint, the
        cosignatures on it and its anchors are verified here; the rest is the log's word.
      </p>
      {error !== undefined && (
        <p class="notice bad" role="alert">
          The log's status cannot be had: {plainLine(error)}
        </p>
      )}
      {newest !== undefined && <Now measure={newest} />}
      <CheckpointPanel following={following} trust={trust} />
      {newest !== undefined && (
        <>
          <section aria-labelledby="size-title">
            <h2 id="size-title">Size over time</h2>
            <Steps
              title="Published entries over time"
              unit="Entries"
              points={sizes(measures, sizesOf(history.anchored))}
              now={now}
            />
            <p class="quiet">
              The published size. Dots are anchored checkpoints, of which somebody whom you trust says when they were
              there: of the time before this page was opened, only those show, and dashed between them, that it was at
              least so large.
            </p>
            {measures.length > 1 && (
              <>
                <h3>Publication lag</h3>
                <Steps
                  title="Age of the oldest entry that waits for a checkpoint, in seconds"
                  unit="Seconds"
                  points={lags(measures)}
                  now={now}
                />
                <p class="quiet">
                  How many seconds the oldest entry has waited that no published checkpoint covers yet, while this page
                  is open.
                </p>
              </>
            )}
          </section>
          <Witnesses witnesses={newest.status.witnesses} quorum={following.head?.quorum} now={now} />
          <AnchorsSection anchors={anchors} history={history} now={now} />
        </>
      )}
    </>
  );
}

const states: Readonly<Record<string, { readonly words: string; readonly kind: string }>> = {
  running: { words: "Running", kind: "good" },
  starting: { words: "Starting", kind: "open" },
  unpublished: { words: "Taking entries, not publishing", kind: "open" },
  "read-only": { words: "Taking no entries", kind: "bad" },
  stopped: { words: "Stopped", kind: "bad" },
};

function Now({ measure: { at, status } }: { measure: Measure }) {
  const { words, kind } = states[status.state] ?? { words: status.state, kind: "open" };
  return (
    <section aria-label="Now">
      <div class={`notice ${kind}`} role="status">
        <p>
          <strong>{words}</strong>
          {status.since !== undefined && ` for ${duration(at - status.since)}`}: {status.explanation}.
        </p>
        {status.lastError !== undefined && (
          <p class="quiet">
            The last trouble{status.lastError.at !== undefined && `, at ${utcOf(status.lastError.at)}`}:{" "}
            {status.lastError.what}
          </p>
        )}
      </div>
      <dl class="tally figures">
        {figures(status, at).map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function figures(status: LogStatus, now: number): [string, string][] {
  const number = (value: number | undefined) => (value === undefined ? "–" : counted(value));
  const { publishedAt, unpublishedSeconds } = status;
  return [
    ["Entries, durable", number(status.size)],
    ["Published", number(status.publishedSize)],
    ["Waiting for a checkpoint", number(status.unpublishedEntries)],
    ["The oldest for", unpublishedSeconds === undefined ? "–" : duration(unpublishedSeconds)],
    ["Checkpoint's age", publishedAt === undefined ? "–" : duration(now - publishedAt)],
  ];
}

/** The sizes that are known, in order of time: no two that stand in the way of each other's meaning, as times are of several clocks. */
function sizes(measures: readonly Measure[], anchored: readonly Point[]): Point[] {
  const seen = measures.flatMap(({ at, status: { publishedSize } }): Point[] =>
    publishedSize === undefined ? [] : [{ at, value: publishedSize, mark: "seen" }],
  );
  return [...anchored, ...seen].sort((a, b) => a.at - b.at);
}

function lags(measures: readonly Measure[]): Point[] {
  return measures.map(({ at, status: { unpublishedSeconds = 0 } }) => ({
    at,
    value: unpublishedSeconds,
    mark: "seen",
  }));
}
