//! What each fuzz target of `counterfoil-ethereum` does with its input, shared by `cargo fuzz` and by the crate's own tests.

#[path = "anchored.rs"]
pub mod anchored;
#[path = "edits.rs"]
mod edits;
#[path = "rebuilt.rs"]
mod rebuilt;

use std::sync::OnceLock;

use counterfoil_ethereum::rlp::{Item, encode_bytes, encode_list};
use counterfoil_ethereum::trie::{Trie, index_key, verify};
use counterfoil_ethereum::{Calldata, Header, Receipt, Transaction, TrieRoot, keccak256};

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

/// A trie that stands in its root, all of it: seven values of a byte each.
fn small() -> &'static Trie {
    static SMALL: OnceLock<Trie> = OnceLock::new();
    SMALL.get_or_init(|| {
        let values: Vec<[u8; 1]> = (1..=SMALL_VALUES).map(|value| [value]).collect();
        Trie::of_block(&values).expect("a trie")
    })
}

/// How many values a small trie has.
const SMALL_VALUES: u8 = 7;

/// Proofs, edited. The input is the index that is claimed, the one whose transaction is claimed, a node, then edits of the node.
pub fn ethereum_proof(data: &[u8]) {
    under_the_true_root(data);
    under_the_root_of_what_was_edited(data);
}

/// Whatever was edited, with the hashes above it made to fit: a proof is taken exactly where a trie has it, node for node.
fn under_the_root_of_what_was_edited(data: &[u8]) {
    let [claimed, which, node, edits @ ..] = data else {
        return;
    };
    let record = &good().record;
    let (key, proof) = match which % 3 {
        0 => (index_key(INDEX), record.transaction_proof.clone()),
        1 => (index_key(INDEX), record.receipt_proof.clone()),
        _ => {
            let key = index_key(u64::from(claimed % SMALL_VALUES));
            let proof = small().proof(&key).expect("it is there");
            (key, proof)
        }
    };
    let at = usize::from(*node) % proof.len();
    let bytes = edited(&proof[at], edits);
    let item = with_an_item_edited(&proof[at], edits);
    for other in [bytes, item] {
        let mut proof = proof.clone();
        let root = refitted(&mut proof, at, other);
        let shown = rebuilt::shown(&key, &proof);
        let value = shown.as_ref().and_then(rebuilt::Shown::value);
        let is_built = shown.as_ref().and_then(rebuilt::Shown::proof).as_ref() == Some(&proof);
        let taken = verify(&root, &key, value.unwrap_or(&record.transaction), &proof);
        assert_eq!(taken.is_ok(), value.is_some() && is_built, "{taken:?}");
        if let (Ok(()), Some(all)) = (taken, shown.and_then(|shown| shown.all())) {
            let trie = Trie::new(&all).expect("a trie");
            assert_eq!((trie.root(), trie.proof(&key)), (root, Some(proof)));
        }
    }
}

/// Puts a node in its place; whatever names the one before names this one then. Gives the root.
fn refitted(proof: &mut [Vec<u8>], at: usize, node: Vec<u8>) -> TrieRoot {
    let (mut before, mut after) = (keccak256(&proof[at]), keccak256(&node));
    proof[at] = node;
    for above in proof[..at].iter_mut().rev() {
        let hash = keccak256(above);
        let mut places = above.windows(before.len());
        if let Some(place) = places.position(|window| window == before) {
            above[place..place + after.len()].copy_from_slice(&after);
        }
        (before, after) = (hash, keccak256(above));
    }
    TrieRoot::from_bytes(after)
}

/// A node of which one item is another: the first byte of the edits says which, the second what becomes of the others.
fn with_an_item_edited(node: &[u8], edits: &[u8]) -> Vec<u8> {
    let items = Item::parse(node).and_then(|node| node.items(usize::MAX));
    let mut items: Vec<_> = items
        .expect("a node")
        .iter()
        .map(|item| item.encoding().to_vec())
        .collect();
    if let [which, what, bytes @ ..] = edits {
        let which = usize::from(*which) % items.len();
        let (path, value) = bytes.split_at(bytes.len().min(1));
        let leaf = || encode_list(&[encode_bytes(path), encode_bytes(value)]);
        items[which] = match what % 6 {
            0 => encode_bytes(bytes),
            1 => leaf(),
            2 => encode_list(&[encode_bytes(path), leaf()]),
            3 => encode_bytes(&keccak256(bytes)),
            4 => edited(&items[which], bytes),
            _ => encode_bytes(&[]),
        };
    }
    encode_list(&items)
}

/// What is under the true root is what is there, and there is one proof of it.
fn under_the_true_root(data: &[u8]) {
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
