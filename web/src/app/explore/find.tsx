/** Finds a file in the log: its hash is looked up, and that it is there verified by the tree. */

import { useRef, useState } from "preact/hooks";
import { toHex } from "../../verify/bytes.ts";
import type { Outcome } from "../../verify/checks.ts";
import { oneFile, useDropped } from "../drop.ts";
import { ask } from "../engine/engine.ts";
import { indexInLog } from "../log.ts";
import { Sign } from "../marks.tsx";
import { plainLine } from "../plain.ts";
import { counted, said } from "../words.ts";
import { type Proven, provenWords } from "./found.ts";
import type { Tiles } from "./tiles.ts";

interface Found {
  readonly outcome: "failed" | "busy";
  readonly words: string;
}

/** What was found out, and of which tree: of no other it is shown. */
interface Came {
  readonly found: Found | Proven;
  readonly of: Tiles | undefined;
}

const notices = { passed: "good", failed: "bad", "not-checked": "open" } as const;

export function Find({
  tiles,
  standing,
  go,
  refresh,
}: {
  tiles: Tiles;
  /** What the checkpoint counts as. */
  standing: Outcome;
  go: (index: bigint) => void;
  /** The entry may be newer than the checkpoint. */
  refresh: () => void;
}) {
  const [came, setCame] = useState<Came>();
  const newest = useRef(0);
  const [over, setOver] = useState(false);
  const find = async (file: File) => {
    const name = plainLine(file.name);
    const number = ++newest.current;
    // Of two searches, what the older one comes to counts no more.
    const isNewest = () => number === newest.current;
    const show = (found: Came["found"], of?: Tiles) => isNewest() && setCame({ found, of });
    try {
      show({ outcome: "busy", words: `Hashing ${name}…` });
      const { leaves } = await ask({ op: "look", file, name: file.name });
      show({ outcome: "busy", words: "Asking the log…" });
      const found = await search(name, leaves, tiles);
      // That it is newer than the checkpoint is said until it is searched for again.
      const isNewer = "outcome" in found && found.outcome === "busy";
      show(found, isNewer ? undefined : tiles);
      if (isNewer) {
        refresh();
      } else if ("index" in found && isNewest()) {
        go(found.index);
      }
    } catch (error) {
      show({ outcome: "failed", words: said(error) });
    }
  };
  useDropped((given) => {
    const file = oneFile(given);
    if (typeof file === "string") {
      newest.current++;
      setCame({ found: { outcome: "failed", words: file }, of: undefined });
    } else {
      void find(file);
    }
  });
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is one way of two; the other is a button
    <div
      class={over ? "find over" : "find"}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={() => setOver(false)}
    >
      <p>
        <label class="button">
          Find a file
          <input
            class="sr"
            type="file"
            onChange={(event) => {
              const file = event.currentTarget.files?.[0];
              if (file !== undefined) {
                void find(file);
              }
              event.currentTarget.value = "";
            }}
          />
        </label>{" "}
        <span class="quiet">or drop it here. It stays on this machine: the log is asked for its leaf hash.</span>
      </p>
      <div role="status" aria-live="polite">
        {came !== undefined && (came.of === undefined || came.of === tiles) && (
          <FoundView found={came.found} standing={standing} />
        )}
      </div>
    </div>
  );
}

function FoundView({ found, standing }: { found: Found | Proven; standing: Outcome }) {
  if ("outcome" in found) {
    return <p class={`notice ${found.outcome === "failed" ? "bad" : ""}`}>{plainLine(found.words)}</p>;
  }
  return (
    <p class={`notice ${notices[standing]}`}>
      <Sign outcome={standing} /> {plainLine(provenWords(found, standing))}
    </p>
  );
}

async function search(name: string, leaves: readonly string[], tiles: Tiles): Promise<Found | Proven> {
  const index = await indexInLog(leaves);
  if (index === undefined) {
    return {
      outcome: "failed",
      words: `This log says that it does not hold ${name}, neither its contents nor its SHA-256.`,
    };
  }
  const at = BigInt(index);
  if (at >= tiles.size) {
    return {
      outcome: "busy",
      words: `Entry ${counted(at)} is newer than this checkpoint, which is fetched again. Then ask again.`,
    };
  }
  const leaf = toHex(await tiles.leaf(at));
  if (!leaves.includes(leaf)) {
    return {
      outcome: "failed",
      words: `The log says that ${name} is entry ${counted(at)}, but the tree has another entry there.`,
    };
  }
  const proof = await tiles.inclusion(at);
  return { name, index: at, hashes: proof.length };
}
