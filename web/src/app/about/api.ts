/** What a log answers, as the about page lists it. A test holds it to the log's own list. */

import { shellWord } from "../shell-words.ts";

export interface Endpoint {
  readonly method: "GET" | "POST";
  /** As the log's own list writes it. */
  readonly path: string;
  readonly what: string;
  /** What to type, the log's address in front of the path. */
  readonly example: (base: string) => string;
}

const got = (path: string) => (base: string) => `curl ${shellWord(base + path)}`;

export const endpoints: readonly Endpoint[] = [
  {
    method: "POST",
    path: "add",
    what: "logs an entry, 1 to 65,535 bytes as they are, and answers its index once it is durable; with ?wait=receipt its receipt",
    example: (base) => `sha256sum FILE | xxd -r -p -l 32 | curl --data-binary @- ${shellWord(`${base}add`)}`,
  },
  {
    method: "POST",
    path: "add-batch",
    what: "logs many entries, all or none, each after its length in two bytes",
    example: (base) => `counterfoil submit FOLDER/ --log ${shellWord(base)} --policy POLICY`,
  },
  {
    method: "GET",
    path: "checkpoint",
    what: "the signed checkpoint (C2SP tlog-checkpoint): origin, size, root hash, signatures",
    example: got("checkpoint"),
  },
  {
    method: "GET",
    path: "tile/<L>/<N>[.p/<W>]",
    what: "hashes of the tree (C2SP tlog-tiles)",
    example: (base) => `curl ${shellWord(`${base}tile/0/000`)} -o tile`,
  },
  {
    method: "GET",
    path: "tile/entries/<N>[.p/<W>]",
    what: "256 entries, each after its length in two bytes",
    example: (base) => `curl ${shellWord(`${base}tile/entries/000`)} -o entries`,
  },
  {
    method: "GET",
    path: "receipt/<index>",
    what: "the receipt of an entry (C2SP tlog-proof), to verify offline; with ?size= under an older checkpoint",
    example: got("receipt/0"),
  },
  {
    method: "GET",
    path: "evidence/<index>",
    what: "the receipt with the anchors that fix it in time, to verify offline",
    example: (base) => `curl ${shellWord(`${base}evidence/0`)} -o FILE.evidence.json`,
  },
  {
    method: "GET",
    path: "lookup/<leaf hash>",
    what: "the indexes of an entry, by SHA-256 of a zero byte and the entry",
    example: (base) =>
      `{ printf '\\0'; cat ENTRY; } | sha256sum | cut -c1-64 | xargs -I LEAF curl ${shellWord(`${base}lookup/LEAF`)}`,
  },
  {
    method: "GET",
    path: "consistency?from=&to=",
    what: "the consistency proof between two sizes",
    example: got("consistency?from=1&to=2"),
  },
  { method: "GET", path: "policy", what: "the keys to verify with (C2SP tlog-policy)", example: got("policy") },
  { method: "GET", path: "status", what: "what the log is doing, as JSON", example: got("status") },
  {
    method: "GET",
    path: "verifier.html",
    what: "the page that verifies in a browser, as one file, without a network",
    example: (base) => `curl -O ${shellWord(`${base}verifier.html`)}`,
  },
  {
    method: "GET",
    path: "assets/<name>",
    what: "what the pages load in a browser",
    example: (base) => `curl -H 'Accept: text/html' ${shellWord(base)}`,
  },
];
