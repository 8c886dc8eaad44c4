/**
 * Which message each algorithm signs, and cosignatures (C2SP tlog-cosignature): after the key ID, `u64 timestamp (big endian) || signature`.
 *
 * | type | signs |
 * |---|---|
 * | 0x01 Ed25519 | the text of the note |
 * | 0x04 Ed25519 cosignature/v1 | two header lines and the text of the note |
 * | 0x06 ML-DSA-44 | a binary structure: the cosigner's name, the time, the origin, a range of leaves and its hash |
 */

import { concat, fromU64, toU64, toUtf8 } from "./bytes.ts";
import { parseCheckpoint } from "./checkpoint.ts";
import { VerifyError } from "./checks.ts";
import { COSIGNATURE_V1, ED25519, MLDSA44, type Vkey } from "./key.ts";
import type { Subtree } from "./proof.ts";

/** The last time that a cosignature can have: 2^63-1. */
const MAX_TIMESTAMP = (1n << 63n) - 1n;

/** The longest name of a cosigner and the longest origin in an ML-DSA-44 message: their length is one byte. */
const MAX_COSIGNED_NAME = 255;

/** What a good signature on a note says beside the note. */
export interface Signed {
  /** Unix seconds; undefined where the algorithm has no time. */
  readonly timestamp: bigint | undefined;
}

/** Verifies what follows the key ID in a signature line; undefined if it is not a signature of this text by this key. */
export function verifyNoteSignature(key: Vkey, text: string, signature: Uint8Array): Signed | undefined {
  if (key.algorithm === ED25519) {
    return key.publicKey.verify(toUtf8(text), signature) ? { timestamp: undefined } : undefined;
  }
  if (key.algorithm === COSIGNATURE_V1) {
    const parts = split(signature);
    if (parts === undefined || !key.publicKey.verify(cosignatureMessage(parts.timestamp, text), parts.bare)) {
      return undefined;
    }
    return { timestamp: parts.timestamp };
  }
  return verifyMlDsa(key, text, signature);
}

function verifyMlDsa(key: Vkey, text: string, signature: Uint8Array): Signed | undefined {
  try {
    const { origin, size, root } = parseCheckpoint(text);
    // SPEC(tlog-cosignature): "If signing a checkpoint, it is the size of the tree."
    const timestamp = verifySubtreeCosignature(key, origin, { start: 0n, end: size }, root, signature);
    return timestamp === undefined ? undefined : { timestamp };
  } catch (error) {
    if (error instanceof VerifyError) {
      return undefined;
    }
    throw error;
  }
}

/** Verifies an ML-DSA-44 cosignature of a subtree (time and signature, without key ID). Gives its time. */
export function verifySubtreeCosignature(
  key: Vkey,
  origin: string,
  subtree: Subtree,
  hash: Uint8Array,
  signature: Uint8Array,
): bigint | undefined {
  const parts = split(signature);
  if (key.algorithm !== MLDSA44 || parts === undefined) {
    return undefined;
  }
  const message = subtreeMessage(key.name, parts.timestamp, origin, subtree, hash);
  return message !== undefined && key.publicKey.verify(message, parts.bare) ? parts.timestamp : undefined;
}

/** The message that an Ed25519 cosignature (0x04) signs. */
export function cosignatureMessage(timestamp: bigint, text: string): Uint8Array {
  // SPEC(tlog-cosignature): "The signed message MUST be two newline (U+000A) terminated lines (one header line and one timestamp line)
  // followed by the whole note body of the cosigned checkpoint (including the final newline, but not including any signature lines)."
  return toUtf8(`cosignature/v1\ntime ${timestamp}\n${text}`);
}

/** The message that an ML-DSA-44 cosignature (0x06) signs; undefined if there is none. */
export function subtreeMessage(
  cosigner: string,
  timestamp: bigint,
  origin: string,
  subtree: Subtree,
  hash: Uint8Array,
): Uint8Array | undefined {
  const [name, log] = [toUtf8(cosigner), toUtf8(origin)];
  const fits = ({ length }: Uint8Array) => length >= 1 && length <= MAX_COSIGNED_NAME;
  // SPEC(tlog-cosignature): "If `start` is not zero, `timestamp` MUST be zero."
  if (!fits(name) || !fits(log) || (subtree.start !== 0n && timestamp !== 0n)) {
    return undefined;
  }
  // SPEC(tlog-cosignature): "The signed message MUST be a `cosigned_message` structure."
  return concat(
    toUtf8("subtree/v1\n\0"),
    Uint8Array.of(name.length),
    name,
    toU64(timestamp),
    Uint8Array.of(log.length),
    log,
    toU64(subtree.start),
    toU64(subtree.end),
    hash,
  );
}

function split(signature: Uint8Array): { timestamp: bigint; bare: Uint8Array } | undefined {
  const timestamp = fromU64(signature);
  // SPEC(tlog-cosignature): "It MUST NOT exceed 2^63 - 1, and verifiers MAY reject cosignatures with timestamps in the future."
  if (timestamp === undefined || timestamp > MAX_TIMESTAMP) {
    return undefined;
  }
  return { timestamp, bare: signature.subarray(8) };
}
