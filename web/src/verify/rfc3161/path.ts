/**
 * Certificate paths (RFC 5280 section 6): from a signer to a root that the verifier trusts, at the time of the token.
 *
 * Whoever makes a token chooses the certificates in it, so the search is bounded. What lies beyond the bounds is not known, so that a
 * search that was given up is "not checked".
 *
 * Of a root only name and key are demanded (section 6.1.1, d). What it does say of itself holds: validity, basic constraints, key usage.
 */

import { equal } from "../bytes.ts";
import { VerifyError } from "../checks.ts";
import { WrongSignature } from "./algorithm.ts";
import { type Certificate, keyUsage } from "./certificate.ts";
import type { Name } from "./name.ts";
import { verifyPolicies } from "./policy.ts";
import { listed } from "./text.ts";
import type { Timestamp } from "./time.ts";

/** Longest path, signer and root included. */
const maxLength = 10;

/** Most signatures that are verified in search of paths. */
const maxSignatures = 256;

/** Most paths that are found. Who cross-signs has two, or a few. */
const maxPaths = 32;

/** Why there is no path, and how near it came: what is wrong with certificates is nearer than what is not known of them. */
class PathError extends VerifyError {
  readonly isWrong: boolean;

  constructor(message: string, isWrong: boolean) {
    super(message);
    this.isWrong = isWrong;
  }
}

type Path = readonly Certificate[];

/**
 * What becomes of a search: paths that hold, each from the signer to a root, both included; one that holds but for who may issue
 * certificates; one that leads to a root by its signatures and does not hold; one that does if a signature is what it says, which is broken or of a
 * kind that is not known; or none. Whatever is wrong with certificates that nobody who is trusted stands behind, anybody can put them there.
 */
export type Found =
  | { readonly kind: "paths"; readonly paths: readonly Path[] }
  | { readonly kind: "unconstrained"; readonly path: Path; readonly why: string }
  | { readonly kind: "wrong"; readonly path: Path; readonly why: string }
  | { readonly kind: "perhaps"; readonly why: string }
  | { readonly kind: "untrusted"; readonly why: string };

/** What a path must keep: signatures as far as they can be verified, signatures, everything but who may issue certificates, or everything. */
type Demand = "perhaps signatures" | "signatures" | "all but constraints" | "all";

export interface PathQuestion {
  readonly roots: readonly Certificate[];
  /** Certificates that may be between signer and root. */
  readonly others: readonly Certificate[];
  readonly at: Timestamp;
}

/** Looks for the paths from a signer to a root. */
export function findPaths(signer: Certificate, question: PathQuestion): Found {
  const search = (demand: Demand) => new Search(question, demand).from(signer);
  const all = search("all");
  if (all.paths.length > 0) {
    return { kind: "paths", paths: all.paths };
  }
  if (all.isGivenUp) {
    return { kind: "untrusted", why: givenUp };
  }
  const trouble = (path: Path) => new Search(question, "all").troubleOf(path) ?? givenUp;
  const [unconstrained] = search("all but constraints").paths;
  if (unconstrained !== undefined) {
    return { kind: "unconstrained", path: unconstrained, why: trouble(unconstrained) };
  }
  const [signed] = search("signatures").paths;
  if (signed !== undefined) {
    return { kind: "wrong", path: signed, why: trouble(signed) };
  }
  const perhaps = search("perhaps signatures");
  const [path] = perhaps.paths;
  return path === undefined ? { kind: "untrusted", why: perhaps.why } : { kind: "perhaps", why: trouble(path) };
}

/**
 * Whether one of these issuers is a root, or is under one, by the names in certificates alone: whoever writes a certificate writes any names
 * into it.
 */
export function nameRoots(issuers: readonly Name[], { roots, others }: Omit<PathQuestion, "at">): boolean {
  const names = roots.map(({ subject }) => subject);
  let rest = others;
  // The list grows while it is gone through.
  for (const name of names) {
    names.push(...rest.filter(({ issuer }) => issuer.equals(name)).map(({ subject }) => subject));
    rest = rest.filter(({ issuer }) => !issuer.equals(name));
  }
  return issuers.some((issuer) => names.some((name) => name.equals(issuer)));
}

