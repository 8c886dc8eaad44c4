//! What each fuzz target of `counterfoil-ethereum` does with its input, shared by `cargo fuzz` and by the crate's own tests.

#[path = "anchored.rs"]
pub mod anchored;
#[path = "edits.rs"]
mod edits;

use std::sync::OnceLock;

use counterfoil_ethereum::rlp::{Item, encode_bytes, encode_list};
use counterfoil_ethereum::trie::{index_key, verify};
use counterfoil_ethereum::{Calldata, Header, Receipt, Transaction};

use anchored::{Anchored, INDEX, Plan, parts};
use edits::edited;

/// A target by its name.
type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 3] = [
    ("ethereum_proof", ethereum_proof),
    ("ethereum_record", ethereum_record),
    ("ethereum_rlp", ethereum_rlp),
];

/// A good record.
fn good() -> &'static Anchored {
    static GOOD: OnceLock<Anchored> = OnceLock::new();
    GOOD.get_or_init(|| Plan::default().anchored().expect("the parts fit together"))
}

/// RLP: what is read is written back the same, and nothing overflows the stack.
pub fn ethereum_rlp(data: &[u8]) {
    let record = &good().record;
    let receipt = &record.receipt[1..];
    for bytes in [data, &edited(&record.header, data), &edited(receipt, data)] {
        if let Ok(item) = Item::parse(bytes) {
            assert_eq!(item.encoding(), bytes);
            assert_eq!(written(&item), bytes);
        }
    }
}

fn written(item: &Item<'_>) -> Vec<u8> {
    match item.items(usize::MAX) {
        Ok(items) => encode_list(&items.iter().map(written).collect::<Vec<_>>()),
        Err(_) => encode_bytes(item.bytes().expect("no list")),
    }
}

/// Proofs, edited: what is under the true root is what is there, and there is one proof of it. The input is the index that is
/// claimed, the one whose transaction is claimed, a node, then edits of the node.
pub fn ethereum_proof(data: &[u8]) {
    let good = good();
    let record = &good.record;
    let [claimed, other, node, edits @ ..] = data else {
        return;
    };
    let count = good.transactions.len();
    let (claimed, other) = (usize::from(*claimed) % count, usize::from(*other) % count);
    let mut proof = record.transaction_proof.clone();
    let node = usize::from(*node) % (proof.len() + 1);
    match proof.get_mut(node) {
        Some(node) => *node = edited(node, edits),
        None => proof.push(edits.to_vec()),
    }
    let header = Header::parse(&record.header).expect("a good header");
    for index in [claimed as u64, INDEX] {
        for value in [
            &good.transactions[other],
            &record.transaction,
            &edits.to_vec(),
        ] {
            if verify(&header.transactions_root, &index_key(index), value, &proof).is_ok() {
                assert_eq!(index, INDEX);
                assert_eq!(*value, record.transaction);
                assert_eq!(proof, record.transaction_proof);
            }
        }
    }
    let _ = verify(
        &header.transactions_root,
        edits,
        &record.transaction,
        &proof,
    );
}

/// A record of which one part is edited: it is good only if nothing was changed. The first byte says which.
pub fn ethereum_record(data: &[u8]) {
    let _ = Header::parse(data);
    let _ = Transaction::parse(data);
    let _ = Receipt::parse(data);
    if let Ok(calldata) = Calldata::parse(data) {
        assert_eq!(calldata.encode(), data);
    }
    let good = good();
    let Some((which, edits)) = data.split_first() else {
        return;
    };
    let mut record = good.record.clone();
    let parts = parts(&mut record);
    let which = usize::from(*which) % parts.len();
    if let Some(part) = parts.into_iter().nth(which) {
        *part = edited(part, edits);
    }
    let judgement = counterfoil_ethereum::verify(&good.question(&record));
    assert_eq!(judgement.is_good(), record == good.record);
}
