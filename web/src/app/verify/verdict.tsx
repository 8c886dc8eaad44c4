/** What a proof came to: the sentence, the checks, whom it rests on, the report, and the control. */

import { useState } from "preact/hooks";
import type { Check, Outcome } from "../../verify/checks.ts";
import { download } from "../download.ts";
import { controls } from "../engine/control.ts";
import { ask } from "../engine/engine.ts";
import type { AnchorOf, Control, Job, Judgement } from "../engine/protocol.ts";
import { Sign, verdictWords } from "../marks.tsx";
import { plainText } from "../plain.ts";
import { restsOn } from "../rests.ts";
import { standing } from "../standing.ts";
import { plural, said, utcOf } from "../words.ts";
import { anchorNamed, caveatsBeside, holdsAs, LEFT_OUT, leftOutOf } from "./anchors.ts";
import { reportHtml, reportJson } from "./report.ts";

export function VerdictView({
  judgement,
  job,
  fromLog,
  give,
}: {
  judgement: Judgement;
  job: Job | undefined;
  fromLog: boolean;
  /** Takes hashes of blocks for this proof. */
  give: (hashes: readonly string[]) => void;
}) {
  const { outcome, title, sentence } = standing(judgement.outcome, judgement.sentence, fromLog);
  const caveats = caveatsBeside(judgement);
  return (
    <article class={`verdict ${outcome}`} aria-labelledby="verdict-title">
      <header>
        <h2 id="verdict-title">
          <Sign outcome={outcome} /> {title}
        </h2>
        {fromLog && (
          <p class="notice open">
            Under keys that this log says are its own. Compare them with what you have from elsewhere.
          </p>
        )}
        <p class="sentence">{sentence}</p>
        {caveats.length > 0 && (
          <ul class="caveats">
            {caveats.map((caveat) => (
              <li key={caveat}>
                <strong>But:</strong> {plainText(caveat)}
              </li>
            ))}
          </ul>
        )}
        <LeftOut judgement={judgement} />
      </header>
      <Asked anchors={judgement.anchors} given={job?.given ?? []} give={give} />
      <Checks judgement={judgement} />
      <div class="columns">
        <section>
          <h3>What the proof says</h3>
          <dl class="facts">
            {judgement.facts.map(({ label, value }) => (
              <div key={label}>
                <dt>{plainText(label)}</dt>
                <dd>{plainText(value)}</dd>
              </div>
            ))}
          </dl>
        </section>
        <section>
          <h3>What was trusted{fromLog ? ", because this log says so" : ", as you said"}</h3>
          <ul class="plain-list">
            {judgement.trusted.map((line) => (
              <li key={line}>{plainText(line)}</li>
            ))}
          </ul>
        </section>
      </div>
      <p class="acts">
        <button
          type="button"
          onClick={() => download(reportHtml(judgement, fromLog), "text/html", `${judgement.subject}.report.html`)}
        >
          Report to print
        </button>
        <button
          type="button"
          onClick={() =>
            download(reportJson(judgement, fromLog), "application/json", `${judgement.subject}.report.json`)
          }
        >
          Report as JSON
        </button>
        <span class="quiet">
          Verified at {utcOf(judgement.at)}, in {Math.max(1, Math.round(judgement.milliseconds))} ms
        </span>
      </p>
      {judgement.outcome === "passed" && job !== undefined && <ControlView job={job} anchors={judgement.anchors} />}
    </article>
  );
}

