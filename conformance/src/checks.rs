//! What is tried, by what it is about. Each module adds its rows in the order in which it sends.

mod answer;
mod checkpoint;
mod fresh;
mod lines;
mod load;
mod monitoring;
mod proofs;
mod restart;
mod signatures;
mod sizes;
mod subtree;
mod subtree_request;

use crate::client::Answer;
use crate::log::{Draft, TestLog};
use crate::requirement::Requirement;
use crate::suite::{Case, Offers, Suite, Want};

/// Everything. First what needs a log that the witness has never seen.
pub(crate) async fn run(suite: &mut Suite) {
    monitoring::never(suite).await;
    fresh::run(suite).await;
    lines::run(suite).await;
    checkpoint::run(suite).await;
    signatures::run(suite).await;
    sizes::run(suite).await;
    proofs::run(suite).await;
    answer::run(suite).await;
    monitoring::run(suite).await;
    subtree::run(suite).await;
    load::run(suite).await;
    restart::run(suite).await;
}

/// What a row says of itself.
#[derive(Clone, Copy)]
struct About<'a> {
    id: &'static str,
    requirement: &'a Requirement,
    request: &'a str,
}

/// Sends a good request with its parts changed. Nothing is sent if the change cannot be made.
async fn changed(
    suite: &mut Suite,
    about: About<'_>,
    want: Want,
    change: impl FnOnce(&mut Draft, &mut TestLog),
) -> Option<Answer> {
    sent(suite, about, want, |draft, log| {
        change(draft, log);
        draft.body()
    })
    .await
}

/// Sends a body made from a good request.
async fn sent(
    suite: &mut Suite,
    about: About<'_>,
    want: Want,
    body: impl FnOnce(&mut Draft, &mut TestLog) -> Vec<u8>,
) -> Option<Answer> {
    suite
        .add(|log| {
            let size = log.next_size();
            let mut draft = log.draft(size);
            Some(Case {
                id: about.id,
                requirement: about.requirement,
                request: about.request.to_owned(),
                body: body(&mut draft, log),
                want,
                offers: Offers::Own(size),
            })
        })
        .await
}

/// Sends a body for a tree that is not the log's.
async fn forked(
    suite: &mut Suite,
    about: About<'_>,
    want: Want,
    body: impl FnOnce(&mut TestLog) -> Vec<u8>,
) -> Option<Answer> {
    suite
        .add(|log| {
            Some(Case {
                id: about.id,
                requirement: about.requirement,
                request: about.request.to_owned(),
                body: body(log),
                want,
                offers: Offers::Other,
            })
        })
        .await
}
