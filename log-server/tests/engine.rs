//! The log on real files and a real SQLite database: what it acknowledges is there, what is damaged is named and never served.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use counterfoil_log_server::config::LogConfig;
use counterfoil_log_server::data::{self, DataError, RunningLog};
use counterfoil_log_server::engine::Engine;
use counterfoil_log_server::log::{Log, ProofError, ReadError, Run, State};
use counterfoil_store::sqlite::SqliteHeadStore;
use counterfoil_store::{HeadStore, RegisterName};
use counterfoil_tiles::checkpoint::SignedCheckpoint;
use counterfoil_tiles::hash::{LeafIndex, TreeSize, hash_leaf};
use counterfoil_tiles::key::{Algorithm, KeyName, Seed, SigningKey};
use counterfoil_tiles::note::Note;
use counterfoil_tiles::policy::Policy;
use counterfoil_tiles::receipt::Receipt;
use counterfoil_tiles::tile::{BundleId, EntryBundle, TileId, all_bundles, all_tiles, tiles_of};

const ORIGIN: &str = "log.example/engine";

fn keys() -> Vec<SigningKey> {
    let name: KeyName = ORIGIN.parse().unwrap();
    [Algorithm::Ed25519, Algorithm::MlDsa44]
        .map(|algorithm| {
            SigningKey::from_seed(name.clone(), algorithm, &Seed::new([3; 32])).unwrap()
        })
        .into()
}

fn config(data: &Path) -> LogConfig {
    LogConfig {
        origin: ORIGIN.into(),
        data: data.into(),
        checkpoint_interval: Duration::from_millis(20),
        ..LogConfig::default()
    }
}

async fn start(data: &Path) -> RunningLog {
    if !data.join("registers.sqlite").exists() {
        data::create(data).await.unwrap();
    }
    data::open(&config(data), keys()).await.unwrap()
}

fn policy() -> Policy {
    Policy::without_quorum(keys().iter().map(|key| key.vkey().clone())).unwrap()
}

fn entries(range: std::ops::Range<u64>) -> Vec<Bytes> {
    range
        .map(|number| Bytes::from(format!("entry {number}")))
        .collect()
}

async fn add(log: &Engine, range: std::ops::Range<u64>) {
    for chunk in entries(range.clone()).chunks(10_000) {
        log.add(chunk.to_vec()).await.unwrap();
    }
    let until = Instant::now() + Duration::from_mins(1);
    log.wait_published(TreeSize::new(range.end), until)
        .await
        .expect("published within a minute");
}

/// The files of a data directory whose path matches, newest tree only.
fn file(data: &Path, name: &str) -> PathBuf {
    let path = data.join(name);
    assert!(path.is_file(), "{name} is not there");
    path
}

/// Changes one byte of a file, whatever its mode.
fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 1;
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

// SPEC(tlog-tiles): "Without a policy for when pruning is permitted, logs MUST NOT be pruned."
// SPEC(tlog-tiles): "That is, the minimum index value MUST be set to zero."
#[tokio::test(flavor = "multi_thread")]
async fn what_is_logged_can_be_proved_before_and_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    {
        let log = start(dir.path()).await;
        let engine = log.engine();
        let empty = engine
            .published()
            .expect("a new log publishes its empty tree before it takes entries");
        assert_eq!(empty.size, TreeSize::new(0));
        assert_eq!(
            engine.add(entries(0..1)).await.unwrap(),
            [Run {
                first: LeafIndex::new(0),
                count: 1
            }]
        );
        assert_eq!(
            engine.add(entries(1..300)).await.unwrap(),
            [Run {
                first: LeafIndex::new(1),
                count: 299
            }]
        );
        add(&engine, 300..70_000).await;
        prove(&engine, &[0, 1, 255, 256, 65_535, 65_536, 69_999]).await;
        engine.close().await;
    }
    let log = start(dir.path()).await;
    let engine = log.engine();
    assert_eq!(engine.published().unwrap().size, TreeSize::new(70_000));
    prove(&engine, &[0, 69_999]).await;
    add(&engine, 70_000..70_001).await;
    prove(&engine, &[0, 69_999, 70_000]).await;
    every_resource_is_served(&engine).await;
    engine.close().await;
}

