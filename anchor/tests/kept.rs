//! What is kept, read again by a process that trusts nothing because it is there: damage, keys that vouch twice, revocation
//! that was learnt of before, and what is completed later.

mod common;

use std::fmt;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::Tree;
use common::tsa::{Crl, Does, FakeRecordJudge};
use common::worker::{Disk, Running, World, answers, looks, size, worker};
use counterfoil_anchor::judge::{Fault, RecordJudge, Rejection, Source, Told};
use counterfoil_anchor::moment::{self, Moment};
use counterfoil_anchor::names::{Blobs as _, CheckpointHash, Place, RecordName};
use counterfoil_anchor::record::{RevocationKind, TokenRecord};
use counterfoil_anchor::worker::status::LogStatus;
use counterfoil_store::memory::MemoryHeadStore;
use counterfoil_store::{Blob, BlobName};
use tokio::sync::Notify;

/// Puts other bytes under a name, as a disk does that lies; none: they are gone.
async fn damage(disk: &Disk, name: &BlobName, bytes: Option<Vec<u8>>) {
    let names = std::slice::from_ref(name);
    disk.blobs.discard(names).await.unwrap();
    if let Some(bytes) = bytes {
        let blob = Blob::new(name.clone(), bytes);
        disk.blobs.put_new(&[blob]).await.unwrap();
    }
}

async fn bytes(disk: &Disk, name: &BlobName) -> Vec<u8> {
    disk.blobs.get(name).await.unwrap().unwrap().to_vec()
}

/// Anchors what the log has, and gives where.
async fn anchored(running: &Running, entries: u64) -> Place {
    let is_so = |status: &LogStatus| size(status) == Some(entries);
    let status = running.until("anchored", is_so).await;
    status.newest.unwrap().place
}

/// A byte of the token is another, which is still base64.
fn flipped(record: &[u8]) -> Vec<u8> {
    let text = str::from_utf8(record).unwrap();
    let at = text.find("\"token\":\"").unwrap() + 40;
    let mut record = record.to_vec();
    record[at] = if record[at] == b'A' { b'B' } else { b'A' };
    record
}

#[tokio::test]
async fn a_damaged_record_of_the_current_round_does_not_count_and_is_asked_for_again() {
    type Change = fn(&[u8]) -> Option<Vec<u8>>;
    let rows: [(&str, Change); 4] = [
        ("a byte of the token", |record| Some(flipped(record))),
        ("cut off", |record| {
            Some(record[..record.len() / 2].to_vec())
        }),
        ("others' bytes", |_| Some(b"x".to_vec())),
        ("gone", |_| None),
    ];
    for (name, change) in rows {
        let world = World::new(1, 1).await;
        let running = world.run().await;
        let place = anchored(&running, 7).await;
        running.end().await;
        let record = place.record(&"rfc3161-tsa0".parse().unwrap());
        let before = bytes(&world.disk, &record).await;
        damage(&world.disk, &record, change(&before)).await;
        let running = world.run().await;
        let counted = |status: &LogStatus| answers(status, 0, "counted") == 1;
        running.until(name, counted).await;
        assert_eq!(world.asked(), [2], "{name}: the authority is asked again");
        let status = running.until(name, |status| size(status) == Some(7)).await;
        let records = running.worker.records();
        let damaged: Vec<_> = records.damaged().into_keys().collect();
        // What is gone was not listed at the start, and nothing is known of it.
        let expected = match change(&before) {
            Some(_) => vec![record.clone()],
            None => vec![],
        };
        assert_eq!(damaged, expected, "{name}");
        assert_eq!(status.trouble, None, "{name}");
        // It is restored, and the alarm ends.
        damage(&world.disk, &record, Some(before)).await;
        if !damaged.is_empty() {
            records.read_damaged().await;
            assert!(records.damaged().is_empty(), "{name}");
        }
        running.end().await;
    }
}

