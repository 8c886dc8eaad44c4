//! The worker at work: logs and authorities over real sockets, records in memory.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::Tree;
use common::tsa::{Crl, Does};
use common::worker::{Disk, World, answers, looks, size};
use counterfoil_anchor::moment;
use counterfoil_anchor::names::{Blobs as _, CheckpointHash, Place};
use counterfoil_anchor::tsa::Misbehaviour;
use counterfoil_anchor::worker::LookTrouble;
use counterfoil_anchor::worker::status::LogStatus;
use counterfoil_store::faulty::{FaultyBlobStore, FaultyHeadStore, Plan as Faults, WriteFault};
use counterfoil_store::memory::{MemoryBlobStore, MemoryHeadStore};

#[tokio::test]
async fn what_is_stamped_is_the_signed_checkpoint_byte_for_byte() {
    let world = World::new(2, 2).await;
    let running = world.run().await;
    let status = running
        .until("anchored", |status| size(status) == Some(7))
        .await;
    let place: Place = status.newest.unwrap().place;
    let records = running.worker.records();
    let stored = records.read(&place.checkpoint()).await.unwrap().unwrap();
    let served = Tree::new(7).note(&[1, 2], 1_700_000_000);
    assert_eq!(stored, served.as_bytes());
    assert_eq!(
        world.names().await,
        ["checkpoint", "rfc3161-tsa0", "rfc3161-tsa1"]
    );
    let name = "rfc3161-tsa0".parse().unwrap();
    let (record, _) = records.token(&place, &name).await.unwrap();
    assert_eq!(record.checkpoint, served.as_bytes());
    assert_eq!(record.url, format!("{}tsr", world.authorities[0].url));
    let name = "rfc3161-tsa1".parse().unwrap();
    let (other, _) = records.token(&place, &name).await.unwrap();
    // Both say so by then.
    assert_eq!(
        status.newest.unwrap().time,
        record.gen_time.max(other.gen_time)
    );
    running.end().await;
}

#[tokio::test]
async fn whatever_one_authority_does_the_others_go_on_and_it_counts_when_it_is_well_again() {
    let rows = [
        (Does::Hangs, Misbehaviour::Slow),
        (Does::ClosesHalfway, Misbehaviour::Broken),
        (Does::Html, Misbehaviour::NotAResponse),
        (Does::Refuses, Misbehaviour::Rejects),
        (Does::WrongNonce, Misbehaviour::WrongNonce),
        (Does::OtherData, Misbehaviour::OtherData),
        (Does::Untrusted, Misbehaviour::Untrusted),
        (Does::OldToken, Misbehaviour::Stale),
        (Does::FromTheFuture, Misbehaviour::Future),
        (Does::HundredMegabytes, Misbehaviour::TooLong),
    ];
    for (does, misbehaviour) in rows {
        let mut world = World::new(2, 1).await;
        world.terms.deadline = Duration::from_millis(500);
        world.authorities[0].does(does);
        let running = world.run().await;
        let named = misbehaviour.word();
        let status = running
            .until(named, |status| {
                size(status) == Some(7) && answers(status, 0, named) >= 2
            })
            .await;
        let trouble = status.authorities[0].trouble.clone().unwrap();
        assert_eq!(trouble.word, named, "{does:?}");
        assert_eq!(answers(&status, 0, "counted"), 0, "{does:?}");
        assert_eq!(answers(&status, 1, "counted"), 1, "{does:?}");
        assert_eq!(
            world.names().await,
            ["checkpoint", "rfc3161-tsa1"],
            "{does:?}"
        );
        world.authorities[0].does(Does::Right);
        let well = |status: &LogStatus| answers(status, 0, "counted") == 1;
        let status = running.until("well again", well).await;
        assert_eq!(status.authorities[0].trouble, None, "{does:?}");
        assert_eq!(world.names().await.len(), 3, "{does:?}");
        running.end().await;
    }
}

#[tokio::test]
async fn a_revoked_certificate_does_not_count() {
    let world = World::new(1, 1).await;
    world.authorities[0].publishes(Crl {
        revoked: true,
        ..Crl::good(moment::now().millis() + 3_600_000)
    });
    let running = world.run().await;
    running
        .until("revoked", |status| answers(status, 0, "revoked") > 0)
        .await;
    assert_eq!(world.names().await, ["checkpoint"]);
    running.end().await;
}

#[tokio::test]
async fn nothing_is_stamped_without_the_quorum() {
    let world = World::new(1, 1).await;
    world.log.serve(&Tree::new(7), &[1]);
    let running = world.run().await;
    let status = running
        .until("refused", |status| looks(status, "no-quorum") >= 5)
        .await;
    assert_eq!(status.trouble.unwrap().word, "no-quorum");
    assert_eq!(world.asked(), [0]);
    assert!(world.names().await.is_empty());
    // The second witness comes.
    world.log.serve(&Tree::new(7), &[1, 2]);
    let status = running
        .until("anchored", |status| size(status) == Some(7))
        .await;
    assert_eq!(status.trouble, None);
    running.end().await;
}

