//! What each fuzz target does with its input, shared by `cargo fuzz` and by `tiles/tests/fuzz_bodies.rs`, which runs each
//! body over a fixed number of inputs on every test run.
//!
//! A body reads its input twice: as the whole text to parse, and as a list of edits to a good example, since nobody guesses
//! a key ID. It fails if a parser panics, if what was parsed does not write back the same bytes, or if something verifies
//! that was never signed.

#[path = "edits.rs"]
mod edits;
#[path = "proofs.rs"]
mod proofs;

use std::sync::OnceLock;

use counterfoil_tiles::checkpoint::{Checkpoint, LogKey, Origin, SignedCheckpoint};
use counterfoil_tiles::cosignature::{
    Timestamp, cosign_checkpoint, cosign_subtree, sign_as_log, verify_subtree,
};
use counterfoil_tiles::hash::{LeafHash, LeafIndex, TreeSize};
use counterfoil_tiles::key::{Algorithm, KeyName, KeyRing, PrivateKey, Seed, SigningKey, Vkey};
use counterfoil_tiles::misbehaviour::{Misbehaviour, ProvedMisbehaviour};
use counterfoil_tiles::note::Note;
use counterfoil_tiles::policy::Policy;
use counterfoil_tiles::proof::{ProofPlan, Subtree};
use counterfoil_tiles::receipt::Receipt;
use counterfoil_tiles::tile::{BundleId, EntryBundle, Tile, TileId, encode_bundle};
use counterfoil_tiles::witness_wire::{
    AddCheckpointRequest, SignSubtreeRequest, encode_cosignatures, encode_size, parse_cosignatures,
    parse_size, verify_cosignatures,
};

use edits::edited;
pub use proofs::proof;
use proofs::tree;

/// The name of a target and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 12] = [
    ("bundle", bundle),
    ("checkpoint", checkpoint),
    ("cosignature", cosignature),
    ("misbehaviour", misbehaviour),
    ("note", note),
    ("policy", policy),
    ("proof", proof),
    ("receipt", receipt),
    ("sign_subtree_request", sign_subtree_request),
    ("tile_path", tile_path),
    ("vkey", vkey),
    ("witness_bodies", witness_bodies),
];

/// A signed note: text and signatures come back as they went in, and nothing verifies but the text that was signed.
pub fn note(data: &[u8]) {
    let scene = scene();
    for bytes in [data, &edited(scene.note.as_bytes(), data)] {
        let Ok(note) = Note::parse(bytes) else {
            continue;
        };
        assert_eq!(note.as_bytes(), bytes);
        assert_eq!(
            Note::new(note.text(), note.signatures().to_vec()).as_ref(),
            Ok(&note)
        );
        if let Ok(verified) = note.verify(&scene.ring) {
            assert!(!verified.is_empty());
            assert_eq!(note.text(), scene.note.text());
        }
    }
}

/// A checkpoint's text.
pub fn checkpoint(data: &[u8]) {
    for bytes in [data, &edited(scene().note.text().as_bytes(), data)] {
        let Ok(text) = str::from_utf8(bytes) else {
            continue;
        };
        if let Ok(checkpoint) = Checkpoint::parse(text) {
            assert_eq!(checkpoint.to_string(), text);
        }
    }
}

/// Verifier keys and private keys.
pub fn vkey(data: &[u8]) {
    let key = &scene().private_key;
    for bytes in [data, &edited(key.vkey().to_string().as_bytes(), data)] {
        let Ok(text) = str::from_utf8(bytes) else {
            continue;
        };
        if let Ok(vkey) = text.parse::<Vkey>() {
            assert_eq!(vkey.to_string(), text);
        }
    }
    let edited = edited(key.encode().as_bytes(), data);
    let Ok(text) = str::from_utf8(&edited) else {
        return;
    };
    if let Ok(key) = text.parse::<PrivateKey>() {
        assert_eq!(*key.encode(), text);
    }
}

/// A policy reads back the same once written, and is satisfied when all have cosigned.
pub fn policy(data: &[u8]) {
    for bytes in [data, &edited(&scene().policy.encode(), data)] {
        let Ok(policy) = Policy::parse(bytes) else {
            continue;
        };
        assert_eq!(Policy::parse(&policy.encode()).as_ref(), Ok(&policy));
        assert!(policy.satisfied_by(|_| true));
        if policy.satisfied_by(|_| false) {
            assert!(
                policy
                    .witnesses()
                    .iter()
                    .all(|one| policy.satisfied_by(|other| other == one))
            );
        }
    }
}

