/**
 * Named checks, each passed, failed or not checked with its reason, and the outcome that follows from them: what every judgement comes
 * to, of a receipt, of a token, of a block, of evidence. The names are those of the command line's `verify`.
 */

/** What a check came to; of several, the worst counts. */
export type Outcome = "passed" | "not-checked" | "failed";

export interface Check {
  /** Its name, the same in every release. */
  readonly name: string;
  readonly outcome: Outcome;
  /** Why, in words. */
  readonly reason: string;
}

/** A check could not be made, because of this: thrown within it. */
export class NotChecked extends Error {
  override readonly name = "NotChecked";
}

/** What was read or compared is not as it must be. Its message is for people: what was expected, and what came. */
export class VerifyError extends Error {
  override readonly name = "VerifyError";
}

const severity: Record<Outcome, number> = { passed: 0, "not-checked": 1, failed: 2 };

/** The checks made, in order. */
export class Checks {
  readonly #list: Check[] = [];

  get list(): readonly Check[] {
    return this.#list;
  }

  add(name: string, outcome: Outcome, reason: string): void {
    this.#list.push({ name, outcome, reason });
  }

  /** Adds a check by what making it gives: the reason why it holds, or what it throws. Anything else that is thrown is a defect, and passes on. */
  note(name: string, make: () => string): void {
    try {
      this.add(name, "passed", make());
    } catch (error) {
      if (error instanceof NotChecked) {
        this.add(name, "not-checked", error.message);
      } else if (error instanceof VerifyError) {
        this.add(name, "failed", error.message);
      } else {
        throw error;
      }
    }
  }

  /** What the check of this name came to; one that is not there was not made. */
  outcomeOf(name: string): Outcome {
    return this.#list.find((check) => check.name === name)?.outcome ?? "not-checked";
  }

  /** True if none failed, and none but these was left open. */
  holdButFor(optional: readonly string[]): boolean {
    return this.#list.every(
      ({ name, outcome }) => outcome === "passed" || (outcome === "not-checked" && optional.includes(name)),
    );
  }

  /** The worst of all checks; of none, `passed`. */
  get outcome(): Outcome {
    return this.#list.reduce<Outcome>(
      (worst, { outcome }) => (severity[outcome] > severity[worst] ? outcome : worst),
      "passed",
    );
  }
}
