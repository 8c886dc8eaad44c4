//! The rules of misbehaviour files: what proves that a log misbehaved, and that nothing else does.

mod formats;

use counterfoil_tiles::checkpoint::{
    Checkpoint, CheckpointError, LogKey, Origin, SignedCheckpoint,
};
use counterfoil_tiles::cosignature::{Timestamp, cosign_checkpoint, sign_as_log};
use counterfoil_tiles::hash::{NodeHash, TreeSize, empty_root};
use counterfoil_tiles::key::{Algorithm, SigningKey};
use counterfoil_tiles::misbehaviour::{
    Act, FORMAT, MAX_MISBEHAVIOUR_SIZE, Misbehaviour, MisbehaviourError, ProvedMisbehaviour,
};
use counterfoil_tiles::note::{Note, NoteError};
use formats::{ORIGIN, cosigned, log_key, signing_key, witness};
use proptest::prelude::*;

fn checkpoint_of(origin: &str, size: u64, root: NodeHash) -> Checkpoint {
    Checkpoint::new(Origin::new(origin).unwrap(), TreeSize::new(size), root)
}

fn checkpoint(size: u64, root: u8) -> Checkpoint {
    checkpoint_of(ORIGIN, size, NodeHash::from_bytes([root; 32]))
}

fn signed_by(key: &SigningKey, checkpoint: &Checkpoint) -> Note {
    Note::new(
        &checkpoint.to_string(),
        vec![sign_as_log(key, checkpoint).unwrap()],
    )
    .unwrap()
}

fn signed(size: u64, root: u8) -> Note {
    signed_by(&log_key(), &checkpoint(size, root))
}

fn log() -> Vec<LogKey> {
    vec![LogKey::new(log_key().vkey().clone())]
}

fn verified(note: Note) -> SignedCheckpoint {
    SignedCheckpoint::verify(note, &log()).unwrap()
}

/// The file with these notes, as anybody could write it.
fn file(origin: &str, notes: &[Note]) -> String {
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let notes: Vec<String> = notes
        .iter()
        .map(|note| format!("    {}", quoted(note.as_str())))
        .collect();
    format!(
        "{{\n  \"format\": \"{FORMAT}\",\n  \"origin\": {},\n  \"notes\": [\n{}\n  ]\n}}\n",
        quoted(origin),
        notes.join(",\n")
    )
}

fn verify(text: &str) -> Result<ProvedMisbehaviour, MisbehaviourError> {
    Misbehaviour::parse(text.as_bytes())?.verify(&log())
}

#[test]
fn two_roots_of_one_size_are_proof() {
    let text = file(ORIGIN, &[signed(7, 1), signed(7, 2)]);
    let proved = verify(&text).unwrap();
    let roots = [1, 2].map(|byte| NodeHash::from_bytes([byte; 32]));
    let size = TreeSize::new(7);
    assert_eq!(proved.act(), Act::TwoRoots { size, roots });
    assert_eq!(proved.to_string(), text);
    for (one, two) in [(1, 2), (2, 1)] {
        let made = ProvedMisbehaviour::of_two(&verified(signed(7, one)), &verified(signed(7, two)))
            .unwrap();
        assert_eq!(made, proved, "in either order");
    }
}

#[test]
fn an_empty_tree_with_another_root_is_proof() {
    let text = file(ORIGIN, &[signed(0, 1)]);
    let proved = verify(&text).unwrap();
    let root = NodeHash::from_bytes([1; 32]);
    assert_eq!(proved.act(), Act::NotEmpty { root });
    assert_eq!(proved.to_string(), text);
    let made = ProvedMisbehaviour::of_one(&verified(signed(0, 1))).unwrap();
    assert_eq!(made, proved);
}

