/** A text that the user can have this browser keep, and what it kept before. */

import { useState } from "preact/hooks";
import { type Kept, readSaved, type Saved, save, takenUp } from "../saved.ts";
import { utcOf } from "../words.ts";

export interface KeptText {
  readonly text: string;
  readonly set: (text: string) => void;
  /** Since when the browser keeps this text, in Unix seconds; undefined if it does not. */
  readonly since: number | undefined;
  readonly keep: (keep: boolean) => void;
  /** What is kept, and counts only once its user says so. */
  readonly asked: Saved | undefined;
}

export function useKept(what: Kept): KeptText {
  const [saved, setSaved] = useState(() => readSaved(what));
  const [text, set] = useState(() => takenUp(saved, location.protocol));
  const [isAsked, setAsked] = useState(saved !== undefined && text !== saved.text);
  return {
    text,
    set,
    since: saved?.text === text ? saved.since : undefined,
    keep: (keep) => {
      setSaved(save(what, keep ? text : undefined));
      setAsked(false);
    },
    asked: isAsked && saved?.text !== text ? saved : undefined,
  };
}

/** Asks whether what a file's page finds kept is to count, and lets it be kept. */
export function Keep({ kept, label }: { kept: KeptText; label: string }) {
  const { asked, since } = kept;
  return (
    <>
      {asked !== undefined && (
        <span class="notice open">
          Something is kept in this browser since {utcOf(asked.since)}. Any page that was opened from a file on this
          computer could have put it there.{" "}
          <button type="button" onClick={() => kept.set(asked.text)}>
            Show it, and trust it
          </button>{" "}
          <button type="button" onClick={() => kept.keep(false)}>
            Forget it
          </button>
        </span>
      )}
      <label class="check">
        <input
          type="checkbox"
          checked={since !== undefined}
          disabled={kept.text.trim() === ""}
          onChange={(event) => kept.keep(event.currentTarget.checked)}
        />
        {since === undefined ? `Keep ${label} in this browser` : `Kept in this browser since ${utcOf(since)}`}
      </label>
    </>
  );
}
