/** What strangers wrote, for people: bounded, and with nothing in it that is not seen or that looks like what stands around it. */

import { toHex, toUtf8 } from "../bytes.ts";

/** Most characters that are shown of one value, and of a name or a place. */
const maxValue = 100;
const maxWhole = 300;

/** Most bytes that are shown in hexadecimal. */
const maxBytes = 64;

/** Most members of a list that are shown. */
const maxListed = 8;

/**
 * Characters that are not seen, or that change the order in which others are (Unicode's categories Cc, Zl and Zp, and what Cf has that is of
 * use in no name).
 */
const unseen: readonly (readonly [number, number])[] = [
  [0x00, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x61c, 0x61c],
  [0x180e, 0x180e],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0xfeff, 0xfeff],
  [0xfff0, 0xfffb],
  [0xe0000, 0xe0fff],
];

/**
 * A value of a distinguished name, as RFC 4514 section 2.4 writes it: what separates values has a backslash before it, and what is not seen
 * stands as `\` and two hexadecimal digits for each octet of its UTF-8.
 */
export function shownValue(text: string): string {
  const value = escaped(cut(text, maxValue), '"+,;<>\\');
  const begun = /^[# ]/.test(value) ? `\\${value}` : value;
  // The whole of it may be one space, which has its backslash.
  return begun.endsWith(" ") && begun !== "\\ " ? `${begun.slice(0, -1)}\\ ` : begun;
}

/** Within quotation marks, escaped in the same way. */
export function quoted(text: string): string {
  return `"${escaped(cut(text, maxWhole), '"\\')}"`;
}

/** Its first characters. */
export function shownWhole(text: string): string {
  return cut(text, maxWhole);
}

/** In hexadecimal; of many bytes the first. */
export function shownBytes(bytes: Uint8Array): string {
  return bytes.length > maxBytes ? `${toHex(bytes.subarray(0, maxBytes))}\u2026 (${bytes.length} bytes)` : toHex(bytes);
}

/** The members of a list, of many the first. */
export function listed(members: readonly string[], between: string): string {
  const shown = members.slice(0, maxListed).join(between);
  return members.length > maxListed ? `${shown} and ${members.length - maxListed} more` : shown;
}

function cut(text: string, most: number): string {
  const characters = Array.from(text);
  return characters.length > most ? `${characters.slice(0, most).join("")}\u2026` : text;
}

function escaped(text: string, special: string): string {
  const shown = (character: string) => {
    const code = character.codePointAt(0) ?? 0;
    if (unseen.some(([from, to]) => from <= code && code <= to)) {
      return Array.from(toUtf8(character), (octet) => `\\${toHex(Uint8Array.of(octet)).toUpperCase()}`).join("");
    }
    return special.includes(character) ? `\\${character}` : character;
  };
  return Array.from(text, shown).join("");
}
