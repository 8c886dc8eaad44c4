//! Evidence with blocks of Ethereum chains, alone and beside tokens, and what may be trusted of blocks.

mod plans;
mod sources;

use counterfoil_ethereum::{BlockHash, Record, keccak256};
use serde_json::Value;

use crate::blocks::anchor;
use crate::blocks::anchored::{Anchored, Plan};
use crate::fixture::{Authority, evidence, policy, receipt, trust};
use crate::rlp;
use crate::shapes::{Given, Shape};

const DESTINATION: &str = "destination = \"0xa7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7\"\n";

/// The block that a plan makes for a checkpoint.
fn block(signed: &[u8], plan: Plan) -> Anchored {
    let chain_id = plan.chain_id;
    let plan = Plan {
        checkpoint: signed.to_vec(),
        ..plan
    };
    let mut anchored = plan.anchored().expect("a block");
    anchored.record.chain_id = chain_id;
    anchored
}

/// The table of a chain.
fn table(name: &str, chain_id: u64, more: &str) -> String {
    format!("\n[[ethereum]]\nname = \"{name}\"\nchain_id = {chain_id}\n{more}\n")
}

fn hashes(lines: &[String]) -> String {
    format!("block_hashes = {lines:?}\n")
}

/// All of them. The authority stamps tokens that stand beside blocks.
pub(crate) fn shapes(one: &Authority) -> Vec<Shape> {
    let receipt = receipt(&[1, 2]);
    let signed = receipt.note().as_bytes();
    let token = one.anchor(signed);
    let with = |anchors: &[Value]| evidence(&receipt, anchors);
    let mut shapes = sources::shapes(one, signed, &token, &with);
    shapes.extend(plans::plans(signed, &with));
    shapes.extend(plans::forks(signed, &with));
    shapes.extend(together(one, signed, &token, &with));
    shapes.extend(changed(signed, &with));
    shapes
}

/// Blocks of several chains, several of one, and tokens.
fn together(
    one: &Authority,
    signed: &[u8],
    token: &Value,
    with: &dyn Fn(&[Value]) -> Value,
) -> Vec<Shape> {
    let first = block(signed, Plan::default());
    let again = block(
        signed,
        Plan {
            status: vec![1],
            kind: 1,
            receipt_kind: 1,
            ..Plan::default()
        },
    );
    let mainnet = block(
        signed,
        Plan {
            chain_id: 1,
            ..Plan::default()
        },
    );
    let other = block(b"another checkpoint\n", Plan::default());
    let tables = [
        one.trusted(""),
        table(
            "dev",
            31_337,
            &hashes(&[
                first.block_hash.to_string(),
                again.block_hash.to_string(),
                other.block_hash.to_string(),
            ]),
        ),
        table("mainnet", 1, &hashes(&[mainnet.block_hash.to_string()])),
    ];
    let [first, again, mainnet, other] =
        [&first, &again, &mainnet, &other].map(|block| anchor(&block.record));
    let rows = [
        ("a chain twice", vec![first.clone(), again.clone()]),
        ("the same block twice", vec![first.clone(), first.clone()]),
        ("two chains", vec![first.clone(), mainnet.clone()]),
        (
            "two chains and a token",
            vec![first.clone(), token.clone(), mainnet.clone(), again],
        ),
        ("of another checkpoint", vec![other, mainnet.clone()]),
        (
            "a token twice and a block",
            vec![token.clone(), token.clone(), mainnet],
        ),
        (
            "of no known kind beside",
            vec![serde_json::json!({"kind": "ethereum-2"}), first],
        ),
    ];
    let mut shapes = Vec::new();
    for (name, anchors) in rows {
        let value = with(&anchors);
        for needed in 1..=3 {
            let trust = trust(needed, &policy(), &tables);
            shapes.push(Shape::new(
                format!("{name}, {needed} needed"),
                &value,
                &trust,
            ));
        }
        let trust = trust(1, &policy(), &tables[..2]);
        shapes.push(Shape::new(
            format!("{name}, one chain trusted"),
            &value,
            &trust,
        ));
    }
    shapes
}

/// Records of which a part was changed, each in a block that is trusted by the hash that it then has.
fn changed(signed: &[u8], with: &dyn Fn(&[Value]) -> Value) -> Vec<Shape> {
    let trust = trust(1, &policy(), &[table("chain", 31_337, DESTINATION)]);
    let mut records = rlp::places(&block(signed, Plan::default()).record);
    for kind in 0..=4 {
        let plan = Plan {
            kind,
            receipt_kind: kind,
            ..Plan::default()
        };
        let changes = rlp::values(&block(signed, plan).record).into_iter();
        records.extend(changes.map(|(name, record)| (format!("type {kind}: {name}"), record)));
    }
    let shape = |(name, record): (String, Record)| {
        let hash = BlockHash::from_bytes(keccak256(&record.header));
        Shape {
            blocks: Given {
                hashes: Vec::new(),
                lists: vec![("the list".to_owned(), hash.to_string())],
            },
            ..Shape::new(name, &with(&[anchor(&record)]), &trust)
        }
    };
    records.into_iter().map(shape).collect()
}
