//! The judge, row by row of tlog-witness.

mod common;

use std::sync::Arc;

use common::{Signer, Tree, key, request, signers, subtree_request, with_bad_signature};
use counterfoil_tiles::checkpoint::CheckpointError;
use counterfoil_tiles::cosignature::{Timestamp, cosign_checkpoint};
use counterfoil_tiles::hash::{NodeHash, TreeSize, empty_root};
use counterfoil_tiles::key::Algorithm;
use counterfoil_tiles::misbehaviour::Act;
use counterfoil_tiles::note::{Note, NoteError, SignatureLine};
use counterfoil_tiles::witness_wire::AddCheckpointRequest;
use counterfoil_witness::Recorded;
use counterfoil_witness::judge::{
    Inconsistency, Judgement, Refusal, Submission, SubtreeRefusal, judge_subtree,
};

const ORIGIN: &str = "example.com/log";

fn recorded(signer: &Signer, tree: &Tree, size: u64) -> Recorded {
    Recorded::new(signer.sign(size, tree.root(size))).unwrap()
}

fn judge(
    signer: &Signer,
    request: &AddCheckpointRequest,
    recorded: Option<&Recorded>,
) -> Judgement {
    let log = Arc::new(signer.log());
    Submission::verify(request, &log).unwrap().judge(recorded)
}

fn row(judgement: &Judgement) -> String {
    let verdict = match &judgement.verdict {
        Ok(consistent) => {
            format!("200 {}", consistent.signed().checkpoint().size().get())
        }
        Err(Refusal::OldSizeAboveCheckpoint { .. }) => "400".to_owned(),
        Err(Refusal::Conflict { latest }) => format!("409 {}", latest.get()),
        Err(Refusal::Inconsistent(why)) => match why {
            Inconsistency::NotEmptyRoot => "422 not the empty root".to_owned(),
            Inconsistency::ProofFromEmpty { found } => format!("422 {found} hashes from 0"),
            Inconsistency::OtherRoot { size } => format!("422 other root at {}", size.get()),
            Inconsistency::Proof(_) => "422 proof".to_owned(),
            _ => unreachable!(),
        },
    };
    match &judgement.misbehaviour {
        Some(_) => format!("{verdict}, evidence"),
        None => verdict,
    }
}

