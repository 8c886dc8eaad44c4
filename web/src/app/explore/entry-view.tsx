/** One entry, and those around it. */

import { useState } from "preact/hooks";
import { toHex } from "../../verify/bytes.ts";
import { plainLine } from "../plain.ts";
import { useAsync } from "../use-async.ts";
import { bytesInWords, counted } from "../words.ts";
import { type Form, formsOf, SHOWN_BYTES, shownAs, textOf } from "./entry.ts";
import type { Tiles } from "./tiles.ts";

const formNames: Readonly<Record<Form, string>> = { json: "JSON", text: "Text", hex: "Bytes" };

/** SHA-256 has so many bytes: the entry that `counterfoil submit` logs of a file. */
const DIGEST_SIZE = 32;

export function EntryView({ tiles, index }: { tiles: Tiles; index: bigint }) {
  const { value, error } = useAsync(() => tiles.entry(index), [tiles, index]);
  return (
    <section aria-labelledby="entry-title" aria-busy={value === undefined && error === undefined}>
      <h2 id="entry-title">Entry {counted(index)}</h2>
      {error !== undefined && <p class="notice bad">{plainLine(error)}</p>}
      {value !== undefined && <Contents key={index.toString()} entry={value.entry} leaf={value.leaf} />}
      <p class="acts">
        <a href={`receipt/${index}`} download={`entry-${index}.tlog-proof`}>
          Its receipt
        </a>
        <a href={`evidence/${index}`} download={`entry-${index}.evidence.json`}>
          Its evidence
        </a>
      </p>
    </section>
  );
}

function Contents({ entry, leaf }: { entry: Uint8Array; leaf: Uint8Array }) {
  const forms = formsOf(entry);
  const [form, setForm] = useState(forms[0]);
  const [all, setAll] = useState(false);
  const shown = form && shownAs(form, entry, all ? Number.POSITIVE_INFINITY : SHOWN_BYTES);
  return (
    <>
      <p class="quiet">
        {bytesInWords(entry.length)}
        {entry.length === DIGEST_SIZE && ", as many as a SHA-256 has: such an entry is mostly the digest of a file"}.
        Leaf hash <code>{toHex(leaf)}</code>, which the tree holds at this place.
      </p>
      {forms.length > 1 && (
        <fieldset class="forms">
          <legend class="sr">How the entry is shown</legend>
          {forms.map((one) => (
            <label key={one}>
              <input type="radio" name="form" checked={form === one} onChange={() => setForm(one)} />
              {formNames[one]}
            </label>
          ))}
        </fieldset>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <pre tabIndex={0} dir="ltr">
        {shown}
      </pre>
      {!all && entry.length > SHOWN_BYTES && (
        <button type="button" onClick={() => setAll(true)}>
          Show all of it
        </button>
      )}
    </>
  );
}

/** So many entries are listed at once. */
const LISTED = 8;

/** The entries around one, a few at a time. */
export function Neighbours({ tiles, index, go }: { tiles: Tiles; index: bigint; go: (index: bigint) => void }) {
  const first = index - (index % BigInt(LISTED));
  const { value, error } = useAsync(() => listed(tiles, first), [tiles, first]);
  const last = first + BigInt(LISTED) < tiles.size ? first + BigInt(LISTED) : tiles.size;
  return (
    <section aria-labelledby="entries-title">
      <h2 id="entries-title">
        Entries {counted(first)} to {counted(last - 1n)}
      </h2>
      {error !== undefined && <p class="notice bad">{plainLine(error)}</p>}
      <div class="scroll">
        <table class="list entries">
          <caption class="sr">Entries with their beginning</caption>
          <thead>
            <tr>
              <th scope="col" class="number">
                Index
              </th>
              <th scope="col" class="number">
                Size
              </th>
              <th scope="col">Begins with</th>
            </tr>
          </thead>
          <tbody>
            {(value ?? []).map((entry, at) => {
              const one = first + BigInt(at);
              return (
                <tr key={one.toString()} class={one === index ? "chosen" : ""}>
                  <td class="number">
                    <button type="button" class="plain link" aria-pressed={one === index} onClick={() => go(one)}>
                      {counted(one)}
                    </button>
                  </td>
                  <td class="number">{bytesInWords(entry.length)}</td>
                  <td class="mono">{beginning(entry)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <p class="acts">
        <button type="button" disabled={first === 0n} onClick={() => go(first - 1n)}>
          Earlier
        </button>
        <button type="button" disabled={last >= tiles.size} onClick={() => go(last)}>
          Later
        </button>
      </p>
    </section>
  );
}

/** Each compared with its leaf hash. They are of one bundle, which is fetched once. */
async function listed(tiles: Tiles, first: bigint): Promise<readonly Uint8Array[]> {
  const count = Math.max(0, Math.min(LISTED, Number(tiles.size - first)));
  const entries = Array.from({ length: count }, (_, at) => tiles.entry(first + BigInt(at)));
  return (await Promise.all(entries)).map(({ entry }) => entry);
}

/** Characters of an entry in the list. */
const BEGINNING = 60;

function beginning(entry: Uint8Array): string {
  const text = textOf(entry);
  return text === undefined ? toHex(entry.subarray(0, DIGEST_SIZE)) : plainLine(text.slice(0, BEGINNING));
}
