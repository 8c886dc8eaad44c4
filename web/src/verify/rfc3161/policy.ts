/**
 * Certificate policies of a path: RFC 5280 section 6.1, as sets instead of a tree (RFC 9618), with any policy acceptable at the start.
 * So a path fails by them only where an authority demands an explicit policy and none holds from the root down.
 */

import { VerifyError } from "../checks.ts";
import type { Certificate } from "./certificate.ts";

const ANY = "2.5.29.32.0";

/** Throws if the policies of a path do not hold: the signer's certificate first; the root, last, takes no part. */
export function verifyPolicies(path: readonly Certificate[]): void {
  const fromRoot = path.slice(0, -1).reverse();
  const state = new State(path.length);
  for (const [at, certificate] of fromRoot.entries()) {
    if (at < fromRoot.length - 1) {
      state.take(certificate, certificate.isSelfIssued);
      state.prepareForNext(certificate);
    } else {
      state.take(certificate, false);
      state.end(certificate);
    }
  }
}

/** Section 6.1.2. */
class State {
  /** The valid policies at this depth, each with those that count as it in the next certificate. Empty: none holds any more. */
  #valid: ReadonlyMap<string, ReadonlySet<string>> = new Map([[ANY, new Set([ANY])]]);
  #explicitPolicy: number;
  #policyMapping: number;
  #inhibitAny: number;

  constructor(length: number) {
    // More than there are certificates: never, unless one says so.
    this.#explicitPolicy = length;
    this.#policyMapping = length;
    this.#inhibitAny = length;
  }

  /** Section 6.1.3, (d) to (f). A self-issued authority may say any policy in spite of inhibitAnyPolicy. */
  take(certificate: Certificate, isSelfIssuedAuthority: boolean): void {
    const stated = certificate.extensions.policies.stated;
    const expected = new Set(Array.from(this.#valid.values()).flatMap((policies) => Array.from(policies)));
    const next = stated.filter((policy) => policy !== ANY && (expected.has(policy) || this.#valid.has(ANY)));
    if (stated.includes(ANY) && (this.#inhibitAny > 0 || isSelfIssuedAuthority)) {
      next.push(...expected);
    }
    this.#valid = new Map(next.map((policy) => [policy, new Set([policy])]));
    this.#verifyOneHolds(certificate);
  }

  /** Section 6.1.4, (a), (b) and (h) to (j). */
  prepareForNext(authority: Certificate): void {
    const { mappings, requireExplicit, inhibitMapping, inhibitAny } = authority.extensions.policies;
    if (mappings.some((mapping) => mapping.includes(ANY))) {
      throw new VerifyError(`${authority} maps anyPolicy`);
    }
    const valid = new Map(this.#valid);
    for (const issuerPolicy of new Set(mappings.map(([policy]) => policy))) {
      const subjectPolicies = mappings.filter(([policy]) => policy === issuerPolicy).map(([, policy]) => policy);
      if (this.#policyMapping === 0) {
        valid.delete(issuerPolicy);
      } else if (valid.has(issuerPolicy) || valid.has(ANY)) {
        valid.set(issuerPolicy, new Set(subjectPolicies));
      }
    }
    this.#valid = valid;
    const passed = authority.isSelfIssued ? 0 : 1;
    const lowered = (count: number, said: number | undefined) =>
      Math.min(Math.max(count - passed, 0), said ?? Number.POSITIVE_INFINITY);
    this.#explicitPolicy = lowered(this.#explicitPolicy, requireExplicit);
    this.#policyMapping = lowered(this.#policyMapping, inhibitMapping);
    this.#inhibitAny = lowered(this.#inhibitAny, inhibitAny);
  }

  /** Section 6.1.5, (a), (b) and (g). */
  end(signer: Certificate): void {
    const saysNow = signer.extensions.policies.requireExplicit === 0;
    this.#explicitPolicy = saysNow ? 0 : Math.max(this.#explicitPolicy - 1, 0);
    this.#verifyOneHolds(signer);
  }

  #verifyOneHolds(certificate: Certificate): void {
    if (this.#explicitPolicy === 0 && this.#valid.size === 0) {
      throw new VerifyError(`an authority demands an explicit policy, and none holds from the root to ${certificate}`);
    }
  }
}