#[tokio::test]
async fn a_damaged_record_of_an_earlier_round_stops_nothing() {
    let world = World::new(1, 1).await;
    let running = world.run().await;
    let first = anchored(&running, 7).await;
    world.log.serve(&Tree::new(9), &[1, 2]);
    running.worker.want();
    let second = anchored(&running, 9).await;
    running.end().await;
    let token = "rfc3161-tsa0".parse().unwrap();
    damage(&world.disk, &first.record(&token), Some(b"x".to_vec())).await;
    let record = bytes(&world.disk, &second.record(&token)).await;
    damage(&world.disk, &second.record(&token), Some(flipped(&record))).await;
    // Nothing that is whole is left.
    world.authorities[0].does(Does::Refuses);
    let running = world.run().await;
    let status = running
        .until("refused", |status| answers(status, 0, "rejects") > 0)
        .await;
    assert_eq!(status.newest, None);
    let damaged = || running.worker.records().damaged().len() == 2;
    running.until("both found", |_| damaged()).await;
    world.authorities[0].does(Does::Right);
    world.log.serve(&Tree::new(12), &[1, 2]);
    running.worker.want();
    anchored(&running, 12).await;
    running.end().await;
}

#[tokio::test]
async fn a_damaged_checkpoint_is_put_anew_from_what_is_known() {
    let world = World::new(2, 2).await;
    world.authorities[1].does(Does::Refuses);
    let running = world.run().await;
    running
        .until("half done", |status| answers(status, 0, "counted") == 1)
        .await;
    let places = running
        .worker
        .records()
        .with_index(|index| index.newest(running.status().hash, 9));
    running.end().await;
    let name = places[0].checkpoint();
    let before = bytes(&world.disk, &name).await;
    damage(&world.disk, &name, Some(b"x".to_vec())).await;
    world.authorities[1].does(Does::Right);
    let running = world.run().await;
    anchored(&running, 7).await;
    assert_eq!(bytes(&world.disk, &name).await, before);
    running.end().await;
}

