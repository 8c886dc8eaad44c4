/** What the log says that it is doing: the JSON of its `status`. All of it is the log's word, so what is not of the right type is left out. */

import { plainLine } from "../plain.ts";

/** More of a list is not looked at: a policy has no more lines of witnesses. */
const MOST = 256;

export interface LogStatus {
  readonly state: string;
  readonly explanation: string;
  readonly since: number | undefined;
  readonly size: number | undefined;
  readonly publishedSize: number | undefined;
  readonly publishedAt: number | undefined;
  readonly unpublishedEntries: number | undefined;
  readonly unpublishedSeconds: number | undefined;
  readonly indexedSize: number | undefined;
  readonly queuedEntries: number | undefined;
  readonly noQuorumSince: number | undefined;
  readonly lastError: { readonly what: string; readonly at: number | undefined } | undefined;
  readonly witnesses: readonly WitnessStatus[];
  readonly anchors: readonly AnchorStatus[];
}

export interface WitnessStatus {
  readonly name: string;
  readonly answer: string;
  readonly cosigns: boolean;
  readonly cosignedSize: number | undefined;
  readonly cosignedAt: number | undefined;
  readonly since: number | undefined;
}

export interface AnchorStatus {
  readonly url: string;
  readonly answers: boolean;
  readonly newestSize: number | undefined;
  readonly newestTime: number | undefined;
  readonly lookedAt: number | undefined;
  readonly lastError: string | undefined;
}

/** Throws where it is no JSON object at all. */
export function readStatus(text: string): LogStatus {
  const all = object(JSON.parse(text));
  if (all === undefined) {
    throw new Error("the log's status is not a JSON object");
  }
  const error = object(all.last_error);
  return {
    state: line(all.state) ?? "unknown",
    explanation: line(all.explanation) ?? "",
    since: whole(all.since),
    size: whole(all.size),
    publishedSize: whole(all.published_size),
    publishedAt: whole(all.published_at),
    unpublishedEntries: whole(all.unpublished_entries),
    unpublishedSeconds: number(all.unpublished_seconds),
    indexedSize: whole(all.indexed_size),
    queuedEntries: whole(all.queued_entries),
    noQuorumSince: whole(all.no_quorum_since),
    lastError: error && { what: line(error.what) ?? "", at: whole(error.at) },
    witnesses: list(all.witnesses).map((one) => ({
      name: line(one.name) ?? "",
      answer: line(one.answer) ?? "",
      cosigns: one.cosigns === true,
      cosignedSize: whole(one.cosigned_size),
      cosignedAt: whole(one.cosigned_at),
      since: whole(one.since),
    })),
    anchors: list(all.anchors).map((one) => ({
      url: line(one.url) ?? "",
      answers: one.answers === true,
      newestSize: whole(one.newest_size),
      newestTime: whole(one.newest_time),
      lookedAt: whole(one.looked_at),
      lastError: line(object(one.last_error)?.what),
    })),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function object(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

function list(value: unknown): Fields[] {
  return Array.isArray(value)
    ? value.slice(0, MOST).flatMap((one: unknown) => {
        const fields = object(one);
        return fields === undefined ? [] : [fields];
      })
    : [];
}

function line(value: unknown): string | undefined {
  return typeof value === "string" ? plainLine(value) : undefined;
}

/** A count, or a time in Unix seconds. */
function whole(value: unknown): number | undefined {
  const read = number(value);
  return Number.isSafeInteger(read) ? read : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined;
}
