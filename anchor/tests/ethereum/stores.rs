//! Stores that refuse, lose, or do not say; and records that are there already.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use counterfoil_anchor::names::{Blobs as _, RecordName};
use counterfoil_anchor::record::BlockRecord;
use counterfoil_anchor::records::{Damage, KeepError};
use counterfoil_store::faulty::{FaultyBlobStore, FaultyHeadStore, Plan as Faults, WriteFault};
use counterfoil_store::memory::{MemoryBlobStore, MemoryHeadStore};
use counterfoil_store::{
    Blob, BlobName, BlobStore, DiscardError, PutError, ReadError, Trouble, TroubleKind,
};
use counterfoil_tiles::checkpoint::{Origin, OriginHash};

use crate::common::worker::Disk;
use crate::world::{CHAIN, World, begin, count, damage, set_clock};

#[tokio::test]
async fn whatever_the_store_does_a_root_is_paid_once_and_recorded_once() {
    use WriteFault::{Duplicate, Hide, Lose, None as Well, Refuse};
    let rows = [
        // The checkpoint's own blob and register are written first.
        ("the intent refused", vec![], vec![Well, Refuse]),
        ("the intent lost", vec![], vec![Well, Lose]),
        ("the intent hidden", vec![], vec![Well, Hide]),
        ("the intent twice", vec![], vec![Well, Duplicate]),
        ("the record refused", vec![Well, Refuse], vec![]),
        ("the record lost", vec![Well, Lose], vec![]),
        ("the record hidden", vec![Well, Hide], vec![]),
        ("the record twice", vec![Well, Duplicate], vec![]),
        ("the end refused", vec![], vec![Well, Well, Refuse]),
        ("the end lost", vec![], vec![Well, Well, Lose]),
        ("the end hidden", vec![], vec![Well, Well, Hide]),
    ];
    for (name, blobs, heads) in rows {
        let mut world = World::new(&["a.example/log"]);
        let blobs = FaultyBlobStore::new(MemoryBlobStore::new(), Faults::scripted(blobs, []));
        let heads = FaultyHeadStore::new(MemoryHeadStore::new(), Faults::scripted(heads, []));
        world.disk = Disk {
            blobs: Arc::new(blobs),
            heads: Arc::new(heads),
        };
        let records = world.records().await;
        let place = begin(&records, "a.example/log", 5, 1_700_000_000).await;
        let running = world.run().await;
        running
            .until(name, |status| count(status, "recorded") == 1)
            .await;
        running.end().await;
        assert_eq!(world.chain.roots().len(), 1, "{name}");
        assert_eq!(world.recorded(&place).await.len(), 1, "{name}");
    }
}

#[tokio::test]
async fn the_record_of_another_block_and_one_that_is_damaged_stay_and_the_new_one_is_beside_them() {
    let world = World::new(&["a.example/log"]);
    let records = world.records().await;
    let place = begin(&records, "a.example/log", 5, 1_700_000_000).await;
    let running = world.run().await;
    running
        .until("recorded", |status| count(status, "recorded") == 1)
        .await;
    running.end().await;
    let chain = CHAIN.parse().unwrap();
    let first = RecordName::block(CHAIN.parse().unwrap(), 1);
    let (mut record, bytes) = world.records().await.block(&place, &first).await.unwrap();
    let damaged = RecordName::block(CHAIN.parse().unwrap(), 2);
    let blob = Blob::new(place.record(&damaged), "nonsense");
    world.disk.blobs.put_new(&[blob]).await.unwrap();
    // The same block once more, at another time: what is there stays.
    let records = world.records().await;
    record.recorded = record.recorded.after(Duration::from_secs(1));
    records
        .keep_blocks(&[(place, record.clone())])
        .await
        .unwrap();
    assert_eq!(
        records
            .with_index(|index| index.blocks(&place, &chain))
            .len(),
        2
    );
    assert_eq!(records.block(&place, &first).await.unwrap().1, bytes);
    // Another block.
    *record.block.header.last_mut().unwrap() ^= 1;
    records
        .keep_blocks(&[(place, record.clone())])
        .await
        .unwrap();
    let names = records.with_index(|index| index.blocks(&place, &chain));
    assert_eq!(names.last().unwrap().number, 3);
    assert_eq!(records.block(&place, &first).await.unwrap().1, bytes);
    let third = records
        .block(&place, names.last().unwrap())
        .await
        .unwrap()
        .0;
    assert_eq!(third, record);
    // One that a late write left, and that no list had.
    *record.block.header.last_mut().unwrap() ^= 2;
    let fourth = RecordName::block(CHAIN.parse().unwrap(), 4);
    let late = Blob::new(place.record(&fourth), record.encode().unwrap());
    world.disk.blobs.put_new(&[late]).await.unwrap();
    record.recorded = record.recorded.after(Duration::from_secs(1));
    records.keep_blocks(&[(place, record)]).await.unwrap();
    let names = records.with_index(|index| index.blocks(&place, &chain));
    assert_eq!(names.len(), 4, "it is found, and stays");
}

