//! The whole log with witnesses, in memory: what is published has the quorum, and what a log does without one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use counterfoil_log_server::engine::{
    Engine, EngineError, LogSigner, Settings, Stores, WitnessGuard, WitnessSettings, initialise,
};
use counterfoil_log_server::log::{Log, State};
use counterfoil_log_server::witnesses::{Method, Request};
use counterfoil_store::memory::{MemoryBlobStore, MemoryHeadStore};
use counterfoil_tiles::checkpoint::{Origin, SignedCheckpoint};
use counterfoil_tiles::hash::TreeSize;
use counterfoil_tiles::key::{Algorithm, SigningKey};
use counterfoil_tiles::note::Note;
use counterfoil_tiles::policy::Policy;
use tokio::time::Instant;

use crate::fake::{
    Answering, Honest, NOW, Network, ORIGIN, Service, Silent, answer, conflict, key, log_key,
    log_keys, members, options, policy, url,
};

pub(crate) const TWO_OF_THREE: &str = "group quorum 2 w1 w2 w3\nquorum quorum\n";

pub(crate) fn broken() -> Arc<dyn Service> {
    Arc::new(Answering(|_: &_| {
        Ok(answer(500, "text/plain", "out of order"))
    }))
}

async fn stores() -> Stores {
    let stores = Stores {
        heads: Arc::new(MemoryHeadStore::new()),
        blobs: Arc::new(MemoryBlobStore::new()),
    };
    initialise(&*stores.heads).await.unwrap();
    stores
}

async fn start_with(key: SigningKey, network: &Arc<Network>) -> Result<Engine, EngineError> {
    start_on(stores().await, key, network, WitnessGuard::On).await
}

pub(crate) async fn start_on(
    stores: Stores,
    key: SigningKey,
    network: &Arc<Network>,
    guard: WitnessGuard,
) -> Result<Engine, EngineError> {
    start_under(policy(3, TWO_OF_THREE), stores, key, network, guard).await
}

pub(crate) async fn start_under(
    policy: Arc<Policy>,
    stores: Stores,
    key: SigningKey,
    network: &Arc<Network>,
    guard: WitnessGuard,
) -> Result<Engine, EngineError> {
    let settings = Settings {
        checkpoint_interval: Duration::from_secs(1),
        checkpoint_history: Duration::from_mins(1),
        max_queue_entries: 1_000,
        max_queue_bytes: 1 << 20,
        cache_bytes: 1 << 20,
        index: None,
        deduplicate: false,
        checkpoint_copy: None,
        witnesses: Some(WitnessSettings {
            policy,
            monitoring: Vec::new(),
            transport: Arc::clone(network) as Arc<_>,
            clock: options().clock,
            deadline: Duration::from_secs(4),
            refresh_interval: Duration::from_mins(10),
            guard,
        }),
    };
    let signer = LogSigner::new(Origin::new(key.name().as_str()).unwrap(), vec![key]).unwrap();
    Engine::start(settings, signer, stores).await
}

async fn start(network: &Arc<Network>) -> Engine {
    start_with(log_key(), network).await.unwrap()
}

pub(crate) async fn published(log: &Engine, size: u64) -> Note {
    let until = Instant::now().into_std() + Duration::from_secs(30);
    let published = log.wait_published(TreeSize::new(size), until).await;
    Note::parse(published.expect("published in 30 s").note.bytes()).unwrap()
}

pub(crate) fn cosigners(note: &Note) -> Vec<String> {
    let lines = note.signatures().iter();
    let mut names: Vec<String> = lines.map(|line| line.name().to_string()).collect();
    names.retain(|name| name != ORIGIN);
    names.sort();
    names
}

