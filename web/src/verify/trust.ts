/** What a verifier trusts, as a file of theirs: `counterfoil/trust@v1`, TOML (docs/evidence.md). Nothing of it ever comes from evidence. */

import { BlockList, fromPrefixedHex, MAX_BLOCKS } from "./blocks.ts";
import { toUtf8 } from "./bytes.ts";
import { VerifyError } from "./checks.ts";
import { isAuthorityName, MAX_NUMBER } from "./parts.ts";
import { readPem } from "./pem.ts";
import { Policy } from "./policy.ts";
import { Certificate } from "./rfc3161/index.ts";
import { integer, readToml, type Table, type TomlValue, tables, text, texts, wrongPart } from "./toml.ts";
import { quoted, shown } from "./words.ts";

export const TRUST_FORMAT = "counterfoil/trust@v1";

/** The largest file. */
export const MAX_TRUST_SIZE = 4 << 20;

const MAX_AUTHORITIES = 64;
const MAX_CERTIFICATES = 32;
const MAX_POLICIES = 32;

/** How much must be known of whether an authority's certificates are revoked. */
export type RevocationDemand = "required" | "published" | "optional";

/** Trust in one time-stamping authority. */
export interface Authority {
  /** What the verifier calls it. */
  readonly name: string;
  /** Where the chains of its tokens end. */
  readonly roots: readonly Certificate[];
  /** Certificates that its tokens may lack. They are not trusted for being here. */
  readonly certificates: readonly Certificate[];
  /** The policies under which its tokens count, as object identifiers; any if there are none. */
  readonly policies: readonly string[];
  readonly revocation: RevocationDemand;
}

/** What a verifier trusts. */
export interface Trust {
  /** How many authorities must vouch for a time. */
  readonly minAnchors: number;
  /** The logs and witnesses. */
  readonly policy: Policy;
  readonly authorities: readonly Authority[];
  readonly chains: readonly Chain[];
}

/** Trust in blocks of one chain. */
export interface Chain {
  /** What the verifier calls it. */
  readonly name: string;
  readonly chainId: bigint;
  /** Where transactions must go; anywhere if undefined. */
  readonly destination: Uint8Array | undefined;
  /** The blocks that are trusted. */
  readonly blocks: BlockList;
}

/** Reads a trust file. */
export function parseTrust(bytes: Uint8Array): Trust {
  if (bytes.length > MAX_TRUST_SIZE) {
    throw new VerifyError(`expected a trust file of at most ${MAX_TRUST_SIZE} bytes, got ${bytes.length}`);
  }
  const file = readToml(bytes);
  const format = file.take("format", text);
  if (format !== TRUST_FORMAT) {
    throw new VerifyError(`format: expected "${TRUST_FORMAT}", got ${shown(format)}`);
  }
  const minAnchors = file.optional("min_anchors", integer) ?? 1n;
  const policyText = file.take("policy", text);
  const tsaTables = file.optional("tsa", tables) ?? [];
  const chainTables = file.optional("ethereum", tables) ?? [];
  file.end();
  // First all types, then what stands in them.
  const [ofTsas, ofChains] = [tsaTables.map(readTable), chainTables.map(readChainTable)];
  const authorities = ofTsas.map(readAuthority);
  const chains = ofChains.map(readChain);
  const policy = readPolicy(policyText);
  if (policy.logKeys.length === 0) {
    throw wrongPart("policy", "the key of a log", "none");
  }
  const count = authorities.length + chains.length;
  if (count < 1 || count > MAX_AUTHORITIES) {
    throw wrongPart("tsa and ethereum", `1 to ${MAX_AUTHORITIES} authorities`, String(count));
  }
  if (minAnchors < 1n || minAnchors > BigInt(count)) {
    throw wrongPart("min_anchors", `1 to ${count}, the number of authorities`, String(minAnchors));
  }
  authorities.forEach(checkCounts);
  chains.forEach(checkChainId);
  checkApart(authorities);
  checkChainsApart(chains, authorities);
  return { minAnchors: Number(minAnchors), policy, authorities, chains };
}

function readPolicy(source: string): Policy {
  try {
    return Policy.parse(toUtf8(source));
  } catch (error) {
    throw error instanceof VerifyError ? new VerifyError(`policy: ${error.message}`) : error;
  }
}

/** An authority as the file has it, each key of the right type. */
interface AuthorityTable {
  readonly name: string;
  readonly roots: string;
  readonly certificates: string;
  readonly policies: readonly string[];
  readonly revocation: RevocationDemand;
}

function readTable(part: Table): AuthorityTable {
  const read: AuthorityTable = {
    name: part.take("name", text),
    roots: part.take("roots", text),
    certificates: part.optional("certificates", text) ?? "",
    policies: part.optional("policies", texts) ?? [],
    revocation: part.optional("revocation", demand) ?? "published",
  };
  part.end();
  return read;
}

function demand(value: TomlValue, path: string): RevocationDemand {
  const found = text(value, path);
  if (found !== "required" && found !== "published" && found !== "optional") {
    throw wrongPart(path, '"required", "published" or "optional"', shown(found));
  }
  return found;
}

