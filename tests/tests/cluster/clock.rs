//! The time of day in a world whose clock stands still while anything can run.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// When the world begins: 2026-01-01, in seconds since 1970.
const BEGINNING: u64 = 1_767_225_600;

/// A clock that all share; each part may be set wrong against it.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    began: Instant,
}

impl Clock {
    /// A clock that begins now. Needs the runtime.
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// The time of day, set wrong by so many seconds.
    pub(crate) fn now(&self, wrong_by: i64) -> SystemTime {
        let right = SystemTime::UNIX_EPOCH + Duration::from_secs(BEGINNING) + self.elapsed();
        let by = Duration::from_secs(wrong_by.unsigned_abs());
        if wrong_by < 0 { right - by } else { right + by }
    }
}

/// Runs something in a world of its own, on this thread.
pub(crate) fn world<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(work)
}

pub(crate) async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
