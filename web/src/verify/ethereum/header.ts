/**
 * The header of a block: Yellow Paper section 4.4, with the fields that later forks appended: EIP-1559 (London), EIP-4895 (Shanghai),
 * EIP-4844 and EIP-4788 (Cancun), EIP-7685 (Prague). The hash of a block is Keccak-256 of the header's RLP, so that a field of a later fork
 * is covered by it whatever it means: such fields are taken as they are.
 */

import { VerifyError } from "../checks.ts";
import { bytes, type Field, fixed, itemAt, number, verifyFields, within } from "./fields.ts";
import { keccak256 } from "./keccak.ts";
import { Item } from "./rlp.ts";

/** The largest header. Those of Ethereum have at most about 700 bytes; chains with proof of authority list their validators in it. */
export const maxHeaderSize = 16_384;

const fields: readonly Field[] = [
  ["parentHash", fixed(32)],
  ["ommersHash", fixed(32)],
  ["beneficiary", fixed(20)],
  ["stateRoot", fixed(32)],
  ["transactionsRoot", fixed(32)],
  ["receiptsRoot", fixed(32)],
  ["logsBloom", fixed(256)],
  ["difficulty", number(32)],
  ["number", number(8)],
  ["gasLimit", number(8)],
  ["gasUsed", number(8)],
  ["timestamp", number(8)],
  ["extraData", bytes],
  ["mixHash", fixed(32)],
  ["nonce", fixed(8)],
  ["baseFeePerGas", number(32)],
  ["withdrawalsRoot", fixed(32)],
  ["blobGasUsed", number(8)],
  ["excessBlobGas", number(8)],
  ["parentBeaconBlockRoot", fixed(32)],
  ["requestsHash", fixed(32)],
];

/** The most fields: the known ones and eight more. No fork has appended more than three. */
const maxFields = fields.length + 8;

/** The fewest, those of Frontier. */
const minFields = 15;

/** What a header says. Whether any chain has it is not asked. */
export interface Header {
  /** The hash of the block. */
  readonly hash: Uint8Array;
  readonly number: bigint;
  /** In seconds since the beginning of 1970. */
  readonly timestamp: bigint;
  readonly transactionsRoot: Uint8Array;
  readonly receiptsRoot: Uint8Array;
}

/** Reads a header's RLP. */
export function parseHeader(encoded: Uint8Array): Header {
  if (encoded.length > maxHeaderSize) {
    throw new VerifyError(`expected a header of at most ${maxHeaderSize} bytes, found ${encoded.length}`);
  }
  const items = within("the header is not the RLP of a list of fields", () => Item.parse(encoded).items(maxFields));
  if (items.length < minFields) {
    throw new VerifyError(`expected a header of at least ${minFields} fields, found ${items.length}`);
  }
  verifyFields("header", fields, items);
  const field = (name: string) =>
    itemAt(
      items,
      fields.findIndex(([known]) => known === name),
    );
  return {
    hash: keccak256(encoded),
    number: field("number").number(8),
    timestamp: field("timestamp").number(8),
    transactionsRoot: field("transactionsRoot").sized(32),
    receiptsRoot: field("receiptsRoot").sized(32),
  };
}
