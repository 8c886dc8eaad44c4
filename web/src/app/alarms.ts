/** What the log was caught at while the page was open: kept until the page is closed, shown on every page, with the notes that prove it. */

/** Two checkpoints of the log of which one does not continue the other. */
export interface Alarm {
  /** Unix seconds. */
  readonly at: number;
  readonly reason: string;
  /** The signed notes, byte for byte. */
  readonly before: Uint8Array;
  readonly now: Uint8Array;
}

/** More is not kept: each of them says the same of the log, and the first says since when. */
const KEPT = 16;

export class Alarms {
  #list: readonly Alarm[] = [];
  readonly #told = new Set<() => void>();

  /** The oldest first. */
  get list(): readonly Alarm[] {
    return this.#list;
  }

  raise(alarm: Alarm): void {
    if (this.#list.length < KEPT && !this.#list.some(({ reason }) => reason === alarm.reason)) {
      this.#list = [...this.#list, alarm];
      for (const tell of this.#told) {
        tell();
      }
    }
  }

  /** Tells of each that is raised from now on; gives what ends that. */
  tell(told: () => void): () => void {
    this.#told.add(told);
    return () => this.#told.delete(told);
  }
}

/** Those of the log that served the page. */
export const alarms = new Alarms();
