/** What a made log answers to requests: its checkpoint, signed by a key of its own, its policy, its tiles, lookups and receipts. */

import { createHash, generateKeyPairSync, sign } from "node:crypto";
import type { MadeLog } from "./made-log.ts";

export class MadeService {
  readonly log: MadeLog;
  readonly origin: string;
  readonly vkey: string;
  /** Further answers, by path. */
  readonly answers = new Map<string, string | Uint8Array>();
  readonly #key = generateKeyPairSync("ed25519");
  readonly #keyId: Buffer;

  constructor(log: MadeLog, origin = "made.example/log") {
    this.log = log;
    this.origin = origin;
    const material = Buffer.concat([
      Uint8Array.of(1),
      this.#key.publicKey.export({ type: "spki", format: "der" }).subarray(-32),
    ]);
    const name = origin.replace(/[\s+]/g, "-");
    this.#keyId = createHash("sha256").update(`${name}\n`).update(material).digest().subarray(0, 4);
    this.vkey = `${name}+${this.#keyId.toString("hex")}+${material.toString("base64")}`;
  }

  get policy(): string {
    return `log ${this.vkey}\nquorum none\n`;
  }

  /** A checkpoint of its first entries, signed. */
  checkpoint(size = this.log.entries.length, root = this.log.root(size)): string {
    const text = `${this.origin}\n${size}\n${Buffer.from(root).toString("base64")}\n`;
    const signature = Buffer.concat([this.#keyId, sign(null, Buffer.from(text), this.#key.privateKey)]);
    return `${text}\n— ${this.vkey.split("+")[0]} ${signature.toString("base64")}\n`;
  }

  readonly answer = async (asked: string): Promise<Uint8Array | undefined> => {
    const known = this.answers.get(asked);
    if (known !== undefined) {
      return Buffer.from(known);
    }
    const [path = "", query = ""] = asked.slice(1).split("?", 2);
    switch (path.split("/")[0]) {
      case "checkpoint":
        return Buffer.from(this.checkpoint());
      case "policy":
        return Buffer.from(this.policy);
      case "tile":
        return this.log.read(path, 1 << 30).catch(() => undefined);
      case "lookup":
        return this.#lookup(path.split("/")[1] ?? "");
      case "receipt": {
        const size = Number(new URLSearchParams(query).get("size") ?? this.log.entries.length);
        return Buffer.from(`c2sp.org/tlog-proof@v1\nindex 0\n\n${this.checkpoint(size)}`);
      }
      default:
        return undefined;
    }
  };

  #lookup(leaf: string): Uint8Array | undefined {
    const index = this.log.entries.findIndex(
      (entry) => createHash("sha256").update(Uint8Array.of(0)).update(entry).digest("hex") === leaf,
    );
    return index < 0 ? undefined : Buffer.from(`indexed ${this.log.size}\n${index}\n`);
  }
}