/// A misbehaviour file. What is proved is what the log signed.
pub fn misbehaviour(data: &[u8]) {
    let scene = scene();
    for bytes in [data, &edited(scene.misbehaviour.as_bytes(), data)] {
        let Ok(claim) = Misbehaviour::parse(bytes) else {
            continue;
        };
        assert_eq!(claim.to_string().as_bytes(), bytes);
        let logs = scene.ring.iter().cloned().map(LogKey::new);
        let Ok(proved) = claim.verify(&logs.collect::<Vec<_>>()) else {
            continue;
        };
        let file = scene.misbehaviour.replace("\\n", "\n");
        for signed in proved.signed() {
            assert!(file.contains(signed.note().text()));
        }
    }
}

/// A receipt. What verifies is the proof, the index and the checkpoint that were made; only the extra line and lines of
/// unknown signers may be others.
pub fn receipt(data: &[u8]) {
    let scene = scene();
    for bytes in [data, &edited(scene.receipt.to_string().as_bytes(), data)] {
        let Ok(receipt) = Receipt::parse(bytes) else {
            continue;
        };
        assert_eq!(receipt.to_string().as_bytes(), bytes);
        let checks = receipt.check(&scene.leaf, &scene.policy);
        let verified = receipt.verify(&scene.leaf, &scene.policy);
        assert_eq!(checks.passed(), verified.is_ok());
        if verified.is_ok() {
            assert_eq!(receipt.index(), scene.receipt.index());
            assert_eq!(receipt.proof(), scene.receipt.proof());
            assert_eq!(receipt.checkpoint(), scene.receipt.checkpoint());
        }
    }
}

/// The bodies of add-checkpoint and of the witness's answers.
pub fn witness_bodies(data: &[u8]) {
    let scene = scene();
    let request = AddCheckpointRequest::new(
        TreeSize::new(5),
        scene.receipt.proof().to_vec(),
        scene.note.clone(),
    );
    let request = request.expect("a good request").to_string();
    for bytes in [data, &edited(request.as_bytes(), data)] {
        if let Ok(request) = AddCheckpointRequest::parse(bytes) {
            assert_eq!(request.to_string().as_bytes(), bytes);
        }
    }
    for bytes in [
        data,
        &edited(
            encode_cosignatures(&scene.note.signatures()[1..]).as_bytes(),
            data,
        ),
    ] {
        let Ok(lines) = parse_cosignatures(bytes) else {
            continue;
        };
        assert_eq!(encode_cosignatures(&lines).as_bytes(), bytes);
        let good = verify_cosignatures(bytes, &scene.signed, &scene.witnesses);
        assert!(
            good.into_iter()
                .flatten()
                .all(|(line, _)| scene.note.signatures()[1..].contains(&line))
        );
    }
    for bytes in [data, &edited(b"20852163\n", data)] {
        if let Ok(size) = parse_size(bytes) {
            assert_eq!(encode_size(size).as_bytes(), bytes);
        }
    }
}

/// The body of sign-subtree.
pub fn sign_subtree_request(data: &[u8]) {
    let scene = scene();
    let subtree = Subtree::new(4, 6).expect("a subtree");
    let proof = scene.receipt.proof().to_vec();
    let request = SignSubtreeRequest::new(
        subtree,
        *scene.receipt.checkpoint().root(),
        proof,
        scene.note.clone(),
    );
    let request = request.expect("a good request").to_string();
    for bytes in [data, &edited(request.as_bytes(), data)] {
        let Ok(request) = SignSubtreeRequest::parse(bytes) else {
            continue;
        };
        assert_eq!(request.to_string().as_bytes(), bytes);
        assert!(request.subtree().end() <= request.checkpoint().size().get());
    }
}

/// Cosignature bytes: none but the ones that were made verify.
pub fn cosignature(data: &[u8]) {
    let scene = scene();
    let good = &scene.subtree_cosignature;
    let subtree = Subtree::new(4, 6).expect("a subtree");
    let (origin, hash) = (
        scene.receipt.checkpoint().origin(),
        scene.receipt.checkpoint().root(),
    );
    for bytes in [data, &edited(good, data)] {
        for algorithm in [
            Algorithm::Ed25519,
            Algorithm::CosignatureV1,
            Algorithm::MlDsa44,
        ] {
            let timestamp = Timestamp::of_signature(algorithm, bytes);
            assert!(timestamp.is_none_or(|timestamp| timestamp <= Timestamp::MAX));
        }
        if verify_subtree(&scene.cosigner, origin, subtree, hash, bytes).is_ok() {
            assert_eq!(bytes, good);
        }
    }
}

