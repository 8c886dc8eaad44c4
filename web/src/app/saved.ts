/** What this browser keeps between visits: whom its user trusts. Never sent anywhere. */

const KEY = "counterfoil trust";

/** The saved trust; undefined where there is none, or where the browser keeps nothing. */
export function savedTrust(): string | undefined {
  try {
    return localStorage.getItem(KEY) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Saves it, or takes it away; says whether the browser did. */
export function saveTrust(text: string | undefined): boolean {
  try {
    if (text === undefined) {
      localStorage.removeItem(KEY);
    } else {
      localStorage.setItem(KEY, text);
    }
    return true;
  } catch {
    return false;
  }
}
