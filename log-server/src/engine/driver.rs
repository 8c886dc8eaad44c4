//! Drives the sequencer: carries out its operations at the same time, tells it the time, and passes its answers on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use counterfoil_sequencer::{
    Event, OperationId, Outcome, Publication, Request, Sequencer, StopReason, SubmissionId,
    Timestamp,
};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::intake::Answer;
use super::quorum::Quorum;
use super::shared::Shared;
use super::stores::{LogSigner, Stores};
use crate::log::{Published, Resource};
use crate::witnesses::Late;

/// How the start ended: the log runs and has published something, or waits for its witnesses; or it refuses to.
pub(crate) type Up = Result<(), StopReason>;

type Running = std::pin::Pin<Box<dyn Future<Output = (OperationId, Outcome)> + Send>>;

pub(crate) struct Driver {
    pub(crate) sequencer: Sequencer,
    pub(crate) stores: Stores,
    pub(crate) signer: Arc<LogSigner>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) up: Option<oneshot::Sender<Up>>,
    pub(crate) closing: watch::Receiver<bool>,
    /// It was told to close, or its owner is gone: there is nothing more to hear from there.
    pub(crate) is_closing: bool,
    pub(crate) answers: HashMap<SubmissionId, oneshot::Sender<Answer>>,
    pub(crate) quorum: Option<Arc<Quorum>>,
    /// Cosignatures that came after their checkpoint had its quorum.
    pub(crate) late: mpsc::Receiver<Late>,
}

impl Driver {
    /// Runs until the sequencer stops.
    pub(crate) async fn run(mut self) {
        let mut running: FuturesUnordered<Running> = FuturesUnordered::new();
        let clock = Clock {
            began: Instant::now(),
        };
        loop {
            self.sequencer.tick(clock.now());
            if self.sequencer.wants_entries() {
                self.take_submissions();
            }
            while let Some(operation) = self.sequencer.poll() {
                running.push(self.start(operation.id, operation.request));
            }
            if let Some(stopped) = self.hear().await {
                drop(running);
                if let Some(quorum) = &self.quorum {
                    quorum.close().await;
                }
                self.stopped(&stopped);
                return;
            }
            self.shared.update(self.sequencer.status());
            // A log is up once something is published: a new one begins with its empty tree.
            if self.up.is_some()
                && self.sequencer.status().phase == "running"
                && self.shared.published().is_some()
            {
                self.is_up();
            }
            let wakeup = self.sequencer.next_wakeup().map(|time| clock.at(time));
            tokio::select! {
                biased;
                Some((id, outcome)) = running.next(), if !running.is_empty() => self.sequencer.complete(id, outcome),
                Some(late) = self.late.recv() => self.came_late(&late),
                () = self.shared.intake.arrived(), if self.sequencer.wants_entries() => {}
                () = sleep_until(wakeup), if wakeup.is_some() => {}
                changed = self.closing.changed(), if !self.is_closing => self.close(changed.is_err()),
            }
        }
    }

    fn start(&self, id: OperationId, request: Request) -> Running {
        let (stores, signer, shared) = (
            self.stores.clone(),
            Arc::clone(&self.signer),
            Arc::clone(&self.shared),
        );
        let quorum = self.quorum.clone();
        Box::pin(async move {
            let kind = super::metrics::kind(&request);
            let started = Instant::now();
            let outcome = match (request, quorum) {
                (Request::Cosign { note, whom }, Some(quorum)) => quorum.cosign(&note, whom).await,
                (
                    Request::AskWitnesses {
                        published,
                        size,
                        root,
                    },
                    Some(quorum),
                ) => quorum.ask_first(published.as_ref(), size, root).await,
                (request, _) => stores.carry_out(&signer, request).await,
            };
            shared.metrics.operation(kind, &outcome, started.elapsed());
            (id, outcome)
        })
    }

    fn take_submissions(&mut self) {
        for submission in self.shared.intake.take() {
            match self.sequencer.submit(submission.entries) {
                Ok(id) => {
                    self.answers.insert(id, submission.answer);
                }
                // The requester may have gone away; then nobody waits for the answer.
                Err(error) => drop(submission.answer.send(Err(error))),
            }
        }
    }