#[test]
fn nothing_else_is_proof() {
    let empty = signed_by(&log_key(), &checkpoint_of(ORIGIN, 0, empty_root()));
    let other = signing_key("log.example/two", Algorithm::Ed25519, 2);
    let of_other = signed_by(
        &other,
        &checkpoint_of("log.example/two", 7, NodeHash::from_bytes([2; 32])),
    );
    let stranger = signing_key(ORIGIN, Algorithm::Ed25519, 9);
    let forged = Note::new(
        &checkpoint(7, 2).to_string(),
        signed(7, 1).signatures().to_vec(),
    )
    .unwrap();
    let bad = |number, error: NoteError| MisbehaviourError::Checkpoint {
        number,
        error: CheckpointError::Note(error),
    };
    let rows: Vec<(&str, Vec<Note>, MisbehaviourError)> = vec![
        (
            "different sizes",
            vec![signed(7, 1), signed(8, 2)],
            MisbehaviourError::DifferentSizes {
                first: TreeSize::new(7),
                second: TreeSize::new(8),
            },
        ),
        (
            "one checkpoint twice",
            vec![signed(7, 1), signed(7, 1)],
            MisbehaviourError::Roots,
        ),
        (
            "the larger root first",
            vec![signed(7, 2), signed(7, 1)],
            MisbehaviourError::Roots,
        ),
        (
            "one checkpoint",
            vec![signed(7, 1)],
            MisbehaviourError::OneAlone,
        ),
        ("the empty tree", vec![empty], MisbehaviourError::OneAlone),
        ("no checkpoint", vec![], MisbehaviourError::Notes(0)),
        (
            "three checkpoints",
            vec![signed(7, 1), signed(7, 2), signed(7, 3)],
            MisbehaviourError::Notes(3),
        ),
        (
            "the second signed by a stranger under the log's name",
            vec![signed(7, 1), signed_by(&stranger, &checkpoint(7, 2))],
            bad(2, NoteError::NoKnownSignature),
        ),
        (
            "the second with the first one's signature",
            vec![signed(7, 1), forged],
            bad(
                2,
                NoteError::BadSignature {
                    name: log_key().name().clone(),
                    key_id: log_key().id(),
                },
            ),
        ),
        (
            "the second of another log",
            vec![signed(7, 1), of_other],
            MisbehaviourError::OtherOrigin {
                number: 2,
                expected: Origin::new(ORIGIN).unwrap(),
                found: Origin::new("log.example/two").unwrap(),
            },
        ),
    ];
    for (row, notes, expected) in rows {
        assert_eq!(verify(&file(ORIGIN, &notes)), Err(expected), "{row}");
    }
}

/// Two honest logs, trusted both, are not one that forked.
#[test]
fn checkpoints_of_two_logs_are_not_proof() {
    let other = signing_key("log.example/two", Algorithm::Ed25519, 2);
    let of_other = signed_by(
        &other,
        &checkpoint_of("log.example/two", 7, NodeHash::from_bytes([2; 32])),
    );
    let logs = [log(), vec![LogKey::new(other.vkey().clone())]].concat();
    let of_other = SignedCheckpoint::verify(of_other, &logs).unwrap();
    assert_eq!(
        ProvedMisbehaviour::of_two(&verified(signed(7, 1)), &of_other),
        None
    );
    assert_eq!(
        ProvedMisbehaviour::of_two(&verified(signed(7, 1)), &verified(signed(8, 2))),
        None
    );
    assert_eq!(ProvedMisbehaviour::of_one(&verified(signed(7, 1))), None);
}

/// Cosignatures, signatures of strangers and repeated lines make no other file, so evidence is kept once.
#[test]
fn only_the_signatures_of_the_log_are_in_the_file() {
    let plain = [signed(7, 1), signed(7, 2)].map(verified);
    let expected = ProvedMisbehaviour::of_two(&plain[0], &plain[1]).unwrap();
    let decorated = [1, 2].map(|root| {
        let checkpoint = checkpoint(7, root);
        let stranger = signing_key("stranger.example", Algorithm::Ed25519, 50);
        let log_line = sign_as_log(&log_key(), &checkpoint).unwrap();
        let lines = vec![
            sign_as_log(&stranger, &checkpoint).unwrap(),
            log_line.clone(),
            cosigned(&witness(1), &checkpoint, 1_700_000_000),
            log_line,
        ];
        verified(Note::new(&checkpoint.to_string(), lines).unwrap())
    });
    let made = ProvedMisbehaviour::of_two(&decorated[0], &decorated[1]).unwrap();
    assert_eq!(made.to_string(), expected.to_string());
}

