//! A running log and one witness that claims more than it: what the log makes of what that witness shows, and when.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use counterfoil_log_server::engine::WitnessGuard;
use counterfoil_log_server::log::{Log, State};
use counterfoil_log_server::witnesses::{Answer, Method, Request, TransportError};

use crate::engine::{TWO_OF_THREE, add, ended, liar, published, signed_by, start_on, start_under};
use crate::fake::{Honest, Service, conflict, log_key, policy, url};

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
    let status = log.status();
    assert_eq!(status.state, State::Stopped, "{}", status.explanation);
    let reason = status.last_error.unwrap().what;
    assert!(
        reason.contains("has size 9, but the data ends at size"),
        "{reason}"
    );
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
    let status = log.status();
    assert_eq!(status.state, State::Stopped, "{}", status.explanation);
    let reason = status.last_error.unwrap().what;
    assert!(
        reason.contains("w3: says that it has cosigned size 1000000"),
        "{reason}"
    );
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
