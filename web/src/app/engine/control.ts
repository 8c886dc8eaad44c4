/** The control: one byte of what verifies is changed, so that it is seen to fail. Where the byte is, and what that means. */

import { fromUtf8, toUtf8 } from "../../verify/bytes.ts";
import { changed } from "./digest.ts";
import type { Control, Kind } from "./protocol.ts";

/** Bytes with one of them changed, and in words which. */
export interface Changed {
  readonly bytes: Uint8Array;
  readonly what: string;
}

/** What can be changed of a proof of this kind. */
export function controls(kind: Kind, hasRecord: boolean, anchors: readonly string[]): readonly Control[] {
  const record: readonly Control[] = hasRecord ? ["record"] : [];
  switch (kind) {
    case "receipt":
      return [...record, "proof", "checkpoint", "signature"];
    case "evidence":
      return [
        ...record,
        "proof",
        "checkpoint",
        "signature",
        ...(anchors.includes("rfc3161") ? (["token"] as const) : []),
        ...(anchors.includes("ethereum") ? (["transaction", "header"] as const) : []),
      ];
    case "checkpoint":
      return ["checkpoint", "signature"];
    case "token":
      return [...record, "token"];
    default:
      return record;
  }
}

/** Changes a byte of a proof; undefined where there is no such byte: a tree of one entry has no hash in its proof. */
export function changeProof(kind: Kind, bytes: Uint8Array, control: Control): Changed | undefined {
  if (kind === "token") {
    const at = bytes.length - FROM_END;
    return { bytes: changed(bytes, at), what: `one bit of byte ${at}, in the signature of the token` };
  }
  const text = fromUtf8(bytes);
  const at = text === undefined ? undefined : place(kind, text, control);
  if (text === undefined || at === undefined) {
    return undefined;
  }
  const [from, to] = [text.charAt(at), text.charAt(at) === "A" ? "B" : "A"];
  const where = toUtf8(text.slice(0, at)).length;
  return {
    bytes: toUtf8(text.slice(0, at) + to + text.slice(at + 1)),
    what: `byte ${where}, "${from}" made "${to}", in ${names[control]}`,
  };
}

const names: Readonly<Record<Control, string>> = {
  record: "the record",
  proof: "the first hash of the inclusion proof",
  checkpoint: "the root hash in the checkpoint",
  signature: "the first signature on the checkpoint",
  token: "the signature of the time-stamp token",
  transaction: "the transaction in the block",
  header: "the root of the transactions in the block's header",
};

/** A place within base64, past what headers are in it. */
const WITHIN = 12;
/**
 * A place within the signature at the end of a token, which has 64 bytes or more. What stands before it may be a certificate that is not needed,
 * and a change there rightly changes nothing.
 */
const FROM_END = 24;
/** A place within the transactions root of a header: it follows on 123 bytes (Yellow Paper, section 4.3), in base64. */
const WITHIN_ROOT = 172;

function place(kind: Kind, text: string, control: Control): number | undefined {
  if (kind === "evidence" && (control === "token" || control === "transaction" || control === "header")) {
    const match = new RegExp(`"${control}"\\s*:\\s*"([A-Za-z0-9+/]+)`).exec(text);
    if (match?.[1] === undefined) {
      return undefined;
    }
    const start = match.index + match[0].length - match[1].length;
    return control === "header" ? start + WITHIN_ROOT : start + match[1].length - FROM_END;
  }
  // In evidence, a receipt is a JSON string, in which newlines are two characters.
  const newline = kind === "evidence" ? "\\n" : "\n";
  const start = kind === "evidence" ? text.indexOf('"c2sp.org/tlog-proof@') : 0;
  if (start < 0) {
    return undefined;
  }
  const lines = (from: number, count: number): number | undefined => {
    let at: number = from;
    for (let line = 0; line < count; line++) {
      const end = text.indexOf(newline, at);
      if (end < 0) {
        return undefined;
      }
      at = end + newline.length;
    }
    return at;
  };
  const checkpoint = kind === "checkpoint" ? 0 : after(text, newline + newline, start);
  if (checkpoint === undefined) {
    return undefined;
  }
  if (control === "proof") {
    const index = text.indexOf(`${newline}index `, start);
    const hash = index < 0 ? undefined : lines(index + newline.length, 1);
    return hash !== undefined && hash < checkpoint - newline.length ? hash + WITHIN : undefined;
  }
  if (control === "checkpoint") {
    const root = lines(checkpoint, 2);
    return root === undefined ? undefined : root + WITHIN;
  }
  const signature = after(text, `${newline}${newline}— `, checkpoint);
  const base64 = signature === undefined ? undefined : after(text, " ", signature);
  return base64 === undefined ? undefined : base64 + WITHIN;
}

function after(text: string, what: string, from: number): number | undefined {
  const at = text.indexOf(what, from);
  return at < 0 ? undefined : at + what.length;
}