/// A log may sign by ML-DSA-44, whose signatures differ each time: the first by each key stays.
#[test]
fn one_line_for_each_key_of_the_log() {
    let key = signing_key(ORIGIN, Algorithm::MlDsa44, 3);
    let keys = [log(), vec![LogKey::new(key.vkey().clone())]].concat();
    let checkpoint = checkpoint(0, 1);
    let again =
        |seconds| cosign_checkpoint(&key, &checkpoint, Timestamp::new(seconds).unwrap()).unwrap();
    let (first, second) = (again(0), again(1));
    let lines = vec![
        first.clone(),
        sign_as_log(&log_key(), &checkpoint).unwrap(),
        second,
    ];
    let note = Note::new(&checkpoint.to_string(), lines).unwrap();
    let signed = SignedCheckpoint::verify(note, &keys).unwrap();
    let proved = ProvedMisbehaviour::of_one(&signed).unwrap();
    let kept = proved.signed()[0].note().signatures();
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[0], first);
    let parsed = Misbehaviour::parse(proved.to_string().as_bytes()).unwrap();
    assert_eq!(parsed.verify(&keys), Ok(proved));
}

#[test]
fn a_file_has_one_spelling() {
    type Change = fn(&str) -> String;
    let good = file(ORIGIN, &[signed(7, 1), signed(7, 2)]);
    let rows: [(&str, Change); 14] = [
        ("no newline at the end", |text| text.trim_end().to_owned()),
        ("two newlines at the end", |text| format!("{text}\n")),
        ("CR LF", |text| text.replace('\n', "\r\n")),
        ("white space gone", |text| text.replace("\n  ", "")),
        ("tabs", |text| text.replace("  ", "\t")),
        ("a needless escape", |text| {
            text.replacen("log.", "log\\u002e", 1)
        }),
        ("members in another order", |text| {
            let origin = format!("  \"origin\": \"{ORIGIN}\",\n");
            text.replace(&origin, "")
                .replacen("{\n", &format!("{{\n{origin}"), 1)
        }),
        ("a member more", |text| {
            text.replacen("{\n", "{\n  \"more\": 1,\n", 1)
        }),
        ("a member twice", |text| {
            text.replacen("{\n", &format!("{{\n  \"origin\": \"{ORIGIN}\",\n"), 1)
        }),
        ("a member missing", |text| {
            text.replace(&format!("  \"origin\": \"{ORIGIN}\",\n"), "")
        }),
        ("another format", |text| text.replace("@v1", "@v2")),
        ("an empty origin", |text| {
            text.replacen(&format!(": \"{ORIGIN}\""), ": \"\"", 1)
        }),
        ("a note that is none", |text| {
            text.replacen("\\n\\n", "\\n", 1)
        }),
        ("text after the end", |text| format!("{text}{{}}")),
    ];
    assert!(Misbehaviour::parse(good.as_bytes()).is_ok());
    for (mutation, change) in rows {
        let changed = change(&good);
        assert_ne!(changed, good, "{mutation} changes nothing");
        assert!(
            Misbehaviour::parse(changed.as_bytes()).is_err(),
            "{mutation}"
        );
    }
    let large = vec![b' '; MAX_MISBEHAVIOUR_SIZE + 1];
    assert_eq!(
        Misbehaviour::parse(&large),
        Err(MisbehaviourError::TooLarge { found: large.len() })
    );
    assert!(matches!(
        Misbehaviour::parse(b"\xff"),
        Err(MisbehaviourError::Json(_))
    ));
}

/// Each bit of the file is either in its spelling or under a signature.
#[test]
fn a_flipped_bit_proves_nothing() {
    let good = file(ORIGIN, &[signed(7, 1), signed(7, 2)]).into_bytes();
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut changed = good.clone();
            changed[at] ^= 1 << bit;
            let proved = Misbehaviour::parse(&changed).and_then(|claim| claim.verify(&log()));
            assert!(proved.is_err(), "byte {at}, bit {bit}");
        }
    }
}

proptest! {
    #[test]
    fn what_is_proved_parses_and_verifies(size: u64, one: [u8; 32], two: [u8; 32], line in "[ -~é]{1,20}") {
        prop_assume!(one != two);
        let sign = |root| {
            let checkpoint = checkpoint_of(ORIGIN, size, NodeHash::from_bytes(root));
            verified(signed_by(&log_key(), &checkpoint.with_extensions(vec![line.clone()]).unwrap()))
        };
        let proved = ProvedMisbehaviour::of_two(&sign(one), &sign(two)).unwrap();
        prop_assert_eq!(verify(&proved.to_string()), Ok(proved));
    }
}
