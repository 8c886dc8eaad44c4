//! Checkpoints under a policy: a log's signature and the quorum's cosignatures, each known one good.

mod formats;

use counterfoil_tiles::checkpoint::{Checkpoint, CheckpointError};
use counterfoil_tiles::cosignature::{Timestamp, sign_as_log};
use counterfoil_tiles::key::{Algorithm, SigningKey};
use counterfoil_tiles::note::NoteError;
use counterfoil_tiles::policy::{Policy, QuorumError, VerifyError};
use formats::{checkpoint, cosigned, log_key, note, pq_witness, signed, signing_key, witness};

/// A log and three witnesses, two of them with Ed25519 keys, and further lines.
fn parse(rest: &str) -> Policy {
    let text = format!(
        "log {}\nwitness w1 {}\nwitness w2 {}\nwitness w3 {}\n{rest}",
        log_key().vkey(),
        witness(1).vkey(),
        witness(2).vkey(),
        pq_witness(1).vkey()
    );
    Policy::parse(text.as_bytes()).unwrap()
}

// SPEC(tlog-policy): "a checkpoint is considered valid if it is signed by any one of the listed logs, and it is cosigned by
// witnesses according to the defined quorum rule."
#[test]
fn a_checkpoint_needs_a_log_and_the_quorum() {
    let policy = parse("group g 2 w1 w2 w3\nquorum g\n");
    let checkpoint = checkpoint(7);
    let log = signed(&checkpoint);
    let [one, two, pq, stranger] = [witness(1), witness(2), pq_witness(1), witness(9)];
    let by = |key: &_| cosigned(key, &checkpoint, 5);

    let valid = policy
        .verify(note(
            &checkpoint,
            vec![log.clone(), by(&one), by(&pq), by(&stranger)],
        ))
        .unwrap();
    assert_eq!(valid.cosignatures().len(), 2);
    assert_eq!(
        (valid.checkpoint(), valid.signed().checkpoint()),
        (&checkpoint, &checkpoint)
    );

    let few = policy.verify(note(
        &checkpoint,
        vec![log.clone(), by(&two), by(&stranger)],
    ));
    let Err(VerifyError::Quorum(QuorumError::NotMet {
        known: 3,
        cosigned: some,
    })) = few
    else {
        panic!("{few:?}")
    };
    assert_eq!(some.len(), 1);
    // One witness twice is one witness.
    let twice = note(
        &checkpoint,
        vec![log.clone(), by(&two), cosigned(&two, &checkpoint, 6)],
    );
    assert!(matches!(policy.verify(twice), Err(VerifyError::Quorum(_))));

    let unsigned = policy.verify(note(&checkpoint, vec![by(&one), by(&two), by(&pq)]));
    assert_eq!(
        unsigned,
        Err(VerifyError::Checkpoint(CheckpointError::Note(
            NoteError::NoKnownSignature
        )))
    );
}

// SPEC(tlog-policy): "When the policy is used for verifying a proof, all of the listed logs are accepted."
#[test]
fn each_listed_log_is_accepted() {
    let two = signing_key("log.example/two", Algorithm::Ed25519, 2);
    let policy = parse(&format!("log {}\nquorum none\n", two.vkey()));
    let first = checkpoint(7);
    let of =
        |key: &SigningKey| Checkpoint::new(key.name().clone().into(), first.size(), *first.root());
    let stranger = signing_key("log.example/three", Algorithm::Ed25519, 3);
    for (key, listed) in [(&log_key(), true), (&two, true), (&stranger, false)] {
        let checkpoint = of(key);
        let signed = sign_as_log(key, &checkpoint).unwrap();
        let result = policy.verify(note(&checkpoint, vec![signed]));
        assert_eq!(result.is_ok(), listed, "{}", key.name());
    }
}

// SPEC(tlog-proof): "Verify all cosignatures for witnesses known to the verifier."
#[test]
fn a_bad_cosignature_of_a_known_witness_spoils_the_checkpoint() {
    let checkpoint = checkpoint(7);
    let other = formats::checkpoint(8);
    let lines = vec![
        signed(&checkpoint),
        cosigned(&witness(1), &checkpoint, 5),
        cosigned(&witness(2), &other, 5),
    ];
    for quorum in ["none", "w1"] {
        let policy = parse(&format!("quorum {quorum}\n"));
        let result = policy.verify(note(&checkpoint, lines.clone()));
        assert!(
            matches!(
                result,
                Err(VerifyError::Quorum(QuorumError::Cosignature(
                    NoteError::BadSignature { .. }
                )))
            ),
            "{result:?}"
        );
    }
    // By a witness that the policy does not know it means nothing.
    let unknown = Policy::without_quorum([log_key().vkey().clone()]).unwrap();
    unknown.verify(note(&checkpoint, lines)).unwrap();
}

#[test]
fn each_witness_is_told() {
    let policy = parse("quorum w1\n");
    let checkpoint = checkpoint(7);
    let lines = vec![
        signed(&checkpoint),
        cosigned(&witness(1), &checkpoint, 5),
        cosigned(&witness(1), &checkpoint, 9),
        cosigned(&pq_witness(1), &checkpoint, 7),
    ];
    let verified = policy.verify(note(&checkpoint, lines)).unwrap();
    let checks = policy.check_cosignatures(verified.signed()).unwrap();
    let told: Vec<_> = checks
        .iter()
        .map(|check| {
            (
                check.witness.name(),
                check
                    .cosignature
                    .as_ref()
                    .and_then(|by| by.timestamp)
                    .map(Timestamp::seconds),
            )
        })
        .collect();
    assert_eq!(
        told,
        [(&b"w1"[..], Some(9)), (b"w2", None), (b"w3", Some(7))]
    );
}
