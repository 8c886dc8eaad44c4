/**
 * Certificates in PEM (RFC 7468): text between blocks is for people. Blocks of anything but certificates are refused, and labels that do
 * not begin their line, as one that is indented, or behind a byte order mark or the end of another block.
 */

import { fromBase64 } from "./bytes.ts";
import { VerifyError } from "./checks.ts";
import { quoted } from "./words.ts";

const BEGIN = /^-----BEGIN (.*?)-----\s*$/;

/** A label that was meant to begin its line. One behind other text, as in a name, is text. */
const misplaced = /^(?:[ \t\u00a0\u200b\ufeff]*|-----END .*)-----BEGIN /s;

/** The longest part of a line that an error shows, in characters. */
const SHOWN = 80;

/** The DER of each block. */
export function readPem(text: string): Uint8Array[] {
  const blocks: Uint8Array[] = [];
  let body: string[] | undefined;
  for (const line of text.split(/[\n\r]/)) {
    if (line.startsWith("-----BEGIN ")) {
      const label = BEGIN.exec(line)?.[1];
      if (label !== "CERTIFICATE" || body !== undefined) {
        throw wrong(blocks.length, label === "CERTIFICATE" ? "a block within a block" : start(line));
      }
      body = [];
    } else if (misplaced.test(line)) {
      throw wrong(blocks.length, `a label that does not begin its line: ${start(line)}`);
    } else if (body !== undefined && line.startsWith("-----END CERTIFICATE-----")) {
      const der = readBody(body.join(""));
      if (der === undefined) {
        throw wrong(blocks.length, "something that is not base64");
      }
      blocks.push(der);
      body = undefined;
    } else {
      body?.push(line);
    }
  }
  if (body !== undefined) {
    throw wrong(blocks.length, "a block without end");
  }
  return blocks;
}

function start(line: string): string {
  return quoted(Array.from(line).slice(0, SHOWN).join(""));
}

/** Base64 with white space in it; as most readers of PEM do, without a look at how it is padded. */
function readBody(body: string): Uint8Array | undefined {
  const text = body.replace(/[ \t]/g, "");
  const digits = text.replace(/={1,2}$/, "");
  const isPadded = digits === text || text.length % 4 === 0;
  if (!isPadded || digits.length % 4 === 1 || !/^[A-Za-z0-9+/]*$/.test(digits)) {
    return undefined;
  }
  // The last character counts only as far as there are bytes.
  const unused = [0, 0, 15, 3][digits.length % 4] ?? 0;
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const last = alphabet.charAt(alphabet.indexOf(digits.slice(-1)) & ~unused);
  const canonical = digits === "" ? "" : digits.slice(0, -1) + last;
  return fromBase64(canonical.padEnd(Math.ceil(canonical.length / 4) * 4, "="));
}

function wrong(before: number, got: string): VerifyError {
  return new VerifyError(`expected a certificate in PEM as block ${before + 1}, got ${got}`);
}
