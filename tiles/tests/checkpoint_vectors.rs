//! Checkpoints, their signatures and cosignatures against vectors made by others.

mod common;
mod formats;

use counterfoil_tests::vectors_dir;
use std::collections::BTreeMap;

use counterfoil_tiles::checkpoint::{
    Checkpoint, CheckpointError, LogKey, Origin, SignedCheckpoint,
};
use counterfoil_tiles::cosignature::verify_subtree;
use counterfoil_tiles::hash::NodeHash;
use counterfoil_tiles::key::Vkey;
use counterfoil_tiles::note::{Note, NoteError, VerifiedSignature};
use counterfoil_tiles::proof::Subtree;
use serde::Deserialize;

#[derive(Deserialize)]
struct Keys {
    set: String,
    origin: String,
    log_vkey: String,
    cosigner_vkeys: Vec<String>,
}

fn keys(dir: &std::path::Path) -> BTreeMap<String, Keys> {
    common::json_lines::<Keys>(dir, "generated/keys.jsonl")
        .into_iter()
        .map(|keys| (keys.set.clone(), keys))
        .collect()
}

#[derive(Deserialize)]
struct TextRow {
    name: String,
    #[serde(rename = "body")]
    text: String,
    spec: String,
}

#[test]
fn checkpoint_texts() {
    let Some(dir) = vectors_dir() else {
        return;
    };
    for row in common::json_lines::<TextRow>(&dir, "checkpoint/bodies.jsonl") {
        assert_eq!(
            Checkpoint::parse(&row.text).is_ok(),
            row.spec == "accept",
            "{}",
            row.name
        );
    }
}

/// Files of the index whose text formats takes for a checkpoint and the specification does not.
#[test]
fn texts_of_public_checkpoints() {
    let Some(dir) = vectors_dir() else {
        return;
    };
    let dir = dir.join("checkpoint");
    let mut refused = BTreeMap::new();
    let rows = formats::table(&dir, "INDEX.tsv");
    assert!(rows.len() >= 267, "{} rows", rows.len());
    for row in rows {
        let note = Note::parse(&std::fs::read(dir.join(&row["file"])).unwrap()).unwrap();
        match Checkpoint::parse(note.text()) {
            Ok(checkpoint) => {
                assert_eq!(checkpoint.to_string(), note.text());
                assert_eq!(checkpoint.origin().as_str(), row["origin"]);
                assert_eq!(checkpoint.size().to_string(), row["size"]);
                assert_eq!(
                    checkpoint.extensions().is_empty(),
                    row["checkpoint"] == "yes",
                    "{}",
                    row["file"]
                );
            }
            // SPEC(tlog-checkpoint): "The third line is the **root hash**, the base64 encoding of the root of the [RFC
            // 6962] Merkle hash tree at the specified tree size." Those are test texts with roots like "bananas".
            Err(CheckpointError::Root { found }) => {
                *refused.entry(found).or_insert(0) += 1;
            }
            // SPEC(tlog-checkpoint): "Extension lines, if any, MUST be non-empty."
            Err(CheckpointError::Extension) => {
                *refused
                    .entry("empty extension line".to_owned())
                    .or_insert(0) += 1;
            }
            Err(error) => panic!("{}: {error}", row["file"]),
        }
    }
    println!("refused: {refused:#?}");
    for root in refused.keys() {
        assert_ne!(root.len(), 44, "{root}: a root of 32 bytes");
    }
}

#[derive(Deserialize)]
struct Row {
    set: String,
    mutation: String,
    note_b64: String,
    origin: String,
    parse_checkpoint: String,
    verified_signers: Option<Vec<String>>,
    cosignature_timestamps: Option<BTreeMap<String, u64>>,
    spec: Option<String>,
}

/// Rows where the text leaves the verdict open: ours, and why.
const OPEN: [(&str, bool, &str); 9] = [
    ("size 2^63, signed", true, "sizes are 64-bit integers"),
    ("size 2^64-1, signed", true, "sizes are 64-bit integers"),
    ("size 2^64, signed", false, "sizes are 64-bit integers"),
    (
        "root base64 not canonical, signed",
        false,
        "one spelling (RFC 4648, section 3.5 allows to reject others)",
    ),
    ("log signature base64 not canonical", false, "one spelling"),
    // SPEC(signed-note): "If a signature from a known key fails to verify, clients SHOULD reject the whole note."
    (
        "good then bad log signature",
        false,
        "a known key's bad signature spoils the note",
    ),
    (
        "bad then good log signature",
        false,
        "a known key's bad signature spoils the note",
    ),
    // SPEC(signed-note): "Verifiers SHOULD apply a maximum limit to the number of signatures in a note (or,
    // equivalently, to the overall size of a note), but MUST accept at least up to 16 signatures."
    ("101 signatures", false, "the limit is 100"),
    // SPEC(signed-note): "Key names MUST be non-empty and MUST NOT contain any Unicode spaces or plus (U+002B)
    // characters."
    (
        "unknown signature with plus in name",
        false,
        "the note is malformed whoever signed",
    ),
];

/// The specification's verdict, or ours where it has none.
fn expected(row: &Row) -> bool {
    if let Some(spec) = row.spec.as_deref().filter(|spec| !spec.is_empty()) {
        return spec == "accept";
    }
    let open = OPEN.iter().find(|(mutation, ..)| *mutation == row.mutation);
    open.unwrap_or_else(|| panic!("no verdict for {:?}", row.mutation))
        .1
}

