//! Signed notes and verifier keys against vectors made by others.

mod common;
mod formats;

use counterfoil_tests::vectors_dir;
use std::collections::{BTreeMap, BTreeSet};

use counterfoil_tiles::key::{Algorithm, KeyError, KeyRing, Vkey};
use counterfoil_tiles::note::{Note, NoteError};
use serde::Deserialize;

/// What the index says of one signature: name, key ID, algorithm and result.
struct Claim {
    name: String,
    key_id: String,
    result: String,
}

fn claims(column: &str) -> Vec<Claim> {
    let claim = |text: &str| {
        let mut parts = text.rsplitn(3, ' ').map(str::to_owned);
        let (result, key_id, name) = (parts.next(), parts.next(), parts.next());
        Claim {
            name: name.unwrap(),
            key_id: key_id.unwrap(),
            result: result.unwrap(),
        }
    };
    column
        .split("; ")
        .filter(|text| !text.is_empty())
        .map(claim)
        .collect()
}

/// The keys of one row and of its folder that are of a type this crate knows.
fn known_keys(row: &BTreeMap<String, String>, folder: &[BTreeMap<String, String>]) -> KeyRing {
    let of_row = row["vkeys"].split(' ').filter(|text| !text.is_empty());
    let of_folder = folder.iter().map(|row| row["vkey"].as_str());
    let keys = of_row
        .chain(of_folder)
        .filter_map(|text| match text.parse::<Vkey>() {
            Ok(key) => Some(key),
            Err(KeyError::UnknownAlgorithm(0x02 | 0x05)) => None,
            Err(error) => panic!("{text}: {error}"),
        });
    // The index gives cosigners' keys as type 0x01; their signature lines are of type 0x04.
    let as_cosigner = |key: &Vkey| {
        let of_type_1 = key.algorithm() == Algorithm::Ed25519;
        let cosigner = || {
            Vkey::new(
                key.name().clone(),
                Algorithm::CosignatureV1,
                key.public_key().as_bytes(),
            )
        };
        of_type_1.then(|| cosigner().unwrap())
    };
    let keys: Vec<Vkey> = keys.collect();
    let cosigners: Vec<Vkey> = keys.iter().filter_map(as_cosigner).collect();
    KeyRing::new(keys.into_iter().chain(cosigners)).unwrap()
}

fn check_folder(folder: &str) -> BTreeMap<String, usize> {
    let Some(dir) = vectors_dir() else {
        return BTreeMap::new();
    };
    let dir = dir.join(folder);
    let keys = formats::table(&dir, "keys.tsv");
    let mut seen = BTreeMap::new();
    for row in formats::table(&dir, "INDEX.tsv") {
        let file = &row["file"];
        *seen.entry(row["verdict"].clone()).or_default() += 1;
        let bytes = std::fs::read(dir.join(file)).unwrap();
        let note = match Note::parse(&bytes) {
            Ok(note) => note,
            Err(error) => {
                assert_eq!(row["verdict"], "malformed", "{file}: {error}");
                continue;
            }
        };
        assert_ne!(row["verdict"], "malformed", "{file}");
        assert_eq!(note.as_bytes(), bytes, "{file}");
        let rebuilt = Note::new(note.text(), note.signatures().to_vec()).unwrap();
        assert_eq!(rebuilt, note, "{file}");

        let claims = claims(&row["sigs"]);
        let lines = note
            .signatures()
            .iter()
            .map(|line| (line.name().to_string(), line.key_id().to_string()));
        let claimed = claims
            .iter()
            .map(|claim| (claim.name.clone(), claim.key_id.clone()));
        assert!(lines.eq(claimed), "{file}: names and key IDs");

        // Types 0x02 and 0x05 are unknown here, so such signatures are ignored whatever they are.
        let ours = claims
            .iter()
            .filter(|claim| claim.result.starts_with("ed25519"));
        let (good, bad): (Vec<_>, Vec<_>) = ours.partition(|claim| claim.result.ends_with("=good"));
        match note.verify(&known_keys(&row, &keys)) {
            Err(NoteError::BadSignature { name, .. }) => {
                assert!(
                    bad.iter().any(|claim| claim.name == name.as_str()),
                    "{file}"
                );
            }
            Err(NoteError::NoKnownSignature) => {
                assert!(good.is_empty() && bad.is_empty(), "{file}");
            }
            Err(error) => panic!("{file}: {error}"),
            Ok(verified) => {
                assert!(bad.is_empty(), "{file}");
                // Several lines of one key say as much as one.
                let of = |name: &str, key_id: &str| (name.to_owned(), key_id.to_owned());
                let claimed: BTreeSet<_> = good
                    .iter()
                    .map(|claim| of(&claim.name, &claim.key_id))
                    .collect();
                let verified: BTreeSet<_> = verified
                    .iter()
                    .map(|line| of(line.name.as_str(), &line.key_id.to_string()))
                    .collect();
                assert_eq!(verified, claimed, "{file}");
            }
        }
    }
    seen
}

