/** What an anchor of evidence comes to, of whichever kind it is. */

import type { Timestamp } from "./rfc3161/index.ts";

/** What an anchor came to. */
export interface AnchorVerdict {
  /** What its checks call it: the trusted authority's name, else its place among the anchors. */
  readonly name: string;
  /** Its kind, as the evidence says. */
  readonly kind: string;
  /** The trusted authority to whose root it leads, or the trust in its chain. */
  readonly authority: string | undefined;
  /** That root. */
  readonly root: string | undefined;
  /** What it says its time is. */
  readonly genTime: Timestamp | undefined;
  /** The latest time that this may mean. */
  readonly latest: Timestamp | undefined;
  /** The block, where it is one whose header can be read. */
  readonly block: BlockVerdict | undefined;
  /** Whether it counts: everything holds that must, under a trusted authority. */
  readonly holds: boolean;
  /** Why it does not. */
  readonly why: string | undefined;
}

/** What is known of a block. */
export interface BlockVerdict {
  /** Its chain, as the evidence says. */
  readonly chainId: bigint;
  /** What people call that. */
  readonly chain: string;
  readonly number: bigint;
  readonly hash: string;
  /** The hash of the transaction, if that can be read. */
  readonly transaction: string | undefined;
  /** Who says that the block is of that chain and final: of the verifier's own, never of the evidence. */
  readonly sources: readonly string[];
}

/** An anchor that holds under an authority. A token may under several. */
export interface Held {
  /** Its place among the anchors. */
  readonly anchor: number;
  readonly authority: string;
  /** What it rests on, which counts once: the public key of a token's signer, or a chain. */
  readonly key: string;
  readonly latest: Timestamp;
}

/** What an anchor came to, and what a reader should know of it if it holds. */
export interface Noted {
  readonly verdict: AnchorVerdict;
  readonly caveats: readonly string[];
}
