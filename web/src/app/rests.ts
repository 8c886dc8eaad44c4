/** What each check rests on: who or what would have to be wrong for it to mislead. */

type Table = readonly (readonly [RegExp, string])[];

const ofProofs: Table = [
  [/^(evidence|receipt|checkpoint|token)$/, "on the file alone: that it is well formed, which proves nothing yet"],
  [/^log signature$/, "on the log's key, as you trust it"],
  [/^quorum$/, "on the keys of the witnesses, as you trust them: that all of them together do not lie"],
  [/^entry$/, "on SHA-256, over the record as you gave it"],
  [/^inclusion$/, "on SHA-256: a path of hashes from the entry to the signed root"],
  [/^block hash$/, "on the hash of the block, as you gave it"],
  [/^anchors$/, "on how many authorities you ask for"],
];

/** Of an anchor of evidence, or of a token alone. */
const ofTokens: Table = [
  [/revocation|revoked/, "on revocation data signed by the certificate's issuer"],
  [/imprint/, "on the hash in the token, over the checkpoint byte for byte"],
  [/path|chain|root/, "on the roots of the time-stamping authority, as you trust them"],
  [/^/, "on the time-stamping authority, as you trust it"],
];

const ofBlocks: Table = [
  [/^block hash$/, "on the hash of the block, as you trust it: that the chain has this block, and keeps it"],
  [/inclusion$/, "on Keccak-256: a path of hashes to a root in the block's header"],
  [/^checkpoint$/, "on SHA-256: a path of hashes from the checkpoint to the root in the transaction"],
  [/^/, "on the hash of the block, as you trust it"],
];

const ofUnknown: Table = [[/^/, "on nothing that this verifier knows"]];

/**
 * What a check rests on, or all those of an anchor; `names` are those of all checks that were made: blocks have one of their hash, anchors of
 * an unknown kind that of their kind alone, and a token alone that of its signer's certificate.
 */
export function restsOn(check: string, names: readonly string[]): string {
  const [, anchor, part = ""] = /^(anchor [^:]+)(?:: (.*))?$/.exec(check) ?? [];
  const isMade = (of: string) => names.includes(`${anchor}: ${of}`);
  const ofAnchor = isMade("block hash") ? ofBlocks : isMade("kind") ? ofUnknown : ofTokens;
  const find = (table: Table, name: string) => table.find(([expression]) => expression.test(name))?.[1];
  if (anchor !== undefined) {
    return find(ofAnchor, part) ?? "";
  }
  return find(ofProofs, check) ?? (names.includes("signing certificate") ? find(ofTokens, check) : undefined) ?? "";
}
