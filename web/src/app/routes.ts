/**
 * Which page an address names. Pages stand behind the `#`, because a log may be served below any prefix and answers `/status`,
 * `/receipt/…` and `/evidence/…` itself: `#/explore?index=5` is a page wherever the log is, and the server never hears of it.
 */

import { useEffect, useState } from "preact/hooks";

export const pages = ["verify", "explore", "audit", "status", "about"] as const;
export type PageName = (typeof pages)[number];

export interface Route {
  readonly page: PageName;
  readonly query: URLSearchParams;
}

/** Reads what stands behind the `#`; what names no page is the first. */
export function readRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  return { page: pages.find((page) => page === path) ?? "verify", query: new URLSearchParams(query) };
}

/** The address of a page. */
export function address(page: PageName, query: Readonly<Record<string, string>> = {}): string {
  const text = new URLSearchParams(query).toString();
  return `#/${page === "verify" ? "" : page}${text === "" ? "" : `?${text}`}`;
}

/** The page that is shown, also after the address has changed. */
export function useRoute(): Route {
  const [route, setRoute] = useState(() => readRoute(location.hash));
  useEffect(() => {
    const changed = () => setRoute(readRoute(location.hash));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}

/** Says in the address where on its page the reader is, without a step in the browser's history for each. */
export function remember(page: PageName, query: Readonly<Record<string, string>>): void {
  history.replaceState(null, "", address(page, query));
}