pub(crate) async fn add(log: &Engine, entry: &'static str) {
    let entry = Bytes::from_static(entry.as_bytes());
    log.add(vec![entry]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_published_has_the_quorum_and_late_cosignatures_are_added() {
    let slow = Honest::slow(3, Duration::from_millis(300));
    let network = Network::new(vec![
        Arc::new(Honest::new(1)),
        Arc::new(Honest::new(2)),
        Arc::new(slow),
    ]);
    let log = start(&network).await;
    add(&log, "entry").await;
    let note = published(&log, 1).await;
    assert_eq!(
        cosigners(&note),
        ["witness.example/w1", "witness.example/w2"],
        "published as soon as the quorum is there"
    );
    tokio::time::sleep(Duration::from_millis(900)).await;
    let note = published(&log, 1).await;
    assert_eq!(
        cosigners(&note),
        [
            "witness.example/w1",
            "witness.example/w2",
            "witness.example/w3"
        ]
    );
    policy(3, TWO_OF_THREE).verify(note).unwrap();
    log.close().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_quorum_entries_are_taken_and_nothing_is_published_until_it_is_back() {
    let second = Arc::new(Honest::new(2));
    let network = Network::new(vec![
        Arc::new(Honest::new(1)),
        Arc::clone(&second) as Arc<_>,
        broken(),
    ]);
    let log = start(&network).await;
    add(&log, "before").await;
    published(&log, 1).await;
    network.put(&url(2), broken());
    add(&log, "during").await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let status = log.status();
    assert_eq!((status.size, status.published_size), (2, Some(1)));
    assert_eq!(status.state, State::Unpublished, "{}", status.explanation);
    assert_eq!(status.unpublished_entries, 1);
    assert!(status.no_quorum_since.is_some());
    let cosign = status.witnesses.iter().map(|witness| witness.cosigns);
    assert_eq!(cosign.collect::<Vec<_>>(), [true, false, false]);
    let answers = status.witnesses.iter();
    let answers: Vec<&str> = answers.map(|witness| &*witness.answer).collect();
    assert_eq!(answers[0], "cosigned");
    assert!(answers[1].contains("500"), "{answers:?}");
    add(&log, "also during").await;
    network.put(&url(2), second);
    let note = published(&log, 3).await;
    assert_eq!(cosigners(&note).len(), 2);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(log.status().state, State::Running);
    assert_eq!(log.status().no_quorum_since, None);
    log.close().await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_log_asks_for_newer_cosignatures() {
    let network = Network::new(vec![
        Arc::new(Honest::new(1)),
        Arc::new(Honest::new(2)),
        Arc::new(Honest::new(3)),
    ]);
    let log = start(&network).await;
    add(&log, "entry").await;
    published(&log, 1).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = published(&log, 1).await;
    tokio::time::sleep(Duration::from_mins(25)).await;
    let after = published(&log, 1).await;
    assert_eq!(before.text(), after.text());
    assert_ne!(
        before.signatures(),
        after.signatures(),
        "the cosignatures are newer"
    );
    let again = network
        .asked(1)
        .into_iter()
        .filter(|asked| *asked == (1, 1));
    assert_eq!(again.count(), 2, "every ten minutes");
    log.close().await;
}

// SPEC(design 2.4): "A new log publishes size 0 through its quorum before it takes entries."
#[tokio::test(start_paused = true)]
async fn a_new_log_without_a_quorum_takes_no_entries_and_closes_all_the_same() {
    let log = start(&Network::new(vec![])).await;
    assert!(log.published().is_none());
    let add = log.add(vec![Bytes::from_static(b"entry")]);
    let added = tokio::time::timeout(Duration::from_mins(1), add).await;
    assert!(added.is_err(), "not acknowledged: {added:?}");
    tokio::time::timeout(Duration::from_mins(1), log.close())
        .await
        .expect("it closes although nothing can be published");
}

// The clock stands still as long as anything runs: a driver that spins lets no time pass, and this test never ends.
#[tokio::test(start_paused = true)]
async fn a_log_that_is_dropped_waits_for_what_is_under_way_without_spinning() {
    let network = Network::new(vec![Arc::new(Silent), Arc::new(Silent), Arc::new(Silent)]);
    let log = start(&network).await;
    drop(log);
    tokio::time::sleep(Duration::from_mins(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_policy_about_another_log_is_refused() {
    let other = key("log.example/other", Algorithm::Ed25519, 9);
    let refused = start_with(other, &Network::new(vec![])).await;
    assert!(
        matches!(refused, Err(EngineError::PolicyOfAnotherLog(_))),
        "{:?}",
        refused.err()
    );
}

/// Three honest witnesses, and a log of one entry that they have cosigned; it has ended.
pub(crate) async fn ended() -> (Arc<Network>, Stores) {
    let network = Network::new(vec![
        Arc::new(Honest::new(1)),
        Arc::new(Honest::new(2)),
        Arc::new(Honest::new(3)),
    ]);
    let stores = stores().await;
    let log = start_on(stores.clone(), log_key(), &network, WitnessGuard::On);
    let log = log.await.unwrap();
    add(&log, "entry").await;
    published(&log, 1).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    log.close().await;
    (network, stores)
}

/// Claims to have cosigned more than there is, and shows nothing that says so.
pub(crate) fn liar() -> Arc<dyn Service> {
    Arc::new(Answering(|request: &Request| {
        Ok(match request.method {
            Method::Post => conflict(1_000_000),
            Method::Get => answer(404, "text/plain", "never cosigned\n"),
        })
    }))
}

#[tokio::test(start_paused = true)]
async fn a_log_that_stands_where_its_witnesses_saw_it_goes_on() {
    let (network, stores) = ended().await;
    let log = start_on(stores, log_key(), &network, WitnessGuard::On);
    let log = log.await.unwrap();
    add(&log, "another").await;
    published(&log, 2).await;
    log.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_restored_backup_is_refused_and_signs_nothing_unless_the_operator_insists() {
    let (network, _) = ended().await;
    let before = network.asked(1).len();
    let old = stores().await;
    let refused = start_on(old.clone(), log_key(), &network, WitnessGuard::On).await;
    let Err(EngineError::Refused(reason)) = refused else {
        panic!("it started");
    };
    let words = reason.to_string();
    assert!(
        words.contains("has size 1, but the data ends at size 0"),
        "{words}"
    );
    assert!(words.contains("--start-unguarded"), "{words}");
    assert_eq!(network.asked(1).len(), before, "it signed something");
    let log = start_on(old, log_key(), &network, WitnessGuard::Off).await;
    let log = log.expect("the operator insists");
    assert!(log.published().is_none(), "the witnesses do not cosign it");
    log.close().await;
}

// The deadline of a witness is 4 s here, and a round for a checkpoint ends after half of it.
#[tokio::test(start_paused = true)]
async fn witnesses_that_are_slower_than_a_round_count_at_the_start() {
    let (network, stores) = ended().await;
    let log = start_on(stores.clone(), log_key(), &network, WitnessGuard::On);
    let log = log.await.unwrap();
    let state = signed_by(&log);
    log.close().await;
    for number in 1..=3 {
        let slow = Honest::slow(number, Duration::from_secs(3));
        *slow.state.lock().unwrap() = state.clone();
        network.put(&url(number), Arc::new(slow));
    }
    let log = start_on(stores, log_key(), &network, WitnessGuard::On);
    let log = log.await.unwrap();
    let added = tokio::time::timeout(Duration::from_mins(1), add(&log, "another")).await;
    added.expect("the log goes on");
    log.close().await;
}

/// The state of a witness that has cosigned what a log publishes.
pub(crate) fn signed_by(log: &Engine) -> (SignedCheckpoint, u64) {
    let note = Note::parse(log.published().unwrap().note.bytes()).unwrap();
    let own = note
        .signatures()
        .iter()
        .filter(|line| line.name().as_str() == ORIGIN);
    let own = Note::new(note.text(), own.cloned().collect()).unwrap();
    (SignedCheckpoint::verify(own, &log_keys()).unwrap(), NOW)
}

#[tokio::test(start_paused = true)]
async fn a_log_whose_witnesses_are_out_of_reach_waits_for_them_and_serves_meanwhile() {
    let (network, stores) = ended().await;
    network.put(&url(2), broken());
    network.put(&url(3), broken());
    let log = start_on(stores, log_key(), &network, WitnessGuard::On);
    let log = log.await.unwrap();
    assert_eq!(
        log.published().map(|published| published.size),
        Some(TreeSize::new(1))
    );
    let entry = vec![Bytes::from_static(b"another")];
    let added = tokio::time::timeout(Duration::from_mins(1), log.add(entry)).await;
    assert!(added.is_err(), "acknowledged: {added:?}");
    let status = log.status();
    assert_eq!(status.state, State::Starting);
    assert!(
        status.explanation.contains("witnesses"),
        "{}",
        status.explanation
    );
    let wanted = status.last_error.unwrap().what;
    assert!(wanted.contains("w2") && wanted.contains("500"), "{wanted}");
    network.put(&url(2), Arc::new(Honest::new(2)));
    published(&log, 2).await;
    log.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_quorum_of_claims_refuses_at_the_start_and_stops_a_running_log() {
    let (network, stores) = ended().await;
    let log = start_on(stores.clone(), log_key(), &network, WitnessGuard::On);
    let log = log.await.unwrap();
    network.put(&url(2), liar());
    network.put(&url(3), liar());
    add(&log, "another").await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let status = log.status();
    assert_eq!(
        (status.state, status.published_size),
        (State::Stopped, Some(1))
    );
    log.close().await;
    let refused = start_on(stores, log_key(), &network, WitnessGuard::On).await;
    let words = refused.err().expect("it started").to_string();
    assert!(
        words.contains("too many witnesses claim to know more"),
        "{words}"
    );
}

/// Lets the log start and go on, and cosigns nothing.
fn cosigns_nothing() -> Arc<dyn Service> {
    Arc::new(Answering(|request: &Request| {
        Ok(match request.method {
            Method::Post => answer(500, "text/plain", "out of order"),
            Method::Get => answer(404, "text/plain", "never cosigned\n"),
        })
    }))
}

/// Sixteen witnesses and the log's own line are one more than fit, and the one that the quorum needs comes last.
#[tokio::test(start_paused = true)]
async fn a_full_checkpoint_waits_for_the_witness_that_its_quorum_needs_and_takes_it() {
    let others = members(15);
    let policy = policy(
        16,
        &format!("group o any{others}\ngroup q all o w16\nquorum q\n"),
    );
    let honest = |number| Arc::new(Honest::new(number)) as Arc<dyn Service>;
    let network = Network::new((1..=15).map(honest).chain([cosigns_nothing()]).collect());
    let log = start_under(
        policy.clone(),
        stores().await,
        log_key(),
        &network,
        WitnessGuard::On,
    );
    let log = log.await.unwrap();
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(log.published().is_none());
    assert_eq!(network.asked(15).len(), 1, "it has cosigned");
    network.put(&url(16), honest(16));
    let note = published(&log, 0).await;
    assert_eq!(note.signatures().len(), 16);
    policy.verify(note).unwrap();
    log.close().await;
}

/// Two writers on one log: the one that was fenced off hears of the other's tree from the witnesses, and says who it is.
#[tokio::test(start_paused = true)]
async fn a_writer_that_was_fenced_off_names_the_other_one_and_no_backup() {
    let (network, stores) = ended().await;
    let first = start_on(stores.clone(), log_key(), &network, WitnessGuard::On);
    let first = first.await.unwrap();
    let second = start_on(stores, log_key(), &network, WitnessGuard::On);
    let second = second.await.unwrap();
    add(&second, "another").await;
    published(&second, 2).await;
    // The first asks for newer cosignatures of its size.
    tokio::time::sleep(Duration::from_mins(11)).await;
    let status = first.status();
    assert_eq!(status.state, State::Stopped);
    let words = status.last_error.unwrap().what;
    assert!(words.contains("another writer"), "{words}");
    assert!(!words.contains("--start-unguarded"), "{words}");
    assert_eq!(second.status().state, State::Running);
    first.close().await;
    second.close().await;
}

/// Runs a log of one entry under a policy until its size 1 is published, and ends it.
async fn ended_under(policy: &Arc<Policy>, network: &Arc<Network>) -> Stores {
    let stores = stores().await;
    let log = start_under(
        Arc::clone(policy),
        stores.clone(),
        log_key(),
        network,
        WitnessGuard::On,
    );
    let log = log.await.unwrap();
    add(&log, "entry").await;
    published(&log, 1).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    log.close().await;
    stores
}

/// What is published drops no cosignature, so there may be no room for those of another policy.
#[tokio::test(start_paused = true)]
async fn where_a_changed_policy_finds_no_room_it_says_so_until_the_log_grows() {
    let honest = |number| Arc::new(Honest::new(number)) as Arc<dyn Service>;
    let network = Network::new((1..=16).map(honest).collect());
    let earlier = policy(15, &format!("group q all{}\nquorum q\n", members(15)));
    let stores = ended_under(&earlier, &network).await;
    let changed = policy(16, "quorum w16\n");
    let log = start_under(
        changed.clone(),
        stores,
        log_key(),
        &network,
        WitnessGuard::On,
    );
    let log = log.await.unwrap();
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert_eq!(network.asked(16), [(1, 1), (0, 1)], "once, and its 409");
    let status = log.status();
    assert!(status.no_quorum_since.is_some());
    assert!(
        status.explanation.contains("Add an entry"),
        "{}",
        status.explanation
    );
    let told = status.last_error.unwrap().what;
    assert!(told.contains("Add an entry"), "{told}");
    add(&log, "another").await;
    let note = published(&log, 2).await;
    changed.verify(note).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(log.status().no_quorum_since, None);
    log.close().await;
}
