//! Cases for blob stores.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::{
    Blob, BlobName, BlobStore, MAX_BLOB_BYTES, MAX_BLOBS_PER_CALL, MAX_NAME_BYTES, PutError,
    TroubleKind,
};

use super::{Case, cases};

type Store = Arc<dyn BlobStore>;

pub(super) const CASES: &[Case<Store>] = cases![
    nothing_is_there_at_first,
    what_was_put_is_there,
    other_bytes_are_a_conflict_and_change_nothing,
    many_in_one_call,
    a_conflict_among_many,
    one_name_twice_in_a_call,
    limits_are_kept_before_anything_is_written,
    large_blobs,
    every_permitted_name,
    discarded_blobs_are_gone,
    listing_by_prefix,
    one_winner_of_many_with_different_bytes,
    all_win_with_the_same_bytes,
    racing_batches,
    puts_and_discards_in_one_folder,
    readers_see_nothing_or_the_whole,
];

/// Racers in a case; and how often the race is run.
const RACERS: usize = 16;
const RACES: usize = 8;

fn name(text: &str) -> BlobName {
    BlobName::new(text).unwrap()
}

fn blob(text: &str, bytes: impl Into<Bytes>) -> Blob {
    Blob::new(name(text), bytes)
}

async fn put(store: &Store, text: &str, bytes: impl Into<Bytes>) {
    store
        .put_new(&[blob(text, bytes)])
        .await
        .unwrap_or_else(|error| panic!("{text}: {error}"));
}

async fn get(store: &Store, text: &str) -> Option<Bytes> {
    store.get(&name(text)).await.unwrap()
}

async fn list(store: &Store, prefix: &str) -> Vec<String> {
    store
        .list(prefix)
        .await
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect()
}

async fn nothing_is_there_at_first(store: Store) {
    assert_eq!(get(&store, "tile/0/000").await, None);
    assert_eq!(list(&store, "").await, Vec::<String>::new());
    store
        .discard(&[name("tile/0/000"), name("a")])
        .await
        .unwrap();
    store.discard(&[]).await.unwrap();
    store.put_new(&[]).await.unwrap();
    assert_eq!(list(&store, "").await, Vec::<String>::new());
}

async fn what_was_put_is_there(store: Store) {
    let all_bytes: Vec<u8> = (0..=255).collect();
    put(&store, "tile/0/000", all_bytes.clone()).await;
    put(&store, "tile/0/000", all_bytes.clone()).await;
    assert_eq!(get(&store, "tile/0/000").await.unwrap(), all_bytes);
    assert_eq!(get(&store, "tile/0/001").await, None);
    // Neither the folder nor what would be below the blob is a blob.
    assert_eq!(
        get(&store, "tile/0").await,
        None.or(get(&store, "tile/0").await)
    );
    assert_eq!(get(&store, "tile/0/000/000").await, None);
    assert_eq!(list(&store, "").await, ["tile/0/000"]);
}

async fn other_bytes_are_a_conflict_and_change_nothing(store: Store) {
    put(&store, "staged/a", &b"first"[..]).await;
    for (mutation, other) in [
        ("last bit", &b"firsu"[..]),
        ("shorter", b"firs"),
        ("longer", b"first "),
        ("all different", b"other"),
    ] {
        match store.put_new(&[blob("staged/a", other)]).await {
            Err(PutError::Conflict { name, .. }) => assert_eq!(name.as_str(), "staged/a"),
            outcome => panic!("{mutation}: expected a conflict, got {outcome:?}"),
        }
        assert_eq!(get(&store, "staged/a").await.unwrap(), "first");
    }
    put(&store, "staged/a", &b"first"[..]).await;
}

/// Blobs such as a round of a busy log writes.
fn round(size: usize) -> Vec<Blob> {
    (0..size)
        .map(|i| {
            let folder = [
                "tile/0/x000",
                "tile/0/x001",
                "tile/1",
                "tile/entries/x000",
                "staged",
            ][i % 5];
            blob(
                &format!("{folder}/{i:03}"),
                vec![u8::try_from(i % 251).unwrap(); 1 + i % 300],
            )
        })
        .collect()
}

