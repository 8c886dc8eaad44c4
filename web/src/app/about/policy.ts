/** The keys that a policy names, line by line, so that they can be copied. Whether it is a policy, the verifier says. */

import { plainLine } from "../plain.ts";

export interface NamedKey {
  readonly kind: "log" | "witness";
  /** What the policy calls it: of a log, its key's name. */
  readonly name: string;
  readonly vkey: string;
  readonly url: string | undefined;
}

/** More are not shown: a policy has no more lines of each kind. */
const MOST = 256;

/** The keys of a policy (C2SP tlog-policy). */
export function keysOf(policy: string): NamedKey[] {
  const keys = policy.split("\n").flatMap((line): NamedKey[] => {
    const [keyword, ...items] = line.split(/[ \t]+/).filter((item) => item !== "");
    const [name, vkey, url] = keyword === "log" ? [nameOf(items[0]), ...items] : items;
    const isKey = keyword === "log" || keyword === "witness";
    return isKey && name !== undefined && vkey !== undefined
      ? [{ kind: keyword, name: plainLine(name), vkey: plainKey(vkey), url: url && plainLine(url) }]
      : [];
  });
  return keys.slice(0, 2 * MOST);
}

function nameOf(vkey: string | undefined): string | undefined {
  return vkey?.split("+")[0];
}

/** A key with what cannot be seen written out, so that what is copied is what was seen. */
function plainKey(vkey: string): string {
  const [name = "", ...rest] = vkey.split("+");
  return [plainLine(name), ...rest.map((part) => part.replace(/[^A-Za-z0-9/=]/g, ""))].join("+");
}
