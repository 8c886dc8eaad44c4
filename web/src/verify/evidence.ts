/**
 * Evidence as a file: `counterfoil/evidence@v1`, which docs/evidence.md specifies to the byte. What is read is well formed, and no more:
 * whether any of it is true is the judge's to say.
 */

import { type BlockAnchor, checkBlockAnchor, readBlockAnchor } from "./block-anchor.ts";
import { equal, toHex, toUtf8 } from "./bytes.ts";
import { VerifyError } from "./checks.ts";
import { hashLeaf } from "./hash.ts";
import { type Json, Path, parseJson, shownJson, wrongPart } from "./json.ts";
import {
  checkBytes,
  checkMillis,
  checkSize,
  checkUrl,
  isAuthorityName,
  Part,
  readBytes,
  readList,
  readMillis,
  readSha256,
  readText,
  sizeOf,
} from "./parts.ts";
import { MAX_POLICY_SIZE } from "./policy.ts";
import { WrongRoot } from "./proof.ts";
import { checkInclusion, parseReceipt, type Receipt } from "./receipt.ts";
import { MAX_ENTRY_SIZE } from "./tile.ts";
import { shown } from "./words.ts";

export const EVIDENCE_FORMAT = "counterfoil/evidence@v1";

/** The largest evidence, in bytes. */
export const MAX_EVIDENCE_SIZE = 64 << 20;

const MAX_ANCHORS = 64;
const MAX_KIND = 40;
const MAX_TOKEN_SIZE = 262_144;
const MAX_CERTIFICATES = 32;
const MAX_CERTIFICATE_SIZE = 32_768;
const MAX_REVOCATIONS = 128;
const MAX_REVOCATION_SIZE = 16 << 20;

/** The entry that evidence is about. Its leaf hash is always that of what is known of it. */
export interface Entry {
  readonly leafHash: Uint8Array;
  /** SHA-256 of a file; the entry is these 32 bytes. */
  readonly digest: Uint8Array | undefined;
  /** The entry itself. */
  readonly contents: Uint8Array | undefined;
}

/** What says whether a certificate is revoked. */
export interface RevocationData {
  readonly kind: "crl" | "ocsp";
  /** SHA-256 of the certificate that it was fetched for. */
  readonly certificate: Uint8Array;
  readonly url: string;
  /** Milliseconds since the beginning of 1970. */
  readonly fetched: bigint;
  readonly data: Uint8Array;
}

/** A time-stamp token over the receipt's checkpoint, and what its verification may need. */
export interface TokenAnchor {
  readonly kind: "rfc3161";
  /** What the anchor calls the authority: anybody's word. */
  readonly authority: string;
  readonly url: string;
  readonly token: Uint8Array;
  readonly certificates: readonly Uint8Array[];
  /** When it came, as the anchor says, in milliseconds since the beginning of 1970. */
  readonly received: bigint;
  readonly revocation: readonly RevocationData[];
}

/** An anchor of a kind that this version does not know. */
export interface UnknownAnchor {
  readonly kind: "unknown";
  readonly name: string;
}

export type Anchor = TokenAnchor | BlockAnchor | UnknownAnchor;

/** Evidence as parsed: well formed, and nothing of it verified. */
export interface Evidence {
  readonly entry: Entry;
  readonly receipt: Receipt;
  /** The policy under which it was made: for people to read, never to be trusted. */
  readonly policy: string;
  readonly anchors: readonly Anchor[];
}

/** Reads evidence. */
export function parseEvidence(bytes: Uint8Array): Evidence {
  if (bytes.length > MAX_EVIDENCE_SIZE) {
    throw new VerifyError(`expected evidence of at most ${MAX_EVIDENCE_SIZE} bytes, got ${bytes.length}`);
  }
  const part = new Part(readJson(bytes), Path.root);
  // First of all, so that a later version is named as such, whatever else it has changed.
  part.take("format", (format) => {
    if (format !== EVIDENCE_FORMAT) {
      throw new VerifyError(`format: expected "${EVIDENCE_FORMAT}", got ${shownJson(format)}`);
    }
  });
  if (part.optional("renewal") !== undefined) {
    throw new VerifyError(
      "renewal: this evidence was renewed, by a later time-stamp over all of it; a newer verifier is needed",
    );
  }
  const entry = part.take("entry", readEntry);
  const receipt = readReceipt(part.take("receipt", readText));
  const policy = part.take("policy", readText);
  const anchors = part.take("anchors", (value, path) => readList(value, path, readAnchor));
  part.end("format, entry, receipt, policy and anchors");
  const evidence = { entry, receipt, policy, anchors };
  checkEvidence(evidence);
  return evidence;
}

function readJson(bytes: Uint8Array): Json {
  try {
    return parseJson(bytes);
  } catch (error) {
    throw error instanceof VerifyError ? new VerifyError(`expected evidence as JSON: ${error.message}`) : error;
  }
}

function readReceipt(text: string): Receipt {
  try {
    return parseReceipt(toUtf8(text));
  } catch (error) {
    throw error instanceof VerifyError ? new VerifyError(`receipt: ${error.message}`) : error;
  }
}

