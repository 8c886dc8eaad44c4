/** What fixed the log in time: its anchors as it names them, and their checkpoints as evidence shows them, on a time line. */

import type { Anchored } from "../engine/protocol.ts";
import { Sign, verdictWords } from "../marks.tsx";
import { plainLine } from "../plain.ts";
import { counted, duration, utcOf } from "../words.ts";
import { eventsOf, shownName } from "./anchor-points.ts";
import { Lanes } from "./charts.tsx";
import type { History } from "./history.ts";
import type { AnchorStatus } from "./read.ts";

export function AnchorsSection({
  anchors,
  history,
  now,
}: {
  anchors: readonly AnchorStatus[];
  history: History;
  now: number;
}) {
  const { anchored, busy, error, more } = history;
  return (
    <section aria-labelledby="anchors-title">
      <h2 id="anchors-title">Anchors</h2>
      {anchors.length === 0 ? (
        <p>This log names no anchors: nobody else has said when its checkpoints were there.</p>
      ) : (
        <>
          {anchors.map((anchor) => (
            <AnchorLine key={anchor.url} anchor={anchor} now={now} />
          ))}
          {anchored.length > 0 && (
            <Lanes title="Anchored checkpoints over time" events={anchored.flatMap(eventsOf)} now={now} />
          )}
          <p class="quiet" role="status">
            {anchored.length > 0 &&
              "Circles are time-stamp tokens, squares are blocks; filled where they hold under whom you trust. Each was asked for as evidence of an entry and judged here. "}
            {busy && "Asking the log for evidence…"}
            {!busy && anchored.length === 0 && error !== undefined && `No evidence: ${plainLine(error)}`}
            {!busy && anchored.length > 0 && error !== undefined && `The last that was asked for: ${plainLine(error)}`}
          </p>
          {anchored.length > 0 && <AnchoredTable anchored={anchored} />}
          {more !== undefined && (
            <button type="button" onClick={more}>
              Ask about more of them
            </button>
          )}
        </>
      )}
    </section>
  );
}

function AnchorLine({ anchor, now }: { anchor: AnchorStatus; now: number }) {
  const { url, answers, newestSize, newestTime, lastError } = anchor;
  return (
    <p>
      <Sign outcome={answers ? "passed" : "failed"} /> <strong>{url}</strong> {answers ? "answers" : "does not answer"}
      {newestSize === undefined
        ? ", and has shown nothing anchored yet"
        : `; its newest covers ${counted(newestSize)} entries${newestTime === undefined ? "" : `, ${duration(now - newestTime)} ago`}`}
      .{!answers && lastError !== undefined && ` ${lastError}`}
    </p>
  );
}

function AnchoredTable({ anchored }: { anchored: readonly Anchored[] }) {
  return (
    <table class="parties">
      <caption class="sr">Anchored checkpoints</caption>
      <thead>
        <tr>
          <th scope="col" class="number">
            Entries
          </th>
          <th scope="col">Fixed in time by</th>
          <th scope="col">Under whom you trust</th>
        </tr>
      </thead>
      <tbody>
        {[...anchored].reverse().map(({ size, anchors, outcome, sentence }) => (
          <tr key={size.toString()}>
            <th scope="row" class="number">
              {counted(size)}
            </th>
            <td>
              <ul class="plain-list">
                {anchors.map((anchor, at) => (
                  <li key={at}>
                    <Sign outcome={anchor.outcome} />{" "}
                    {anchor.time === undefined ? "at a time that cannot be read" : utcOf(anchor.time)},{" "}
                    {shownName(anchor)} ({plainLine(anchor.kind)})
                  </li>
                ))}
              </ul>
            </td>
            <td class="clip">
              <Sign outcome={outcome} /> {outcome === "passed" ? verdictWords[outcome] : plainLine(sentence)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
