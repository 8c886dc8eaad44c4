//! What is changed in the RLP of a record: fields of header, transaction and receipt, and nodes of proofs, with all hashes above them made
//! to fit, so that nothing but what was changed is wrong.

use counterfoil_ethereum::rlp::{Item, encode_bytes, encode_list};
use counterfoil_ethereum::{Record, keccak256};

/// The items of a list, each in its encoding.
pub(crate) fn items(list: &[u8]) -> Vec<Vec<u8>> {
    let item = Item::parse(list).expect("RLP");
    let items = item.items(usize::MAX).expect("a list");
    items.iter().map(|item| item.encoding().to_vec()).collect()
}

/// A record with its transaction and its receipt changed in each way.
pub(crate) fn values(record: &Record) -> Vec<(String, Record)> {
    let with = |transaction| Record {
        transaction,
        ..record.clone()
    };
    let transactions = enveloped(&record.transaction).into_iter();
    let transactions = transactions.map(|(name, it)| (format!("transaction: {name}"), with(it)));
    let with = |receipt| Record {
        receipt,
        ..record.clone()
    };
    let receipts = enveloped(&record.receipt).into_iter();
    let receipts = receipts.map(|(name, it)| (format!("receipt: {name}"), with(it)));
    transactions.chain(receipts).collect()
}

/// A record with its header, its proofs and its index changed in each way.
pub(crate) fn places(record: &Record) -> Vec<(String, Record)> {
    let mut all = Vec::new();
    for (name, header) in lists(&record.header) {
        let record = Record {
            header,
            ..record.clone()
        };
        all.push((format!("header: {name}"), record));
    }
    for (name, header, transaction_proof) in proofs(record, &record.transaction_proof) {
        let record = Record {
            header,
            transaction_proof,
            ..record.clone()
        };
        all.push((format!("transaction proof: {name}"), record));
    }
    for (name, header, receipt_proof) in proofs(record, &record.receipt_proof) {
        let record = Record {
            header,
            receipt_proof,
            ..record.clone()
        };
        all.push((format!("receipt proof: {name}"), record));
    }
    let swapped = Record {
        transaction_proof: record.receipt_proof.clone(),
        receipt_proof: record.transaction_proof.clone(),
        ..record.clone()
    };
    all.push(("proofs swapped".to_owned(), swapped));
    for index in [0, 18, 20, 127, 128, 255, 256, 1 << 32, (1 << 53) - 1] {
        let record = Record {
            index,
            ..record.clone()
        };
        all.push((format!("index {index}"), record));
    }
    all
}

/// What stands behind the type, changed, and the type.
fn enveloped(value: &[u8]) -> Vec<(String, Vec<u8>)> {
    let at = usize::from(value[0] < 0x80);
    let (kind, list) = value.split_at(at);
    let mut changed: Vec<(String, Vec<u8>)> = lists(list)
        .into_iter()
        .map(|(name, list)| (name, [kind, &list].concat()))
        .collect();
    for other in [0x00, 0x01, 0x05, 0x7f, 0x80, 0xbf] {
        changed.push((format!("type {other:#x}"), [&[other], list].concat()));
    }
    changed
}

/// A list with each item, and the whole, changed in each way.
fn lists(list: &[u8]) -> Vec<(String, Vec<u8>)> {
    let items = items(list);
    let mut changed = Vec::new();
    for at in 0..items.len() {
        let other_items = [
            ("an empty string", encode_bytes(&[])),
            ("an empty list", vec![0xc0]),
            ("a zero byte", vec![0]),
            ("a number with a zero before", encode_bytes(&[0, 1])),
            ("a byte with a prefix that it does not need", vec![0x81, 1]),
            ("31 bytes", encode_bytes(&[7; 31])),
            ("33 bytes", encode_bytes(&[7; 33])),
            ("a list of it", encode_list(&[&items[at]])),
            ("cut off", items[at][..items[at].len() - 1].to_vec()),
            ("removed", Vec::new()),
            ("twice", [&items[at][..], &items[at]].concat()),
        ];
        for (name, item) in other_items {
            let mut other = items.clone();
            other[at] = item;
            changed.push((format!("item {at}: {name}"), encode_list(&other)));
        }
    }
    changed.extend(wholes(list, &items));
    changed
}

