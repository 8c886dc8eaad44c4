//! Where requests hand their entries over, and where their answers come back.

use std::sync::{Mutex, PoisonError};

use counterfoil_sequencer::{Entry, SubmitError};
use counterfoil_tiles::hash::LeafIndex;
use tokio::sync::{Notify, oneshot};

/// How a submission ends: the index of its first entry, or why there is none.
pub(crate) type Answer = Result<LeafIndex, SubmitError>;

/// Entries on their way to the sequencer, and who waits for them.
pub(crate) struct Submission {
    pub(crate) entries: Vec<Entry>,
    pub(crate) answer: oneshot::Sender<Answer>,
}

#[derive(Default)]
struct Waiting {
    submissions: Vec<Submission>,
    entries: usize,
    bytes: usize,
    /// Why nothing is taken any more.
    closed: Option<String>,
}

/// A bounded queue; a full one refuses at once.
pub(crate) struct Intake {
    waiting: Mutex<Waiting>,
    arrived: Notify,
    max_entries: usize,
    max_bytes: usize,
}

impl Intake {
    pub(crate) fn new(max_entries: usize, max_bytes: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            arrived: Notify::new(),
            max_entries,
            max_bytes,
        }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a submission; the answer comes through the receiver.
    pub(crate) fn push(
        &self,
        entries: Vec<Entry>,
    ) -> Result<oneshot::Receiver<Answer>, SubmitError> {
        let bytes: usize = entries.iter().map(|entry| entry.bytes().len()).sum();
        let (answer, receiver) = oneshot::channel();
        {
            let mut waiting = self.locked();
            if let Some(reason) = &waiting.closed {
                return Err(SubmitError::Stopped {
                    reason: reason.clone(),
                });
            }
            // An empty queue takes anything, so that no submission is too large for ever.
            let full = waiting.entries + entries.len() > self.max_entries
                || waiting.bytes + bytes > self.max_bytes;
            if full && !waiting.submissions.is_empty() {
                return Err(SubmitError::Overloaded {
                    queued: waiting.entries,
                });
            }
            waiting.entries += entries.len();
            waiting.bytes += bytes;
            waiting.submissions.push(Submission { entries, answer });
        }
        self.arrived.notify_one();
        Ok(receiver)
    }

    /// Everything that is queued.
    pub(crate) fn take(&self) -> Vec<Submission> {
        let mut waiting = self.locked();
        waiting.entries = 0;
        waiting.bytes = 0;
        std::mem::take(&mut waiting.submissions)
    }

    /// Entries and bytes that are queued.
    pub(crate) fn queued(&self) -> (usize, usize) {
        let waiting = self.locked();
        (waiting.entries, waiting.bytes)
    }

    /// Takes nothing more; what is queued is still to be taken.
    pub(crate) fn close(&self, reason: &str) {
        self.locked()
            .closed
            .get_or_insert_with(|| reason.to_owned());
        self.arrived.notify_one();
    }

    /// Waits until something was queued since the last wait.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }
}
