/** The worker: answers one question after the other. */

import { auditBatch } from "../audit/batch.ts";
import { Turns } from "../audit/turns.ts";
import { getPatiently } from "../log.ts";
import { readAnchored } from "./anchored.ts";
import { readList } from "./blocks.ts";
import { readHead } from "./head.ts";
import { judge } from "./judge.ts";
import { look } from "./look.ts";
import type { Answers, FromWorker, Question, ToWorker } from "./protocol.ts";
import { readTrust } from "./trust.ts";

function say(message: FromWorker): void {
  postMessage(message);
}

/** Of all that is audited here. */
const turns = new Turns();

/** What is worked on, by its number. */
const working = new Map<number, AbortController>();

async function answer(question: Question, signal: AbortSignal): Promise<Answers[keyof Answers]> {
  const progress = (progress: number) => say({ id: question.id, progress });
  switch (question.op) {
    case "look":
      return look(question.file, question.name, progress);
    case "judge":
      return judge(question.job, progress);
    case "blocks":
      return readList(question.text).size;
    case "trust": {
      const { form, trusted, trust } = readTrust(question.text);
      return { form, trusted, hasAuthorities: trust !== undefined };
    }
    case "head":
      return readHead(question.note, question.trust);
    case "anchored":
      return readAnchored(question.evidence, question.trust, question.at);
    case "audit":
      return auditBatch(
        (path, limit) =>
          turns.read((path, limit) => getPatiently(path, limit, { base: question.base, signal }), path, limit),
        question.batch,
      );
  }
}

addEventListener("message", async ({ data }: MessageEvent<ToWorker>) => {
  if ("stop" in data) {
    working.get(data.id)?.abort();
    return;
  }
  const controller = new AbortController();
  working.set(data.id, controller);
  try {
    say({ id: data.id, answer: await answer(data, controller.signal) });
  } catch (error) {
    say({ id: data.id, error: error instanceof Error ? error.message : String(error) });
  } finally {
    working.delete(data.id);
  }
});