async fn many_in_one_call(store: Store) {
    let blobs = round(300);
    store.put_new(&blobs[100..110]).await.unwrap();
    store.put_new(&blobs).await.unwrap();
    store.put_new(&blobs).await.unwrap();
    for blob in &blobs {
        assert_eq!(
            store.get(&blob.name).await.unwrap().as_ref(),
            Some(&blob.bytes),
            "{}",
            blob.name
        );
    }
    let mut names: Vec<String> = blobs.iter().map(|blob| blob.name.to_string()).collect();
    names.sort();
    assert_eq!(list(&store, "").await, names);
    // Each in a folder of its own, more than are flushed one by one.
    let folders: Vec<Blob> = (0..40)
        .map(|i| blob(&format!("tile/0/{i:03}.p/1"), vec![9; 32]))
        .collect();
    store.put_new(&folders).await.unwrap();
    store.put_new(&folders).await.unwrap();
    assert_eq!(
        list(&store, "tile/0/")
            .await
            .iter()
            .filter(|name| name.ends_with(".p/1"))
            .count(),
        40
    );
}

async fn a_conflict_among_many(store: Store) {
    for size in [3, 50] {
        let blobs = round(size);
        let taken = &blobs[size / 2].name;
        store
            .put_new(&[Blob::new(taken.clone(), &b"taken"[..])])
            .await
            .unwrap();
        match store.put_new(&blobs).await {
            Err(PutError::Conflict { name, .. }) => assert_eq!(name, *taken),
            outcome => panic!("expected a conflict, got {outcome:?}"),
        }
        for blob in &blobs {
            let found = store.get(&blob.name).await.unwrap();
            let expected = if blob.name == *taken {
                Bytes::from_static(b"taken")
            } else {
                blob.bytes.clone()
            };
            assert!(
                found.is_none_or(|found| found == expected),
                "{} holds other bytes",
                blob.name
            );
        }
        let rest: Vec<Blob> = blobs
            .iter()
            .filter(|blob| blob.name != *taken)
            .cloned()
            .collect();
        store.put_new(&rest).await.unwrap();
        store
            .discard(&blobs.into_iter().map(|blob| blob.name).collect::<Vec<_>>())
            .await
            .unwrap();
    }
}

async fn one_name_twice_in_a_call(store: Store) {
    store
        .put_new(&[blob("a", &b"same"[..]), blob("a", &b"same"[..])])
        .await
        .unwrap();
    assert_eq!(get(&store, "a").await.unwrap(), "same");
    let outcome = store
        .put_new(&[blob("b", &b"one"[..]), blob("b", &b"two"[..])])
        .await;
    assert!(
        matches!(outcome, Err(PutError::Conflict { ref name, .. }) if name.as_str() == "b"),
        "{outcome:?}"
    );
    let found = get(&store, "b").await;
    assert!(found.is_none_or(|found| found == "one" || found == "two"));
}

async fn limits_are_kept_before_anything_is_written(store: Store) {
    let small = blob("small", &b"small"[..]);
    let too_many = vec![small.clone(); MAX_BLOBS_PER_CALL + 1];
    let calls = [
        ("no bytes", vec![small.clone(), blob("empty", Bytes::new())]),
        (
            "too many bytes",
            vec![small, blob("large", vec![0; MAX_BLOB_BYTES + 1])],
        ),
        ("too many blobs", too_many),
    ];
    for (mutation, call) in calls {
        match store.put_new(&call).await {
            Err(PutError::NotDone { trouble, .. }) => {
                assert_eq!(trouble.kind, TroubleKind::Limit, "{mutation}");
            }
            outcome => panic!("{mutation}: expected a limit, got {outcome:?}"),
        }
        assert_eq!(list(&store, "").await, Vec::<String>::new(), "{mutation}");
    }
    assert!(
        store
            .discard(&vec![name("a"); MAX_BLOBS_PER_CALL + 1])
            .await
            .is_err()
    );
}