// SPEC(tlog-witness): "The witness MUST check that the old size matches the size of the latest checkpoint it
// cosigned for the checkpoint's origin (or zero if it never cosigned a checkpoint for that origin)."
// SPEC(tlog-witness): "If the old size matches the checkpoint size, the witness MUST check that the root hashes
// are also identical."
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn each_row_of_the_specification_in_its_order() {
    let signer = Signer::new(ORIGIN);
    let (tree, fork) = (Tree::new(20), Tree::forked(20, 3, 1));
    let sign = |tree: &Tree, size| signer.sign(size, tree.root(size));
    let junk = NodeHash::from_bytes([7; 32]);
    let truncated = |mut proof: Vec<NodeHash>| {
        proof.pop();
        proof
    };
    let lengthened = |mut proof: Vec<NodeHash>| {
        proof.push(junk);
        proof
    };
    let at = |size| Some(recorded(&signer, &tree, size));
    let proof = |old, size| tree.consistency(old, size);
    let rows = [
        // what is cosigned
        (
            "the first checkpoint",
            None,
            request(0, vec![], sign(&tree, 7)),
            "200 7",
        ),
        (
            "the first checkpoint, empty",
            None,
            request(0, vec![], sign(&tree, 0)),
            "200 0",
        ),
        (
            "the empty checkpoint again",
            at(0),
            request(0, vec![], sign(&tree, 0)),
            "200 0",
        ),
        (
            "from an empty tree",
            at(0),
            request(0, vec![], sign(&tree, 7)),
            "200 7",
        ),
        (
            "an update",
            at(7),
            request(7, proof(7, 20), sign(&tree, 20)),
            "200 20",
        ),
        (
            "an update from a full subtree",
            at(8),
            request(8, proof(8, 20), sign(&tree, 20)),
            "200 20",
        ),
        (
            "the same checkpoint again",
            at(7),
            request(7, vec![], sign(&tree, 7)),
            "200 7",
        ),
        // 400: before 409
        (
            "old above the size",
            at(7),
            request(9, vec![], sign(&tree, 8)),
            "400",
        ),
        (
            "old above the size and equal to the record",
            at(7),
            request(7, vec![], sign(&tree, 6)),
            "400",
        ),
        (
            "old above the size, nothing recorded",
            None,
            request(1, vec![], sign(&tree, 0)),
            "400",
        ),
        // 409: before 422
        (
            "old above the record",
            at(7),
            request(8, proof(8, 20), sign(&tree, 20)),
            "409 7",
        ),
        (
            "old below the record",
            at(7),
            request(6, proof(6, 20), sign(&tree, 20)),
            "409 7",
        ),
        (
            "old is 0 and there is a record",
            at(7),
            request(0, vec![], sign(&tree, 20)),
            "409 7",
        ),
        (
            "old is 0 with junk and there is a record",
            at(7),
            request(0, vec![junk], sign(&tree, 20)),
            "409 7",
        ),
        (
            "nothing recorded and old is not 0",
            None,
            request(7, proof(7, 20), sign(&tree, 20)),
            "409 0",
        ),
        (
            "a smaller checkpoint",
            at(7),
            request(5, proof(5, 6), sign(&tree, 6)),
            "409 7",
        ),
        (
            "a smaller checkpoint from 0",
            at(7),
            request(0, vec![], sign(&tree, 6)),
            "409 7",
        ),
        // 422
        (
            "size 0 with another root",
            None,
            request(0, vec![], signer.sign(0, junk)),
            "422 not the empty root, evidence",
        ),
        (
            "size 0 with another root and a junk proof",
            None,
            request(0, vec![junk], signer.sign(0, junk)),
            "422 not the empty root, evidence",
        ),
        (
            "a proof from 0",
            None,
            request(0, vec![junk], sign(&tree, 7)),
            "422 1 hashes from 0",
        ),
        (
            "a proof from a recorded 0",
            at(0),
            request(0, vec![junk; 63], sign(&tree, 7)),
            "422 63 hashes from 0",
        ),
        (
            "the same size and another root",
            at(7),
            request(7, vec![], sign(&fork, 7)),
            "422 other root at 7, evidence",
        ),
        (
            "the same size and a proof",
            at(7),
            request(7, vec![junk], sign(&tree, 7)),
            "422 proof",
        ),
        (
            "no proof",
            at(7),
            request(7, vec![], sign(&tree, 20)),
            "422 proof",
        ),
        (
            "one hash too few",
            at(7),
            request(7, truncated(proof(7, 20)), sign(&tree, 20)),
            "422 proof",
        ),
        (
            "one hash too many",
            at(7),
            request(7, lengthened(proof(7, 20)), sign(&tree, 20)),
            "422 proof",
        ),
        (
            "a junk proof",
            at(7),
            request(7, vec![junk; proof(7, 20).len()], sign(&tree, 20)),
            "422 proof",
        ),
        (
            "the proof of another size",
            at(7),
            request(7, proof(6, 20), sign(&tree, 20)),
            "422 proof",
        ),
        (
            "a fork with its own proof",
            at(7),
            request(7, fork.consistency(7, 20), sign(&fork, 20)),
            "422 proof",
        ),
        // evidence beside another answer than 422
        (
            "the same size and another root, wrong old size",
            at(7),
            request(0, vec![], sign(&fork, 7)),
            "409 7, evidence",
        ),
        (
            "the same size and another root, old above it",
            at(7),
            request(9, vec![], sign(&fork, 7)),
            "400, evidence",
        ),
        (
            "size 0 with another root, wrong old size",
            at(7),
            request(0, vec![], signer.sign(0, junk)),
            "409 7, evidence",
        ),
        // what proves nothing
        (
            "a replayed smaller checkpoint",
            at(7),
            request(7, vec![], sign(&tree, 7)),
            "200 7",
        ),
        (
            "a fork of another size",
            at(7),
            request(0, vec![], sign(&fork, 8)),
            "409 7",
        ),
    ];
    for (name, recorded, request, expected) in rows {
        assert_eq!(
            row(&judge(&signer, &request, recorded.as_ref())),
            expected,
            "{name}"
        );
    }
}

