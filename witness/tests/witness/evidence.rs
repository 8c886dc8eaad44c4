//! Proof of misbehaviour: what is kept, what is not, and what follows.

use counterfoil_store::BlobStore as _;
use counterfoil_tiles::hash::NodeHash;
use counterfoil_tiles::misbehaviour::Misbehaviour;
use counterfoil_witness::evidence::MAX_FILES;
use counterfoil_witness::{AddAnswer, Options, Unavailable};

use crate::common::{Signer, Tree, request};
use crate::support::{NOW, Stores, add, add_at, assert_cosigned, name};

const ORIGIN: &str = "example.com/log";

#[tokio::test]
async fn a_fork_is_kept_once_beside_any_answer_and_the_log_goes_on() {
    let signer = Signer::new(ORIGIN);
    let (tree, fork) = (Tree::new(20), Tree::forked(20, 3, 1));
    let stores = Stores::default();
    let witness = stores.witness(&[&signer]);
    let hash = signer.log().hash();
    assert_cosigned(&add(&witness, &signer.update(&tree, 0, 7)).await);
    assert_eq!(witness.evidence(hash).await, Ok(vec![]));

    let forked = |old| request(old, vec![], signer.sign(7, fork.root(7)));
    for (old, expected) in [(7, "422"), (7, "422"), (0, "409 7"), (8, "400")] {
        assert_eq!(name(&add(&witness, &forked(old)).await), expected);
        let ids = witness.evidence(hash).await.unwrap();
        assert_eq!(ids.len(), 1, "the same act once");
        let file = witness.evidence_file(hash, &ids[0]).await.unwrap().unwrap();
        let claim = Misbehaviour::parse(&file).unwrap();
        assert!(claim.verify(signer.log().keys()).is_ok());
        let blob = format!("evidence/{hash}/{}", ids[0]).parse().unwrap();
        assert_eq!(stores.blobs.get(&blob).await.unwrap(), Some(file));
    }
    assert_eq!(witness.counts().misbehaviour(), 4);
    // Known to the next process, too.
    let restarted = stores.witness(&[&signer]);
    add(&restarted, &forked(7)).await;
    assert_eq!(restarted.evidence(hash).await.unwrap().len(), 1);
    // The branch that was cosigned goes on, as tlog-witness demands.
    assert_cosigned(&add(&restarted, &signer.update(&tree, 7, 20)).await);
    let missing = "0".repeat(64).parse().unwrap();
    assert_eq!(restarted.evidence_file(hash, &missing).await, Ok(None));
}

#[tokio::test]
async fn an_empty_tree_that_is_not_empty_is_kept() {
    let (signer, stores) = (Signer::new(ORIGIN), Stores::default());
    let witness = stores.witness(&[&signer]);
    let update = request(0, vec![], signer.sign(0, NodeHash::from_bytes([1; 32])));
    assert_eq!(name(&add(&witness, &update).await), "422");
    assert_eq!(
        witness.evidence(signer.log().hash()).await.unwrap().len(),
        1
    );
}

#[tokio::test]
async fn what_anybody_can_send_proves_nothing_and_stops_nothing() {
    let signer = Signer::new(ORIGIN);
    let (tree, junk) = (Tree::new(20), NodeHash::from_bytes([9; 32]));
    let stores = Stores::default();
    let options = Options {
        halt_on_misbehaviour: true,
        ..Options::default()
    };
    let witness = stores.witness_with(&[&signer], options);
    assert_cosigned(&add(&witness, &signer.update(&tree, 0, 7)).await);
    let real = |size| signer.sign(size, tree.root(size));
    let rows = [
        (
            "a real checkpoint with a junk proof",
            request(7, vec![junk; 5], real(20)),
        ),
        (
            "a real checkpoint without a proof",
            request(7, vec![], real(20)),
        ),
        (
            "a real checkpoint of the recorded size with a junk proof",
            request(7, vec![junk], real(7)),
        ),
        ("an old checkpoint again", request(0, vec![], real(3))),
        (
            "an old checkpoint with the recorded size",
            request(7, vec![], real(3)),
        ),
        ("an old size above all", request(u64::MAX, vec![], real(20))),
        ("junk from 0", request(0, vec![junk], real(20))),
    ];
    for (row, request) in rows {
        assert_ne!(name(&add(&witness, &request).await), "200", "{row}");
        assert_eq!(
            witness.evidence(signer.log().hash()).await,
            Ok(vec![]),
            "{row}"
        );
    }
    assert_eq!(witness.counts().misbehaviour(), 0);
    assert_cosigned(&add(&witness, &signer.update(&tree, 7, 20)).await);
}

#[tokio::test]
async fn a_log_cannot_fill_the_disk_with_its_misbehaviour() {
    let (signer, stores) = (Signer::new(ORIGIN), Stores::default());
    let witness = stores.witness(&[&signer]);
    let hash = signer.log().hash();
    for byte in 0..40 {
        let update = request(0, vec![], signer.sign(0, NodeHash::from_bytes([byte; 32])));
        assert_eq!(name(&add(&witness, &update).await), "422");
    }
    assert_eq!(witness.evidence(hash).await.unwrap().len(), MAX_FILES);
    let restarted = stores.witness(&[&signer]);
    let update = request(0, vec![], signer.sign(0, NodeHash::from_bytes([200; 32])));
    add(&restarted, &update).await;
    assert_eq!(restarted.evidence(hash).await.unwrap().len(), MAX_FILES);
}

#[tokio::test]
async fn a_witness_that_is_told_to_stops_cosigning_for_such_a_log_alone() {
    let (signer, other) = (Signer::new(ORIGIN), Signer::new("example.com/other"));
    let (tree, fork) = (Tree::new(20), Tree::forked(20, 3, 1));
    let stores = Stores::default();
    let halting = || Options {
        halt_on_misbehaviour: true,
        ..Options::default()
    };
    let witness = stores.witness_with(&[&signer, &other], halting());
    assert_cosigned(&add(&witness, &signer.update(&tree, 0, 7)).await);
    add(&witness, &request(7, vec![], signer.sign(7, fork.root(7)))).await;
    let halted = AddAnswer::Unavailable(Unavailable::Halted);
    assert_eq!(add(&witness, &signer.update(&tree, 7, 9)).await, halted);
    assert_eq!(
        name(&add(&witness, &signer.update(&tree, 0, 9)).await),
        "409 7"
    );
    assert_cosigned(&add(&witness, &other.update(&tree, 0, 7)).await);
    let restarted = stores.witness_with(&[&signer, &other], halting());
    assert_eq!(
        add_at(&restarted, &signer.update(&tree, 7, 9), NOW + 9).await,
        halted
    );
}
