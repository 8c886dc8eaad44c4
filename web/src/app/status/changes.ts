/** The values of a chart as rows of a table. */

import type { Point } from "./charts.tsx";

/** More rows are not drawn. */
const ROWS = 200;

/** Each point that says something new, the newest first, and how many are left out: that a value is still what it was is no row. */
export function changesOf(points: readonly Point[]): { readonly rows: readonly Point[]; readonly left: number } {
  const changes = points.filter(({ value, mark }, at) => {
    const before = points[at - 1];
    return before?.value !== value || before.mark !== mark;
  });
  return { rows: changes.slice(-ROWS).reverse(), left: Math.max(0, changes.length - ROWS) };
}
