/** What was given, file by file, and what each turned out to be. */

import { useState } from "preact/hooks";
import type { Kind } from "../engine/protocol.ts";
import { get, indexInLog, LogError, limits } from "../log.ts";
import { plainText } from "../plain.ts";
import { type Given, type Item, MAX_FILES, type Session } from "../session.ts";
import { bytesInWords, counted, middle, plural, said } from "../words.ts";

const kinds: Readonly<Record<Kind, string>> = {
  evidence: "Evidence",
  receipt: "Receipt",
  checkpoint: "Checkpoint",
  token: "Time-stamp token",
  trust: "Trust file",
  policy: "Policy",
  vkeys: "Keys",
  certificates: "Certificates",
  blocks: "List of blocks",
  record: "Record",
};

/** Of many files, only these are listed. */
const LISTED = 6;

export function Items({
  session,
  offer,
  add,
}: {
  session: Session;
  offer: (item: Item) => (() => void) | undefined;
  add: (given: readonly Given[]) => void;
}) {
  const { items, lonely } = session;
  if (items.length === 0) {
    return null;
  }
  if (items.length > LISTED) {
    const trusting = items.filter(({ looked }) => looked !== undefined && isTrust(looked.kind));
    return (
      <section class="given" aria-label="What was given">
        <p>
          {plural(items.length, "file")} given.{" "}
          {lonely.length > 0 &&
            session.work.done === session.work.all &&
            `${plural(lonely.length, "record")} without a proof. `}
          <button type="button" class="plain" onClick={() => session.clear()}>
            Take all away
          </button>
        </p>
        {session.leftOut && (
          <p class="notice bad" role="alert">
            No more than {counted(MAX_FILES)} files are taken at once. The others were left out, and nothing is said of
            them.
          </p>
        )}
        <ul>
          {trusting.slice(0, LISTED).map((item) => (
            <Row key={item.id} item={item} session={session} offer={offer(item)} lonely={false} add={add} />
          ))}
        </ul>
      </section>
    );
  }
  return (
    <section class="given" aria-label="What was given">
      <ul>
        {items.map((item) => (
          <Row
            key={item.id}
            item={item}
            session={session}
            offer={offer(item)}
            lonely={lonely.includes(item)}
            add={add}
          />
        ))}
      </ul>
    </section>
  );
}

function isTrust(kind: Kind): boolean {
  return kind === "trust" || kind === "policy" || kind === "vkeys" || kind === "certificates" || kind === "blocks";
}

interface RowProps {
  item: Item;
  session: Session;
  offer: (() => void) | undefined;
  lonely: boolean;
  add: (given: readonly Given[]) => void;
}

function Row({ item, session, offer, lonely, add }: RowProps) {
  const { looked, file, error } = item;
  return (
    <li>
      <span class="given-kind">{looked === undefined ? "…" : kinds[looked.kind]}</span>
      <span class="given-name">{plainText(item.name)}</span>
      <span class="given-about">
        {bytesInWords(file.size)}
        {looked !== undefined && looked.about !== "" && ` · ${plainText(looked.about)}`}
        {looked !== undefined && (
          <>
            {" · SHA-256 "}
            <code title={looked.sha256}>{middle(looked.sha256, 8)}</code>
          </>
        )}
        {error !== undefined && <strong class="bad"> {plainText(error)}</strong>}
      </span>
      <span class="given-acts">
        {offer !== undefined && looked !== undefined && isTrust(looked.kind) && (
          <button type="button" onClick={offer}>
            Trust what it names
          </button>
        )}
        {lonely && !__SINGLE__ && <FindProof item={item} add={add} />}
        <button
          type="button"
          class="plain"
          aria-label={`Take ${plainText(item.name)} away`}
          onClick={() => session.remove(item)}
        >
          ×
        </button>
      </span>
    </li>
  );
}

/** Asks the log for the proof of a record: only its leaf hashes are sent. */
function FindProof({ item, add }: { item: Item; add: (given: readonly Given[]) => void }) {
  const [state, setState] = useState<string>();
  const find = async () => {
    setState("Asking the log…");
    try {
      add([await proofFromLog(item)]);
      setState(undefined);
    } catch (error) {
      setState(said(error));
    }
  };
  return (
    <>
      {state !== undefined && <span role="status">{plainText(state)}</span>}
      <button type="button" onClick={() => void find()}>
        Ask this log for its proof
      </button>
    </>
  );
}

/** Evidence if the log has any, else a receipt. */
async function proofFromLog({ looked, name }: Item): Promise<Given> {
  const index = await indexInLog(looked?.leaves ?? []);
  if (index === undefined) {
    throw new Error("This log has no such entry.");
  }
  try {
    const bytes = await get(`evidence/${index}`, limits.evidence);
    const file = `${name}.evidence.json`;
    return { path: file, file: new File([bytes as Uint8Array<ArrayBuffer>], file) };
  } catch (error) {
    if (!(error instanceof LogError) || error.status === 0) {
      throw error;
    }
    // Not anchored, or not yet.
    const bytes = await get(`receipt/${index}`, limits.text);
    const file = `${name}.tlog-proof`;
    return { path: file, file: new File([bytes as Uint8Array<ArrayBuffer>], file) };
  }
}
