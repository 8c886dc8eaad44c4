/** The checkpoint that a page is about: whether it can be relied on, and who says so. */

import "./checkpoint-panel.css";
import { toBase64 } from "../verify/bytes.ts";
import type { Following } from "./head.ts";
import { standing } from "./judged.ts";
import { Sign } from "./marks.tsx";
import { plainLine, plainText } from "./plain.ts";
import { type Trusting, TrustPanel } from "./verify/trust-panel.tsx";
import { plural } from "./words.ts";

const titles = {
  passed: "Verified checkpoint",
  failed: "This checkpoint does not verify",
  "not-checked": "Checkpoint, not verified yet",
} as const;

export function CheckpointPanel({ following, trust }: { following: Following; trust: Trusting }) {
  const { head, error, growth, busy, refresh } = following;
  const isOwnWord = head?.outcome === "passed" && trust.choice === "log";
  const outcome = head === undefined ? "not-checked" : standing(head, trust.choice);
  return (
    <section class={`verdict ${outcome} checkpoint`} aria-labelledby="checkpoint-title">
      <div role="status" aria-live="polite">
        {head === undefined ? (
          <h2 id="checkpoint-title">{error === undefined ? "Fetching the checkpoint…" : "No checkpoint"}</h2>
        ) : (
          <>
            <h2 id="checkpoint-title">{isOwnWord ? "Verified, by the log's own word" : titles[head.outcome]}</h2>
            <p class="sentence">
              {plainLine(head.origin)} has {plural(head.size, "entry", "entries")}
              {head.outcome !== "passed"
                ? "."
                : isOwnWord
                  ? ", signed by keys that it names as its own. You chose to believe that, which a false log could ask of you as well."
                  : ", signed and cosigned as you demand of those whom you trust."}
            </p>
          </>
        )}
        {error !== undefined && <p class="notice bad">{plainLine(error)}</p>}
        {trust.error !== undefined && <p class="notice bad">Whom you trust cannot be read: {plainLine(trust.error)}</p>}
        {growth !== undefined && growth.outcome !== "failed" && (
          <p class="quiet">
            <Sign outcome={growth.outcome} /> Since this page was opened: {growth.reason}.
          </p>
        )}
      </div>
      {trust.text === "" && (
        <p class="notice open">
          What is shown here follows from this checkpoint. Whether the log and its witnesses signed it, nobody can tell
          who trusts no key yet.
        </p>
      )}
      <p class="acts">
        <button type="button" onClick={refresh} disabled={busy}>
          Fetch it again
        </button>
        {trust.text === "" && (
          <button type="button" onClick={() => trust.choose("log")}>
            Trust what this log says of itself, to try it out
          </button>
        )}
      </p>
      {head !== undefined && (
        <details class="more">
          <summary>Signatures, root hash, and whom you trust</summary>
          <ul class="check-list">
            {head.checks.map(({ name, outcome, reason }) => (
              <li key={name}>
                <Sign outcome={outcome} />
                <span class="check-name">{name}</span>
                <span class="check-reason">{plainText(reason)}</span>
              </li>
            ))}
          </ul>
          <dl class="facts">
            <div>
              <dt>Root hash</dt>
              <dd>
                <code>{toBase64(head.root)}</code>
              </dd>
            </div>
            <div>
              <dt>Signature lines</dt>
              <dd>{head.lines.map(plainLine).join(", ")}</dd>
            </div>
          </dl>
          <TrustPanel trust={trust} />
        </details>
      )}
    </section>
  );
}
