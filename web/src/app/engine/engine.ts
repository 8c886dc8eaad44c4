/** Workers that read, hash and verify, so that the page stays free. Code for verifying is in them alone, and loaded with the first. */

import { startWorker } from "#engine-worker";
import type { Answers, Ask, FromWorker, Question } from "./protocol.ts";

/** Cores are for whoever looks at the page, too. */
const MAX_WORKERS = 4;

interface Waiting {
  readonly message: Question;
  readonly resolve: (answer: Answers[keyof Answers]) => void;
  readonly reject: (error: Error) => void;
  readonly progress: ((bytes: number) => void) | undefined;
  slot: Slot;
}

interface Slot {
  readonly worker: Worker;
  busy: number;
}

const slots: Slot[] = [];
const waiting = new Map<number, Waiting>();
/** Workers that do what nobody wants any more. */
const toEnd = new Set<Slot>();
let next = 1;

/** Works on all, a few at once: as many as keep every worker busy. Ends with the first that fails. */
export async function inParallel<T>(all: Iterable<T>, work: (one: T) => Promise<void>): Promise<void> {
  const iterator = all[Symbol.iterator]();
  let failed = false;
  const crew = Array.from({ length: 2 * workers() }, async () => {
    try {
      for (let next = iterator.next(); !next.done && !failed; next = iterator.next()) {
        await work(next.value);
      }
    } catch (error) {
      failed = true;
      throw error;
    }
  });
  await Promise.all(crew);
}

/** How many questions are worked on at once. */
export function workers(): number {
  return Math.max(1, Math.min(MAX_WORKERS, navigator.hardwareConcurrency - 1));
}

/** Whoever asked wants no answer any more. */
export class Stopped extends Error {
  override readonly name = "Stopped";

  constructor() {
    super("It was stopped before it came to an end");
  }
}

/** Asks a worker; throws what it says is wrong. The signal ends its work, too, however busy it is. */
export function ask<Op extends Ask["op"]>(
  question: Extract<Ask, { op: Op }>,
  progress?: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<Answers[Op]> {
  if (signal?.aborted) {
    return Promise.reject(new Stopped());
  }
  const id = next++;
  const end = () => stop(id);
  signal?.addEventListener("abort", end);
  return new Promise<Answers[Op]>((resolve, reject) => {
    const message: Question = { id, ...question };
    const slot = idlest();
    waiting.set(id, { message, resolve: resolve as (answer: Answers[keyof Answers]) => void, reject, progress, slot });
    put(slot, message);
  }).finally(() => signal?.removeEventListener("abort", end));
}

function put(slot: Slot, message: Question): void {
  slot.busy++;
  slot.worker.postMessage(message);
}

/** A worker hears nothing while it computes, so that it is ended, once all that is stopped with this is known. */
function stop(id: number): void {
  const one = waiting.get(id);
  if (one !== undefined) {
    waiting.delete(id);
    one.reject(new Stopped());
    if (toEnd.size === 0) {
      queueMicrotask(endStopped);
    }
    toEnd.add(one.slot);
  }
}

/** What else they were asked, others are. */
function endStopped(): void {
  const ended = [...toEnd];
  toEnd.clear();
  ended.forEach(end);
  for (const other of waiting.values()) {
    if (ended.includes(other.slot)) {
      other.slot = idlest();
      put(other.slot, other.message);
    }
  }
}

function end(slot: Slot): void {
  slot.worker.terminate();
  slots.splice(slots.indexOf(slot), 1);
}

function idlest(): Slot {
  const idle = slots.find(({ busy }) => busy === 0);
  if (idle !== undefined) {
    return idle;
  }
  if (slots.length < workers()) {
    const slot: Slot = { worker: startWorker(), busy: 0 };
    slot.worker.onmessage = ({ data }: MessageEvent<FromWorker>) => heard(data);
    slot.worker.onerror = (event) => died(slot, event.message);
    slots.push(slot);
    return slot;
  }
  return slots.reduce((least, slot) => (slot.busy < least.busy ? slot : least));
}

function heard(message: FromWorker): void {
  const one = waiting.get(message.id);
  if (one === undefined) {
    return;
  }
  if ("progress" in message) {
    one.progress?.(message.progress);
    return;
  }
  waiting.delete(message.id);
  one.slot.busy--;
  if ("answer" in message) {
    one.resolve(message.answer);
  } else {
    one.reject(new Error(message.error));
  }
}

/** A worker that cannot go on takes with it what it was asked. */
function died(slot: Slot, why: string): void {
  end(slot);
  for (const [id, one] of waiting) {
    if (one.slot === slot) {
      waiting.delete(id);
      one.reject(new Error(`the verifier stopped: ${why || "its code could not be loaded"}`));
    }
  }
}
