/** What an authority answers (RFC 3161 section 2.4.2): for whoever kept the response instead of the token. */

import { fromUtf8Lossy } from "../bytes.ts";
import { VerifyError } from "../checks.ts";
import { badLength, type Element, only, tag } from "./ber.ts";
import { quoted } from "./text.ts";
import { maxTokenSize } from "./token.ts";

/** Largest response that is read, in bytes: the largest token, and a status. */
export const maxResponseSize = maxTokenSize + 4_096;

/** Most lines of what an authority says that are shown, and most characters of each. */
const maxLines = 4;
const maxLineLength = 200;

/** Bits of `PKIFailureInfo`. */
const failures: readonly (readonly [number, string])[] = [
  [0, "badAlg"],
  [2, "badRequest"],
  [5, "badDataFormat"],
  [14, "timeNotAvailable"],
  [15, "unacceptedPolicy"],
  [16, "unacceptedExtension"],
  [17, "addInfoNotAvailable"],
  [25, "systemFailure"],
];

/** The token in a `TimeStampResp` (`application/timestamp-reply`), as it stands there. */
export function tokenInResponse(bytes: Uint8Array): Uint8Array {
  const what = "TimeStampResp";
  if (bytes.length > maxResponseSize) {
    throw badLength(what);
  }
  const reader = only(bytes, tag.sequence, what).reader(what);
  const info = reader.enter(tag.sequence, "PKIStatusInfo");
  const status = info.small("PKIStatus");
  const text = readLines(info.optional(tag.sequence));
  const failed = readFailures(info.optional(tag.bitString));
  info.end();
  // 0 is granted, 1 granted with modifications, which the checks of the token tell.
  if (status > 1) {
    const said = text.length === 0 ? "" : `: ${text.map(quoted).join(" ")}`;
    throw new VerifyError(`the authority refuses: ${[`status ${status}`, ...failed].join(", ")}${said}`);
  }
  if (reader.isEmpty) {
    throw new VerifyError("the response grants a token and has none");
  }
  const token = reader.expect(tag.sequence, "timeStampToken").raw;
  reader.end();
  return token;
}

function readLines(freeText: Element | undefined): string[] {
  const reader = freeText?.reader("PKIFreeText");
  const lines: string[] = [];
  while (reader !== undefined && !reader.isEmpty && lines.length < maxLines) {
    lines.push(Array.from(fromUtf8Lossy(reader.next().content)).slice(0, maxLineLength).join(""));
  }
  return lines;
}

function readFailures(bits: Element | undefined): string[] {
  const octets = bits?.content.subarray(1) ?? new Uint8Array();
  return failures.flatMap(([bit, name]) => (((octets[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0 ? [name] : []));
}
