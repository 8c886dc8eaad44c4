//! What a caller may still rely on when the store misbehaves as the contract permits.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use counterfoil_store::faulty::{
    FaultyBlobStore, FaultyHeadStore, Odds, Plan, ReadFault, WriteFault,
};
use counterfoil_store::memory::{MemoryBlobStore, MemoryHeadStore};
use counterfoil_store::posix::PosixBlobStore;
use counterfoil_store::sqlite::SqliteHeadStore;
use counterfoil_store::{
    Blob, BlobName, BlobStore, DiscardError, HeadStore, PutError, ReadError, RegisterName,
    ReplaceError,
};

const ODDS: Odds = Odds {
    writes: 500,
    reads: 200,
};

/// A small generator for what the clients do; the faults have one of their own.
struct Choices(u64);

impl Choices {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn blob_name(text: &str) -> BlobName {
    BlobName::new(text).unwrap()
}

fn head() -> RegisterName {
    RegisterName::new("head").unwrap()
}

/// What may be under a name, by what its writers were told.
#[derive(Default)]
struct Expected {
    /// Bytes that were put and not definitely refused.
    possible: HashSet<Bytes>,
    /// Bytes whose put said `Ok`: they are there, and nothing else.
    acknowledged: Option<Bytes>,
}

/// Puts of one or several blobs, of few names and few values, so that all kinds of outcomes meet.
async fn blobs_under_faults(seed: u64, inner: Arc<dyn BlobStore>) -> u64 {
    let store = FaultyBlobStore::new(Arc::clone(&inner), Plan::seeded(seed, ODDS));
    let mut choices = Choices(seed);
    let mut expected: BTreeMap<BlobName, Expected> = BTreeMap::new();
    for _ in 0..60 {
        let count = 1 + choices.below(3);
        let first = choices.below(12);
        let blobs: Vec<Blob> = (first..first + count)
            .map(|number| {
                let name = blob_name(&format!("folder/{number}"));
                Blob::new(
                    name,
                    vec![b'a' + u8::try_from(choices.below(2)).unwrap(); 40],
                )
            })
            .collect();
        let outcome = store.put_new(&blobs).await;
        for blob in &blobs {
            let entry = expected.entry(blob.name.clone()).or_default();
            match &outcome {
                Ok(()) => {
                    assert_eq!(
                        entry.acknowledged.get_or_insert(blob.bytes.clone()),
                        &blob.bytes,
                        "seed {seed}"
                    );
                    entry.possible.insert(blob.bytes.clone());
                }
                // The blob that such an error names is not there by this call, now or later.
                Err(PutError::NotDone { name, .. } | PutError::Conflict { name, .. })
                    if *name == blob.name => {}
                Err(_) => {
                    entry.possible.insert(blob.bytes.clone());
                }
            }
        }
        // A read may fail, or flip a bit; then it says nothing.
        let wanted = &blobs[0].name;
        if let Ok(Some(found)) = store.get(wanted).await {
            let entry = &expected[wanted];
            let flipped = found.windows(2).any(|pair| pair[0] != pair[1]);
            assert!(
                flipped || entry.possible.contains(&found),
                "seed {seed}: {wanted} holds what nobody put"
            );
        }
    }
    store.settle().await;
    for (name, expected) in &expected {
        let found = inner.get(name).await.unwrap();
        if let Some(acknowledged) = &expected.acknowledged {
            assert_eq!(
                found.as_ref(),
                Some(acknowledged),
                "seed {seed}: {name} was acknowledged"
            );
        }
        assert!(
            found.is_none_or(|found| expected.possible.contains(&found)),
            "seed {seed}: {name}"
        );
    }
    store.injected()
}

#[tokio::test]
async fn acknowledged_blobs_stay_and_refused_ones_do_not_appear() {
    let mut injected = 0;
    for seed in 0..300 {
        injected += blobs_under_faults(seed, Arc::new(MemoryBlobStore::new())).await;
    }
    for seed in 300..305 {
        let folder = tempfile::tempdir().unwrap();
        injected +=
            blobs_under_faults(seed, Arc::new(PosixBlobStore::open(folder.path()).unwrap())).await;
    }
    assert!(injected > 5_000, "only {injected} faults");
}

/// Values carry the numbers of all changes that led to them, so the last one tells which were done, in which order.
async fn register_under_faults(seed: u64, inner: Arc<dyn HeadStore>) -> u64 {
    let store = FaultyHeadStore::new(Arc::clone(&inner), Plan::seeded(seed, ODDS));
    let mut choices = Choices(seed);
    inner.create(&head(), Bytes::new()).await.unwrap();
    let mut known = [Bytes::new(), Bytes::new(), Bytes::new()];
    let mut outcomes: HashMap<String, Result<(), ReplaceError>> = HashMap::new();
    let mut done_in_order = Vec::new();
    for change in 0..80 {
        let client = usize::try_from(choices.below(3)).unwrap();
        if choices.below(3) == 0
            && let Ok(value) = store.fetch(&head()).await
        {
            known[client] = value.unwrap();
        }
        let old = known[client].clone();
        let new = Bytes::from([&old[..], format!("{change},").as_bytes()].concat());
        let outcome = store.replace(&head(), &old, new.clone()).await;
        if outcome.is_ok() {
            known[client] = new;
            done_in_order.push(change.to_string());
        }
        outcomes.insert(change.to_string(), outcome);
    }
    store.settle().await;
    let last = String::from_utf8(inner.fetch(&head()).await.unwrap().unwrap().to_vec()).unwrap();
    let applied: Vec<&str> = last.split_terminator(',').collect();
    for change in &applied {
        let outcome = &outcomes[*change];
        let permitted = matches!(outcome, Ok(()) | Err(ReplaceError::Unknown { .. }));
        assert!(
            permitted,
            "seed {seed}: change {change} was done and said {outcome:?}"
        );
    }
    let acknowledged: Vec<&str> = applied
        .into_iter()
        .filter(|change| outcomes[*change].is_ok())
        .collect();
    assert_eq!(
        acknowledged, done_in_order,
        "seed {seed}: an acknowledged change was lost"
    );
    store.injected()
}

#[tokio::test]
async fn acknowledged_changes_stay_and_refused_ones_are_never_done() {
    let mut injected = 0;
    for seed in 0..300 {
        injected += register_under_faults(seed, Arc::new(MemoryHeadStore::new())).await;
    }
    for seed in 300..305 {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = SqliteHeadStore::open(folder.path().join("registers.sqlite"))
            .await
            .unwrap();
        injected += register_under_faults(seed, Arc::new(sqlite)).await;
    }
    assert!(injected > 5_000, "only {injected} faults");
}

/// What is done, and what is said, for each fault of a put of two blobs.
#[tokio::test]
async fn each_fault_of_a_put() {
    enum Said {
        Done,
        NotDone(&'static str),
        Unknown,
    }
    let rows = [
        (
            WriteFault::None,
            Said::Done,
            ["a", "b"].as_slice(),
            ["a", "b"].as_slice(),
        ),
        (WriteFault::Refuse, Said::NotDone("a"), &[], &[]),
        (WriteFault::Lose, Said::Unknown, &[], &[]),
        (WriteFault::Hide, Said::Unknown, &["a", "b"], &["a", "b"]),
        (
            WriteFault::Delay { calls: 0 },
            Said::Unknown,
            &["a", "b"],
            &["a", "b"],
        ),
        (
            WriteFault::Delay { calls: 5 },
            Said::Unknown,
            &[],
            &["a", "b"],
        ),
        (WriteFault::Duplicate, Said::Done, &["a", "b"], &["a", "b"]),
        (WriteFault::Part, Said::NotDone("b"), &["a"], &["a"]),
    ];
    for (fault, said, at_once, settled) in rows {
        let store = FaultyBlobStore::new(MemoryBlobStore::new(), Plan::scripted([fault], []));
        let blobs = ["a", "b"].map(|text| Blob::new(blob_name(text), text.as_bytes().to_vec()));
        let outcome = store.put_new(&blobs).await;
        let as_said = match said {
            Said::Done => outcome.is_ok(),
            Said::NotDone(expected) => {
                matches!(&outcome, Err(PutError::NotDone { name, .. }) if name.as_str() == expected)
            }
            Said::Unknown => matches!(&outcome, Err(PutError::Unknown { .. })),
        };
        assert!(as_said, "{fault:?}: {outcome:?}");
        let names = |list: Vec<BlobName>| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(store.list("").await.unwrap()), at_once, "{fault:?}");
        store.settle().await;
        assert_eq!(
            names(store.inner().list("").await.unwrap()),
            settled,
            "{fault:?}"
        );
        assert_eq!(store.injected(), u64::from(fault != WriteFault::None));
    }
}

/// What is done, and what is said, for each fault of a discard of two blobs.
#[tokio::test]
async fn each_fault_of_a_discard() {
    let rows = [
        (WriteFault::None, "done", [].as_slice()),
        (WriteFault::Refuse, "not done", &["a", "b"]),
        (WriteFault::Lose, "unknown", &["a", "b"]),
        (WriteFault::Hide, "unknown", &[]),
        (WriteFault::Delay { calls: 3 }, "unknown", &["a", "b"]),
        (WriteFault::Duplicate, "done", &[]),
        (WriteFault::Part, "not done", &["b"]),
    ];
    for (fault, said, left) in rows {
        let store = FaultyBlobStore::new(
            MemoryBlobStore::new(),
            Plan::scripted([WriteFault::None, fault], []),
        );
        let names = ["a", "b"].map(blob_name);
        store
            .put_new(&names.clone().map(|name| Blob::new(name, &b"x"[..])))
            .await
            .unwrap();
        let outcome = match store.discard(&names).await {
            Ok(()) => "done",
            Err(DiscardError::NotDone { .. }) => "not done",
            Err(DiscardError::Unknown { .. }) => "unknown",
        };
        assert_eq!(outcome, said, "{fault:?}");
        let found: Vec<String> = store
            .list("")
            .await
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, left, "{fault:?}");
    }
}

