/** What this browser keeps between visits: whom its user trusts, and which blocks. Never sent anywhere. */

export type Kept = "trust" | "blocks";

/** A text that is kept. */
export interface Saved {
  readonly text: string;
  /** Since when, in Unix seconds. */
  readonly since: number;
}

const keyOf = (what: Kept) => `counterfoil ${what}`;

/** What is saved; undefined where there is nothing that this page has written, or where the browser keeps nothing. */
export function readSaved(what: Kept): Saved | undefined {
  try {
    const { text, since } = JSON.parse(localStorage.getItem(keyOf(what)) ?? "{}");
    return typeof text === "string" && Number.isSafeInteger(since) ? { text, since } : undefined;
  } catch {
    return undefined;
  }
}

/** Saves a text, or takes it away; gives what is saved then. */
export function save(what: Kept, text: string | undefined, now = Date.now()): Saved | undefined {
  try {
    if (text === undefined) {
      localStorage.removeItem(keyOf(what));
      return undefined;
    }
    const saved = { text, since: Math.floor(now / 1000) };
    localStorage.setItem(keyOf(what), JSON.stringify(saved));
    return saved;
  } catch {
    return undefined;
  }
}

/**
 * What of it counts without a question. Of pages that are files of this computer, Chromium gives all the same storage, so that any of them, a
 * mail's attachment too, could have written it: there its user is asked first.
 */
export function takenUp(saved: Saved | undefined, protocol: string): string {
  return saved === undefined || protocol === "file:" ? "" : saved.text;
}
