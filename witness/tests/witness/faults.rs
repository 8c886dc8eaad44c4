//! Stores that lose, delay and repeat writes.

use std::sync::Arc;

use counterfoil_store::HeadStore as _;
use counterfoil_store::faulty::{FaultyBlobStore, FaultyHeadStore, Plan, ReadFault, WriteFault};
use counterfoil_store::memory::{MemoryBlobStore, MemoryHeadStore};
use counterfoil_witness::record::register;
use counterfoil_witness::{AddAnswer, Logs, Options, Unavailable, Witness};

use WriteFault::{Delay, Hide, Lose, Refuse};

use crate::common::{Signer, Tree, request, signers};
use crate::support::{Stores, add, assert_cosigned, name, witness_over};

const ORIGIN: &str = "example.com/log";

type Faulty = Arc<FaultyHeadStore<MemoryHeadStore>>;

fn faulty(writes: Vec<WriteFault>, reads: Vec<ReadFault>) -> Faulty {
    Arc::new(FaultyHeadStore::new(
        MemoryHeadStore::new(),
        Plan::scripted(writes, reads),
    ))
}

fn over(heads: &Faulty, signer: &Signer) -> Witness {
    witness_over(
        heads.clone(),
        &Stores::default(),
        &[signer],
        Options::default(),
    )
}

// SPEC(tlog-witness): "The witness MUST persist the new checkpoint before responding."
#[tokio::test]
async fn no_cosignature_leaves_unless_it_is_recorded() {
    let (signer, tree) = (Signer::new(ORIGIN), Tree::new(20));
    // The fault of the write of 5; what follows for a request from 0 to 6 and then one from 5 to 7.
    let rows = [
        ("refused", Refuse, "200", "409 6"),
        ("lost", Lose, "200", "409 6"),
        ("done and not heard of", Hide, "409 5", "200"),
        (
            "done after the next read",
            Delay { calls: 1 },
            "409 5",
            "200",
        ),
        (
            "done after the next write",
            Delay { calls: 9 },
            "200",
            "409 6",
        ),
    ];
    for (row, fault, from_0, from_5) in rows {
        let heads = faulty(vec![fault], vec![]);
        let witness = over(&heads, &signer);
        let answer = add(&witness, &signer.update(&tree, 0, 5)).await;
        let AddAnswer::Unavailable(why) = answer else {
            panic!("{row}: {answer:?}");
        };
        match (fault, why) {
            (Refuse, Unavailable::Store { .. }) | (_, Unavailable::OutcomeUnknown { .. }) => {}
            (_, other) => panic!("{row}: {other:?}"),
        }
        assert_eq!(
            name(&add(&witness, &signer.update(&tree, 0, 6)).await),
            from_0,
            "{row}"
        );
        assert_eq!(
            name(&add(&witness, &signer.update(&tree, 5, 7)).await),
            from_5,
            "{row}"
        );
        // Whatever lands late changes nothing: it compares with what is gone.
        let log = signer.log().hash();
        let before = heads.inner().fetch(&register(log)).await.unwrap();
        heads.settle().await;
        assert_eq!(
            heads.inner().fetch(&register(log)).await.unwrap(),
            before,
            "{row}"
        );
    }
}

#[tokio::test]
async fn a_write_that_lands_between_the_judgement_and_the_replacement_is_judged_again() {
    let (signer, tree) = (Signer::new(ORIGIN), Tree::new(20));
    // The write of 5 is lost at first and lands right before the next write, which then conflicts.
    let heads = faulty(vec![Delay { calls: 1 }], vec![]);
    let witness = over(&heads, &signer);
    let first = add(&witness, &signer.update(&tree, 0, 5)).await;
    assert!(matches!(
        first,
        AddAnswer::Unavailable(Unavailable::OutcomeUnknown { .. })
    ));
    assert_eq!(
        name(&add(&witness, &signer.update(&tree, 0, 6)).await),
        "409 5"
    );
    assert_eq!(witness.counts().conflicts(), 1);
    assert_eq!(witness.counts().unknown(), 1);
}

#[tokio::test]
async fn a_repeated_write_is_one() {
    let (signer, tree) = (Signer::new(ORIGIN), Tree::new(20));
    let heads = faulty(vec![WriteFault::Duplicate, WriteFault::Duplicate], vec![]);
    let witness = over(&heads, &signer);
    assert_cosigned(&add(&witness, &signer.update(&tree, 0, 5)).await);
    assert_cosigned(&add(&witness, &signer.update(&tree, 5, 6)).await);
}

#[tokio::test]
async fn a_register_that_cannot_be_read_is_named_and_read_again() {
    let (signer, tree) = (Signer::new(ORIGIN), Tree::new(20));
    let heads = faulty(vec![], vec![ReadFault::Fail, ReadFault::Corrupt]);
    let witness = over(&heads, &signer);
    let update = signer.update(&tree, 0, 5);
    let answer = add(&witness, &update).await;
    assert!(
        matches!(answer, AddAnswer::Unavailable(Unavailable::Store { .. })),
        "{answer:?}"
    );
    let answer = add(&witness, &update).await;
    assert!(
        matches!(answer, AddAnswer::Unavailable(Unavailable::Damaged { .. })),
        "{answer:?}"
    );
    assert_cosigned(&add(&witness, &update).await);
}

#[tokio::test]
async fn evidence_that_cannot_be_stored_is_counted_and_the_request_answered() {
    let signer = Signer::new(ORIGIN);
    let (tree, fork) = (Tree::new(20), Tree::forked(20, 3, 1));
    let plan = Plan::scripted([Refuse], []);
    let blobs = Arc::new(FaultyBlobStore::new(MemoryBlobStore::new(), plan));
    let logs = Logs::new([signer.log()]).unwrap();
    let heads = Arc::new(MemoryHeadStore::new());
    let witness = Witness::new(signers(), logs, heads, blobs, Options::default());
    assert_cosigned(&add(&witness, &signer.update(&tree, 0, 7)).await);
    let forked = request(7, vec![], signer.sign(7, fork.root(7)));
    assert_eq!(name(&add(&witness, &forked).await), "422");
    assert_eq!(witness.counts().evidence_lost(), 1);
    assert_eq!(name(&add(&witness, &forked).await), "422");
    assert_eq!(
        witness.evidence(signer.log().hash()).await.unwrap().len(),
        1,
        "the next one is kept"
    );
}
