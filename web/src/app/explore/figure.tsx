/** The tree, drawn from its root to the node that is looked at. */

import { useRef } from "preact/hooks";
import type { Subtree } from "../../verify/proof.ts";
import { tilePath } from "../../verify/tile.ts";
import { useWidth } from "../use-width.ts";
import { counted, plural } from "../words.ts";
import { type Cell, cellAt, cellsOf, rowsOf, type Stage, stagesTo } from "./layout.ts";
import { sameNode, sizeOfNode } from "./tree.ts";

/** Pixels. */
const ROW = 15;
const CAPTION = 22;
const FUNNEL = 30;
/** Less than this holds no number. */
const NUMBERED = 16;

/** What is to be seen of a tree. */
export interface Lit {
  /** The node that is looked at. */
  readonly node: Subtree;
  /** The nodes above it, from the root on. */
  readonly path: readonly Subtree[];
  /** The nodes of a proof, in its order. */
  readonly proof: readonly Subtree[];
  /** Entries before this one are of an older tree. */
  readonly older?: bigint;
}

interface Drawn {
  readonly stage: Stage;
  readonly cells: readonly Cell[];
  /** Where its first row is. */
  readonly top: number;
  readonly height: number;
}

export function TreeFigure({
  size,
  lit,
  pick,
}: {
  size: bigint;
  lit: Lit;
  /** Without it, the drawing shows only. */
  pick?: (node: Subtree) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const drawn = draw(stagesTo(lit.node, size));
  const last = drawn.at(-1);
  const clicked = (event: MouseEvent) => {
    const bounds = box.current?.getBoundingClientRect();
    const cell = bounds && hit(drawn, (event.clientX - bounds.left) / bounds.width, event.clientY - bounds.top);
    if (cell !== undefined) {
      pick?.(cell.node);
    }
  };
  return (
    <div ref={box} class={pick === undefined ? "tree" : "tree pickable"}>
      {width > 0 && last !== undefined && (
        <svg width={width} height={last.top + last.height + 2} aria-hidden="true" onClick={clicked}>
          {drawn.map((one, at) => (
            <StageView key={one.stage.level} drawn={one} next={drawn[at + 1]} width={width} lit={lit} />
          ))}
        </svg>
      )}
    </div>
  );
}

function StageView({ drawn, next, width, lit }: { drawn: Drawn; next: Drawn | undefined; width: number; lit: Lit }) {
  const { stage, cells, top, height } = drawn;
  const x = (slot: number) => (slot / stage.slots) * (width - 2) + 1;
  const y = (row: number) => top + row * ROW;
  const rect = ({ from, to, top: first, bottom }: Cell) => ({
    x: x(from),
    y: y(first),
    width: Math.max(x(to) - x(from), 1),
    height: (bottom - first + 1) * ROW,
  });
  const has = (nodes: readonly Subtree[], { node }: Cell) => nodes.findIndex((one) => sameNode(one, node));
  const outline = cells.map((cell) => outlineOf(rect(cell))).join("");
  const older = lit.older === undefined ? 0 : slotsBefore(lit.older, stage);
  return (
    <g>
      <text class="stage-name" x={1} y={top - 7}>
        {captionOf(stage, width)}
      </text>
      <rect class="stage" x={1} y={top} width={width - 2} height={height} />
      {older > 0 && <rect class="older" x={1} y={top} width={x(older) - 1} height={height} />}
      {width / stage.slots >= 3 && <path class="cells" d={outline} />}
      {cells.map((cell) => {
        const number = has(lit.proof, cell);
        const isNode = sameNode(cell.node, lit.node);
        const kind = number >= 0 ? "proof" : isNode ? "node" : has(lit.path, cell) >= 0 ? "path" : undefined;
        return kind && <CellView key={`${cell.from}-${cell.to}`} kind={kind} number={number + 1} {...rect(cell)} />;
      })}
      {next !== undefined && stage.opened !== undefined && (
        <path
          class="funnel"
          d={`M${x(stage.opened)} ${top + height}L${x(stage.opened + 1)} ${top + height}L${width - 1} ${next.top}L1 ${next.top}Z`}
        />
      )}
    </g>
  );
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

function CellView({ kind, number, ...box }: { kind: "node" | "proof" | "path"; number: number } & Box) {
  return (
    <>
      <rect class={`cell ${kind}`} {...box} />
      {kind === "proof" && box.width >= NUMBERED && (
        <text class="cell-number" x={box.x + box.width / 2} y={box.y + box.height / 2 + 4} text-anchor="middle">
          {number}
        </text>
      )}
    </>
  );
}

function outlineOf({ x, y, width, height }: Box): string {
  return `M${x.toFixed(1)} ${y}h${width.toFixed(1)}v${height}h${(-width).toFixed(1)}z`;
}

function captionOf({ level, range, slots, tile }: Stage, width: number): string {
  const each = 1n << BigInt(8 * level);
  const hashes =
    level === 0 ? plural(slots, "leaf hash", "leaf hashes") : `${counted(slots)} × ${counted(each)} entries`;
  const entries =
    sizeOfNode(range) === 1n
      ? `entry ${counted(range.start)}`
      : `entries ${counted(range.start)} – ${counted(range.end - 1n)}`;
  const path = tile === undefined ? "" : ` · ${tilePath(tile)}`;
  return width < 560 ? `${entries}${path}` : `Level ${level} · ${entries} · ${hashes}${path}`;
}

/** How many of a stage's slots are before an entry. */
function slotsBefore(entry: bigint, { range, level, slots }: Stage): number {
  if (entry <= range.start) {
    return 0;
  }
  return entry >= range.end ? slots : Number(entry - range.start) / 2 ** (8 * level);
}

function draw(stages: readonly Stage[]): Drawn[] {
  let top = CAPTION;
  return stages.map((stage) => {
    const height = rowsOf(stage) * ROW;
    const drawn = { stage, cells: cellsOf(stage), top, height };
    top += height + FUNNEL + CAPTION;
    return drawn;
  });
}

/** The cell at a share of the width and a height in pixels. */
function hit(drawn: readonly Drawn[], share: number, y: number): Cell | undefined {
  const one = drawn.find(({ top, height }) => y >= top && y < top + height);
  if (one === undefined || share < 0 || share >= 1) {
    return undefined;
  }
  return cellAt(one.cells, Math.floor(share * one.stage.slots), Math.floor((y - one.top) / ROW));
}
