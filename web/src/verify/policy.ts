/**
 * Trust policies (C2SP tlog-policy): which logs, which witnesses, and how many of them.
 *
 *     log <vkey> [<url>]                       a log; the vkey's name is its origin
 *     witness X1 <vkey> [<url>]                a witness, named for this file
 *     group X 2 X1 X2 X3                       any | all | a number of the members
 *     quorum X                                 or: quorum none
 *
 * The file is of octets; here they are the characters U+0000 to U+00FF of strings, until they are shown.
 */

import { fromDecimal, fromOctets, fromUtf8, fromUtf8Lossy, toOctets } from "./bytes.ts";
import { type LogKey, logKey, type SignedCheckpoint } from "./checkpoint.ts";
import { VerifyError } from "./checks.ts";
import { algorithmWords, ED25519, KeyRing, Vkey } from "./key.ts";
import { NoKnownSignature, type Note, type VerifiedSignature } from "./note.ts";
import { shownOctets } from "./words.ts";

/** The largest policy that is read, in bytes. */
export const MAX_POLICY_SIZE = 1 << 20;

/** The most lines of each kind. SPEC(tlog-policy): "at least up to 32 logs, 32 witnesses, and 32 groups" */
const MAX_LINES = 256;

const forms = {
  log: "log <vkey> [<url>]",
  witness: "witness <name> <vkey> [<url>]",
  group: "group <name> any|all|<k> <name>...",
  quorum: "quorum <name>",
} as const;

/** A log. */
export interface Log {
  readonly key: LogKey;
  /** As octets. */
  readonly url: string | undefined;
}

/** A witness. */
export interface Witness {
  readonly kind: "witness";
  /** As octets. */
  readonly name: string;
  readonly vkey: Vkey;
  /** As octets. */
  readonly url: string | undefined;
}

/** Witnesses and groups of which a number must have witnessed a checkpoint. */
export interface Group {
  readonly kind: "group";
  /** As octets. */
  readonly name: string;
  readonly threshold: "any" | "all" | number;
  readonly members: readonly Member[];
}

export type Member = Witness | Group;

/** What became of one witness on one checkpoint. */
export interface CosignatureCheck {
  readonly witness: Witness;
  /** Its newest good cosignature; undefined if it has not cosigned. */
  readonly cosignature: VerifiedSignature | undefined;
}

/** The name of a witness, group or log as it is shown. */
export function shownName({ name }: { readonly name: string }): string {
  return fromUtf8Lossy(fromOctets(name));
}

/** A trust policy. */
export class Policy {
  readonly logs: readonly Log[];
  readonly witnesses: readonly Witness[];
  readonly groups: readonly Group[];
  /** What must have witnessed a checkpoint; `undefined` for nobody. */
  readonly quorum: Member | undefined;
  readonly #witnessKeys: KeyRing;

  private constructor({ logs, witnesses, groups }: Reader, quorum: Member | undefined) {
    this.logs = logs;
    this.witnesses = witnesses;
    this.groups = groups;
    this.quorum = quorum;
    this.#witnessKeys = new KeyRing(witnesses.map(({ vkey }) => vkey));
  }

  /** Reads a policy. */
  static parse(bytes: Uint8Array): Policy {
    if (bytes.length > MAX_POLICY_SIZE) {
      throw new VerifyError(`policy line 1: a policy has at most ${MAX_POLICY_SIZE} bytes, found ${bytes.length}`);
    }
    const reader = new Reader();
    const lines = toOctets(bytes).split("\n");
    // SPEC(tlog-policy): "The policy file is line based, where each line is terminated by ASCII newline"
    const unended = lines.pop() ?? "";
    for (const [at, line] of lines.entries()) {
      atLine(at + 1, () => reader.line(line));
    }
    if (unended !== "") {
      throw new VerifyError(`policy line ${lines.length + 1}: the last line is not ended by a newline`);
    }
    const { quorum } = reader;
    // SPEC(tlog-policy): "A policy file must include exactly one quorum line."
    if (quorum === undefined) {
      const line = Math.max(lines.length, 1);
      throw new VerifyError(`policy line ${line}: no quorum line; \`quorum none\` asks for no witness`);
    }
    return new Policy(reader, quorum === "none" ? undefined : quorum);
  }

  get logKeys(): LogKey[] {
    return this.logs.map(({ key }) => key);
  }

  /** Whether these witnesses are enough. */
  satisfiedBy(hasCosigned: (witness: Witness) => boolean): boolean {
    const holds = (member: Member): boolean => {
      if (member.kind === "witness") {
        return hasCosigned(member);
      }
      // SPEC(tlog-policy): "each of these defines a group, where the group is considered to witness a checkpoint if and only if at least k of
      // its n members have witnessed that checkpoint"
      return member.members.filter(holds).length >= needed(member);
    };
    return this.quorum === undefined || holds(this.quorum);
  }

