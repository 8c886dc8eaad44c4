//! The rules of cosignatures, one by one.

mod formats;

use std::sync::Arc;

use counterfoil_tiles::checkpoint::{Checkpoint, Origin};
use counterfoil_tiles::cosignature::{
    CosignatureError, Timestamp, cosign_checkpoint, cosign_subtree, ed25519_message,
    ml_dsa_message, sign_as_log, verify_subtree,
};
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use counterfoil_tiles::key::{Algorithm, KeyId, RawSigner, SignError, SigningKey};
use counterfoil_tiles::note::{NoteError, SignatureLine};
use counterfoil_tiles::proof::Subtree;
use formats::{checkpoint, cosigned, log_key, note, pq_witness, ring_of, signing_key, witness};

fn at(seconds: u64) -> Timestamp {
    Timestamp::new(seconds).unwrap()
}

// SPEC(tlog-cosignature): "It MUST NOT exceed 2^63 - 1, and verifiers MAY reject cosignatures with timestamps in the future."
#[test]
fn timestamps_end_at_2_to_the_63_minus_1() {
    let last = (1 << 63) - 1;
    assert_eq!(at(last), Timestamp::MAX);
    assert_eq!(
        Timestamp::new(last + 1),
        Err(CosignatureError::Timestamp(last + 1))
    );

    // Signed in earnest over the time that is not allowed, and refused for it.
    let (checkpoint, key) = (checkpoint(7), witness(1));
    let good = cosigned(&key, &checkpoint, last);
    assert!(
        note(&checkpoint, vec![good.clone()])
            .verify(&ring_of([&key]))
            .is_ok()
    );
    let message = format!("cosignature/v1\ntime {}\n{checkpoint}", last + 1);
    let secret = ed25519_dalek::SigningKey::from_bytes(&[101; 32]);
    let signature = signature::Signer::sign(&secret, message.as_bytes()).to_bytes();
    let bytes = [&(last + 1).to_be_bytes()[..], &signature].concat();
    let line = SignatureLine::new(key.name().clone(), key.id(), bytes).unwrap();
    assert!(matches!(
        note(&checkpoint, vec![line]).verify(&ring_of([&key])),
        Err(NoteError::BadSignature { .. })
    ));
}

// SPEC(tlog-cosignature): "The key ID for Ed25519 cosignatures MUST be computed as"
// SPEC(tlog-cosignature): "The key ID for ML-DSA-44 cosignatures MUST be computed as"
#[test]
fn key_ids_are_hashes_of_name_type_and_key() {
    for (key, byte) in [(witness(1), 0x04), (pq_witness(1), 0x06)] {
        let public_key = key.vkey().public_key().as_bytes();
        let input = [key.name().as_str().as_bytes(), b"\n", &[byte], public_key].concat();
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &input);
        assert_eq!(
            key.id(),
            KeyId::from_bytes(hash.as_ref()[..4].try_into().unwrap())
        );
    }
}

// SPEC(tlog-cosignature): "The signature MUST be a `timestamped_signature` structure."
// SPEC(tlog-cosignature): "Per [RFC 8446][], Section 3.3, these are serialized in sequence, with the timestamp encoded in
// big-endian order."
#[test]
fn a_cosignature_is_a_timestamp_and_a_signature() {
    let checkpoint = checkpoint(7);
    for (key, length) in [(witness(1), 8 + 64), (pq_witness(1), 8 + 2420)] {
        let line = cosigned(&key, &checkpoint, 1_679_315_147);
        assert_eq!(line.signature().len(), length);
        assert_eq!(line.signature()[..8], 1_679_315_147_u64.to_be_bytes());
        assert_eq!(
            Timestamp::of_signature(key.algorithm(), line.signature()),
            Some(at(1_679_315_147))
        );
        for (row, change) in [
            ("one byte short", line.signature()[..length - 1].to_vec()),
            ("one byte long", [line.signature(), &[0]].concat()),
            ("no timestamp", line.signature()[8..].to_vec()),
            ("timestamp only", line.signature()[..8].to_vec()),
            ("seven bytes", line.signature()[..7].to_vec()),
            (
                "timestamp + 1",
                [&1_679_315_148_u64.to_be_bytes()[..], &line.signature()[8..]].concat(),
            ),
        ] {
            let changed = SignatureLine::new(key.name().clone(), key.id(), change).unwrap();
            let result = note(&checkpoint, vec![changed]).verify(&ring_of([&key]));
            assert!(
                matches!(result, Err(NoteError::BadSignature { .. })),
                "{row}"
            );
        }
    }
}

