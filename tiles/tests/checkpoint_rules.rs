//! The rules of checkpoints, and how a log puts together what it publishes.

mod formats;

use counterfoil_tiles::checkpoint::{
    Checkpoint, CheckpointError, LogKey, MAX_PUBLISHED_SIGNATURES, Origin, PublishError,
    SignedCheckpoint, assemble, keeps_signatures, merge,
};
use counterfoil_tiles::cosignature::{Timestamp, sign_as_log};
use counterfoil_tiles::key::{Algorithm, KeyRing, SigningKey};
use counterfoil_tiles::note::{Note, NoteError, SignatureLine};
use formats::{
    checkpoint, cosigned, log_key, note, pq_witness, ring_of, signed, signing_key, witness,
};

const ROOT: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";

// SPEC(tlog-checkpoint): "The note text is a sequence of at least three non-empty lines, separated by newlines (U+000A)."
// SPEC(tlog-checkpoint): "The second line is the **tree size**, the ASCII decimal representation of the number of leaves in
// the tree, with no leading zeroes (unless the tree is empty, in which case the tree size is `0`)."
// SPEC(tlog-checkpoint): "The third line is the **root hash**, the base64 encoding of the root of the [RFC 6962] Merkle hash
// tree at the specified tree size."
#[test]
fn what_is_no_checkpoint_is_refused() {
    let good = format!("log.example\n7\n{ROOT}\n");
    assert_eq!(Checkpoint::parse(&good).unwrap().to_string(), good);
    for (row, text) in [
        ("empty", String::new()),
        ("origin only", "log.example\n".into()),
        ("no root", "log.example\n7\n".into()),
        ("no newline after the root", good.trim_end().into()),
        (
            "size with leading zero",
            format!("log.example\n07\n{ROOT}\n"),
        ),
        ("size 00", format!("log.example\n00\n{ROOT}\n")),
        ("size with sign", format!("log.example\n+7\n{ROOT}\n")),
        ("size with space", format!("log.example\n7 \n{ROOT}\n")),
        ("size in hexadecimal", format!("log.example\n0x7\n{ROOT}\n")),
        ("size empty", format!("log.example\n\n{ROOT}\n")),
        (
            "size 2^64",
            format!("log.example\n18446744073709551616\n{ROOT}\n"),
        ),
        (
            "root of 31 bytes",
            "log.example\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n".into(),
        ),
        ("root with loose bits", good.replace("q2I=", "q2J=")),
        ("root without padding", good.replace('=', "")),
        (
            "root in hexadecimal",
            format!("log.example\n7\n{}\n", "00".repeat(32)),
        ),
        ("CR LF", good.replace('\n', "\r\n")),
        ("text after the last newline", format!("{good}x")),
        ("origin with a tab", good.replace("log", "l\tg")),
    ] {
        assert!(Checkpoint::parse(&text).is_err(), "{row}");
    }
    for size in ["0", "1", "18446744073709551615"] {
        let text = format!("log.example\n{size}\n{ROOT}\n");
        assert_eq!(Checkpoint::parse(&text).unwrap().size().to_string(), size);
    }
}

// SPEC(tlog-checkpoint): "The origin MUST be non-empty, and it SHOULD be a schema-less URL containing neither Unicode spaces
// nor plus (U+002B), such as `example.com/log42`. This is only a recommendation to avoid collisions, and clients MUST NOT
// assume that the origin is following this format or that the URL corresponds to a reachable endpoint."
#[test]
fn origins_are_any_line_but_the_empty_one() {
    for origin in [
        "go.sum database tree",
        "a+b",
        "https://example.com",
        "é\u{a0}",
        " ",
    ] {
        let text = format!("{origin}\n7\n{ROOT}\n");
        assert_eq!(Checkpoint::parse(&text).unwrap().origin().as_str(), origin);
    }
    assert_eq!(
        Checkpoint::parse(&format!("\n7\n{ROOT}\n")),
        Err(CheckpointError::Origin)
    );
    assert_eq!(Origin::new("a\nb"), Err(CheckpointError::Origin));
}

// SPEC(tlog-checkpoint): "Extension lines, if any, MUST be non-empty."
#[test]
fn extension_lines_are_kept_and_not_empty() {
    let text = format!("log.example\n7\n{ROOT}\nfirst\nsecond line\n");
    let parsed = Checkpoint::parse(&text).unwrap();
    assert_eq!(parsed.extensions(), ["first", "second line"]);
    assert_eq!(parsed.to_string(), text);
    assert_eq!(
        Checkpoint::parse(&format!("{text}\n")),
        Err(CheckpointError::Extension)
    );
    assert_eq!(
        checkpoint(7).with_extensions(vec![String::new()]),
        Err(CheckpointError::Extension)
    );
    assert_eq!(
        checkpoint(7).with_extensions(vec!["a\nb".into()]),
        Err(CheckpointError::Extension)
    );
}

