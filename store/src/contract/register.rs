//! Cases for register stores.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::{
    HeadStore, MAX_NAME_BYTES, MAX_REGISTER_BYTES, RegisterName, ReplaceError, TroubleKind,
};

use super::{Case, cases};

type Store = Arc<dyn HeadStore>;

pub(super) const CASES: &[Case<Store>] = cases![
    nothing_is_there_at_first,
    create_once,
    replace_only_what_is_there,
    registers_are_independent,
    any_bytes,
    limits_are_kept,
    one_creator,
    one_winner_of_many,
    each_of_many_has_its_own_outcome,
    a_counter_that_many_raise,
    many_checkpoints_long,
];

const RACERS: usize = 16;
const RACES: usize = 8;

fn name(text: &str) -> RegisterName {
    RegisterName::new(text).unwrap()
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

async fn fetch(store: &Store, text: &str) -> Option<Bytes> {
    store.fetch(&name(text)).await.unwrap()
}

async fn replace(store: &Store, old: &str, new: &str) -> Result<(), ReplaceError> {
    store.replace(&name("head"), &bytes(old), bytes(new)).await
}

#[track_caller]
fn assert_conflict(outcome: &Result<(), ReplaceError>, register: &str) {
    match outcome {
        Err(ReplaceError::Conflict { name }) => assert_eq!(name.as_str(), register),
        outcome => panic!("expected a conflict, got {outcome:?}"),
    }
}

async fn nothing_is_there_at_first(store: Store) {
    assert_eq!(fetch(&store, "head").await, None);
    assert_conflict(&replace(&store, "", "new").await, "head");
    assert_eq!(fetch(&store, "head").await, None);
}

async fn create_once(store: Store) {
    store.create(&name("head"), bytes("first")).await.unwrap();
    assert_conflict(&store.create(&name("head"), bytes("second")).await, "head");
    assert_conflict(&store.create(&name("head"), bytes("first")).await, "head");
    assert_eq!(fetch(&store, "head").await.unwrap(), "first");
}

async fn replace_only_what_is_there(store: Store) {
    store.create(&name("head"), bytes("one")).await.unwrap();
    replace(&store, "one", "two").await.unwrap();
    assert_eq!(fetch(&store, "head").await.unwrap(), "two");
    for old in ["one", "", "tw", "two ", "twp", "TWO"] {
        assert_conflict(&replace(&store, old, "three").await, "head");
        assert_eq!(
            fetch(&store, "head").await.unwrap(),
            "two",
            "after a replace of {old:?}"
        );
    }
    replace(&store, "two", "two").await.unwrap();
    replace(&store, "two", "three").await.unwrap();
    assert_eq!(fetch(&store, "head").await.unwrap(), "three");
}

async fn registers_are_independent(store: Store) {
    let longest = "r".repeat(MAX_NAME_BYTES);
    let names = [
        "head",
        "published",
        "witness/0a1b",
        "witness/0a1c",
        "...",
        &longest,
    ];
    for text in names {
        store.create(&name(text), bytes(text)).await.unwrap();
    }
    store
        .replace(
            &name("witness/0a1b"),
            &bytes("witness/0a1b"),
            bytes("changed"),
        )
        .await
        .unwrap();
    for text in names {
        let expected = if text == "witness/0a1b" {
            "changed"
        } else {
            text
        };
        assert_eq!(fetch(&store, text).await.unwrap(), expected);
    }
    // The right value of another register.
    assert_conflict(
        &store
            .replace(&name("head"), &bytes("published"), bytes("x"))
            .await,
        "head",
    );
}

async fn any_bytes(store: Store) {
    let all: Bytes = (0..=255).collect();
    store.create(&name("head"), Bytes::new()).await.unwrap();
    assert_eq!(fetch(&store, "head").await, Some(Bytes::new()));
    store
        .replace(&name("head"), &Bytes::new(), all.clone())
        .await
        .unwrap();
    assert_eq!(fetch(&store, "head").await, Some(all.clone()));
    store
        .replace(&name("head"), &all, Bytes::new())
        .await
        .unwrap();
    assert_eq!(fetch(&store, "head").await, Some(Bytes::new()));
}

async fn limits_are_kept(store: Store) {
    let largest: Bytes = vec![7; MAX_REGISTER_BYTES].into();
    let too_large: Bytes = vec![7; MAX_REGISTER_BYTES + 1].into();
    let over = |outcome: Result<(), ReplaceError>| match outcome {
        Err(ReplaceError::NotDone { trouble, .. }) => assert_eq!(trouble.kind, TroubleKind::Limit),
        outcome => panic!("expected a limit, got {outcome:?}"),
    };
    over(store.create(&name("head"), too_large.clone()).await);
    assert_eq!(fetch(&store, "head").await, None);
    store.create(&name("head"), largest.clone()).await.unwrap();
    over(store.replace(&name("head"), &largest, too_large).await);
    assert_eq!(fetch(&store, "head").await, Some(largest.clone()));
    store
        .replace(&name("head"), &largest, bytes("small"))
        .await
        .unwrap();
    assert_eq!(fetch(&store, "head").await.unwrap(), "small");
}

async fn race<F>(run: impl Fn(usize) -> F) -> Vec<Result<(), ReplaceError>>
where
    F: Future<Output = Result<(), ReplaceError>> + Send + 'static,
{
    let start = Arc::new(Barrier::new(RACERS));
    let mut tasks = JoinSet::new();
    for i in 0..RACERS {
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

/// The one racer whose change was done. On a store without faults all others must hear of a conflict.
#[track_caller]
fn only_winner(outcomes: &[Result<(), ReplaceError>]) -> usize {
    let winners: Vec<usize> = (0..outcomes.len())
        .filter(|i| outcomes[*i].is_ok())
        .collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    outcomes
        .iter()
        .filter(|outcome| outcome.is_err())
        .for_each(|outcome| {
            assert!(
                matches!(outcome, Err(ReplaceError::Conflict { .. })),
                "{outcome:?}"
            );
        });
    winners[0]
}

async fn one_creator(store: Store) {
    for n in 0..RACES {
        let register = format!("register-{n}");
        let outcomes = race(|i| {
            let (store, register) = (Arc::clone(&store), name(&register));
            async move { store.create(&register, bytes(&format!("racer {i}"))).await }
        })
        .await;
        let expected = format!("racer {}", only_winner(&outcomes));
        assert_eq!(fetch(&store, &register).await.unwrap(), expected);
    }
}

async fn one_winner_of_many(store: Store) {
    store.create(&name("head"), bytes("round 0")).await.unwrap();
    let mut head = bytes("round 0");
    for n in 1..=RACES {
        let outcomes = race(|i| {
            let (store, old) = (Arc::clone(&store), head.clone());
            async move {
                store
                    .replace(&name("head"), &old, bytes(&format!("round {n}, racer {i}")))
                    .await
            }
        })
        .await;
        head = bytes(&format!("round {n}, racer {}", only_winner(&outcomes)));
        assert_eq!(fetch(&store, "head").await.unwrap(), head);
    }
}

/// Changes of many registers at the same time: right and wrong ones, new registers, and two of one register. A backend
/// may make them durable together, but each is done or refused for itself.
async fn each_of_many_has_its_own_outcome(store: Store) {
    const REGISTERS: usize = 300;
    let register = |i: usize| name(&format!("register-{i}"));
    for i in (0..REGISTERS).filter(|i| i % 3 != 2) {
        store.create(&register(i), bytes("old")).await.unwrap();
    }
    let mut tasks = JoinSet::new();
    for i in 0..REGISTERS * 2 {
        let (store, register) = (Arc::clone(&store), register(i / 2));
        tasks.spawn(async move {
            let value = bytes(&format!("value {}", i % 2));
            let outcome = match (i / 2) % 3 {
                0 => store.replace(&register, &bytes("old"), value).await,
                1 => store.replace(&register, &bytes("another"), value).await,
                _ => store.create(&register, value).await,
            };
            (i, outcome)
        });
    }
    let mut outcomes = tasks.join_all().await;
    outcomes.sort_by_key(|(i, _)| *i);
    for pair in outcomes.chunks(2) {
        let i = pair[0].0 / 2;
        let outcomes: Vec<_> = pair.iter().map(|(_, outcome)| outcome.clone()).collect();
        let found = fetch(&store, &format!("register-{i}")).await.unwrap();
        if i % 3 == 1 {
            for outcome in &outcomes {
                assert_conflict(outcome, &format!("register-{i}"));
            }
            assert_eq!(found, "old");
        } else {
            assert_eq!(found, format!("value {}", only_winner(&outcomes)));
        }
    }
}

/// No raise is lost and none is counted twice.
async fn a_counter_that_many_raise(store: Store) {
    const TASKS: u64 = 4;
    const RAISES: u64 = 25;
    let encode = |count: u64| Bytes::copy_from_slice(&count.to_be_bytes());
    let decode = |value: Bytes| u64::from_be_bytes(value[..].try_into().unwrap());
    store.create(&name("head"), encode(0)).await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut done = 0;
            while done < RAISES {
                let old = fetch(&store, "head").await.unwrap();
                let new = encode(decode(old.clone()) + 1);
                match store.replace(&name("head"), &old, new).await {
                    Ok(()) => done += 1,
                    Err(ReplaceError::Conflict { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(decode(fetch(&store, "head").await.unwrap()), TASKS * RAISES);
}

/// Long enough for whatever a backend does now and then (moving a write-ahead log, compaction).
async fn many_checkpoints_long(store: Store) {
    let value = |n: u32| -> Bytes { n.to_be_bytes().repeat(60_000).into() };
    store.create(&name("head"), value(0)).await.unwrap();
    for n in 1..200 {
        store
            .replace(&name("head"), &value(n - 1), value(n))
            .await
            .unwrap();
    }
    assert_eq!(fetch(&store, "head").await, Some(value(199)));
}
