/** Keccak-256, as Ethereum had it before SHA-3 was fixed, and how hashes and addresses are written. */

import { keccak_256 } from "@noble/hashes/sha3.js";
import { toHex } from "../bytes.ts";

export function keccak256(bytes: Uint8Array): Uint8Array {
  return keccak_256(bytes);
}

export function showBytes(bytes: Uint8Array): string {
  return `0x${toHex(bytes)}`;
}
