/**
 * Signed notes (C2SP signed-note, "Format"): a text and the signatures on it.
 *
 *     This is an example message.                        the text, each line with its newline
 *                                                        an empty line
 *     — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tna...    em dash, space, key name, space, base64(key ID || signature)
 */

import { equal, firstNotUtf8, fromBase64, fromUtf8, toHex, toUtf8 } from "./bytes.ts";
import { VerifyError } from "./checks.ts";
import { type Signed, verifyNoteSignature } from "./cosignature.ts";
import { type Algorithm, checkKeyName, type KeyRing, type Vkey } from "./key.ts";
import { Remembered } from "./remembered.ts";

/** The largest note that is read, in bytes: that of Go's `x/mod`, and room for 100 post-quantum signatures. */
export const MAX_NOTE_SIZE = 1_000_000;

/** The most signature lines that are read: that of Go's `x/mod`. */
// SPEC(signed-note): "Verifiers SHOULD apply a maximum limit to the number of signatures in a note (or, equivalently, to the overall size of a
// note), but MUST accept at least up to 16 signatures."
export const MAX_SIGNATURES = 100;

/** No signature on a note is by a key that was known; told apart, because other words may be better. */
export class NoKnownSignature extends VerifyError {
  constructor() {
    super("no signature is by a known key");
  }
}

/** One signature line: who claims to have signed, and the signature. */
export interface SignatureLine {
  readonly name: string;
  /** Eight lower-case hexadecimal digits. */
  readonly keyId: string;
  /** What follows the key ID, at least one byte; of cosignatures, it starts with the time. */
  readonly signature: Uint8Array;
}

/** A signature that was verified. */
export interface VerifiedSignature {
  readonly name: string;
  readonly keyId: string;
  readonly algorithm: Algorithm;
  /** When the signer says that it signed, in Unix seconds; of plain Ed25519 signatures, nothing. */
  readonly timestamp: bigint | undefined;
}

/** A note as parsed: nothing about it is verified. */
export class Note {
  /** All of it, byte for byte. */
  readonly bytes: Uint8Array;
  /** The text that is signed, with its final newline. */
  readonly text: string;
  readonly signatures: readonly SignatureLine[];

  private constructor(bytes: Uint8Array, text: string, signatures: readonly SignatureLine[]) {
    this.bytes = bytes;
    this.text = text;
    this.signatures = signatures;
  }

  /** Reads a note. */
  static parse(bytes: Uint8Array): Note {
    const whole = readCharacters(bytes);
    // SPEC(signed-note): "The note text MAY contain empty lines; the text is separated from the signatures by the last empty line in the
    // note."
    const end = whole.lastIndexOf("\n\n");
    if (end < 0) {
      throw new VerifyError("expected a text that ends in a newline, an empty line, and signature lines");
    }
    // SPEC(signed-note): "The note text includes the final newline but not the separating blank line."
    const text = whole.slice(0, end + 1);
    return new Note(bytes, text, readSignatureLines(whole.slice(end + 2)));
  }

  /** Verifies the signatures of the known keys, and gives them: at least one. */
  verify(known: KeyRing): VerifiedSignature[] {
    const good: VerifiedSignature[] = [];
    const earlier: SignatureLine[] = [];
    for (const line of this.signatures) {
      // SPEC(signed-note): "Verifiers MUST ignore signatures from unknown keys, even if they share a name or ID (but not both) with a known
      // key."
      const key = known.find(line.name, line.keyId);
      // A line that stands again says nothing new, and must not cost another verification.
      if (key === undefined || earlier.some((other) => same(other, line))) {
        continue;
      }
      earlier.push(line);
      const signature = verifyOnce(key, this.text, line.signature);
      // SPEC(signed-note): "If the key name and ID match a known key, verifiers MUST verify the signature. If a signature from a known key
      // fails to verify, clients SHOULD reject the whole note."
      if (signature === undefined) {
        throw new VerifyError(`the signature by the known key ${key.label} does not verify`);
      }
      good.push({ name: key.name, keyId: key.id, algorithm: key.algorithm, timestamp: signature.timestamp });
    }
    // SPEC(signed-note): "If no signature from a known key verifies successfully, clients MUST reject the note."
    if (good.length === 0) {
      throw new NoKnownSignature();
    }
    return good;
  }
}

