/** The report of a verification: to keep with the evidence, to print on one or two pages, or for programs. */

import type { Check, Outcome } from "../../verify/checks.ts";
import type { Judgement } from "../engine/protocol.ts";
import { plainJson, plainText } from "../plain.ts";
import { restsOn } from "../rests.ts";
import { standing } from "../standing.ts";
import { utcOf } from "../words.ts";
import { anchorNamed, caveatsBeside, holdsAs, LEFT_OUT, leftOutOf } from "./anchors.ts";

const words: Readonly<Record<Outcome, string>> = {
  passed: "verified",
  failed: "failed",
  "not-checked": "could-not-tell",
};
const signs: Readonly<Record<Outcome, string>> = { passed: "✓", failed: "✗", "not-checked": "– not checked" };

const TRUST_OF_LOG = "what the log says of itself, which proves nothing about the log";
const TRUST_OF_USER = "what the person who verified named";

export function reportJson(judgement: Judgement, fromLog: boolean): string {
  const { outcome, sentence } = standing(judgement.outcome, judgement.sentence, fromLog);
  const report = {
    format: "counterfoil/report@v1",
    verified_by: "Counterfoil web verifier",
    at: new Date(judgement.at * 1000).toISOString(),
    outcome: words[outcome],
    subject: judgement.subject,
    record_sha256: judgement.recordSha256 ?? null,
    proof: { kind: judgement.kind, name: judgement.proofName, sha256: judgement.proofSha256 },
    sentence,
    caveats: judgement.caveats,
    checks: judgement.checks,
    left_out: judgement.leftOut,
    trusted: judgement.trusted,
    trust_from: fromLog ? TRUST_OF_LOG : TRUST_OF_USER,
    facts: Object.fromEntries(judgement.facts.map(({ label, value }) => [label, value])),
  };
  return `${plainJson(report)}\n`;
}

/** A page without scripts. Whatever it shows is escaped: names and reasons hold what others wrote. */
export function reportHtml(judgement: Judgement, fromLog: boolean): string {
  const { title, sentence } = standing(judgement.outcome, judgement.sentence, fromLog);
  const row = (label: string, value: string | undefined) =>
    value === undefined ? "" : `<tr><th scope="row">${escaped(label)}</th><td>${escaped(value)}</td></tr>`;
  const items = (lines: readonly string[]) => lines.map((line) => `<li>${escaped(line)}</li>`).join("");
  const caveats = caveatsBeside(judgement);
  const leftOut = [...leftOutOf(judgement).values()].flat();
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}: ${escaped(judgement.subject)}</title>
<style>${STYLE}</style>
</head>
<body>
<p class="head">Counterfoil · Report of a verification · ${escaped(utcOf(judgement.at))}</p>
<h1>${escaped(title)}</h1>
<p class="sentence">${escaped(sentence)}</p>
${caveats.length > 0 ? `<ul>${items(caveats.map((caveat) => `But: ${caveat}`))}</ul>` : ""}
${leftOut.length > 0 ? `<p>Left out: ${LEFT_OUT}.</p><ul>${items(leftOut.map(({ name, reason }) => `${name}: ${reason}`))}</ul>` : ""}
<table>
${row("Record", judgement.subject)}
${row("SHA-256 of the record", judgement.recordSha256)}
${row("Proof", `${judgement.proofName} (${judgement.kind})`)}
${row("SHA-256 of the proof", judgement.proofSha256)}
${judgement.facts.map(({ label, value }) => row(label, value)).join("\n")}
</table>
<h2>Checks</h2>
<table class="checks">
${compact(judgement)
  .map((check) => checkRow(check, judgement.checks, leftOut.includes(check)))
  .join("\n")}
</table>
<h2>What was trusted</h2>
<p>${escaped(fromLog ? TRUST_OF_LOG : TRUST_OF_USER)}:</p>
<ul>${items(judgement.trusted)}</ul>
<p class="foot">Made by the Counterfoil web verifier, in the browser of whoever verified. Anybody can verify the same files again, with
this page or with <code>counterfoil verify</code>; this report proves nothing by itself.</p>
</body>
</html>
`;
}

/** The checks of an anchor that holds are one row, so that a report stays short; what was left open of it stands there, with its reason. */
function compact({ checks, anchors }: Judgement): Check[] {
  const shown: Check[] = [];
  for (const check of checks) {
    const anchor = anchorNamed(check);
    if (anchor === undefined || !holdsAs(anchor, anchors)) {
      shown.push(check);
    } else if (!shown.some(({ name }) => name === anchor)) {
      const of = checks.filter((one) => anchorNamed(one) === anchor);
      shown.push({ name: anchor, outcome: "passed", reason: inOne(anchor, of) });
    }
  }
  return shown;
}

function inOne(anchor: string, checks: readonly Check[]): string {
  const short = ({ name }: Check) => name.slice(anchor.length + 2);
  const passed = checks.filter(({ outcome }) => outcome === "passed").map(short);
  const open = checks.filter(({ outcome }) => outcome !== "passed").map((one) => `${short(one)} (${one.reason})`);
  const left = open.length === 0 ? "" : `; not checked, and not needed: ${open.join(", ")}`;
  return `${passed.length} of ${checks.length} checks passed: ${passed.join(", ")}${left}`;
}

function checkRow({ name, outcome, reason }: Check, all: readonly Check[], leavesOut: boolean): string {
  const rests = restsOn(
    name,
    all.map((check) => check.name),
  );
  const small = rests === "" ? "" : `<br><small>Rests ${escaped(rests)}</small>`;
  const sign = leavesOut ? `${signs[outcome]} left out` : signs[outcome];
  return `<tr class="${outcome}"><td>${sign}</td><th scope="row">${escaped(name)}</th><td>${escaped(reason)}${small}</td></tr>`;
}

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escaped(text: string): string {
  return plainText(text).replace(/[&<>"']/g, (character) => escapes[character] ?? "");
}

const STYLE = `
@page{margin:18mm}
body{font:10.5pt/1.45 Georgia,"Times New Roman",serif;color:#111;background:#fff;max-width:46rem;margin:2rem auto;padding:0 1rem}
h1{font-size:20pt;margin:.5rem 0}h2{font-size:12pt;margin:1.2rem 0 .3rem}
.head,.foot,small{color:#444;font-size:8.5pt}.sentence{font-size:13pt;line-height:1.4}
table{border-collapse:collapse;width:100%;font-size:9pt}
th,td{text-align:left;vertical-align:top;padding:.2rem .7rem .2rem 0;border-bottom:1px solid #ccc;font-weight:normal;overflow-wrap:anywhere}
th{white-space:nowrap;color:#333}.checks td:first-child{white-space:nowrap;width:1.2rem}
.failed td,.failed th{font-weight:bold}li{overflow-wrap:anywhere}tr{break-inside:avoid}
`.replace(/\n/g, "");
