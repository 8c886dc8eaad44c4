//! 430 proofs of real transactions and receipts, and 3,910 changed ones, by the name of the change.

use std::collections::BTreeMap;

use counterfoil_ethereum::Header;
use counterfoil_ethereum::trie::verify;
use serde_json::Value;

use crate::vectors::{bytes, list, rows, text};

/// The one change that only the trusted block hash can tell: the header is well formed, and it is another block's.
const ONLY_BY_TRUST: &str = "header-timestamp-altered-rehashed";

/// What a row says, with `changed` in place of what is in the row.
struct Claim {
    block_hash: String,
    header: Vec<u8>,
    kind: String,
    index: Vec<u8>,
    value: Vec<u8>,
    proof: Vec<Vec<u8>>,
}

impl Claim {
    fn of(base: &Value, changed: &Value) -> Self {
        let field = |name: &str| changed.get(name).unwrap_or(&base[name]).clone();
        Self {
            block_hash: field("block_hash").as_str().unwrap().to_owned(),
            header: bytes(&field("header_rlp")),
            kind: field("kind").as_str().unwrap().to_owned(),
            index: bytes(&field("index")),
            value: bytes(&field("value")),
            proof: list(&field("proof")).unwrap(),
        }
    }

    /// The header, the value, and the nodes of the proof, by number.
    fn part(&mut self, number: usize) -> &mut Vec<u8> {
        match number {
            0 => &mut self.header,
            1 => &mut self.value,
            node => &mut self.proof[node - 2],
        }
    }

    /// Why it does not hold.
    fn judge(&self) -> Result<(), String> {
        let header = Header::parse(&self.header).map_err(|error| error.to_string())?;
        if header.hash.to_string() != self.block_hash {
            return Err("the block hash is another".to_owned());
        }
        let root = match self.kind.as_str() {
            "tx" => &header.transactions_root,
            "receipt" => &header.receipts_root,
            other => panic!("the kind {other}"),
        };
        let judged = verify(root, &self.index, &self.value, &self.proof);
        judged.map_err(|error| error.to_string())
    }
}

#[test]
fn proofs_of_real_blocks_hold() {
    let valid = rows("proofs/valid.jsonl");
    assert!(valid.is_empty() || valid.len() == 430, "{}", valid.len());
    for row in &valid {
        let judged = Claim::of(row, &Value::Null).judge();
        assert_eq!(judged, Ok(()), "{}", text(row, "id"));
    }
}

/// What is said of the changes that mainstream verifiers disagree about, and of those that only strict reading tells.
const REASONS: [(&str, &[&str]); 30] = [
    ("empty-node-appended", &["of which"]),
    (
        "empty-node-prepended",
        &["node 0 is not the one that is named as the root"],
    ),
    (
        "first-two-swapped",
        &["node 0 is not the one that is named as the root"],
    ),
    (
        "forged-branch-16-items",
        &["expected a list of 2 or 17 items, found 16"],
    ),
    ("forged-branch-18-items", &["expected at most 17 items"]),
    (
        "forged-branch-bad-sibling",
        &["expected a child of 0 or 32 bytes"],
    ),
    (
        "forged-branch-child-31-bytes",
        &["expected a child of 0 or 32 bytes, found 31"],
    ),
    (
        "forged-branch-child-empty",
        &["does not lead to the key", "a branch with"],
    ),
    ("forged-branch-with-value", &["a branch has a value"]),
    (
        "forged-leaf-as-extension",
        &["expected a child of 0 or 32 bytes"],
    ),
    (
        "forged-leaf-even-padding-nonzero",
        &["the unused nibble", "does not lead to the key"],
    ),
    ("forged-leaf-high-flag-bits", &["the flags of a path"]),
    ("forged-leaf-longform-length", &["is not the shortest one"]),
    ("forged-leaf-prefix-empty", &["the path is empty"]),
    (
        "forged-leaf-three-items",
        &["expected a list of 2 or 17 items, found 3"],
    ),
    ("forged-leaf-trailing-byte", &["1 bytes follow the item"]),
    (
        "forged-leaf-value-empty",
        &["a leaf has no value", "it belongs into the one above it"],
    ),
    (
        "forged-root-empty-list",
        &["expected a list of 2 or 17 items, found 0"],
    ),
    ("forged-root-empty-string", &["expected a list"]),
    ("forged-root-longform-length", &["is not the shortest one"]),
    ("forged-root-trailing-byte", &["1 bytes follow the item"]),
    (
        "header-field-is-list-rehashed",
        &["extraData: expected a byte string, found a list"],
    ),
    (
        "header-longform-length-rehashed",
        &["is not the shortest one"],
    ),
    (
        "header-number-leading-zero-rehashed",
        &["number: the number begins with a zero byte"],
    ),
    (
        "header-root-31-bytes-rehashed",
        &["Root: expected 32 bytes, found 31"],
    ),
    (
        "header-trailing-byte-rehashed",
        &["1 bytes follow the item"],
    ),
    ("node-duplicated-at-end", &["of which"]),
    (
        "nodes-reversed",
        &["node 0 is not the one that is named as the root"],
    ),
    (
        "root-duplicated",
        &["of which", "node 1 is not the one that is named above it"],
    ),
    ("unrelated-node-appended", &["of which"]),
];

#[test]
fn changed_proofs_are_refused_by_name() {
    let valid = rows("proofs/valid.jsonl");
    let bases: BTreeMap<&str, &Value> = valid.iter().map(|row| (text(row, "id"), row)).collect();
    let reasons = BTreeMap::from(REASONS);
    let mutated = rows("proofs/mutated.jsonl");
    assert!(
        mutated.is_empty() || mutated.len() == 3_910,
        "{}",
        mutated.len()
    );
    let (mut policy, mut accepted, mut explained) = (0, 0, 0);
    let mut unexpected = Vec::new();
    for row in &mutated {
        let (id, mutation) = (text(row, "id"), text(row, "mutation"));
        policy += i32::from(text(row, "expect").starts_with("policy:"));
        let judged = Claim::of(bases[text(row, "base")], row).judge();
        if mutation == ONLY_BY_TRUST {
            assert_eq!(judged, Ok(()), "{id}");
            accepted += 1;
            continue;
        }
        let reason = judged.expect_err(id);
        if let Some(expected) = reasons.get(mutation) {
            if !expected.iter().any(|one| reason.contains(one)) {
                unexpected.push(format!("{id}: {reason}"));
            }
            explained += 1;
        }
    }
    assert!(unexpected.is_empty(), "{unexpected:#?}");
    println!(
        "{} changes: {policy} by policy, {accepted} only by trust, {explained} for their reason",
        mutated.len()
    );
    assert!(
        mutated.is_empty() || (policy, accepted) == (665, 47),
        "{policy}, {accepted}"
    );
}

#[test]
fn any_changed_byte_of_a_real_proof_is_refused() {
    /// Each part of a proof at other places, all proofs together at every one.
    const STEP: usize = 61;
    for (number, row) in rows("proofs/valid.jsonl").iter().enumerate() {
        let mut claim = Claim::of(row, &Value::Null);
        for part in 0..2 + claim.proof.len() {
            for place in (number % STEP..claim.part(part).len()).step_by(STEP) {
                let bit = 1 << (place % 8);
                claim.part(part)[place] ^= bit;
                let id = text(row, "id");
                assert!(claim.judge().is_err(), "{id}: part {part}, byte {place}");
                claim.part(part)[place] ^= bit;
            }
        }
        assert_eq!(claim.judge(), Ok(()));
    }
}
