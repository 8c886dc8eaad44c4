/** The corpus that the Rust side writes (evidence/examples/corpus), and what this implementation says of its cases, in the same form. */

import type { AnchorVerdict, BlockVerdict } from "../src/verify/anchor-verdict.ts";
import { BlockFile, type Blocks } from "../src/verify/blocks.ts";
import { fromHex } from "../src/verify/bytes.ts";
import { type Checks, VerifyError } from "../src/verify/checks.ts";
import { type Basis, basisWord, type Claim } from "../src/verify/claim.ts";
import { judgeEvidenceFile } from "../src/verify/judge.ts";
import { judgeReceipt } from "../src/verify/judge-receipt.ts";
import { trustInWords } from "../src/verify/judge-words.ts";
import { Policy } from "../src/verify/policy.ts";
import { Timestamp } from "../src/verify/rfc3161/index.ts";
import { parseTrust, type Trust } from "../src/verify/trust.ts";
import {
  type CosignedOfCase,
  computePlan,
  judgeCosigned,
  judgeProof,
  type PlanOfCase,
  type ProofOfCase,
  readBundle,
  readPath,
  readTile,
} from "./corpus-tree.ts";
import { bytesOf } from "./files.ts";

/** A case as the corpus has it; what else stands in it is as its kind has it. */
export type Case =
  | (AboutText & { readonly kind: "evidence" | "receipt" | "policy" | "trust" | "blocks" | "path" | "tile" })
  | (AboutText & { readonly kind: "bundle"; readonly width: number })
  | (AboutText & { readonly kind: "proof"; readonly proof: ProofOfCase })
  | (AboutText & PlanOfCase & { readonly kind: "plan" })
  | (AboutText & CosignedOfCase & { readonly kind: "subtree" });

interface AboutText {
  readonly name: string;
  readonly of: number;
  readonly splice?: readonly [number, number, string] | null;
  readonly trust?: number;
  readonly blocks?: BlocksOfCase;
  readonly claim?: ClaimOfCase | null;
  readonly at?: number;
  readonly expect: Readonly<Record<string, unknown>>;
}

/** Blocks that were given one by one, and lists: what results call each, and its text. */
interface BlocksOfCase {
  readonly given: readonly string[];
  readonly lists: readonly (readonly [source: string, text: number])[];
}

interface ClaimOfCase {
  readonly name: string;
  readonly leaves: readonly { readonly basis: Basis; readonly leaf: string }[];
  readonly digest: string | null;
}

/** Reads the lines of a corpus, and judges its cases; the texts are kept, and what was read of trust. */
export class CorpusReader {
  readonly #texts = new Map<number, Uint8Array>();
  readonly #policies = new Map<number, Policy>();
  readonly #trusts = new Map<number, Trust>();

  /** The case on a line; a line that is a text is kept. */
  read(line: string): Case | undefined {
    const read = JSON.parse(line) as Case | { text: number; data: string };
    if ("text" in read) {
      this.#texts.set(read.text, bytesOf(read.data));
      return undefined;
    }
    return read;
  }

