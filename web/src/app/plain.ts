/** Text of others, made plain: what cannot be seen, or changes how other text is read, is written out. */

/** What has no shape of its own: controls, directions, joiners, surrogates, private and unassigned characters, and unusual spaces. */
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Zs}]/gu;

/** More of a line of others is not shown. */
const LONGEST_LINE = 400;

function written(character: string): string {
  return character === " " ? character : `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** A text of several lines. */
export function plainText(text: string): string {
  return text.replace(unseen, (character) =>
    character === "\n" || character === "\t" ? character : written(character),
  );
}

/** JSON with what has no shape of its own as escapes: it says the same, and is seen whole. */
export function plainJson(value: unknown): string {
  const unitWritten = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value, undefined, 2).replace(unseen, (character) =>
    character === "\n" || character === " " ? character : character.split("").map(unitWritten).join(""),
  );
}

/** A text as one line, of bounded length. */
export function plainLine(text: string): string {
  const cut = text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE)}…` : text;
  return cut.replace(unseen, written);
}
