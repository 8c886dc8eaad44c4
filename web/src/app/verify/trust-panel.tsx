/** Whom the user trusts: what they paste or load, kept in this browser if they want, or, by a choice that says what it is, the log itself. */

import { useEffect, useState } from "preact/hooks";
import { ask } from "../engine/engine.ts";
import type { TrustView } from "../engine/protocol.ts";
import { policyOfLog } from "../log.ts";
import { plainText } from "../plain.ts";
import type { Item } from "../session.ts";
import { said } from "../words.ts";
import { BlocksField, type NamedBlocks, useBlocks } from "./blocks-field.tsx";
import { FileButton } from "./file-button.tsx";
import { Keep, type KeptText, useKept } from "./kept.tsx";
import { readText, withRoots } from "./trust-text.ts";

export type Choice = "mine" | "log";

/** The largest trust file; a larger one is not read. */
const MAX_BYTES = 4 << 20;

export interface Trusting {
  readonly choice: Choice;
  readonly choose: (choice: Choice) => void;
  readonly mine: KeptText;
  /** What counts: empty where nobody is trusted, or what was said cannot be read. */
  readonly text: string;
  readonly view: TrustView | undefined;
  readonly error: string | undefined;
  /** Takes what a given file names, if it names whom one can trust. */
  readonly offer: (item: Item) => (() => void) | undefined;
  readonly addRoots: (file: Blob, name: string) => void;
  readonly blocks: NamedBlocks;
}

export function useTrust(): Trusting {
  const [choice, setChoice] = useState<Choice>("mine");
  const mine = useKept("trust");
  const [ofLog, setOfLog] = useState("");
  const [problem, setProblem] = useState<string>();
  const blocks = useBlocks();
  const said = choice === "mine" ? mine.text : ofLog;
  const { text, view, error } = useRead(said);
  const load = async (file: Blob, use: (text: string) => string) => {
    try {
      mine.set(use(await readText(file, MAX_BYTES)));
      setChoice("mine");
      setProblem(undefined);
    } catch (thrown) {
      setProblem(thrown instanceof Error ? thrown.message : String(thrown));
    }
  };
  const choose = (next: Choice) => {
    setChoice(next);
    setProblem(undefined);
    if (next === "log") {
      policyOfLog().then(setOfLog, (thrown: unknown) => setProblem(String(thrown)));
    }
  };
  const addRoots = (file: Blob, name: string) => void load(file, (pem) => withRoots(mine.text, pem, name));
  return {
    choice,
    choose,
    mine,
    text,
    view,
    error: problem ?? error,
    addRoots,
    blocks,
    offer: ({ looked, file, name }) => {
      switch (looked?.kind) {
        case "certificates":
          return () => addRoots(file, name);
        case "trust":
        case "policy":
        case "vkeys":
          return () => void load(file, (content) => content);
        case "blocks":
          return () => blocks.load(file);
        default:
          return undefined;
      }
    },
  };
}

/** Reads what is said, in a worker: only what can be read counts. */
function useRead(text: string): { text: string; view: TrustView | undefined; error: string | undefined } {
  const [read, setRead] = useState<{ of: string; view?: TrustView; error?: string }>({ of: "" });
  useEffect(() => {
    let current = true;
    if (text.trim() !== "") {
      ask({ op: "trust", text }).then(
        (view) => current && setRead({ of: text, view }),
        (error: unknown) => current && setRead({ of: text, error: said(error) }),
      );
    }
    return () => {
      current = false;
    };
  }, [text]);
  if (text.trim() === "" || read.of !== text) {
    return { text: "", view: undefined, error: undefined };
  }
  return { text: read.view === undefined ? "" : text, view: read.view, error: read.error };
}

export function TrustPanel({ trust }: { trust: Trusting }) {
  const { choice, choose, view, error } = trust;
  return (
    <section class="trust" aria-labelledby="trust-title">
      <h2 id="trust-title">Whom you trust</h2>
      <p>
        Trust never comes from a proof. It comes from you: keys of the log and its witnesses, and the root certificates
        of time-stamping authorities, as you have them from those whose they are.
      </p>
      {!__SINGLE__ && (
        <fieldset class="choice">
          <legend class="sr">Where trust comes from</legend>
          <label>
            <input type="radio" name="trust" checked={choice === "mine"} onChange={() => choose("mine")} />
            <span>
              <strong>Whom I name</strong> below
            </span>
          </label>
          <label>
            <input type="radio" name="trust" checked={choice === "log"} onChange={() => choose("log")} />
            <span>
              <strong>What this log says of itself.</strong> To try things out: whoever runs this log could have made up
              the keys together with the proofs.
            </span>
          </label>
        </fieldset>
      )}
      {choice === "mine" && <Mine trust={trust} />}
      <BlocksField blocks={trust.blocks} />
      {error !== undefined && (
        <p class="notice bad" role="alert">
          This cannot be read: {plainText(error)}.
        </p>
      )}
      {view !== undefined && (
        <div class="trusted">
          <h3>
            {choice === "log"
              ? "Trusted because this log says so"
              : `Trusted, as your ${view.form === "vkeys" ? "keys say" : `${view.form} says`}`}
          </h3>
          <ul>
            {view.trusted.map((line) => (
              <li key={line}>{plainText(line)}</li>
            ))}
          </ul>
          {!view.hasAuthorities && (
            <p class="quiet">No time-stamping authority: receipts can be verified, times cannot.</p>
          )}
        </div>
      )}
    </section>
  );
}

function Mine({ trust }: { trust: Trusting }) {
  const { mine, addRoots, offer } = trust;
  return (
    <>
      <label class="field">
        A trust file, a policy, or keys, one a line
        <textarea
          rows={7}
          spellcheck={false}
          autocomplete="off"
          value={mine.text}
          placeholder={"log.example/records+2b058e63+AerKzfcNU6f1OU4u8…"}
          onInput={(event) => mine.set(event.currentTarget.value)}
        />
      </label>
      <p class="acts">
        <FileButton
          label="Load a trust file or policy"
          accept=".toml,.txt,.policy,text/plain"
          take={(file) => takeAs(file, offer)}
        />
        <FileButton
          label="Add an authority's root"
          accept=".pem,.crt,.cer"
          take={(file) => addRoots(file, file.name)}
        />
        <Keep kept={mine} label="this" />
      </p>
    </>
  );
}

/** A file of the panel's own button is trusted without a further question. */
function takeAs(file: File, offer: Trusting["offer"]): void {
  const looked = { kind: "trust", size: file.size, sha256: "", leaves: [], about: "" } as const;
  offer({ id: 0, path: file.name, name: file.name, file, looked, progress: 0, error: undefined })?.();
}
