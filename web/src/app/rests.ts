/** What each check rests on: who or what would have to be wrong for it to mislead. */

const rests: readonly (readonly [RegExp, string])[] = [
  [/^(evidence|receipt|checkpoint|token)$/, "on the file alone: that it is well formed, which proves nothing yet"],
  [/^log signature$/, "on the log's key, as you trust it"],
  [/^quorum$/, "on the keys of the witnesses, as you trust them: that all of them together do not lie"],
  [/^entry$/, "on SHA-256, over the record as you gave it"],
  [/^inclusion$/, "on SHA-256: a path of hashes from the entry to the signed root"],
  [/^anchors$/, "on how many authorities you ask for"],
  [/^anchor .*(revocation|revoked)/, "on revocation data signed by the certificate's issuer"],
  [/^anchor .*(imprint)/, "on the hash in the token, over the checkpoint byte for byte"],
  [/^anchor .*(path|chain|root)/, "on the roots of the time-stamping authority, as you trust them"],
  [/^anchor /, "on the time-stamping authority, as you trust it"],
];

export function restsOn(check: string): string {
  return rests.find(([name]) => name.test(check))?.[1] ?? "";
}
