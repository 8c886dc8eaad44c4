//! Would this log start? The recovery of the write protocol, run against the stores without changing anything.
//!
//! Every write that recovery asks for is answered as done and not carried out: the claim of the head, the repair of a damaged
//! partial tile, discards. What recovery says on the way, and whether it ends, is the finding.

use std::sync::Arc;
use std::time::Duration;

use counterfoil_sequencer::{Event, Outcome, Request, Sequencer, StopReason, Timestamp, WriterId};

use super::guard::{self, GuardError};
use super::history::History;
use super::start::EngineError;
use super::stores::{LogSigner, Stores};

/// What recovery finds.
#[derive(Debug, Default)]
pub struct Examination {
    /// The committed size, if the log would start.
    pub size: Option<u64>,
    /// Entries that are only in staged blobs so far.
    pub replayed: u64,
    /// The published size.
    pub published: Option<u64>,
    /// What a start would mend.
    pub warnings: Vec<String>,
    /// Why it would refuse to start.
    pub refusal: Option<StopReason>,
    /// Reads that failed; recovery would go on trying.
    pub failures: Vec<String>,
}

/// Reads that fail this often end the examination: a running log would wait and try again.
const MAX_FAILURES: usize = 3;

/// Runs recovery without writing.
pub async fn examine(signer: &LogSigner, stores: &Stores) -> Result<Examination, EngineError> {
    let keys = signer.log_keys()?;
    let history = History::open(Arc::clone(&stores.blobs), Duration::ZERO).await?;
    match guard::check(stores, &keys, &history).await {
        Err(GuardError::Behind(reason)) => {
            return Ok(Examination {
                refusal: Some(reason),
                ..Examination::default()
            });
        }
        other => other?,
    }
    let mut sequencer = Sequencer::new(
        counterfoil_sequencer::Config::default(),
        keys,
        WriterId(rand::random()),
        Timestamp::default(),
    );
    let mut found = Examination::default();
    let mut time = 0;
    while found.refusal.is_none() && found.failures.len() < MAX_FAILURES {
        // Time passes with each step, so that a read that failed is tried again at once.
        time += 60_000;
        sequencer.tick(Timestamp::from_millis(time));
        let operation = sequencer.poll();
        while let Some(event) = sequencer.poll_event() {
            match event {
                Event::Recovered { size, replayed } => {
                    found.size = Some(size.get());
                    found.replayed = replayed;
                }
                Event::Published(publication) => found.published = Some(publication.size.get()),
                Event::Warning(what) => found.warnings.push(what),
                Event::Stopped(reason) => found.refusal = Some(reason),
                Event::Answer { .. } | Event::WaitsForWitnesses(_) => {}
            }
        }
        if found.size.is_some() {
            break;
        }
        let Some(operation) = operation else { continue };
        let outcome = match operation.request {
            Request::Replace { .. } | Request::Put(_) | Request::Discard(_) => Outcome::Done,
            Request::Sign { .. } | Request::Cosign { .. } | Request::AskWitnesses { .. } => {
                Outcome::NotDone("an examination signs nothing and asks nobody".into())
            }
            read @ (Request::Fetch(_) | Request::Read(_) | Request::List(_)) => {
                stores.carry_out(signer, read).await
            }
        };
        if let Outcome::NotDone(reason) = &outcome {
            found.failures.push(reason.clone());
        }
        sequencer.complete(operation.id, outcome);
    }
    Ok(found)
}