#[tokio::test]
async fn a_record_whose_block_does_not_hold_its_checkpoint_is_damaged() {
    type Change = fn(&mut BlockRecord);
    let rows: [(&str, Change); 6] = [
        ("the header's roots", |record| {
            record.block.header[120..250].fill(7);
        }),
        ("the transaction", |record| {
            *record.block.transaction.last_mut().unwrap() ^= 1;
        }),
        ("the receipt", |record| {
            *record.block.receipt.last_mut().unwrap() ^= 1;
        }),
        ("a proof", |record| record.block.receipt_proof.clear()),
        ("the chain", |record| record.block.chain_id += 1),
        ("the path", |record| record.block.path.hashes.clear()),
    ];
    let world = World::new(&["a.example/log", "b.example/log"]);
    let records = world.records().await;
    let place = begin(&records, "a.example/log", 5, 1_700_000_000).await;
    begin(&records, "b.example/log", 5, 1_700_000_000).await;
    let running = world.run().await;
    running
        .until("recorded", |status| count(status, "recorded") == 1)
        .await;
    running.end().await;
    let examine = async || {
        let records = world.records().await;
        records.examine(|_, _, _| {}).await.unwrap()
    };
    let found = examine().await;
    assert!(found.is_whole(), "{found:?}");
    assert_eq!(found.blocks, 2);
    let name = RecordName::block(CHAIN.parse().unwrap(), 1);
    let blob = place.record(&name);
    let (good, bytes) = world.records().await.block(&place, &name).await.unwrap();
    let put = async |bytes: Bytes| {
        let blobs = &world.disk.blobs;
        blobs.discard(std::slice::from_ref(&blob)).await.unwrap();
        let changed = Blob::new(blob.clone(), bytes);
        blobs.put_new(&[changed]).await.unwrap();
    };
    for (row, change) in rows {
        let mut record = good.clone();
        change(&mut record);
        put(record.encode().unwrap().into()).await;
        let found = examine().await;
        assert_eq!(found.blocks, 1, "{row}");
        let damage = found.damaged.get(&blob);
        assert!(
            matches!(damage, Some(Damage::Block(_))),
            "{row}: {damage:?}"
        );
        // It is not served, either.
        let served = world.records().await.read(&blob).await;
        assert!(
            matches!(served, Err(KeepError::Damaged { .. })),
            "{row}: {served:?}"
        );
    }
    put(bytes).await;
    assert!(examine().await.is_whole());
}

/// A store that cannot read the records of blocks of one log for a while.
struct Unreadable {
    inner: MemoryBlobStore,
    fails: AtomicBool,
    log: OriginHash,
}

#[async_trait]
impl BlobStore for Unreadable {
    async fn put_new(&self, blobs: &[Blob]) -> Result<(), PutError> {
        self.inner.put_new(blobs).await
    }

    async fn get(&self, name: &BlobName) -> Result<Option<Bytes>, ReadError> {
        let path = name.as_str();
        let is_it = path.contains(&self.log.to_string()) && path.contains("/ethereum-");
        if is_it && self.fails.load(Ordering::SeqCst) {
            return Err(ReadError::Failed {
                name: path.to_owned(),
                trouble: Trouble::new(TroubleKind::Injected, "it fails", "wait"),
            });
        }
        self.inner.get(name).await
    }

