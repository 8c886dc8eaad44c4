/** ML-DSA-44 (FIPS 204) with the empty context, as cosignatures use it. */

import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";

export const MLDSA_KEY_SIZE = 1312;
export const MLDSA_SIGNATURE_SIZE = 2420;

/** A public key: each string of the right length is one. */
export class MlDsaKey {
  readonly bytes: Uint8Array;

  /** A key of 1,312 bytes. */
  constructor(bytes: Uint8Array) {
    if (bytes.length !== MLDSA_KEY_SIZE) {
      throw new RangeError(`an ML-DSA-44 key has ${MLDSA_KEY_SIZE} bytes, found ${bytes.length}`);
    }
    this.bytes = bytes;
  }

  /** Whether it is a signature of the message by this key. */
  verify(message: Uint8Array, signature: Uint8Array): boolean {
    return signature.length === MLDSA_SIGNATURE_SIZE && ml_dsa44.verify(signature, message, this.bytes);
  }
}
