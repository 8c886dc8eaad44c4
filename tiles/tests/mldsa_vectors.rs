//! ML-DSA-44 against vectors made by others: keys from seeds, and which signatures are accepted.
//!
//! This crate signs with fresh randomness in each signature (hedged signing, FIPS 204 section 3.4), because its library
//! offers nothing else. So it cannot be asked for the deterministic signatures that some vectors record. What is shown
//! instead: the public keys that seeds give, that the recorded signatures verify, and that the crate's own signatures
//! verify by another implementation (the `ml-dsa` crate). That the crate's signer would give the recorded bytes if it were
//! deterministic is not shown.

mod common;
mod formats;

use counterfoil_tests::vectors_dir;
use counterfoil_tiles::checkpoint::{Checkpoint, Origin};
use counterfoil_tiles::cosignature::{Timestamp, cosign_checkpoint, ml_dsa_message};
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use counterfoil_tiles::key::mldsa::PublicKey;
use counterfoil_tiles::key::{Algorithm, KeyError, KeyName, Seed, SigningKey};
use counterfoil_tiles::proof::Subtree;
use ml_dsa::{MlDsa44, Signature};
use serde::Deserialize;
use shake::{ExtendableOutput as _, Shake128, Update as _, XofReader as _};

#[derive(Deserialize)]
struct Wycheproof {
    #[serde(rename = "testGroups")]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(rename = "publicKey")]
    public_key: Option<String>,
    #[serde(rename = "privateSeed")]
    private_seed: Option<String>,
    tests: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "tcId")]
    id: u32,
    comment: String,
    msg: Option<String>,
    ctx: Option<String>,
    sig: String,
    result: String,
}

fn signing_key(seed: [u8; 32]) -> SigningKey {
    let name = KeyName::new("vectors.example").unwrap();
    SigningKey::from_seed(name, Algorithm::MlDsa44, &Seed::new(seed)).unwrap()
}

fn public_key(seed: [u8; 32]) -> Vec<u8> {
    signing_key(seed).vkey().public_key().as_bytes().to_vec()
}

fn verifies(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    PublicKey::load(key).is_ok_and(|key| key.verify(message, signature).is_ok())
}

#[test]
fn wycheproof_signatures() {
    let Some(dir) = vectors_dir() else {
        return;
    };
    let file: Wycheproof = formats::json(&dir, "wycheproof/mldsa_44_verify_test.json");
    let mut rows = 0;
    for group in &file.groups {
        let key = hex::decode(group.public_key.as_ref().unwrap()).unwrap();
        for row in &group.tests {
            rows += 1;
            let message = hex::decode(row.msg.as_ref().unwrap()).unwrap();
            // C2SP signs with the empty context, so a signature under another one is not valid here.
            let valid = row.result == "valid" && row.ctx.as_deref().is_none_or(str::is_empty);
            let accepted = verifies(&key, &message, &hex::decode(&row.sig).unwrap());
            assert_eq!(accepted, valid, "test {} {}", row.id, row.comment);
        }
    }
    assert_eq!(rows, 180);
}

#[test]
fn wycheproof_seeds_give_the_recorded_keys_and_their_signatures_verify() {
    let Some(dir) = vectors_dir() else {
        return;
    };
    let file: Wycheproof = formats::json(&dir, "wycheproof/mldsa_44_sign_seed_test.json");
    let (mut keys, mut signatures) = (0, 0);
    for group in &file.groups {
        let seed = hex::decode(group.private_seed.as_ref().unwrap()).unwrap();
        // A seed of another length is no `Seed`: the type refuses it.
        let Ok(seed) = <[u8; 32]>::try_from(seed) else {
            assert!(group.tests.iter().all(|row| row.result == "invalid"));
            continue;
        };
        let key = hex::decode(group.public_key.as_ref().unwrap()).unwrap();
        assert_eq!(public_key(seed), key);
        keys += 1;
        // Rows without a message give its hash with the key instead, which no verifier of messages can use.
        for row in &group.tests {
            let Some(message) = &row.msg else { continue };
            let valid = row.result == "valid" && row.ctx.as_deref().is_none_or(str::is_empty);
            let accepted = verifies(
                &key,
                &hex::decode(message).unwrap(),
                &hex::decode(&row.sig).unwrap(),
            );
            assert_eq!(accepted, valid, "test {} {}", row.id, row.comment);
            signatures += 1;
        }
    }
    println!("{keys} keys, {signatures} signatures");
    assert!(keys > 0 && signatures >= 70);
}

