//! Blocks of mainnet as several kinds of nodes show them in JSON: all of it makes the hashes.

use std::fs;

use super::*;

/// The files whose names end so, with what is in them.
fn files(ending: &str) -> Vec<(String, Box<RawValue>)> {
    let Some(folder) = counterfoil_tests::vectors_dir() else {
        return Vec::new();
    };
    let paths = fs::read_dir(folder.join("ethereum/rpc")).unwrap();
    let paths = paths.map(|entry| entry.unwrap().path());
    let files = paths.filter_map(|path| {
        let name = path.file_name()?.to_str()?.to_owned();
        let json = name.ends_with(ending).then(|| fs::read(path).unwrap())?;
        Some((name, serde_json::from_slice(&json).unwrap()))
    });
    files.collect()
}

#[test]
fn headers_and_transactions_of_every_fork_are_rebuilt_from_json() {
    let blocks = files("-block.json");
    assert!(blocks.is_empty() || blocks.len() == 33, "{}", blocks.len());
    let (mut full, mut transactions) = (0, 0);
    for (name, json) in blocks {
        let header = seen(&parsed(&json).unwrap(), Which::Latest);
        let header = header
            .unwrap_or_else(|fault| panic!("{name}: {fault}"))
            .header;
        let block: BlockAnswer = parsed(&json).unwrap();
        // Some were stored with the hashes of their transactions alone.
        if !block
            .transactions
            .iter()
            .any(|json| json.get().starts_with('{'))
        {
            continue;
        }
        let encoded: Option<Vec<_>> = block
            .transactions
            .iter()
            .map(|json| transaction(json))
            .collect();
        let encoded = encoded.unwrap_or_else(|| panic!("{name}: a transaction"));
        assert!(
            trie_of(&encoded, header.transactions_root).is_some(),
            "{name}"
        );
        full += 1;
        transactions += encoded.len();
    }
    assert!(
        full == 0 || (full, transactions) == (31, 5_045),
        "{full} {transactions}"
    );
}

#[test]
fn receipts_are_rebuilt_from_json() {
    for (name, json) in files("-receipts.json") {
        let block = name.replace("-receipts", "-block");
        let (_, block) = files(&block).pop().unwrap();
        let header = seen(&parsed(&block).unwrap(), Which::Latest)
            .unwrap()
            .header;
        let receipts: Vec<Box<RawValue>> = parsed(&json).unwrap();
        let encoded: Result<Vec<_>, _> = receipts.iter().map(|json| receipt(json, &[])).collect();
        let encoded = encoded.unwrap_or_else(|wrong| panic!("{name}: {wrong:?}"));
        assert!(trie_of(&encoded, header.receipts_root).is_some(), "{name}");
    }
}

#[test]
fn the_next_base_fee_follows_from_the_header() {
    use alloy_eips::eip1559::{BaseFeeParams, calc_next_block_base_fee};
    for base_fee in [0, 1, 7, 8, 1_000_000_000, 123_456_789_012] {
        for (used, limit) in [
            (0, 30_000_000),
            (14_999_999, 30_000_000),
            (15_000_000, 30_000_000),
            (15_000_001, 30_000_000),
            (30_000_000, 30_000_000),
            (21_000, 36_000_001),
            (0, 0),
        ] {
            let mut header = header_with(Some(base_fee), (used, limit));
            let parameters = BaseFeeParams::ethereum();
            let expected = calc_next_block_base_fee(used, limit, base_fee, parameters);
            assert_eq!(
                header.next_base_fee(),
                Some(expected),
                "{base_fee} {used} {limit}"
            );
            header.base_fee = None;
            assert_eq!(header.next_base_fee(), None);
        }
    }
    // What no block of a chain has does no harm.
    let full = header_with(Some(u64::MAX), (u64::MAX, u64::MAX));
    assert_eq!(full.next_base_fee(), Some(u64::MAX));
    let odd = header_with(Some(u64::MAX), (u64::MAX, 2));
    assert_eq!(odd.next_base_fee(), Some(u64::MAX));
}

fn header_with(base_fee: Option<u64>, gas: (u64, u64)) -> SeenHeader {
    let rlp = alloy_rlp::encode(alloy_consensus::Header::default());
    SeenHeader {
        header: Header::parse(&rlp).unwrap(),
        rlp,
        base_fee,
        gas,
    }
}

#[test]
fn a_receipt_is_of_an_unknown_type_only_where_its_transaction_is() {
    let json = |kind: &str| {
        let text = format!("{{\"type\":\"{kind}\",\"status\":\"0x1\"}}");
        RawValue::from_string(text).unwrap()
    };
    let deposit = receipt(&json("0x7e"), &[0x7e, 0xc0]);
    assert!(
        matches!(deposit, Err(NoReceipt::Unknown(0x7e))),
        "{deposit:?}"
    );
    for (kind, transaction) in [
        ("0x7e", 0x02),
        ("0x7e", 0xf8),
        ("0x2", 0x7e),
        ("0x17e", 0x7e),
    ] {
        let lie = receipt(&json(kind), &[transaction, 0xc0]);
        assert!(matches!(lie, Err(NoReceipt::Malformed)), "{kind}: {lie:?}");
    }
}
