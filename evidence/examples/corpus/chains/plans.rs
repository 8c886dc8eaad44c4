//! Blocks that are made in each way, right and wrong.

use counterfoil_ethereum::rlp::{encode_bytes, encode_integer, encode_list};
use counterfoil_ethereum::{BlockHash, keccak256};
use serde_json::Value;

use super::{DESTINATION, block, hashes, table};
use crate::blocks::anchor;
use crate::blocks::anchored::Plan;
use crate::fixture::{SOON, policy, trust};
use crate::rlp;
use crate::shapes::Shape;

/// The chains that have a name, one that has none, and the last.
const CHAINS: [u64; 7] = [
    1,
    11_155_111,
    17_000,
    560_048,
    31_337,
    77,
    9_007_199_254_740_991,
];

/// Transactions, receipts and headers that are as they must be or not, in blocks that are trusted.
pub(super) fn plans(signed: &[u8], with: &dyn Fn(&[Value]) -> Value) -> Vec<Shape> {
    let plan = Plan::default;
    let of_kind = |kind, receipt_kind| Plan {
        kind,
        receipt_kind,
        ..plan()
    };
    let mut plans: Vec<(String, Plan)> = Vec::new();
    for kind in [0, 1, 2, 3, 4, 5, 0x7f] {
        plans.push((format!("type {kind}"), of_kind(kind, kind)));
        plans.push((
            format!("type {kind}, a receipt of another"),
            of_kind(kind, (kind + 1) % 6),
        ));
        let state = vec![9; 32];
        plans.push((
            format!("type {kind}, a state root"),
            Plan {
                status: state,
                ..of_kind(kind, kind)
            },
        ));
    }
    for (name, status) in [
        ("0", vec![]),
        ("2", vec![2]),
        ("00", vec![0]),
        ("0001", vec![0, 1]),
    ] {
        plans.push((format!("status {name}"), Plan { status, ..plan() }));
    }
    for chain_id in CHAINS {
        plans.push((format!("chain {chain_id}"), Plan { chain_id, ..plan() }));
        plans.push((
            format!("legacy, chain {chain_id}"),
            Plan {
                chain_id,
                ..of_kind(0, 0)
            },
        ));
    }
    plans.extend(destinations());
    for (name, data) in [
        ("none", vec![]),
        ("of zeros", vec![0; 36]),
        (
            "of another root",
            [&[0xee, 0xcd, 0xf9, 0x27][..], &[5; 32]].concat(),
        ),
        ("a byte short", vec![0xee, 0xcd, 0xf9]),
    ] {
        plans.push((
            format!("calldata {name}"),
            Plan {
                data: Some(data),
                ..plan()
            },
        ));
    }
    plans
        .into_iter()
        .flat_map(|(name, plan)| {
            let chain_id = plan.chain_id;
            let block = block(signed, plan);
            let value = with(&[anchor(&block.record)]);
            let named = hashes(&[format!("23000000 {}", block.block_hash)]);
            let right = trust(
                1,
                &policy(),
                &[table("chain", chain_id, &format!("{named}{DESTINATION}"))],
            );
            let any = trust(1, &policy(), &[table("chain", chain_id, &named)]);
            [
                Shape::new(format!("a block, {name}"), &value, &right),
                Shape::new(format!("a block, {name}, to any address"), &value, &any),
            ]
        })
        .collect()
}

/// Where the transaction goes. Types 0 to 2 may create a contract, the others not.
fn destinations() -> Vec<(String, Plan)> {
    let to = |kind, to| Plan {
        kind,
        receipt_kind: kind,
        to,
        ..Plan::default()
    };
    let mut plans = Vec::new();
    for size in [0, 19, 21, 32] {
        plans.push((format!("to {size} bytes"), to(2, vec![0xa7; size])));
        plans.push((format!("blobs to {size} bytes"), to(3, vec![0xa7; size])));
    }
    for kind in [0, 1, 4] {
        plans.push((format!("type {kind} to nowhere"), to(kind, Vec::new())));
    }
    plans.push(("to another".to_owned(), to(2, vec![0xa8; 20])));
    plans
}

/// Headers of each number of fields, with numbers and times of each size: the forks, and what is none.
pub(super) fn forks(signed: &[u8], with: &dyn Fn(&[Value]) -> Value) -> Vec<Shape> {
    let block = block(signed, Plan::default());
    let fields = rlp::items(&block.record.header);
    let mut headers: Vec<(String, Vec<Vec<u8>>)> = (13..=fields.len())
        .map(|count| (format!("of {count} fields"), fields[..count].to_vec()))
        .collect();
    for more in [1, 8, 9] {
        let later = vec![encode_bytes(b"a later fork"); more];
        headers.push((
            format!("of {more} fields more"),
            [fields.clone(), later].concat(),
        ));
    }
    let with_field = |at: usize, field: Vec<u8>| {
        let mut fields = fields.clone();
        fields[at] = field;
        fields
    };
    for number in [0, 9_007_199_254_740_991, u64::MAX] {
        headers.push((
            format!("number {number}"),
            with_field(8, encode_integer(number)),
        ));
    }
    for time in [
        0,
        1,
        SOON,
        SOON + 300,
        SOON + 301,
        253_402_300_800,
        8_640_000_000_001,
        u64::from(u32::MAX) << 20,
        i64::MAX.unsigned_abs(),
        i64::MAX.unsigned_abs() + 1,
        u64::MAX,
    ] {
        headers.push((format!("time {time}"), with_field(11, encode_integer(time))));
    }
    let mut shapes = Vec::new();
    for (name, fields) in headers {
        let mut record = block.record.clone();
        record.header = encode_list(&fields);
        let hash = BlockHash::from_bytes(keccak256(&record.header));
        let value = with(&[anchor(&record)]);
        let trust = trust(
            1,
            &policy(),
            &[table("chain", 31_337, &hashes(&[hash.to_string()]))],
        );
        for at in [SOON, u64::from(u32::MAX) << 10] {
            shapes.push(Shape {
                at,
                ..Shape::new(format!("a header, {name}, at {at}"), &value, &trust)
            });
        }
    }
    shapes
}
