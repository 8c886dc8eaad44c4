//! What is kept, read again by a process that trusts nothing because it is there: damage, keys that vouch twice, revocation
//! that was learnt of before, and what is completed later.

mod common;

use std::time::Duration;

use common::Tree;
use common::tsa::{Crl, Does};
use common::worker::{Disk, Running, World, answers, size, worker};
use counterfoil_anchor::moment;
use counterfoil_anchor::names::{Blobs as _, Place};
use counterfoil_anchor::worker::status::LogStatus;
use counterfoil_store::{Blob, BlobName};

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
    let mut times = Vec::new();
    // Each is cosigned at another time, so that each has another hash.
    for round in 0..8 {
        let note = tree.note(&[1, 2], 1_700_000_000 + round);
        world
            .log
            .change(|served| served.checkpoint = note.as_bytes().to_vec());
        let once = world.worker().await.once().await;
        let stamped = once[0].stamped.as_ref().unwrap();
        times.push(stamped[0].result.as_ref().unwrap().gen_time);
        // The times of tokens are milliseconds.
        tokio::time::sleep(Duration::from_millis(2)).await;
        let running = world.run().await;
        let status = running
            .until("started", |status| status.unread.is_none())
            .await;
        assert_eq!(status.newest.unwrap().time, times[times.len() - 1]);
        running.end().await;
    }
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
    assert_eq!(world.names().await.len(), 2, "only the first is kept");
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
    let token = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, token).unwrap();
    let token = String::from_utf8(token).unwrap();
    let token = token.replace("key of tsa1", "the one key");
    json["token"] = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, token).into();
    damage(&world.disk, &record, Some(json.to_string().into_bytes())).await;
    let mut world = world;
    world.terms.required = 2;
    world.authorities[1].does(Does::Refuses);
    let running = world.run().await;
    let status = running
        .until("refused", |status| answers(status, 1, "rejects") > 0)
        .await;
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
    // What settles it comes, and fits no one record either.
    world.authorities[0].publishes(Crl {
        padding: "x".repeat(7 << 20),
        ..Crl::good(moment::now().millis() + 60_000)
    });
    let running = world.run().await;
    let records = running.worker.records();
    let added = || records.with_index(|index| index.added(&place, &token).len() == 4);
    running.until("added", |_| added()).await;
    running
        .until("settled", |_| running.worker.pending() == 0)
        .await;
    running.end().await;
}