#[tokio::test]
async fn of_several_checkpoints_of_one_size_the_newest_counts_whatever_their_hashes() {
    let world = World::new(1, 1).await;
    let tree = Tree::new(7);
    // Each is cosigned at another time, so that each has another hash. The last one has the largest.
    let mut notes: Vec<_> = (0..60)
        .map(|later| tree.note(&[1, 2], 1_700_000_000 + later))
        .collect();
    notes.sort_by_key(|note| CheckpointHash::of(note.as_bytes()));
    let mut newest = None;
    for note in &notes {
        world
            .log
            .change(|served| served.checkpoint = note.as_bytes().to_vec());
        let once = world.worker().await.once().await;
        let stamped = once[0].stamped.as_ref().unwrap();
        newest = Some(stamped[0].result.as_ref().unwrap().place);
        // The times of tokens are milliseconds.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let running = world.run().await;
    let status = running
        .until("started", |status| status.unread.is_none())
        .await;
    assert_eq!(status.newest.map(|newest| newest.place), newest);
    running.end().await;
}

#[tokio::test]
async fn what_is_not_settled_is_found_among_older_checkpoints_of_its_size() {
    let world = World::new(1, 1).await;
    world.authorities[0].publishes(Crl::good(moment::now().millis() - 60_000));
    let tree = Tree::new(7);
    let mut notes: Vec<_> = (0..5)
        .map(|later| tree.note(&[1, 2], 1_700_000_000 + later))
        .collect();
    notes.sort_by_key(|note| CheckpointHash::of(note.as_bytes()));
    let last = notes.pop().unwrap();
    for note in notes.iter().chain([&last]) {
        world
            .log
            .change(|served| served.checkpoint = note.as_bytes().to_vec());
        let once = world.worker().await.once().await;
        let stamped = once[0].stamped.as_ref().unwrap();
        let anchored = stamped[0].result.as_ref().unwrap();
        if note == &last {
            continue;
        }
        // This one becomes 500 days old.
        let name = anchored.place.record(&anchored.name);
        let text = String::from_utf8(bytes(&world.disk, &name).await).unwrap();
        let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let old = anchored.gen_time.millis() - 500 * 86_400_000;
        let token = STANDARD.decode(json["token"].as_str().unwrap()).unwrap();
        let mut token: serde_json::Value = serde_json::from_slice(&token).unwrap();
        token["gen_time"] = old.into();
        json["token"] = STANDARD.encode(token.to_string()).into();
        json["gen_time"] = old.into();
        damage(&world.disk, &name, Some(json.to_string().into_bytes())).await;
    }
    let running = world.run().await;
    running
        .until("found", |_| running.worker.pending() == 1)
        .await;
    assert!(running.worker.records().damaged().is_empty());
    running.end().await;
}

#[tokio::test]
async fn the_records_bind_the_anchor_where_its_register_is_lost() {
    let mut world = World::new(1, 1).await;
    let running = world.run().await;
    anchored(&running, 7).await;
    world.log.serve(&Tree::new(9), &[1, 2]);
    running.worker.want();
    anchored(&running, 9).await;
    running.end().await;
    world.disk.heads = Arc::new(MemoryHeadStore::new());
    // It does not begin with what was anchored.
    world.log.serve(&Tree::forked(12, 8, 1), &[1, 2]);
    let running = world.run().await;
    let status = running
        .until("seen", |status| looks(status, "fork") == 1)
        .await;
    assert_eq!((status.forks, world.asked()), (1, vec![2]));
    running.end().await;
}

#[tokio::test]
async fn where_nothing_says_what_binds_the_anchor_nothing_is_anchored_until_the_operator_decides() {
    let mut world = World::new(1, 1).await;
    let running = world.run().await;
    let place = anchored(&running, 7).await;
    running.end().await;
    let token = place.record(&"rfc3161-tsa0".parse().unwrap());
    let checkpoint = bytes(&world.disk, &place.checkpoint()).await;
    world.disk.heads = Arc::new(MemoryHeadStore::new());
    damage(&world.disk, &place.checkpoint(), Some(b"x".to_vec())).await;
    // It does not begin with what was anchored. The token says so, too.
    world.log.serve(&Tree::forked(12, 3, 1), &[1, 2]);
    let running = world.run().await;
    let status = running
        .until("seen", |status| looks(status, "fork") == 1)
        .await;
    assert_eq!((status.forks, world.asked()), (1, vec![1]));
    running.end().await;
    for fork in world.disk.blobs.list("").await.unwrap() {
        if fork.as_str().contains("/forks/") {
            damage(&world.disk, &fork, None).await;
        }
    }
    // Nothing says so any more.
    damage(&world.disk, &token, Some(b"x".to_vec())).await;
    let running = world.run().await;
    let status = running
        .until("lost", |status| looks(status, "lost") >= 2)
        .await;
    let reason = status.trouble.unwrap().reason;
    assert!(reason.contains(&place.checkpoint.to_string()), "{reason}");
    assert!(reason.contains("lost_checkpoints"), "{reason}");
    assert_eq!((status.newest, world.asked()), (None, vec![1]));
    // It is restored, and binds without a restart.
    damage(&world.disk, &place.checkpoint(), Some(checkpoint)).await;
    running
        .until("bound", |status| looks(status, "fork") >= 1)
        .await;
    assert_eq!(world.asked(), [1]);
    running.end().await;
    for fork in world.disk.blobs.list("").await.unwrap() {
        if fork.as_str().contains("/forks/") {
            damage(&world.disk, &fork, None).await;
        }
    }
    // Or the operator decides.
    damage(&world.disk, &place.checkpoint(), Some(b"x".to_vec())).await;
    world.terms.acknowledged.lost.insert(place.checkpoint);
    let running = world.run().await;
    anchored(&running, 12).await;
    running.end().await;
}

#[tokio::test]
async fn anchoring_once_completes_what_was_anchored_before() {
    let world = World::new(1, 1).await;
    world.authorities[0].publishes(Crl::good(moment::now().millis() - 60_000));
    let worker = world.worker().await;
    let once = worker.once().await;
    let stamped = once[0].stamped.as_ref().unwrap();
    let place = stamped[0].result.as_ref().unwrap().place;
    assert_eq!(worker.pending(), 1);
    world.authorities[0].publishes(Crl::good(moment::now().millis() + 60_000));
    let worker = world.worker().await;
    worker.once().await;
    assert_eq!(worker.pending(), 0);
    let token = "rfc3161-tsa0".parse().unwrap();
    let added = worker
        .records()
        .with_index(|index| index.added(&place, &token));
    assert_eq!(added.len(), 1);
}

#[tokio::test]
async fn all_that_is_kept_can_be_examined() {
    let world = World::new(2, 2).await;
    world.authorities[0].publishes(Crl::good(moment::now().millis() - 60_000));
    let running = world.run().await;
    let place = anchored(&running, 7).await;
    running.end().await;
    world.authorities[0].publishes(Crl::good(moment::now().millis() + 60_000));
    world.worker().await.once().await;
    let name = |name: &str| place.record(&name.parse().unwrap());
    let examine = async || {
        let records = world.worker().await;
        let mut seen = Vec::new();
        let token = |_: &Place, name: &RecordName, _: &TokenRecord| seen.push(name.to_string());
        let found = records.records().examine(token).await.unwrap();
        (found, seen)
    };
    let (found, seen) = examine().await;
    assert!(found.is_whole(), "{found:?}");
    let counts = (found.checkpoints, found.tokens, found.revocations);
    assert_eq!(counts, (1, 4, 1));
    assert_eq!(seen[1], "rfc3161-tsa0.2");
    let kept = bytes(&world.disk, &name("rfc3161-tsa0.2")).await;
    damage(&world.disk, &name("rfc3161-tsa0.2"), Some(flipped(&kept))).await;
    // The second of tsa1 is there, the revocation data of tsa0, and what is about both.
    damage(&world.disk, &name("rfc3161-tsa1"), None).await;
    damage(&world.disk, &name("rfc3161-tsa0"), None).await;
    damage(&world.disk, &place.checkpoint(), None).await;
    let foreign = BlobName::new("lost-and-found").unwrap();
    damage(&world.disk, &foreign, Some(vec![1])).await;
    let (found, _) = examine().await;
    assert!(!found.is_whole());
    let missing = [
        place.checkpoint(),
        name("rfc3161-tsa0"),
        name("rfc3161-tsa1"),
    ];
    assert_eq!(found.missing, missing.into());
    let damaged: Vec<_> = found.damaged.into_keys().collect();
    assert_eq!(damaged, [name("rfc3161-tsa0.2")]);
    assert_eq!(found.foreign, [foreign].into());
}

#[tokio::test]
async fn one_key_does_not_vouch_twice() {
    let world = World::new(2, 2).await;
    for authority in &world.authorities {
        authority.signs_with("the one key");
    }
    let running = world.run().await;
    let same =
        |status: &LogStatus| answers(status, 0, "same-key") + answers(status, 1, "same-key") >= 2;
    let status = running.until("refused", same).await;
    assert_eq!(status.newest, None);
    let counted = answers(&status, 0, "counted") + answers(&status, 1, "counted");
    assert_eq!(counted, 1);
    // Whom a verifier trusts is not known here: both are kept. And once each, however often one is asked again.
    assert_eq!(
        world.names().await,
        ["checkpoint", "rfc3161-tsa0", "rfc3161-tsa1"]
    );
    running.end().await;
    // A process that starts knows it of what is kept.
    let running = world.run().await;
    let status = running.until("refused again", |status| {
        answers(status, 0, "same-key") + answers(status, 1, "same-key") >= 1
    });
    assert_eq!(status.await.newest, None);
    world.authorities[0].signs_with("a key of its own");
    world.authorities[1].signs_with("another of its own");
    anchored(&running, 7).await;
    running.end().await;
}

#[tokio::test]
async fn an_honest_token_is_kept_though_a_liar_signs_with_its_key() {
    let world = World::new(3, 2).await;
    world.authorities[0].signs_with("the honest key");
    world.authorities[1].signs_with("the honest key");
    // The liar is the first.
    world.authorities[1].does(Does::Refuses);
    world.authorities[2].does(Does::Refuses);
    let running = world.run().await;
    running
        .until("the liar", |status| answers(status, 0, "counted") == 1)
        .await;
    world.authorities[1].does(Does::Right);
    running
        .until("the honest one", |status| {
            answers(status, 1, "same-key") + answers(status, 1, "counted") > 0
        })
        .await;
    assert_eq!(
        world.names().await,
        ["checkpoint", "rfc3161-tsa0", "rfc3161-tsa1"]
    );
    assert_eq!(running.status().newest, None, "they count as one");
    world.authorities[2].does(Does::Right);
    let place = anchored(&running, 7).await;
    running.end().await;
    // So say the records.
    let running = world.run().await;
    assert_eq!(anchored(&running, 7).await, place);
    running.end().await;
}

#[tokio::test]
async fn a_token_that_is_known_to_be_revoked_makes_no_round_done() {
    let world = World::new(2, 2).await;
    world.authorities[0].publishes(Crl::good(moment::now().millis() - 60_000));
    world.authorities[1].publishes(Crl::good(moment::now().millis() + 60_000));
    world.authorities[1].does(Does::Refuses);
    let running = world.run().await;
    running
        .until("half done", |status| answers(status, 0, "counted") == 1)
        .await;
    running.end().await;
    world.authorities[0].publishes(Crl {
        revoked: true,
        ..Crl::good(moment::now().millis() + 60_000)
    });
    // It counts at the start of this process, which then learns that it is revoked.
    let running = world.run().await;
    running
        .until("revoked", |_| running.worker.revoked().len() == 1)
        .await;
    world.authorities[1].does(Does::Right);
    let status = running
        .until("the other one", |status| {
            answers(status, 1, "counted") == 1 && answers(status, 0, "revoked") > 0
        })
        .await;
    assert_eq!((status.newest, status.rounds), (None, 0));
    running.end().await;
}

#[tokio::test]
async fn a_round_that_was_done_by_a_token_that_is_revoked_is_done_anew() {
    let world = World::new(2, 1).await;
    world.authorities[0].publishes(Crl::good(moment::now().millis() - 60_000));
    world.authorities[1].publishes(Crl::good(moment::now().millis() + 60_000));
    world.authorities[1].does(Does::Refuses);
    let running = world.run().await;
    anchored(&running, 7).await;
    running.end().await;
    world.authorities[0].publishes(Crl {
        revoked: true,
        ..Crl::good(moment::now().millis() + 60_000)
    });
    let running = world.run().await;
    // The same process asks it again, and shows no anchor.
    let status = running
        .until("asked again", |status| {
            answers(status, 0, "revoked") > 0 && status.newest.is_none()
        })
        .await;
    assert_eq!(status.rounds, 0);
    world.authorities[1].does(Does::Right);
    anchored(&running, 7).await;
    assert_eq!(running.status().rounds, 1);
    running.end().await;
}

#[tokio::test]
async fn a_token_on_hold_does_not_count_until_it_is_released() {
    let world = World::new(1, 1).await;
    world.authorities[0].publishes(Crl::good(moment::now().millis() - 60_000));
    let running = world.run().await;
    anchored(&running, 7).await;
    running.end().await;
    let soon = moment::now().millis() + 60_000;
    world.authorities[0].publishes(Crl {
        held: true,
        ..Crl::good(soon)
    });
    let running = world.run().await;
    running
        .until("on hold", |status| {
            status.newest.is_none() && answers(status, 0, "revoked") > 0
        })
        .await;
    assert!(running.worker.revoked().is_empty(), "it may end");
    running.end().await;
    // It ends.
    world.authorities[0].does(Does::Refuses);
    world.authorities[0].publishes(Crl::good(soon + 1));
    let running = world.run().await;
    anchored(&running, 7).await;
    assert_eq!(running.worker.pending(), 0);
    running.end().await;
}

#[tokio::test]
async fn what_breaks_on_one_record_does_not_keep_the_others_from_being_looked_at() {
    let mut world = World::new(1, 1).await;
    world.authorities[0].publishes(Crl::good(moment::now().millis() - 60_000));
    let running = world.run().await;
    let first = anchored(&running, 7).await;
    world.log.serve(&Tree::new(9), &[1, 2]);
    running.worker.want();
    let second = anchored(&running, 9).await;
    running.end().await;
    // A mistake in what judges the records of one checkpoint.
    world.terms.judge = Arc::new(Before(move |record: &TokenRecord| {
        let breaks = CheckpointHash::of(&record.checkpoint) == second.checkpoint;
        assert!(!breaks, "a mistake in the judge");
        Ok(())
    }));
    world.authorities[0].does(Does::Refuses);
    let running = world.run().await;
    // The one before it is waited for, and is the newest that can be shown.
    running
        .until("found", |_| running.worker.pending() == 1)
        .await;
    let newest = |status: &LogStatus| status.newest.map(|newest| newest.place) == Some(first);
    let status = running.until("shown", newest).await;
    assert_eq!(status.unread, None);
    let damaged = running.worker.records().damaged();
    let (name, damage) = damaged.first_key_value().unwrap();
    let token = "rfc3161-tsa0".parse().unwrap();
    assert_eq!((damaged.len(), name), (1, &second.record(&token)));
    assert!(damage.to_string().contains("a mistake"), "{damage}");
    running.end().await;
}

/// What judges records, after this was done with each token.
struct Before<F>(F);

impl<F> fmt::Debug for Before<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Before")
    }
}

