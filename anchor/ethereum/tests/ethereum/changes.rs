//! A record of which anything was changed is not good.

use counterfoil_ethereum::{Record, verify};

use crate::bodies::anchored::{Anchored, Plan, parts};

fn refused(good: &Anchored, record: &Record, what: &str) {
    let judgement = verify(&good.question(record));
    assert!(!judgement.is_good(), "{what}");
    assert!(judgement.first_failure().is_some(), "{what}");
}

#[test]
fn any_changed_byte() {
    let good = Plan::default().anchored().unwrap();
    let count = parts(&mut good.record.clone()).len();
    assert_eq!(
        count, 9,
        "header, transaction, receipt, and two proofs of three nodes"
    );
    for part in 0..count {
        let length = parts(&mut good.record.clone())[part].len();
        for place in 0..length {
            for flip in [0x01, 0x80, 0xff] {
                let mut record = good.record.clone();
                parts(&mut record)[part][place] ^= flip;
                refused(
                    &good,
                    &record,
                    &format!("part {part}, byte {place}, {flip:#x}"),
                );
            }
        }
    }
}

#[test]
fn anything_cut_off_or_added() {
    let good = Plan::default().anchored().unwrap();
    let count = parts(&mut good.record.clone()).len();
    for part in 0..count {
        let length = parts(&mut good.record.clone())[part].len();
        for cut in [0, 1, length / 2, length - 1] {
            let mut record = good.record.clone();
            parts(&mut record)[part].truncate(cut);
            refused(&good, &record, &format!("part {part} cut to {cut}"));
        }
        for added in [0, 0x80] {
            let mut record = good.record.clone();
            parts(&mut record)[part].push(added);
            refused(
                &good,
                &record,
                &format!("part {part} with {added:#x} added"),
            );
        }
    }
}

#[test]
fn any_other_index_or_path() {
    let good = Plan::default().anchored().unwrap();
    for index in [
        0,
        good.record.index - 1,
        good.record.index + 1,
        1 << 32,
        u64::MAX,
    ] {
        let record = Record {
            index,
            ..good.record.clone()
        };
        refused(&good, &record, &format!("index {index}"));
    }
    for hash in 0..good.record.path.hashes.len() {
        let mut record = good.record.clone();
        let mut bytes = record.path.hashes[hash].to_bytes();
        bytes[31] ^= 1;
        record.path.hashes[hash] = counterfoil_tiles::hash::NodeHash::from_bytes(bytes);
        refused(&good, &record, &format!("hash {hash}"));
        record.path.hashes.remove(hash);
        refused(&good, &record, &format!("without hash {hash}"));
    }
    let mut record = good.record.clone();
    record.path.index = counterfoil_tiles::hash::LeafIndex::new(2);
    refused(&good, &record, "another place in the round");
    for (one, other) in [(true, false), (false, true)] {
        let mut record = good.record.clone();
        let swapped = good.record.clone();
        if one {
            record.transaction_proof = swapped.receipt_proof;
        } else if other {
            record.receipt_proof = swapped.transaction_proof;
        }
        refused(&good, &record, "the proof of the other trie");
    }
}
