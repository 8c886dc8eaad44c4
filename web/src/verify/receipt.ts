/**
 * Receipts (C2SP tlog-proof): everything that shows offline that an entry is in a log.
 *
 *     c2sp.org/tlog-proof@v1
 *     extra YXBwbGljYXRpb24gZGF0YQ==                      optional, opaque, not authenticated
 *     index 73894
 *     gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=        inclusion proof, from the leaf's sibling to the root's child
 *     ...
 *                                                         an empty line
 *     example.com/fancylog                                the checkpoint, byte for byte as the log published it
 *     ...
 */

import { firstNotUtf8, fromBase64, fromDecimal, fromUtf8, toUtf8 } from "./bytes.ts";
import { type Checkpoint, parseCheckpoint } from "./checkpoint.ts";
import { VerifyError } from "./checks.ts";
import { readHash } from "./hash.ts";
import { MAX_NOTE_SIZE, Note } from "./note.ts";
import { verifyInclusion } from "./proof.ts";

/** The most hashes in an inclusion proof: a tree of less than 2^64 leaves is at most 64 high. */
const MAX_INCLUSION_PROOF = 64;

/** The most extra data, in bytes. The specification has no limit. */
const MAX_EXTRA = 65_536;

/** The largest receipt that is read, in bytes: the largest note, extra data in base64 and proof, rounded up. */
export const MAX_RECEIPT_SIZE = MAX_NOTE_SIZE + 100_000;

const HEADER = "c2sp.org/tlog-proof@v1";

/** A receipt as parsed: nothing about it is verified. */
export interface Receipt {
  /** Opaque data of the application, which nothing authenticates. */
  readonly extra: Uint8Array | undefined;
  readonly index: bigint;
  readonly proof: readonly Uint8Array[];
  /** The checkpoint as the log published it. */
  readonly note: Note;
  /** What it says. */
  readonly checkpoint: Checkpoint;
}

/** Reads a receipt. */
export function parseReceipt(bytes: Uint8Array): Receipt {
  if (bytes.length > MAX_RECEIPT_SIZE) {
    throw new VerifyError(`a receipt has at most ${MAX_RECEIPT_SIZE} bytes, found ${bytes.length}`);
  }
  const text = fromUtf8(bytes);
  if (text === undefined) {
    throw new VerifyError(`a receipt is UTF-8; byte ${firstNotUtf8(bytes)} is not`);
  }
  const lines = new Lines(text);
  // SPEC(tlog-proof): "The first line MUST be the string `c2sp.org/tlog-proof@v1`."
  if (lines.take() !== HEADER) {
    throw new VerifyError(`expected the first line to be "${HEADER}"`);
  }
  let line = lines.take();
  // SPEC(tlog-proof): "The second line MAY start with the string `extra` followed by a space (U+0020) and base64-encoded opaque extra data. If
  // no extra data is present, this line is omitted."
  const wrongExtra = `expected 1 to ${MAX_EXTRA} bytes in canonical, padded base64 after \`extra \``;
  let extra: Uint8Array | undefined;
  if (line?.startsWith("extra ")) {
    extra = fromBase64(line.slice("extra ".length));
    if (extra === undefined) {
      throw new VerifyError(wrongExtra);
    }
    line = lines.take();
  }
  // SPEC(tlog-proof): "The next line MUST start with the string `index` followed by a space (U+0020) and the zero-based index of the entry in
  // the log, represented as an ASCII decimal with no leading zeroes (unless the index is `0`)."
  const index = line?.startsWith("index ") ? fromDecimal(line.slice("index ".length)) : undefined;
  if (index === undefined) {
    throw new VerifyError("expected `index ` and a decimal without leading zeros, at most 2^64-1");
  }
  const proof = readProof(lines);
  // SPEC(tlog-proof): "After the inclusion proof lines and an empty line, the checkpoint issued by the log is included verbatim, according to
  // [tlog-checkpoint][]."
  const { note, checkpoint } = readNote(lines.rest);
  if (extra !== undefined && (extra.length === 0 || extra.length > MAX_EXTRA)) {
    throw new VerifyError(wrongExtra);
  }
  return { extra, index, proof, note, checkpoint };
}

/** Verifies that the proof leads from a leaf hash to the checkpoint's root; throws what is wrong. */
export function checkInclusion({ index, checkpoint, proof }: Receipt, leaf: Uint8Array): void {
  verifyInclusion(index, checkpoint.size, leaf, proof, checkpoint.root);
}

function readProof(lines: Lines): Uint8Array[] {
  const proof: Uint8Array[] = [];
  for (;;) {
    const line = lines.take();
    if (line === undefined) {
      throw new VerifyError("expected an empty line and a checkpoint after the inclusion proof");
    }
    if (line === "") {
      return proof;
    }
    if (proof.length >= MAX_INCLUSION_PROOF) {
      throw new VerifyError(`an inclusion proof has at most ${MAX_INCLUSION_PROOF} hashes`);
    }
    // SPEC(tlog-proof): "the base64-encoded Merkle inclusion proof for the entry at the specified index in the checkpointed tree, one SHA-256
    // hash per line"
    const hash = readHash(line);
    if (hash === undefined) {
      throw new VerifyError(`proof line ${proof.length + 1}: expected 32 bytes in canonical base64`);
    }
    proof.push(hash);
  }
}

function readNote(text: string): { note: Note; checkpoint: Checkpoint } {
  try {
    const note = Note.parse(toUtf8(text));
    return { note, checkpoint: parseCheckpoint(note.text) };
  } catch (error) {
    throw error instanceof VerifyError ? new VerifyError(`the checkpoint: ${error.message}`) : error;
  }
}

/** A text, of which line after line is taken. */
class Lines {
  rest: string;

  constructor(text: string) {
    this.rest = text;
  }

  /** The next line without its newline; undefined if no newline is left. */
  take(): string | undefined {
    const end = this.rest.indexOf("\n");
    if (end < 0) {
      return undefined;
    }
    const line = this.rest.slice(0, end);
    this.rest = this.rest.slice(end + 1);
    return line;
  }
}
