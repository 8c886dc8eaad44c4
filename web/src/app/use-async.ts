/** What is fetched for what is shown: of answers that come when something else is shown, none counts. */

import { useEffect, useState } from "preact/hooks";
import { said } from "./words.ts";

export interface Came<T> {
  readonly value: T | undefined;
  readonly error: string | undefined;
  readonly busy: boolean;
}

/** Begins again whenever one of the keys changes. */
export function useAsync<T>(make: () => Promise<T> | undefined, keys: readonly unknown[]): Came<T> {
  const [came, setCame] = useState<Came<T>>({ value: undefined, error: undefined, busy: false });
  useEffect(() => {
    let current = true;
    const made = make();
    setCame({ value: undefined, error: undefined, busy: made !== undefined });
    made?.then(
      (value) => current && setCame({ value, error: undefined, busy: false }),
      (thrown: unknown) => current && setCame({ value: undefined, error: said(thrown), busy: false }),
    );
    return () => {
      current = false;
    };
  }, keys);
  return came;
}