async fn prove(engine: &Engine, indexes: &[u64]) {
    for index in indexes {
        let receipt = engine.receipt(LeafIndex::new(*index), None).await.unwrap();
        let receipt = Receipt::parse(&receipt).unwrap();
        let leaf = hash_leaf(format!("entry {index}").as_bytes());
        receipt.verify(&leaf, &policy()).unwrap();
        let until = Instant::now() + Duration::from_mins(1);
        while engine.status().indexed_size <= *index {
            assert!(Instant::now() < until, "the lookup index does not catch up");
            tokio::task::yield_now().await;
        }
        let found = engine.lookup(leaf, None, 10).await.unwrap();
        assert_eq!(
            (found.indexes, found.more),
            (vec![LeafIndex::new(*index)], false)
        );
    }
}

async fn every_resource_is_served(engine: &Engine) {
    let size = engine.published().unwrap().size;
    for id in all_tiles(size) {
        let tile = engine
            .tile(id)
            .await
            .unwrap()
            .unwrap_or_else(|| panic!("{} is not served", id.path()));
        assert_eq!(tile.bytes().len(), usize::from(id.width()) * 32);
    }
    for id in all_bundles(size) {
        let bundle = engine
            .bundle(id)
            .await
            .unwrap()
            .unwrap_or_else(|| panic!("{} is not served", id.path()));
        let bundle = EntryBundle::parse(bundle.bytes(), id.width()).unwrap();
        assert_eq!(
            bundle.entries()[0],
            format!("entry {}", id.index() * 256).as_bytes()
        );
    }
}

// SPEC(tlog-tiles): "Logs MUST serve partial tiles corresponding to tree sizes for which a checkpoint was produced, but MAY
// delete any partial tile once the corresponding full tile is either available, or has been removed by the pruning
// criteria below."
#[tokio::test(flavor = "multi_thread")]
async fn partial_tiles_of_older_checkpoints_are_served_until_the_full_ones_are() {
    let dir = tempfile::tempdir().unwrap();
    let log = start(dir.path()).await;
    let engine = log.engine();
    let mut published: Vec<TreeSize> = Vec::new();
    for end in [3, 100, 255, 256, 300, 512, 700] {
        let from = published.last().map_or(0, |size| size.get());
        add(&engine, from..end).await;
        published.push(engine.published().unwrap().size);
        for size in &published {
            for id in tiles_of(*size) {
                let partial = engine.tile(id).await.unwrap();
                let full = engine.tile(id.full()).await.unwrap();
                assert!(
                    partial.is_some() || full.is_some(),
                    "{} of size {size} at size {end}",
                    id.path()
                );
            }
        }
    }
    engine.close().await;
}

