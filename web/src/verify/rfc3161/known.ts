/**
 * Signatures over certificates and over what speaks of them, each verified once: a search for a path tries the same certificates anew for each
 * of its questions, and thousands of tokens share a chain. One verification in a browser takes up to some 10 ms, and whoever makes a token
 * chooses how many are tried.
 */

import { toUtf8 } from "../bytes.ts";
import { VerifyError } from "../checks.ts";
import { Remembered } from "../remembered.ts";
import { type Signed, verifySignature } from "./algorithm.ts";

export class Known {
  readonly #verify: (spki: Uint8Array, signed: Signed) => void;
  /** What was thrown, or undefined for a good signature. */
  readonly #known = new Remembered<VerifyError | undefined>();

  constructor(verify: (spki: Uint8Array, signed: Signed) => void) {
    this.#verify = verify;
  }

  /** Verifies a signature over a message by the key in `spki`, unless it is known what comes of that. */
  verify(spki: Uint8Array, signed: Signed): void {
    const { algorithm, digestBeside = "", message, signature } = signed;
    const parts = [spki, toUtf8(algorithm.oid), algorithm.parameters, toUtf8(digestBeside), message, signature];
    const error = this.#known.of(parts, () => thrownBy(() => this.#verify(spki, signed)));
    if (error !== undefined) {
      throw error;
    }
  }
}

/** What all judgements of this thread know. */
export const known = new Known(verifySignature);

function thrownBy(verify: () => void): VerifyError | undefined {
  try {
    verify();
    return undefined;
  } catch (error) {
    if (error instanceof VerifyError) {
      return error;
    }
    throw error;
  }
}
