//! Receipts against vectors made by others.

mod common;
mod formats;

use counterfoil_tests::vectors_dir;
use std::collections::BTreeMap;

use counterfoil_tiles::checkpoint::{LogKey, Origin, SignedCheckpoint};
use counterfoil_tiles::hash::{LeafHash, hash_leaf};
use counterfoil_tiles::note::Note;
use counterfoil_tiles::policy::Policy;
use counterfoil_tiles::receipt::{Receipt, ReceiptError};
use serde::Deserialize;

fn leaf_hash(text: &str) -> LeafHash {
    LeafHash::from_bytes(formats::from_base64(text).try_into().unwrap())
}

#[derive(Deserialize)]
struct Sumdb {
    bundle: String,
    index: u64,
    leaf: String,
    leaf_hash: String,
    log_vkey: String,
    origin: String,
    overall: String,
    size: u64,
}

/// The Go checksum database signs under another name than its origin, so its key is given with the origin.
fn sumdb_key(row: &Sumdb) -> LogKey {
    LogKey::for_origin(
        Origin::new(row.origin.clone()).unwrap(),
        formats::vkey(&row.log_vkey),
    )
}

#[test]
fn receipts_of_the_go_checksum_database() {
    let Some(dir) = vectors_dir() else {
        return;
    };
    let rows = common::json_lines::<Sumdb>(&dir, "proof/sumdb.jsonl");
    for row in &rows {
        assert_eq!(row.overall, "accept");
        let receipt = Receipt::parse(row.bundle.as_bytes()).unwrap();
        assert_eq!(receipt.to_string(), row.bundle);
        assert_eq!(
            (receipt.index().get(), receipt.checkpoint().size().get()),
            (row.index, row.size)
        );
        let leaf = hash_leaf(row.leaf.as_bytes());
        assert_eq!(leaf, leaf_hash(&row.leaf_hash));
        SignedCheckpoint::verify(receipt.note().clone(), [&sumdb_key(row)]).unwrap();
        receipt.check_inclusion(&leaf).unwrap();
        receipt
            .check_inclusion(&hash_leaf(b"another record"))
            .unwrap_err();
        // Without being told that this key signs for that origin, nobody may accept it.
        let policy = Policy::without_quorum([formats::vkey(&row.log_vkey)]).unwrap();
        let checks = receipt.check(&leaf, &policy);
        assert!(checks.origin.is_err() && checks.log_signature.is_err() && checks.quorum.is_err());
        assert!(checks.inclusion.is_ok() && !checks.passed());
    }
}

#[test]
fn the_receipt_file_of_a_go_record() {
    let Some(dir) = vectors_dir() else {
        return;
    };
    let rows = common::json_lines::<Sumdb>(&dir, "proof/sumdb.jsonl");
    let name = "proof/go.sum-database-tree-43930254";
    let bytes = std::fs::read(dir.join(format!("{name}.tlog-proof"))).unwrap();
    let receipt = Receipt::parse(&bytes).unwrap();
    assert_eq!(receipt.to_string().as_bytes(), bytes);
    let entry = std::fs::read(dir.join(format!("{name}.raw"))).unwrap();
    SignedCheckpoint::verify(receipt.note().clone(), [&sumdb_key(&rows[0])]).unwrap();
    receipt.check_inclusion(&hash_leaf(&entry)).unwrap();
}

#[derive(Deserialize)]
struct PartRow {
    name: String,
    bundle: String,
    proof_part: String,
}

/// Those rows end in texts that are no checkpoints; a real one is put in their place.
#[test]
fn the_part_before_the_checkpoint() {
    let Some(dir) = vectors_dir() else {
        return;
    };
    let checkpoint = "example.com/foo\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— example.com/foo AAAAAAA=\n";
    for row in common::json_lines::<PartRow>(&dir, "proof/formats-parse.jsonl") {
        let bundle = match row.bundle.rsplit_once("\n\n") {
            Some((before, _)) => format!("{before}\n\n{checkpoint}"),
            None => row.bundle.clone(),
        };
        let parsed = Receipt::parse(bundle.as_bytes());
        assert_eq!(
            parsed.is_ok(),
            row.proof_part == "accept",
            "{}: {parsed:?}",
            row.name
        );
        if row.proof_part == "accept" {
            let error = Receipt::parse(row.bundle.as_bytes()).unwrap_err();
            assert!(
                matches!(error, ReceiptError::Note(_)),
                "{}: {error}",
                row.name
            );
        }
    }
}

#[derive(Deserialize)]
struct Keys {
    set: String,
    log_vkey: String,
    cosigner_vkeys: Vec<String>,
}

