//! What is answered, and what is recorded before.

use std::sync::Arc;
use std::time::Duration;

use counterfoil_store::HeadStore as _;
use counterfoil_tiles::checkpoint::SignedCheckpoint;
use counterfoil_tiles::cosignature::{Timestamp, verify_subtree};
use counterfoil_tiles::hash::NodeHash;
use counterfoil_tiles::key::Algorithm;
use counterfoil_tiles::note::Note;
use counterfoil_tiles::proof::Subtree;
use counterfoil_tiles::witness_wire::{encode_cosignatures, verify_cosignatures};
use counterfoil_witness::record::register;
use counterfoil_witness::{
    AddAnswer, Log, LogOptions, Logs, Options, OriginHash, RetryAfter, Signers, SubtreeAnswer,
    Unavailable, Witness,
};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::sync::Semaphore;

use crate::common::{Signer, Tree, key, request, signers, subtree_request, with_bad_signature};
use crate::support::{
    Gated, NOW, Stores, add, add_at, assert_cosigned, at, name, no_limit, witness_over,
};

const ORIGIN: &str = "example.com/log";

// SPEC(tlog-witness): "If the checkpoint origin is unknown, the witness MUST respond with a "404 Not Found" HTTP
// status code."
// SPEC(tlog-witness): "If the origin is known, and the signature is valid, the witness MAY log the request even
// if the checkpoint fails one of the consistency checks above (but MUST NOT cosign the checkpoint), as it might
// be proof of log misbehavior."
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn each_status_and_their_order() {
    let (signer, unknown) = (Signer::new(ORIGIN), Signer::new("example.com/unknown"));
    let (tree, fork) = (Tree::new(20), Tree::forked(20, 3, 1));
    let stores = Stores::default();
    let witness = stores.witness(&[&signer]);
    assert_cosigned(&add(&witness, &signer.update(&tree, 0, 7)).await);
    let recorded = witness.checkpoint(signer.log().hash()).await.unwrap();

    let good = signer.update(&tree, 7, 20).to_string();
    let unsigned = with_bad_signature(&signer.sign(20, tree.root(20)));
    let extensions = vec!["x".repeat(1000); 17];
    let long = signer
        .checkpoint(20, tree.root(20))
        .with_extensions(extensions)
        .unwrap();
    let rows = [
        ("no body", String::new(), "400"),
        ("no newline after old", "old 7".to_owned(), "400"),
        ("a leading zero", good.replacen("old 7", "old 07", 1), "400"),
        ("a sign", good.replacen("old 7", "old +7", 1), "400"),
        ("no empty line", good.replacen("\n\n", "\n", 1), "400"),
        ("CRLF", good.replacen('\n', "\r\n", 1), "400"),
        (
            "64 hashes",
            request_lines(7, 64, &signer.sign(20, tree.root(20))),
            "400",
        ),
        (
            "a text of 17 KB",
            request(7, tree.consistency(7, 20), signer.sign_checkpoint(&long)).to_string(),
            "400",
        ),
        (
            "malformed and of an unknown log",
            unknown
                .update(&tree, 0, 7)
                .to_string()
                .replacen("old 0", "old 00", 1),
            "400",
        ),
        (
            "an unknown log",
            unknown.update(&tree, 0, 7).to_string(),
            "404",
        ),
        (
            "an unknown log and a bad signature",
            request(
                9,
                vec![],
                with_bad_signature(&unknown.sign(7, tree.root(7))),
            )
            .to_string(),
            "404",
        ),
        (
            "a bad signature",
            request(7, tree.consistency(7, 20), unsigned.clone()).to_string(),
            "403",
        ),
        (
            "a bad signature and old above the size",
            request(30, vec![], unsigned.clone()).to_string(),
            "403",
        ),
        (
            "a bad signature and another old size",
            request(3, vec![], unsigned).to_string(),
            "403",
        ),
        (
            "old above the size",
            request(30, vec![], signer.sign(20, tree.root(20))).to_string(),
            "400",
        ),
        (
            "another old size",
            signer.update(&tree, 3, 20).to_string(),
            "409 7",
        ),
        (
            "a proof that does not verify",
            request(7, vec![], signer.sign(20, tree.root(20))).to_string(),
            "422",
        ),
        ("a fork", signer.update(&fork, 7, 20).to_string(), "422"),
        (
            "the same size with another root",
            signer.update(&fork, 7, 7).to_string(),
            "422",
        ),
    ];
    for (row, body, expected) in rows {
        let answer = witness
            .add_checkpoint(body.as_bytes(), at(NOW), no_limit)
            .await;
        assert_eq!(name(&answer), expected, "{row}");
        // MUST NOT cosign: neither in the answer nor in the record.
        assert_eq!(
            witness.checkpoint(signer.log().hash()).await.unwrap(),
            recorded,
            "{row}"
        );
    }
    assert_cosigned(&add(&witness, &signer.update(&tree, 7, 20)).await);
}

