/** What the page asks the log that served it. Everything that comes is somebody else's: it has a limit of size and of time. */

import { said } from "./words.ts";

/** Why the log did not give what was asked. */
export class LogError extends Error {
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** An answer has more bytes than it may. */
export class TooLong extends LogError {
  constructor(limit: number) {
    super(`the log sends more than ${limit} bytes where no more can be`, 0);
  }
}

/** How long an answer may take. */
const TIMEOUT_MS = 20_000;

/** The largest answers. */
export const limits = { text: 1_200_000, evidence: 64 << 20 } as const;

/** How something is asked for. */
export interface Asking {
  readonly accept?: string;
  /** The page's address, which a worker is told. */
  readonly base?: string;
  /** Whoever asks no longer wants it. */
  readonly signal?: AbortSignal;
}

/** Asks for a path below the log's prefix, which is where the page is. Whatever keeps it from being read whole is a `LogError`. */
export async function get(path: string, limit: number, asking: Asking = {}): Promise<Uint8Array> {
  const { accept = "*/*", base = document.baseURI, signal } = asking;
  const controller = new AbortController();
  const end = () => controller.abort();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    end();
  }, TIMEOUT_MS);
  signal?.addEventListener("abort", end);
  try {
    if (signal?.aborted) {
      end();
    }
    const response = await fetch(new URL(path, base), {
      headers: { accept },
      credentials: "omit",
      redirect: "error",
      signal: controller.signal,
    });
    const bytes = await atMost(response, limit);
    if (!response.ok) {
      const text = new TextDecoder().decode(bytes.subarray(0, 500)).trim();
      throw new LogError(text || `the log answers ${response.status}`, response.status);
    }
    return bytes;
  } catch (error) {
    // Also what ends an answer in its middle.
    const why = isLate ? `not within ${TIMEOUT_MS / 1_000} seconds` : said(error);
    throw error instanceof LogError ? error : new LogError(`the log does not answer (${why})`, 0);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
  }
}

/** How often something is asked for that the log cannot give now, and how long is waited before it is asked for again. */
const TRIES = 4;
const WAIT_MS = 400;

/** Asks again, a few times, where the log is too busy or does not answer. */
export async function getPatiently(path: string, limit: number, asking: Asking): Promise<Uint8Array> {
  for (let tried = 1; ; tried++) {
    try {
      return await get(path, limit, asking);
    } catch (error) {
      const isBusy = error instanceof LogError && !(error instanceof TooLong) && [0, 429, 503].includes(error.status);
      if (!isBusy || tried >= TRIES || asking.signal?.aborted) {
        throw error;
      }
      await new Promise((done) => setTimeout(done, WAIT_MS * 2 ** tried));
    }
  }
}

/** Reads an answer, up to so many bytes and no further. */
async function atMost(response: Response, limit: number): Promise<Uint8Array> {
  if (response.body === null) {
    return new Uint8Array();
  }
  // Nothing is read of what says itself that it is too long.
  if (Number(response.headers.get("content-length")) > limit) {
    await response.body.cancel();
    throw new TooLong(limit);
  }
  const reader = response.body.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) {
      break;
    }
    size += value.length;
    if (size > limit) {
      await reader.cancel();
      throw new TooLong(limit);
    }
    parts.push(value);
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The policy as the log tells it. */
export async function policyOfLog(): Promise<string> {
  return new TextDecoder().decode(await get("policy", limits.text));
}

/** The first index of any of the leaf hashes. */
export async function indexInLog(leaves: readonly string[]): Promise<string | undefined> {
  for (const leaf of leaves) {
    try {
      const text = new TextDecoder().decode(await get(`lookup/${leaf}?limit=1`, limits.text));
      const index = /^indexed [0-9]+\n([0-9]+)\n$/.exec(text)?.[1];
      if (index !== undefined) {
        return index;
      }
    } catch (error) {
      if (!(error instanceof LogError) || error.status !== 404) {
        throw error;
      }
    }
  }
  return undefined;
}
