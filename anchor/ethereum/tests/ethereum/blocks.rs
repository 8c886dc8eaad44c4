//! 77 blocks of mainnet and Sepolia, from Frontier to after Osaka: each header's hash, and all that is under its roots.

use std::collections::BTreeMap;

use counterfoil_ethereum::trie::{Trie, index_key, verify};
use counterfoil_ethereum::{Execution, Header, Kind, Receipt, Transaction, TrieRoot};
use serde_json::Value;

use crate::vectors::{bytes, folder, list, text};

/// All blocks, by their files' names.
fn blocks() -> BTreeMap<String, Value> {
    let Some(folder) = folder() else {
        return BTreeMap::new();
    };
    let files = std::fs::read_dir(folder.join("blocks")).unwrap();
    let read = files.map(|file| {
        let path = file.unwrap().path();
        let block = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        (
            path.file_name().unwrap().to_str().unwrap().to_owned(),
            block,
        )
    });
    read.collect()
}

#[test]
fn headers_of_every_fork() {
    let blocks = blocks();
    assert!(blocks.is_empty() || blocks.len() == 77, "{}", blocks.len());
    for (name, block) in &blocks {
        let header = Header::parse(&bytes(&block["header_rlp"])).unwrap();
        assert_eq!(header.hash.to_string(), text(block, "hash"), "{name}");
        assert_eq!(Some(header.number), block["number"].as_u64(), "{name}");
        assert_eq!(
            Some(header.timestamp),
            block["timestamp"].as_u64(),
            "{name}"
        );
    }
}

/// Each value is under the root, and the root is that of all of them.
fn all_under(root: &TrieRoot, values: &[Vec<u8>], name: &str) {
    let trie = Trie::of_block(values).unwrap();
    assert_eq!(trie.root(), *root, "{name}");
    for (index, value) in (0..).zip(values) {
        let proof = trie.proof(&index_key(index)).unwrap();
        assert_eq!(
            verify(root, &index_key(index), value, &proof),
            Ok(()),
            "{name}: {index}"
        );
        let other = verify(root, &index_key(index + 1), value, &proof);
        assert!(other.is_err(), "{name}: {index}");
    }
    assert_eq!(trie.proof(&index_key(values.len() as u64)), None, "{name}");
}

#[test]
fn transactions_and_receipts_of_every_type() {
    let (mut transactions, mut receipts) = (BTreeMap::new(), BTreeMap::new());
    for (name, block) in &blocks() {
        let header = Header::parse(&bytes(&block["header_rlp"])).unwrap();
        let chain = match text(block, "network") {
            "mainnet" => 1,
            "sepolia" => 11_155_111,
            other => panic!("the network {other}"),
        };
        let of_block = list(&block["transactions"]);
        if let Some(values) = &of_block {
            all_under(&header.transactions_root, values, name);
            for value in values {
                let transaction = Transaction::parse(value).unwrap();
                let call = transaction.call.unwrap();
                assert!(call.chain_id.is_none_or(|id| id == chain), "{name}");
                *transactions.entry(transaction.kind).or_insert(0) += 1;
            }
        }
        let Some(values) = list(&block["receipts"]) else {
            continue;
        };
        all_under(&header.receipts_root, &values, name);
        for (place, value) in values.iter().enumerate() {
            let receipt = Receipt::parse(value).unwrap();
            let outcome = receipt.outcome.unwrap();
            // Byzantium, block 4,370,000, gave receipts a status.
            let untold = chain == 1 && header.number < 4_370_000;
            assert_eq!(outcome == Execution::Untold, untold, "{name}: {place}");
            if let Some(of_block) = &of_block {
                assert_eq!(
                    Transaction::parse(&of_block[place]).unwrap().kind,
                    receipt.kind
                );
            }
            *receipts
                .entry((receipt.kind, outcome == Execution::Succeeded))
                .or_insert(0) += 1;
        }
    }
    if transactions.is_empty() {
        return;
    }
    let typed = Kind::Typed;
    let expected = [
        (Kind::Legacy, 1_624),
        (typed(1), 21),
        (typed(2), 4_766),
        (typed(3), 17),
        (typed(4), 8),
    ];
    assert_eq!(transactions, BTreeMap::from(expected));
    assert_eq!(receipts.values().sum::<i32>(), 359 + 19 + 1_921 + 6 + 2);
}