#[tokio::test]
async fn a_fork_is_kept_and_not_stamped() {
    for forked in [Tree::forked(7, 3, 1), Tree::forked(9, 3, 1)] {
        let mut world = World::new(1, 1).await;
        let running = world.run().await;
        running
            .until("anchored", |status| size(status) == Some(7))
            .await;
        world.log.serve(&forked, &[1, 2]);
        running.worker.want();
        let status = running
            .until("seen", |status| looks(status, "fork") == 1)
            .await;
        assert!(status.forked.is_some());
        assert_eq!(world.asked(), [1]);
        assert_eq!(
            world.names().await,
            ["checkpoint", "rfc3161-tsa0", "anchored", "refused"]
        );
        // A process that starts now knows what was anchored, too.
        running.end().await;
        let running = world.run().await;
        running.worker.want();
        running
            .until("seen again", |status| looks(status, "fork") == 1)
            .await;
        assert_eq!(world.asked(), [1]);
        // The log shows the history that was anchored again. It has signed another all the same.
        world.log.serve(&Tree::new(12), &[1, 2]);
        running.worker.want();
        let status = running
            .until("seen a third time", |status| looks(status, "fork") == 2)
            .await;
        assert_eq!(status.trouble.unwrap().word, "fork");
        assert_eq!(status.forks, 1);
        running.end().await;
        let running = world.run().await;
        assert!(
            running.status().forked.is_some(),
            "before anything is looked at"
        );
        running.worker.want();
        running
            .until("remembered", |status| looks(status, "fork") >= 1)
            .await;
        assert_eq!(world.asked(), [1]);
        running.end().await;
        // Until the operator says to go on.
        let refused = forked.note(&[1, 2], 1_700_000_000);
        let refused = CheckpointHash::of(refused.as_bytes());
        world.terms.acknowledged.forks.insert(refused);
        let running = world.run().await;
        running.worker.want();
        let status = running
            .until("anchored", |status| size(status) == Some(12))
            .await;
        assert_eq!((status.forked, status.forks), (None, 1));
        // What is known is no history to anchor, either.
        world.log.serve(&forked, &[1, 2]);
        running.worker.want();
        running
            .until("refused", |status| {
                looks(status, "fork") + looks(status, "shrank") >= 1
            })
            .await;
        assert_eq!(world.asked(), [2]);
        running.end().await;
    }
}

#[tokio::test]
async fn a_log_that_does_not_change_is_not_stamped_again() {
    let mut world = World::new(1, 1).await;
    world.terms.interval = Duration::from_secs(1);
    let running = world.run().await;
    running
        .until("looked at", |status| looks(status, "ok") >= 3)
        .await;
    assert_eq!(world.asked(), [1]);
    // It grows, and its slot comes.
    world.log.serve(&Tree::new(8), &[1, 2]);
    running
        .until("anchored", |status| size(status) == Some(8))
        .await;
    assert_eq!(world.asked(), [2]);
    running.end().await;
}

#[tokio::test]
async fn a_process_goes_on_where_the_last_one_stopped() {
    let world = World::new(2, 2).await;
    world.authorities[1].does(Does::Refuses);
    let running = world.run().await;
    running
        .until("half done", |status| {
            answers(status, 0, "counted") == 1 && answers(status, 1, "rejects") > 0
        })
        .await;
    running.end().await;
    world.authorities[1].does(Does::Right);
    let running = world.run().await;
    running
        .until("done", |status| size(status) == Some(7))
        .await;
    assert_eq!(world.asked()[0], 1, "who had counted is asked again");
    running.end().await;
    // Nothing is left to do, and the next process knows what is anchored.
    let asked = world.asked();
    let running = world.run().await;
    running
        .until("known", |status| {
            size(status) == Some(7) && status.next.is_some()
        })
        .await;
    assert_eq!(world.asked(), asked);
    assert_eq!(
        world.names().await,
        ["checkpoint", "rfc3161-tsa0", "rfc3161-tsa1"]
    );
    running.end().await;
}

#[tokio::test]
async fn a_new_process_knows_the_anchor_before_an_unfinished_round() {
    let world = World::new(1, 1).await;
    let running = world.run().await;
    running
        .until("anchored", |status| size(status) == Some(7))
        .await;
    world.authorities[0].does(Does::Refuses);
    world.log.serve(&Tree::new(9), &[1, 2]);
    running.worker.want();
    running
        .until("refused", |status| answers(status, 0, "rejects") > 0)
        .await;
    running.end().await;
    let running = world.run().await;
    running
        .until("known", |status| size(status) == Some(7))
        .await;
    running.end().await;
}