  /** Verifies the cosignatures on a signed checkpoint, and says for each witness whether it cosigned; throws if a known one is bad. */
  checkCosignatures({ note }: SignedCheckpoint): CosignatureCheck[] {
    const cosigned = this.#cosignatures(note);
    return this.witnesses.map((witness) => {
      const { name, id } = witness.vkey;
      const by = cosigned.filter((signature) => signature.keyId === id && signature.name === name);
      const newest = by.reduce<VerifiedSignature | undefined>(
        (best, one) => (best === undefined || (one.timestamp ?? -1n) >= (best.timestamp ?? -1n) ? one : best),
        undefined,
      );
      return { witness, cosignature: newest };
    });
  }

  #cosignatures(note: Note): VerifiedSignature[] {
    try {
      return note.verify(this.#witnessKeys);
    } catch (error) {
      if (error instanceof NoKnownSignature) {
        return [];
      }
      throw error;
    }
  }

  /** The one text, of octets, that says the same; two policies are the same if theirs is. */
  encode(): string {
    const item = (text: string | undefined) => (text === undefined ? [] : [text]);
    const vkey = (key: Vkey) => toOctets(new TextEncoder().encode(key.toString()));
    const lines = [
      ...this.logs.map(({ key, url }) => ["log", vkey(key.vkey), ...item(url)]),
      ...this.witnesses.map((witness) => ["witness", witness.name, vkey(witness.vkey), ...item(witness.url)]),
      ...this.groups.map((group) => [
        "group",
        group.name,
        String(group.threshold),
        ...group.members.map(({ name }) => name),
      ]),
      ["quorum", this.quorum?.name ?? "none"],
    ];
    return lines.map((items) => `${items.join(" ")}\n`).join("");
  }
}

/** How many of its members a group takes. */
export function needed({ threshold, members }: Group): number {
  // SPEC(tlog-policy): "The `any` variant is a shorthand for k = 1, and the `all` variant is a shorthand for k = n."
  return threshold === "any" ? 1 : threshold === "all" ? members.length : threshold;
}

function atLine(number: number, read: () => void): void {
  try {
    read();
  } catch (error) {
    throw error instanceof VerifyError ? new VerifyError(`policy line ${number}: ${error.message}`) : error;
  }
}

class Reader {
  readonly logs: Log[] = [];
  readonly witnesses: Witness[] = [];
  readonly groups: Group[] = [];
  quorum: Member | "none" | undefined;
  /** Witnesses and groups by name. SPEC(tlog-policy): "Witnesses and groups share a single namespace." */
  readonly #named = new Map<string, Member>();
  readonly #members = new Set<Member>();
  /** All keys: two different ones of one name and key ID could not be told apart on a checkpoint. */
  readonly #keys = new KeyRing();

  line(line: string): void {
    // SPEC(tlog-policy): "the allowed octet values are 0x09 (tab), 0x0A (newline), 0x20-0x7E, and 0x80-0xFF."
    const found = /[^\t\u0020-\u007e\u0080-\u00ff]/.exec(line);
    if (found !== null) {
      const octet = found[0].charCodeAt(0).toString(16).padStart(2, "0");
      throw new VerifyError(`octet 0x${octet} is not allowed: control characters other than tab and newline, or DEL`);
    }
    // SPEC(tlog-policy): "the items on each line are separated by "whitespace", which in this specification means sequences of ASCII space and
    // tab characters *only*. Leading and trailing whitespace is allowed."
    const [keyword, ...items] = line.split(/[ \t]+/).filter((item) => item !== "");
    // SPEC(tlog-policy): "Empty lines (whitespace only) and comment lines (lines starting with "#", possibly preceded by whitespace) are allowed
    // and ignored."
    if (keyword === undefined || keyword.startsWith("#")) {
      return;
    }
    const readers: Readonly<Record<string, (items: string[]) => void>> = {
      log: (rest) => this.#log(rest),
      witness: (rest) => this.#witness(rest),
      group: (rest) => this.#group(rest),
      quorum: (rest) => this.#quorum(rest),
    };
    if (!Object.hasOwn(readers, keyword)) {
      throw new VerifyError(`expected log, witness, group or quorum, found ${shownOctets(keyword)}`);
    }
    readers[keyword]?.(items);
  }