const givenUp = `the search was given up: a path may have ${maxLength} certificates, and ${maxSignatures} signatures are verified in search of one`;

class Search {
  readonly #question: PathQuestion;
  readonly #demand: Demand;
  readonly #found: Path[] = [];
  #signatures = 0;
  #isGivenUp = false;
  #nearest: { readonly error: PathError; readonly length: number } | undefined;

  constructor(question: PathQuestion, demand: Demand) {
    this.#question = question;
    this.#demand = demand;
  }

  get #isOfSignatures(): boolean {
    return this.#demand === "signatures" || this.#demand === "perhaps signatures";
  }

  /** All paths within bounds, and why there is none. */
  from(signer: Certificate): { paths: readonly Path[]; isGivenUp: boolean; why: string } {
    this.#continue([signer], signer);
    const nearest = this.#nearest;
    const isGivenUp = this.#isGivenUp || nearest === undefined;
    return { paths: this.#found, isGivenUp, why: isGivenUp ? givenUp : nearest.error.message };
  }

  /** What is wrong with a path, from the signer up. */
  troubleOf(path: Path): string | undefined {
    const [signer] = path;
    const root = path.at(-1);
    if (signer === undefined || root === undefined) {
      return undefined;
    }
    try {
      if (path.length === 1) {
        this.#verifyAcceptable(signer);
      }
      for (const [at, issuer] of path.entries()) {
        const subject = path[at - 1];
        if (subject !== undefined) {
          this.#verifyAcceptable(subject);
          this.#verifyIssues(issuer, at === path.length - 1, path.slice(0, at), subject);
        }
      }
      this.#verifyWhole(path, root);
      return undefined;
    } catch (error) {
      if (error instanceof VerifyError) {
        return error.message;
      }
      throw error;
    }
  }

  /** Goes on to a root from the last certificate of a path that has led so far. */
  #continue(path: Path, last: Certificate): void {
    if (!this.#holds(path.length, () => this.#verifyAcceptable(last))) {
      return;
    }
    // A root that signed the token itself, or one that issued in between.
    if (this.#question.roots.some((root) => root.equals(last))) {
      this.#end(path, last);
      return;
    }
    if (path.length === maxLength) {
      this.#isGivenUp = true;
      return;
    }
    const candidates = this.#candidates(path, last);
    if (candidates.length === 0) {
      this.#note(path.length, nobodyIssued(last));
    }
    for (const { issuer, isRoot } of candidates) {
      if (this.#signatures === maxSignatures || this.#found.length === maxPaths) {
        this.#isGivenUp = true;
        return;
      }
      this.#signatures += 1;
      if (this.#holds(path.length, () => this.#verifyIssues(issuer, isRoot, path, last))) {
        const longer = [...path, issuer];
        if (isRoot) {
          this.#end(longer, issuer);
        } else {
          this.#continue(longer, issuer);
        }
      }
    }
  }

  /** The certificates of the issuer's name: those whose key is the one that is named first, those with another last; roots before others. */
  #candidates(path: Path, certificate: Certificate) {
    const { roots, others } = this.#question;
    const all = [
      ...roots.map((issuer) => ({ issuer, isRoot: true })),
      ...others.map((issuer) => ({ issuer, isRoot: false })),
    ];
    const named = certificate.extensions.authorityKeyId;
    const order = (issuer: Certificate) => {
      const own = issuer.extensions.subjectKeyId;
      return named === undefined || own === undefined ? 1 : equal(named, own) ? 0 : 2;
    };
    return (
      all
        .filter(({ issuer }) => issuer.subject.equals(certificate.issuer) && !path.some((own) => own.equals(issuer)))
        // Nobody has signed which certificates are in a token: one that comes often costs no more than one.
        .filter(({ issuer }, at, those) => those.findIndex((one) => one.issuer.equals(issuer)) === at)
        .sort((one, other) => order(one.issuer) - order(other.issuer))
    );
  }

  /** A path ends in a root. */
  #end(path: Path, root: Certificate): void {
    if (this.#isOfSignatures || this.#holds(path.length, () => this.#verifyWhole(path, root))) {
      this.#found.push(path);
    }
  }

  #verifyWhole(path: Path, root: Certificate): void {
    this.#verifyValid(root);
    verifyPolicies(path);
  }

  #verifyAcceptable(certificate: Certificate): void {
    if (this.#isOfSignatures) {
      return;
    }
    this.#verifyValid(certificate);
    const { notUnderstood } = certificate.extensions;
    if (notUnderstood.length > 0) {
      throw new VerifyError(
        `${certificate} has critical extensions that are not understood: ${listed(notUnderstood, ", ")}`,
      );
    }
  }

  #verifyValid(certificate: Certificate): void {
    const { at } = this.#question;
    if (!certificate.isValidAt(at)) {
      const { notBefore, notAfter } = certificate;
      throw new VerifyError(`${certificate} is valid from ${notBefore} to ${notAfter}, and the time is ${at}`);
    }
  }

  #verifyIssues(issuer: Certificate, isRoot: boolean, path: Path, subject: Certificate): void {
    try {
      subject.verifySignedBy(issuer);
    } catch (error) {
      if (!(error instanceof VerifyError)) {
        throw error;
      }
      // By another key under the issuer's name: an authority that has changed its key, or somebody who calls himself so. One that is broken,
      // or of a kind that is not known, was perhaps made by whom the certificate names.
      const isBad = error instanceof WrongSignature;
      const isPerhapsRight = !isBad && (isRoot || isNamed(issuer, subject));
      if (this.#demand !== "perhaps signatures" || !isPerhapsRight) {
        const what = `${subject} is not shown to be issued by ${issuer}, whom it names: ${error.message}`;
        throw new PathError(what, !isBad);
      }
    }
    if (this.#demand === "all") {
      verifyIsAuthority(issuer, isRoot, path);
    }
  }

  /** Whether this throws nothing; what it throws is noted. */
  #holds(length: number, verify: () => void): boolean {
    try {
      verify();
      return true;
    } catch (error) {
      if (!(error instanceof VerifyError)) {
        throw error;
      }
      this.#note(length, error instanceof PathError ? error : new PathError(error.message, true));
      return false;
    }
  }

  /** Keeps what came nearest: what is wrong before who is not trusted, then the error of the longest path, then the first. */
  #note(length: number, error: PathError): void {
    const known = this.#nearest;
    const isNearer =
      known === undefined || (error.isWrong === known.error.isWrong ? length > known.length : error.isWrong);
    if (isNearer) {
      this.#nearest = { error, length };
    }
  }
}

