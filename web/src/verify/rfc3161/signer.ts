/** The checks of a token that need the signer's certificate. */

import { equal } from "../bytes.ts";
import { type Checks, type Outcome, VerifyError } from "../checks.ts";
import { broken, hashOf, SHA1, unsupported, verifySignature } from "./algorithm.ts";
import { type Certificate, keyUsage } from "./certificate.ts";
import type { Name } from "./name.ts";
import { findPaths, nameRoots } from "./path.ts";
import { bestPath, type RevocationData, type Standing } from "./revocation.ts";
import { listed } from "./text.ts";
import { parseEssCertId, type Token } from "./token.ts";

const TIME_STAMPING = "1.3.6.1.5.5.7.3.8";

/** RFC 2634 section 5.4, and RFC 5035 section 3. */
const signingCertificateAttributes = [
  { oid: "1.2.840.113549.1.9.16.2.12", version: "v1", name: "ESSCertID" },
  { oid: "1.2.840.113549.1.9.16.2.47", version: "v2", name: "ESSCertIDv2" },
] as const;

/** Of how many certificates with the signer's name is tried whether their key made the signature, where the token names none by its hash. */
const maxTried = 8;

/**
 * Who stands behind a token, right or wrong: somebody who is trusted, where good signatures lead from the signer's certificate to this trusted
 * root; somebody who is trusted is named, in its certificates or of the signer, and no good signatures show that; or nobody who is trusted.
 */
export type Behind = { readonly who: "trusted"; readonly root: Certificate } | { readonly who: "named" | "nobody" };

/** The signer's certificate first, the root last; empty if there is none that holds. And how each but the root stands as to revocation. */
export interface Chain {
  readonly chain: readonly Certificate[];
  readonly standings: readonly Standing[];
  readonly behind: Behind;
}

/** Makes the checks, and gives the chain. */
export function judgeSigner(
  token: Token,
  roots: readonly Certificate[],
  extra: readonly Certificate[],
  revocation: readonly RevocationData[],
  checks: Checks,
): Chain {
  const signer = signerOf(token, extra);
  if (signer === undefined) {
    for (const name of [
      "signing certificate",
      "signature",
      "key usage",
      "extended key usage",
      "path",
      "basic constraints",
    ]) {
      checks.add(name, "not-checked", whyNoSigner(token));
    }
    return { chain: [], standings: [], behind: named(token, undefined, roots, extra) };
  }
  checks.note("signing certificate", () => {
    const words = signingCertificate(token, signer);
    verifyAuthority(token, signer);
    return words;
  });
  checks.note("signature", () => signature(token, signer));
  checks.note("key usage", () => keyUsageOf(signer));
  checks.note("extended key usage", () => extendedKeyUsage(signer));
  const others = [...token.certificates, ...extra];
  const { genTime } = token.info;
  const found = findPaths(signer, { roots, others, at: genTime });
  const inWords = (path: readonly Certificate[]) => `${path.length} certificates to the trusted root ${path.at(-1)}`;
  switch (found.kind) {
    case "paths": {
      const best = bestPath(found.paths, revocation, genTime);
      checks.add("path", "passed", inWords(best.chain));
      checks.add("basic constraints", "passed", "each issuer is an authority");
      return { ...best, behind: trusted(best.chain) };
    }
    // What fails by its constraints alone is a path all the same, and the check that is about them says so.
    case "unconstrained":
      checks.add("path", "passed", inWords(found.path));
      checks.add("basic constraints", "failed", found.why);
      return { chain: [], standings: [], behind: trusted(found.path) };
    case "wrong":
      return withoutPath("failed", found.why, trusted(found.path), checks);
    case "perhaps":
      return withoutPath("failed", found.why, { who: "named" }, checks);
    case "untrusted":
      return withoutPath("not-checked", found.why, named(token, signer, roots, extra), checks);
  }
}

function withoutPath(outcome: Outcome, why: string, behind: Behind, checks: Checks): Chain {
  checks.add("path", outcome, why);
  checks.add("basic constraints", "not-checked", "there is no path");
  return { chain: [], standings: [], behind };
}

function trusted(path: readonly Certificate[]): Behind {
  const root = path.at(-1);
  return root === undefined ? { who: "nobody" } : { who: "trusted", root };
}

/** Whether the token names a trusted root: who issued the signer's certificate, or one that it holds. */
function named(
  token: Token,
  signer: Certificate | undefined,
  roots: readonly Certificate[],
  extra: readonly Certificate[],
): Behind {
  const held = signer === undefined ? token.certificates : [...token.certificates, signer];
  const issuers: Name[] = held.map(({ issuer }) => issuer);
  if (token.signer.issuer !== undefined) {
    issuers.push(token.signer.issuer);
  }
  return { who: nameRoots(issuers, { roots, others: [...token.certificates, ...extra] }) ? "named" : "nobody" };
}

/**
 * The certificate that the signer says is its own. Where several have that name (a renewed certificate may keep name, serial number and
 * key): the one that the signed attributes name by its hash; if none does, one whose key made the signature.
 */