  #log([item, url, ...more]: string[]): void {
    if (item === undefined || more.length > 0) {
      throw wrongForm("log");
    }
    checkCount(this.logs, "log");
    const vkey = readVkey(item);
    // SPEC(tlog-policy): "Duplicate logs, i.e., multiple log lines with the same public key, are not allowed."
    if (this.logs.some(({ key }) => key.vkey.samePublicKey(vkey))) {
      throw new VerifyError("the public key is that of an earlier log line");
    }
    this.#keys.insert(vkey);
    // SPEC(tlog-policy): "The log's vkey includes a "key name". This name MUST correspond to the log's origin line"
    this.logs.push({ key: logKey(vkey), url });
  }

  #witness([name, item, url, ...more]: string[]): void {
    if (name === undefined || item === undefined || more.length > 0) {
      throw wrongForm("witness");
    }
    checkCount(this.witnesses, "witness");
    this.#checkNew(name);
    const vkey = readVkey(item);
    // SPEC(tlog-policy): "Log and witness keys must use a signature type approprate respective function, see [tlog-checkpoint][] and
    // [tlog-cosignature][]."
    if (vkey.algorithm === ED25519) {
      throw new VerifyError(
        `a key of type ${algorithmWords(vkey.algorithm)} cannot be a witness: it makes no cosignatures`,
      );
    }
    // SPEC(tlog-policy): "Duplicate witnesses, i.e., multiple witness lines with the same public key, are not allowed."
    if (this.witnesses.some((other) => other.vkey.samePublicKey(vkey))) {
      throw new VerifyError("the public key is that of an earlier witness line");
    }
    this.#keys.insert(vkey);
    const witness: Witness = { kind: "witness", name, vkey, url };
    this.witnesses.push(witness);
    this.#named.set(name, witness);
  }

  #group([name, thresholdItem, ...names]: string[]): void {
    // SPEC(tlog-policy): "At least one member must be listed (i.e., n >= 1)."
    if (name === undefined || thresholdItem === undefined || names.length === 0) {
      throw wrongForm("group");
    }
    checkCount(this.groups, "group");
    this.#checkNew(name);
    const threshold = readThreshold(thresholdItem, names.length);
    const members = names.map((member) => this.#newMember(member));
    const group: Group = { kind: "group", name, threshold, members };
    this.groups.push(group);
    this.#named.set(name, group);
  }

  #newMember(name: string): Member {
    // SPEC(tlog-policy): "The special name `none` is predefined; it can be used when defining the quorum, but it is invalid as a group member."
    if (name === "none") {
      throw reserved();
    }
    const member = this.#defined(name);
    // SPEC(tlog-policy): "Each defined name can be listed as a group member at most once."
    if (this.#members.has(member)) {
      throw new VerifyError(`${shownOctets(name)} is a member of a group already`);
    }
    this.#members.add(member);
    return member;
  }

  #quorum([name, ...more]: string[]): void {
    if (name === undefined || more.length > 0) {
      throw wrongForm("quorum");
    }
    if (this.quorum !== undefined) {
      throw new VerifyError("there is a quorum line already");
    }
    this.quorum = name === "none" ? name : this.#defined(name);
  }

  #checkNew(name: string): void {
    if (name === "none") {
      throw reserved();
    }
    if (this.#named.has(name)) {
      throw new VerifyError(`the name ${shownOctets(name)} is defined already`);
    }
  }

  #defined(name: string): Member {
    // SPEC(tlog-policy): "A line defining a group can only reference names of groups and witnesses defined on preceding lines. Similarly, the
    // quorum line must specify a witness or group defined earlier."
    const member = this.#named.get(name);
    if (member === undefined) {
      throw new VerifyError(`no earlier line defines the name ${shownOctets(name)}`);
    }
    return member;
  }
}

function wrongForm(keyword: keyof typeof forms): VerifyError {
  return new VerifyError(`expected \`${forms[keyword]}\``);
}

function reserved(): VerifyError {
  return new VerifyError("the name none is reserved");
}

function checkCount(lines: readonly unknown[], kind: string): void {
  if (lines.length >= MAX_LINES) {
    throw new VerifyError(`more than ${MAX_LINES} ${kind} lines`);
  }
}

function readVkey(item: string): Vkey {
  const text = fromUtf8(fromOctets(item));
  if (text === undefined) {
    throw new VerifyError("expected a vkey in UTF-8");
  }
  return Vkey.parse(text);
}

function readThreshold(item: string, members: number): "any" | "all" | number {
  if (item === "any" || item === "all") {
    return item;
  }
  // SPEC(tlog-policy): "If k is given numerically, it must be written in decimal, and it is required that 1 <= k <= n."
  const k = fromDecimal(item);
  if (k === undefined || k < 1n || k > BigInt(members)) {
    throw new VerifyError(
      `expected any, all or a number from 1 to ${members} (the number of members), found ${shownOctets(item)}`,
    );
  }
  return Number(k);
}
