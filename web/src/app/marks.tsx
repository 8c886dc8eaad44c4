/** How outcomes are marked: by a sign, a word and a colour, so that none of them is needed alone. */

import type { Outcome } from "../verify/checks.ts";

const signs: Readonly<Record<Outcome, { readonly sign: string; readonly word: string }>> = {
  passed: { sign: "✓", word: "passed" },
  failed: { sign: "✗", word: "failed" },
  "not-checked": { sign: "–", word: "not checked" },
};

export function Sign({ outcome }: { outcome: Outcome }) {
  const { sign, word } = signs[outcome];
  return (
    <span class={`sign ${outcome}`}>
      <span aria-hidden="true">{sign}</span>
      <span class="sr">{word}</span>
    </span>
  );
}

/** What a whole verdict is called. */
export const verdictWords: Readonly<Record<Outcome, string>> = {
  passed: "Verified",
  failed: "Not verified",
  "not-checked": "Could not tell",
};