impl<F: Fn(&TokenRecord) -> Result<(), Rejection> + Send + Sync + 'static> RecordJudge
    for Before<F>
{
    fn token(&self, record: &TokenRecord) -> Result<(), Rejection> {
        (self.0)(record)?;
        FakeRecordJudge.token(record)
    }

    fn sources(&self, chain: &[Vec<u8>]) -> Vec<Source> {
        FakeRecordJudge.sources(chain)
    }

    fn nothing_to_fetch(&self, chain: &[Vec<u8>], certificate: usize) -> Option<String> {
        FakeRecordJudge.nothing_to_fetch(chain, certificate)
    }

    fn revocation(
        &self,
        chain: &[Vec<u8>],
        certificate: usize,
        kind: RevocationKind,
        data: &[u8],
        gen_time: Moment,
    ) -> Told {
        FakeRecordJudge.revocation(chain, certificate, kind, data, gen_time)
    }
}

#[tokio::test]
async fn judging_keeps_nothing_else_waiting() {
    let mut world = World::new(1, 1).await;
    let running = world.run().await;
    anchored(&running, 7).await;
    running.end().await;
    let (goes_on, waits) = std::sync::mpsc::channel::<()>();
    // The sender is dropped to say that it is to go on.
    let waits = Mutex::new(waits);
    let began = Arc::<Notify>::default();
    let begins = began.clone();
    world.terms.judge = Arc::new(Before(move |_: &TokenRecord| {
        begins.notify_one();
        let told = waits.lock().unwrap().recv_timeout(Duration::from_secs(20));
        if told == Err(RecvTimeoutError::Timeout) {
            return Err(Rejection {
                fault: Fault::Invalid,
                reason: "nobody says that it is to go on".to_owned(),
            });
        }
        Ok(())
    }));
    // All of this test is on one thread. If the record were judged on it, nobody would say that it is to go on.
    let running = world.run().await;
    began.notified().await;
    drop(goes_on);
    anchored(&running, 7).await;
    assert!(running.worker.records().damaged().is_empty());
    assert_eq!(world.asked(), [1]);
    running.end().await;
}

