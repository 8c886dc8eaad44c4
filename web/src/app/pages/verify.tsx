/** The verify page: what was given, whom the user trusts, and what follows. */

import { useEffect, useState } from "preact/hooks";
import { pasted, picked, useDropped, usePasted } from "../drop.ts";
import { plainText } from "../plain.ts";
import type { Given, Item, Pair, Session } from "../session.ts";
import { Batch } from "../verify/batch.tsx";
import { Items } from "../verify/items.tsx";
import { type Trusting, TrustPanel } from "../verify/trust-panel.tsx";
import { VerdictView } from "../verify/verdict.tsx";
import { plural } from "../words.ts";

/** With more than this, a table stands for the single verdicts. */
const FEW = 1;

export function Verify({ session, trust }: { session: Session; trust: Trusting }) {
  const [chosen, setChosen] = useState<Pair>();
  const blocks = trust.blocks.counted;
  useEffect(() => session.trust(trust.text, blocks), [session, trust.text, blocks]);
  const add = (given: readonly Given[]) => {
    setChosen(undefined);
    void session.add(given);
  };
  useDropped(add);
  usePasted(add);
  const { pairs } = session;
  const shown = pairs.length <= FEW ? pairs[0] : pairs.find((pair) => pair.proof === chosen?.proof);
  return (
    <>
      <h1>Verify a record</h1>
      <p class="lead">
        Give a record and its proof: evidence or a receipt. What a checkpoint or a time-stamp token says can be
        verified, too.
      </p>
      <DropArea add={add} />
      <Items session={session} offer={trust.offer} add={add} />
      <div role="status" aria-live="polite">
        <Progress session={session} />
      </div>
      {pairs.length > FEW && <Batch pairs={pairs} chosen={shown} fromLog={trust.choice === "log"} choose={setChosen} />}
      {shown !== undefined && (
        <Outcome
          pair={shown}
          session={session}
          trusts={trust.text !== ""}
          fromLog={trust.choice === "log"}
          isAlone={pairs.length <= FEW}
        />
      )}
      <TrustPanel trust={trust} />
    </>
  );
}

function Outcome({
  pair,
  session,
  trusts,
  fromLog,
  isAlone,
}: {
  pair: Pair;
  session: Session;
  trusts: boolean;
  fromLog: boolean;
  isAlone: boolean;
}) {
  if (!trusts) {
    return (
      <p class="notice open">
        Nothing is verified yet, because nobody is trusted yet. Say below whose keys you trust; they never come from the
        proof.
      </p>
    );
  }
  if (pair.error !== undefined) {
    return (
      <div class="notice open" role="status">
        <p>
          <strong>Could not verify {plainText(pair.proof.name)}.</strong> {plainText(pair.error)}.
        </p>
      </div>
    );
  }
  const { judgement } = pair;
  if (judgement === undefined) {
    return isAlone ? (
      <p class="progress late" role="status">
        Verifying {plainText(pair.proof.name)}… <StopButton session={session} />
      </p>
    ) : null;
  }
  return (
    <VerdictView
      key={pair.proof.id}
      judgement={judgement}
      job={session.job(pair)}
      fromLog={fromLog}
      give={(hashes) => session.give(pair, hashes)}
    />
  );
}

function Progress({ session }: { session: Session }) {
  const { done, all } = session.work;
  const reading = session.items.find(isReading);
  if (reading !== undefined) {
    const share = Math.floor((100 * reading.progress) / Math.max(1, reading.file.size));
    return (
      <p class="progress">
        <label>
          Reading {plainText(reading.name)}, {share} %<progress value={share} max={100} />
        </label>
      </p>
    );
  }
  return done < all && all > 4 ? (
    <p class="progress">
      <label>
        {plural(done, "step")} of {all}
        <progress value={done} max={all} />
      </label>
      {session.isVerifying && <StopButton session={session} />}
    </p>
  ) : null;
}

/** Whoever makes a proof decides how long it takes to verify, within limits; whoever looks at it, how long they wait. */
function StopButton({ session }: { session: Session }) {
  return (
    <button type="button" onClick={() => session.stop()}>
      Stop
    </button>
  );
}

function isReading({ looked, error, progress }: Item): boolean {
  return looked === undefined && error === undefined && progress > 0;
}

function DropArea({ add }: { add: (given: readonly Given[]) => void }) {
  const [over, setOver] = useState(false);
  const [text, setText] = useState("");
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is one way of three; the others are buttons
    <div
      class={over ? "drop over" : "drop"}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={() => setOver(false)}
    >
      <p class="drop-title">Drop files or a folder here</p>
      <p class="drop-buttons">
        <Pick label="Choose files" add={add} />
        <Pick label="Choose a folder" folder add={add} />
      </p>
      <details>
        <summary>Paste a proof as text</summary>
        <textarea
          aria-label="A receipt, evidence or a checkpoint as text"
          rows={5}
          spellcheck={false}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button
          type="button"
          disabled={text.trim() === ""}
          onClick={() => {
            add([pasted(text)]);
            setText("");
          }}
        >
          Take this text
        </button>
      </details>
    </div>
  );
}

function Pick({
  label,
  folder = false,
  add,
}: {
  label: string;
  folder?: boolean;
  add: (given: readonly Given[]) => void;
}) {
  return (
    <label class="button">
      {label}
      <input
        class="sr"
        type="file"
        multiple
        {...(folder && { webkitdirectory: true })}
        onChange={(event) => {
          add(picked(event.currentTarget.files));
          event.currentTarget.value = "";
        }}
      />
    </label>
  );
}