#[tokio::test]
async fn a_token_counts_when_it_is_stored_and_not_before() {
    use WriteFault::{Lose, None as Well, Refuse};
    let rows = [
        ("the checkpoint refused", vec![Refuse], vec![]),
        ("the checkpoint lost", vec![Lose], vec![]),
        ("the state refused", vec![], vec![Refuse]),
        ("the state lost", vec![], vec![Lose]),
        ("the token refused", vec![Well, Well, Refuse], vec![]),
        ("the token lost", vec![Well, Well, Lose], vec![]),
    ];
    for (name, blobs, heads) in rows {
        let mut world = World::new(1, 1).await;
        let blobs = FaultyBlobStore::new(MemoryBlobStore::new(), Faults::scripted(blobs, []));
        let heads = FaultyHeadStore::new(MemoryHeadStore::new(), Faults::scripted(heads, []));
        world.disk = Disk {
            blobs: Arc::new(blobs),
            heads: Arc::new(heads),
        };
        let running = world.run().await;
        let status = running.until(name, |status| size(status) == Some(7)).await;
        assert_eq!(answers(&status, 0, "not-stored"), 1, "{name}");
        assert_eq!(
            world.names().await,
            ["checkpoint", "rfc3161-tsa0"],
            "{name}"
        );
        running.end().await;
    }
}

#[tokio::test]
async fn what_breaks_is_counted_and_tried_again() {
    let world = World::new(2, 2).await;
    world.authorities[0].does(Does::BreaksTheJudge);
    let running = world.run().await;
    let status = running
        .until("broken", |status| {
            answers(status, 0, "broke") >= 2 && answers(status, 1, "counted") == 1
        })
        .await;
    let trouble = status.authorities[0].trouble.as_ref().unwrap();
    assert!(
        trouble.reason.contains("a mistake in the judge"),
        "{trouble:?}"
    );
    world.authorities[0].does(Does::Right);
    running
        .until("anchored", |status| size(status) == Some(7))
        .await;
    running.end().await;
}

#[tokio::test]
async fn it_is_not_ready_before_its_records_are_read_nor_while_nothing_can_be_written() {
    let mut world = World::new(1, 1).await;
    let blobs = Faults::scripted(vec![WriteFault::Refuse; 3], []);
    world.disk.blobs = Arc::new(FaultyBlobStore::new(MemoryBlobStore::new(), blobs));
    let idle = world.worker().await.not_ready().unwrap();
    assert!(idle.starts_with("starting: example.com/log"), "{idle}");
    let running = world.run().await;
    let waiting = async {
        loop {
            match running.worker.not_ready() {
                Some(why) if why.contains("not stored") => return why,
                _ => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    };
    let why = tokio::time::timeout(Duration::from_secs(30), waiting).await;
    assert!(why.unwrap().contains("blob"), "it says what was written");
    running
        .until("anchored", |status| size(status) == Some(7))
        .await;
    assert_eq!(running.worker.not_ready(), None);
    running.end().await;
}

#[tokio::test]
async fn what_is_not_settled_is_captured_again() {
    let world = World::new(1, 1).await;
    let authority = &world.authorities[0];
    authority.publishes(Crl::good(moment::now().millis() - 60_000));
    let running = world.run().await;
    let status = running
        .until("anchored", |status| size(status) == Some(7))
        .await;
    let place = status.newest.unwrap().place;
    let name = "rfc3161-tsa0".parse().unwrap();
    let (record, _) = running.worker.records().token(&place, &name).await.unwrap();
    assert_eq!(record.revocation.len(), 1);
    assert_eq!(running.worker.pending(), 1);
    running.end().await;
    // A newer list comes while nobody runs; the next process asks for it at its start.
    authority.publishes(Crl::good(moment::now().millis() + 60_000));
    let running = world.run().await;
    let added = "rfc3161-tsa0-revocation-1".parse().unwrap();
    let records = running.worker.records();
    let there = || records.with_index(|index| index.added(&place, &name).len() == 1);
    running.until("added", |_| there()).await;
    let (record, _) = records.added(&place, &added).await.unwrap();
    assert_eq!(record.token, name);
    assert_eq!(record.revocation.len(), 1);
    running.end().await;
    let running = world.run().await;
    running
        .until("started", |status| status.next.is_some())
        .await;
    running.end().await;
    assert_eq!(world.names().await.len(), 3);
}

#[tokio::test]
async fn once_is_once() {
    let world = World::new(3, 1).await;
    world.authorities[1].does(Does::Html);
    let worker = world.worker().await;
    let mut once = worker.once().await;
    let stamped = once.remove(0).stamped.unwrap();
    let good: Vec<bool> = stamped.iter().map(|one| one.result.is_ok()).collect();
    assert_eq!(good, [true, false, true]);
    assert_eq!(world.asked(), [1, 1, 1]);
    // Again, over the same bytes.
    let once = worker.once().await;
    assert!(once[0].stamped.is_ok());
    let names = [
        "checkpoint",
        "rfc3161-tsa0",
        "rfc3161-tsa0.2",
        "rfc3161-tsa2",
        "rfc3161-tsa2.2",
    ];
    assert_eq!(world.names().await, names);
    world.log.serve(&Tree::forked(9, 2, 1), &[1, 2]);
    let once = worker.once().await;
    let Err(LookTrouble::Log(error)) = &once[0].stamped else {
        panic!("{once:?}");
    };
    assert_eq!(error.word(), "fork");
}