/// What is done, and what is said, for each fault of a replace from 0 to 1.
#[tokio::test]
async fn each_fault_of_a_replace() {
    let rows = [
        (WriteFault::None, "done", "1", "1"),
        (WriteFault::Refuse, "not done", "0", "0"),
        (WriteFault::Lose, "unknown", "0", "0"),
        (WriteFault::Hide, "unknown", "1", "1"),
        (WriteFault::Delay { calls: 0 }, "unknown", "1", "1"),
        (WriteFault::Delay { calls: 5 }, "unknown", "0", "1"),
        (WriteFault::Duplicate, "done", "1", "1"),
        (WriteFault::Part, "not done", "0", "0"),
    ];
    for (fault, said, at_once, settled) in rows {
        let plan = Plan::scripted([WriteFault::None, fault], []);
        let store = FaultyHeadStore::new(MemoryHeadStore::new(), plan);
        store.create(&head(), "0".into()).await.unwrap();
        let outcome = match store.replace(&head(), &"0".into(), "1".into()).await {
            Ok(()) => "done",
            Err(ReplaceError::Conflict { .. }) => "conflict",
            Err(ReplaceError::NotDone { .. }) => "not done",
            Err(ReplaceError::Unknown { .. }) => "unknown",
        };
        assert_eq!(outcome, said, "{fault:?}");
        assert_eq!(
            store.fetch(&head()).await.unwrap().unwrap(),
            at_once,
            "{fault:?}"
        );
        store.settle().await;
        assert_eq!(
            store.inner().fetch(&head()).await.unwrap().unwrap(),
            settled,
            "{fault:?}"
        );
    }
}

