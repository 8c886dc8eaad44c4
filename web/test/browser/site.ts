/** The pages before a log that a test makes up: files of dist/, as strict as a log serves them, and for everything else what the test says. */

import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize, resolve } from "node:path";
import { contentSecurityPolicy } from "../content-security-policy.ts";

const dist = resolve(import.meta.dirname, "../../dist");

const policy = contentSecurityPolicy();

const types: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css" };

export interface Site {
  readonly url: string;
  stop(): Promise<void>;
}

/** What answers for a log: undefined where it has nothing at a path. The signal is given when nobody wants the answer any more. */
export type Answer = (path: string, closed: AbortSignal) => Promise<Uint8Array | undefined>;

/** What a running log answers, with these answers before its own; undefined is 404. */
export function before(log: URL, answers: Readonly<Record<string, (own: string) => string | undefined>>): Answer {
  return async (path) => {
    const name = Object.keys(answers).find((one) => path.startsWith(one));
    const response = await fetch(new URL(path, log));
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (name !== undefined) {
      const answer = answers[name]?.(new TextDecoder().decode(bytes));
      return answer === undefined ? undefined : Buffer.from(answer);
    }
    return response.ok ? bytes : undefined;
  };
}

/** Serves the pages in front of what answers for a log. */
export async function startSite(log: Answer): Promise<Site> {
  const server: Server = createServer((asked, answer) => {
    const path = (asked.url ?? "/").split("?")[0] ?? "/";
    const file = path === "/" ? "index.html" : path.slice(1);
    if (path === "/" || path === "/verifier.html" || path.startsWith("/assets/")) {
      const type = types[extname(file)] ?? "application/octet-stream";
      answer.writeHead(200, {
        "content-type": type,
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
      });
      answer.end(readFileSync(join(dist, normalize(file))));
    } else {
      const closed = new AbortController();
      answer.on("close", () => closed.abort());
      log(asked.url ?? "/", closed.signal).then(
        (bytes) => {
          answer.writeHead(bytes === undefined ? 404 : 200, { "content-type": "application/octet-stream" });
          answer.end(bytes);
        },
        () => answer.destroy(),
      );
    }
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
