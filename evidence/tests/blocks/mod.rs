//! Blocks made by hand that hold a checkpoint, as anchors of evidence, written as JSON and not by the code under test.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "each test binary compiles this module and uses a part of it"
)]

#[path = "../../../fuzz/src/anchored.rs"]
pub mod anchored;

use anchored::{Anchored, Plan};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use counterfoil_ethereum::Record;
use serde_json::{Value, json};

/// The chain of the blocks.
pub const CHAIN: u64 = 31_337;

/// The number of the blocks.
pub const NUMBER: u64 = 23_000_000;

/// Where the transactions go.
pub const DESTINATION: &str = "0xa7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7";

/// The time of the blocks: 2025-10-09T08:53:20Z.
pub const TIME: &str = "2025-10-09T08:53:20Z";

/// A block that holds a checkpoint.
pub fn block(checkpoint: &[u8]) -> Anchored {
    let plan = Plan {
        checkpoint: checkpoint.to_vec(),
        ..Plan::default()
    };
    plan.anchored().unwrap()
}

/// A record as an anchor of evidence.
pub fn anchor(record: &Record) -> Value {
    let nodes = |nodes: &[Vec<u8>]| {
        nodes
            .iter()
            .map(|node| STANDARD.encode(node))
            .collect::<Vec<_>>()
    };
    let hashes = record.path.hashes.iter();
    let hashes: Vec<String> = hashes.map(|hash| hex::encode(hash.as_bytes())).collect();
    json!({
        "kind": "ethereum",
        "chain_id": record.chain_id,
        "header": STANDARD.encode(&record.header),
        "index": record.index,
        "transaction": STANDARD.encode(&record.transaction),
        "transaction_proof": nodes(&record.transaction_proof),
        "receipt": STANDARD.encode(&record.receipt),
        "receipt_proof": nodes(&record.receipt_proof),
        "path": {"index": record.path.index.get(), "size": record.path.size.get(), "hashes": hashes},
    })
}

/// A table of a trust file; `more` is further lines.
pub fn trusted(more: &str) -> String {
    format!("\n[[ethereum]]\nname = \"chain\"\nchain_id = {CHAIN}\n{more}\n")
}
