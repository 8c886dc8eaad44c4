//! How many files of evidence are in the making.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinError;

/// Lets so many in at once, and so many wait.
#[derive(Debug)]
pub(super) struct Gate {
    inside: Arc<Semaphore>,
    waiting: Semaphore,
}

/// As many wait as may. One more is told to come back.
#[derive(Debug)]
pub(super) struct Crowded;

impl Gate {
    pub(super) fn new(at_once: usize, waiting: usize) -> Self {
        Self {
            inside: Arc::new(Semaphore::new(at_once)),
            waiting: Semaphore::new(waiting),
        }
    }

    pub(super) async fn enter(&self) -> Result<Turn, Crowded> {
        let inside = || Arc::clone(&self.inside);
        if let Ok(permit) = inside().try_acquire_owned() {
            return Ok(Turn { _permit: permit });
        }
        let _waits = self.waiting.try_acquire().map_err(|_| Crowded)?;
        let permit = inside().acquire_owned().await.map_err(|_| Crowded)?;
        Ok(Turn { _permit: permit })
    }
}

/// A turn of one who was let in. It is kept as long as there is anything of what was made in it that nothing else bounds.
#[derive(Debug)]
pub(crate) struct Turn {
    _permit: OwnedSemaphorePermit,
}

impl Turn {
    /// Works on a thread of its own. The turn lasts as long as the work does, also where nobody waits for that any more.
    pub(crate) async fn work<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(T, Self), JoinError> {
        tokio::task::spawn_blocking(move || (work(), self)).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn only_so_many_are_inside_and_only_so_many_wait() {
        let gate = Gate::new(1, 1);
        let inside = gate.enter().await.unwrap();
        let mut waits = Box::pin(gate.enter());
        assert!(waits.as_mut().now_or_never().is_none());
        assert!(gate.enter().await.is_err());
        drop(inside);
        drop(waits.await.unwrap());
        assert!(gate.enter().await.is_ok());
    }

    #[tokio::test]
    async fn a_turn_lasts_as_long_as_its_work_also_where_nobody_waits_for_that() {
        let gate = Gate::new(1, 1);
        let (go, wait) = mpsc::channel::<()>();
        let turn = gate.enter().await.unwrap();
        let mut work = Box::pin(turn.work(move || wait.recv().is_ok()));
        assert!(work.as_mut().now_or_never().is_none());
        // The request has taken too long.
        drop(work);
        let mut next = Box::pin(gate.enter());
        assert!(next.as_mut().now_or_never().is_none());
        go.send(()).unwrap();
        let (next, turn) = next.await.unwrap().work(|| 7).await.unwrap();
        assert_eq!(next, 7);
        assert_eq!(gate.inside.available_permits(), 0);
        drop(turn);
        assert_eq!(gate.inside.available_permits(), 1);
    }
}
