/** What the tests of the Rust side ask and are answered (anchor/rfc3161/tests/corpus), asked here again. */

import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { describe, expect, test } from "vitest";
import { fromHex } from "../../src/verify/bytes.ts";
import {
  Certificate,
  judgeToken,
  type RevocationData,
  type RevocationStatus,
  revocationStatus,
  Timestamp,
} from "../../src/verify/rfc3161/index.ts";
import { bytesOf } from "../files.ts";

const path = process.env.COUNTERFOIL_RFC3161_CORPUS;

if (path === undefined && process.env.COUNTERFOIL_REQUIRE_CORPUS === "1") {
  throw new Error("COUNTERFOIL_RFC3161_CORPUS does not say where the corpus is: scripts/web-corpus.sh writes one");
}

interface Datum {
  readonly kind: RevocationData["kind"];
  readonly data: string;
}

/** A datum about a certificate. */
interface StatusCase extends Datum {
  readonly subject: string;
  readonly issuer: string;
  readonly gen_time: string;
  readonly expect: Readonly<Record<string, unknown>>;
}

interface TokenCase {
  readonly token: string;
  readonly covers: string | null;
  readonly nonce: string | null;
  readonly policies: readonly string[];
  readonly roots: readonly string[];
  readonly extra: readonly string[];
  readonly revocation: readonly Datum[];
  readonly at: string | null;
  readonly expect: Readonly<Record<string, unknown>>;
}

const certificate = (base64: string) => Certificate.parse(bytesOf(base64));
const datum = ({ kind, data }: Datum): RevocationData => ({ kind, data: bytesOf(data) });
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

/** In the form of the corpus. */
function inWords(status: RevocationStatus): Record<string, unknown> {
  switch (status.state) {
    case "good":
      return { state: status.state };
    case "too old":
      return { state: status.state, next: status.next?.toString() ?? null };
    case "on hold":
      return { state: status.state, at: status.at.toString(), next: status.next?.toString() ?? null };
    case "revoked later":
    case "revoked":
      return { state: status.state, at: status.at.toString(), reason: status.reason };
    case "about others":
    case "nothing":
      return { state: status.state, why: status.why };
  }
}

function statusOf(asked: StatusCase): Record<string, unknown> {
  const about = { subject: certificate(asked.subject), issuer: certificate(asked.issuer) };
  return inWords(revocationStatus(about, datum(asked), Timestamp.parse(asked.gen_time)));
}

function judgementOf(asked: TokenCase): Record<string, unknown> {
  const { checks, genTime, chain, revocation, isGood } = judgeToken({
    token: bytesOf(asked.token),
    covers: asked.covers === null ? undefined : { data: bytesOf(asked.covers) },
    nonce: asked.nonce === null ? undefined : fromHex(asked.nonce),
    policies: asked.policies,
    roots: asked.roots.map(certificate),
    extra: asked.extra.map(certificate),
    revocation: asked.revocation.map(datum),
    at: asked.at === null ? undefined : Timestamp.parse(asked.at),
  });
  return {
    checks: checks.list.map(({ name, outcome, reason }) => ({ name, outcome, reason })),
    gen_time: genTime?.time.toString() ?? null,
    chain: chain.map(({ der }) => base64(der)),
    revocation: revocation.map((standing) =>
      standing.state === "unknown" || standing.state === "unpublished" ? standing : inWords(standing),
    ),
    is_good: isGood,
  };
}

describe.skipIf(path === undefined)("the corpus of tokens and revocation data", () => {
  test("both implementations say the same of every case", { timeout: 900_000 }, async () => {
    const counts: Record<string, number> = {};
    const lines = createInterface({ input: createReadStream(path ?? "") });
    for await (const line of lines) {
      const asked = JSON.parse(line) as StatusCase | TokenCase;
      const found = "token" in asked ? judgementOf(asked) : statusOf(asked);
      expect(found, line.slice(0, 2_000)).toEqual(asked.expect);
      const what = "token" in asked ? `token ${asked.expect.is_good}` : `${asked.kind} ${asked.expect.state}`;
      counts[what] = (counts[what] ?? 0) + 1;
    }
    for (const kind of ["CRL", "OCSP"]) {
      for (const state of ["good", "too old", "on hold", "revoked later", "revoked", "about others", "nothing"]) {
        expect(counts[`${kind} ${state}`], `${kind} ${state}`).toBeGreaterThan(0);
      }
    }
    expect(counts["token true"]).toBeGreaterThan(50);
    expect(counts["token false"]).toBeGreaterThan(100);
  });
});
