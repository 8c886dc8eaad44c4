/**
 * The envelope of transactions and receipts: EIP-2718.
 *
 * ```text
 * c0..ff ...         legacy: an RLP list
 * 00..7f, payload    a type and what it says, usually an RLP list
 * ```
 */

import { VerifyError } from "../checks.ts";

/** The largest transaction or receipt. The largest receipt of the blocks that are tested has 1.6 MB. */
export const maxValueSize = 4 << 20;

/** The number of a type, or `legacy`: from before EIP-2718. */
export type Kind = number | "legacy";

export function showKind(kind: Kind): string {
  return kind === "legacy" ? kind : `type 0x${kind.toString(16).padStart(2, "0")}`;
}

/** The kind of a transaction or receipt, and what it says. */
export function openEnvelope(bytes: Uint8Array): { kind: Kind; payload: Uint8Array } {
  if (bytes.length > maxValueSize) {
    throw new VerifyError(`expected at most ${maxValueSize} bytes, found ${bytes.length}`);
  }
  const first = bytes[0];
  if (first === undefined || (first < 0x80 && bytes.length === 1)) {
    throw new VerifyError("it is empty");
  }
  if (first >= 0xc0) {
    return { kind: "legacy", payload: bytes };
  }
  if (first >= 0x80) {
    throw new VerifyError(`expected a type below 0x80 or a list, found 0x${first.toString(16)}`);
  }
  return { kind: first, payload: bytes.subarray(1) };
}
