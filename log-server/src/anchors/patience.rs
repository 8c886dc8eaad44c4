//! How long is waited for an anchor, and for one that is slow.
//!
//! Who wants evidence waits for its slowest anchor, and only few may be inside at once. So while an anchor is known to be slow, one
//! request at a time has patience with it, and now and then; the others take what it gives at once, or has given before. Only where
//! that is nothing, and no other anchor has anything, do they wait.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long an anchor that did not answer, or was slow, is left alone by those who want evidence. The log itself asks it more seldom.
pub(super) const REST: Duration = Duration::from_secs(15);

/// Which part of their patience those have that do not wait for a slow anchor.
const HASTE: u32 = 8;

/// How long an anchor may take for one file of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patience {
    /// For all lists together.
    pub(super) lists: Duration,
    /// For all checkpoints and records together, which may have some MB, and for judging them.
    pub(super) records: Duration,
}

/// Whether an anchor that did not answer just now, or was slow, is asked all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Persistence {
    /// It is.
    Asks,
    /// It is waited for if it is slow, and left alone if it did not answer.
    Waits,
    /// Neither.
    LeavesAlone,
}

/// How an anchor is asked.
#[derive(Debug)]
pub(super) enum Pace {
    /// With the patience that says whether it is slow; if it was, the permit to try that is kept meanwhile.
    Tells {
        _tries: Option<OwnedSemaphorePermit>,
    },
    /// With all patience, which says nothing.
    Patient,
    /// With little.
    Hasty,
}

impl Pace {
    /// Whether how long it takes says that it is slow, or quick.
    pub(super) fn tells(&self) -> bool {
        matches!(self, Self::Tells { .. })
    }
}

/// Whether an anchor is slow: whether it took all the time that it had.
#[derive(Debug)]
pub(super) struct Slowness {
    /// When it last was.
    since: Mutex<Option<Instant>>,
    /// Who tries whether it still is.
    trying: Arc<Semaphore>,
}

impl Default for Slowness {
    fn default() -> Self {
        Self {
            since: Mutex::default(),
            trying: Arc::new(Semaphore::new(1)),
        }
    }
}

impl Slowness {
    /// How much patience is had with it.
    pub(super) fn patience(
        &self,
        all: Patience,
        persistence: Persistence,
        now: Instant,
    ) -> (Patience, Pace) {
        if persistence != Persistence::LeavesAlone {
            return (all, Pace::Patient);
        }
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(since) = since else {
            return (all, Pace::Tells { _tries: None });
        };
        let rests = now.saturating_duration_since(since) < REST;
        match Arc::clone(&self.trying).try_acquire_owned() {
            Ok(permit) if !rests => {
                let tries = Some(permit);
                (all, Pace::Tells { _tries: tries })
            }
            _ => {
                let hasty = Patience {
                    lists: all.lists / HASTE,
                    records: all.records / HASTE,
                };
                (hasty, Pace::Hasty)
            }
        }
    }

    /// It took all the time that it had.
    pub(super) fn is_slow(&self, now: Instant) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// It answered all that it was asked in less.
    pub(super) fn is_quick(&self) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Patience = Patience {
        lists: Duration::from_secs(4),
        records: Duration::from_secs(8),
    };

    #[test]
    fn one_at_a_time_has_patience_with_a_slow_anchor() {
        let (slowness, start) = (Slowness::default(), Instant::now());
        let asks =
            |after: Duration| slowness.patience(ALL, Persistence::LeavesAlone, start + after);
        let (before, _) = asks(Duration::ZERO);
        assert_eq!(before, ALL, "nothing is known of it");
        slowness.is_slow(start);
        let (rests, pace) = asks(REST / 2);
        assert!(rests.lists < ALL.lists && rests.records < ALL.records);
        assert!(!pace.tells(), "it is left alone");
        let (first, trying) = asks(REST);
        assert_eq!(first, ALL);
        assert!(trying.tells());
        let (second, _) = asks(REST);
        assert_eq!(second, rests, "another one tries");
        drop(trying);
        let (third, _) = asks(REST);
        assert_eq!(third, ALL);
        for persistence in [Persistence::Asks, Persistence::Waits] {
            let (log, pace) = slowness.patience(ALL, persistence, start);
            assert_eq!(log, ALL, "{persistence:?}");
            assert!(!pace.tells(), "{persistence:?}");
        }
        slowness.is_quick();
        let (after, _) = asks(Duration::ZERO);
        assert_eq!(after, ALL);
    }
}
