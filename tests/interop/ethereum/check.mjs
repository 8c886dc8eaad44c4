// Checks the Ethereum anchors of evidence, or the record of one, by @ethereumjs and node:crypto alone: the header's hash, the
// transaction and the receipt under its roots, the status, the chain, the calldata, and the path from the checkpoint.
//
//   node check.mjs FILE 0xBLOCKHASH
//
// Ends with 0 if every check holds, else with 1 and the first that does not.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createBlockHeaderFromRLP } from "@ethereumjs/block";
import { Hardfork, Mainnet, createCustomCommon } from "@ethereumjs/common";
import { verifyMerkleProof } from "@ethereumjs/mpt";
import { RLP } from "@ethereumjs/rlp";
import { createTxFromRLP } from "@ethereumjs/tx";
import { bytesToHex, equalsBytes, hexToBytes } from "@ethereumjs/util";

const SELECTOR = "0xeecdf927";

function check(name, holds, found) {
	console.log(`${holds ? "passed" : "FAILED"}  ${name}: ${found}`);
	if (!holds) process.exit(1);
}

const bytes = (base64) => new Uint8Array(Buffer.from(base64, "base64"));
const sha256 = (...parts) => {
	const hash = createHash("sha256");
	for (const part of parts) hash.update(part);
	return hash.digest();
};

// RFC 6962 section 2.1.1, as RFC 9162 section 2.1.3.2 spells it.
function rootOf(entry, { index, size, hashes }) {
	let [place, last] = [BigInt(index), BigInt(size) - 1n];
	let root = sha256(Uint8Array.of(0), entry);
	for (const hex of hashes) {
		const hash = Buffer.from(hex, "hex");
		if (last === 0n) throw new Error("the path has a hash too many");
		if (place % 2n === 1n || place === last) {
			root = sha256(Uint8Array.of(1), hash, root);
			while (place % 2n === 0n && place !== 0n) [place, last] = [place / 2n, last / 2n];
		} else {
			root = sha256(Uint8Array.of(1), root, hash);
		}
		[place, last] = [place / 2n, last / 2n];
	}
	if (last !== 0n) throw new Error("the path has a hash too few");
	return root;
}

async function included(name, root, key, proof, value) {
	let found = null;
	try {
		found = await verifyMerkleProof(key, proof.map(bytes), { root });
	} catch (error) {
		check(name, false, error.message);
	}
	check(name, found !== null && equalsBytes(found, value), bytesToHex(root));
}

async function checkBlock(anchor, checkpoint, blockHash) {
	const common = createCustomCommon({ chainId: anchor.chain_id }, Mainnet, { hardfork: Hardfork.Prague });
	const header = createBlockHeaderFromRLP(bytes(anchor.header), { common, skipConsensusFormatValidation: true });
	check("header hash", bytesToHex(header.hash()) === blockHash.toLowerCase(), bytesToHex(header.hash()));

	const key = RLP.encode(anchor.index);
	const [transaction, receipt] = [bytes(anchor.transaction), bytes(anchor.receipt)];
	await included("transaction inclusion", header.transactionsTrie, key, anchor.transaction_proof, transaction);
	await included("receipt inclusion", header.receiptTrie, key, anchor.receipt_proof, receipt);

	const [status] = RLP.decode(receipt[0] < 0x80 ? receipt.subarray(1) : receipt);
	check("status", equalsBytes(status, Uint8Array.of(1)), bytesToHex(status));
	const tx = createTxFromRLP(transaction, { common });
	check("chain", tx.common.chainId() === BigInt(anchor.chain_id), tx.common.chainId());
	const data = bytesToHex(tx.data);
	check("calldata", data.length === 2 + 72 && data.startsWith(SELECTOR), data);
	const root = `0x${rootOf(checkpoint, anchor.path).toString("hex")}`;
	check("checkpoint", root === `0x${data.slice(SELECTOR.length)}`, root);
	console.log(`block ${header.number} of chain ${anchor.chain_id}, ${new Date(Number(header.timestamp) * 1000).toISOString()}`);
}

// The checkpoint of a receipt (c2sp.org/tlog-proof): what is behind the first empty line.
function ofReceipt(text) {
	return Buffer.from(text.slice(text.indexOf("\n\n") + 2));
}

const [file, blockHash] = process.argv.slice(2);
if (!file || !/^0x[0-9a-fA-F]{64}$/.test(blockHash ?? "")) {
	console.error("usage: node check.mjs FILE 0xBLOCKHASH");
	process.exit(2);
}
const json = JSON.parse(readFileSync(file, "utf8"));
const isRecord = json.format === "counterfoil/anchor-record@v1";
const anchors = isRecord ? [json] : json.anchors.filter((anchor) => anchor.kind === "ethereum");
check("anchors", anchors.length > 0, anchors.length);
for (const anchor of anchors) {
	await checkBlock(anchor, isRecord ? bytes(json.checkpoint) : ofReceipt(json.receipt), blockHash);
}