async fn large_blobs(store: Store) {
    // The largest entry bundle, and a staged blob of a large batch.
    for (text, size) in [
        ("tile/entries/000", 256 * (2 + 65_535)),
        ("staged/large", 40 << 20),
    ] {
        let bytes: Bytes = (0..size)
            .map(|i: usize| u8::try_from(i % 253).unwrap())
            .collect();
        put(&store, text, bytes.clone()).await;
        assert!(get(&store, text).await.unwrap() == bytes, "{text}");
        put(&store, text, bytes.clone()).await;
        let mut other = bytes.to_vec();
        *other.last_mut().unwrap() ^= 1;
        let outcome = store.put_new(&[blob(text, other)]).await;
        assert!(
            matches!(outcome, Err(PutError::Conflict { .. })),
            "{text}: {outcome:?}"
        );
    }
}

async fn every_permitted_name(store: Store) {
    let longest_segment = "s".repeat(MAX_NAME_BYTES);
    let longest_path = format!("{}n", "d/".repeat((MAX_NAME_BYTES - 1) / 2));
    assert_eq!(longest_path.len(), MAX_NAME_BYTES);
    let names = [
        "a",
        "...",
        ".hidden",
        "-rf",
        "x..y/..z",
        "0/1.p/2",
        "a.tmp",
        "con",
        &longest_segment,
        &longest_path,
    ];
    for (i, text) in names.iter().enumerate() {
        put(&store, text, vec![1; i + 1]).await;
    }
    for (i, text) in names.iter().enumerate() {
        assert_eq!(get(&store, text).await.unwrap().len(), i + 1, "{text}");
    }
    let mut sorted: Vec<String> = names.iter().map(ToString::to_string).collect();
    sorted.sort();
    assert_eq!(list(&store, "").await, sorted);
    store.discard(&names.map(name)).await.unwrap();
    assert_eq!(list(&store, "").await, Vec::<String>::new());
}

async fn discarded_blobs_are_gone(store: Store) {
    for text in ["tile/0/000.p/1", "tile/0/000.p/2", "tile/0/000", "staged/a"] {
        put(&store, text, text.as_bytes().to_vec()).await;
    }
    store
        .discard(&[
            name("tile/0/000.p/1"),
            name("tile/0/001.p/1"),
            name("staged/a"),
        ])
        .await
        .unwrap();
    assert_eq!(get(&store, "tile/0/000.p/1").await, None);
    assert_eq!(list(&store, "").await, ["tile/0/000", "tile/0/000.p/2"]);
    store.discard(&[name("tile/0/000.p/2")]).await.unwrap();
    store.discard(&[name("tile/0/000.p/2")]).await.unwrap();
    assert_eq!(list(&store, "").await, ["tile/0/000"]);
    // The name is free for anything again, and its folder too.
    put(&store, "tile/0/000.p/1", &b"other"[..]).await;
    put(&store, "staged/a", &b"other"[..]).await;
    assert_eq!(get(&store, "tile/0/000.p/1").await.unwrap(), "other");
    assert_eq!(get(&store, "staged/a").await.unwrap(), "other");
}

async fn listing_by_prefix(store: Store) {
    let names = [
        "staged/b",
        "staged/a",
        "tile/0/001",
        "tile/0/000",
        "tile/0/000.p/7",
        "tile/1/000",
        "tile-x",
        "t",
    ];
    for text in names {
        put(&store, text, &b"x"[..]).await;
    }
    let mut all = names.map(ToOwned::to_owned).to_vec();
    all.sort();
    let prefixes = [
        "",
        "t",
        "ti",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/00",
        "tile/0/000",
        "tile/0/000.",
        "tile/0/000.p/",
        "tile-x",
        "staged/",
        "staged/a",
        "staged/a/",
        "staged/ab",
        "u",
        "..",
        "../",
        "/",
        "//",
        "./",
        "tile//",
        "tile/../",
        "~",
        "~tmp/",
        "T",
        "tile/0/000.p/7/8/9",
    ];
    for prefix in prefixes {
        let expected: Vec<&String> = all.iter().filter(|name| name.starts_with(prefix)).collect();
        assert_eq!(
            list(&store, prefix).await.iter().collect::<Vec<_>>(),
            expected,
            "prefix {prefix:?}"
        );
    }
}

