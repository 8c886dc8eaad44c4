/** The commands that run a witness of a log. */

import { shellWord } from "../shell-words.ts";
import type { NamedKey } from "./policy.ts";

/** A vkey whose name is of what names of logs are made of. The longest keys of today have some 2,700 characters. */
const SAFE_KEY = /^[A-Za-z0-9][A-Za-z0-9._~/:-]{0,200}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{1,6000}={0,2}$/;

/** What stands for a key that is not known, or is not put into a command. */
export const PLACEHOLDER = "KEY";

/** The commands. A key of the log's policy stands in them only if it has nothing that means something to a shell. */
export function witnessCommands(keys: readonly NamedKey[]): string[] {
  const key = keys.find(({ kind }) => kind === "log")?.vkey;
  const word = key !== undefined && SAFE_KEY.test(key) ? shellWord(key) : PLACEHOLDER;
  return [
    "counterfoil witness init my-witness --name witness.example.com/w1 --url https://witness.example.com/",
    `counterfoil witness add-log --config my-witness ${word}`,
    "counterfoil witness run --config my-witness",
  ];
}