function same(a: SignatureLine, b: SignatureLine): boolean {
  return a.keyId === b.keyId && a.name === b.name && equal(a.signature, b.signature);
}

function readCharacters(bytes: Uint8Array): string {
  if (bytes.length > MAX_NOTE_SIZE) {
    throw new VerifyError(`a note has at most ${MAX_NOTE_SIZE} bytes, found ${bytes.length}`);
  }
  // SPEC(signed-note): "Signed notes MUST be valid UTF-8 and MUST NOT contain any ASCII control characters (those below U+0020) other than
  // newline."
  const text = fromUtf8(bytes);
  if (text === undefined) {
    throw new VerifyError(`a note is UTF-8; byte ${firstNotUtf8(bytes)} is not`);
  }
  const at = bytes.findIndex((byte) => byte < 0x20 && byte !== 0x0a);
  if (at >= 0) {
    const byte = (bytes[at] ?? 0).toString(16).padStart(2, "0");
    throw new VerifyError(`a note holds no control characters but newline; found 0x${byte} at byte ${at}`);
  }
  return text;
}

/** Reads one or more signature lines, each ended by a newline, and nothing else. */
function readSignatureLines(text: string): SignatureLine[] {
  const lines: SignatureLine[] = [];
  let at = 0;
  while (at < text.length) {
    if (lines.length >= MAX_SIGNATURES) {
      throw new VerifyError(`a note has at most ${MAX_SIGNATURES} signatures`);
    }
    const number = lines.length + 1;
    const end = text.indexOf("\n", at);
    if (end < 0) {
      throw new VerifyError(`signature line ${number}: expected a newline at the end of the line`);
    }
    lines.push(readSignatureLine(text.slice(at, end), number));
    at = end + 1;
  }
  if (lines.length === 0) {
    throw new VerifyError("signature line 1: expected at least one signature line");
  }
  return lines;
}

const DASH = "— ";

// SPEC(signed-note): "one or more signature lines of this form: em dash (U+2014), space (U+0020), key name, space, base64-encoded signature,
// newline."
function readSignatureLine(line: string, number: number): SignatureLine {
  const expected = (what: string) => new VerifyError(`signature line ${number}: expected ${what}`);
  if (!line.startsWith(DASH)) {
    throw expected("an em dash and a space at the start");
  }
  const space = line.indexOf(" ", DASH.length);
  if (space < 0) {
    throw expected("a key name, a space and base64");
  }
  const name = line.slice(DASH.length, space);
  try {
    checkKeyName(name);
  } catch (error) {
    throw error instanceof VerifyError ? new VerifyError(`signature line ${number}: ${error.message}`) : error;
  }
  const bytes = fromBase64(line.slice(space + 1));
  if (bytes === undefined) {
    throw expected("canonical, padded base64 after the key name");
  }
  // SPEC(signed-note): "Signatures are the base64 encoding of 4+n bytes."
  if (bytes.length <= 4) {
    throw expected("a four-byte key ID and a signature");
  }
  return { name, keyId: toHex(bytes.subarray(0, 4)), signature: bytes.subarray(4) };
}

/** Receipts of many records bear the same few checkpoints. */
const verified = new Remembered<Signed | undefined>();

function verifyOnce(key: Vkey, text: string, signature: Uint8Array): Signed | undefined {
  const { name, algorithm, publicKey } = key;
  const parts = [toUtf8(name), Uint8Array.of(algorithm), publicKey.bytes, toUtf8(text), signature];
  return verified.of(parts, () => verifyNoteSignature(key, text, signature));
}