/// Starts `racers` at once and gathers what each returns, in their order.
async fn race<T: Send + 'static, F>(racers: usize, run: impl Fn(usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(Barrier::new(racers));
    let mut tasks = JoinSet::new();
    for i in 0..racers {
        let (start, racer) = (Arc::clone(&start), run(i));
        tasks.spawn(async move {
            start.wait().await;
            (i, racer.await)
        });
    }
    let mut results = tasks.join_all().await;
    results.sort_by_key(|(i, _)| *i);
    results.into_iter().map(|(_, result)| result).collect()
}

async fn one_winner_of_many_with_different_bytes(store: Store) {
    for n in 0..RACES {
        let text = format!("race/{n}");
        let outcomes = race(RACERS, |i| {
            let (store, mine) = (
                Arc::clone(&store),
                blob(&text, format!("racer {i:04}").repeat(100)),
            );
            async move { store.put_new(&[mine]).await }
        })
        .await;
        let winners: Vec<usize> = (0..RACERS).filter(|i| outcomes[*i].is_ok()).collect();
        assert_eq!(winners.len(), 1, "{outcomes:?}");
        for outcome in &outcomes {
            assert!(
                matches!(outcome, Ok(()) | Err(PutError::Conflict { .. })),
                "{outcome:?}"
            );
        }
        assert_eq!(
            get(&store, &text).await.unwrap(),
            format!("racer {:04}", winners[0]).repeat(100)
        );
    }
}

async fn all_win_with_the_same_bytes(store: Store) {
    for n in 0..RACES {
        let text = format!("race/{n}");
        let outcomes = race(RACERS, |_| {
            let (store, mine) = (Arc::clone(&store), blob(&text, "the same".repeat(1000)));
            async move { store.put_new(&[mine]).await }
        })
        .await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    }
}

async fn racing_batches(store: Store) {
    let outcomes = race(4, |_| {
        let store = Arc::clone(&store);
        async move { store.put_new(&round(60)).await }
    })
    .await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    for blob in round(60) {
        assert_eq!(store.get(&blob.name).await.unwrap(), Some(blob.bytes));
    }
}

/// A backend that keeps folders must not lose a blob when another call removes its folder as empty.
async fn puts_and_discards_in_one_folder(store: Store) {
    let outcomes = race(4, |i| {
        let store = Arc::clone(&store);
        async move {
            for n in 0..60 {
                let mine = blob(&format!("tile/0/000.p/{i}-{n}"), vec![1; 64]);
                store.put_new(std::slice::from_ref(&mine)).await.unwrap();
                let found = store.get(&mine.name).await.unwrap();
                assert_eq!(found.as_ref(), Some(&mine.bytes), "{}", mine.name);
                store.discard(&[mine.name]).await.unwrap();
            }
        }
    })
    .await;
    assert_eq!(outcomes.len(), 4);
    assert_eq!(list(&store, "").await, Vec::<String>::new());
}

async fn readers_see_nothing_or_the_whole(store: Store) {
    let bytes: Bytes = vec![0xA5; 8 << 20].into();
    let outcomes = race(4, |i| {
        let (store, bytes) = (Arc::clone(&store), bytes.clone());
        async move {
            for n in 0..4 {
                let text = format!("large/{n}");
                if i == 0 {
                    store.put_new(&[blob(&text, bytes.clone())]).await.unwrap();
                    continue;
                }
                // Until it is there; the writer above always gets that far.
                loop {
                    match get(&store, &text).await {
                        None => tokio::task::yield_now().await,
                        Some(found) => {
                            assert!(found == bytes, "{} bytes of {}", found.len(), bytes.len());
                            break;
                        }
                    }
                }
            }
        }
    })
    .await;
    assert_eq!(outcomes.len(), 4);
}
