/** Receipts: Yellow Paper section 4.3.1, EIP-658 (the status), EIP-2718 (types). Every type so far has the same four fields. */

import { toHex } from "../bytes.ts";
import { VerifyError } from "../checks.ts";
import { type Kind, openEnvelope } from "./envelope.ts";
import { bytes, type Field, fixed, itemAt, list, number, verifyFields, within } from "./fields.ts";
import { Item } from "./rlp.ts";

const fields: readonly Field[] = [
  // Before Byzantium, the state root after the transaction.
  ["status", bytes],
  ["cumulativeGasUsed", number(8)],
  ["logsBloom", fixed(256)],
  ["logs", list],
];

/** The last type whose receipts are known. */
const lastKnownType = 4;

/** What became of a transaction; `untold`: the receipt is from before Byzantium (October 2017), and has a state root in place of a status. */
export type Execution = "succeeded" | "failed" | "untold";

/** A receipt. Whether it is in any block is not asked. */
export interface Receipt {
  readonly kind: Kind;
  /** Undefined, if the fields of its type are not known. */
  readonly execution: Execution | undefined;
}

/** Reads a receipt as blocks commit to it. */
export function parseReceipt(encoded: Uint8Array): Receipt {
  const { kind, payload } = within("this is no receipt", () => openEnvelope(encoded));
  if (kind === 0 || (kind !== "legacy" && kind > lastKnownType)) {
    return { kind, execution: undefined };
  }
  const items = within(`a receipt is the RLP of a list of ${fields.length} fields`, () => {
    const found = Item.parse(payload).items(fields.length);
    if (found.length !== fields.length) {
      throw new VerifyError(`expected ${fields.length} items, found ${found.length}`);
    }
    return found;
  });
  verifyFields("receipt", fields, items);
  return { kind, execution: executionOf(itemAt(items, 0).bytes(), kind) };
}

function executionOf(status: Uint8Array, kind: Kind): Execution {
  if (status.length === 0) {
    return "failed";
  }
  if (status.length === 1 && status[0] === 1) {
    return "succeeded";
  }
  if (status.length === 32 && kind === "legacy") {
    return "untold";
  }
  throw new VerifyError(`expected the status 0 or 1, found 0x${toHex(status)}`);
}