#[test]
fn only_a_key_of_the_origin_makes_a_checkpoint_signed() {
    let checkpoint = checkpoint(7);
    let note = note(&checkpoint, vec![signed(&checkpoint)]);
    let own = LogKey::new(log_key().vkey().clone());
    let verified = SignedCheckpoint::verify(note.clone(), [&own]).unwrap();
    assert_eq!(
        (verified.note(), verified.checkpoint()),
        (&note, &checkpoint)
    );
    assert_eq!(verified.log_signatures().len(), 1);

    let elsewhere = LogKey::for_origin(
        Origin::new("log.example/two").unwrap(),
        log_key().vkey().clone(),
    );
    let unknown = CheckpointError::UnknownOrigin {
        origin: checkpoint.origin().clone(),
    };
    assert_eq!(
        SignedCheckpoint::verify(note.clone(), [&elsewhere]),
        Err(unknown.clone())
    );
    assert_eq!(SignedCheckpoint::verify(note.clone(), []), Err(unknown));
    let other = LogKey::new(
        signing_key(formats::ORIGIN, Algorithm::Ed25519, 2)
            .vkey()
            .clone(),
    );
    let unsigned = CheckpointError::Note(NoteError::NoKnownSignature);
    assert_eq!(
        SignedCheckpoint::verify(note.clone(), [&other]),
        Err(unsigned)
    );
    // Either of two keys suffices, and a key of another log is not asked.
    SignedCheckpoint::verify(note, [&elsewhere, &other, &own]).unwrap();
}

#[test]
fn a_log_may_sign_by_either_algorithm_or_both() {
    let checkpoint = checkpoint(7);
    let pq = signing_key(formats::ORIGIN, Algorithm::MlDsa44, 1);
    let by_pq = sign_as_log(&pq, &checkpoint).unwrap();
    let keys = [
        LogKey::new(log_key().vkey().clone()),
        LogKey::new(pq.vkey().clone()),
    ];
    for (lines, count) in [
        (vec![signed(&checkpoint)], 1),
        (vec![by_pq.clone()], 1),
        (vec![signed(&checkpoint), by_pq.clone()], 2),
    ] {
        let verified = SignedCheckpoint::verify(note(&checkpoint, lines), &keys).unwrap();
        assert_eq!(verified.log_signatures().len(), count);
    }
    // The log cannot say that this is its largest tree, so its cosignature has no time.
    let verified = SignedCheckpoint::verify(note(&checkpoint, vec![by_pq]), &keys).unwrap();
    assert_eq!(verified.log_signatures()[0].timestamp.unwrap().seconds(), 0);
    let cosigner = signing_key(formats::ORIGIN, Algorithm::CosignatureV1, 1);
    assert!(sign_as_log(&cosigner, &checkpoint).is_err());
}

/// The log, two Ed25519 witnesses and an ML-DSA-44 one.
fn cast() -> (Checkpoint, [SigningKey; 3], KeyRing) {
    let witnesses = [witness(1), witness(2), pq_witness(1)];
    let ring = ring_of(witnesses.iter().chain([&log_key()]));
    (checkpoint(7), witnesses, ring)
}

fn times(note: &Note, ring: &KeyRing) -> Vec<Option<u64>> {
    note.verify(ring)
        .unwrap()
        .iter()
        .map(|signature| signature.timestamp.map(Timestamp::seconds))
        .collect()
}

#[test]
fn merging_keeps_one_line_of_each_key_and_the_newer_cosignature() {
    let (checkpoint, [one, two, pq], ring) = cast();
    let log = signed(&checkpoint);
    let first = note(
        &checkpoint,
        vec![
            log.clone(),
            cosigned(&one, &checkpoint, 50),
            cosigned(&pq, &checkpoint, 90),
        ],
    );
    let second = note(
        &checkpoint,
        vec![
            cosigned(&two, &checkpoint, 60),
            log,
            cosigned(&pq, &checkpoint, 80),
            cosigned(&one, &checkpoint, 70),
        ],
    );
    let merged = merge(&first, &second, &ring).unwrap();
    assert_eq!(times(&merged, &ring), [None, Some(70), Some(90), Some(60)]);
    assert_eq!(merged.text(), first.text());
    // The lines of the first note stay where they are; the other way round gives the same set.
    assert_eq!(
        times(&merge(&second, &first, &ring).unwrap(), &ring),
        [Some(60), None, Some(90), Some(70)]
    );
    assert_eq!(merge(&merged, &merged, &ring).unwrap(), merged);
    for old in [&first, &second] {
        assert!(keeps_signatures(&merged, old, &ring) && !keeps_signatures(old, &merged, &ring));
    }
}

