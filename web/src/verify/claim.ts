/** What a verifier holds and wants to know about, and the leaf hashes that it can have. */

import { toHex } from "./bytes.ts";
import { hashLeaf, sha256 } from "./hash.ts";
import { MAX_ENTRY_SIZE } from "./tile.ts";

/** What a leaf hash was made of. */
export type Basis = "contents" | "digest" | "given-digest" | "given-leaf";

const basisWords: Readonly<Record<Basis, { word: string; tried: string; matched: string }>> = {
  contents: { word: "contents", tried: "its contents", matched: "the entry is the contents of the file" },
  digest: { word: "digest", tried: "its SHA-256 digest", matched: "the entry is the SHA-256 digest of the file" },
  "given-digest": { word: "digest", tried: "the digest", matched: "the entry is the digest that was given" },
  "given-leaf": { word: "leaf-hash", tried: "the leaf hash", matched: "the entry has the leaf hash that was given" },
};

/** What a verifier holds. */
export interface Claim {
  /** What the verifier calls it. */
  readonly name: string;
  /** The leaf hashes that it can have; one of them must be in the log. */
  readonly leaves: readonly { readonly basis: Basis; readonly leaf: Uint8Array }[];
  /** SHA-256 of the file, if it was one. */
  readonly digest: Uint8Array | undefined;
}

/** The claim about a file: its SHA-256, and all of its bytes, which count only where they are no more than an entry can have. */
export function claimOfFile(name: string, digest: Uint8Array, contents: Uint8Array | undefined): Claim {
  const byDigest = { basis: "digest", leaf: hashLeaf(digest) } as const;
  const fits = contents !== undefined && contents.length <= MAX_ENTRY_SIZE;
  const byContents = fits ? [{ basis: "contents", leaf: hashLeaf(contents) } as const] : [];
  return { name, leaves: [...byContents, byDigest], digest };
}

/** The claim about a file whose bytes are all at hand. */
export function claimOfBytes(name: string, contents: Uint8Array): Claim {
  return claimOfFile(name, sha256(contents), contents);
}

/** The claim about a file of which only the SHA-256 is known. */
export function claimOfDigest(digest: Uint8Array): Claim {
  const name = `the file with the SHA-256 ${toHex(digest)}`;
  return { name, leaves: [{ basis: "given-digest", leaf: hashLeaf(digest) }], digest: undefined };
}

/** The claim about an entry of which only the leaf hash is known. */
export function claimOfLeaf(leaf: Uint8Array): Claim {
  const name = `the entry with the leaf hash ${toHex(leaf)}`;
  return { name, leaves: [{ basis: "given-leaf", leaf }], digest: undefined };
}

/** What the verifier calls it, so that others can recognise it. */
export function described({ name, digest }: Claim): string {
  return digest === undefined ? name : `${name} (SHA-256 ${toHex(digest)})`;
}

/** What of it was tried. */
export function tried({ leaves }: Claim): string {
  return leaves.map(({ basis }) => basisWords[basis].tried).join(" and ");
}

/** That this is the entry. */
export function matched(basis: Basis): string {
  return basisWords[basis].matched;
}

/** One word, for programs. */
export function basisWord(basis: Basis): string {
  return basisWords[basis].word;
}