/// A delayed replace is still a compare-and-swap: it lands only on the value it was meant for.
#[tokio::test]
async fn a_delayed_replace_does_not_overwrite() {
    let plan = Plan::scripted([WriteFault::None, WriteFault::Delay { calls: 1 }], []);
    let store = FaultyHeadStore::new(MemoryHeadStore::new(), plan);
    store.create(&head(), "0".into()).await.unwrap();
    let outcome = store.replace(&head(), &"0".into(), "delayed".into()).await;
    assert!(
        matches!(outcome, Err(ReplaceError::Unknown { .. })),
        "{outcome:?}"
    );
    store
        .replace(&head(), &"0".into(), "1".into())
        .await
        .unwrap();
    store.settle().await;
    assert_eq!(store.fetch(&head()).await.unwrap().unwrap(), "1");
}

#[tokio::test]
async fn each_fault_of_a_read() {
    let blobs = FaultyBlobStore::new(
        MemoryBlobStore::new(),
        Plan::scripted(
            [],
            [
                ReadFault::Fail,
                ReadFault::Corrupt,
                ReadFault::None,
                ReadFault::Fail,
            ],
        ),
    );
    let name = blob_name("a");
    blobs
        .put_new(&[Blob::new(name.clone(), &b"true"[..])])
        .await
        .unwrap();
    assert!(matches!(
        blobs.get(&name).await,
        Err(ReadError::Failed { .. })
    ));
    assert_ne!(blobs.get(&name).await.unwrap().unwrap(), "true");
    assert_eq!(blobs.get(&name).await.unwrap().unwrap(), "true");
    assert!(blobs.list("").await.is_err());
    assert_eq!(blobs.list("").await.unwrap(), [name]);

    let registers = FaultyHeadStore::new(
        MemoryHeadStore::new(),
        Plan::scripted([], [ReadFault::Fail, ReadFault::Corrupt]),
    );
    registers.create(&head(), "true".into()).await.unwrap();
    assert!(matches!(
        registers.fetch(&head()).await,
        Err(ReadError::Failed { .. })
    ));
    assert!(matches!(
        registers.fetch(&head()).await,
        Err(ReadError::Damaged { .. })
    ));
    assert_eq!(registers.fetch(&head()).await.unwrap().unwrap(), "true");
}
