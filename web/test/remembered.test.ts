import { expect, test } from "vitest";
import { MOST_REMEMBERED, Remembered } from "../src/verify/remembered.ts";

const part = (number: number) => Uint8Array.of(number, number >> 8);

test("what is known is not computed again, be it undefined, and nothing else is taken for it", () => {
  const remembered = new Remembered<number | undefined>();
  let computed = 0;
  const of = (...parts: Uint8Array[]) =>
    remembered.of(parts, () => {
      computed++;
      return computed === 1 ? undefined : computed;
    });
  expect([of(part(1)), of(part(1)), computed]).toEqual([undefined, undefined, 1]);
  expect([of(part(1), part(2)), of(part(1), part(2)), computed]).toEqual([2, 2, 2]);
  // The parts are told apart by their lengths.
  expect(of(Uint8Array.of(1, 0, 2, 0))).toBe(3);
  expect(of(Uint8Array.of(1), Uint8Array.of(0, 2, 0))).toBe(4);
  // What throws is not remembered.
  expect(() =>
    remembered.of([part(9)], () => {
      throw new Error("a defect");
    }),
  ).toThrow("a defect");
  expect(of(part(9))).toBe(5);
});

test("as many as there may be are remembered, and no more", () => {
  const remembered = new Remembered<number>();
  let computed = 0;
  const of = (number: number) => remembered.of([part(number)], () => computed++);
  for (let number = 0; number <= MOST_REMEMBERED; number++) {
    of(number);
  }
  // With the one that was too many all before it were forgotten.
  of(MOST_REMEMBERED);
  expect(computed).toBe(MOST_REMEMBERED + 1);
  of(0);
  expect(computed).toBe(MOST_REMEMBERED + 2);
});
