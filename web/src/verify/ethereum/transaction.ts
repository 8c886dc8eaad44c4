/**
 * Transactions: Yellow Paper section 4.2 and EIP-155 (legacy), EIP-2930 (0x01), EIP-1559 (0x02), EIP-4844 (0x03), EIP-7702 (0x04). Of a
 * type that came later only the hash is known.
 */

import { VerifyError } from "../checks.ts";
import { type Kind, openEnvelope, showKind } from "./envelope.ts";
import { bytes, type Field, fixed, fixedOrEmpty, itemAt, list, number, verifyFields, within } from "./fields.ts";
import { keccak256 } from "./keccak.ts";
import { Item } from "./rlp.ts";

const nonce: Field = ["nonce", number(8)];
const gasPrice: Field = ["gasPrice", number(32)];
const fees: readonly Field[] = [
  ["maxPriorityFeePerGas", number(32)],
  ["maxFeePerGas", number(32)],
];
const gasLimit: Field = ["gasLimit", number(8)];
const to: Field = ["to", fixed(20)];
const toOrCreate: Field = ["to", fixedOrEmpty(20)];
const valueAndData: readonly Field[] = [
  ["value", number(32)],
  ["data", bytes],
];
const chainId: Field = ["chainId", number(8)];
const accessList: Field = ["accessList", list];
const rAndS: readonly Field[] = [
  ["r", number(32)],
  ["s", number(32)],
];
const signature: readonly Field[] = [["yParity", number(1)], ...rAndS];

const layouts: ReadonlyMap<Kind, readonly Field[]> = new Map<Kind, readonly Field[]>([
  ["legacy", [nonce, gasPrice, gasLimit, toOrCreate, ...valueAndData, ["v", number(8)], ...rAndS]],
  [1, [chainId, nonce, gasPrice, gasLimit, toOrCreate, ...valueAndData, accessList, ...signature]],
  [2, [chainId, nonce, ...fees, gasLimit, toOrCreate, ...valueAndData, accessList, ...signature]],
  [
    3,
    [
      chainId,
      nonce,
      ...fees,
      gasLimit,
      to,
      ...valueAndData,
      accessList,
      ["maxFeePerBlobGas", number(32)],
      ["blobVersionedHashes", list],
      ...signature,
    ],
  ],
  [4, [chainId, nonce, ...fees, gasLimit, to, ...valueAndData, accessList, ["authorizationList", list], ...signature]],
]);

/** What a transaction asks for. */
export interface Call {
  /** The chain that it is for; undefined: any (a legacy transaction from before EIP-155). */
  readonly chainId: bigint | undefined;
  /** Where it goes; undefined: it creates a contract. */
  readonly to: Uint8Array | undefined;
  /** Its calldata. */
  readonly data: Uint8Array;
}

/** A transaction. Whether it is signed, or in any block, is not asked. */
export interface Transaction {
  readonly hash: Uint8Array;
  readonly kind: Kind;
  /** What it asks for; undefined, if the fields of its type are not known. */
  readonly call: Call | undefined;
}

/** Reads a transaction as blocks have it (EIP-2718; one with blobs without them). */
export function parseTransaction(encoded: Uint8Array): Transaction {
  const { kind, payload } = within("this is no transaction", () => openEnvelope(encoded));
  const layout = layouts.get(kind);
  const call = layout === undefined ? undefined : readCall(kind, layout, payload);
  return { hash: keccak256(encoded), kind, call };
}

function readCall(kind: Kind, layout: readonly Field[], payload: Uint8Array): Call {
  const size = layout.length;
  const items = within(`a ${showKind(kind)} transaction is the RLP of a list of ${size} fields`, () => {
    const found = Item.parse(payload).items(size);
    if (found.length !== size) {
      throw new VerifyError(`expected ${size} items, found ${found.length}`);
    }
    return found;
  });
  verifyFields("transaction", layout, items);
  const field = (name: string) =>
    itemAt(
      items,
      layout.findIndex(([known]) => known === name),
    );
  const destination = field("to").bytes();
  return {
    chainId: kind === "legacy" ? chainByV(field("v").number(8)) : field("chainId").number(8),
    to: destination.length === 0 ? undefined : destination,
    data: field("data").bytes(),
  };
}

/** EIP-155: v is 35 or 36 more than twice the chain id; without one it is 27 or 28. */
function chainByV(v: bigint): bigint | undefined {
  return v < 35n ? undefined : (v - 35n) / 2n;
}
