//! Signing and verifying: the libraries compared, and whole checkpoints and receipts.
//!
//! `cargo bench -p counterfoil-tiles --bench signatures`; what follows from it is in docs/decisions/0002-signatures.md.
#![allow(
    missing_docs,
    reason = "criterion's macros make public functions without documentation"
)]

use std::hint::black_box;

use aws_lc_rs::signature::{
    ED25519, Ed25519KeyPair, KeyPair as _, ML_DSA_44, ML_DSA_44_SIGNING, ParsedPublicKey,
    PqdsaKeyPair,
};
use counterfoil_tiles::checkpoint::{Checkpoint, Origin};
use counterfoil_tiles::cosignature::{Timestamp, cosign_checkpoint, sign_as_log};
use counterfoil_tiles::hash::{LeafIndex, NodeHash, TreeSize, hash_leaf};
use counterfoil_tiles::key::{Algorithm, KeyName, Seed, SigningKey, ed25519};
use counterfoil_tiles::note::Note;
use counterfoil_tiles::policy::Policy;
use counterfoil_tiles::proof::ProofError;
use counterfoil_tiles::receipt::Receipt;
use criterion::{Criterion, criterion_group, criterion_main};
use signature::{Signer as _, Verifier as _};

/// As long as the text of a usual checkpoint.
const MESSAGE: [u8; 100] = [b'm'; 100];

const SEED: [u8; 32] = [7; 32];

fn libraries(criterion: &mut Criterion) {
    let aws = Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap();
    let dalek = ed25519_dalek::SigningKey::from_bytes(&SEED);
    let signature = dalek.sign(&MESSAGE);
    let public_key = dalek.verifying_key();
    let parsed = ParsedPublicKey::new(&ED25519, aws.public_key().as_ref()).unwrap();

    let mut group = criterion.benchmark_group("ed25519");
    group.bench_function("sign aws-lc-rs (used)", |b| {
        b.iter(|| aws.sign(black_box(&MESSAGE)));
    });
    group.bench_function("sign dalek", |b| b.iter(|| dalek.sign(black_box(&MESSAGE))));
    group.bench_function("verify aws-lc-rs", |b| {
        b.iter(|| {
            parsed
                .verify_sig(black_box(&MESSAGE), &signature.to_bytes())
                .unwrap();
        });
    });
    group.bench_function("verify dalek (used)", |b| {
        b.iter(|| public_key.verify(black_box(&MESSAGE), &signature).unwrap());
    });
    group.bench_function("load key", |b| {
        b.iter(|| ed25519::PublicKey::load(black_box(public_key.as_bytes())).unwrap());
    });
    group.finish();

    let pair = PqdsaKeyPair::from_seed(&ML_DSA_44_SIGNING, &SEED).unwrap();
    let parsed = ParsedPublicKey::new(&ML_DSA_44, pair.public_key().as_ref()).unwrap();
    let mut signature = vec![0; 2420];
    pair.sign(&MESSAGE, &mut signature).unwrap();
    let mut group = criterion.benchmark_group("ml-dsa-44");
    group.bench_function("sign aws-lc-rs (used)", |b| {
        let mut signature = vec![0; 2420];
        b.iter(|| pair.sign(black_box(&MESSAGE), &mut signature).unwrap());
    });
    group.bench_function("verify aws-lc-rs (used)", |b| {
        b.iter(|| parsed.verify_sig(black_box(&MESSAGE), &signature).unwrap());
    });
    let other = ml_dsa::SigningKey::<ml_dsa::MlDsa44>::from_seed(&SEED.into());
    let other_signature = other
        .expanded_key()
        .sign_deterministic(&MESSAGE, &[])
        .unwrap();
    group.bench_function("sign ml-dsa", |b| {
        b.iter(|| {
            other
                .expanded_key()
                .sign_deterministic(black_box(&MESSAGE), &[])
                .unwrap()
        });
    });
    let other_key = other.expanded_key().verifying_key();
    group.bench_function("verify ml-dsa", |b| {
        b.iter(|| {
            assert!(other_key.verify_with_context(black_box(&MESSAGE), &[], &other_signature));
        });
    });
    group.finish();
}

fn key(name: &str, algorithm: Algorithm) -> SigningKey {
    SigningKey::from_seed(KeyName::new(name).unwrap(), algorithm, &Seed::new(SEED)).unwrap()
}

fn formats(criterion: &mut Criterion) {
    let log = key("log.example", Algorithm::Ed25519);
    let witness = key("witness.example", Algorithm::CosignatureV1);
    let pq = key("pq.example", Algorithm::MlDsa44);
    // A receipt of a tree of a million leaves: its root is computed from any proof of the right length.
    let (leaf, index, size) = (
        hash_leaf(b"entry"),
        LeafIndex::new(123_456),
        TreeSize::new(1 << 20),
    );
    let proof = vec![NodeHash::from_bytes([3; 32]); 20];
    let root = proof
        .iter()
        .enumerate()
        .fold(NodeHash::from(leaf), |node, (height, sibling)| {
            let (left, right) = if index.get() >> height & 1 == 0 {
                (&node, sibling)
            } else {
                (sibling, &node)
            };
            counterfoil_tiles::hash::hash_node(left, right)
        });
    let checkpoint = Checkpoint::new(Origin::new("log.example").unwrap(), size, root);
    let timestamp = Timestamp::new(1_700_000_000).unwrap();
    let lines = vec![
        sign_as_log(&log, &checkpoint).unwrap(),
        cosign_checkpoint(&witness, &checkpoint, timestamp).unwrap(),
        cosign_checkpoint(&pq, &checkpoint, timestamp).unwrap(),
    ];
    let note = Note::new(&checkpoint.to_string(), lines).unwrap();
    let text = format!(
        "log {}\nwitness w1 {}\nwitness w2 {}\ngroup g all w1 w2\nquorum g\n",
        log.vkey(),
        witness.vkey(),
        pq.vkey()
    );
    let policy = Policy::parse(text.as_bytes()).unwrap();
    let receipt = Receipt::new(index, proof, note.clone()).unwrap();
    let bytes = receipt.to_string();
    receipt.verify(&leaf, &policy).unwrap();

    let mut group = criterion.benchmark_group("formats");
    group.bench_function("parse note of 3 signatures", |b| {
        b.iter(|| Note::parse(black_box(note.as_bytes())).unwrap());
    });
    group.bench_function("sign checkpoint as log, ed25519", |b| {
        b.iter(|| sign_as_log(&log, black_box(&checkpoint)).unwrap());
    });
    group.bench_function("verify checkpoint, log + ed25519 + ml-dsa-44", |b| {
        b.iter(|| policy.verify(black_box(note.clone())).unwrap());
    });
    group.bench_function("parse receipt", |b| {
        b.iter(|| Receipt::parse(black_box(bytes.as_bytes())).unwrap());
    });
    group.bench_function("write receipt", |b| {
        b.iter(|| black_box(&receipt).to_string());
    });
    group.bench_function("check inclusion, 20 hashes", |b| {
        b.iter(|| -> Result<(), ProofError> { receipt.check_inclusion(black_box(&leaf)) });
    });
    group.bench_function("verify receipt, log + ed25519 + ml-dsa-44", |b| {
        b.iter(|| receipt.verify(black_box(&leaf), &policy).unwrap());
    });
    group.bench_function("parse policy", |b| {
        b.iter(|| Policy::parse(black_box(text.as_bytes())).unwrap());
    });
    group.finish();
}

criterion_group!(benches, libraries, formats);
criterion_main!(benches);