// SPEC(tlog-tiles): "Empty tiles MUST NOT be served."
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_in_the_published_tree_is_not_served() {
    let dir = tempfile::tempdir().unwrap();
    let log = start(dir.path()).await;
    let engine = log.engine();
    add(&engine, 0..300).await;
    for (level, index, width) in [
        (0, 2, 256),
        (0, 1, 45),
        (0, 1, 256),
        (1, 0, 2),
        (2, 0, 1),
        (0, 1, 43),
        (63, 0, 1),
        (0, u64::MAX >> 8, 256),
    ] {
        let id = TileId::new(level, index, width).unwrap();
        assert_eq!(engine.tile(id).await.unwrap(), None, "{}", id.path());
    }
    for (index, width) in [(2, 256), (1, 45), (1, 43)] {
        let id = BundleId::new(index, width).unwrap();
        assert_eq!(engine.bundle(id).await.unwrap(), None, "{}", id.path());
    }
    let beyond = engine.receipt(LeafIndex::new(300), None).await.unwrap_err();
    assert!(matches!(beyond, ProofError::BeyondTree { .. }), "{beyond}");
    let larger = engine
        .receipt(LeafIndex::new(0), Some(TreeSize::new(301)))
        .await
        .unwrap_err();
    assert!(
        matches!(larger, ProofError::BeyondPublished { .. }),
        "{larger}"
    );
    let not_kept = engine
        .receipt(LeafIndex::new(0), Some(TreeSize::new(299)))
        .await
        .unwrap_err();
    assert!(matches!(not_kept, ProofError::NotKept { .. }), "{not_kept}");
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_of_an_older_size_and_consistency_proofs() {
    let dir = tempfile::tempdir().unwrap();
    let log = start(dir.path()).await;
    let engine = log.engine();
    add(&engine, 0..100).await;
    let old = engine.published().unwrap();
    add(&engine, 100..700).await;
    let new = engine.published().unwrap();
    // The recorder keeps the checkpoint in its own time.
    let until = Instant::now() + Duration::from_mins(1);
    let receipt = loop {
        match engine.receipt(LeafIndex::new(7), Some(old.size)).await {
            Err(ProofError::NotKept { .. }) if Instant::now() < until => {
                tokio::task::yield_now().await;
            }
            other => break other.unwrap(),
        }
    };
    let receipt = Receipt::parse(&receipt).unwrap();
    assert_eq!(receipt.checkpoint().size(), old.size);
    receipt.verify(&hash_leaf(b"entry 7"), &policy()).unwrap();
    let proof = engine.consistency(old.size, new.size).await.unwrap();
    counterfoil_tiles::proof::verify_consistency(old.size, new.size, &old.root, &new.root, &proof)
        .unwrap();
    let backwards = engine.consistency(new.size, old.size).await.unwrap_err();
    assert!(matches!(backwards, ProofError::Backwards { .. }));
    engine.close().await;
}

// SPEC(tlog-tiles): "If the log is public, or is interacting in any way with the public witness network, the checkpoint MUST
// carry at least one Ed25519 signature by the log."
#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_an_ed25519_key_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    data::create(dir.path()).await.unwrap();
    let without = keys().split_off(1);
    for keys in [without, vec![]] {
        let refused = data::open(&config(dir.path()), keys).await.err();
        assert!(matches!(refused, Some(DataError::FirstKey)), "{refused:?}");
    }
    start(dir.path()).await.engine().close().await;
}

