//! The rules of receipts, one by one.

mod formats;

use counterfoil_tiles::checkpoint::{Checkpoint, CheckpointError, Origin};
use counterfoil_tiles::hash::{LeafHash, LeafIndex, NodeHash, TreeSize, hash_leaf, hash_node};
use counterfoil_tiles::key::Algorithm;
use counterfoil_tiles::note::NoteError;
use counterfoil_tiles::policy::{Policy, QuorumError};
use counterfoil_tiles::receipt::{
    MAX_EXTRA, MAX_INCLUSION_PROOF, MAX_RECEIPT_SIZE, QuorumFailure, Receipt, ReceiptError,
    ReceiptFailure,
};
use formats::{cosigned, log_key, note, signed, signing_key, witness};

/// The log of "zero", "one", "two"; the receipt is that of "one".
struct Scene {
    leaf: LeafHash,
    checkpoint: Checkpoint,
    receipt: Receipt,
}

fn scene() -> Scene {
    let [zero, one, two] = ["zero", "one", "two"].map(|entry| hash_leaf(entry.as_bytes()));
    let root = hash_node(&hash_node(&zero.into(), &one.into()), &two.into());
    let checkpoint = Checkpoint::new(
        Origin::new(formats::ORIGIN).unwrap(),
        TreeSize::new(3),
        root,
    );
    let note = note(
        &checkpoint,
        vec![signed(&checkpoint), cosigned(&witness(1), &checkpoint, 5)],
    );
    let receipt = Receipt::new(LeafIndex::new(1), vec![zero.into(), two.into()], note).unwrap();
    Scene {
        leaf: one,
        checkpoint,
        receipt,
    }
}

fn policy(quorum: &str) -> Policy {
    let text = format!(
        "log {}\nwitness w1 {}\nwitness w2 {}\nquorum {quorum}\n",
        log_key().vkey(),
        witness(1).vkey(),
        witness(2).vkey()
    );
    Policy::parse(text.as_bytes()).unwrap()
}

#[test]
fn a_good_receipt_passes_all_checks() {
    let Scene {
        leaf,
        checkpoint,
        receipt,
    } = scene();
    for quorum in ["none", "w1"] {
        assert!(receipt.check(&leaf, &policy(quorum)).passed());
        let verified = receipt.verify(&leaf, &policy(quorum)).unwrap();
        assert_eq!(
            (verified.leaf(), verified.index()),
            (&leaf, LeafIndex::new(1))
        );
        assert_eq!(verified.checkpoint().checkpoint(), &checkpoint);
    }
}

// SPEC(tlog-proof): "Check that the checkpoint origin line is acceptable, and that the checkpoint is signed by a log
// public key configured for that origin line."
// SPEC(tlog-proof): "Verify all cosignatures for witnesses known to the verifier."
// SPEC(tlog-proof): "Check that the inclusion proof is valid, to bind the leaf hash computed in step 1 to the the
// root hash of the signed checkpoint."
// SPEC(tlog-policy): "This name MUST correspond to the log's origin line, representing the identity of the log."
#[test]
fn each_check_fails_by_itself() {
    let Scene { leaf, receipt, .. } = scene();

    let stranger = signing_key("log.example/other", Algorithm::Ed25519, 1);
    let other_origin = Policy::without_quorum([stranger.vkey().clone()]).unwrap();
    let checks = receipt.check(&leaf, &other_origin);
    assert!(matches!(
        checks.origin,
        Err(CheckpointError::UnknownOrigin { .. })
    ));
    assert_eq!(checks.quorum, Err(QuorumFailure::NoLogSignature));
    assert!(checks.inclusion.is_ok());
    assert_eq!(
        receipt.verify(&leaf, &other_origin),
        Err(ReceiptFailure::Checkpoint(checks.origin.unwrap_err()))
    );

    let other_key = signing_key(formats::ORIGIN, Algorithm::Ed25519, 2);
    let other_key = Policy::without_quorum([other_key.vkey().clone()]).unwrap();
    let checks = receipt.check(&leaf, &other_key);
    assert_eq!(checks.origin, Ok(()));
    let unsigned = CheckpointError::Note(NoteError::NoKnownSignature);
    assert_eq!(checks.log_signature, Err(unsigned.clone()));
    assert_eq!(
        receipt.verify(&leaf, &other_key),
        Err(ReceiptFailure::Checkpoint(unsigned))
    );

    let checks = receipt.check(&leaf, &policy("w2"));
    assert!(
        checks.origin.is_ok()
            && checks.log_signature.is_ok()
            && checks.inclusion.is_ok()
            && !checks.passed()
    );
    let Err(QuorumFailure::Quorum(QuorumError::NotMet { known: 2, .. })) = checks.quorum else {
        panic!("{checks:?}")
    };
    assert!(matches!(
        receipt.verify(&leaf, &policy("w2")),
        Err(ReceiptFailure::Quorum(_))
    ));

    let checks = receipt.check(&hash_leaf(b"another"), &policy("w1"));
    assert!(checks.origin.is_ok() && checks.log_signature.is_ok() && checks.quorum.is_ok());
    assert!(checks.inclusion.is_err() && !checks.passed());
    assert!(matches!(
        receipt.verify(&hash_leaf(b"another"), &policy("w1")),
        Err(ReceiptFailure::Inclusion(_))
    ));
}

