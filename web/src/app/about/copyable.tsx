/** A text that is copied whole, although only some of it is shown. */

import { useState } from "preact/hooks";
import { middle } from "../words.ts";

/** Characters that are shown of each end. */
const SHOWN = 40;

export function Copyable({ text, label }: { text: string; label: string }) {
  const [state, setState] = useState("");
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setState("Copied"),
      () => setState("The browser did not let it be copied"),
    );
  return (
    <span class="copyable">
      <code title={text}>{middle(text, SHOWN)}</code> {/* Only where the page came over a secure way. */}
      {navigator.clipboard !== undefined && (
        <button type="button" aria-label={`Copy ${label}`} onClick={() => void copy()}>
          Copy
        </button>
      )}{" "}
      <span role="status" class="quiet">
        {state}
      </span>
    </span>
  );
}
