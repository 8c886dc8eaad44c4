/**
 * The charts of the status page, as plain SVG: few shapes, themed with the page, and beside a table of the same numbers. A library that
 * draws on a canvas would be larger than all of this page, and needs inline styles, which the page's policy forbids.
 */

import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { useWidth } from "../use-width.ts";
import { counted, utcOf } from "../words.ts";
import { changesOf } from "./changes.ts";
import { type Scale, scaleBetween, scaleOf, ticksOf, timeTicks } from "./scale.ts";

/** Pixels. */
const LEFT = 76;
const RIGHT = 34;
const BOTTOM = 26;
const TOP = 12;
/** A mark on the axis of time takes so much. */
const TICK = 96;

/** A value at a time. */
export interface Point {
  /** Unix seconds. */
  readonly at: number;
  readonly value: number;
  /** How it is marked. */
  readonly mark: "seen" | "anchored";
}

interface Frame {
  readonly width: number;
  readonly x: (at: number) => number;
}

/** A chart with an axis of time, as wide as there is room. */
function Timed({
  title,
  height,
  time,
  children,
}: {
  title: string;
  height: number;
  time: Scale;
  children: (frame: Frame) => ComponentChildren;
}) {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const x = (at: number) => LEFT + time.at(at) * (width - LEFT - RIGHT);
  return (
    <div ref={box} class="chart">
      {width > 0 && (
        <svg role="img" aria-label={title} width={width} height={height}>
          {timeTicks(time, Math.max(1, Math.floor((width - LEFT - RIGHT) / TICK))).map(({ at, words }) => (
            <g key={at}>
              <line class="grid" x1={x(at)} x2={x(at)} y1={TOP} y2={height - BOTTOM} />
              <text class="tick" x={x(at)} y={height - 8} text-anchor="middle">
                {words}
              </text>
            </g>
          ))}
          {children({ width, x })}
        </svg>
      )}
    </div>
  );
}

const HEIGHT = 220;

/** Values over time, each held until the next; dashed where nobody looked in between. Below them the same in a table. */
export function Steps({
  title,
  unit,
  points,
  now,
}: {
  title: string;
  /** What the values are of. */
  unit: string;
  points: readonly Point[];
  now: number;
}) {
  return (
    <>
      <StepsFigure title={title} points={points} now={now} />
      <details class="more">
        <summary>In numbers</summary>
        <PointTable title={title} unit={unit} points={points} />
      </details>
    </>
  );
}

function PointTable({ title, unit, points }: { title: string; unit: string; points: readonly Point[] }) {
  const { rows, left } = changesOf(points);
  return (
    <>
      <table class="parties">
        <caption class="sr">{title}: each change, the newest first</caption>
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col" class="number">
              {unit}
            </th>
            <th scope="col">Known from</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ at, value, mark }) => (
            <tr key={`${mark}-${at}-${value}`}>
              <td>{utcOf(at)}</td>
              <td class="number">{counted(value)}</td>
              <td>{mark === "anchored" ? "an anchor" : "the log, to this page"}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {left > 0 && <p class="quiet">And {counted(left)} before that.</p>}
    </>
  );
}

function StepsFigure({ title, points, now }: { title: string; points: readonly Point[]; now: number }) {
  const time = scaleOf([...points.map(({ at }) => at), now], 30);
  const most = points.reduce((best, { value }) => Math.max(best, value), 1);
  const values = scaleBetween(0, most * 1.05);
  const seen = points.filter(({ mark }) => mark === "seen");
  const y = (value: number) => HEIGHT - BOTTOM - values.at(value) * (HEIGHT - BOTTOM - TOP);
  return (
    <Timed title={title} height={HEIGHT} time={time}>
      {({ width, x }) => (
        <>
          {ticksOf(values, 4).map((value) => (
            <g key={value}>
              <line class="grid" x1={LEFT} x2={width - RIGHT} y1={y(value)} y2={y(value)} />
              <text class="tick" x={LEFT - 8} y={y(value) + 4} text-anchor="end">
                {counted(value)}
              </text>
            </g>
          ))}
          <path class="line least" d={stepsPath(points, now, x, y)} />
          <path class="line" d={stepsPath(seen, now, x, y)} />
          {points.slice(-1).map(({ value }) => (
            <circle key="now" class="mark now" cx={x(now)} cy={y(value)} r={3} />
          ))}
          {points
            .filter(({ mark }) => mark === "anchored")
            .map(({ at, value }) => (
              <circle key={`${at}-${value}`} class="mark" cx={x(at)} cy={y(value)} r={4}>
                <title>{`${counted(value)}, ${utcOf(at)}`}</title>
              </circle>
            ))}
        </>
      )}
    </Timed>
  );
}

function stepsPath(points: readonly Point[], now: number, x: (at: number) => number, y: (value: number) => number) {
  const [first, ...rest] = points;
  if (first === undefined) {
    return "";
  }
  const steps = rest.map(({ at, value }) => `H${x(at).toFixed(1)}V${y(value).toFixed(1)}`);
  return `M${x(first.at).toFixed(1)} ${y(first.value).toFixed(1)}${steps.join("")}H${x(now).toFixed(1)}`;
}

/** Something that happened, on a lane. */
export interface Event {
  readonly at: number;
  readonly lane: string;
  readonly shape: "time-stamp" | "block";
  readonly outcome: "passed" | "failed" | "not-checked";
  readonly words: string;
}

const LANE = 34;

/** Events over time, a lane for each party. */
export function Lanes({ title, events, now }: { title: string; events: readonly Event[]; now: number }) {
  const lanes = [...new Set(events.map(({ lane }) => lane))].sort();
  const time = scaleOf([...events.map(({ at }) => at), now], 30);
  const height = TOP + lanes.length * LANE + BOTTOM;
  const middle = (lane: string) => TOP + (lanes.indexOf(lane) + 0.6) * LANE;
  return (
    <Timed title={title} height={height} time={time}>
      {({ width, x }) => (
        <>
          {lanes.map((lane) => (
            <g key={lane}>
              <line class="lane" x1={LEFT} x2={width - RIGHT} y1={middle(lane)} y2={middle(lane)} />
              <text class="lane-name" x={2} y={middle(lane) - 9}>
                {lane}
              </text>
            </g>
          ))}
          {events.map((event) => (
            <Mark
              key={`${event.lane}-${event.at}-${event.words}`}
              event={event}
              x={x(event.at)}
              y={middle(event.lane)}
            />
          ))}
        </>
      )}
    </Timed>
  );
}

function Mark({ event: { shape, outcome, words }, x, y }: { event: Event; x: number; y: number }) {
  const title = <title>{words}</title>;
  return shape === "block" ? (
    <rect class={`event ${outcome}`} x={x - 5} y={y - 5} width={10} height={10}>
      {title}
    </rect>
  ) : (
    <circle class={`event ${outcome}`} cx={x} cy={y} r={5.5}>
      {title}
    </circle>
  );
}