function signerOf(token: Token, extra: readonly Certificate[]): Certificate | undefined {
  const named = [...token.certificates, ...extra].filter((certificate) => token.signer.names(certificate));
  return (
    named.find((certificate) => holds(() => signingCertificate(token, certificate))) ??
    named.slice(0, maxTried).find((certificate) => holds(() => signature(token, certificate))) ??
    named[0]
  );
}

function holds(verify: () => void): boolean {
  try {
    verify();
    return true;
  } catch (error) {
    if (error instanceof VerifyError) {
      return false;
    }
    throw error;
  }
}

function whyNoSigner(token: Token): string {
  const [unreadable] = token.unreadable;
  return unreadable === undefined
    ? "the signer's certificate is neither in the token nor beside it"
    : `the signer's certificate is not there, or could not be read: ${unreadable.message}`;
}

/**
 * RFC 3161 section 2.4.2: "The certificate identifier (ESSCertID) of the TSA certificate MUST be included as a signerInfo attribute inside
 * a SigningCertificate attribute." RFC 5816: or ESSCertIDv2. Where both are there both have to be right.
 */
function signingCertificate(token: Token, signer: Certificate): string {
  const shown: string[] = [];
  for (const { oid, version, name } of signingCertificateAttributes) {
    const value = token.signer.attribute(oid, `with ${name}`);
    if (value !== undefined) {
      shown.push(`${name} by ${verifyEssCertId(value, version, name, signer)}`);
    }
  }
  if (shown.length === 0) {
    throw new VerifyError("the signed attribute that names the signer's certificate is missing");
  }
  return shown.join(", ");
}

/**
 * RFC 3161 section 2.4.2, of tsa: "If present, it MUST correspond to one of the subject names included in the certificate that is to be used
 * to verify the token."
 */
function verifyAuthority({ info }: Token, signer: Certificate): void {
  if (info.authority !== undefined && !signer.hasName(info.authority)) {
    throw new VerifyError(`the token is in the name of another authority than ${signer}`);
  }
}

/** Gives the name of the hash. */
function verifyEssCertId(value: Uint8Array, version: "v1" | "v2", name: string, signer: Certificate): string {
  const { algorithm, hash, issuerSerial } = withName(name, () => parseEssCertId(value, version));
  const known = withName(name, () => {
    const found = hashOf(algorithm);
    if (found === undefined) {
      throw unsupported(`the hash algorithm ${algorithm}`);
    }
    // ESSCertID is over SHA-1 by its definition, and counts where a signature over SHA-2 covers it.
    if (version === "v2" && found === SHA1) {
      throw broken("SHA-1");
    }
    return found;
  });
  if (!equal(known.digest(signer.der), hash)) {
    throw new VerifyError(`${name} is the hash of another certificate`);
  }
  if (issuerSerial !== undefined) {
    const isIssuer = issuerSerial.issuers.some((issuer) => issuer.equals(signer.issuer));
    if (!isIssuer || !equal(issuerSerial.serial, signer.serial)) {
      throw new VerifyError(`${name} names another issuer or serial number`);
    }
  }
  return known.name;
}

/** What is wrong with an attribute is said to be about that. */
function withName<T>(name: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof VerifyError) {
      throw new VerifyError(`${name}: ${error.message}`);
    }
    throw error;
  }
}

/** RFC 5652 section 5.4: where there are signed attributes they are what is signed. */
function signature(token: Token, signer: Certificate): string {
  const { algorithm, digestAlgorithm, signedAttributes, signature } = token.signer;
  if (signedAttributes === undefined) {
    throw new VerifyError("there are no signed attributes");
  }
  verifySignature(signer.spki, { algorithm, digestBeside: digestAlgorithm, message: signedAttributes, signature });
  return `by ${signer}`;
}

/**
 * RFC 5280 section 4.2.1.12: the bits consistent with id-kp-timeStamping are "digitalSignature and/or nonRepudiation", and "the certificate
 * MUST only be used for a purpose consistent with both extensions".
 */
function keyUsageOf(signer: Certificate): string {
  const consistent = [keyUsage.digitalSignature, keyUsage.nonRepudiation];
  if (!consistent.some((usage) => signer.may(usage))) {
    throw new VerifyError("the signer's key may not be used for signatures");
  }
  if (!signer.mayOnly(consistent)) {
    throw new VerifyError("the signer's key may be used for more than signatures");
  }
  return "for signatures alone";
}

/**
 * RFC 3161 section 2.3: "The corresponding certificate MUST contain only one instance of the extended key usage field extension [...] with
 * KeyPurposeID having value: id-kp-timeStamping. This extension MUST be critical."
 */
function extendedKeyUsage(signer: Certificate): string {
  const usage = signer.extensions.extendedKeyUsage;
  if (usage === undefined) {
    throw new VerifyError("the signer's certificate has no extended key usage");
  }
  const [only, another] = usage.purposes;
  if (only !== TIME_STAMPING || another !== undefined) {
    throw new VerifyError(
      `expected the extended key usage to be time-stamping alone, found ${listed(usage.purposes, ", ")}`,
    );
  }
  if (!usage.isCritical) {
    throw new VerifyError("the extended key usage is not critical");
  }
  return "time-stamping alone, and critical";
}
