/** Which blocks of Ethereum chains the user trusts, beside those that a trust file names. */

import { useEffect, useState } from "preact/hooks";
import { ask } from "../engine/engine.ts";
import { plainText } from "../plain.ts";
import { plural, said } from "../words.ts";
import { FileButton } from "./file-button.tsx";
import { Keep, type KeptText, useKept } from "./kept.tsx";
import { readText } from "./trust-text.ts";

/** The largest list; a larger one is not read. */
const MAX_BYTES = 8 << 20;

export interface NamedBlocks {
  readonly kept: KeptText;
  /** What counts: empty where what was said cannot be read. */
  readonly counted: string;
  /** How many it names. */
  readonly count: number;
  readonly error: string | undefined;
  readonly load: (file: Blob) => void;
}

export function useBlocks(): NamedBlocks {
  const kept = useKept("blocks");
  const { text } = kept;
  const [read, setRead] = useState<{ of: string; count: number; error?: string }>({ of: "", count: 0 });
  useEffect(() => {
    let current = true;
    if (text.trim() === "") {
      setRead({ of: text, count: 0 });
    } else {
      ask({ op: "blocks", text }).then(
        (count) => current && setRead({ of: text, count }),
        (error: unknown) => current && setRead({ of: text, count: 0, error: said(error) }),
      );
    }
    return () => {
      current = false;
    };
  }, [text]);
  const isRead = read.of === text;
  return {
    kept,
    counted: isRead && read.count > 0 ? text : "",
    count: isRead ? read.count : 0,
    error: isRead ? read.error : undefined,
    load: (file) => {
      readText(file, MAX_BYTES).then(kept.set, (error: unknown) => setRead({ of: text, count: 0, error: said(error) }));
    },
  };
}

export function BlocksField({ blocks }: { blocks: NamedBlocks }) {
  return (
    <details class="blocks" open={blocks.kept.text !== "" || blocks.kept.asked !== undefined}>
      <summary>Blocks of Ethereum chains{blocks.count > 0 && `: ${plural(blocks.count, "block")} named`}</summary>
      <p>
        Evidence can show that a block holds a checkpoint, and not that the chain has that block. Which hash a block
        has, and that it is final, comes from you or from your trust file. This page asks nobody for it.
      </p>
      <p>
        To find it, ask for the block by its number: a node of your own, or two block explorers of that chain that have
        nothing to do with each other, nor with whoever gave you the evidence. They say whether it is finalized, too.
        Copy the hash of the block, not that of a transaction in it.
      </p>
      <label class="field">
        A block on a line: its hash, or its number and its hash; a line such as "chain 1" says of which chain those
        below are
        <textarea
          rows={4}
          spellcheck={false}
          autocomplete="off"
          value={blocks.kept.text}
          placeholder={"chain 1\n23000000 0x…"}
          onInput={(event) => blocks.kept.set(event.currentTarget.value)}
        />
      </label>
      <p class="acts">
        <FileButton label="Load a list of blocks" accept=".txt,text/plain" take={blocks.load} />
        <Keep kept={blocks.kept} label="these blocks" />
      </p>
      {blocks.error !== undefined && (
        <p class="notice bad" role="alert">
          This list cannot be read: {plainText(blocks.error)}.
        </p>
      )}
    </details>
  );
}
