//! What the witnesses of a log are asked at its start, and what of their answers counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use counterfoil_log_server::engine::WitnessGuard;
use counterfoil_log_server::witnesses::guard::{judge, testimonies};
use counterfoil_log_server::witnesses::{Answer, Method, Outcome, Request, TransportError};
use tokio::time::Instant;

use crate::engine::{TWO_OF_THREE, add, broken, ended, published, signed_by, start_on};
use crate::fake::{
    Honest, Network, Service, Silent, answer, client, log_key, policy, proofs, root, signed, url,
};
use crate::guard::{HEAD, Want, check, size, tree};

/// Cosigns one checkpoint that it is shown, the one with this number (from 0), and is out of order before and after.
struct Once {
    honest: Honest,
    at: usize,
    shown: AtomicUsize,
}

#[async_trait]
impl Service for Once {
    async fn serve(&self, request: &Request) -> Result<Answer, TransportError> {
        let is_at = match request.method {
            Method::Get => true,
            Method::Post => self.shown.fetch_add(1, Ordering::SeqCst) == self.at,
        };
        if is_at {
            return self.honest.serve(request).await;
        }
        Ok(answer(500, "text/plain", "out of order"))
    }
}

// Neither time do both answer.
#[tokio::test(start_paused = true)]
async fn what_witnesses_have_cosigned_since_the_start_counts_when_the_log_asks_again() {
    let (network, stores) = ended().await;
    let log = start_on(stores.clone(), log_key(), &network, WitnessGuard::On);
    let log = log.await.unwrap();
    let state = signed_by(&log);
    log.close().await;
    for (number, at) in [(1, 0), (2, 1)] {
        let once = Once {
            honest: Honest::new(number),
            at,
            shown: AtomicUsize::default(),
        };
        *once.honest.state.lock().unwrap() = state.clone();
        network.put(&url(number), Arc::new(once));
    }
    network.put(&url(3), broken());
    let log = start_on(stores, log_key(), &network, WitnessGuard::On);
    let log = log.await.unwrap();
    let added = tokio::time::timeout(Duration::from_mins(1), add(&log, "another")).await;
    added.expect("the log goes on");
    for number in 1..=2 {
        let honest = Honest::new(number);
        *honest.state.lock().unwrap() = state.clone();
        network.put(&url(number), Arc::new(honest));
    }
    published(&log, 2).await;
    log.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_restored_backup_is_found_by_asking() {
    let network = Network::new(vec![
        Arc::new(Honest::at(1, 5)),
        Arc::new(Honest::at(2, 9)),
        Arc::new(Silent),
    ]);
    let policy = policy(3, TWO_OF_THREE);
    let (witnesses, _late) = client(&policy, &network);
    let published = signed(5);
    let round = witnesses.probe(&published, proofs(), Instant::now()).await;
    let seen = witnesses.latest().await;
    let says = testimonies(Some(&round), seen);
    let outcomes: Vec<_> = says
        .iter()
        .map(|says| says.shown.clone().unwrap())
        .collect();
    let ahead = Outcome::Ahead { size: size(9) };
    assert_eq!(outcomes[..2], [Outcome::Cosigned, ahead]);
    assert!(matches!(
        outcomes[2],
        Outcome::Pending | Outcome::NoAnswer(_)
    ));
    let decision = judge(
        &policy,
        size(HEAD),
        tree,
        Some(published.checkpoint()),
        &says,
    );
    check(
        "restored",
        &decision,
        &Want::Refuse("the checkpoint at witness w2 is signed by this log"),
    );
    let decision = judge(
        &policy,
        size(9),
        |at| Ok(root(at.get())),
        Some(published.checkpoint()),
        &says,
    );
    check("the newest data", &decision, &Want::Go);
    assert!(
        testimonies(None, witnesses.latest().await)
            .iter()
            .all(|says| says.shown.is_none())
    );
}