/** The anchors that are left out, by each check that failed of them. */
function LeftOut({ judgement }: { judgement: Judgement }) {
  const failed = [...leftOutOf(judgement).values()].flat();
  return failed.length === 0 ? null : (
    <div class="left-out">
      <p>
        <strong>Left out:</strong> {LEFT_OUT}.
      </p>
      <ul>
        {failed.map(({ name, reason }) => (
          <li key={name}>
            <span class="check-name">{name}</span>: {plainText(reason)}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Asks for the hash of a block that nothing trusted names: evidence cannot show that a chain has it. What was given can be taken back. */
function Asked({
  anchors,
  given,
  give,
}: {
  anchors: readonly AnchorOf[];
  given: readonly string[];
  give: (hashes: readonly string[]) => void;
}) {
  const [hash, setHash] = useState("");
  const unknown = anchors.flatMap(({ block }) => (block === undefined || block.isTrusted ? [] : [block]));
  const named = unknown.map(({ number, chain }) => `block ${number} of ${chain}`).join(" and of ");
  return (
    <>
      {given.map((one) => (
        <p key={one} class="asked">
          You gave the hash <code>{one}</code>{" "}
          <button type="button" onClick={() => give(given.filter((other) => other !== one))}>
            Take it back
          </button>
        </p>
      ))}
      {unknown.length > 0 && (
        <form
          class="asked"
          onSubmit={(event) => {
            event.preventDefault();
            give([...given, hash.trim()]);
          }}
        >
          <label class="field">
            The hash of {named}, from a node or an explorer that you trust, and not from this page
            <input
              type="text"
              required
              pattern={"\\s*0x[0-9a-fA-F]{64}\\s*"}
              title="0x and 64 hexadecimal digits"
              spellcheck={false}
              autocomplete="off"
              placeholder="0x…"
              value={hash}
              onInput={(event) => setHash(event.currentTarget.value)}
            />
          </label>
          <button type="submit">Trust this block</button>
        </form>
      )}
    </>
  );
}

/** Checks of one anchor stand together, folded if all of them passed. */
function Checks({ judgement }: { judgement: Judgement }) {
  const { checks, anchors } = judgement;
  const leftOut = leftOutOf(judgement);
  const groups: { name: string; checks: Check[] }[] = [];
  for (const check of checks) {
    const name = anchorNamed(check) ?? "";
    const last = groups.at(-1);
    if (last?.name === name) {
      last.checks.push(check);
    } else {
      groups.push({ name, checks: [check] });
    }
  }
  return (
    <section class="checks" aria-label="Each check">
      {groups.map(({ name, checks: of }) =>
        name === "" ? (
          <CheckList key={of[0]?.name} checks={of} prefix="" />
        ) : (
          <Anchor key={name} name={name} checks={of} holds={holdsAs(name, anchors)} isLeftOut={leftOut.has(name)} />
        ),
      )}
    </section>
  );
}

interface AnchorProps {
  readonly name: string;
  readonly checks: readonly Check[];
  readonly holds: boolean;
  readonly isLeftOut: boolean;
}

/** An anchor that holds is a good one, also where something was left open that it does without. */
function Anchor({ name, checks, holds, isLeftOut }: AnchorProps) {
  const outcome = holds ? "passed" : worst(checks);
  return (
    <details class="anchor" open={outcome === "failed"}>
      <summary>
        <Sign outcome={outcome} />
        <span class="check-name">{name}</span>
        <span>
          {inWords(checks, holds, isLeftOut)}
          <small>
            Rests{" "}
            {restsOn(
              name,
              checks.map((check) => check.name),
            )}
          </small>
        </span>
      </summary>
      <CheckList checks={checks} prefix={`${name}: `} />
    </details>
  );
}

/** Some checks of all those that were made. */
function CheckList({
  checks,
  prefix,
  all = checks,
}: {
  checks: readonly Check[];
  prefix: string;
  all?: readonly Check[];
}) {
  const names = all.map(({ name }) => name);
  return (
    <ul class="check-list">
      {checks.map(({ name, outcome, reason }, at) => (
        // Names may stand twice, where two anchors are of one authority.
        <li key={at} class={outcome}>
          <Sign outcome={outcome} />
          <span class="check-name">{name.slice(prefix.length)}</span>
          <span class="check-reason">
            {outcome === "not-checked" && <strong>Not checked: </strong>}
            {plainText(reason)}
            {prefix === "" && restsOn(name, names) !== "" && <small>Rests {restsOn(name, names)}</small>}
          </span>
        </li>
      ))}
    </ul>
  );
}

/** How many checks came out how; those that were not made are named, because a fold must not hide them. */
function inWords(checks: readonly Check[], holds: boolean, isLeftOut: boolean): string {
  const of = (outcome: Outcome) => checks.filter((check) => check.outcome === outcome);
  const short = ({ name }: Check) => name.slice(name.indexOf(": ") + 2);
  const [passed, failed, open] = [of("passed"), of("failed"), of("not-checked")];
  if (passed.length === checks.length) {
    return `${plural(passed.length, "check")}, all passed`;
  }
  return [
    `${passed.length} of ${plural(checks.length, "check")} passed`,
    ...(failed.length > 0
      ? [`failed${isLeftOut ? ", so that it is left out" : ""}: ${failed.map(short).join(", ")}`]
      : []),
    ...(open.length > 0 ? [`not checked${holds ? ", and not needed" : ""}: ${open.map(short).join(", ")}`] : []),
  ].join("; ");
}

function worst(checks: readonly Check[]): Outcome {
  const outcomes = checks.map(({ outcome }) => outcome);
  return outcomes.includes("failed") ? "failed" : outcomes.includes("not-checked") ? "not-checked" : "passed";
}

const controlNames: Readonly<Record<Control, string>> = {
  record: "of the record",
  proof: "of the inclusion proof",
  checkpoint: "of the root hash",
  signature: "of a signature",
  token: "of the time-stamp token",
  transaction: "of the transaction",
  header: "of the block's header",
};

/** Verifies again with a byte changed, beside the verdict and without touching it. */
function ControlView({ job, anchors }: { job: Job; anchors: readonly AnchorOf[] }) {
  const [came, setCame] = useState<Judgement>();
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  const change = async (control: Control) => {
    setBusy(true);
    setError(undefined);
    setCame(undefined);
    try {
      setCame(await ask({ op: "judge", job: { ...job, control } }));
    } catch (thrown) {
      setError(said(thrown));
    }
    setBusy(false);
  };
  const failed = came?.checks.filter(({ outcome }) => outcome === "failed") ?? [];
  return (
    <section class="control" aria-labelledby="control-title">
      <h3 id="control-title">Change one byte, and see it fail</h3>
      <p>The control: a copy is changed and verified by the same code. Your files stay as they are.</p>
      <p class="acts">
        {controls(
          job.proof.kind,
          job.record !== undefined,
          anchors.map(({ kind }) => kind),
        ).map((control) => (
          <button type="button" key={control} disabled={busy} onClick={() => void change(control)}>
            {controlNames[control]}
          </button>
        ))}
      </p>
      <div role="status" aria-live="polite">
        {error !== undefined && <p class="notice open">{plainText(error)}.</p>}
        {came !== undefined && (
          <div class={`control-came ${came.outcome}`}>
            <p>
              <Sign outcome={came.outcome} /> <strong>{verdictWords[came.outcome]}</strong> after a change of{" "}
              {plainText(came.changed ?? "")}.
            </p>
            <CheckList checks={failed} prefix="" all={came.checks} />
          </div>
        )}
      </div>
    </section>
  );
}
