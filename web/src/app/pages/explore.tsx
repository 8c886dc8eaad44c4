/** The explore page: the log as it is, from the root of its tree down to each entry. */

import { useEffect, useRef, useState } from "preact/hooks";
import "../explore/explore.css";
import { fromDecimal, toBase64 } from "../../verify/bytes.ts";
import type { Outcome } from "../../verify/checks.ts";
import { inclusionRanges, type Subtree } from "../../verify/proof.ts";
import { CheckpointPanel } from "../checkpoint-panel.tsx";
import { Consistency, ProofTable, rangeInWords } from "../explore/consistency.tsx";
import { EntryView, Neighbours } from "../explore/entry-view.tsx";
import { type Lit, TreeFigure } from "../explore/figure.tsx";
import { Find } from "../explore/find.tsx";
import type { ProofHash, Tiles } from "../explore/tiles.ts";
import {
  carried,
  childrenOf,
  entryAt,
  heightOf,
  nodeAt,
  type Place,
  pathTo,
  placeOf,
  sizeOfNode,
  step,
  type Way,
} from "../explore/tree.ts";
import { useHead } from "../head.ts";
import { standing } from "../judged.ts";
import { Sign } from "../marks.tsx";
import { plainLine } from "../plain.ts";
import { remember } from "../routes.ts";
import { useAsync } from "../use-async.ts";
import type { Trusting } from "../verify/trust-panel.tsx";
import { counted, plural } from "../words.ts";

export default function Explore({ trust, query }: { trust: Trusting; query: URLSearchParams }) {
  const following = useHead(trust.text);
  const { head, tiles, refresh } = following;
  return (
    <>
      <h1>Explore the log</h1>
      <p class="lead">
        Every entry, and the tree of hashes over all of them. Whatever is shown here was fetched from the log and
        follows from the root hash that its checkpoint signs; what does not follow is refused.
      </p>
      <CheckpointPanel following={following} trust={trust} />
      {tiles?.size === 0n && <p>It has no entries yet, so that there is nothing to look at.</p>}
      {tiles !== undefined && head !== undefined && tiles.size > 0n && (
        <>
          <Tree tiles={tiles} standing={standing(head, trust.choice)} refresh={refresh} query={query} />
          <Consistency tiles={tiles} origin={head.origin} trust={trust.text} />
        </>
      )}
    </>
  );
}

function Tree({
  tiles,
  standing,
  refresh,
  query,
}: {
  tiles: Tiles;
  standing: Outcome;
  refresh: () => void;
  query: URLSearchParams;
}) {
  const { size } = tiles;
  const [at, setAt] = useState({ place: { index: 0n, depth: 0 }, size });
  const place = carried(at.place, at.size, size);
  const setPlace = (place: Place) => setAt({ place, size });
  const go = (index: bigint) => setPlace(entryAt(index, size));
  // The address may be one that somebody sent. It is followed once: after that, the reader goes where they want, also as the log grows.
  const followed = useRef<URLSearchParams | undefined>(undefined);
  useEffect(() => {
    const index = fromDecimal(query.get("index") ?? "");
    if (followed.current !== query && index !== undefined && index < size) {
      followed.current = query;
      go(index);
    }
  }, [query, size]);
  const node = nodeAt(place, size);
  const isEntry = sizeOfNode(node) === 1n;
  useEffect(() => {
    if (isEntry) {
      remember("explore", { index: node.start.toString() });
    }
  }, [isEntry, node.start]);
  const walk = (way: Way) => {
    const next = step(place, way, size);
    if (next !== undefined) {
      setPlace(next);
    }
  };
  return (
    <>
      <section aria-labelledby="tree-title">
        <h2 id="tree-title">The tree</h2>
        <div class="reach">
          <Jump size={size} go={go} />
          <Find tiles={tiles} standing={standing} go={go} refresh={refresh} />
        </div>
        <Walk place={place} size={size} walk={walk} pick={(picked) => setPlace(placeOf(picked, size))} />
        <NodeView tiles={tiles} node={node} place={place} />
      </section>
      {isEntry && <EntryView tiles={tiles} index={node.start} />}
      {isEntry && <Neighbours tiles={tiles} index={node.start} go={go} />}
    </>
  );
}

function Jump({ size, go }: { size: bigint; go: (index: bigint) => void }) {
  const [text, setText] = useState("");
  const index = fromDecimal(text.replace(/[\s_,]/g, ""));
  const isThere = index !== undefined && index < size;
  return (
    <form
      class="acts"
      onSubmit={(event) => {
        event.preventDefault();
        if (isThere) {
          go(index);
        }
      }}
    >
      <label>
        Entry{" "}
        <input
          type="text"
          inputMode="numeric"
          size={14}
          placeholder={`0 – ${size - 1n}`}
          value={text}
          aria-invalid={text !== "" && !isThere}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <button type="submit" disabled={!isThere}>
        Go there
      </button>
      {text !== "" && !isThere && <span class="bad">the last entry is {counted(size - 1n)}</span>}
    </form>
  );
}