fn request_lines(old: u64, hashes: usize, note: &Note) -> String {
    let hash = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    format!("old {old}\n{}\n{note}", hash.repeat(hashes))
}

// SPEC(tlog-witness): "If all the checks above pass, the witness MUST update its record of the latest cosigned
// checkpoint and respond with a "200 Success" HTTP status code."
// SPEC(tlog-witness): "The signatures MUST be [cosignatures][] from the witness key(s) on the checkpoint."
// SPEC(tlog-witness): "If the cosignature format supports subtrees, the cosignature returned by the witness MUST
// be for the entire tree in the submitted checkpoint, i.e. start MUST be zero and end MUST be the checkpoint
// size."
// SPEC(tlog-witness): "The cosignature MUST NOT omit the timestamp, i.e. the timestamp MUST NOT be zero."
// SPEC(tlog-witness): "The response body MUST be a [checkpoint][] for the log identified by the origin, and it
// MUST include the cosignature(s) from the witness's key(s) that were returned from add-checkpoint and the
// cosignature from the log key(s) that the witness verified."
#[tokio::test]
async fn what_is_cosigned_is_recorded_with_the_signatures_of_the_log_and_the_witness() {
    let signer = Signer::with_keys(ORIGIN, &[(Algorithm::Ed25519, 1), (Algorithm::MlDsa44, 2)]);
    let tree = Tree::new(20);
    let stores = Stores::default();
    let witness = stores.witness(&[&signer]);
    let log = signer.log().hash();
    assert_eq!(witness.checkpoint(log).await, Ok(None));

    // A line of somebody else is ignored, and not kept.
    let by_log = signer.sign(7, tree.root(7));
    let stranger = Signer::with_keys(ORIGIN, &[(Algorithm::Ed25519, 9)]).sign(7, tree.root(7));
    let all = [stranger.signatures(), by_log.signatures()].concat();
    let submitted = Note::new(by_log.text(), all).unwrap();
    let AddAnswer::Cosigned { lines, .. } = add(&witness, &request(0, vec![], submitted)).await
    else {
        panic!("not cosigned");
    };

    // One good cosignature by each key, of the whole tree, at the time given.
    let verifiable = SignedCheckpoint::verify(by_log.clone(), signer.log().keys()).unwrap();
    let body = encode_cosignatures(&lines);
    let verified = verify_cosignatures(body.as_bytes(), &verifiable, signers().ring()).unwrap();
    let algorithms: Vec<_> = verified.iter().map(|(_, by)| by.algorithm).collect();
    assert_eq!(algorithms, [Algorithm::CosignatureV1, Algorithm::MlDsa44]);
    let now = Timestamp::new(NOW).unwrap();
    assert!(verified.iter().all(|(_, by)| by.timestamp == Some(now)));

    let expected = Note::new(by_log.text(), [by_log.signatures(), &lines].concat()).unwrap();
    assert_eq!(witness.checkpoint(log).await, Ok(Some(expected.clone())));
    let value = stores.heads.fetch(&register(log)).await.unwrap().unwrap();
    assert_eq!(value, format!("counterfoil/witness/1\n{expected}"));
    // Another witness on the same registers, as after a restart.
    let restarted = stores.witness(&[&signer]);
    assert_eq!(
        name(&add(&restarted, &signer.update(&tree, 0, 9)).await),
        "409 7"
    );
    assert_cosigned(&add(&restarted, &signer.update(&tree, 7, 9)).await);
}

