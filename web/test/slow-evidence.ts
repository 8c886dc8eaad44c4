/** Evidence that is as slow to verify as somebody can make it: beside each token stand certificates of its issuer's name, each with a key of its own. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { p521 } from "@noble/curves/nist.js";
import { concat, fromHex, toBase64, toHex } from "../src/verify/bytes.ts";
import { parseEvidence } from "../src/verify/evidence.ts";
import { encoded, only, tag } from "../src/verify/rfc3161/ber.ts";
import { type Certificate, parseToken } from "../src/verify/rfc3161/index.ts";

const docs = resolve(import.meta.dirname, "../../docs");

/** Under which the evidence verifies, in the end. */
export const slowTrust = resolve(docs, "trust.example.toml");

const ANCHORS = 64;
const NAMESAKES = 28;

/** `SubjectPublicKeyInfo` of P-521, before its point. */
const HEAD = fromHex("30819b301006072a8648ce3d020106052b810400230381860004") ?? new Uint8Array();

/** The example with so many anchors, each of which needs so many signatures to be tried: half a minute of a browser's time. */
export function slowEvidence(): string {
  const text = readFileSync(resolve(docs, "evidence.example.json"), "utf8");
  const value = JSON.parse(text);
  const [anchor] = parseEvidence(new TextEncoder().encode(text)).anchors;
  if (anchor?.kind !== "rfc3161") {
    throw new Error("the example has no token");
  }
  const token = parseToken(anchor.token);
  const issuer = token.certificates.find((one) =>
    token.certificates.some((other) => !other.isSelfIssued && other.issuer.equals(one.subject)),
  );
  if (issuer === undefined) {
    throw new Error("the token has no issuer's certificate");
  }
  let point = p521.Point.BASE;
  const namesake = () => {
    point = point.add(p521.Point.BASE);
    const key = concat(HEAD, point.toBytes(false).subarray(1));
    return toBase64(withKey(issuer, key));
  };
  const [first] = value.anchors;
  value.anchors = Array.from({ length: ANCHORS }, () => ({
    ...first,
    certificates: [...first.certificates, ...Array.from({ length: NAMESAKES }, namesake)],
  }));
  return JSON.stringify(value);
}

/** A certificate with another key: nobody has signed it, which nobody asks of certificates that lead nowhere. */
function withKey(certificate: Certificate, spki: Uint8Array): Uint8Array {
  const reader = only(certificate.der, tag.sequence, "it").reader("it");
  const [tbs, algorithm, signature] = [reader.next(), reader.next(), reader.next()];
  const [before, after] = toHex(tbs.content).split(toHex(certificate.spki));
  const content = concat(fromHex(before ?? "") ?? new Uint8Array(), spki, fromHex(after ?? "") ?? new Uint8Array());
  return encoded(tag.sequence, concat(encoded(tag.sequence, content), algorithm.raw, signature.raw));
}
