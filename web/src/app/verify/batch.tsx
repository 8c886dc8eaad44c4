/** Many proofs at once: how many came out how, and those that matter most first. */

import type { Outcome } from "../../verify/checks.ts";
import { Sign } from "../marks.tsx";
import { plainText } from "../plain.ts";
import type { Pair } from "../session.ts";
import { standing } from "../standing.ts";
import { counted } from "../words.ts";

/** Of very many, only these are listed. */
const LISTED = 200;

const order: Readonly<Record<Outcome, number>> = { failed: 0, "not-checked": 1, passed: 2 };

export function Batch({
  pairs,
  chosen,
  fromLog,
  choose,
}: {
  pairs: readonly Pair[];
  chosen: Pair | undefined;
  /** Whether the log named those who are trusted. */
  fromLog: boolean;
  choose: (pair: Pair) => void;
}) {
  const counts: Record<Outcome, number> = { passed: 0, failed: 0, "not-checked": 0 };
  for (const pair of pairs) {
    const outcome = outcomeOf(pair);
    if (outcome !== undefined) {
      counts[outcome]++;
    }
  }
  const rank = (pair: Pair) => order[outcomeOf(pair) ?? "passed"];
  const listed = [...pairs].sort((a, b) => rank(a) - rank(b)).slice(0, LISTED);
  return (
    <section aria-label="What the proofs came to">
      <dl class="tally">
        {(["passed", "failed", "not-checked"] as const).map((outcome) => (
          <div key={outcome} class={`tally-${standing(outcome, "", fromLog).outcome}`}>
            <dt>{standing(outcome, "", fromLog).title}</dt>
            <dd>{counted(counts[outcome])}</dd>
          </div>
        ))}
        <div>
          <dt>Proofs</dt>
          <dd>{counted(pairs.length)}</dd>
        </div>
      </dl>
      <div class="scroll">
        <table class="list">
          <caption class="sr">Each proof, with what it came to</caption>
          <thead>
            <tr>
              <th scope="col">Outcome</th>
              <th scope="col">Proof</th>
              <th scope="col">What it says</th>
            </tr>
          </thead>
          <tbody>
            {listed.map((pair) => (
              <Line
                key={pair.proof.id}
                pair={pair}
                isChosen={pair.proof === chosen?.proof}
                fromLog={fromLog}
                choose={choose}
              />
            ))}
          </tbody>
        </table>
      </div>
      {pairs.length > LISTED && (
        <p class="quiet">
          The first {LISTED} of {counted(pairs.length)}, failures first.
        </p>
      )}
    </section>
  );
}

function outcomeOf({ judgement, error }: Pair): Outcome | undefined {
  return judgement?.outcome ?? (error === undefined ? undefined : "not-checked");
}

function Line({
  pair,
  isChosen,
  fromLog,
  choose,
}: {
  pair: Pair;
  isChosen: boolean;
  fromLog: boolean;
  choose: (pair: Pair) => void;
}) {
  const outcome = outcomeOf(pair);
  const shown = outcome && standing(outcome, pair.judgement?.sentence ?? pair.error ?? "", fromLog);
  return (
    <tr class={isChosen ? "chosen" : ""}>
      <td>{shown === undefined ? "…" : <Sign outcome={shown.outcome} />}</td>
      <td>
        <button type="button" class="plain link" aria-pressed={isChosen} onClick={() => choose(pair)}>
          {plainText(pair.proof.path)}
        </button>
      </td>
      <td class="clip">{shown?.sentence}</td>
    </tr>
  );
}
