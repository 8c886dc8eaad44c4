//! The requests of one log, in their order, and what is remembered between them.

use std::sync::Arc;

use bytes::Bytes;
use quick_cache::sync::Cache;
use tokio::sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit};

use crate::OriginHash;
use crate::answer::Unavailable;
use crate::record::Recorded;

/// Most requests of one log that wait or are judged. A log sends its checkpoints one after the other; more than a few at
/// once are no use to it.
const MAX_QUEUE: usize = 32;

/// What a log's register held when it was last read or written.
#[derive(Debug)]
pub(super) struct Held {
    /// The register's value; none if there is no such register.
    pub(super) value: Option<Bytes>,
    /// The same, parsed.
    pub(super) recorded: Option<Recorded>,
}

/// What is remembered about a log.
#[derive(Debug, Default)]
pub(super) struct State {
    /// What its register held; none if that has to be read.
    pub(super) held: Option<Held>,
    /// True if its copies were compared with the register since the start.
    pub(super) guarded: bool,
}

/// The place of one log: its queue and what is remembered.
#[derive(Debug)]
pub(super) struct Slot {
    queue: Semaphore,
    state: Mutex<State>,
}

/// A log's turn. No other request of the same log is judged while it lasts.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    state: MutexGuard<'a, State>,
    _place: SemaphorePermit<'a>,
}

impl Slot {
    fn new() -> Self {
        Self {
            queue: Semaphore::new(MAX_QUEUE),
            state: Mutex::new(State::default()),
        }
    }

    /// Waits for the turn; says so at once if too many wait.
    pub(super) async fn enter(&self) -> Result<Turn<'_>, Unavailable> {
        let place = self.queue.try_acquire();
        let place = place.map_err(|_| Unavailable::QueueFull)?;
        Ok(Turn {
            state: self.state.lock().await,
            _place: place,
        })
    }
}

impl core::ops::Deref for Turn<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl core::ops::DerefMut for Turn<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

/// The places of the logs that were heard of last, so that memory is bounded. A place that is dropped while it is used
/// costs a conflict in the store at most: no safety rests on it.
#[derive(Debug)]
pub(super) struct Slots(Cache<OriginHash, Arc<Slot>>);

impl Slots {
    pub(super) fn new(logs: usize) -> Self {
        Self(Cache::new(logs))
    }

    pub(super) fn of(&self, log: OriginHash) -> Arc<Slot> {
        let made = self.0.get_or_insert_with(&log, || {
            Ok::<_, std::convert::Infallible>(Arc::new(Slot::new()))
        });
        let Ok(slot) = made;
        slot
    }
}