/// Verifies as the recorded call of formats did: the log's key, the expected origin, all cosigners known.
fn verify(
    row: &Row,
    keys: &Keys,
) -> Result<(SignedCheckpoint, Vec<VerifiedSignature>), CheckpointError> {
    let note = Note::parse(&formats::from_base64(&row.note_b64))?;
    // One row expects the empty origin, which no log can have.
    let origin = Origin::new(row.origin.clone()).or_else(|_| Origin::new(keys.origin.clone()))?;
    let log = LogKey::for_origin(origin, formats::vkey(&keys.log_vkey));
    let signed = SignedCheckpoint::verify(note, [&log])?;
    let cosigners = formats::ring(keys.cosigner_vkeys.iter().map(String::as_str));
    match signed.note().verify(&cosigners) {
        Ok(cosignatures) => Ok((signed, cosignatures)),
        Err(NoteError::NoKnownSignature) => Ok((signed, Vec::new())),
        Err(error) => Err(error.into()),
    }
}

#[test]
fn generated_checkpoints() {
    let Some(dir) = vectors_dir() else {
        return;
    };
    let keys = keys(&dir);
    let mut differences = BTreeMap::new();
    let rows = common::json_lines::<Row>(&dir, "generated/checkpoints.jsonl");
    for row in &rows {
        let result = verify(row, &keys[&row.set]);
        let said = result.as_ref().map(|_| ()).map_err(ToString::to_string);
        assert_eq!(result.is_ok(), expected(row), "{}: {said:?}", row.mutation);
        if result.is_ok() != (row.parse_checkpoint == "accept") {
            *differences.entry(row.mutation.as_str()).or_insert(0) += 1;
        }
        if let Ok((signed, cosignatures)) = &result {
            check_signers(row, signed, cosignatures);
        }
    }
    // Where formats v0.1.1 accepts what the specification forbids, or what this crate refuses (see `expected`).
    let known = [
        "good then bad log signature",
        "log signature base64 not canonical",
        "root base64 not canonical, signed",
        "root of 31 bytes, signed",
        "root of 33 bytes, signed",
        "size 00, signed",
        "size with leading zero, signed",
    ];
    println!("differences to formats: {differences:#?}");
    assert!(
        differences.keys().all(|mutation| known.contains(mutation)),
        "{differences:?}"
    );
}

fn check_signers(row: &Row, signed: &SignedCheckpoint, cosignatures: &[VerifiedSignature]) {
    let all = || signed.log_signatures().iter().chain(cosignatures);
    if let Some(signers) = &row.verified_signers {
        let mut ours: Vec<_> = all()
            .map(|signature| format!("{}+{}", signature.name, signature.key_id))
            .collect();
        let mut theirs = signers.clone();
        for names in [&mut ours, &mut theirs] {
            names.sort();
            names.dedup();
        }
        assert_eq!(ours, theirs, "{}", row.mutation);
    }
    for (signer, seconds) in row.cosignature_timestamps.iter().flatten() {
        let mut by_it = all().filter(|signature| {
            signature.name.as_str() == signer
                || format!("{}+{}", signature.name, signature.key_id) == *signer
        });
        assert!(
            by_it.any(|signature| signature
                .timestamp
                .is_some_and(|timestamp| timestamp.seconds() == *seconds)),
            "{}: {signer} at {seconds}",
            row.mutation
        );
    }
}

#[derive(Deserialize)]
struct SubtreeRow {
    set: String,
    mutation: String,
    origin: String,
    start: u64,
    end: u64,
    hash: String,
    timestamp: u64,
    sig: String,
    verdict: String,
}

#[test]
fn generated_subtree_cosignatures() {
    let Some(dir) = vectors_dir() else {
        return;
    };
    let keys = keys(&dir);
    let rows = common::json_lines::<SubtreeRow>(&dir, "generated/subtree-cosignatures.jsonl");
    for row in &rows {
        let vkeys: Vec<Vkey> = keys[&row.set]
            .cosigner_vkeys
            .iter()
            .map(|text| formats::vkey(text))
            .collect();
        let key = vkeys
            .iter()
            .find(|key| key.algorithm().byte() == 0x06)
            .unwrap();
        let origin = Origin::new(row.origin.clone()).unwrap();
        let hash = NodeHash::from_bytes(formats::from_base64(&row.hash).try_into().unwrap());
        let signature = formats::from_base64(&row.sig);
        let verified = Subtree::new(row.start, row.end)
            .ok()
            .and_then(|subtree| verify_subtree(key, &origin, subtree, &hash, &signature).ok());
        assert_eq!(
            verified.is_some(),
            row.verdict == "accept",
            "{} [{}, {})",
            row.mutation,
            row.start,
            row.end
        );
        if let Some(timestamp) = verified {
            assert_eq!(timestamp.seconds(), row.timestamp);
        }
        // The same bytes say nothing about a key of another type.
        let other = vkeys
            .iter()
            .find(|key| key.algorithm().byte() == 0x04)
            .unwrap();
        let subtree = Subtree::whole(counterfoil_tiles::hash::TreeSize::new(row.end));
        assert!(verify_subtree(other, &origin, subtree, &hash, &signature).is_err());
    }
}
