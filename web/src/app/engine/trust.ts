/** Whom a verifier trusts, read from what they pasted: a trust file, a policy, or vkeys, one a line. */

import { toUtf8 } from "../../verify/bytes.ts";
import type { LogKey } from "../../verify/checkpoint.ts";
import { VerifyError } from "../../verify/checks.ts";
import { trustInWords } from "../../verify/judge-words.ts";
import { Vkey } from "../../verify/key.ts";
import { type Member, needed, Policy, shownName } from "../../verify/policy.ts";
import { parseTrust, type Trust } from "../../verify/trust.ts";
import type { TrustView } from "./protocol.ts";

/** What was read. */
export interface Read {
  readonly form: TrustView["form"];
  readonly policy: Policy;
  readonly keys: readonly LogKey[];
  /** The trust file, without which no time-stamping authority is trusted. */
  readonly trust: Trust | undefined;
  readonly trusted: readonly string[];
}

/** Reads it; throws what is wrong, for whoever pasted it. */
export function readTrust(text: string): Read {
  if (text.trim() === "") {
    throw new VerifyError("nobody is trusted yet");
  }
  if (/^\s*format\s*=/m.test(text)) {
    const trust = parseTrust(toUtf8(text));
    return {
      form: "trust file",
      policy: trust.policy,
      keys: trust.policy.logKeys,
      trust,
      trusted: trustInWords(trust),
    };
  }
  const isPolicy = /^\s*(log|witness|group|quorum)\s/m.test(text);
  const policyText = isPolicy ? text : policyOf(text);
  const policy = Policy.parse(toUtf8(policyText.endsWith("\n") ? policyText : `${policyText}\n`));
  const form = isPolicy ? "policy" : "vkeys";
  return { form, policy, keys: policy.logKeys, trust: undefined, trusted: words(policy) };
}

/** Keys alone: each of a log, and no witness asked for. */
function policyOf(text: string): string {
  const keys = text.split("\n").filter((line) => line.trim() !== "");
  return `${keys.map((line) => `log ${Vkey.parse(line.trim())}\n`).join("")}quorum none\n`;
}

function words({ logs, quorum, witnesses }: Policy): string[] {
  const keys = witnesses.length === 1 ? "1 witness key" : `${witnesses.length} witness keys`;
  return [
    ...logs.map(({ key }) => `the log ${key.origin}, by the key ${key.vkey.label}`),
    quorum === undefined ? "no witness" : `a quorum of ${keys}: ${member(quorum)}`,
  ];
}

/** A member of a quorum, and of a group what it takes. */
function member(one: Member): string {
  if (one.kind === "witness") {
    return shownName(one);
  }
  return `${needed(one)} of (${one.members.map(member).join(", ")})`;
}
