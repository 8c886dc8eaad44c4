/** What a made log answers to requests: its checkpoint, signed by a key of its own, its policy, and its tiles. */

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
    const path = asked.slice(1);
    switch (path.split("/")[0]) {
      case "checkpoint":
        return Buffer.from(this.checkpoint());
      case "policy":
        return Buffer.from(this.policy);
      case "tile":
        return this.log.read(path, 1 << 30).catch(() => undefined);
      default:
        return undefined;
    }
  };
}