// SPEC(tlog-tiles): "the checkpoint MUST carry at least one Ed25519 signature by the log."
#[tokio::test(flavor = "multi_thread")]
async fn the_checkpoint_is_signed_by_every_key_of_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let log = start(dir.path()).await;
    let engine = log.engine();
    add(&engine, 0..3).await;
    let note = Note::parse(engine.published().unwrap().note.bytes()).unwrap();
    for key in keys() {
        let log_key = counterfoil_tiles::checkpoint::LogKey::new(key.vkey().clone());
        let signed = SignedCheckpoint::verify(note.clone(), [&log_key]).unwrap();
        assert_eq!(signed.checkpoint().size(), TreeSize::new(3));
    }
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_while_running_is_named_and_not_served() {
    let dir = tempfile::tempdir().unwrap();
    {
        let log = start(dir.path()).await;
        add(&log.engine(), 0..70_000).await;
        log.engine().close().await;
    }
    let log = start(dir.path()).await;
    let engine = log.engine();
    flip(&file(dir.path(), "tile/0/007"), 40);
    flip(&file(dir.path(), "tile/entries/009"), 5);
    flip(&file(dir.path(), "tile/entries/273.p/112"), 5);
    std::fs::remove_file(file(dir.path(), "tile/0/011")).unwrap();
    let named = |result: Result<_, ReadError>| match result {
        Err(ReadError::Damaged { blob, .. }) => blob,
        other => panic!("served or misnamed: {other:?}"),
    };
    assert_eq!(
        named(engine.tile(TileId::new(0, 7, 256).unwrap()).await),
        "tile/0/007"
    );
    assert_eq!(
        named(engine.tile(TileId::new(0, 11, 256).unwrap()).await),
        "tile/0/011"
    );
    assert_eq!(
        named(engine.bundle(BundleId::new(9, 256).unwrap()).await),
        "tile/entries/009"
    );
    assert_eq!(
        named(engine.bundle(BundleId::new(273, 112).unwrap()).await),
        "tile/entries/273.p/112"
    );
    let receipt = engine
        .receipt(LeafIndex::new(7 * 256), None)
        .await
        .unwrap_err();
    assert!(
        matches!(receipt, ProofError::Read(ReadError::Damaged { .. })),
        "{receipt}"
    );
    // The others are served as before.
    prove(&engine, &[0, 69_999]).await;
    assert!(
        engine
            .tile(TileId::new(0, 8, 256).unwrap())
            .await
            .unwrap()
            .is_some()
    );
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_partial_tile_is_repaired_at_start() {
    let dir = tempfile::tempdir().unwrap();
    {
        let log = start(dir.path()).await;
        add(&log.engine(), 0..70_000).await;
        log.engine().close().await;
    }
    let partials = ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"];
    let good = partials.map(|name| std::fs::read(dir.path().join(name)).unwrap());
    for name in partials {
        flip(&file(dir.path(), name), 3);
    }
    let examined = data::check(&config(dir.path()), keys()).await.unwrap();
    assert_eq!((examined.size, examined.refusal), (Some(70_000), None));
    assert!(
        partials.iter().all(|name| examined
            .warnings
            .iter()
            .any(|warning| warning.contains(name))),
        "{:?}",
        examined.warnings
    );
    let log = start(dir.path()).await;
    assert_eq!(
        partials.map(|name| std::fs::read(dir.path().join(name)).unwrap()),
        good
    );
    add(&log.engine(), 70_000..70_100).await;
    prove(&log.engine(), &[0, 69_999, 70_099]).await;
    log.engine().close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_that_cannot_be_repaired_is_refused_by_name() {
    let refusals: &[(&str, usize, &str)] = &[
        ("tile/entries/273.p/112", 5, "tile/entries/273.p/112"),
        ("tile/entries/273.p/112", 0, "tile/entries/273.p/112"),
    ];
    for (name, at, expected) in refusals {
        let dir = tempfile::tempdir().unwrap();
        {
            let log = start(dir.path()).await;
            add(&log.engine(), 0..70_000).await;
            log.engine().close().await;
        }
        flip(&file(dir.path(), name), *at);
        // The level-0 tile is damaged as well: nothing is left to believe.
        flip(&file(dir.path(), "tile/0/273.p/112"), 3);
        let Err(error) = data::open(&config(dir.path()), keys()).await else {
            panic!("{name} damaged at {at}: the log started")
        };
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_register_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    {
        let log = start(dir.path()).await;
        add(&log.engine(), 0..10).await;
        log.engine().close().await;
    }
    {
        // The store notices flipped bits in its own file (its tests); this is a value that was never written by a log.
        let heads = SqliteHeadStore::open(dir.path().join("registers.sqlite"))
            .await
            .unwrap();
        let head = RegisterName::new("head").unwrap();
        let value = heads.fetch(&head).await.unwrap().unwrap();
        let mut damaged = value.to_vec();
        damaged["counterfoil/head/1\n".len() + 24] ^= 1; // the first byte of the root
        heads.replace(&head, &value, damaged.into()).await.unwrap();
    }
    let Err(error) = data::open(&config(dir.path()), keys()).await else {
        panic!("the log started on a damaged head")
    };
    let words = error.to_string();
    assert!(words.contains("head") && words.contains("root"), "{words}");
}

/// The registers as a backup has them, taken while the log was stopped.
fn registers(data: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    ["registers.sqlite", "registers.sqlite-wal"]
        .map(|name| data.join(name))
        .into_iter()
        .filter_map(|path| Some((path.clone(), std::fs::read(&path).ok()?)))
        .collect()
}

// SPEC(tlog-checkpoint): "A log MUST not sign any checkpoint which is inconsistent with any checkpoint it previously signed."
#[tokio::test(flavor = "multi_thread")]
async fn a_log_does_not_start_behind_what_it_has_signed() {
    // Either of the two places where a checkpoint is kept besides the registers is enough.
    for forgotten in ["checkpoint", "checkpoints", "neither"] {
        let dir = tempfile::tempdir().unwrap();
        {
            let log = start(dir.path()).await;
            add(&log.engine(), 0..10).await;
            log.engine().close().await;
        }
        let backup = registers(dir.path());
        {
            let log = start(dir.path()).await;
            add(&log.engine(), 10..20).await;
            log.engine().close().await;
        }
        for (path, bytes) in &backup {
            std::fs::write(path, bytes).unwrap();
        }
        match forgotten {
            "checkpoint" => std::fs::remove_file(dir.path().join(forgotten)).unwrap(),
            "checkpoints" => std::fs::remove_dir_all(dir.path().join(forgotten)).unwrap(),
            _ => {}
        }
        let Err(error) = data::open(&config(dir.path()), keys()).await else {
            panic!(
                "the log forks itself: it goes on from 10, it has signed 20 ({forgotten} removed)"
            )
        };
        let words = error.to_string();
        assert!(words.contains("20") && words.contains("10"), "{words}");
        let examined = data::check(&config(dir.path()), keys()).await.unwrap();
        assert!(examined.refusal.is_some(), "{examined:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_checkpoint_that_is_damaged_keeps_no_log_from_starting() {
    let dir = tempfile::tempdir().unwrap();
    {
        let log = start(dir.path()).await;
        add(&log.engine(), 0..10).await;
        log.engine().close().await;
    }
    let kept = std::fs::read_dir(dir.path().join("checkpoints")).unwrap();
    let mut emptied = 0;
    for file in kept {
        let path = file.unwrap().path();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, b"").unwrap();
        emptied += 1;
    }
    assert!(emptied > 0);
    let log = start(dir.path()).await;
    add(&log.engine(), 10..20).await;
    log.engine().close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_as_long_as_the_configuration_says() {
    let dir = tempfile::tempdir().unwrap();
    data::create(dir.path()).await.unwrap();
    let config = LogConfig {
        max_queue_entries: 1 << 20,
        ..config(dir.path())
    };
    let log = data::open(&config, keys()).await.unwrap();
    let engine = log.engine();
    let batches: Vec<_> = (0..12)
        .map(|_| {
            let engine = Arc::clone(&engine);
            tokio::spawn(async move { engine.add(entries(0..65_536)).await })
        })
        .collect();
    for batch in batches {
        batch.await.unwrap().expect("there was room for it");
    }
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_made_once_and_opened_only_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let missing = data::open(&config(dir.path()), keys()).await;
    assert!(matches!(missing, Err(DataError::NoLog { .. })));
    assert!(
        !dir.path().join("registers.sqlite").exists(),
        "opening must not make a log"
    );
    let log = start(dir.path()).await;
    let second = data::open(&config(dir.path()), keys()).await;
    assert!(matches!(second, Err(DataError::Lock(_))));
    log.engine().close().await;
    drop(log);
    assert!(matches!(
        data::create(dir.path()).await,
        Err(DataError::Engine(_))
    ));
    let mut other = config(dir.path());
    other.origin = "log.example/other".into();
    assert!(matches!(
        data::open(&other, keys()).await,
        Err(DataError::KeyName { .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_share_an_index_where_the_log_deduplicates() {
    let dir = tempfile::tempdir().unwrap();
    data::create(dir.path()).await.unwrap();
    let config = LogConfig {
        deduplicate: true,
        ..config(dir.path())
    };
    let log = data::open(&config, keys()).await.unwrap();
    let engine = log.engine();
    let run = |first, count| Run {
        first: LeafIndex::new(first),
        count,
    };
    assert_eq!(engine.add(entries(0..5)).await.unwrap(), [run(0, 5)]);
    assert_eq!(engine.add(entries(2..4)).await.unwrap(), [run(2, 2)]);
    assert_eq!(
        engine.add(entries(3..7)).await.unwrap(),
        [run(3, 4)],
        "3 and 4 are old, 5 and 6 follow by chance"
    );
    let mixed: Vec<Bytes> = ["entry 9", "entry 0", "entry 9", "entry 10"]
        .map(Bytes::from)
        .into();
    assert_eq!(
        engine.add(mixed).await.unwrap(),
        [run(7, 1), run(0, 1), run(7, 2)]
    );
    // At the same time: one of them is logged, all of them hear its index.
    let same: Vec<_> = (0..20)
        .map(|_| {
            let engine = Arc::clone(&engine);
            tokio::spawn(async move {
                engine
                    .add(vec![Bytes::from_static(b"the same")])
                    .await
                    .unwrap()
            })
        })
        .collect();
    for added in same {
        assert_eq!(added.await.unwrap(), [run(9, 1)]);
    }
    assert_eq!(engine.status().size, 10);
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_are_found_while_the_index_catches_up() {
    const DISTINCT: u64 = 40;
    let dir = tempfile::tempdir().unwrap();
    data::create(dir.path()).await.unwrap();
    let config = LogConfig {
        deduplicate: true,
        checkpoint_interval: Duration::from_millis(1),
        ..config(dir.path())
    };
    let log = data::open(&config, keys()).await.unwrap();
    let submitters: Vec<_> = (0..4)
        .map(|submitter| {
            let engine = log.engine();
            tokio::spawn(async move {
                let mut answers = Vec::new();
                for round in 0..100 {
                    // Each at its own pace, so that entries are met on their way, committed, and indexed.
                    let number = (round * (submitter + 1) / 2) % DISTINCT;
                    let runs = engine.add(entries(number..number + 1)).await.unwrap();
                    answers.push((number, runs[0].first));
                }
                answers
            })
        })
        .collect();
    let mut indexes = std::collections::BTreeMap::new();
    for submitter in submitters {
        for (number, index) in submitter.await.unwrap() {
            assert_eq!(
                *indexes.entry(number).or_insert(index),
                index,
                "entry {number}"
            );
        }
    }
    assert_eq!(indexes.len() as u64, DISTINCT);
    assert_eq!(log.engine().status().size, DISTINCT);
    log.engine().close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_duplicate_is_answered_from_an_index_that_is_wrong() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (dir, first) in [(&dir, 0), (&other, 100)] {
        let log = start(dir.path()).await;
        let engine = log.engine();
        engine.add(entries(first..first + 10)).await.unwrap();
        let until = Instant::now() + Duration::from_mins(1);
        while engine.status().indexed_size < 10 {
            assert!(Instant::now() < until, "the lookup index does not catch up");
            tokio::task::yield_now().await;
        }
        engine.close().await;
    }
    std::fs::remove_dir_all(dir.path().join("index")).unwrap();
    std::fs::rename(other.path().join("index"), dir.path().join("index")).unwrap();
    let config = LogConfig {
        deduplicate: true,
        ..config(dir.path())
    };
    let log = data::open(&config, keys()).await.unwrap();
    let wrong = log.engine().add(entries(103..104)).await.unwrap_err();
    assert!(wrong.to_string().contains("reindex"), "{wrong}");
    log.engine().close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_log_answers_what_it_took_and_takes_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let log = start(dir.path()).await;
    let engine = log.engine();
    let waiting: Vec<_> = (0..200)
        .map(|number| {
            let engine = Arc::clone(&engine);
            tokio::spawn(async move { engine.add(entries(number..number + 1)).await })
        })
        .collect();
    engine.close().await;
    let mut logged = 0;
    for add in waiting {
        logged += u64::from(add.await.unwrap().is_ok());
    }
    assert_eq!(
        engine.published().unwrap().size,
        TreeSize::new(logged),
        "what was acknowledged is published before the end"
    );
    assert!(engine.add(entries(900..901)).await.is_err());
    assert_eq!(engine.status().state, State::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lookup_index_is_rebuilt_from_the_tiles() {
    let dir = tempfile::tempdir().unwrap();
    {
        let log = start(dir.path()).await;
        add(&log.engine(), 0..1_000).await;
        log.engine().close().await;
    }
    let size = data::rebuild_index(&config(dir.path()), keys(), |_, _| {})
        .await
        .unwrap();
    assert_eq!(size, TreeSize::new(1_000));
    let log = start(dir.path()).await;
    prove(&log.engine(), &[0, 500, 999]).await;
    log.engine().close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_size_at_the_border_of_tiles_on_every_level_is_published() {
    let dir = tempfile::tempdir().unwrap();
    let log = start(dir.path()).await;
    let engine = log.engine();
    for batches in 1..=3 {
        let batch = entries(0..65_536);
        engine.add(batch).await.unwrap();
        let until = Instant::now() + Duration::from_mins(1);
        let size = TreeSize::new(batches * 65_536);
        let published = engine.wait_published(size, until).await;
        assert_eq!(published.expect("published within a minute").size, size);
    }
    engine.close().await;
}