// SPEC(tlog-cosignature): "The signed message MUST be two newline (U+000A) terminated lines (one header line and one timestamp
// line) followed by the whole note body of the cosigned checkpoint (including the final newline, but not including any
// signature lines)."
// SPEC(tlog-cosignature): "The header line MUST be the fixed string `cosignature/v1`, and provides domain separation."
// SPEC(tlog-cosignature): "The timestamp line MUST consist of the string `time`, a single space (0x20), and
// `timestamped_signature.timestamp` encoded as an ASCII decimal with no leading zeroes."
#[test]
fn the_ed25519_message_is_two_lines_and_the_text() {
    let text = checkpoint(7).to_string();
    assert_eq!(
        ed25519_message(at(1), &text),
        format!("cosignature/v1\ntime 1\n{text}").as_bytes()
    );
    assert_eq!(
        ed25519_message(Timestamp::ZERO, "x\n"),
        b"cosignature/v1\ntime 0\nx\n"
    );
}

// SPEC(tlog-cosignature): "Extension lines MAY be included in the checkpoint by the log, and if present MUST be included in
// the cosigned message."
#[test]
fn ed25519_cosignatures_cover_extension_lines_and_ml_dsa_44_ones_do_not() {
    let plain = checkpoint(7);
    let extended = plain
        .clone()
        .with_extensions(vec!["extension".into()])
        .unwrap();
    let (ed, pq) = (witness(1), pq_witness(1));
    let verifies = |key: &SigningKey, signed: &Checkpoint, shown: &Checkpoint| {
        note(shown, vec![cosigned(key, signed, 5)])
            .verify(&ring_of([key]))
            .is_ok()
    };
    assert!(verifies(&ed, &extended, &extended) && verifies(&pq, &extended, &extended));
    assert!(!verifies(&ed, &plain, &extended) && !verifies(&ed, &extended, &plain));
    assert!(verifies(&pq, &plain, &extended) && verifies(&pq, &extended, &plain));
}

// SPEC(tlog-cosignature): "The signed message MUST be a `cosigned_message` structure."
#[test]
fn the_ml_dsa_44_message_byte_by_byte() {
    let origin = Origin::new("log").unwrap();
    let hash = NodeHash::from_bytes([0xab; 32]);
    let message = ml_dsa_message(
        "w1",
        at(0x0102),
        &origin,
        Subtree::new(0, 0x0304).unwrap(),
        &hash,
    )
    .unwrap();
    let expected = [
        b"subtree/v1\n\0".as_slice(),
        &[2],
        b"w1",
        &[0, 0, 0, 0, 0, 0, 1, 2],
        &[3],
        b"log",
        &[0; 8],
        &[0, 0, 0, 0, 0, 0, 3, 4],
        &[0xab; 32],
    ]
    .concat();
    assert_eq!(message, expected);
    // The names are 1 to 255 bytes.
    let whole = Subtree::whole(TreeSize::new(1));
    for (length, fits) in [(1, true), (255, true), (256, false)] {
        let name = "n".repeat(length);
        let long_origin = Origin::new(name.clone()).unwrap();
        assert_eq!(
            ml_dsa_message(&name, Timestamp::ZERO, &origin, whole, &hash).is_ok(),
            fits
        );
        assert_eq!(
            ml_dsa_message("w1", Timestamp::ZERO, &long_origin, whole, &hash).is_ok(),
            fits
        );
    }
    assert!(ml_dsa_message("", Timestamp::ZERO, &origin, whole, &hash).is_err());
}

#[test]
fn long_names_cannot_be_cosigned_with_ml_dsa_44() {
    let name = "n".repeat(256);
    let long = Checkpoint::new(
        Origin::new(name.clone()).unwrap(),
        TreeSize::new(1),
        NodeHash::from_bytes([0; 32]),
    );
    assert!(matches!(
        cosign_checkpoint(&pq_witness(1), &long, at(5)),
        Err(SignError::Message(_))
    ));
    let key = signing_key(&name, Algorithm::MlDsa44, 7);
    assert!(matches!(
        cosign_checkpoint(&key, &checkpoint(7), at(5)),
        Err(SignError::Message(_))
    ));
    assert!(cosign_checkpoint(&witness(1), &long, at(5)).is_ok());
}

// SPEC(tlog-cosignature): "If `start` is not zero, these values MUST be zero."
// SPEC(tlog-cosignature): "If `start` is not zero, `timestamp` MUST be zero."
#[test]
fn a_subtree_that_does_not_start_at_0_has_no_time() {
    let (key, origin, hash) = (
        pq_witness(1),
        Origin::new("log").unwrap(),
        NodeHash::from_bytes([1; 32]),
    );
    let subtree = Subtree::new(8, 13).unwrap();
    let line = cosign_subtree(&key, &origin, subtree, &hash, Timestamp::ZERO).unwrap();
    assert_eq!(
        verify_subtree(key.vkey(), &origin, subtree, &hash, line.signature()),
        Ok(Timestamp::ZERO)
    );
    assert!(matches!(
        cosign_subtree(&key, &origin, subtree, &hash, at(5)),
        Err(SignError::Message(_))
    ));
    // Even where somebody signed it: the message that would be signed, made by hand.
    let pair = aws_lc_rs::signature::PqdsaKeyPair::from_seed(
        &aws_lc_rs::signature::ML_DSA_44_SIGNING,
        &[201; 32],
    )
    .unwrap();
    let mut message = ml_dsa_message(
        key.name().as_str(),
        Timestamp::ZERO,
        &origin,
        subtree,
        &hash,
    )
    .unwrap();
    let time_at = 12 + 1 + key.name().as_str().len();
    message[time_at + 7] = 5;
    let mut signature = vec![0; 2420];
    pair.sign(&message, &mut signature).unwrap();
    let timestamped = [&5_u64.to_be_bytes()[..], &signature].concat();
    assert!(key.vkey().public_key().verify(&message, &signature).is_ok());
    assert!(verify_subtree(key.vkey(), &origin, subtree, &hash, &timestamped).is_err());
}