#[test]
fn notes_from_public_repositories() {
    let seen = check_folder("note");
    if !seen.is_empty() {
        assert!(
            seen.values().sum::<usize>() >= 69
                && seen["valid"] >= 55
                && seen["malformed"] >= 9
                && seen["bad-signature"] >= 3,
            "{seen:?}"
        );
    }
}

#[test]
fn checkpoints_from_public_repositories() {
    let seen = check_folder("checkpoint");
    if !seen.is_empty() {
        assert!(
            seen.values().sum::<usize>() >= 267
                && seen["valid"] >= 247
                && seen["valid-partial"] >= 5
                && seen["unknown-key"] >= 12,
            "{seen:?}"
        );
    }
}

#[derive(Deserialize)]
struct GolangNote {
    name: String,
    vkeys: Vec<String>,
    verdict: String,
    note: Option<String>,
    note_hex: Option<String>,
}

#[test]
fn notes_of_golang_org_x_mod() {
    let Some(dir) = vectors_dir() else {
        return;
    };
    for row in common::json_lines::<GolangNote>(&dir, "note/golang-mod.jsonl") {
        let bytes = match (row.note, row.note_hex) {
            (Some(text), _) => text.into_bytes(),
            (None, Some(text)) => hex::decode(text).unwrap(),
            (None, None) => panic!("{}: no note", row.name),
        };
        let keys = formats::ring(row.vkeys.iter().map(String::as_str));
        let verdict = match Note::parse(&bytes).and_then(|note| note.verify(&keys)) {
            Ok(_) => "valid",
            Err(NoteError::BadSignature { .. }) => "bad-signature",
            Err(NoteError::NoKnownSignature) => "unknown-key",
            Err(_) => "malformed",
        };
        assert_eq!(verdict, row.verdict, "{}", row.name);
    }
}

#[derive(Deserialize)]
struct VkeyRow {
    name: String,
    vkey: String,
    x_mod: String,
    formats_cosigv1: String,
}

#[test]
fn verifier_keys() {
    let Some(dir) = vectors_dir() else {
        return;
    };
    let mut accepted = BTreeMap::<_, usize>::new();
    for row in common::json_lines::<VkeyRow>(&dir, "note/vkeys.jsonl") {
        match row.vkey.parse::<Vkey>() {
            Ok(key) => {
                assert_eq!(key.to_string(), row.vkey);
                // x/mod knows type 0x01 only; formats takes the other two, without looking at the key ID.
                let verdict = if key.algorithm() == Algorithm::Ed25519 {
                    row.x_mod
                } else {
                    row.formats_cosigv1
                };
                assert_eq!(verdict, "accept", "{} {}", row.name, row.vkey);
                *accepted.entry(key.algorithm()).or_default() += 1;
            }
            Err(error) => {
                assert_eq!(row.x_mod, "reject", "{} {}: {error}", row.name, row.vkey);
                // Cosigner keys of formats are taken with any key ID and any 32 bytes. The specification:
                // SPEC(signed-note): "The key name and ID MUST match those used in the signatures."
                if row.formats_cosigv1 == "accept" {
                    let strict = matches!(
                        error,
                        KeyError::KeyId { .. }
                            | KeyError::IdMismatch { .. }
                            | KeyError::WeakPoint(_)
                    );
                    assert!(strict, "{} {}: {error}", row.name, row.vkey);
                }
            }
        }
    }
    println!("accepted: {accepted:?}");
    assert!(accepted[&Algorithm::Ed25519] >= 100);
    assert!(accepted[&Algorithm::CosignatureV1] >= 4 && accepted[&Algorithm::MlDsa44] >= 3);
}