#[tokio::test]
async fn the_same_checkpoint_again_is_cosigned_at_the_new_time_and_recorded() {
    let (signer, tree, stores) = (Signer::new(ORIGIN), Tree::new(7), Stores::default());
    let witness = stores.witness(&[&signer]);
    let first = add(&witness, &signer.update(&tree, 0, 7)).await;
    let again = add_at(&witness, &signer.update(&tree, 7, 7), NOW + 600).await;
    let (AddAnswer::Cosigned { lines: first, .. }, AddAnswer::Cosigned { lines: again, .. }) =
        (first, again)
    else {
        panic!("not cosigned");
    };
    let time = |line: &counterfoil_tiles::note::SignatureLine| {
        Timestamp::of_signature(Algorithm::MlDsa44, line.signature())
            .unwrap()
            .seconds()
    };
    assert_eq!(first.iter().map(time).collect::<Vec<_>>(), [NOW, NOW]);
    assert_eq!(
        again.iter().map(time).collect::<Vec<_>>(),
        [NOW + 600, NOW + 600]
    );
    let note = witness
        .checkpoint(signer.log().hash())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(note.signatures()[1..], again);
}

#[tokio::test]
async fn timestamps_never_go_back() {
    let (signer, tree, stores) = (Signer::new(ORIGIN), Tree::new(9), Stores::default());
    let witness = stores.witness(&[&signer]);
    assert_cosigned(&add(&witness, &signer.update(&tree, 0, 7)).await);
    let AddAnswer::Cosigned { lines, .. } =
        add_at(&witness, &signer.update(&tree, 7, 8), NOW - 300).await
    else {
        panic!("a clock that was set back by five minutes");
    };
    let time = Timestamp::of_signature(Algorithm::MlDsa44, lines[1].signature());
    assert_eq!(time, Some(Timestamp::new(NOW).unwrap()));
    let answer = add_at(&witness, &signer.update(&tree, 8, 9), NOW - 301).await;
    assert!(
        matches!(answer, AddAnswer::Unavailable(Unavailable::Clock { .. })),
        "{answer:?}"
    );
    for now in [at(0), at(0) - Duration::from_secs(1)] {
        let body = signer.update(&tree, 8, 9).to_string();
        let answer = witness.add_checkpoint(body.as_bytes(), now, no_limit).await;
        assert_eq!(answer, AddAnswer::Unavailable(Unavailable::NoClock));
    }
    // Nothing was recorded, and the log goes on once the clock is right.
    assert_cosigned(&add(&witness, &signer.update(&tree, 8, 9)).await);
}

#[tokio::test]
async fn a_witness_answers_by_what_another_process_recorded() {
    let (signer, tree, stores) = (Signer::new(ORIGIN), Tree::new(20), Stores::default());
    let (one, two) = (stores.witness(&[&signer]), stores.witness(&[&signer]));
    assert_cosigned(&add(&one, &signer.update(&tree, 0, 5)).await);
    assert_cosigned(&add(&two, &signer.update(&tree, 5, 10)).await);
    // `one` remembers 5.
    assert_eq!(
        name(&add(&one, &signer.update(&tree, 4, 12)).await),
        "409 10"
    );
    assert_cosigned(&add(&two, &signer.update(&tree, 10, 11)).await);
    assert_eq!(
        name(&add(&one, &signer.update(&tree, 10, 12)).await),
        "409 11"
    );
    assert_eq!(
        one.counts().conflicts(),
        1,
        "found out by its compare-and-swap"
    );
    assert_cosigned(&add(&two, &signer.update(&tree, 11, 13)).await);
    assert_cosigned(&add(&one, &signer.update(&tree, 13, 14)).await);
}

#[tokio::test]
async fn the_rate_of_a_log_is_charged_only_for_what_would_be_cosigned() {
    let (signer, tree, stores) = (Signer::new(ORIGIN), Tree::new(20), Stores::default());
    let witness = stores.witness(&[&signer]);
    let mut asked = 0;
    let mut ask = async |old, size, root: NodeHash, allow: bool| {
        let body = request(
            old,
            tree.consistency(old.min(size), size),
            signer.sign(size, root),
        )
        .to_string();
        let admit = |log: &Log| {
            assert_eq!(log.origin().as_str(), ORIGIN);
            asked += 1;
            if allow {
                Ok(())
            } else {
                Err(RetryAfter(Duration::from_secs(9)))
            }
        };
        let answer = witness
            .add_checkpoint(body.as_bytes(), at(NOW), admit)
            .await;
        (name(&answer), asked)
    };
    assert_eq!(ask(0, 7, tree.root(7), false).await, ("429".to_owned(), 1));
    assert_eq!(ask(3, 7, tree.root(7), true).await, ("409 0".to_owned(), 1));
    assert_eq!(ask(0, 7, tree.root(7), true).await, ("200".to_owned(), 2));
    assert_eq!(ask(7, 9, tree.root(8), true).await, ("422".to_owned(), 2));
    assert_eq!(ask(7, 9, tree.root(9), false).await, ("429".to_owned(), 3));
    assert_eq!(ask(7, 9, tree.root(9), true).await, ("200".to_owned(), 4));
}

