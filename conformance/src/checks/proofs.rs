//! Proofs that do not lead from the recorded tree to the checkpoint's.

use crate::log::{Draft, TestLog, flipped};
use crate::report::{Row, Verdict};
use crate::requirement::{NEVER_COSIGN, NO_PROOF_FROM_ZERO};
use crate::suite::{Case, Offers, Suite, Want};
use crate::tree::encode;

use super::{About, changed, forked};

/// Changes of a right proof.
type Change = (&'static str, &'static str, fn(&mut Draft, &mut TestLog));
const PROOFS: [Change; 7] = [
    ("proof.none", "no proof", |draft, _| draft.proof.clear()),
    (
        "proof.first-flipped",
        "a bit of the first hash flipped",
        |draft, _| {
            if let Some(hash) = draft.proof.first_mut() {
                *hash = flipped(hash);
            }
        },
    ),
    (
        "proof.last-flipped",
        "a bit of the last hash flipped",
        |draft, _| {
            if let Some(hash) = draft.proof.last_mut() {
                *hash = flipped(hash);
            }
        },
    ),
    ("proof.last-missing", "the last hash missing", |draft, _| {
        draft.proof.pop();
    }),
    ("proof.one-more", "one hash too many", |draft, _| {
        if let Some(hash) = draft.proof.last().cloned() {
            draft.proof.push(hash);
        }
    }),
    (
        "proof.swapped",
        "the first two hashes swapped",
        |draft, _| {
            if draft.proof.len() >= 2 {
                draft.proof.swap(0, 1);
            }
        },
    ),
    (
        "proof.other-old-size",
        "the proof from an old size one smaller",
        |draft, log| {
            let size = log.next_size();
            let old = log.recorded.saturating_sub(1);
            draft.proof = log.tree.consistency(old, size).iter().map(encode).collect();
        },
    ),
];

pub(super) async fn run(suite: &mut Suite) {
    let requirement = &NO_PROOF_FROM_ZERO;
    for (id, request, change) in PROOFS {
        let about = About {
            id,
            requirement,
            request,
        };
        changed(suite, about, Want::Status(422), change).await;
    }
    let about = About {
        id: "proof.other-root",
        requirement,
        request: "a right proof, and another root signed by the log",
    };
    forked(suite, about, Want::Status(422), |log| {
        let size = log.next_size();
        let mut draft = log.draft(size);
        let root = encode(&log.tree.forked_root(size));
        draft.text = log.text_with(&size.to_string(), &root);
        draft.signatures = log.sign(&draft.text);
        draft.body()
    })
    .await;
    same_size(suite).await;
    unchanged(suite).await;
}

/// The proof between equal sizes is empty.
async fn same_size(suite: &mut Suite) {
    suite
        .add(|log| {
            let size = log.recorded;
            let mut draft = log.draft(size);
            draft.proof = vec![encode(&log.tree.root(4))];
            Some(Case {
                id: "proof.same-size",
                requirement: &NO_PROOF_FROM_ZERO,
                request: "the recorded checkpoint again, and a proof of one hash".to_owned(),
                body: draft.body(),
                want: Want::Status(422),
                offers: Offers::Own(size),
            })
        })
        .await;
}

/// After all of these refusals the witness still has what it had, and cosigns what follows it.
async fn unchanged(suite: &mut Suite) {
    let request = "the size asked for after all of these refusals";
    let index = match suite.current() {
        Ok(index) => index,
        Err(why) => return suite.skip("refused.unchanged", &NEVER_COSIGN, request, why),
    };
    let before = suite.logs[index].cosigned.as_ref().map(|last| last.size);
    let (verdict, got) = match (suite.record(index).await, before) {
        (Ok((size, _)), Some(before)) if size == before => {
            (Verdict::Pass, "the size cosigned last".to_owned())
        }
        (Ok((size, _)), before) => (
            Verdict::Fail,
            format!("{size}, where {before:?} was cosigned last"),
        ),
        (Err(got), _) => (Verdict::Fail, got),
    };
    suite.row(Row::new(
        "refused.unchanged",
        &NEVER_COSIGN,
        request,
        "409 and the size cosigned last",
        got,
        verdict,
    ));
}
