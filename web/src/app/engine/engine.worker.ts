/** The worker: answers one question after the other. */

import { auditBatch } from "../audit/batch.ts";
import { Turns } from "../audit/turns.ts";
import { getPatiently } from "../log.ts";
import { readAnchored } from "./anchored.ts";
import { readList } from "./blocks.ts";
import { readHead } from "./head.ts";
import { judge } from "./judge.ts";
import { look } from "./look.ts";
import type { Answers, FromWorker, Question } from "./protocol.ts";
import { readTrust } from "./trust.ts";

function say(message: FromWorker): void {
  postMessage(message);
}

/** Of all that is audited here. */
const turns = new Turns();

async function answer(question: Question): Promise<Answers[keyof Answers]> {
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
      return readAnchored(question.evidence, question.under, question.at);
    case "audit":
      return auditBatch(
        (path, limit) => turns.read((path, limit) => getPatiently(path, limit, { base: question.base }), path, limit),
        question.batch,
      );
  }
}

addEventListener("message", async ({ data }: MessageEvent<Question>) => {
  try {
    say({ id: data.id, answer: await answer(data) });
  } catch (error) {
    say({ id: data.id, error: error instanceof Error ? error.message : String(error) });
  }
});