// SPEC(tlog-cosignature): "If signing a [checkpoint][], it MUST be zero."
#[test]
fn a_checkpoint_is_cosigned_as_the_subtree_from_0_to_its_size() {
    let (key, checkpoint) = (pq_witness(1), checkpoint(7));
    let line = cosigned(&key, &checkpoint, 5);
    let verify = |start, end| {
        let subtree = Subtree::new(start, end).unwrap();
        verify_subtree(
            key.vkey(),
            checkpoint.origin(),
            subtree,
            checkpoint.root(),
            line.signature(),
        )
    };
    assert_eq!(verify(0, 7), Ok(at(5)));
    assert!(verify(0, 8).is_err() && verify(6, 7).is_err());
}

// SPEC(tlog-witness): "The cosignature format MUST support subtree cosigning."
#[test]
fn each_algorithm_signs_what_it_is_for() {
    let (checkpoint, origin) = (checkpoint(7), Origin::new("log").unwrap());
    let (hash, subtree) = (NodeHash::from_bytes([1; 32]), Subtree::new(8, 13).unwrap());
    let refused = |result: Result<_, SignError>| matches!(result, Err(SignError::Algorithm { .. }));
    assert!(refused(cosign_checkpoint(&log_key(), &checkpoint, at(5))));
    assert!(refused(sign_as_log(&witness(1), &checkpoint)));
    assert!(refused(cosign_subtree(
        &witness(1),
        &origin,
        subtree,
        &hash,
        Timestamp::ZERO
    )));
    assert!(refused(cosign_subtree(
        &log_key(),
        &origin,
        subtree,
        &hash,
        Timestamp::ZERO
    )));
}

#[test]
fn a_cosignature_is_not_one_of_another_message() {
    let checkpoint = checkpoint(7);
    let other = Checkpoint::new(
        Origin::new("log.example/other").unwrap(),
        TreeSize::new(7),
        *checkpoint.root(),
    );
    for key in [witness(1), pq_witness(1)] {
        let line = cosigned(&key, &checkpoint, 5);
        let moved = note(&other, vec![line.clone()]).verify(&ring_of([&key]));
        assert!(matches!(moved, Err(NoteError::BadSignature { .. })));
        // The name is part of what ML-DSA-44 signs, and of the key ID of both.
        let renamed = signing_key(
            "other.example",
            key.algorithm(),
            if key.algorithm() == Algorithm::MlDsa44 {
                201
            } else {
                101
            },
        );
        assert_eq!(renamed.vkey().public_key(), key.vkey().public_key());
        let line = SignatureLine::new(
            renamed.name().clone(),
            renamed.id(),
            line.signature().to_vec(),
        )
        .unwrap();
        let verified = note(&checkpoint, vec![line]).verify(&ring_of([&renamed]));
        assert_eq!(
            verified.is_ok(),
            key.algorithm() == Algorithm::CosignatureV1
        );
    }
}

/// Stands in for a device: it has the key, or fails, or has another key.
struct Device(Result<ed25519_dalek::SigningKey, SignError>);

impl RawSigner for Device {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let key = self.0.as_ref().map_err(Clone::clone)?;
        Ok(signature::Signer::sign(key, message).to_bytes().to_vec())
    }
}

#[test]
fn keys_may_live_elsewhere() {
    let checkpoint = checkpoint(7);
    let with = |device| SigningKey::with_signer(log_key().vkey().clone(), Arc::new(Device(device)));
    let of_seed = |seed| ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
    let good = sign_as_log(&with(Ok(of_seed(1))), &checkpoint).unwrap();
    // Ed25519 is deterministic, so both implementations give the same signature.
    assert_eq!(good, formats::signed(&checkpoint));
    let silent = SignError::signer("no answer from the device");
    assert_eq!(
        sign_as_log(&with(Err(silent.clone())), &checkpoint),
        Err(silent)
    );
    assert_eq!(
        sign_as_log(&with(Ok(of_seed(2))), &checkpoint),
        Err(SignError::WrongSignature)
    );
}
