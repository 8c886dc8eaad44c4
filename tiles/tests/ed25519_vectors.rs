//! Ed25519 against vectors made by others: which signatures and which keys are accepted.

mod common;
mod formats;

use counterfoil_tests::vectors_dir;
use std::collections::BTreeSet;

use aws_lc_rs::signature::{ED25519, ParsedPublicKey};
use counterfoil_tiles::key::KeyError;
use counterfoil_tiles::key::ed25519::{PublicKey, WeakPoint};
use serde::Deserialize;

#[derive(Deserialize)]
struct Cctv {
    go_1_26_8_crypto_ed25519_accepts: BTreeSet<usize>,
    vectors: Vec<CctvRow>,
}

#[derive(Deserialize)]
struct CctvRow {
    number: usize,
    key: String,
    sig: String,
    msg: String,
    flags: Option<Vec<String>>,
}

impl CctvRow {
    fn key(&self) -> [u8; 32] {
        bytes32(&self.key)
    }

    fn has(&self, flag: &str) -> bool {
        self.flags.iter().flatten().any(|known| known == flag)
    }
}

fn bytes32(text: &str) -> [u8; 32] {
    hex::decode(text).unwrap().try_into().unwrap()
}

fn cctv() -> Option<Cctv> {
    Some(formats::json(&vectors_dir()?, "ed25519/cctv.json"))
}

#[test]
fn signatures_are_accepted_exactly_where_go_accepts_them() {
    let Some(cctv) = cctv() else { return };
    assert_eq!(cctv.vectors.len(), 914);
    assert_eq!(cctv.go_1_26_8_crypto_ed25519_accepts.len(), 208);
    for row in &cctv.vectors {
        let signature = hex::decode(&row.sig).unwrap();
        let accepted = PublicKey::decode(&row.key())
            .is_some_and(|key| key.verify(row.msg.as_bytes(), &signature).is_ok());
        let go = cctv.go_1_26_8_crypto_ed25519_accepts.contains(&row.number);
        assert_eq!(accepted, go, "row {}, flags {:?}", row.number, row.flags);
    }
}

#[test]
fn keys_that_no_honest_signer_has_are_refused_when_loaded() {
    let Some(cctv) = cctv() else { return };
    for row in &cctv.vectors {
        let weak = row.has("low_order_A") || row.has("non_canonical_A");
        assert_eq!(
            PublicKey::load(&row.key()).is_err(),
            weak,
            "row {}, flags {:?}",
            row.number,
            row.flags
        );
    }
}

/// The encodings of y + p for the 19 values of y that leave room for it in 255 bits. The vectors' non-canonical keys are all
/// of small order; some of these are not.
#[test]
fn keys_in_non_canonical_form_are_refused_whatever_their_order() {
    let mut strong = 0;
    for (y, sign) in (0..19_u8).flat_map(|y| [(y, 0x7f), (y, 0xff)]) {
        let mut encoding = [0xff; 32];
        encoding[0] = 0xed + y;
        encoding[31] = sign;
        let Some(_) = PublicKey::decode(&encoding) else {
            continue;
        };
        let refused = PublicKey::load(&encoding);
        assert_eq!(
            refused,
            Err(KeyError::WeakPoint(WeakPoint::NotCanonical)),
            "y = {y}"
        );
        // The same point as it should be written.
        let mut canonical = [0; 32];
        canonical[0] = y;
        canonical[31] = sign & 0x80;
        strong += usize::from(PublicKey::load(&canonical).is_ok());
    }
    assert!(strong > 0, "no key but those of small order");
}

/// Why the crate verifies with ed25519-dalek (docs/decisions/0002-signatures.md).
#[test]
fn aws_lc_rs_differs_from_go_on_non_canonical_keys_only() {
    let Some(cctv) = cctv() else { return };
    let differs = |row: &&CctvRow| {
        let accepted = ParsedPublicKey::new(&ED25519, row.key()).is_ok_and(|key| {
            key.verify_sig(row.msg.as_bytes(), &hex::decode(&row.sig).unwrap())
                .is_ok()
        });
        accepted != cctv.go_1_26_8_crypto_ed25519_accepts.contains(&row.number)
    };
    let different: Vec<_> = cctv.vectors.iter().filter(differs).collect();
    assert_eq!(different.len(), 36);
    assert!(different.iter().all(|row| row.has("non_canonical_A")));
}

#[derive(Deserialize)]
struct Wycheproof {
    #[serde(rename = "testGroups")]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(rename = "publicKey")]
    public_key: Point,
    tests: Vec<WycheproofRow>,
}

#[derive(Deserialize)]
struct Point {
    pk: String,
}

#[derive(Deserialize)]
struct WycheproofRow {
    #[serde(rename = "tcId")]
    id: u32,
    comment: String,
    msg: String,
    sig: String,
    result: String,
}

#[test]
fn wycheproof_signatures() {
    let Some(dir) = vectors_dir() else {
        return;
    };
    let file: Wycheproof = formats::json(&dir, "wycheproof/ed25519_test.json");
    let mut rows = 0;
    for group in &file.groups {
        let key = PublicKey::load(&bytes32(&group.public_key.pk)).unwrap();
        for row in &group.tests {
            rows += 1;
            let accepted = key
                .verify(
                    &hex::decode(&row.msg).unwrap(),
                    &hex::decode(&row.sig).unwrap(),
                )
                .is_ok();
            assert_eq!(
                accepted,
                row.result == "valid",
                "test {} {}",
                row.id,
                row.comment
            );
        }
    }
    assert_eq!(rows, 151);
}
