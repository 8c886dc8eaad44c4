/** What is fetched for what is shown: of answers that come when something else is shown, none counts. */

import { useEffect, useState } from "preact/hooks";
import { said } from "./words.ts";

export interface Came<T> {
  readonly value: T | undefined;
  readonly error: string | undefined;
  readonly busy: boolean;
}

/** An answer, and what it was made of. */
interface Kept<T> {
  readonly keys: readonly unknown[];
  readonly came: Came<T>;
}

/** Begins again whenever one of the keys changes. */
export function useAsync<T>(make: () => Promise<T> | undefined, keys: readonly unknown[]): Came<T> {
  const [kept, keep] = useState<Kept<T>>();
  useEffect(() => {
    let current = true;
    const made = make();
    keep({ keys, came: { value: undefined, error: undefined, busy: made !== undefined } });
    made?.then(
      (value) => current && keep({ keys, came: { value, error: undefined, busy: false } }),
      (thrown: unknown) => current && keep({ keys, came: { value: undefined, error: said(thrown), busy: false } }),
    );
    return () => {
      current = false;
    };
  }, keys);
  return answerTo(kept, keys);
}

/** What is known of these keys: what came of others is never shown with them, not even until the work begins. */
export function answerTo<T>(kept: Kept<T> | undefined, keys: readonly unknown[]): Came<T> {
  const isOfThese = kept?.keys.length === keys.length && kept.keys.every((key, at) => Object.is(key, keys[at]));
  return isOfThese ? kept.came : { value: undefined, error: undefined, busy: true };
}