  /** What this implementation says. */
  judge(one: Case): Record<string, unknown> {
    const { of, splice, trust = -1, blocks, claim, at = 0 } = one;
    const text = spliced(this.#text(of), splice ?? undefined);
    switch (one.kind) {
      case "policy":
        return { error: errorOf(() => Policy.parse(text)) };
      case "trust":
        return trustSaid(text);
      case "path":
        return readPath(new TextDecoder().decode(text));
      case "tile":
        return readTile(text);
      case "bundle":
        return readBundle(text, one.width);
      case "proof":
        return judgeProof(one.proof);
      case "plan":
        return computePlan(one);
      case "subtree":
        return judgeCosigned(one);
      case "blocks":
        return { error: errorOf(() => BlockFile.parse("it", text)) };
      case "receipt":
        return receiptVerdict(text, claimOf(claim), this.#kept(this.#policies, trust, Policy.parse));
      case "evidence": {
        const trusted = this.#kept(this.#trusts, trust, parseTrust);
        return evidenceVerdict(text, trusted, this.#blocks(blocks), claim == null ? undefined : claimOf(claim), at);
      }
    }
  }

  #blocks({ given, lists }: BlocksOfCase = { given: [], lists: [] }): Blocks {
    return {
      given: { source: "--block-hash", hashes: given },
      lists: lists.map(([source, number]) => BlockFile.parse(source, this.#text(number))),
    };
  }

  #text(number: number): Uint8Array {
    const text = this.#texts.get(number);
    if (text === undefined) {
      throw new Error(`the corpus has no text ${number}`);
    }
    return text;
  }

  #kept<T>(kept: Map<number, T>, number: number, read: (bytes: Uint8Array) => T): T {
    const value = kept.get(number) ?? read(this.#text(number));
    kept.set(number, value);
    return value;
  }
}

function spliced(text: Uint8Array, splice: readonly [number, number, string] | undefined): Uint8Array {
  if (splice === undefined) {
    return text;
  }
  const [at, gone, come] = splice;
  return Uint8Array.from([...text.subarray(0, at), ...bytesOf(come), ...text.subarray(at + gone)]);
}

function errorOf(read: () => unknown): string | null {
  try {
    read();
    return null;
  } catch (error) {
    if (error instanceof VerifyError) {
      return error.message;
    }
    throw error;
  }
}

function trustSaid(text: Uint8Array): Record<string, unknown> {
  let trusted: string[] = [];
  const error = errorOf(() => {
    trusted = trustInWords(parseTrust(text));
  });
  return error === null ? { error, trusted } : { error };
}

function claimOf(claim: ClaimOfCase | null | undefined): Claim {
  const hash = (text: string) => fromHex(text) ?? new Uint8Array();
  return {
    name: claim?.name ?? "",
    leaves: (claim?.leaves ?? []).map(({ basis, leaf }) => ({ basis, leaf: hash(leaf) })),
    digest: claim?.digest == null ? undefined : hash(claim.digest),
  };
}

const listed = (checks: Checks) => checks.list.map(({ name, outcome, reason }) => ({ name, outcome, reason }));
const word = (basis: Basis | undefined) => (basis === undefined ? null : basisWord(basis));
const seconds = (time: bigint | undefined) => (time === undefined ? null : Number(time));

function receiptVerdict(text: Uint8Array, claim: Claim, policy: Policy): Record<string, unknown> {
  const { outcome, sentence, checks, matched, witnessedAt } = judgeReceipt(text, claim, policy);
  return { outcome, sentence, checks: listed(checks), matched: word(matched), witnessed_at: seconds(witnessedAt) };
}

function evidenceVerdict(
  text: Uint8Array,
  trust: Trust,
  blocks: Blocks,
  claim: Claim | undefined,
  at: number,
): Record<string, unknown> {
  const verdict = judgeEvidenceFile("it", text, trust, blocks, claim, Timestamp.fromSeconds(at));
  return {
    outcome: verdict.outcome,
    sentence: verdict.sentence,
    checks: listed(verdict.checks),
    caveats: verdict.caveats,
    trusted: verdict.trusted,
    matched: word(verdict.matched),
    witnessed_at: seconds(verdict.witnessedAt),
    no_later_than: verdict.noLaterThan?.toString() ?? null,
    anchors: verdict.anchors.map(anchorVerdict),
    left_out: verdict.leftOut,
  };
}

function anchorVerdict({ name, kind, authority, root, genTime, latest, block, holds, why }: AnchorVerdict) {
  return {
    name,
    kind,
    authority: authority ?? null,
    root: root ?? null,
    gen_time: genTime?.toString() ?? null,
    latest: latest?.toString() ?? null,
    block: block === undefined ? null : blockVerdict(block),
    holds,
    why: why ?? null,
  };
}

function blockVerdict({ chainId, chain, number, hash, transaction, sources }: BlockVerdict) {
  // As a reader of JSON has numbers.
  return { chain_id: Number(chainId), chain, number: Number(number), hash, transaction: transaction ?? null, sources };
}
