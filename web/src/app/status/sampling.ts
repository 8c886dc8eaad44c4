/**
 * Which entries' evidence to ask for, to see a log's anchors with few questions. The evidence of an entry names the anchored checkpoint soonest
 * after it; so an answer of size s for the entry i says that nothing between i and s was anchored, or nothing that more authorities vouch for.
 */

/** Entries from `first` to `last` of which it is not known where the next anchored checkpoint is. */
interface Gap {
  readonly first: bigint;
  readonly last: bigint;
}

export class Sampling {
  #gaps: readonly Gap[];
  #answers = 0;

  /** Of a log whose newest anchored checkpoint has so many entries. */
  constructor(newest: bigint) {
    this.#gaps = newest > 0n ? [{ first: 0n, last: newest - 1n }] : [];
  }

  /** The entry to ask about next: the first, then the last, then the middle of the widest gap; undefined once all is known. */
  next(): bigint | undefined {
    if (this.#answers === 0) {
      return this.#gaps[0]?.first;
    }
    if (this.#answers === 1) {
      return this.#gaps.at(-1)?.last;
    }
    const [first, ...others] = this.#gaps;
    const widest = first && others.reduce((best, gap) => (width(gap) > width(best) ? gap : best), first);
    return widest && (widest.first + widest.last) / 2n;
  }

  /** The anchored checkpoint soonest after this entry has so many entries. */
  found(index: bigint, size: bigint): void {
    this.#known(index, size > index ? size - 1n : index);
  }

  /** There is no answer about this entry, and it is not asked about again. */
  failed(index: bigint): void {
    this.#known(index, index);
  }

  #known(first: bigint, last: bigint): void {
    this.#answers++;
    this.#gaps = this.#gaps.flatMap((gap) => {
      if (last < gap.first || first > gap.last) {
        return [gap];
      }
      const left = { first: gap.first, last: first - 1n };
      const right = { first: last + 1n, last: gap.last };
      return [left, right].filter((rest) => rest.first <= rest.last);
    });
  }
}

function width({ first, last }: Gap): bigint {
  return last - first;
}
