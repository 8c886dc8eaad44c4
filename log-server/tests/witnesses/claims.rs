//! A running log and one witness that claims more than it: what the log makes of what that witness shows, and when.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use counterfoil_log_server::engine::{Engine, WitnessGuard};
use counterfoil_log_server::log::{Log, State};
use counterfoil_log_server::witnesses::{Answer, Method, Request, TransportError};
use tokio::time::Instant;

use crate::engine::{
    TWO_OF_THREE, add, broken, cosigners, ended, liar, published, signed_by, start_on, start_under,
};
use crate::fake::{Honest, Service, conflict, log_key, policy, url};

#[tokio::test(start_paused = true)]
async fn one_lying_witness_neither_keeps_a_log_from_starting_nor_stops_it() {
    let (network, stores) = ended().await;
    network.put(&url(3), liar());
    let log = start_on(stores, log_key(), &network, WitnessGuard::On);
    let log = log.await.unwrap();
    add(&log, "another").await;
    let note = published(&log, 2).await;
    assert_eq!(
        cosigners(&note),
        ["witness.example/w1", "witness.example/w2"]
    );
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(log.status().state, State::Running);
    log.close().await;
}

/// Claims to have cosigned more than there is, and never says what it shows.
struct Evasive;

#[async_trait]
impl Service for Evasive {
    async fn serve(&self, request: &Request) -> Result<Answer, TransportError> {
        match request.method {
            Method::Post => Ok(conflict(1_000_000)),
            Method::Get => std::future::pending().await,
        }
    }
}

// The same add, with a third witness that behaves and with one that does not.
#[tokio::test(start_paused = true)]
async fn a_checkpoint_with_its_quorum_is_published_as_soon_as_without_the_claim() {
    let mut waited = Vec::new();
    for evasive in [false, true] {
        let (network, stores) = ended().await;
        let log = start_on(stores, log_key(), &network, WitnessGuard::On);
        let log = log.await.unwrap();
        if evasive {
            network.put(&url(3), Arc::new(Evasive));
        }
        let asked = Instant::now();
        add(&log, "another").await;
        published(&log, 2).await;
        waited.push(asked.elapsed());
        log.close().await;
    }
    let most = waited[0] + Duration::from_millis(50);
    assert!(waited[1] <= most, "{waited:?}");
}

