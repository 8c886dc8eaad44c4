import { expect, test } from "vitest";
import type { Judgement } from "../src/app/engine/protocol.ts";
import { standing } from "../src/app/standing.ts";
import { reportHtml, reportJson } from "../src/app/verify/report.ts";

const judgement: Judgement = {
  kind: "receipt",
  subject: "it",
  proofName: "it.tlog-proof",
  proofSha256: "00",
  recordSha256: undefined,
  outcome: "passed",
  sentence: "Verified: it is entry 5 of made.example, unchanged since it was logged.",
  checks: [{ name: "log signature", outcome: "passed", reason: "signed" }],
  caveats: [],
  trusted: ["the log made.example"],
  facts: [],
  anchors: [],
  leftOut: [],
  at: 1_700_000_000,
  milliseconds: 1,
};

test("under the log's own word nothing looks verified", () => {
  const shown = standing("passed", judgement.sentence, true);
  expect(shown.outcome).toBe("not-checked");
  expect(shown.title).toBe("By the log's own word");
  expect(shown.sentence).toMatch(/^By the log's own word, and nobody else's: it is entry 5/);
  expect(JSON.stringify(shown)).not.toMatch(/verified/i);
});

test("under whom the reader names, and where it fails, a verdict is shown as it came", () => {
  expect(standing("passed", judgement.sentence, false)).toEqual({
    outcome: "passed",
    title: "Verified",
    sentence: judgement.sentence,
  });
  for (const outcome of ["failed", "not-checked"] as const) {
    expect(standing(outcome, "why", true)).toEqual(standing(outcome, "why", false));
    expect(standing(outcome, "why", true).outcome).toBe(outcome);
  }
});

test("a report under the log's own word does not say that it is verified", () => {
  const report = JSON.parse(reportJson(judgement, true));
  expect(report.outcome).toBe("could-not-tell");
  expect(report.sentence).toMatch(/^By the log's own word/);
  expect(JSON.parse(reportJson(judgement, false)).outcome).toBe("verified");
  expect(reportHtml(judgement, true)).toContain("<h1>By the log&#39;s own word</h1>");
  expect(reportHtml(judgement, true)).not.toContain("Verified:");
  expect(reportHtml(judgement, false)).toContain("<h1>Verified</h1>");
});

test("a report shows what has no shape of its own written out, and as JSON says the same", () => {
  const odd = "a\u202eb\u0007";
  const hostile: Judgement = {
    ...judgement,
    subject: odd,
    proofName: odd,
    sentence: `Verified: ${odd}`,
    checks: [{ name: odd, outcome: "passed", reason: odd }],
    caveats: [odd],
    trusted: [odd],
    facts: [{ label: odd, value: odd }],
  };
  for (const fromLog of [true, false]) {
    const html = reportHtml(hostile, fromLog);
    expect([..."\u202e\u0007"].filter((one) => html.includes(one))).toEqual([]);
    expect(html.split("a\\u{202e}b\\u{7}").length).toBeGreaterThan(8);
    const json = reportJson(hostile, fromLog);
    expect([..."\u202e\u0007"].filter((one) => json.includes(one))).toEqual([]);
    expect(JSON.parse(json).subject).toBe(odd);
    expect(JSON.parse(json).facts).toEqual({ [odd]: odd });
  }
  expect(standing("passed", odd, false).sentence).toBe("a\\u{202e}b\\u{7}");
});