#[tokio::test]
async fn a_log_whose_queue_is_full_is_told_at_once_and_others_go_on() {
    let (signer, other) = (Signer::new(ORIGIN), Signer::new("example.com/other"));
    let (tree, stores) = (Tree::new(40), Stores::default());
    let gated = Arc::new(Gated {
        inner: stores.heads.clone(),
        gate: Semaphore::new(0),
    });
    let witness = witness_over(
        gated.clone(),
        &stores,
        &[&signer, &other],
        Options::default(),
    );
    let updates: Vec<_> = (1..=40).map(|size| signer.update(&tree, 0, size)).collect();
    let requests = join_all(updates.iter().map(|update| add(&witness, update)));
    let watch = async {
        // The first waits in the store, 31 behind it.
        assert_eq!(gated.gate.available_permits(), 0);
        tokio::task::yield_now().await;
        gated.gate.add_permits(1);
        gated.gate.add_permits(1);
        add(&witness, &other.update(&tree, 0, 3)).await
    };
    let (answers, of_other) = tokio::join!(requests, watch);
    assert_cosigned(&of_other);
    let names: Vec<String> = answers.iter().map(name).collect();
    assert_eq!(names[0], "200");
    assert!(names[1..32].iter().all(|name| name == "409 1"), "{names:?}");
    assert!(
        names[32..]
            .iter()
            .all(|name| name.starts_with("503 too many")),
        "{names:?}"
    );
}

#[tokio::test]
async fn a_request_that_is_dropped_while_it_is_recorded_leaves_the_log_usable() {
    let (signer, tree, stores) = (Signer::new(ORIGIN), Tree::new(20), Stores::default());
    let gated = Arc::new(Gated {
        inner: stores.heads.clone(),
        gate: Semaphore::new(1),
    });
    let witness = witness_over(gated.clone(), &stores, &[&signer], Options::default());
    assert_cosigned(&add(&witness, &signer.update(&tree, 0, 5)).await);
    let update = signer.update(&tree, 5, 7);
    // Polled once, and dropped while the store has the write.
    assert_eq!(add(&witness, &update).now_or_never(), None);
    // Another process records meanwhile; nothing that was remembered stands in the way of seeing it.
    assert_cosigned(&add(&stores.witness(&[&signer]), &signer.update(&tree, 5, 9)).await);
    gated.gate.add_permits(1);
    assert_cosigned(&add(&witness, &signer.update(&tree, 9, 11)).await);
    assert_eq!(witness.counts().conflicts(), 0);
}

