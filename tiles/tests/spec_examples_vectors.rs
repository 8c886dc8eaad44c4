//! Each literal example in the specifications' texts.

mod common;
mod formats;

use counterfoil_tests::vectors_dir;
use counterfoil_tiles::checkpoint::Checkpoint;
use counterfoil_tiles::cosignature::{Timestamp, ed25519_message};
use counterfoil_tiles::key::Algorithm;
use counterfoil_tiles::note::Note;
use counterfoil_tiles::policy::{Policy, Quorum};
use counterfoil_tiles::receipt::{Receipt, ReceiptError};
use counterfoil_tiles::witness_wire::{
    AddCheckpointRequest, SignSubtreeRequest, WireError, parse_cosignatures,
};

fn example(name: &str) -> Option<String> {
    let path = vectors_dir()?.join("specs").join(name);
    Some(
        std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display())),
    )
}

#[test]
fn signed_notes() {
    let (Some(poem), Some(note), Some(key)) = (
        example("signed-note-1.txt"),
        example("signed-note-2.txt"),
        example("signed-note-vkey.txt"),
    ) else {
        return;
    };
    let poem = Note::parse(poem.as_bytes()).unwrap();
    assert!(poem.text().starts_with("Ognuno") && poem.text().ends_with("\n\ned è subito sera.\n"));
    assert_eq!(
        poem.signatures()[0].name().as_str(),
        "quasimodo.example/salvatore"
    );
    let note = Note::parse(note.as_bytes()).unwrap();
    assert_eq!(
        note.verify(&formats::ring([key.trim_end()])).unwrap().len(),
        1
    );
}

#[test]
fn checkpoints_and_the_message_of_a_cosignature() {
    let (Some(plain), Some(cosigned), Some(message)) = (
        example("tlog-checkpoint-1.txt"),
        example("tlog-cosignature-1.txt"),
        example("tlog-cosignature-message.txt"),
    ) else {
        return;
    };
    let plain = Note::parse(plain.as_bytes()).unwrap();
    let checkpoint = Checkpoint::parse(plain.text()).unwrap();
    assert_eq!(
        (checkpoint.origin().as_str(), checkpoint.size().get()),
        ("example.com/behind-the-sofa", 20_852_163)
    );
    let cosigned = Note::parse(cosigned.as_bytes()).unwrap();
    assert_eq!(cosigned.text(), plain.text());
    let line = &cosigned.signatures()[1];
    let timestamp = Timestamp::of_signature(Algorithm::CosignatureV1, line.signature()).unwrap();
    assert_eq!(
        (line.name().as_str(), timestamp.seconds()),
        ("witness.example.com/w1", 1_679_315_147)
    );
    assert_eq!(
        ed25519_message(timestamp, cosigned.text()),
        message.as_bytes()
    );
}

/// Its signatures are elided with "[...]", so only what comes before them can be read.
#[test]
fn a_receipt_with_elided_signatures() {
    let Some(text) = example("tlog-proof-1.txt") else {
        return;
    };
    assert!(matches!(
        Receipt::parse(text.as_bytes()),
        Err(ReceiptError::Note(_))
    ));
    let whole = format!(
        "{}\n\n— example.com/fancylog AAAAAAA=\n",
        text.rsplit_once("\n\n").unwrap().0
    );
    let receipt = Receipt::parse(whole.as_bytes()).unwrap();
    assert_eq!(
        (
            receipt.index().get(),
            receipt.proof().len(),
            receipt.checkpoint().size().get()
        ),
        (73_894, 5, 109_482)
    );
    assert_eq!(receipt.extra().map(<[u8]>::len), Some(39));
    assert_eq!(receipt.to_string(), whole);
}

/// Its keys are elided as `<vkey>`; any keys will do.
#[test]
fn a_policy_with_two_levels_of_groups() {
    let Some(text) = example("tlog-policy-1.txt") else {
        return;
    };
    let mut number = 0;
    let mut with_keys = String::new();
    for (at, part) in text.split("<vkey>").enumerate() {
        if at > 0 {
            number += 1;
            let algorithm = if at == 1 {
                Algorithm::Ed25519
            } else {
                Algorithm::CosignatureV1
            };
            with_keys.push_str(
                &formats::signing_key(&format!("key{number}"), algorithm, number)
                    .vkey()
                    .to_string(),
            );
        }
        with_keys.push_str(part);
    }
    let policy = Policy::parse(with_keys.as_bytes()).unwrap();
    assert_eq!(
        (
            policy.logs().len(),
            policy.witnesses().len(),
            policy.groups().len()
        ),
        (1, 6, 3)
    );
    let Quorum::Member(quorum) = policy.quorum() else {
        panic!("a quorum")
    };
    assert_eq!(policy.name_of(quorum), b"X-and-Y");
    for (cosigned, satisfied) in [
        (&["X1", "X2", "Y3"][..], true),
        (&["X1", "X3", "Y1"], true),
        (&["X1", "Y1", "Y2", "Y3"], false),
        (&["X1", "X2", "X3"], false),
    ] {
        let has = |name: &[u8]| cosigned.iter().any(|known| known.as_bytes() == name);
        assert_eq!(
            policy.satisfied_by(|witness| has(witness.name())),
            satisfied,
            "{cosigned:?}"
        );
    }
}

#[test]
fn bodies_of_the_witness_protocol() {
    let Some(request) = example("tlog-witness-add-checkpoint-request.txt") else {
        return;
    };
    let parsed = AddCheckpointRequest::parse(request.as_bytes()).unwrap();
    assert_eq!(
        (parsed.old_size().get(), parsed.proof().len()),
        (20_852_014, 4)
    );
    assert_eq!(parsed.note().signatures().len(), 2);
    assert_eq!(parsed.to_string(), request);
    for (file, names) in [
        (
            "tlog-witness-add-checkpoint-response.txt",
            [
                "witness.example/w1",
                "witness.example/w1",
                "witness.example/w2",
            ],
        ),
        (
            "tlog-mirror-response.txt",
            [
                "mirror.example/m1",
                "mirror.example/m1",
                "mirror.example/m2",
            ],
        ),
    ] {
        let lines = parse_cosignatures(example(file).unwrap().as_bytes()).unwrap();
        assert_eq!(
            lines
                .iter()
                .map(|line| line.name().as_str())
                .collect::<Vec<_>>(),
            names
        );
        assert!(lines.iter().all(|line| line.signature().len() == 72));
    }
    // The signatures of the others are elided.
    let text = example("tlog-witness-sign-subtree-request.txt").unwrap();
    assert!(matches!(
        SignSubtreeRequest::parse(text.as_bytes()),
        Err(WireError::Note(_))
    ));
    let whole = format!(
        "{}\n\n— witness.example/w1 AAAAAAA=\n",
        text.rsplit_once("\n\n").unwrap().0
    );
    let request = SignSubtreeRequest::parse(whole.as_bytes()).unwrap();
    assert_eq!(
        (
            request.subtree().to_string(),
            request.checkpoint().size().get()
        ),
        ("[8, 13)".into(), 14)
    );
    let elided = example("tlog-witness-sign-subtree-response.txt").unwrap();
    assert!(parse_cosignatures(elided.as_bytes()).is_err());
}
