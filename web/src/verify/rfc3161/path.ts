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
import { verifyPolicies } from "./policy.ts";
import type { Timestamp } from "./time.ts";

/** Longest path, signer and root included. */
const maxLength = 10;

/** Most signatures that are verified in search of a path. */
const maxSignatures = 256;

/**
 * How much an error says. `untrusted`: nobody who is trusted was found, and nothing is wrong. `constraints`: somebody who may not issue
 * certificates has. `wrong`: anything else.
 */
type PathErrorKind = "untrusted" | "constraints" | "wrong";

export class PathError extends VerifyError {
  readonly kind: PathErrorKind;

  constructor(kind: PathErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

export interface PathQuestion {
  readonly roots: readonly Certificate[];
  /** Certificates that may be between signer and root. */
  readonly others: readonly Certificate[];
  readonly at: Timestamp;
  /** Whether it matters who may issue certificates: passed over to tell whether a path fails by that alone. */
  readonly constraints: "kept" | "passed over";
}

/** A path from a certificate to a root, both included; throws a `PathError` if there is none. */
export function findPath(signer: Certificate, question: PathQuestion): readonly Certificate[] {
  return new Search(question).from(signer);
}

class Search {
  readonly #question: PathQuestion;
  #signatures = 0;
  #isGivenUp = false;
  #nearest: { readonly error: PathError; readonly length: number } | undefined;

  constructor(question: PathQuestion) {
    this.#question = question;
  }

  from(signer: Certificate): readonly Certificate[] {
    const path = this.#continued([signer], signer);
    if (path !== undefined) {
      return path;
    }
    if (this.#isGivenUp || this.#nearest === undefined) {
      throw new PathError(
        "untrusted",
        `the search was given up: a path may have ${maxLength} certificates, and ${maxSignatures} signatures are verified in search of one`,
      );
    }
    throw this.#nearest.error;
  }

  /** Goes on to a root from the last certificate of a path that has led so far. */
  #continued(path: readonly Certificate[], last: Certificate): readonly Certificate[] | undefined {
    if (!this.#holds(path.length, () => this.#verifyAcceptable(last))) {
      return undefined;
    }
    // A root that signed the token itself, or one that issued in between.
    if (this.#question.roots.some((root) => root.equals(last))) {
      return this.#ended(path, last);
    }
    if (path.length === maxLength) {
      this.#isGivenUp = true;
      return undefined;
    }
    const candidates = this.#candidates(path, last);
    for (const { issuer, isRoot } of candidates) {
      if (this.#signatures === maxSignatures) {
        this.#isGivenUp = true;
        return undefined;
      }
      this.#signatures += 1;
      if (this.#holds(path.length, () => this.#verifyIssues(issuer, isRoot, path, last))) {
        const longer = [...path, issuer];
        const found = isRoot ? this.#ended(longer, issuer) : this.#continued(longer, issuer);
        if (found !== undefined) {
          return found;
        }
      }
    }
    if (candidates.length === 0) {
      this.#note(path.length, nobodyIssued(last));
    }
    return undefined;
  }

  /** The certificates of the issuer's name: those whose key is the one that is named first, those with another last; roots before others. */
  #candidates(path: readonly Certificate[], certificate: Certificate) {
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
    return all
      .filter(({ issuer }) => issuer.subject.equals(certificate.issuer) && !path.some((own) => own.equals(issuer)))
      .sort((one, other) => order(one.issuer) - order(other.issuer));
  }

  /** The path, if it holds as a whole. */
  #ended(path: readonly Certificate[], root: Certificate): readonly Certificate[] | undefined {
    const holds = this.#holds(path.length, () => {
      this.#verifyValid(root);
      verifyPolicies(path);
    });
    return holds ? path : undefined;
  }

  #verifyAcceptable(certificate: Certificate): void {
    this.#verifyValid(certificate);
    const { notUnderstood } = certificate.extensions;
    if (notUnderstood.length > 0) {
      throw new VerifyError(
        `${certificate} has critical extensions that are not understood: ${notUnderstood.join(", ")}`,
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

  #verifyIssues(issuer: Certificate, isRoot: boolean, path: readonly Certificate[], subject: Certificate): void {
    try {
      subject.verifySignedBy(issuer);
    } catch (error) {
      if (error instanceof VerifyError) {
        // By another key under the issuer's name: an authority that has changed its key, or somebody who calls himself so.
        const kind = error instanceof WrongSignature ? "untrusted" : "wrong";
        throw new PathError(kind, `${issuer} issued ${subject}: ${error.message}`);
      }
      throw error;
    }
    if (this.#question.constraints === "kept") {
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
      this.#note(length, error instanceof PathError ? error : new PathError("wrong", error.message));
      return false;
    }
  }

  /** Keeps what came nearest: what is wrong before who is not trusted, then the error of the longest path, then the first. */
  #note(length: number, error: PathError): void {
    const known = this.#nearest;
    const isWrong = error.kind !== "untrusted";
    const wasWrong = known !== undefined && known.error.kind !== "untrusted";
    const isNearer = known === undefined || (isWrong === wasWrong ? length > known.length : isWrong);
    if (isNearer) {
      this.#nearest = { error, length };
    }
  }
}

function nobodyIssued(certificate: Certificate): PathError {
  return new PathError(
    "untrusted",
    certificate.isSelfIssued
      ? `it ends in ${certificate}, which is not among the trusted roots`
      : `nobody who is trusted issued it: no certificate of ${certificate.issuer} is known, which issued ${certificate}`,
  );
}

/** Section 6.1.4, (k) to (n): whether a certificate may be the issuer of the last one of a path. */
function verifyIsAuthority(issuer: Certificate, isRoot: boolean, path: readonly Certificate[]): void {
  const constraints = issuer.extensions.basicConstraints;
  // Of a root that says nothing the verifier says that it is one.
  if (constraints === undefined ? !isRoot : !constraints.isAuthority) {
    throw new PathError("constraints", `${issuer} is no certificate authority by its basic constraints`);
  }
  // Section 4.2.1.9: self-issued certificates do not count, nor does the last one, which is the signer's.
  const below = path.slice(1).filter((own) => !own.isSelfIssued).length;
  const allowed = constraints?.pathLength;
  if (allowed !== undefined && below > allowed) {
    throw new PathError("constraints", `${issuer} allows ${allowed} authorities below it, and has ${below}`);
  }
  if (!issuer.may(keyUsage.keyCertSign)) {
    throw new PathError("constraints", `${issuer} may not sign certificates by its key usage`);
  }
}
