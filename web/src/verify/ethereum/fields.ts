/** Lists whose items have a name and a shape by their place. */

import { VerifyError } from "../checks.ts";
import type { Item } from "./rlp.ts";

/** What a field must be: throws if it is not. */
type Shape = (item: Item) => void;

/** Its name in the specification, and what it must be. */
export type Field = readonly [name: string, shape: Shape];

/** A byte string of this length. */
export function fixed(size: number): Shape {
  return (item) => void item.sized(size);
}

/** A byte string of this length, or an empty one. */
export function fixedOrEmpty(size: number): Shape {
  return (item) => {
    if (item.isList || item.bytes().length > 0) {
      item.sized(size);
    }
  };
}

/** A number of at most so many bytes, without leading zeros. */
export function number(most: number): Shape {
  return (item) => void item.number(most);
}

/** Any byte string. */
export const bytes: Shape = (item) => void item.bytes();

/** Any list. */
export const list: Shape = (item) => {
  if (!item.isList) {
    item.items(0);
  }
};

/** Throws unless the items have the shapes of the table, as far as either goes; `whose` they are is for the error. */
export function verifyFields(whose: string, table: readonly Field[], items: readonly Item[]): void {
  for (const [place, [name, shape]] of table.entries()) {
    const item = items[place];
    if (item !== undefined) {
      within(`the ${whose}'s field ${name}`, () => shape(item));
    }
  }
}

/** What is wrong within something is said to be about that. */
export function within<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof VerifyError) {
      throw new VerifyError(`${what}: ${error.message}`);
    }
    throw error;
  }
}

/** The item at a place that the number of items has shown to be there. */
export function itemAt(items: readonly Item[], place: number): Item {
  const item = items[place];
  if (item === undefined) {
    throw new RangeError(`no item ${place}`);
  }
  return item;
}