// The judgement itself takes 4 s here, until the request that hangs is given up.
#[tokio::test(start_paused = true)]
async fn a_checkpoint_without_its_quorum_waits_no_longer_than_a_second_for_a_claim() {
    let (network, stores) = ended().await;
    let log = start_on(stores, log_key(), &network, WitnessGuard::On);
    let log = log.await.unwrap();
    let second = Honest::new(2);
    *second.state.lock().unwrap() = signed_by(&log);
    network.put(&url(2), broken());
    network.put(&url(3), Arc::new(Evasive));
    let before = network.asked(3).len();
    let asked = Instant::now();
    add(&log, "another").await;
    while network.asked(3).len() == before {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    network.put(&url(2), Arc::new(second));
    published(&log, 2).await;
    let waited = asked.elapsed();
    assert!(waited < Duration::from_millis(2_500), "{waited:?}");
    log.close().await;
}

fn stopped_because(log: &Engine, reason: &str) {
    let status = log.status();
    assert_eq!(status.state, State::Stopped, "{}", status.explanation);
    let found = status.last_error.unwrap().what;
    assert!(found.contains(reason), "{found}");
}

#[tokio::test(start_paused = true)]
async fn one_witness_that_shows_a_larger_signed_checkpoint_stops_a_running_log() {
    let (network, stores) = ended().await;
    let log = start_on(stores, log_key(), &network, WitnessGuard::On);
    let log = log.await.unwrap();
    network.put(&url(3), Arc::new(Honest::at(3, 9)));
    add(&log, "another").await;
    published(&log, 2).await;
    add(&log, "third").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    stopped_because(&log, "has size 9, but the data ends at size");
    log.close().await;
}

/// Claims to have cosigned more than there is, and shows, after a while, what another witness has cosigned by then.
struct Belated {
    shows: Arc<Honest>,
    after: Duration,
}

#[async_trait]
impl Service for Belated {
    async fn serve(&self, request: &Request) -> Result<Answer, TransportError> {
        if request.method == Method::Post {
            return Ok(conflict(1_000_000));
        }
        tokio::time::sleep(self.after).await;
        self.shows.serve(request).await
    }
}

// The log goes on while it is found out what the witness shows.
#[tokio::test(start_paused = true)]
async fn what_the_log_signs_while_a_claim_is_judged_is_no_proof_against_it() {
    let (network, stores) = ended().await;
    let log = start_on(stores, log_key(), &network, WitnessGuard::On);
    let log = log.await.unwrap();
    let first = Arc::new(Honest::new(1));
    *first.state.lock().unwrap() = signed_by(&log);
    network.put(&url(1), Arc::clone(&first) as Arc<_>);
    let belated = Belated {
        shows: first,
        after: Duration::from_secs(3),
    };
    network.put(&url(3), Arc::new(belated));
    add(&log, "another").await;
    published(&log, 2).await;
    add(&log, "third").await;
    published(&log, 3).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    add(&log, "fourth").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let status = log.status();
    assert_eq!(status.state, State::Running, "{:?}", status.last_error);
    published(&log, 4).await;
    log.close().await;
}

// The round ends as soon as the others make a quorum, and the answer of this one is none of it.
#[tokio::test(start_paused = true)]
async fn a_larger_signed_checkpoint_stops_the_log_however_late_the_witness_answers() {
    let (network, stores) = ended().await;
    let log = start_on(stores, log_key(), &network, WitnessGuard::On);
    let log = log.await.unwrap();
    let slow = Honest {
        delay: Duration::from_millis(300),
        ..Honest::at(3, 9)
    };
    network.put(&url(3), Arc::new(slow));
    for (entry, size) in [("another", 2), ("third", 3)] {
        add(&log, entry).await;
        published(&log, size).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    add(&log, "fourth").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    stopped_because(&log, "has size 9, but the data ends at size");
    log.close().await;
}

/// No quorum without w3.
const REQUIRED: &str = "group others any w1 w2\ngroup quorum all others w3\nquorum quorum\n";

// What docs/architecture.md says of a policy that cannot do without one witness, and of the two ways out.
#[tokio::test(start_paused = true)]
async fn a_witness_that_the_policy_requires_stops_a_log_by_a_number_alone() {
    let (network, stores) = ended().await;
    let required = policy(3, REQUIRED);
    let start = |policy: &Arc<_>, guard| {
        start_under(
            Arc::clone(policy),
            stores.clone(),
            log_key(),
            &network,
            guard,
        )
    };
    let log = start(&required, WitnessGuard::On).await.unwrap();
    network.put(&url(3), liar());
    add(&log, "another").await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    stopped_because(&log, "w3: says that it has cosigned size 1000000");
    log.close().await;
    let refused = start(&required, WitnessGuard::On).await;
    let refused = refused.err().expect("it started").to_string();
    assert!(refused.contains("too many witnesses claim"), "{refused}");
    // Unguarded, it takes entries, and publishes none: it still lacks the quorum.
    let log = start(&required, WitnessGuard::Off).await.unwrap();
    add(&log, "third").await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    let status = log.status();
    assert_eq!(
        (status.state, status.size, status.published_size),
        (State::Unpublished, 3, Some(1))
    );
    log.close().await;
    // A policy that can do without the witness needs no such word.
    let log = start(&policy(3, TWO_OF_THREE), WitnessGuard::On);
    let log = log.await.unwrap();
    published(&log, 3).await;
    log.close().await;
}