function readEntry(value: Json, path: Path): Entry {
  const part = new Part(value, path);
  const leafHash = part.take("leaf_hash", readSha256);
  const digest = part.takeOptional("digest", readSha256);
  const contents = part.takeOptional("contents", readBytes);
  part.end("leaf_hash, and one of digest and contents");
  if (digest !== undefined && contents !== undefined) {
    throw wrongPart(path, "digest or contents or neither", "both");
  }
  const known = digest ?? contents;
  const computed = known === undefined ? leafHash : hashLeaf(known);
  if (!equal(computed, leafHash)) {
    const what = digest === undefined ? "contents" : "digest";
    throw wrongPart(path.key("leaf_hash"), `the leaf hash of ${what}, ${toHex(computed)}`, toHex(leafHash));
  }
  return { leafHash, digest, contents };
}

function readAnchor(value: Json, path: Path): Anchor {
  const part = new Part(value, path);
  const kind = part.take("kind", readKind);
  switch (kind) {
    case "rfc3161":
      return readTokenAnchor(part);
    case "ethereum":
      return readBlockAnchor(part);
    default:
      return { kind: "unknown", name: kind };
  }
}

function readTokenAnchor(part: Part): TokenAnchor {
  const anchor: TokenAnchor = {
    kind: "rfc3161",
    authority: part.take("authority", (text, place) => {
      const name = readText(text, place);
      if (!isAuthorityName(name)) {
        throw wrongPart(place, "the name of an authority, 1 to 40 of a-z, 0-9 and - between them", shown(name));
      }
      return name;
    }),
    url: part.take("url", readText),
    token: part.take("token", readBytes),
    certificates: part.take("certificates", (list, place) => readList(list, place, readBytes)),
    received: part.take("received", readMillis),
    revocation: part.take("revocation", (list, place) => readList(list, place, readRevocation)),
  };
  part.end("kind, authority, url, token, certificates, received and revocation");
  return anchor;
}

function readKind(value: Json, path: Path): string {
  const kind = readText(value, path);
  if (kind.length > MAX_KIND || !/^[a-z0-9-]+$/.test(kind)) {
    throw wrongPart(path, `the name of a kind, 1 to ${MAX_KIND} of a-z, 0-9 and -`, shown(kind));
  }
  return kind;
}

function readRevocation(value: Json, path: Path): RevocationData {
  const part = new Part(value, path);
  const revocation: RevocationData = {
    kind: part.take("kind", (text, place) => {
      const kind = readText(text, place);
      if (kind !== "crl" && kind !== "ocsp") {
        throw wrongPart(place, '"crl" or "ocsp"', shown(kind));
      }
      return kind;
    }),
    certificate: part.take("certificate", readSha256),
    url: part.take("url", readText),
    fetched: part.take("fetched", readMillis),
    data: part.take("data", readBytes),
  };
  part.end("kind, certificate, url, fetched and data");
  return revocation;
}

/** What holds for all evidence. */
function checkEvidence({ entry, receipt, policy, anchors }: Evidence): void {
  if (entry.contents !== undefined) {
    checkBytes(entry.contents, MAX_ENTRY_SIZE, Path.root.key("entry").key("contents"));
  }
  try {
    checkInclusion(receipt, entry.leafHash);
  } catch (error) {
    // Whether the hashes lead to the root is for the judge to say; here, whether they could.
    if (!(error instanceof WrongRoot)) {
      throw error instanceof VerifyError ? new VerifyError(`receipt: ${error.message}`) : error;
    }
  }
  checkSize(sizeOf(policy), 0, MAX_POLICY_SIZE, "bytes", Path.root.key("policy"));
  const path = Path.root.key("anchors");
  checkSize(anchors.length, 0, MAX_ANCHORS, "anchors", path);
  for (const [index, anchor] of anchors.entries()) {
    if (anchor.kind === "rfc3161") {
      checkToken(anchor, path.at(index));
    } else if (anchor.kind === "ethereum") {
      checkBlockAnchor(anchor, path.at(index));
    }
  }
}

function checkToken({ url, token, received, certificates, revocation }: TokenAnchor, path: Path): void {
  checkUrl(url, path.key("url"));
  checkBytes(token, MAX_TOKEN_SIZE, path.key("token"));
  checkMillis(received, path.key("received"));
  const certificatesPath = path.key("certificates");
  checkSize(certificates.length, 0, MAX_CERTIFICATES, "certificates", certificatesPath);
  for (const [index, certificate] of certificates.entries()) {
    checkBytes(certificate, MAX_CERTIFICATE_SIZE, certificatesPath.at(index));
  }
  const revocationPath = path.key("revocation");
  checkSize(revocation.length, 0, MAX_REVOCATIONS, "revocation data", revocationPath);
  for (const [index, { url: from, fetched, data }] of revocation.entries()) {
    const place = revocationPath.at(index);
    checkUrl(from, place.key("url"));
    checkMillis(fetched, place.key("fetched"));
    checkBytes(data, MAX_REVOCATION_SIZE, place.key("data"));
  }
}
