//! Writes the example of docs/evidence.md anew, and the trust under which it verifies: a log of three entries and its one
//! witness, whose keys are made here and forgotten, and a token of the development authority, which proves nothing.

use std::path::Path;
use std::time::{Duration, SystemTime};

use counterfoil_dev_tsa::{Clock, DevTsa, Options};
use counterfoil_evidence::format::{AnchorRecords, Entry, Evidence, TokenRecords};
use counterfoil_evidence::moment::Moment;
use counterfoil_evidence::record::{Revocation, RevocationKind, TokenRecord};
use counterfoil_evidence::trust::{Authority, Trust};
use counterfoil_rfc3161::Certificate;
use counterfoil_tiles::checkpoint::{Checkpoint, Origin};
use counterfoil_tiles::cosignature::{Timestamp, cosign_checkpoint, sign_as_log};
use counterfoil_tiles::hash::{LeafIndex, NodeHash, TreeSize, hash_leaf, hash_node};
use counterfoil_tiles::key::{Algorithm, KeyName, Seed, SigningKey};
use counterfoil_tiles::note::Note;
use counterfoil_tiles::receipt::Receipt;
use sha2::{Digest as _, Sha256};

const LOG: &str = "log.example.com/records";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let log = key(LOG, Algorithm::Ed25519)?;
    let witness = key("witness.example.com", Algorithm::CosignatureV1)?;
    let policy = format!(
        "log {}\nwitness w {}\nquorum w\n",
        log.vkey(),
        witness.vkey()
    );

    let digest: [u8; 32] = Sha256::digest(b"The record of which this is the evidence.\n").into();
    let leaves = [hash_leaf(b"one"), hash_leaf(&digest), hash_leaf(b"three")].map(NodeHash::from);
    let [first, second, third] = leaves;
    let root = hash_node(&hash_node(&first, &second), &third);
    let clock = Clock::standing_at(SystemTime::now());
    let now = Moment::from(clock.now());
    let checkpoint = Checkpoint::new(Origin::new(LOG)?, TreeSize::new(3), root);
    let signatures = vec![
        sign_as_log(&log, &checkpoint)?,
        cosign_checkpoint(&witness, &checkpoint, Timestamp::new(now.seconds())?)?,
    ];
    let note = Note::new(&checkpoint.to_string(), signatures)?;
    let receipt = Receipt::new(LeafIndex::new(1), vec![first, third], note)?;

    let tsa = DevTsa::start(Options {
        public_url: Some("http://tsa.example.com".to_owned()),
        clock: clock.clone(),
        ..Options::default()
    })
    .await?;
    let signed = receipt.note().as_bytes().to_vec();
    let token = tsa.stamp(&signed)?;
    let chain = [tsa.signer(), tsa.intermediate(), tsa.root()];
    // A list that was issued after the token, so that it can speak for its time.
    clock.advance(Duration::from_mins(5));
    let [by_root, by_intermediate] = tsa.crls()?;
    let list = |certificate: &[u8], data| Revocation {
        kind: RevocationKind::Crl,
        certificate: Sha256::digest(certificate).into(),
        url: "http://tsa.example.com/crl".to_owned(),
        fetched: clock.now().into(),
        data,
    };
    let record = TokenRecord {
        authority: "dev".parse()?,
        url: "http://tsa.example.com/tsr".to_owned(),
        token,
        checkpoint: signed,
        certificates: chain.map(<[u8]>::to_vec).to_vec(),
        gen_time: now,
        received: now,
        revocation: vec![
            list(tsa.signer(), by_intermediate),
            list(tsa.intermediate(), by_root),
        ],
    };
    let root = Certificate::parse(tsa.root())?;
    tsa.stop().await;

    let records = [AnchorRecords::Token(TokenRecords {
        token: record,
        added: Vec::new(),
    })];
    let evidence = Evidence::new(Entry::of_digest(digest), receipt, policy.clone(), &records)?;
    let authority = Authority::new("dev".parse()?, vec![root]);
    let trust = Trust::new(1, policy, vec![authority], Vec::new())?;
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    std::fs::write(docs.join("evidence.example.json"), evidence.encode()?)?;
    std::fs::write(
        docs.join("trust.example.toml"),
        trust.to_toml("https://log.example.com/records"),
    )?;
    Ok(())
}

fn key(name: &str, algorithm: Algorithm) -> Result<SigningKey, Box<dyn std::error::Error>> {
    Ok(SigningKey::from_seed(
        KeyName::new(name)?,
        algorithm,
        &Seed::new(rand::random()),
    )?)
}
