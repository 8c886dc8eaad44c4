//! What the tests of the signed formats share.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary compiles this module and uses a part of it"
)]

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use counterfoil_tiles::checkpoint::{Checkpoint, Origin};
use counterfoil_tiles::cosignature::{Timestamp, cosign_checkpoint, sign_as_log};
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use counterfoil_tiles::key::{Algorithm, KeyName, KeyRing, Seed, SigningKey, Vkey};
use counterfoil_tiles::note::{Note, SignatureLine};

/// Standard base64, which the vectors use.
pub fn from_base64(text: &str) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The rows of a table with a header line, by column name; panics where there are none.
pub fn table(dir: &Path, file: &str) -> Vec<BTreeMap<String, String>> {
    let path = dir.join(file);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut lines = text.lines().map(|line| line.split('\t').map(str::to_owned));
    let header: Vec<String> = lines.next().expect("a header line").collect();
    let rows: Vec<_> = lines
        .map(|cells| header.iter().cloned().zip(cells).collect())
        .collect();
    assert!(!rows.is_empty(), "{} has no rows", path.display());
    rows
}

/// A JSON document.
pub fn json<T: serde::de::DeserializeOwned>(dir: &Path, file: &str) -> T {
    let path = dir.join(file);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn vkey(text: &str) -> Vkey {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub fn ring<'a>(vkeys: impl IntoIterator<Item = &'a str>) -> KeyRing {
    KeyRing::new(vkeys.into_iter().map(vkey)).expect("no two keys of one name and ID")
}

/// A key that is always the same for the same arguments.
pub fn signing_key(name: &str, algorithm: Algorithm, seed: u8) -> SigningKey {
    SigningKey::from_seed(
        KeyName::new(name).unwrap(),
        algorithm,
        &Seed::new([seed; 32]),
    )
    .unwrap()
}

pub const ORIGIN: &str = "log.example/one";

pub fn log_key() -> SigningKey {
    signing_key(ORIGIN, Algorithm::Ed25519, 1)
}

/// An Ed25519 cosigner; its seed is far from the log's.
pub fn witness(number: u8) -> SigningKey {
    signing_key(
        &format!("witness.example/{number}"),
        Algorithm::CosignatureV1,
        100 + number,
    )
}

/// An ML-DSA-44 cosigner.
pub fn pq_witness(number: u8) -> SigningKey {
    signing_key(
        &format!("pq.example/{number}"),
        Algorithm::MlDsa44,
        200 + number,
    )
}

pub fn checkpoint(size: u64) -> Checkpoint {
    let root = NodeHash::from_bytes([size.to_le_bytes()[0]; 32]);
    Checkpoint::new(Origin::new(ORIGIN).unwrap(), TreeSize::new(size), root)
}

pub fn signed(checkpoint: &Checkpoint) -> SignatureLine {
    sign_as_log(&log_key(), checkpoint).unwrap()
}

pub fn cosigned(key: &SigningKey, checkpoint: &Checkpoint, seconds: u64) -> SignatureLine {
    cosign_checkpoint(key, checkpoint, Timestamp::new(seconds).unwrap()).unwrap()
}

pub fn note(checkpoint: &Checkpoint, signatures: Vec<SignatureLine>) -> Note {
    Note::new(&checkpoint.to_string(), signatures).unwrap()
}

pub fn ring_of<'a>(keys: impl IntoIterator<Item = &'a SigningKey>) -> KeyRing {
    KeyRing::new(keys.into_iter().map(|key| key.vkey().clone())).unwrap()
}
