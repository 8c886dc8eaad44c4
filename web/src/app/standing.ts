/**
 * How an outcome is shown. Under keys that the log names as its own nothing looks verified (docs/decisions/0008): whoever shows a false log can
 * show keys with it.
 */

import type { Outcome } from "../verify/checks.ts";
import { verdictWords } from "./marks.tsx";
import { plainText } from "./plain.ts";

/** What is shown of a judgement. */
export interface Standing {
  /** As which it looks, and is counted. */
  readonly outcome: Outcome;
  readonly title: string;
  readonly sentence: string;
}

const OWN_WORD = "By the log's own word";

/** What is shown of an outcome and its sentence; `fromLog` if the log named those who were trusted. */
export function standing(outcome: Outcome, words: string, fromLog: boolean): Standing {
  const sentence = plainText(words);
  if (outcome !== "passed" || !fromLog) {
    return { outcome, title: verdictWords[outcome], sentence };
  }
  const said = sentence.replace(/^Verified: /, "");
  return { outcome: "not-checked", title: OWN_WORD, sentence: `By the log's own word, and nobody else's: ${said}` };
}