// SPEC(tlog-proof): "The next zero or more non-empty lines are the base64-encoded Merkle inclusion proof for the entry at the
// specified index in the checkpointed tree, one SHA-256 hash per line, starting from the leaf's sibling hash up to the root's
// child hash."
#[test]
fn another_index_or_proof_does_not_verify() {
    let Scene { leaf, receipt, .. } = scene();
    let (good, note) = (receipt.proof(), receipt.note());
    let flipped = |at: usize| {
        let mut proof = good.to_vec();
        let mut bytes = proof[at].to_bytes();
        bytes[31] ^= 1;
        proof[at] = NodeHash::from_bytes(bytes);
        proof
    };
    for (row, index, proof) in [
        ("index 0", 0, good.to_vec()),
        ("index 2", 2, good.to_vec()),
        ("index = size", 3, good.to_vec()),
        ("index 2^64-1", u64::MAX, good.to_vec()),
        ("one hash too few", 1, good[..1].to_vec()),
        ("one hash too many", 1, [good, &good[..1]].concat()),
        ("hashes swapped", 1, vec![good[1], good[0]]),
        ("first hash, bit flipped", 1, flipped(0)),
        ("last hash, bit flipped", 1, flipped(1)),
        ("no hash", 1, vec![]),
    ] {
        let changed = Receipt::new(LeafIndex::new(index), proof, note.clone()).unwrap();
        assert!(
            matches!(
                changed.verify(&leaf, &policy("w1")),
                Err(ReceiptFailure::Inclusion(_))
            ),
            "{row}"
        );
    }
}

// SPEC(tlog-proof): "The first line MUST be the string `c2sp.org/tlog-proof@v1`."
#[test]
fn the_first_line_names_the_format() {
    let text = scene().receipt.to_string();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nindex 1\n"));
    for (row, bad) in [
        ("another version", text.replacen("@v1", "@v2", 1)),
        ("missing", text.replacen("c2sp.org/tlog-proof@v1\n", "", 1)),
        ("space at the end", text.replacen("@v1", "@v1 ", 1)),
        ("byte order mark", format!("\u{feff}{text}")),
        ("carriage return", text.replacen("@v1\n", "@v1\r\n", 1)),
    ] {
        assert_eq!(
            Receipt::parse(bad.as_bytes()),
            Err(ReceiptError::Header),
            "{row}"
        );
    }
}

// SPEC(tlog-proof): "The next line MUST start with the string `index` followed by a space (U+0020) and the zero-based index of
// the entry in the log, represented as an ASCII decimal with no leading zeroes (unless the index is `0`)."
#[test]
fn the_index_line() {
    let text = scene().receipt.to_string();
    let with = |line: &str| Receipt::parse(text.replacen("index 1\n", line, 1).as_bytes());
    for good in ["index 0\n", "index 18446744073709551615\n"] {
        assert!(with(good).is_ok(), "{good:?}");
    }
    for bad in [
        "",
        "index\n",
        "index \n",
        "index 01\n",
        "index 00\n",
        "index +1\n",
        "index -1\n",
        "index  1\n",
        "index 1 \n",
        "index 1\r\n",
        "Index 1\n",
        "index 0x1\n",
        "index 18446744073709551616\n",
        "index 1\nindex 1\n",
    ] {
        let result = with(bad);
        assert!(
            matches!(result, Err(ReceiptError::Index | ReceiptError::Hash { .. })),
            "{bad:?}"
        );
    }
}