#[tokio::test]
async fn tokens_of_one_key_that_are_kept_count_once() {
    let world = World::new(2, 1).await;
    world.authorities[0].signs_with("the one key");
    let running = world.run().await;
    running
        .until("both", |status| {
            answers(status, 0, "counted") == 1 && answers(status, 1, "counted") == 1
        })
        .await;
    let place = anchored(&running, 7).await;
    running.end().await;
    // The second's record becomes one by the key of the first.
    let record = place.record(&"rfc3161-tsa1".parse().unwrap());
    let text = String::from_utf8(bytes(&world.disk, &record).await).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let token = json["token"].as_str().unwrap();
    let token = STANDARD.decode(token).unwrap();
    let token = String::from_utf8(token).unwrap();
    let token = token.replace("key of tsa1", "the one key");
    json["token"] = STANDARD.encode(token).into();
    damage(&world.disk, &record, Some(json.to_string().into_bytes())).await;
    let mut world = world;
    world.terms.required = 2;
    world.authorities[1].does(Does::Refuses);
    let running = world.run().await;
    // The earlier of the two tokens counts, and who gave the other one is asked again.
    let again =
        |status: &LogStatus| answers(status, 1, "rejects") + answers(status, 0, "same-key") > 0;
    let status = running.until("asked again", again).await;
    assert_eq!(status.newest, None);
    assert!(running.worker.records().damaged().is_empty());
    running.end().await;
}

