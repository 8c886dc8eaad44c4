/** Ethereum anchors, judged as a function of nothing but what is given (docs/ethereum.md). Written from the Yellow Paper and the EIPs. */

export { type Header, maxHeaderSize, parseHeader } from "./header.ts";
export { type BlockJudgement, type BlockQuestion, type BlockRecord, judgeBlock } from "./judgement.ts";
export { showBytes } from "./keccak.ts";
export { parseReceipt, type Receipt } from "./receipt.ts";
export { parseTransaction, type Transaction } from "./transaction.ts";
export { indexKey, verifyTrieProof } from "./trie.ts";
