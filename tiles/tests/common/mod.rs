//! What the integration tests of this crate share.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary compiles this module and uses a part of it"
)]

pub mod naive;
pub mod verdict;

use std::path::Path;

/// How many rows each file of vectors has at least: with fewer, tests would pass that show nothing.
const ROWS: [(&str, usize); 20] = [
    ("checkpoint/bodies.jsonl", 12),
    ("generated/checkpoints.jsonl", 561),
    ("generated/consistency.jsonl", 4_894),
    ("generated/inclusion.jsonl", 4_266),
    ("generated/keys.jsonl", 6),
    ("generated/policy-checkpoints.jsonl", 32),
    ("generated/policy.jsonl", 120),
    ("generated/roots.jsonl", 1_105),
    ("generated/subtree-cosignatures.jsonl", 288),
    ("generated/subtree.jsonl", 3_103),
    ("generated/tlogproofs.jsonl", 1_088),
    ("merkle/consistency.jsonl", 64),
    ("merkle/inclusion.jsonl", 61),
    ("merkle/subtreeconsistency.jsonl", 70),
    ("merkle/subtreeinclusion.jsonl", 122),
    ("note/golang-mod.jsonl", 12),
    ("note/vkeys.jsonl", 279),
    ("policy/policies.jsonl", 30),
    ("proof/formats-parse.jsonl", 11),
    ("proof/sumdb.jsonl", 176),
];

/// One value per line of a JSON-lines file under the vectors folder; panics where the file cannot be read or has fewer
/// rows than it should.
pub fn json_lines<T: serde::de::DeserializeOwned>(dir: &Path, file: &str) -> Vec<T> {
    let path = dir.join(file);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let rows: Vec<T> = text
        .lines()
        .enumerate()
        .map(|(number, line)| {
            serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{}:{}: {error}", path.display(), number + 1))
        })
        .collect();
    let least = ROWS.iter().find(|(known, _)| *known == file);
    let (_, least) = least.unwrap_or_else(|| panic!("{file} has no number of rows in ROWS"));
    assert!(
        rows.len() >= *least,
        "{} has {} rows, expected {least}",
        path.display(),
        rows.len()
    );
    rows
}