// SPEC(tlog-proof): "Appications MUST NOT implicitly trust the extra data, as it is not authenticated."
// SPEC(tlog-proof): "If no extra data is present, this line is omitted."
#[test]
fn extra_data_is_carried_and_says_nothing() {
    let Scene { leaf, receipt, .. } = scene();
    let extra = receipt.clone().with_extra(b"whatever".to_vec()).unwrap();
    let text = extra.to_string();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra d2hhdGV2ZXI=\nindex 1\n"));
    let parsed = Receipt::parse(text.as_bytes()).unwrap();
    assert_eq!((parsed.extra(), &parsed), (Some(&b"whatever"[..]), &extra));
    // Verification says the same whatever it holds, and the result does not have it.
    assert_eq!(
        extra.verify(&leaf, &policy("w1")),
        receipt.verify(&leaf, &policy("w1"))
    );

    let with =
        |line: &str| Receipt::parse(text.replacen("extra d2hhdGV2ZXI=\n", line, 1).as_bytes());
    for bad in [
        "extra \n",
        "extra !\n",
        "extra d2hhdGV2ZXI\n",
        "extra d2hhdGV2ZXJ=\n",
        "extra  d2hhdGV2ZXI=\n",
    ] {
        assert_eq!(with(bad), Err(ReceiptError::Extra), "{bad:?}");
    }
    assert_eq!(
        with("extra d2hhdGV2ZXI=\nextra d2hhdGV2ZXI=\n"),
        Err(ReceiptError::Index)
    );
    assert_eq!(with("extra\n"), Err(ReceiptError::Index));
    let after = text.replacen(
        "extra d2hhdGV2ZXI=\nindex 1\n",
        "index 1\nextra d2hhdGV2ZXI=\n",
        1,
    );
    assert_eq!(
        Receipt::parse(after.as_bytes()),
        Err(ReceiptError::Hash { line: 1 })
    );
    assert!(receipt.clone().with_extra(vec![0; MAX_EXTRA]).is_ok());
    assert_eq!(
        receipt.clone().with_extra(vec![0; MAX_EXTRA + 1]),
        Err(ReceiptError::Extra)
    );
    assert_eq!(receipt.with_extra(vec![]), Err(ReceiptError::Extra));
}

#[test]
fn the_rest_of_a_receipt() {
    let text = scene().receipt.to_string();
    let (proof, checkpoint) = text.split_once("\n\n").unwrap();
    for (row, bad) in [
        ("empty", String::new()),
        ("no empty line", format!("{proof}\n{checkpoint}")),
        ("two empty lines", format!("{proof}\n\n\n{checkpoint}")),
        ("no checkpoint", format!("{proof}\n\n")),
        ("proof only", format!("{proof}\n")),
        ("no newline at the end", text.trim_end().to_owned()),
        ("empty line at the end", format!("{text}\n")),
        ("text at the end", format!("{text}more\n")),
        ("CR LF", text.replace('\n', "\r\n")),
        ("hash without padding", text.replacen("=\n", "\n", 1)),
        (
            "hash in hexadecimal",
            text.replacen("index 1\n", &format!("index 1\n{}\n", "00".repeat(32)), 1),
        ),
        (
            "space before a hash",
            text.replacen("index 1\n", "index 1\n ", 1),
        ),
        (
            "checkpoint is no checkpoint",
            format!(
                "{proof}\n\ntext\n\n{}",
                checkpoint.split_once("\n\n").unwrap().1
            ),
        ),
    ] {
        assert!(Receipt::parse(bad.as_bytes()).is_err(), "{row}");
    }
    let mut bytes = text.into_bytes();
    bytes[30] = 0xff;
    assert_eq!(
        Receipt::parse(&bytes),
        Err(ReceiptError::NotUtf8 { at: 30 })
    );
}

#[test]
fn limits() {
    let note = scene().receipt.note().clone();
    let proof = |length| vec![NodeHash::from_bytes([1; 32]); length];
    let full = Receipt::new(LeafIndex::new(1), proof(MAX_INCLUSION_PROOF), note.clone()).unwrap();
    assert_eq!(Receipt::parse(full.to_string().as_bytes()).unwrap(), full);
    let over = Receipt::new(LeafIndex::new(1), proof(MAX_INCLUSION_PROOF + 1), note);
    assert_eq!(over, Err(ReceiptError::TooManyHashes));
    let hash = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n";
    let text = full
        .to_string()
        .replacen("index 1\n", &format!("index 1\n{hash}"), 1);
    assert_eq!(
        Receipt::parse(text.as_bytes()),
        Err(ReceiptError::TooManyHashes)
    );
    let large = vec![b'x'; MAX_RECEIPT_SIZE + 1];
    assert_eq!(
        Receipt::parse(&large),
        Err(ReceiptError::TooLarge(MAX_RECEIPT_SIZE + 1))
    );
}