/** Whether a certificate names the issuer's key as that of its issuer. */
function isNamed(issuer: Certificate, subject: Certificate): boolean {
  const named = subject.extensions.authorityKeyId;
  const own = issuer.extensions.subjectKeyId;
  return named !== undefined && own !== undefined && equal(named, own);
}

function nobodyIssued(certificate: Certificate): PathError {
  const why = certificate.isSelfIssued
    ? `it ends in ${certificate}, which is not among the trusted roots`
    : `nobody who is trusted issued it: no certificate of ${certificate.issuer} is known, which issued ${certificate}`;
  return new PathError(why, false);
}

/** Section 6.1.4, (k) to (n): whether a certificate may be the issuer of the last one of a path. */
function verifyIsAuthority(issuer: Certificate, isRoot: boolean, path: Path): void {
  const constraints = issuer.extensions.basicConstraints;
  // Of a root that says nothing the verifier says that it is one.
  if (constraints === undefined ? !isRoot : !constraints.isAuthority) {
    throw new VerifyError(`${issuer} is no certificate authority by its basic constraints`);
  }
  // Section 4.2.1.9: self-issued certificates do not count, nor does the last one, which is the signer's.
  const below = path.slice(1).filter((own) => !own.isSelfIssued).length;
  const allowed = constraints?.pathLength;
  if (allowed !== undefined && below > allowed) {
    throw new VerifyError(`${issuer} allows ${allowed} authorities below it, and has ${below}`);
  }
  if (!issuer.may(keyUsage.keyCertSign)) {
    throw new VerifyError(`${issuer} may not sign certificates by its key usage`);
  }
}
