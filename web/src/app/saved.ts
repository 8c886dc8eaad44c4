/** What this browser keeps between visits: whom its user trusts, and which blocks. Never sent anywhere. */

export type Kept = "trust" | "blocks";

const keyOf = (what: Kept) => `counterfoil ${what}`;

/** What is saved; undefined where there is nothing, or where the browser keeps nothing. */
export function savedText(what: Kept): string | undefined {
  try {
    return localStorage.getItem(keyOf(what)) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Saves it, or takes it away; says whether the browser did. */
export function saveText(what: Kept, text: string | undefined): boolean {
  try {
    if (text === undefined) {
      localStorage.removeItem(keyOf(what));
    } else {
      localStorage.setItem(keyOf(what), text);
    }
    return true;
  } catch {
    return false;
  }
}