#[test]
fn where_no_time_decides_the_first_line_stays() {
    let (checkpoint, [_, _, pq], ring) = cast();
    // ML-DSA-44 signatures of one message differ.
    let [first, second] = [(); 2].map(|()| note(&checkpoint, vec![cosigned(&pq, &checkpoint, 5)]));
    assert_ne!(first, second);
    assert_eq!(merge(&first, &second, &ring).unwrap(), first);
    assert_eq!(merge(&second, &first, &ring).unwrap(), second);
}

#[test]
fn notes_of_different_texts_do_not_merge() {
    let (old, new) = (checkpoint(7), checkpoint(8));
    let [old, new] = [&old, &new].map(|checkpoint| note(checkpoint, vec![signed(checkpoint)]));
    assert_eq!(
        merge(&old, &new, &KeyRing::default()),
        Err(PublishError::TextsDiffer)
    );
}

#[test]
fn lines_of_unknown_keys_stay_as_they_are() {
    let (checkpoint, [one, two, _], ring) = cast();
    let stranger = witness(9);
    let (early, late) = (
        cosigned(&stranger, &checkpoint, 10),
        cosigned(&stranger, &checkpoint, 20),
    );
    let first = note(
        &checkpoint,
        vec![early.clone(), cosigned(&one, &checkpoint, 1)],
    );
    let second = note(&checkpoint, vec![late, cosigned(&two, &checkpoint, 1)]);
    let merged = merge(&first, &second, &ring).unwrap();
    assert_eq!(
        merged.signatures()[0],
        early,
        "nothing says which of two unknown signatures is newer"
    );
    assert!(keeps_signatures(&merged, &first, &ring));
    assert!(
        !keeps_signatures(&merged, &second, &ring),
        "the stranger's line is another"
    );
}

#[test]
fn a_publication_drops_no_signature_and_makes_none_older() {
    let (checkpoint, [one, two, pq], ring) = cast();
    let at = |seconds: u64| cosigned(&one, &checkpoint, seconds);
    let log = signed(&checkpoint);
    let old = note(&checkpoint, vec![log.clone(), at(50)]);
    for (row, kept, lines) in [
        ("the same", true, vec![log.clone(), at(50)]),
        ("another order", true, vec![at(50), log.clone()]),
        ("newer", true, vec![log.clone(), at(51)]),
        (
            "more",
            true,
            vec![
                log.clone(),
                cosigned(&two, &checkpoint, 1),
                at(50),
                cosigned(&pq, &checkpoint, 1),
            ],
        ),
        ("older and newer", true, vec![log.clone(), at(49), at(50)]),
        ("older", false, vec![log.clone(), at(49)]),
        (
            "cosignature dropped",
            false,
            vec![log.clone(), cosigned(&two, &checkpoint, 90)],
        ),
        ("log signature dropped", false, vec![at(50)]),
    ] {
        assert_eq!(
            keeps_signatures(&note(&checkpoint, lines), &old, &ring),
            kept,
            "{row}"
        );
    }
    // ML-DSA-44 signatures differ each time; what counts is that there is one, and its time.
    let [was, is] = [(); 2].map(|()| note(&checkpoint, vec![cosigned(&pq, &checkpoint, 0)]));
    assert_ne!(was, is);
    assert!(keeps_signatures(&is, &was, &ring));
}

#[test]
fn sixteen_lines_are_published_and_no_more() {
    let checkpoint = checkpoint(7);
    let keys: Vec<SigningKey> = (0..16).map(witness).collect();
    let ring = ring_of(&keys);
    let lines: Vec<SignatureLine> = keys
        .iter()
        .map(|key| cosigned(key, &checkpoint, 5))
        .collect();
    assert_eq!(lines.len(), MAX_PUBLISHED_SIGNATURES);
    // Two lines of one key are one.
    let refreshed = lines
        .iter()
        .cloned()
        .chain([cosigned(&keys[3], &checkpoint, 6)]);
    let full = assemble(&checkpoint, refreshed, &ring).unwrap();
    assert_eq!(full.signatures().len(), 16);
    assert_eq!(times(&full, &ring)[3], Some(6));
    let more = lines.into_iter().chain([signed(&checkpoint)]);
    assert_eq!(
        assemble(&checkpoint, more, &ring),
        Err(PublishError::TooManySignatures(17))
    );
    let log_only = note(&checkpoint, vec![signed(&checkpoint)]);
    assert_eq!(
        merge(&full, &log_only, &ring),
        Err(PublishError::TooManySignatures(17))
    );
    assert_eq!(
        assemble(&checkpoint, [], &ring).unwrap_err().to_string(),
        "signature line 1: expected at least one signature line"
    );
}
