/** Whether the log only grew: from an older checkpoint, which its reader has or the log keeps, to the one of this page. */

import { useState } from "preact/hooks";
import { fromDecimal, toBase64 } from "../../verify/bytes.ts";
import { consistencyRanges, type Subtree } from "../../verify/proof.ts";
import { ask } from "../engine/engine.ts";
import { get, limits } from "../log.ts";
import { Sign } from "../marks.tsx";
import { plainLine } from "../plain.ts";
import { useAsync } from "../use-async.ts";
import { counted, plural } from "../words.ts";
import { type Compared, checkpointOf, compared } from "./compared.ts";
import { type Lit, TreeFigure } from "./figure.tsx";
import type { ProofHash, Tiles } from "./tiles.ts";
import { pathTo, sameNode } from "./tree.ts";

/** An older checkpoint that the reader named. */
interface Named {
  readonly from: "reader" | "log";
  readonly read: () => Promise<Uint8Array>;
}

export function Consistency({ tiles, origin, trust }: { tiles: Tiles; origin: string; trust: string }) {
  const [text, setText] = useState("");
  const [named, setNamed] = useState<Named>();
  // Of this tree, under this trust: anything else is compared anew.
  const { value: came, error } = useAsync(async () => {
    if (named === undefined) {
      return undefined;
    }
    const note = checkpointOf(await named.read());
    return compared(await ask({ op: "head", note, trust }), tiles, origin);
  }, [named, tiles, origin, trust]);
  const size = fromDecimal(text.trim());
  return (
    <section aria-labelledby="consistency-title">
      <h2 id="consistency-title">Did it only grow?</h2>
      <p>
        Compare with an older checkpoint of this log. Best is one that you kept yourself, or that is in a receipt: the
        log cannot have made it up for you now.
      </p>
      <form
        class="acts"
        onSubmit={(event) => {
          event.preventDefault();
          if (size !== undefined) {
            setNamed({ from: "log", read: () => kept(size) });
          }
        }}
      >
        <label class="button">
          Choose a checkpoint or a receipt
          <input
            class="sr"
            type="file"
            onChange={(event) => {
              const file = event.currentTarget.files?.[0];
              if (file !== undefined) {
                setNamed({ from: "reader", read: () => bytesOf(file) });
              }
              event.currentTarget.value = "";
            }}
          />
        </label>
        <label>
          or a size that the log still keeps a checkpoint of{" "}
          <input
            type="text"
            inputMode="numeric"
            size={12}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <button type="submit" disabled={size === undefined || size > tiles.size}>
          Compare
        </button>
      </form>
      <div role="status" aria-live="polite">
        {error !== undefined && <p class="notice bad">It could not be compared: {plainLine(error)}</p>}
        {came !== undefined && named !== undefined && <Result came={came} from={named.from} />}
      </div>
      {came !== undefined && came.older.size > 0n && came.older.size < came.size && (
        <>
          <TreeFigure size={came.size} lit={litBy(came.older.size, came.size)} />
          <p class="quiet">
            Shaded: the {plural(came.older.size, "entry", "entries")} of the older tree. Numbered: the hashes of the
            proof, from which both roots follow.
          </p>
        </>
      )}
      {came?.proof !== undefined && came.proof.length > 0 && <ProofTable proof={came.proof} />}
    </section>
  );
}

function Result({ came: { older, size, proof, error }, from }: { came: Compared; from: Named["from"] }) {
  const sizes = `${counted(older.size)} to ${counted(size)} entries`;
  const signed = older.checks.find(({ outcome }) => outcome !== "passed");
  return (
    <div class={`notice ${proof === undefined ? "bad" : older.outcome === "passed" ? "good" : "open"}`}>
      <p>
        <Sign outcome={proof === undefined ? "failed" : "passed"} />{" "}
        {proof === undefined
          ? `NOT consistent from ${sizes}: ${plainLine(error ?? "")}.`
          : `The tree of ${counted(older.size)} entries is the beginning of that of ${counted(size)}: ${plural(proof.length, "hash", "hashes")} and nothing else lead to both roots.`}
      </p>
      <p>
        <Sign outcome={older.outcome} />{" "}
        {signed === undefined
          ? `The older checkpoint is signed as you demand${from === "log" ? ", and came from the log now" : ""}.`
          : `The older checkpoint: ${signed.name}: ${plainLine(signed.reason)}.`}
      </p>
    </div>
  );
}

export function ProofTable({ proof }: { proof: readonly ProofHash[] }) {
  return (
    <table class="list">
      <caption class="sr">The hashes of the proof</caption>
      <thead>
        <tr>
          <th scope="col" class="number">
            No.
          </th>
          <th scope="col">Over entries</th>
          <th scope="col">Hash</th>
        </tr>
      </thead>
      <tbody>
        {proof.map(({ node, hash }, at) => (
          <tr key={`${node.start}-${node.end}`}>
            <td class="number">{at + 1}</td>
            <td class="range">{rangeInWords(node)}</td>
            <td class="mono">{toBase64(hash)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function rangeInWords({ start, end }: Subtree): string {
  return end - start === 1n ? counted(start) : `${counted(start)} – ${counted(end - 1n)}`;
}

/** The way to the end of the older tree, and the proof on it. */
function litBy(olderSize: bigint, size: bigint): Lit {
  const proof = consistencyRanges(olderSize, size);
  const path = pathTo(olderSize - 1n, size);
  const lowest = path.findIndex(({ end }) => end === olderSize);
  const way = path.slice(0, lowest + 1);
  const node = way.at(-1) ?? { start: 0n, end: size };
  return { node, path: way.filter((one) => !proof.some((other) => sameNode(one, other))), proof, older: olderSize };
}

/** The checkpoint of a size, which the log gives out within a receipt under it. */
async function kept(size: bigint): Promise<Uint8Array> {
  if (size === 0n) {
    throw new Error("of the empty tree there is no receipt, and every tree continues it");
  }
  return get(`receipt/0?size=${size}`, limits.text);
}

async function bytesOf(file: File): Promise<Uint8Array> {
  if (file.size > limits.text) {
    throw new Error(`a checkpoint or a receipt has at most ${limits.text} bytes`);
  }
  return new Uint8Array(await file.arrayBuffer());
}