#[derive(Deserialize)]
struct Row {
    set: String,
    mutation: String,
    bundle_b64: String,
    leaf_hash: String,
    quorum: usize,
    overall: String,
    spec: Option<String>,
}

/// Rows where the text leaves the verdict open: ours, and why.
const OPEN: [(&str, bool, &str); 2] = [
    // SPEC(tlog-proof): "If no extra data is present, this line is omitted."
    (
        "empty extra line",
        false,
        "no extra data, yet the line is there",
    ),
    (
        "hash base64 not canonical",
        false,
        "one spelling (RFC 4648, section 3.5 allows to reject others)",
    ),
];

fn expected(row: &Row) -> bool {
    if let Some(spec) = row.spec.as_deref().filter(|spec| !spec.is_empty()) {
        return spec == "accept";
    }
    let open = OPEN.iter().find(|(mutation, ..)| *mutation == row.mutation);
    open.unwrap_or_else(|| panic!("no verdict for {:?}", row.mutation))
        .1
}

/// The log and its three cosigners, of which a number must have cosigned.
fn policy(keys: &Keys, quorum: usize) -> Policy {
    let names: Vec<String> = (1..=keys.cosigner_vkeys.len())
        .map(|number| format!("w{number}"))
        .collect();
    let witnesses: Vec<String> = names
        .iter()
        .zip(&keys.cosigner_vkeys)
        .map(|(name, vkey)| format!("witness {name} {vkey}\n"))
        .collect();
    let text = format!(
        "log {}\n{}group g {quorum} {}\nquorum g\n",
        keys.log_vkey,
        witnesses.concat(),
        names.join(" ")
    );
    Policy::parse(text.as_bytes()).unwrap()
}

#[test]
fn generated_receipts() {
    let Some(dir) = vectors_dir() else {
        return;
    };
    let keys = common::json_lines::<Keys>(&dir, "generated/keys.jsonl");
    let keys: BTreeMap<&str, &Keys> = keys.iter().map(|keys| (keys.set.as_str(), keys)).collect();
    let rows = common::json_lines::<Row>(&dir, "generated/tlogproofs.jsonl");
    let mut differences = BTreeMap::new();
    for row in &rows {
        let policy = policy(keys[row.set.as_str()], row.quorum);
        let bytes = formats::from_base64(&row.bundle_b64);
        let leaf = leaf_hash(&row.leaf_hash);
        let verdict = match Receipt::parse(&bytes) {
            Err(error) => Err(error.to_string()),
            Ok(receipt) => {
                assert_eq!(receipt.to_string().as_bytes(), bytes, "{}", row.mutation);
                let verified = receipt.verify(&leaf, &policy);
                assert_eq!(
                    receipt.check(&leaf, &policy).passed(),
                    verified.is_ok(),
                    "{}",
                    row.mutation
                );
                if let Ok(verified) = &verified {
                    assert_eq!(
                        (verified.leaf(), verified.index()),
                        (&leaf, receipt.index())
                    );
                    assert_eq!(verified.checkpoint().note(), receipt.note());
                    assert!(verified.checkpoint().cosignatures().len() >= row.quorum);
                }
                verified.map(|_| ()).map_err(|error| error.to_string())
            }
        };
        assert_eq!(
            verdict.is_ok(),
            expected(row),
            "{}: {verdict:?}",
            row.mutation
        );
        if verdict.is_ok() != (row.overall == "accept") {
            *differences.entry(row.mutation.as_str()).or_insert(0) += 1;
        }
    }
    // formats v0.1.1 reads lines with Go's Scanner and decodes base64 loosely.
    let known = [
        "CRLF line ends everywhere",
        "CRLF line ends in the proof part only",
        "carriage return inside hash base64",
        "empty extra line",
        "final newline missing",
        "hash base64 not canonical",
        "index with leading zero",
    ];
    println!("differences to formats: {differences:#?}");
    assert!(
        differences.keys().all(|mutation| known.contains(mutation)),
        "{differences:?}"
    );
}

#[test]
fn the_rest_of_a_receipt_is_its_checkpoint_verbatim() {
    let Some(dir) = vectors_dir() else {
        return;
    };
    for row in common::json_lines::<Sumdb>(&dir, "proof/sumdb.jsonl") {
        let receipt = Receipt::parse(row.bundle.as_bytes()).unwrap();
        // SPEC(tlog-proof): "After the inclusion proof lines and an empty line, the checkpoint issued by the log is
        // included verbatim, according to [tlog-checkpoint][]."
        assert!(row.bundle.ends_with(&format!("\n\n{}", receipt.note())));
        assert_eq!(
            Note::parse(receipt.note().as_bytes()).unwrap(),
            *receipt.note()
        );
    }
}