#[tokio::test]
async fn a_log_that_changes_its_key_keeps_its_history() {
    let (old, new) = (
        Signer::new(ORIGIN),
        Signer::with_keys(ORIGIN, &[(Algorithm::Ed25519, 5)]),
    );
    let (tree, stores) = (Tree::new(20), Stores::default());
    let witness = stores.witness(&[&old]);
    assert_cosigned(&add(&witness, &old.update(&tree, 0, 5)).await);
    assert_eq!(name(&add(&witness, &new.update(&tree, 5, 6)).await), "403");
    witness.replace_logs(Logs::new([new.log()]).unwrap());
    assert_eq!(name(&add(&witness, &old.update(&tree, 5, 6)).await), "403");
    assert_eq!(
        name(&add(&witness, &new.update(&tree, 0, 6)).await),
        "409 5"
    );
    assert_cosigned(&add(&witness, &new.update(&tree, 5, 6)).await);
    // A log that is no longer listed is unknown, and its checkpoint is still shown.
    witness.replace_logs(Logs::default());
    assert_eq!(name(&add(&witness, &new.update(&tree, 6, 7)).await), "404");
    assert!(
        witness
            .checkpoint(new.log().hash())
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_paused_log_is_refused_only_what_would_be_cosigned() {
    let (signer, tree, stores) = (Signer::new(ORIGIN), Tree::new(20), Stores::default());
    let witness = stores.witness(&[&signer]);
    assert_cosigned(&add(&witness, &signer.update(&tree, 0, 5)).await);
    let paused = LogOptions {
        paused: true,
        ..LogOptions::default()
    };
    witness.replace_logs(Logs::new([signer.log_with(paused)]).unwrap());
    assert_eq!(
        name(&add(&witness, &signer.update(&tree, 0, 6)).await),
        "409 5"
    );
    let answer = add(&witness, &signer.update(&tree, 5, 6)).await;
    assert_eq!(answer, AddAnswer::Unavailable(Unavailable::Paused));
}

#[tokio::test]
async fn a_damaged_record_stops_its_log_alone() {
    let (signer, other) = (Signer::new(ORIGIN), Signer::new("example.com/other"));
    let (tree, stores) = (Tree::new(20), Stores::default());
    let good = format!("counterfoil/witness/1\n{}", other.sign(5, tree.root(5)));
    let rows = [
        ("empty", String::new()),
        ("a newer format", good.replace("witness/1", "witness/2")),
        ("of another log", good),
    ];
    for (mutation, value) in rows {
        let stores = Stores::default();
        let hash = signer.log().hash();
        stores
            .heads
            .create(&register(hash), value.into())
            .await
            .unwrap();
        let witness = stores.witness(&[&signer, &other]);
        let answer = add(&witness, &signer.update(&tree, 0, 5)).await;
        assert!(
            matches!(answer, AddAnswer::Unavailable(Unavailable::Damaged { .. })),
            "{mutation}: {answer:?}"
        );
        assert!(
            name(&answer).contains(&format!("witness/{hash}")),
            "{mutation}: {answer:?}"
        );
        assert!(witness.checkpoint(hash).await.is_err(), "{mutation}");
        assert_cosigned(&add(&witness, &other.update(&tree, 0, 5)).await);
    }
    drop(stores);
}

#[tokio::test]
async fn more_logs_than_are_remembered() {
    let signers: Vec<Signer> = (0..50)
        .map(|i| Signer::new(&format!("example.com/{i}")))
        .collect();
    let (tree, stores) = (Tree::new(20), Stores::default());
    let options = Options {
        cached_logs: 2,
        ..Options::default()
    };
    let witness = stores.witness_with(&signers.iter().collect::<Vec<_>>(), options);
    for (old, size) in [(0, 3), (3, 4), (4, 20)] {
        for signer in &signers {
            assert_cosigned(&add(&witness, &signer.update(&tree, old, size)).await);
        }
    }
    assert_eq!(witness.counts().conflicts(), 0);
}

// SPEC(tlog-witness): "If the cosignature format supports timestamps, the timestamp MUST be zero."
#[tokio::test]
async fn subtrees_are_signed_with_time_zero() {
    let (signer, tree, stores) = (Signer::new(ORIGIN), Tree::new(14), Stores::default());
    let witness = stores.witness(&[&signer]);
    let hash = signer.log().hash();
    assert_cosigned(&add(&witness, &signer.update(&tree, 0, 14)).await);
    let reference = witness.checkpoint(hash).await.unwrap().unwrap();
    let own_only = Note::new(reference.text(), reference.signatures()[1..].to_vec()).unwrap();
    let ed25519_only = Note::new(reference.text(), reference.signatures()[1..2].to_vec()).unwrap();
    let part = |range: (u64, u64), note: &Note| {
        let proof = tree.subtree_consistency(range.0, range.1, 14);
        subtree_request(range, tree.hash(range.0, range.1), proof, note.clone())
    };
    for note in [&reference, &own_only, &ed25519_only] {
        for range in [(8, 13), (4, 8), (13, 14), (0, 14), (0, 13)] {
            let answer = witness.sign_subtree(part(range, note).to_string().as_bytes(), no_limit);
            let SubtreeAnswer::Signed { lines, .. } = answer else {
                panic!("{answer:?}");
            };
            assert_eq!(lines.len(), 1, "the ML-DSA-44 key alone can");
            let subtree = Subtree::new(range.0, range.1).unwrap();
            let node = tree.hash(range.0, range.1);
            let ring = signers();
            let vkey = ring
                .ring()
                .find(lines[0].name(), lines[0].key_id())
                .unwrap()
                .clone();
            let time = verify_subtree(&vkey, &signer.origin, subtree, &node, lines[0].signature());
            assert_eq!(time, Ok(Timestamp::ZERO));
        }
    }

    let unknown = Signer::new("example.com/unknown");
    let of_unknown = Note::new(
        unknown.sign(14, tree.root(14)).text(),
        own_only.signatures().to_vec(),
    )
    .unwrap();
    let good = part((8, 13), &own_only).to_string();
    let short = subtree_request((8, 13), tree.hash(8, 13), vec![], own_only.clone()).to_string();
    let rows = [
        ("good", good.clone(), "200"),
        (
            "not aligned",
            good.replacen("subtree 8 13", "subtree 9 13", 1),
            "400",
        ),
        (
            "end above the size",
            good.replacen("subtree 8 13", "subtree 8 15", 1),
            "400",
        ),
        (
            "a leading zero",
            good.replacen("subtree 8 13", "subtree 08 13", 1),
            "400",
        ),
        ("empty", String::new(), "400"),
        (
            "an unknown log",
            part((8, 13), &of_unknown).to_string(),
            "404",
        ),
        (
            "not cosigned by us",
            part((8, 13), &signer.sign(14, tree.root(14))).to_string(),
            "403",
        ),
        (
            "a bad cosignature",
            part((8, 13), &with_bad_signature(&own_only)).to_string(),
            "403",
        ),
        ("no proof", short, "422"),
    ];
    for (row, body, expected) in rows {
        let found = match witness.sign_subtree(body.as_bytes(), no_limit) {
            SubtreeAnswer::Signed { .. } => "200",
            SubtreeAnswer::Malformed(_) => "400",
            SubtreeAnswer::UnknownOrigin(_) => "404",
            SubtreeAnswer::Forbidden(_) => "403",
            SubtreeAnswer::Inconsistent(_) => "422",
            other => panic!("{row}: {other:?}"),
        };
        assert_eq!(found, expected, "{row}");
    }
    let limited = |_: &Log| Err(RetryAfter(Duration::from_secs(1)));
    let answer = witness.sign_subtree(good.as_bytes(), limited);
    assert!(
        matches!(answer, SubtreeAnswer::Limited { .. }),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_witness_without_an_ml_dsa_key_signs_no_subtrees() {
    let signer = Signer::new(ORIGIN);
    let stores = Stores::default();
    let ed25519 = Signers::new([key("witness.example/w1", Algorithm::CosignatureV1, 101)]).unwrap();
    let logs = Logs::new([signer.log()]).unwrap();
    let witness = Witness::new(
        ed25519,
        logs,
        stores.heads.clone(),
        stores.blobs.clone(),
        Options::default(),
    );
    assert_eq!(
        witness.sign_subtree(b"", no_limit),
        SubtreeAnswer::NotSupported
    );
}

#[test]
fn keys_that_are_no_witness_keys_are_refused() {
    let v1 = |name| key(name, Algorithm::CosignatureV1, 1);
    let long = "w".repeat(256);
    let rows = [
        ("none", vec![]),
        ("a log's key", vec![key("a", Algorithm::Ed25519, 1)]),
        ("one Ed25519 key under two names", vec![v1("a"), v1("b")]),
        (
            "a name of 256 bytes",
            vec![key(&long, Algorithm::MlDsa44, 1)],
        ),
    ];
    for (row, keys) in rows {
        assert!(Signers::new(keys).is_err(), "{row}");
    }
    assert!(Signers::new([v1("a"), key("a", Algorithm::MlDsa44, 1)]).is_ok());
}

#[test]
fn logs_that_cannot_be_witnessed_are_refused() {
    let signer = Signer::new(ORIGIN);
    assert!(
        Log::new(signer.origin.clone(), [], LogOptions::default()).is_err(),
        "no key"
    );
    let long = Signer::new(&"o".repeat(256));
    let vkey = long.keys[0].vkey().clone();
    assert!(
        Log::new(long.origin.clone(), [vkey], LogOptions::default()).is_err(),
        "256 bytes"
    );
    assert!(Logs::new([signer.log(), signer.log()]).is_err(), "twice");
    let logs = Logs::new([signer.log()]).unwrap();
    assert_eq!(logs.len(), 1);
    assert!(logs.get(OriginHash::of(&signer.origin)).is_some());
    assert!(logs.find(&long.origin).is_none());
}
