/**
 * Checkpoints (C2SP tlog-checkpoint): what a log says its tree is.
 *
 *     example.com/behind-the-sofa                        origin
 *     20852163                                           size
 *     CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=       root hash
 *
 * A `Checkpoint` is only parsed; anybody can have written it. A `SignedCheckpoint` has a good signature by a key of its log, and
 * `verifyCheckpoint` alone makes one.
 */

import { fromDecimal } from "./bytes.ts";
import { VerifyError } from "./checks.ts";
import { readHash } from "./hash.ts";
import { KeyRing, type Vkey } from "./key.ts";
import type { Note, VerifiedSignature } from "./note.ts";
import { excerpt, quoted } from "./words.ts";

/** The claim that the log with an origin has a tree of this size and root. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: bigint;
  readonly root: Uint8Array;
  /** The lines after the root, usually none. */
  readonly extensions: readonly string[];
}

/** A key that signs for an origin, which is its name unless somebody said otherwise. */
export interface LogKey {
  readonly origin: string;
  readonly vkey: Vkey;
}

/** A checkpoint that a key of its log signed. */
export interface SignedCheckpoint {
  readonly note: Note;
  readonly checkpoint: Checkpoint;
  /** The log's signatures that were verified, at least one. */
  readonly signatures: readonly VerifiedSignature[];
}

/** A checkpoint is of a log that is not known; told apart, because other words may be better. */
export class UnknownOrigin extends VerifyError {
  readonly origin: string;

  constructor(origin: string) {
    super(`no log with the origin ${quoted(excerpt(origin))} is known`);
    this.origin = origin;
  }
}

/** Whether a text can be an origin: any line that is not empty and has no control characters. */
export function isLine(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text !== "" && !/[\u0000-\u001f]/.test(text);
}

/** Reads the text of a note as a checkpoint. */
export function parseCheckpoint(text: string): Checkpoint {
  // SPEC(tlog-checkpoint): "The note text is a sequence of at least three non-empty lines, separated by newlines (U+000A)."
  const lines = text.split("\n");
  const end = lines.pop();
  const [origin, sizeLine, rootLine, ...extensions] = lines;
  const missing = "expected at least three lines, each ended by a newline: origin, size, root hash";
  if (origin === undefined || sizeLine === undefined || rootLine === undefined) {
    throw new VerifyError(missing);
  }
  // SPEC(tlog-checkpoint): "The origin MUST be non-empty"
  if (!isLine(origin)) {
    throw new VerifyError("an origin is a non-empty line without control characters");
  }
  // SPEC(tlog-checkpoint): "the ASCII decimal representation of the number of leaves in the tree, with no leading zeroes (unless the tree is
  // empty, in which case the tree size is `0`)."
  const size = fromDecimal(sizeLine);
  if (size === undefined) {
    throw new VerifyError(
      `expected the size in decimal without leading zeros, at most 2^64-1, found ${quoted(excerpt(sizeLine))}`,
    );
  }
  // SPEC(tlog-checkpoint): "The third line is the **root hash**, the base64 encoding of the root of the [RFC 6962] Merkle hash tree at the
  // specified tree size."
  const root = readHash(rootLine);
  if (root === undefined) {
    throw new VerifyError(`expected the root hash, 32 bytes in canonical base64, found ${quoted(excerpt(rootLine))}`);
  }
  if (end !== "") {
    throw new VerifyError(missing);
  }
  // SPEC(tlog-checkpoint): "Extension lines, if any, MUST be non-empty."
  if (!extensions.every(isLine)) {
    throw new VerifyError("extension lines are not empty and hold no control characters");
  }
  return { origin, size, root, extensions };
}

/** The key that signs for the origin that is its name. */
export function logKey(vkey: Vkey): LogKey {
  return { origin: vkey.name, vkey };
}

/** Verifies a note as a checkpoint of one of the logs. Signatures by other keys than those of the log are not looked at. */
export function verifyCheckpoint(note: Note, logs: readonly LogKey[]): SignedCheckpoint {
  const checkpoint = parseCheckpoint(note.text);
  const ring = new KeyRing(logs.filter(({ origin }) => origin === checkpoint.origin).map(({ vkey }) => vkey));
  if (ring.isEmpty) {
    throw new UnknownOrigin(checkpoint.origin);
  }
  return { note, checkpoint, signatures: note.verify(ring) };
}