#[tokio::test]
async fn that_a_kept_token_was_revoked_outlives_a_process() {
    let world = World::new(1, 1).await;
    world.authorities[0].publishes(Crl::good(moment::now().millis() - 60_000));
    let running = world.run().await;
    let place = anchored(&running, 7).await;
    running.end().await;
    world.authorities[0].publishes(Crl {
        revoked: true,
        ..Crl::good(moment::now().millis() + 60_000)
    });
    let running = world.run().await;
    let revoked = |running: &Running| running.worker.revoked().len() == 1;
    let status = running.until("revoked", |_| revoked(&running)).await;
    assert!(running.worker.records().damaged().is_empty());
    // The anchor is none any more.
    let none = |status: &LogStatus| status.newest.is_none();
    running.until("no anchor", none).await;
    drop(status);
    running.end().await;
    let running = world.run().await;
    running
        .until("known at the start", |_| revoked(&running))
        .await;
    let (of, name) = running.worker.revoked().pop_first().unwrap();
    assert_eq!((of, name.to_string().as_str()), (place, "rfc3161-tsa0"));
    // And does not count in the round that goes on.
    running
        .until("asked again", |status| answers(status, 0, "revoked") > 0)
        .await;
    assert_eq!(running.status().newest, None);
    running.end().await;
}

