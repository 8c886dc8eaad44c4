//! The lies: about which call, how, and the words by which each is named.

use alloy_primitives::B256;
use serde_json::{Value, json};

/// A lie: about which call, and how.
pub(super) type Change = fn(&Value, &mut Value);

/// What asks for it, and the words that name it.
pub(super) struct Row(
    pub(super) &'static str,
    pub(super) Ask,
    pub(super) &'static str,
    pub(super) Change,
    pub(super) &'static str,
);

#[derive(Clone, Copy)]
pub(super) enum Ask {
    Account,
    Observe,
    Capture,
    FindNonce,
}

pub(super) const BLOCK: &str = "eth_getBlockByNumber";
const RECEIPTS: &str = "eth_getBlockReceipts";
pub(super) const RECEIPT: &str = "eth_getTransactionReceipt";
pub(super) const NONCE: &str = "eth_getTransactionCount";
const FEES: &str = "eth_feeHistory";

const LIE: &str = "it lies, or the header has fields";
pub(super) const TRANSACTIONS: &str = "are not under the transactions root";
const NO_RECEIPTS: &str = "are not under the receipts root";

pub(super) fn is_full(params: &Value) -> bool {
    params[1] == true
}

pub(super) const ROWS: [Row; 24] = [
    Row(
        "the head's hash",
        Ask::Account,
        BLOCK,
        |_, r| r["hash"] = json!(B256::ZERO),
        LIE,
    ),
    Row(
        "no hash",
        Ask::Account,
        BLOCK,
        |_, r| r["hash"] = Value::Null,
        "expected",
    ),
    Row(
        "a header's time",
        Ask::Account,
        BLOCK,
        |_, r| r["timestamp"] = json!("0x1"),
        LIE,
    ),
    Row(
        "a header's base fee",
        Ask::Account,
        BLOCK,
        |_, r| r["baseFeePerGas"] = json!("0x1"),
        LIE,
    ),
    Row(
        "a header's field that is left out",
        Ask::Observe,
        BLOCK,
        |_, r| {
            r.as_object_mut().unwrap().remove("requestsHash");
        },
        LIE,
    ),
    Row(
        "a header's parent",
        Ask::Observe,
        BLOCK,
        |_, r| r["parentHash"] = json!(B256::ZERO),
        LIE,
    ),
    Row(
        "another block than the one asked for",
        Ask::FindNonce,
        BLOCK,
        |p, r| {
            if p[0] == "0xc" {
                *r = json!(null);
            }
        },
        "it has no block 12",
    ),
    Row(
        "no final block",
        Ask::Account,
        BLOCK,
        |p, r| {
            if p[0] == "finalized" {
                *r = Value::Null;
            }
        },
        "configure a number of confirmations",
    ),
    Row(
        "no head",
        Ask::Account,
        BLOCK,
        |p, r| {
            if p[0] == "latest" {
                *r = Value::Null;
            }
        },
        "it has no newest block",
    ),
    Row(
        "a transaction that is left out",
        Ask::Observe,
        BLOCK,
        |p, r| {
            if is_full(p) {
                r["transactions"] = json!([]);
            }
        },
        TRANSACTIONS,
    ),
    Row(
        "the status of a receipt",
        Ask::Observe,
        RECEIPTS,
        |_, r| r[0]["status"] = json!("0x0"),
        NO_RECEIPTS,
    ),
    Row(
        "the gas of a receipt",
        Ask::Observe,
        RECEIPTS,
        |_, r| r[0]["cumulativeGasUsed"] = json!("0x1"),
        NO_RECEIPTS,
    ),
    Row(
        "a receipt that is left out",
        Ask::Capture,
        RECEIPTS,
        |_, r| *r = json!([]),
        NO_RECEIPTS,
    ),
    Row(
        "a receipt that is none",
        Ask::Capture,
        RECEIPTS,
        |_, r| r[0] = json!({"status": 7}),
        "is one that is none",
    ),
    Row(
        "no receipts",
        Ask::Capture,
        RECEIPTS,
        |_, r| *r = Value::Null,
        "it has no receipts of block",
    ),
    Row(
        "another block of the transaction",
        Ask::Observe,
        RECEIPT,
        |_, r| r["blockHash"] = json!(B256::ZERO),
        "reorganised meanwhile, or it lies",
    ),
    Row(
        "a block without the transaction",
        Ask::Observe,
        RECEIPT,
        |_, r| r["blockNumber"] = json!("0x9"),
        "reorganised meanwhile, or it lies",
    ),
    Row(
        "no receipt of a transaction in a block",
        Ask::Observe,
        RECEIPT,
        |_, r| *r = Value::Null,
        "names a block, and has no receipt",
    ),
    Row(
        "a block hash that is none",
        Ask::Observe,
        RECEIPT,
        |_, r| r["blockHash"] = json!("0x12"),
        "a block hash that is none",
    ),
    Row(
        "where a nonce was used",
        Ask::FindNonce,
        NONCE,
        |p, r| {
            *r = json!(if p[1] == "0xc" || p[1] == "0xb" {
                "0x1"
            } else {
                "0x0"
            });
        },
        "no transaction there does",
    ),
    Row(
        "that a nonce is not used",
        Ask::FindNonce,
        NONCE,
        |_, r| *r = json!("0x0"),
        "is not used in block 12",
    ),
    Row(
        "the head's base fee in the fee history",
        Ask::Account,
        FEES,
        |_, r| {
            let fees = r["baseFeePerGas"].as_array_mut().unwrap();
            let place = fees.len() - 2;
            fees[place] = json!("0x7");
        },
        "not the one in its header",
    ),
    Row(
        "a header's gas",
        Ask::Account,
        BLOCK,
        |_, r| r["gasUsed"] = json!("0x7"),
        LIE,
    ),
    Row(
        "a fee history of other blocks",
        Ask::Account,
        FEES,
        |_, r| r["oldestBlock"] = json!("0x1"),
        "expected the blocks up to the head",
    ),
];