fn wholes(list: &[u8], items: &[Vec<u8>]) -> Vec<(String, Vec<u8>)> {
    let payload = items.concat();
    let length = u32::try_from(payload.len())
        .expect("a short list")
        .to_be_bytes();
    let deep = (0..17).fold(vec![0xc0], |inner, _| encode_list(&[inner]));
    let with_deep = encode_list(&[items, &[deep]].concat());
    vec![
        ("a byte behind".to_owned(), [list, &[0]].concat()),
        ("cut off".to_owned(), list[..list.len() - 1].to_vec()),
        ("nothing".to_owned(), Vec::new()),
        ("a string".to_owned(), encode_bytes(list)),
        ("a string of its items".to_owned(), encode_bytes(&payload)),
        ("an empty list".to_owned(), vec![0xc0]),
        (
            "a zero before its length".to_owned(),
            [&[0xfb][..], &length, &payload].concat(),
        ),
        (
            "a length of 64 bits".to_owned(),
            [&[0xff; 9][..], &payload].concat(),
        ),
        ("17 lists in each other".to_owned(), with_deep),
    ]
}

/// A proof with each node changed in each way, and the header that goes with it.
fn proofs(record: &Record, proof: &[Vec<u8>]) -> Vec<(String, Vec<u8>, Vec<Vec<u8>>)> {
    let mut changed = Vec::new();
    for (at, node) in proof.iter().enumerate() {
        for (name, other) in nodes(node) {
            let mut nodes = proof.to_vec();
            let header = refit(&record.header, &mut nodes, at, other);
            changed.push((
                format!("node {at}: {name}, hashes made to fit"),
                header,
                nodes,
            ));
        }
    }
    let header = || record.header.clone();
    let (first, last) = (&proof[0], &proof[proof.len() - 1]);
    for (name, nodes) in [
        ("a node more", [proof, std::slice::from_ref(last)].concat()),
        (
            "the root twice",
            [std::slice::from_ref(first), proof].concat(),
        ),
        ("an empty node behind", [proof, &[vec![0xc0]]].concat()),
        ("without the last", proof[..proof.len() - 1].to_vec()),
        ("without the first", proof[1..].to_vec()),
        ("reversed", proof.iter().rev().cloned().collect()),
    ] {
        // Evidence has one node or more.
        if !nodes.is_empty() {
            changed.push((name.to_owned(), header(), nodes));
        }
    }
    changed
}

fn nodes(node: &[u8]) -> Vec<(String, Vec<u8>)> {
    let items = items(node);
    let mut changed = lists(node);
    if items.len() == 2 {
        let path = Item::parse(&items[0]).and_then(|item| item.bytes().map(<[u8]>::to_vec));
        let path = path.expect("a path");
        for (name, flags) in [
            ("even extension", 0x00),
            ("odd extension", 0x17),
            ("even leaf", 0x20),
            ("unused nibble", 0x2f),
            ("odd leaf", 0x37),
            ("no flags", 0x40),
            ("all flags", 0xf0),
        ] {
            let path = [&[flags], path.get(1..).unwrap_or_default()].concat();
            let other = encode_list(&[encode_bytes(&path), items[1].clone()]);
            changed.push((name.to_owned(), other));
        }
    } else {
        let mut with_value = items.clone();
        with_value[16] = encode_bytes(b"a value");
        changed.push(("a value in a branch".to_owned(), encode_list(&with_value)));
        let mut only = vec![vec![0x80]; 17];
        if let Some((at, child)) = items.iter().enumerate().find(|(_, item)| item.len() > 1) {
            only[at].clone_from(child);
        }
        changed.push(("one child".to_owned(), encode_list(&only)));
        let childless = vec![vec![0x80]; 17];
        changed.push(("no child".to_owned(), encode_list(&childless)));
        let leaf = encode_list(&[encode_bytes(&[0x31]), encode_bytes(b"v")]);
        let mut inline = items.clone();
        inline[15].clone_from(&leaf);
        inline[14] = encode_list(&[encode_bytes(&[0x00]), leaf]);
        changed.push((
            "an extension to a leaf within".to_owned(),
            encode_list(&inline),
        ));
    }
    changed
}

/// Puts a node in its place; whatever names the one before names this one then, up to the header.
fn refit(header: &[u8], nodes: &mut [Vec<u8>], at: usize, node: Vec<u8>) -> Vec<u8> {
    let (mut before, mut after) = (keccak256(&nodes[at]), keccak256(&node));
    nodes[at] = node;
    for above in nodes[..at].iter_mut().rev() {
        let hash = keccak256(above);
        replace(above, &before, &after);
        (before, after) = (hash, keccak256(above));
    }
    let mut header = header.to_vec();
    replace(&mut header, &before, &after);
    header
}

fn replace(bytes: &mut [u8], from: &[u8; 32], to: &[u8; 32]) {
    if let Some(at) = bytes.windows(32).position(|window| window == from) {
        bytes[at..at + 32].copy_from_slice(to);
    }
}