/// The library reads a `SubjectPublicKeyInfo` too; a vkey has the bare key, and nothing else has its key ID.
#[test]
fn a_key_has_one_encoding() {
    let bare = public_key([7; 32]);
    let header = "30820532300b06096086480165030403110382052100";
    let wrapped = [hex::decode(header).unwrap(), bare.clone()].concat();
    assert!(
        aws_lc_rs::signature::ParsedPublicKey::new(&aws_lc_rs::signature::ML_DSA_44, &wrapped)
            .is_ok()
    );
    assert!(PublicKey::load(&bare).is_ok());
    for bytes in [&wrapped[..], &bare[1..], &[&bare[..], &[0]].concat()] {
        let refused = PublicKey::load(bytes).unwrap_err();
        assert!(
            matches!(refused, KeyError::Length { found, .. } if found == bytes.len()),
            "{refused}"
        );
    }
}

#[derive(Deserialize)]
struct Accumulated {
    results: std::collections::BTreeMap<String, String>,
}

/// The recorded hashes cover the keys and deterministic signatures of 100 and of 10,000 seeds. Another implementation makes
/// them; where the hash agrees, they are the recorded ones, and this crate must derive the same keys and accept the
/// signatures. (The third record, of 60 million seeds, would take days.)
#[test]
fn accumulated_keys_agree_and_signatures_verify() {
    let Some(dir) = vectors_dir() else {
        return;
    };
    let recorded: Accumulated = formats::json(&dir, "mldsa/cctv-accumulated.json");
    let mut reader = Shake128::default().finalize_xof();
    let mut seeds = vec![[0; 32]; 10_000];
    for seed in &mut seeds {
        reader.read(seed);
    }

    let mut accumulated = Shake128::default();
    for (row, (key, signature)) in (1..).zip(in_parallel(&seeds, key_and_signature)) {
        accumulated.update(&key);
        accumulated.update(&signature);
        if let Some(expected) = recorded.results.get(&row.to_string()) {
            let mut hash = [0; 32];
            accumulated.clone().finalize_xof().read(&mut hash);
            assert_eq!(hex::encode(hash), *expected, "{row} rows");
        }
    }
    assert!(recorded.results.contains_key("100") && recorded.results.contains_key("10000"));
}

/// The public key as this crate derives it, and the other implementation's signature, which this crate accepts.
fn key_and_signature(seed: &[u8; 32]) -> (Vec<u8>, Vec<u8>) {
    let other = ml_dsa::SigningKey::<MlDsa44>::from_seed(&(*seed).into());
    let signature = other
        .expanded_key()
        .sign_deterministic(&[], &[])
        .unwrap()
        .encode()
        .to_vec();
    let key = public_key(*seed);
    assert!(
        verifies(&key, &[], &signature),
        "seed {}",
        hex::encode(seed)
    );
    (key, signature)
}

fn in_parallel<T: Sync, R: Send>(items: &[T], work: fn(&T) -> R) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let parts = items.chunks(items.len().div_ceil(threads));
        let running: Vec<_> = parts
            .map(|part| scope.spawn(move || part.iter().map(work).collect::<Vec<_>>()))
            .collect();
        running
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    })
}

#[test]
fn own_signatures_verify_by_another_implementation() {
    let origin = Origin::new("log.example").unwrap();
    let checkpoint = Checkpoint::new(
        origin.clone(),
        TreeSize::new(77),
        NodeHash::from_bytes([3; 32]),
    );
    for seed in 0..16 {
        let key = signing_key([seed; 32]);
        let timestamp = Timestamp::new(1_700_000_000 + u64::from(seed)).unwrap();
        let line = cosign_checkpoint(&key, &checkpoint, timestamp).unwrap();
        let whole = Subtree::whole(checkpoint.size());
        let message = ml_dsa_message(
            "vectors.example",
            timestamp,
            &origin,
            whole,
            checkpoint.root(),
        )
        .unwrap();
        let (seconds, signature) = line.signature().split_first_chunk::<8>().unwrap();
        assert_eq!(*seconds, timestamp.seconds().to_be_bytes());
        let other = ml_dsa::SigningKey::<MlDsa44>::from_seed(&[seed; 32].into());
        let signature = Signature::decode(signature.try_into().unwrap()).unwrap();
        assert!(other.expanded_key().verifying_key().verify_with_context(
            &message,
            &[],
            &signature
        ));
    }
}