function readAuthority(read: AuthorityTable): Authority {
  const { name, policies, revocation } = read;
  if (!isAuthorityName(name)) {
    throw wrongPart("tsa: name", "1 to 40 of a-z, 0-9 and - between them", shown(name));
  }
  const path = (key: string) => `tsa ${name}: ${key}`;
  const roots = readCertificates(read.roots, path("roots"));
  const certificates = readCertificates(read.certificates, path("certificates"));
  for (const policy of policies) {
    if (!isObjectIdentifier(policy)) {
      throw wrongPart(path("policies"), 'an object identifier, such as "1.3.6.1.4.1.13762.3"', shown(policy));
    }
  }
  return { name, roots, certificates, policies, revocation };
}

function readCertificates(pem: string, path: string): Certificate[] {
  try {
    const read = readPem(pem).map(readCertificate);
    if (read.length > 0 || pem.trim() === "") {
      return read;
    }
  } catch (error) {
    throw error instanceof VerifyError ? new VerifyError(`${path}: ${error.message}`) : error;
  }
  throw wrongPart(path, "certificates in PEM", "text without any");
}

function readCertificate(der: Uint8Array, at: number): Certificate {
  try {
    return Certificate.parse(der);
  } catch (error) {
    const expected = `expected a certificate in PEM as block ${at + 1}`;
    throw error instanceof VerifyError ? new VerifyError(`${expected}, got ${error.message}`) : error;
  }
}

/** The most octets of an object identifier in DER. */
const MAX_OID_SIZE = 128;

function isObjectIdentifier(oid: string): boolean {
  if (!/^[0-2](?:\.(?:0|[1-9][0-9]{0,300}))+$/.test(oid)) {
    return false;
  }
  const [first = 0n, second = 0n, ...rest] = oid.split(".").map(BigInt);
  const octets = [40n * first + second, ...rest].map((arc) => Math.ceil(arc.toString(2).length / 7));
  return (first === 2n || second < 40n) && octets.reduce((sum, size) => sum + size, 0) <= MAX_OID_SIZE;
}

function checkCounts({ name, roots, certificates, policies }: Authority): void {
  const counts = [
    ["roots", 1, MAX_CERTIFICATES, roots.length, "certificates"],
    ["certificates", 0, MAX_CERTIFICATES, certificates.length, "certificates"],
    ["policies", 0, MAX_POLICIES, policies.length, "policies"],
  ] as const;
  for (const [key, least, most, count, of] of counts) {
    if (count < least || count > most) {
      throw wrongPart(`tsa ${name}: ${key}`, `${least} to ${most} ${of}`, String(count));
    }
  }
}

/** An authority is counted once, so that no two may be the same one by two names. */
function checkApart(authorities: readonly Authority[]): void {
  for (const [at, { name, roots }] of authorities.entries()) {
    const earlier = authorities.slice(0, at);
    if (earlier.some((other) => other.name === name)) {
      throw wrongPart(`tsa ${name}: name`, "a name that no other tsa has", "it again");
    }
    for (const root of roots) {
      const other = earlier.find((one) => one.roots.some(({ key }) => key === root.key));
      if (other !== undefined) {
        throw wrongPart(
          `tsa ${name}: roots`,
          "roots whose keys no other tsa has, because an authority counts once",
          `${quoted(root.subject.toString())}, whose key is that of a root of ${other.name}`,
        );
      }
    }
  }
}

/** A chain as the file has it, each key of the right type. */
interface ChainTable {
  readonly name: string;
  readonly chainId: bigint;
  readonly destination: string | undefined;
  readonly blockHashes: readonly string[];
}

function readChainTable(part: Table): ChainTable {
  const read: ChainTable = {
    name: part.take("name", text),
    chainId: part.take("chain_id", integer),
    destination: part.optional("destination", text),
    blockHashes: part.optional("block_hashes", texts) ?? [],
  };
  part.end();
  return read;
}

function readChain({ name, chainId, destination, blockHashes }: ChainTable): Chain {
  if (!isAuthorityName(name)) {
    throw wrongPart("ethereum: name", "1 to 40 of a-z, 0-9 and - between them", shown(name));
  }
  const path = (key: string) => `ethereum ${name}: ${key}`;
  const blocks = new BlockList();
  for (const line of blockHashes) {
    try {
      blocks.take(line);
    } catch (error) {
      const expected = `up to ${MAX_BLOCKS} blocks that do not contradict each other`;
      throw error instanceof VerifyError
        ? wrongPart(path("block_hashes"), expected, `${shown(line)} (${error.message})`)
        : error;
    }
  }
  const address = destination === undefined ? undefined : fromPrefixedHex(destination, 20);
  if (destination !== undefined && address === undefined) {
    throw wrongPart(path("destination"), "an address, 0x and 40 hexadecimal digits", shown(destination));
  }
  return { name, chainId, destination: address, blocks };
}

function checkChainId({ name, chainId }: Chain): void {
  if (chainId < 1n || chainId > MAX_NUMBER) {
    throw wrongPart(`ethereum ${name}: chain_id`, `a number from 1 to ${MAX_NUMBER}`, String(chainId));
  }
}

/** A chain is counted once, by a name of its own. */
function checkChainsApart(chains: readonly Chain[], authorities: readonly Authority[]): void {
  for (const [at, { name, chainId }] of chains.entries()) {
    const earlier = chains.slice(0, at);
    if ([...authorities, ...earlier].some((other) => other.name === name)) {
      throw wrongPart(`ethereum ${name}: name`, "a name that no other authority has", "it again");
    }
    if (earlier.some((other) => other.chainId === chainId)) {
      const expected = "a chain that no other table is about, because a chain counts once";
      throw wrongPart(`ethereum ${name}: chain_id`, expected, String(chainId));
    }
  }
}
