//! What a sender tells, in the words of the log, and counted.

use counterfoil_ethereum_sender::{Event, Failure, Offer};
use counterfoil_tiles::hash::NodeHash;

use super::status::Lost;
use crate::names::{AuthorityName, Place};

/// The words by which events are counted.
pub(super) const WORDS: [&str; 11] = [
    "sent",
    "sent-again",
    "replaced",
    "included",
    "reorganised",
    "recorded",
    LOST,
    "undone",
    "failed",
    "superseded",
    "warning",
];

/// A round is final, and has no record.
pub(super) const LOST: &str = "lost";

/// An event in a word; none for the end, which is shown otherwise.
pub(super) fn word(event: &Event) -> Option<&'static str> {
    Some(match event {
        Event::Sent { attempt: 1, .. } => "sent",
        Event::Sent { .. } => "replaced",
        Event::SentAgain(_) => "sent-again",
        Event::Included { .. } => "included",
        Event::Reorganised { .. } => "reorganised",
        Event::Recorded(_) => "recorded",
        Event::Undone { .. } => "undone",
        Event::Failed { .. } => "failed",
        Event::Superseded(_) => "superseded",
        Event::Warning(_) => "warning",
        Event::Stopped(_) => return None,
    })
}

/// Writes an event into the log.
pub(super) fn log(chain: &AuthorityName, event: &Event) {
    let logs = |offer: &Offer| offer.members.len();
    match event {
        Event::Superseded(offer) => tracing::info!(
            %chain, root = %offer.root, logs = logs(offer),
            "a round that was held back gives way to a newer one"
        ),
        Event::Sent {
            offer,
            nonce,
            transaction,
            most,
            expected,
            attempt,
        } => {
            let (most, expected) = (most.gwei(), expected.gwei());
            if *attempt == 1 {
                tracing::info!(
                    %chain, root = %offer.root, logs = logs(offer), nonce, %transaction,
                    expected_gwei = expected, most_gwei = most, "a round is sent"
                );
            } else {
                tracing::warn!(
                    %chain, root = %offer.root, logs = logs(offer), nonce, %transaction, attempt,
                    expected_gwei = expected, most_gwei = most,
                    "a transaction was in no block for long, and another one of the same nonce that pays more takes its place"
                );
            }
        }
        Event::SentAgain(transaction) => tracing::info!(
            %chain, %transaction, "the network had lost the transaction, and the same bytes are sent again"
        ),
        Event::Included {
            transaction,
            inclusion,
        } => tracing::info!(
            %chain, %transaction, block = inclusion.block.number, block_hash = %inclusion.block.hash,
            cost_gwei = inclusion.cost.gwei(), "the transaction is in a block, which is to become final"
        ),
        Event::Reorganised {
            transaction,
            inclusion,
        } => tracing::warn!(
            %chain, %transaction, block = inclusion.block.number, block_hash = %inclusion.block.hash,
            "a reorganisation undid the block that had the transaction; it waits for another one"
        ),
        Event::Recorded(anchored) => tracing::info!(
            %chain, root = %anchored.offer.root, logs = logs(&anchored.offer), transaction = %anchored.transaction,
            block = anchored.inclusion.block.number, cost_gwei = anchored.inclusion.cost.gwei(),
            "the round is final and recorded"
        ),
        Event::Failed { offer, failure } => {
            let again = match failure {
                Failure::NonceTaken { .. } => {
                    "it is sent with another nonce, unless a newer one was sent"
                }
                Failure::Paid { .. } => "the next one has its nonce",
                Failure::Reverted { .. } | Failure::Untimely { .. } => {
                    "its logs are anchored again once they change"
                }
            };
            tracing::error!(
                %chain, root = %offer.root, logs = logs(offer), "a round failed: {failure}; {again}"
            );
        }
        Event::Undone {
            offer,
            transaction,
            block,
        } => tracing::error!(
            %chain, root = %offer.root, logs = logs(offer), %transaction, block = block.number, block_hash = %block.hash,
            "a block that was final is not the chain's any more: records of it prove nothing unless the chain comes back to it, and the round that had ended in it is on its way again, under the same nonce"
        ),
        Event::Warning(warning) => tracing::warn!(%chain, "{warning}"),
        Event::Stopped(reason) => tracing::error!(
            %chain, "nothing is sent any more, until this program is restarted: {reason}"
        ),
    }
}

/// A round is final, and all its checkpoints were lost while it was on its way.
pub(super) fn log_lost(chain: &AuthorityName, lost: &Lost) {
    tracing::error!(
        %chain, transaction = %lost.transaction, block = lost.block.number, checkpoints = listed(&lost.checkpoints),
        "the round is final, and nothing of it is recorded: all its checkpoints are damaged or gone; find out what the disk has lost. \
         Its logs are anchored again with what is their newest"
    );
}

/// A round that was paid for is offered again.
pub(super) fn log_known(chain: &AuthorityName, root: NodeHash, damaged: &[Place]) {
    if damaged.is_empty() {
        tracing::warn!(
            %chain, %root,
            "this very round was paid for, and is not paid for again; its logs are anchored again when their bytes change"
        );
    } else {
        tracing::error!(
            %chain, %root, damaged = listed(damaged),
            "this very round was paid for, and is not paid for again, though records of it are damaged: restore them from a backup; \
             otherwise these checkpoints are anchored anew in a round with another log, or their logs when their bytes change"
        );
    }
}

fn listed(places: &[Place]) -> String {
    let places: Vec<String> = places.iter().map(Place::to_string).collect();
    places.join(", ")
}
