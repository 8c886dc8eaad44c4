/** The checks of one anchor, which stand together. */

import type { Check } from "../../verify/checks.ts";
import type { AnchorOf } from "../engine/protocol.ts";

/** The anchor that a check is of, as in `anchor dev`. */
export function anchorNamed({ name }: Check): string | undefined {
  return /^(anchor [^:]+): /.exec(name)?.[1];
}

/** Whether all anchors that their checks call so hold; of one that was not judged, nobody can say that it does. */
export function holdsAs(name: string, anchors: readonly AnchorOf[]): boolean {
  const named = anchors.filter((anchor) => `anchor ${anchor.name}` === name);
  return named.length > 0 && named.every(({ holds }) => holds);
}