/// Paths of tiles and bundles.
pub fn tile_path(data: &[u8]) {
    let tile = edited(b"tile/1/x001/x234/067.p/112", data);
    let bundle = edited(b"tile/entries/x001/234.p/9", data);
    for bytes in [data, &tile, &bundle] {
        let Ok(path) = str::from_utf8(bytes) else {
            continue;
        };
        if let Ok(id) = TileId::parse(path) {
            assert_eq!(id.path(), path);
        }
        if let Ok(id) = BundleId::parse(path) {
            assert_eq!(id.path(), path);
        }
    }
}

/// Bytes of tiles and bundles. The first two bytes are the number of entries.
pub fn bundle(data: &[u8]) {
    let good = encode_bundle(&["first", "", "the third entry"]).expect("a good bundle");
    let (width, rest) = match data.split_first_chunk() {
        Some((width, rest)) => (u16::from_be_bytes(*width), rest),
        None => (1, data),
    };
    for (width, bytes) in [(width, rest), (3, &edited(&good, data))] {
        if let Ok(bundle) = EntryBundle::parse(bytes, width) {
            assert_eq!(bundle.entries().len(), usize::from(width));
            assert_eq!(encode_bundle(bundle.entries()).as_deref(), Ok(bytes));
        }
    }
    if let Ok(tile) = Tile::parse(data) {
        assert_eq!(tile.encode(), data);
    }
}

/// A log, two witnesses and a receipt under their policy.
struct Scene {
    private_key: PrivateKey,
    ring: KeyRing,
    witnesses: KeyRing,
    signed: SignedCheckpoint,
    policy: Policy,
    note: Note,
    leaf: LeafHash,
    receipt: Receipt,
    cosigner: Vkey,
    subtree_cosignature: Vec<u8>,
    misbehaviour: String,
}

fn scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| make_scene().expect("the scene's parts fit together"))
}

fn make_scene() -> Result<Scene, Box<dyn std::error::Error>> {
    let key =
        |name: &str, algorithm, seed| -> Result<SigningKey, counterfoil_tiles::key::KeyError> {
            SigningKey::from_seed(KeyName::new(name)?, algorithm, &Seed::new([seed; 32]))
        };
    let log = key("log.example", Algorithm::Ed25519, 1)?;
    let witness = key("witness.example", Algorithm::CosignatureV1, 2)?;
    let pq = key("pq.example", Algorithm::MlDsa44, 3)?;
    let (size, index) = (TreeSize::new(7), LeafIndex::new(4));
    let root = tree().roots[7];
    let checkpoint = Checkpoint::new(Origin::new("log.example")?, size, root);
    let note = Note::new(
        &checkpoint.to_string(),
        vec![
            sign_as_log(&log, &checkpoint)?,
            cosign_checkpoint(&witness, &checkpoint, Timestamp::new(1_700_000_000)?)?,
        ],
    )?;
    let proof = ProofPlan::inclusion(index, size)?.resolve(size, &tree().tiles)?;
    let policy = format!(
        "log {}\nwitness w1 {} https://witness.example/\nwitness w2 {}\ngroup g any w1 w2\nquorum g\n",
        log.vkey(),
        witness.vkey(),
        pq.vkey()
    );
    let fork = Checkpoint::new(Origin::new("log.example")?, size, tree().roots[6]);
    let fork = Note::new(&fork.to_string(), vec![sign_as_log(&log, &fork)?])?;
    let log_key = LogKey::new(log.vkey().clone());
    let signed = |note: &Note| SignedCheckpoint::verify(note.clone(), [&log_key]);
    let misbehaviour = ProvedMisbehaviour::of_two(&signed(&note)?, &signed(&fork)?);
    let subtree = Subtree::new(4, 6)?;
    let cosignature = cosign_subtree(&pq, checkpoint.origin(), subtree, &root, Timestamp::ZERO)?;
    Ok(Scene {
        private_key: PrivateKey::new(
            KeyName::new("log.example")?,
            Algorithm::Ed25519,
            Seed::new([1; 32]),
        )?,
        ring: KeyRing::new([log.vkey().clone(), witness.vkey().clone()])?,
        witnesses: KeyRing::new([witness.vkey().clone(), pq.vkey().clone()])?,
        signed: SignedCheckpoint::verify(note.clone(), [&LogKey::new(log.vkey().clone())])?,
        policy: Policy::parse(policy.as_bytes())?,
        receipt: Receipt::new(index, proof, note.clone())?,
        note,
        leaf: tree().leaves[4],
        cosigner: pq.vkey().clone(),
        subtree_cosignature: cosignature.signature().to_vec(),
        misbehaviour: misbehaviour.ok_or("two roots of one size")?.to_string(),
    })
}
