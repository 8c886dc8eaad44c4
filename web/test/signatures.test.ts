import { sha3_256, shake128 } from "@noble/hashes/sha3.js";
import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";
import { describe, expect, test } from "vitest";
import { toHex, toUtf8 } from "../src/verify/bytes.ts";
import { Ed25519Key } from "../src/verify/ed25519.ts";
import { MlDsaKey } from "../src/verify/mldsa.ts";
import { accepts, vectorFile } from "./files.ts";
import { vectors } from "./vectors.ts";

const hex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
const json = (path: string) => JSON.parse(new TextDecoder().decode(vectorFile(path)));

interface WycheproofTest {
  readonly tcId: number;
  readonly comment: string;
  readonly msg: string;
  readonly sig: string;
  readonly ctx?: string;
  readonly result: string;
}

describe.skipIf(vectors === undefined)("signatures", () => {
  test("Ed25519 accepts what Go accepts, of every edge case", () => {
    const { vectors: rows, go_1_26_8_crypto_ed25519_accepts: accepted } = json("ed25519/cctv.json");
    const go = new Set<number>(accepted);
    expect(rows.length).toBeGreaterThanOrEqual(914);
    let count = 0;
    for (const { number, key, sig, msg } of rows) {
      const ours = Ed25519Key.decode(hex(key))?.verify(toUtf8(msg), hex(sig)) ?? false;
      expect(ours, `vector ${number}`).toBe(go.has(number));
      count += ours ? 1 : 0;
    }
    expect(count).toBe(go.size);
  });

  test("Ed25519 keys that no honest signer has are refused on load", () => {
    const rows: { key: string; flags: string[] | null }[] = json("ed25519/cctv.json").vectors;
    const loaded = (flag: string) =>
      rows.filter(({ flags }) => flags?.includes(flag)).map(({ key }) => accepts(() => Ed25519Key.load(hex(key))));
    for (const flag of ["non_canonical_A", "low_order_A"]) {
      const seen = loaded(flag);
      expect(seen.length, flag).toBeGreaterThan(10);
      expect(seen, flag).not.toContain(true);
    }
    expect(rows.some(({ key }) => accepts(() => Ed25519Key.load(hex(key))))).toBe(true);
  });

  test("Ed25519, Wycheproof", () => {
    let count = 0;
    for (const { publicKey, tests } of json("wycheproof/ed25519_test.json").testGroups) {
      const key = Ed25519Key.load(hex(publicKey.pk));
      for (const { tcId, msg, sig, result } of tests as WycheproofTest[]) {
        expect(key.verify(hex(msg), hex(sig)), `test ${tcId}`).toBe(result === "valid");
        count++;
      }
    }
    expect(count).toBeGreaterThanOrEqual(150);
  });

  test("ML-DSA-44, Wycheproof", () => {
    let count = 0;
    for (const { publicKey, tests } of json("wycheproof/mldsa_44_verify_test.json").testGroups) {
      for (const { tcId, comment, msg, sig, ctx, result } of tests as WycheproofTest[]) {
        const bytes = hex(publicKey);
        if (bytes.length !== 1312) {
          expect(result, `test ${tcId}`).toBe("invalid");
          expect(() => new MlDsaKey(bytes)).toThrow(RangeError);
          continue;
        }
        // Cosignatures have the empty context.
        const isOurs = ctx === undefined || ctx === "";
        const holds = new MlDsaKey(bytes).verify(hex(msg), hex(sig));
        expect(holds, `test ${tcId}: ${comment}`).toBe(result === "valid" && isOurs);
        count++;
      }
    }
    expect(count).toBeGreaterThanOrEqual(80);
  });

  test("ML-DSA-44 signatures from seeds, Wycheproof", () => {
    let count = 0;
    for (const { privateSeed, publicKey, tests } of json("wycheproof/mldsa_44_sign_seed_test.json").testGroups) {
      if (hex(privateSeed).length !== 32) {
        continue;
      }
      const made = ml_dsa44.keygen(hex(privateSeed)).publicKey;
      if (publicKey !== undefined) {
        expect(toHex(made)).toBe(publicKey);
      }
      for (const { tcId, msg, sig, ctx, result } of tests as WycheproofTest[]) {
        if (result === "valid" && (ctx === undefined || ctx === "") && msg !== undefined) {
          expect(new MlDsaKey(made).verify(hex(msg), hex(sig)), `test ${tcId}`).toBe(true);
          count++;
        }
      }
    }
    expect(count).toBeGreaterThanOrEqual(20);
  });

  test("a bit of a message, a signature or a key spoils an ML-DSA-44 signature", () => {
    const { publicKey, secretKey } = ml_dsa44.keygen(sha3_256(toUtf8("seed")));
    const message = shake128(toUtf8("message"));
    const signature = ml_dsa44.sign(message, secretKey);
    const flipped = (bytes: Uint8Array, at: number) => bytes.map((byte, place) => (place === at ? byte ^ 1 : byte));
    expect(new MlDsaKey(publicKey).verify(message, signature)).toBe(true);
    expect(new MlDsaKey(publicKey).verify(flipped(message, 3), signature)).toBe(false);
    expect(new MlDsaKey(publicKey).verify(message, flipped(signature, 100))).toBe(false);
    expect(new MlDsaKey(publicKey).verify(message, flipped(signature, 2419))).toBe(false);
    expect(new MlDsaKey(flipped(publicKey, 40)).verify(message, signature)).toBe(false);
    expect(new MlDsaKey(publicKey).verify(message, signature.subarray(1))).toBe(false);
  });
});
