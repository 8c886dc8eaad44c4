/** Finds a file in the log: its hash is looked up, and that it is there verified by the tree. */

import { useState } from "preact/hooks";
import { toHex } from "../../verify/bytes.ts";
import { useGivenAnywhere } from "../drop.ts";
import { ask } from "../engine/engine.ts";
import { indexInLog } from "../log.ts";
import { plainLine } from "../plain.ts";
import { counted, said } from "../words.ts";
import type { Tiles } from "./tiles.ts";

interface Found {
  readonly outcome: "passed" | "failed" | "busy";
  readonly words: string;
}

export function Find({
  tiles,
  go,
  refresh,
}: {
  tiles: Tiles;
  go: (index: bigint) => void;
  /** The entry may be newer than the checkpoint. */
  refresh: () => void;
}) {
  const [found, setFound] = useState<Found>();
  const [over, setOver] = useState(false);
  const find = async (file: File) => {
    const name = plainLine(file.name);
    try {
      setFound({ outcome: "busy", words: `Hashing ${name}…` });
      const { leaves } = await ask({ op: "look", file, name: file.name });
      setFound({ outcome: "busy", words: "Asking the log…" });
      setFound(await search(name, leaves, tiles, go, refresh));
    } catch (error) {
      setFound({ outcome: "failed", words: said(error) });
    }
  };
  useGivenAnywhere(([first]) => first && void find(first.file));
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
        {found !== undefined && (
          <p class={`notice ${found.outcome === "passed" ? "good" : found.outcome === "failed" ? "bad" : ""}`}>
            {plainLine(found.words)}
          </p>
        )}
      </div>
    </div>
  );
}

async function search(
  name: string,
  leaves: readonly string[],
  tiles: Tiles,
  go: (index: bigint) => void,
  refresh: () => void,
): Promise<Found> {
  const index = await indexInLog(leaves);
  if (index === undefined) {
    return {
      outcome: "failed",
      words: `This log says that it does not hold ${name}, neither its contents nor its SHA-256.`,
    };
  }
  const at = BigInt(index);
  if (at >= tiles.size) {
    refresh();
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
  go(at);
  const hashes = proof.length === 1 ? "1 hash leads" : `${proof.length} hashes lead`;
  return {
    outcome: "passed",
    words: `✓ ${name} is entry ${counted(at)}: ${hashes} from it to the root of this checkpoint.`,
  };
}