#[tokio::test]
async fn tokens_of_an_authority_that_is_configured_no_more_are_completed() {
    let world = World::new(2, 1).await;
    world.authorities[0].publishes(Crl::good(moment::now().millis() - 60_000));
    let running = world.run().await;
    running
        .until("both", |status| {
            answers(status, 0, "counted") == 1 && answers(status, 1, "counted") == 1
        })
        .await;
    let place = anchored(&running, 7).await;
    running.end().await;
    world.authorities[0].publishes(Crl::good(moment::now().millis() + 60_000));
    let left = vec![world.authorities[1].tsa(world.terms.deadline)];
    let running = Running::start(worker(&world.disk, &world.log, left, &world.terms).await);
    let token = "rfc3161-tsa0".parse().unwrap();
    let records = running.worker.records();
    let added = || records.with_index(|index| index.added(&place, &token).len() == 1);
    running.until("added", |_| added()).await;
    running.end().await;
}

#[tokio::test]
async fn a_token_whose_revocation_data_are_too_large_for_its_record_is_kept() {
    let mut world = World::new(1, 1).await;
    world.terms.deadline = Duration::from_mins(1);
    world.authorities[0].names_lists(4);
    world.authorities[0].publishes(Crl {
        padding: "x".repeat(7 << 20),
        ..Crl::good(moment::now().millis() - 60_000)
    });
    let running = world.run().await;
    let place = anchored(&running, 7).await;
    assert_eq!(running.worker.left_out(), 1);
    let token = "rfc3161-tsa0".parse().unwrap();
    let (record, _) = running
        .worker
        .records()
        .token(&place, &token)
        .await
        .unwrap();
    assert_eq!(record.revocation.len(), 3);
    running.end().await;
    // What settles it comes, and would fit no one record either: it is fetched in two parts, of which the first suffices.
    world.authorities[0].publishes(Crl {
        padding: "x".repeat(7 << 20),
        ..Crl::good(moment::now().millis() + 60_000)
    });
    let running = world.run().await;
    let records = running.worker.records();
    let added = || records.with_index(|index| index.added(&place, &token).len() == 1);
    running.until("added", |_| added()).await;
    running
        .until("settled", |_| running.worker.pending() == 0)
        .await;
    running.end().await;
}

#[tokio::test]
async fn an_authority_whose_lists_hang_keeps_no_other_from_being_settled() {
    let mut world = World::new(2, 2).await;
    // Longer than anything is waited for here.
    world.terms.deadline = Duration::from_hours(1);
    let running = world.run().await;
    let place = anchored(&running, 7).await;
    assert_eq!(running.worker.pending(), 2);
    running.end().await;
    // The first is asked before the second.
    world.authorities[0].hangs_lists();
    world.authorities[1].publishes(Crl::good(moment::now().millis() + 60_000));
    let running = world.run().await;
    let token = "rfc3161-tsa1".parse().unwrap();
    let records = running.worker.records();
    let added = || records.with_index(|index| index.added(&place, &token).len() == 1);
    running.until("added", |_| added()).await;
    assert_eq!(running.worker.pending(), 1);
    running.end().await;
}

#[tokio::test]
async fn a_certificate_of_which_nothing_can_be_fetched_is_counted_and_not_waited_for() {
    let world = World::new(2, 2).await;
    world.authorities[0].names_a_directory();
    world.authorities[1].publishes(Crl::good(moment::now().millis() + 60_000));
    let running = world.run().await;
    anchored(&running, 7).await;
    let left = |running: &Running| (running.worker.pending(), running.worker.chains_left());
    assert_eq!(left(&running), (0, 1));
    world.log.serve(&Tree::new(9), &[1, 2]);
    running.worker.want();
    anchored(&running, 9).await;
    assert_eq!(left(&running), (0, 1), "it is one chain");
    running.end().await;
    // Read from the records.
    let running = world.run().await;
    running
        .until("read", |_| running.worker.chains_left() == 1)
        .await;
    running.end().await;
}
