/** What the page and its worker say to each other: plain data that can be copied. */

import type { Check, Outcome } from "../../verify/checks.ts";
import type { Batch, BatchDone } from "../audit/batch.ts";

/** What a file turned out to be. Anything that is none of the others is a record. */
export type Kind =
  | "evidence"
  | "receipt"
  | "checkpoint"
  | "token"
  | "trust"
  | "policy"
  | "vkeys"
  | "certificates"
  | "blocks"
  | "record";

/** A file that was looked at. */
export interface Looked {
  readonly kind: Kind;
  readonly size: number;
  /** In hexadecimal. */
  readonly sha256: string;
  /** The leaf hashes that it can have in a log, in hexadecimal. */
  readonly leaves: readonly string[];
  /** One line about what it holds, from itself and so not to be believed. */
  readonly about: string;
}

/** A byte of a file that is to be read as another. */
export interface Change {
  readonly at: number;
}

/** A proof, and what it is to be compared with. */
export interface Job {
  readonly proof: { readonly name: string; readonly kind: Kind; readonly file: Blob };
  /** The record; undefined where there is none, which evidence and checkpoints can do without. */
  readonly record: { readonly name: string; readonly file: Blob; readonly sha256: string | undefined } | undefined;
  /** A trust file, a policy or vkeys: whom the verifier trusts. */
  readonly trust: string;
  /** Blocks of Ethereum chains that the verifier trusts, as a list (docs/evidence.md). */
  readonly blocks?: string;
  /** Hashes of blocks that were given for this proof: it must rest on each. */
  readonly given?: readonly string[];
  /** The time of the judgement, in Unix seconds. */
  readonly at: number;
  /** For the control: which byte is changed first, and of what. */
  readonly control?: Control;
}

/** What the control changes. */
export type Control = "record" | "proof" | "checkpoint" | "signature" | "token" | "transaction" | "header";

/** What a proof came to. */
export interface Judgement {
  readonly kind: Kind;
  /** What was verified, as the verifier calls it. */
  readonly subject: string;
  readonly proofName: string;
  readonly proofSha256: string;
  readonly recordSha256: string | undefined;
  readonly outcome: Outcome;
  readonly sentence: string;
  readonly checks: readonly Check[];
  readonly caveats: readonly string[];
  /** What was to be trusted, in words. */
  readonly trusted: readonly string[];
  readonly facts: readonly Fact[];
  /** The anchors of evidence. */
  readonly anchors: readonly AnchorOf[];
  /** The names of the checks that failed and by which no more than an anchor is left out. */
  readonly leftOut: readonly string[];
  readonly at: number;
  /** How long it took. */
  readonly milliseconds: number;
  /** What was changed, of a control. */
  readonly changed?: string;
}

/** An anchor of evidence. */
export interface AnchorOf {
  /** What its checks call it. */
  readonly name: string;
  /** Whether it counts. */
  readonly holds: boolean;
  readonly kind: string;
  readonly block: { readonly chain: string; readonly number: string; readonly isTrusted: boolean } | undefined;
}

/** Something that a proof says, to be shown. */
export interface Fact {
  readonly label: string;
  readonly value: string;
}

/** Whom a verifier trusts, as a page shows it. */
export interface TrustView {
  readonly form: "trust file" | "policy" | "vkeys";
  readonly trusted: readonly string[];
  /** Whether it names time-stamping authorities, without which no time is shown. */
  readonly hasAuthorities: boolean;
}

/** A log's checkpoint. Whether it can be relied on, its outcome says. */
export interface Head {
  readonly origin: string;
  readonly size: bigint;
  readonly root: Uint8Array;
  /** The keys that its signature lines name, verified or not. */
  readonly lines: readonly string[];
  /** Byte for byte. */
  readonly note: Uint8Array;
  /** Whom was trusted when it was judged. */
  readonly trust: string;
  /** Not checked where nobody is trusted. */
  readonly outcome: Outcome;
  readonly checks: readonly Check[];
  /** The quorum that is asked for, and who of it cosigned; undefined where none is, or the log's signature does not verify. */
  readonly quorum: QuorumMember | undefined;
}

/** A witness or a group of a policy, and whether it has cosigned. */
export type QuorumMember =
  | {
      readonly kind: "witness";
      readonly name: string;
      readonly key: string;
      readonly isMet: boolean;
      /** The time of its newest good cosignature, in Unix seconds. */
      readonly at: bigint | undefined;
    }
  | {
      readonly kind: "group";
      readonly name: string;
      readonly needed: number;
      readonly isMet: boolean;
      readonly members: readonly QuorumMember[];
    };

/** What a verifier goes by: whom they trust, and which blocks, as a list (docs/evidence.md). */
export interface Under {
  readonly trust: string;
  readonly blocks: string;
}

/** What fixed a checkpoint in time, of evidence that was fetched to show that. */
export interface Anchored {
  readonly origin: string;
  /** Of the entry that it is about. */
  readonly index: bigint;
  readonly size: bigint;
  readonly root: Uint8Array;
  readonly anchors: readonly AnchorPoint[];
  /** What was gone by when it was judged. */
  readonly under: Under;
  /** The whole evidence, under what is trusted. */
  readonly outcome: Outcome;
  readonly sentence: string;
}

export interface AnchorPoint {
  readonly kind: string;
  /** The trusted authority or chain; of an anchor that did not pass, what it calls itself: anybody's word. */
  readonly name: string;
  /** Unix seconds: of an anchor that passed, the latest that it can mean; else what it says; undefined where it cannot be read. */
  readonly time: number | undefined;
  /** Passed only where this anchor holds under a trusted authority. */
  readonly outcome: Outcome;
}

/** A question to the worker. */
export type Ask =
  | { readonly op: "look"; readonly file: Blob; readonly name: string }
  | { readonly op: "judge"; readonly job: Job }
  | { readonly op: "trust"; readonly text: string }
  | { readonly op: "blocks"; readonly text: string }
  | { readonly op: "head"; readonly note: Uint8Array; readonly trust: string }
  | { readonly op: "anchored"; readonly evidence: Uint8Array; readonly under: Under; readonly at: number }
  | { readonly op: "audit"; readonly batch: Batch; readonly base: string };

/** What it answers. */
export interface Answers {
  readonly look: Looked;
  readonly judge: Judgement;
  readonly trust: TrustView;
  /** How many a list names. */
  readonly blocks: number;
  readonly head: Head;
  readonly anchored: Anchored;
  readonly audit: BatchDone;
}

export type Question = { readonly id: number } & Ask;

export type FromWorker =
  | { readonly id: number; readonly progress: number }
  | { readonly id: number; readonly answer: Answers[keyof Answers] }
  | { readonly id: number; readonly error: string };
