/** How errors show what came: text that anybody may have sent, cut and made visible. */

/** What errors show of a text at most, in characters. */
const SHOWN = 80;

const named: Readonly<Record<string, string>> = { "\0": "\\0", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\" };

/** What does not show on paper, or joins the character before it. */
const invisible = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Zs}]/u;
const joining = /\p{Grapheme_Extend}/u;

function visible(character: string, quotes: string, joins: boolean): string {
  const name = named[character];
  if (name !== undefined) {
    return name;
  }
  if (quotes.includes(character)) {
    return `\\${character}`;
  }
  const hidden = character !== " " && invisible.test(character);
  if (hidden || (joins && joining.test(character))) {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  }
  return character;
}

/** A text in double quotes, with escapes for whatever would not be seen. */
export function quoted(text: string): string {
  return `"${Array.from(text, (character) => visible(character, '"', true)).join("")}"`;
}

/** A character in single quotes. */
export function quotedCharacter(character: string): string {
  return `'${visible(character, "'", true)}'`;
}

/** A text without quotes, with escapes for them and for whatever would not be seen. */
export function escaped(text: string): string {
  return Array.from(text, (character, at) => visible(character, "\"'", at === 0)).join("");
}

/** The start of a text, and where there is more, that there is. */
export function excerpt(text: string): string {
  const characters = Array.from(text.slice(0, 2 * SHOWN + 2));
  return characters.length > SHOWN ? `${characters.slice(0, SHOWN).join("")}…` : text;
}

/** A text in double quotes, and where it is long, its start. */
export function shown(text: string): string {
  const characters = Array.from(text.slice(0, 2 * SHOWN + 2));
  return characters.length > SHOWN ? `${quoted(characters.slice(0, SHOWN).join(""))}…` : quoted(text);
}

const octetNames: Readonly<Record<string, string>> = {
  "\t": "\\t",
  "\n": "\\n",
  "\r": "\\r",
  "\\": "\\\\",
  "'": "\\'",
  '"': '\\"',
};

/** Octets (a string of them) in double quotes, with escapes for all but printable ASCII; where they are many, their start. */
export function shownOctets(octets: string): string {
  const one = (octet: string) =>
    octetNames[octet] ??
    (octet >= " " && octet <= "~" ? octet : `\\x${octet.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return `"${excerpt(Array.from(octets, one).join(""))}"`;
}
