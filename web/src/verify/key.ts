/**
 * Names, identifiers and keys of signers (C2SP signed-note, "Signatures" and "Verifier keys").
 *
 *     example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k
 *     |_____________| |______| |__________________________________________|
 *        key name      key ID   base64(signature type || public key)
 */

import { concat, equal, fromBase64, toBase64, toHex, toUtf8 } from "./bytes.ts";
import { VerifyError } from "./checks.ts";
import { ED25519_KEY_SIZE, Ed25519Key } from "./ed25519.ts";
import { sha256 } from "./hash.ts";
import { MLDSA_KEY_SIZE, MlDsaKey } from "./mldsa.ts";
import { excerpt, quoted, quotedCharacter } from "./words.ts";

/** The signature type byte of signed notes. */
export type Algorithm = 0x01 | 0x04 | 0x06;

/** Ed25519 over the text of a note. */
export const ED25519 = 0x01;
/** A cosignature of a checkpoint with a time: Ed25519. */
export const COSIGNATURE_V1 = 0x04;
/** A cosignature of a checkpoint or subtree with a time: ML-DSA-44. */
export const MLDSA44 = 0x06;

const algorithms: Readonly<Record<Algorithm, { words: string; keySize: number }>> = {
  [ED25519]: { words: "Ed25519", keySize: ED25519_KEY_SIZE },
  [COSIGNATURE_V1]: { words: "Ed25519 cosignature/v1", keySize: ED25519_KEY_SIZE },
  [MLDSA44]: { words: "ML-DSA-44 cosignature", keySize: MLDSA_KEY_SIZE },
};

/** What people call it. */
export function algorithmWords(algorithm: Algorithm): string {
  return algorithms[algorithm].words;
}

/** Refuses what is no key name. */
export function checkKeyName(name: string): void {
  // SPEC(signed-note): "Key names MUST be non-empty and MUST NOT contain any Unicode spaces or plus (U+002B) characters."
  if (name === "") {
    throw new VerifyError("the key name is empty");
  }
  // SPEC(signed-note): "Signed notes MUST be valid UTF-8 and MUST NOT contain any ASCII control characters (those below U+0020) other than
  // newline."
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  const found = /[\p{White_Space}+\u0000-\u001f]/u.exec(name);
  if (found !== null) {
    const [character] = found;
    throw new VerifyError(
      `the key name ${quoted(excerpt(name))} holds ${quotedCharacter(character)}; spaces, '+' and control characters are not allowed`,
    );
  }
}

/** The ID of a key, eight digits. */
function keyId(name: string, algorithm: number, publicKey: Uint8Array): string {
  // SPEC(signed-note): "key ID = SHA-256(key name || 0x0A || signature type || public key)[:4]"
  const hash = sha256(concat(toUtf8(name), Uint8Array.of(0x0a, algorithm), publicKey));
  return toHex(hash.subarray(0, 4));
}

/** A verifier key: name, algorithm, public key, and the key ID that follows from them. */
export class Vkey {
  readonly name: string;
  /** Eight lower-case hexadecimal digits. */
  readonly id: string;
  readonly algorithm: Algorithm;
  readonly publicKey: Ed25519Key | MlDsaKey;

  private constructor(name: string, id: string, algorithm: Algorithm, publicKey: Ed25519Key | MlDsaKey) {
    this.name = name;
    this.id = id;
    this.algorithm = algorithm;
    this.publicKey = publicKey;
  }

  /** Reads a vkey. */
  static parse(text: string): Vkey {
    const first = text.indexOf("+");
    const second = text.indexOf("+", first + 1);
    if (first < 0 || second < 0) {
      throw new VerifyError("expected a vkey: <key name>+<key ID>+<base64 key>");
    }
    const name = text.slice(0, first);
    const id = text.slice(first + 1, second);
    checkKeyName(name);
    if (!/^[0-9a-f]{8}$/.test(id)) {
      throw new VerifyError(`a key ID is eight lowercase hexadecimal digits, found ${quoted(excerpt(id))}`);
    }
    const material = fromBase64(text.slice(second + 1));
    if (material === undefined) {
      throw new VerifyError("the key material is not canonical, padded base64");
    }
    const [type] = material;
    if (type === undefined) {
      throw new VerifyError("expected a signature type byte before the key material");
    }
    const algorithm = knownAlgorithm(type);
    const bytes = material.slice(1);
    const publicKey = load(algorithm, bytes);
    // SPEC(signed-note): "The key name and ID MUST match those used in the signatures."
    const computed = keyId(name, algorithm, bytes);
    if (computed !== id) {
      throw new VerifyError(`the key ID of this name and key is ${computed}, found ${id}`);
    }
    return new Vkey(name, id, algorithm, publicKey);
  }

  /** What stands for it in words: name and ID. */
  get label(): string {
    return `${this.name}+${this.id}`;
  }

  toString(): string {
    return `${this.label}+${toBase64(concat(Uint8Array.of(this.algorithm), this.publicKey.bytes))}`;
  }

  /** Whether both have the same name, algorithm and public key. */
  equals(other: Vkey): boolean {
    return this.name === other.name && this.algorithm === other.algorithm && this.samePublicKey(other);
  }

  /** Whether both wrap the same public key, under whatever name and for whatever use. */
  samePublicKey(other: Vkey): boolean {
    return equal(this.publicKey.bytes, other.publicKey.bytes);
  }
}

function knownAlgorithm(byte: number): Algorithm {
  if (byte === ED25519 || byte === COSIGNATURE_V1 || byte === MLDSA44) {
    return byte;
  }
  throw new VerifyError(
    `signature type 0x${byte.toString(16).padStart(2, "0")} is not one of 0x01 (Ed25519), 0x04 (Ed25519 cosignature), 0x06 (ML-DSA-44)`,
  );
}

function load(algorithm: Algorithm, bytes: Uint8Array): Ed25519Key | MlDsaKey {
  const { keySize } = algorithms[algorithm];
  if (bytes.length !== keySize) {
    throw new VerifyError(
      `a key of signature type 0x0${algorithm.toString(16)} has ${keySize} bytes, found ${bytes.length}`,
    );
  }
  return algorithm === MLDSA44 ? new MlDsaKey(bytes) : Ed25519Key.load(bytes);
}

/** Keys to look signatures up in: no two different ones under one name and key ID. */
export class KeyRing {
  readonly #keys: Vkey[] = [];

  constructor(keys: Iterable<Vkey> = []) {
    for (const key of keys) {
      this.insert(key);
    }
  }

  get isEmpty(): boolean {
    return this.#keys.length === 0;
  }

  /** Adds a key; one that is there already is the same one. */
  insert(key: Vkey): void {
    const known = this.find(key.name, key.id);
    if (known === undefined) {
      this.#keys.push(key);
    } else if (!known.equals(key)) {
      throw new VerifyError(`two different keys have the name and key ID ${key.label}`);
    }
  }

  /** The key of that name *and* ID. */
  find(name: string, id: string): Vkey | undefined {
    return this.#keys.find((key) => key.id === id && key.name === name);
  }
}