    async fn discard(&self, names: &[BlobName]) -> Result<(), DiscardError> {
        self.inner.discard(names).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<BlobName>, ReadError> {
        self.inner.list(prefix).await
    }
}

#[tokio::test]
async fn a_log_whose_records_cannot_be_read_now_is_not_anchored_and_the_others_are() {
    let mut world = World::new(&["a.example/log", "b.example/log"]);
    let blobs = Arc::new(Unreadable {
        inner: MemoryBlobStore::new(),
        fails: AtomicBool::new(false),
        log: OriginHash::of(&Origin::new("a.example/log").unwrap()),
    });
    world.disk.blobs = blobs.clone();
    let records = world.records().await;
    begin(&records, "a.example/log", 5, 1_700_000_000).await;
    begin(&records, "b.example/log", 5, 1_700_000_000).await;
    let wait = Some(Duration::from_secs(20));
    let status = world.ethereum().await.once(wait).await;
    assert_eq!(count(&status, "recorded"), 1, "{status:?}");
    // The same tree, which is no news, but for who cannot read that.
    let same = begin(&records, "a.example/log", 5, 1_700_000_500).await;
    let grown = begin(&records, "b.example/log", 6, 1_700_000_500).await;
    blobs.fails.store(true, Ordering::SeqCst);
    let status = world.ethereum().await.once(wait).await;
    assert_eq!(count(&status, "recorded"), 1, "{status:?}");
    let unread = status.unread.unwrap();
    assert!(unread.starts_with("a.example/log: "), "{unread}");
    assert_eq!(status.logs[0].newest, None);
    blobs.fails.store(false, Ordering::SeqCst);
    let mut counts = Vec::new();
    for place in [same, grown] {
        counts.push(world.recorded(&place).await.len());
    }
    assert_eq!(counts, [0, 1]);
}

#[tokio::test]
async fn what_cannot_be_read_is_read_again_soon_though_the_clock_was_set_back() {
    let mut world = World::new(&["a.example/log"]);
    let blobs = Arc::new(Unreadable {
        inner: MemoryBlobStore::new(),
        fails: AtomicBool::new(false),
        log: OriginHash::of(&Origin::new("a.example/log").unwrap()),
    });
    world.disk.blobs = blobs.clone();
    let (clock, by) = set_clock();
    world.clock = clock;
    let records = world.records().await;
    begin(&records, "a.example/log", 5, 1_700_000_000).await;
    let wait = Some(Duration::from_secs(20));
    let status = world.ethereum().await.once(wait).await;
    assert_eq!(count(&status, "recorded"), 1, "{status:?}");
    blobs.fails.store(true, Ordering::SeqCst);
    let running = world.run().await;
    running
        .until("not read", |status| status.unread.is_some())
        .await;
    running.looks(2).await;
    blobs.fails.store(false, Ordering::SeqCst);
    by.store(-3_600_000, Ordering::SeqCst);
    running.looks(2).await;
    // The pause is over.
    by.fetch_add(11_000, Ordering::SeqCst);
    let status = running
        .until("read", |status| status.unread.is_none())
        .await;
    running.end().await;
    assert_eq!(status.logs[0].newest.unwrap().place.size.get(), 5);
}

#[tokio::test]
async fn a_checkpoint_whose_record_is_damaged_is_anchored_anew_and_no_root_is_paid_for_twice() {
    let world = World::new(&["a.example/log", "b.example/log"]);
    let records = world.records().await;
    let place = begin(&records, "a.example/log", 5, 1_700_000_000).await;
    let running = world.run().await;
    running
        .until("recorded", |status| count(status, "recorded") == 1)
        .await;
    running.end().await;
    let first = RecordName::block(CHAIN.parse().unwrap(), 1);
    damage(&world.disk, place.record(&first)).await;
    // The very round was paid for.
    let running = world.run().await;
    running.looks(100).await;
    assert_eq!(running.ethereum.status().logs[0].newest, None);
    assert_eq!(world.chain.roots().len(), 1);
    // Another one has it, too.
    let records = world.records().await;
    begin(&records, "b.example/log", 7, 1_700_000_100).await;
    let status = running
        .until("recorded", |status| count(status, "recorded") == 1)
        .await;
    running.end().await;
    assert_eq!(status.logs[0].newest.unwrap().place, place);
    let second = RecordName::block(CHAIN.parse().unwrap(), 2);
    let (record, _) = world.records().await.block(&place, &second).await.unwrap();
    assert_eq!(record.block.path.size.get(), 2);
    assert_eq!(world.chain.roots().len(), 2);
}

#[tokio::test]
async fn a_round_that_was_paid_for_uses_up_neither_its_slot_nor_an_operators_wish() {
    let mut world = World::new(&["a.example/log", "b.example/log"]);
    let (clock, by) = set_clock();
    world.clock = clock;
    let records = world.records().await;
    let place = begin(&records, "a.example/log", 5, 1_700_000_000).await;
    let wait = Some(Duration::from_secs(20));
    world.ethereum().await.once(wait).await;
    begin(&records, "b.example/log", 5, 1_700_000_000).await;
    world.ethereum().await.once(wait).await;
    assert_eq!(world.chain.roots().len(), 2);
    let first = RecordName::block(CHAIN.parse().unwrap(), 1);
    damage(&world.disk, place.record(&first)).await;
    // A slot begins, with the pause in which logs are looked at.
    let mut plan = world.plan();
    plan.every = Duration::from_secs(100);
    let into = i64::try_from(world.clock.now().millis() % 100_000).unwrap();
    by.fetch_add(100_000 - into, Ordering::SeqCst);
    let running = world.on(plan).await;
    running.ethereum.want();
    let status = running
        .until("loaded", |status| {
            status
                .sender
                .as_ref()
                .is_some_and(|sender| sender.seen.is_some())
        })
        .await;
    by.fetch_add(10_000, Ordering::SeqCst);
    // The round of the damaged record alone is offered.
    let begun = status.next.unwrap();
    running
        .until("offered", |status| {
            status.next.unwrap().since(begun) >= Duration::from_secs(5)
        })
        .await;
    running.looks(2).await;
    assert_eq!(world.chain.roots().len(), 2);
    // The same tree, which is news only for who wants it.
    let records = world.records().await;
    begin(&records, "b.example/log", 5, 1_700_000_500).await;
    by.fetch_add(10_000, Ordering::SeqCst);
    running
        .until("recorded", |status| count(status, "recorded") == 1)
        .await;
    running.end().await;
    let second = RecordName::block(CHAIN.parse().unwrap(), 2);
    let (record, _) = world.records().await.block(&place, &second).await.unwrap();
    assert_eq!(record.block.path.size.get(), 2, "both are in one round");
}