    /// Passes events on; gives the reason if the sequencer has stopped.
    async fn hear(&mut self) -> Option<StopReason> {
        while let Some(event) = self.sequencer.poll_event() {
            match event {
                Event::Answer { id, result } => {
                    if let Some(answer) = self.answers.remove(&id) {
                        drop(answer.send(result));
                    }
                }
                Event::Published(publication) => self.published(publication).await,
                Event::Recovered { size, replayed } => {
                    tracing::info!(origin = %self.signer.origin(), %size, replayed, "the log is recovered");
                }
                Event::Warning(what) => {
                    tracing::warn!(origin = %self.signer.origin(), "{what}");
                    self.shared.trouble(what);
                }
                Event::WaitsForWitnesses(what) => {
                    tracing::warn!(origin = %self.signer.origin(), "{what}");
                    self.shared.trouble(what);
                    // What is published is served meanwhile, and the status says what it waits for.
                    self.is_up();
                }
                Event::Stopped(reason) => return Some(reason),
            }
        }
        None
    }

    async fn published(&mut self, publication: Publication) {
        let Publication {
            note,
            size,
            root,
            edge,
        } = publication;
        let time = SystemTime::now();
        // More cosignatures on the same tree change nothing about its tiles.
        let is_new = self
            .shared
            .published()
            .is_none_or(|before| before.size != size);
        if is_new && let Err(error) = self.shared.reader.trust(size, root, edge.as_ref()).await {
            // Reads stay at the size before; the next checkpoint brings its own edge.
            self.shared.trouble(format!(
                "the published tree of size {size} cannot be served: {error}"
            ));
            return;
        }
        self.shared.publish(Published {
            note: Resource::new(note),
            size,
            root,
            time,
        });
    }

    fn is_up(&mut self) {
        if let Some(up) = self.up.take() {
            drop(up.send(Ok(())));
        }
    }

    fn came_late(&mut self, late: &Late) {
        let published = self.shared.published();
        let published = published.as_ref().map(|published| published.note.bytes());
        let note = self
            .quorum
            .as_ref()
            .and_then(|quorum| quorum.with_late(late, published));
        if let Some(note) = note {
            self.sequencer.cosigned_late(note);
        }
    }

    fn stopped(&mut self, reason: &StopReason) {
        let words = reason.to_string();
        if *reason == StopReason::Closed {
            tracing::info!(origin = %self.signer.origin(), "the log is closed: everything it took is answered and published");
        } else {
            tracing::error!(origin = %self.signer.origin(), "the log has stopped: {words}");
            self.shared.trouble(words.clone());
        }
        self.shared.update(self.sequencer.status());
        self.shared.intake.close(&words);
        for submission in self.shared.intake.take() {
            drop(
                submission
                    .answer
                    .send(Err(counterfoil_sequencer::SubmitError::Stopped {
                        reason: words.clone(),
                    })),
            );
        }
        self.shared.end_publication();
        if let Some(up) = self.up.take() {
            drop(up.send(Err(reason.clone())));
        }
    }

    fn close(&mut self, owner_is_gone: bool) {
        if owner_is_gone || *self.closing.borrow() {
            self.is_closing = true;
            self.shared.intake.close("it is shutting down");
            self.take_submissions();
            self.sequencer.close();
        }
    }
}

/// The sequencer's clock: milliseconds since the driver began, which no change of the system's clock disturbs.
struct Clock {
    began: Instant,
}

impl Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// When to wake up for a time of the sequencer's; its unit, a millisecond, from now at the earliest.
    fn at(&self, time: Timestamp) -> Instant {
        let earliest = Instant::now() + Duration::from_millis(1);
        earliest.max(self.began + Duration::from_millis(time.as_millis()))
    }
}

async fn sleep_until(at: Option<Instant>) {
    if let Some(at) = at {
        tokio::time::sleep_until(at).await;
    }
}
