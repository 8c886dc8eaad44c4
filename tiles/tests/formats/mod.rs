//! What the tests of the signed formats share.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary compiles this module and uses a part of it"
)]

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use counterfoil_tiles::key::{KeyRing, Vkey};

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
