/** An anchor of the kind `ethereum` as evidence has it (docs/evidence.md, "`anchors`"): read within its limits, and nothing of it verified. */

import { type BlockRecord, maxHeaderSize } from "./ethereum/index.ts";
import type { Path } from "./json.ts";
import { checkBytes, checkNumber, checkSize, Part, readBytes, readList, readNumber, readSha256 } from "./parts.ts";

/** The largest transaction, and the largest receipt. */
const MAX_VALUE_SIZE = 131_072;

/** The largest node of a proof: the largest value, its key and their prefixes. */
const MAX_NODE_SIZE = MAX_VALUE_SIZE + 1_024;

/** The most nodes of a proof: one for each half byte of the longest key, and the value's. */
const MAX_NODES = 17;

/** The most hashes of a path: those of the largest tree. */
const MAX_PATH = 53;

/** What a block holds of a transaction whose calldata name the checkpoint. */
export interface BlockAnchor extends BlockRecord {
  readonly kind: "ethereum";
}

/** Reads an anchor of which the kind is already taken out. */
export function readBlockAnchor(part: Part): BlockAnchor {
  const anchor: BlockAnchor = {
    kind: "ethereum",
    chainId: part.take("chain_id", readNumber),
    header: part.take("header", readBytes),
    index: part.take("index", readNumber),
    transaction: part.take("transaction", readBytes),
    transactionProof: part.take("transaction_proof", (list, place) => readList(list, place, readBytes)),
    receipt: part.take("receipt", readBytes),
    receiptProof: part.take("receipt_proof", (list, place) => readList(list, place, readBytes)),
    path: part.take("path", (value, place) => {
      const inside = new Part(value, place);
      const path = {
        index: inside.take("index", readNumber),
        size: inside.take("size", readNumber),
        hashes: inside.take("hashes", (list, at) => readList(list, at, readSha256)),
      };
      inside.end("index, size and hashes");
      return path;
    }),
  };
  part.end("kind, chain_id, header, index, transaction, transaction_proof, receipt, receipt_proof and path");
  return anchor;
}

/** Demands that it is within the limits. */
export function checkBlockAnchor(anchor: BlockAnchor, at: Path): void {
  checkNumber(anchor.chainId, 1n, at.key("chain_id"));
  checkBytes(anchor.header, maxHeaderSize, at.key("header"));
  checkNumber(anchor.index, 0n, at.key("index"));
  checkBytes(anchor.transaction, MAX_VALUE_SIZE, at.key("transaction"));
  checkBytes(anchor.receipt, MAX_VALUE_SIZE, at.key("receipt"));
  for (const [nodes, place] of [
    [anchor.transactionProof, at.key("transaction_proof")],
    [anchor.receiptProof, at.key("receipt_proof")],
  ] as const) {
    checkSize(nodes.length, 1, MAX_NODES, "nodes", place);
    for (const [index, node] of nodes.entries()) {
      checkBytes(node, MAX_NODE_SIZE, place.at(index));
    }
  }
  const { index, size, hashes } = anchor.path;
  const path = at.key("path");
  checkNumber(index, 0n, path.key("index"));
  checkNumber(size, 1n, path.key("size"));
  checkSize(hashes.length, 0, MAX_PATH, "hashes", path.key("hashes"));
}