const keys: Readonly<Record<string, Way>> = {
  ArrowUp: "up",
  ArrowDown: "down",
  ArrowLeft: "left",
  ArrowRight: "right",
  Home: "first",
  End: "last",
  PageUp: "root",
  PageDown: "entry",
  Enter: "entry",
  Escape: "root",
};

const ways: readonly (readonly [Way, string])[] = [
  ["root", "Root"],
  ["up", "Up"],
  ["down", "Down"],
  ["left", "← Left"],
  ["right", "Right →"],
  ["entry", "To the entry"],
];

/** The drawing, with the ways through it by keys, by buttons, and by pointing. */
function Walk({
  place,
  size,
  walk,
  pick,
}: {
  place: Place;
  size: bigint;
  walk: (way: Way) => void;
  pick: (node: Subtree) => void;
}) {
  return (
    <>
      <div
        class="walk"
        role="application"
        aria-roledescription="tree of hashes"
        aria-label="The tree of the log, from its root to the node that is looked at"
        aria-describedby="walk-keys node-title"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: an application takes keys
        tabIndex={0}
        onKeyDown={(event) => {
          const way = event.ctrlKey || event.altKey || event.metaKey ? undefined : keys[event.key];
          if (way !== undefined) {
            event.preventDefault();
            walk(way);
          }
        }}
      >
        <TreeFigure size={size} lit={litAt(place, size)} pick={pick} />
      </div>
      <p id="walk-keys" class="quiet">
        <span class="key node" /> the node looked at <span class="key path" /> its way from the root{" "}
        <span class="key proof" /> the hashes that prove it. Arrow keys: up and down the tree, and to both sides; Enter:
        to the entry; Escape: to the root.
      </p>
      <p class="acts" role="toolbar" aria-label="Through the tree">
        {ways.map(([way, words]) => (
          <button key={way} type="button" disabled={step(place, way, size) === undefined} onClick={() => walk(way)}>
            {words}
          </button>
        ))}
      </p>
    </>
  );
}

/** The node at a place, the way to it, and the nodes beside that way, from below as in a proof. */
function litAt(place: Place, size: bigint): Lit {
  const path = pathTo(place.index, size);
  const node = nodeAt(place, size);
  if (sizeOfNode(node) === 1n) {
    return { node, path, proof: inclusionRanges(node.start, size) };
  }
  const above = path.slice(0, place.depth);
  const proof = above.flatMap((one, depth) => {
    const below = path[depth + 1];
    return below === undefined ? [] : childrenOf(one).filter(({ start }) => start !== below.start);
  });
  return { node, path: above, proof: proof.reverse() };
}

function NodeView({ tiles, node, place }: { tiles: Tiles; node: Subtree; place: Place }) {
  const isEntry = sizeOfNode(node) === 1n;
  const { value, error } = useAsync(() => lookAt(tiles, node), [tiles, node.start, node.end]);
  const isRoot = sizeOfNode(node) === tiles.size;
  return (
    <div class="node-view">
      <div role="status" aria-live="polite">
        <h3 id="node-title">
          {isEntry ? `Entry ${counted(node.start)}` : `Node over entries ${rangeInWords(node)}`}
          {isRoot && ", the root"}
        </h3>
        {error !== undefined && <p class="notice bad">{plainLine(error)}</p>}
        {value?.proof !== undefined && (
          <p>
            <Sign outcome="passed" /> {value.proof.length === 1 ? "1 hash leads" : `${value.proof.length} hashes lead`}{" "}
            from this entry to the root of {plural(tiles.size, "entry", "entries")}.
          </p>
        )}
      </div>
      <dl class="facts">
        <div>
          <dt>{isEntry ? "Leaf hash" : "Hash"}</dt>
          <dd>
            <code>{value === undefined ? "…" : toBase64(value.hash)}</code>
          </dd>
        </div>
        <div>
          <dt>Place</dt>
          <dd>
            {plural(place.depth, "step")} below the root, {plural(heightOf(node), "step")} above the entries
          </dd>
        </div>
      </dl>
      {value?.proof !== undefined && value.proof.length > 0 && (
        <details>
          <summary>The hashes of the proof, from the entry up</summary>
          <ProofTable proof={value.proof} />
        </details>
      )}
    </div>
  );
}

/** The hash of a node, and of an entry its proof. */
async function lookAt(
  tiles: Tiles,
  node: Subtree,
): Promise<{ readonly hash: Uint8Array; readonly proof: readonly ProofHash[] | undefined }> {
  const proof = sizeOfNode(node) === 1n ? await tiles.inclusion(node.start) : undefined;
  return { hash: await tiles.hash(node), proof };
}