#[test]
fn every_update_of_a_tree_is_consistent() {
    let signer = Signer::new(ORIGIN);
    let tree = Tree::new(34);
    for old in 0..=34 {
        let recorded = (old > 0).then(|| recorded(&signer, &tree, old));
        for size in old..=34 {
            let judgement = judge(&signer, &signer.update(&tree, old, size), recorded.as_ref());
            assert_eq!(row(&judgement), format!("200 {size}"), "{old} to {size}");
        }
    }
}

// SPEC(tlog-witness): "The witness MUST verify the checkpoint signature against the public key(s) it trusts for
// the checkpoint origin, and it MUST ignore signatures from unknown keys."
// SPEC(tlog-witness): "The witness MUST respond with a "403 Forbidden" HTTP status code if either no signature
// from a trusted key for the origin is present, or a signature line's key name and ID match a trusted key but
// the signature itself fails to verify (such a note is malformed per [signed-note][])."
#[test]
fn signatures() {
    let tree = Tree::new(7);
    let signer = Signer::with_keys(ORIGIN, &[(Algorithm::Ed25519, 1), (Algorithm::MlDsa44, 2)]);
    let log = Arc::new(signer.log());
    let good = signer.sign(7, tree.root(7));
    let stranger = Signer::with_keys(ORIGIN, &[(Algorithm::Ed25519, 9)]).sign(7, tree.root(7));
    let text = good.text();
    let line = |note: &Note, at: usize| note.signatures()[at].clone();
    let note = |lines: Vec<SignatureLine>| Note::new(text, lines).unwrap();
    let unknown = || CheckpointError::Note(NoteError::NoKnownSignature);
    let bad = with_bad_signature(&good);
    let bad_line = || {
        CheckpointError::Note(NoteError::BadSignature {
            name: signer.keys[0].name().clone(),
            key_id: signer.keys[0].id(),
        })
    };
    // Name or ID alone are those of the key, and the signature is junk.
    let other_id = SignatureLine::new(
        line(&good, 0).name().clone(),
        stranger.signatures()[0].key_id(),
        vec![1; 64],
    )
    .unwrap();
    let other_name = SignatureLine::new(
        "other.example".parse().unwrap(),
        line(&good, 0).key_id(),
        vec![1; 64],
    )
    .unwrap();
    let rows = [
        ("both keys", good.clone(), Ok(2)),
        ("the Ed25519 key alone", note(vec![line(&good, 0)]), Ok(1)),
        ("the ML-DSA-44 key alone", note(vec![line(&good, 1)]), Ok(1)),
        (
            "an unknown key first",
            note(vec![line(&stranger, 0), line(&good, 0)]),
            Ok(1),
        ),
        (
            "the key's name with another ID",
            note(vec![other_id.clone(), line(&good, 0)]),
            Ok(1),
        ),
        (
            "the key's ID with another name",
            note(vec![other_name.clone(), line(&good, 0)]),
            Ok(1),
        ),
        ("only an unknown key", stranger.clone(), Err(unknown())),
        (
            "only lines that look like the key",
            note(vec![other_id, other_name]),
            Err(unknown()),
        ),
        (
            "a bad signature",
            note(vec![line(&bad, 0)]),
            Err(bad_line()),
        ),
        (
            "a bad signature beside a good one",
            note(vec![line(&good, 1), line(&bad, 0)]),
            Err(bad_line()),
        ),
        (
            "a bad signature after a good one of the same key",
            note(vec![line(&good, 0), line(&bad, 0)]),
            Err(bad_line()),
        ),
        (
            "a signature of another text",
            Note::new(
                signer.sign(6, tree.root(6)).text(),
                good.signatures().to_vec(),
            )
            .unwrap(),
            Err(bad_line()),
        ),
    ];
    for (name, note, expected) in rows {
        let found = Submission::verify(&request(0, vec![], note), &log);
        let found = found.map(|submission| submission.signed().log_signatures().len());
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn a_checkpoint_of_another_log_is_not_verified_by_this_ones_keys() {
    let (ours, other) = (Signer::new(ORIGIN), Signer::new("example.com/other"));
    let update = other.update(&Tree::new(3), 0, 3);
    let error = Submission::verify(&update, &Arc::new(ours.log())).unwrap_err();
    assert!(
        matches!(error, CheckpointError::UnknownOrigin { .. }),
        "{error}"
    );
}

#[test]
fn evidence_names_both_trees_and_verifies() {
    let signer = Signer::new(ORIGIN);
    let (tree, fork) = (Tree::new(7), Tree::forked(7, 3, 1));
    let update = request(7, vec![], signer.sign(7, fork.root(7)));
    let proved = judge(&signer, &update, Some(&recorded(&signer, &tree, 7)))
        .misbehaviour
        .unwrap();
    let mut roots = [tree.root(7), fork.root(7)];
    roots.sort_by_key(|root| *root.as_bytes());
    assert_eq!(
        proved.act(),
        Act::TwoRoots {
            size: TreeSize::new(7),
            roots
        }
    );
    let file = proved.to_string();
    let claim = counterfoil_tiles::misbehaviour::Misbehaviour::parse(file.as_bytes()).unwrap();
    assert_eq!(claim.verify(signer.log().keys()).unwrap(), proved);
}

#[test]
fn a_record_under_a_key_that_is_gone_proves_nothing_and_still_counts() {
    let (old, new) = (
        Signer::new(ORIGIN),
        Signer::with_keys(ORIGIN, &[(Algorithm::Ed25519, 5)]),
    );
    let (tree, fork) = (Tree::new(20), Tree::forked(20, 3, 1));
    let recorded = recorded(&old, &tree, 7);
    let rows = [
        ("an update", new.update(&tree, 7, 20), "200 20"),
        (
            "another root",
            request(7, vec![], new.sign(7, fork.root(7))),
            "422 other root at 7",
        ),
        (
            "from 0",
            request(0, vec![], new.sign(20, fork.root(20))),
            "409 7",
        ),
    ];
    for (name, request, expected) in rows {
        assert_eq!(
            row(&judge(&new, &request, Some(&recorded))),
            expected,
            "{name}"
        );
    }
}

#[test]
fn sizes_up_to_the_largest() {
    let signer = Signer::new(ORIGIN);
    let junk = NodeHash::from_bytes([7; 32]);
    let largest = |old| request(old, vec![], signer.sign(u64::MAX, junk));
    let record = Recorded::new(signer.sign(u64::MAX, junk)).unwrap();
    assert_eq!(
        row(&judge(&signer, &largest(0), None)),
        format!("200 {}", u64::MAX)
    );
    assert_eq!(
        row(&judge(&signer, &largest(u64::MAX), Some(&record))),
        format!("200 {}", u64::MAX)
    );
    let proof = request(1, vec![junk; 63], signer.sign(u64::MAX, junk));
    let one = Recorded::new(signer.sign(1, junk)).unwrap();
    assert_eq!(row(&judge(&signer, &proof, Some(&one))), "422 proof");
}

// SPEC(tlog-witness): "The consistency proof lines MUST encode a Subtree Consistency Proof from the subtree to
// the checkpoint according to [draft-ietf-plants-merkle-tree-certs-03][], Section 4.4."
// SPEC(tlog-witness): "The witness MUST verify that the checkpoint includes a valid cosignature from one of its
// own keys."
#[test]
fn subtrees() {
    let signer = Signer::new(ORIGIN);
    let tree = Tree::new(14);
    let signers = signers();
    let checkpoint = signer.checkpoint(14, tree.root(14));
    let by = |algorithm, seed| {
        let key = key("witness.example/w1", algorithm, seed);
        cosign_checkpoint(&key, &checkpoint, Timestamp::new(9).unwrap()).unwrap()
    };
    let note = |lines: Vec<SignatureLine>| Note::new(&checkpoint.to_string(), lines).unwrap();
    let own = note(vec![by(Algorithm::MlDsa44, 102)]);
    let part = |start, end| {
        (
            tree.hash(start, end),
            tree.subtree_consistency(start, end, 14),
        )
    };
    let judged = |range: (u64, u64), (hash, proof): (NodeHash, Vec<NodeHash>), note: Note| {
        judge_subtree(subtree_request(range, hash, proof, note), signers.ring())
    };
    for start in 0..14 {
        for end in start + 1..=14 {
            let size: u64 = end - start;
            if start % size.next_power_of_two() == 0 {
                let found = judged((start, end), part(start, end), own.clone());
                assert!(found.is_ok(), "[{start}, {end}): {found:?}");
            }
        }
    }
    assert!(
        judged((5, 5), (empty_root(), vec![]), own.clone()).is_ok(),
        "an empty subtree"
    );

    // the specification's example, changed
    let good = part(8, 13);
    let junk = NodeHash::from_bytes([7; 32]);
    let mut short = good.clone();
    short.1.pop();
    let mut long = good.clone();
    long.1.push(junk);
    let wrong = [
        ("another hash", (junk, good.1.clone())),
        ("one hash too few", short),
        ("one hash too many", long),
        ("junk", (good.0, vec![junk; good.1.len()])),
        ("no proof", (good.0, vec![])),
        ("the proof of another subtree", (good.0, part(4, 8).1)),
    ];
    for (name, part) in wrong {
        let found = judged((8, 13), part, own.clone());
        assert!(
            matches!(found, Err(SubtreeRefusal::Proof(_))),
            "{name}: {found:?}"
        );
    }

    let ed25519 = by(Algorithm::CosignatureV1, 101);
    let bad = with_bad_signature(&own).signatures()[0].clone();
    let log_line = signer.sign(14, tree.root(14)).signatures()[0].clone();
    let stranger = by(Algorithm::MlDsa44, 55);
    let rows = [
        (
            "cosigned by the Ed25519 key",
            note(vec![ed25519.clone()]),
            true,
        ),
        (
            "other lines beside it",
            note(vec![log_line.clone(), stranger.clone(), ed25519.clone()]),
            true,
        ),
        ("only the log's signature", note(vec![log_line]), false),
        ("only another witness's", note(vec![stranger]), false),
        ("a bad signature of our key", note(vec![bad.clone()]), false),
        (
            "a bad signature beside a good one",
            note(vec![ed25519, bad]),
            false,
        ),
        (
            "a signature of another checkpoint",
            Note::new(
                &signer.checkpoint(14, junk).to_string(),
                own.signatures().to_vec(),
            )
            .unwrap(),
            false,
        ),
    ];
    for (name, note, expected) in rows {
        match judged((8, 13), good.clone(), note) {
            Ok(part) => assert!(expected && !part.cosignatures().is_empty(), "{name}"),
            Err(SubtreeRefusal::NotCosigned(_)) => assert!(!expected, "{name}"),
            Err(other) => panic!("{name}: {other}"),
        }
    }
}
