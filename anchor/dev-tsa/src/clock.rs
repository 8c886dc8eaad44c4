//! The time that the authority tells.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Where the authority reads the time: the system's clock, or one that stands where a test put it.
///
/// Clones of a clock that stands share its time, so that a test keeps one and moves the authority's.
#[derive(Clone, Default)]
pub struct Clock {
    stands_at: Option<Arc<Mutex<SystemTime>>>,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands at `time` until it is moved.
    pub fn standing_at(time: SystemTime) -> Self {
        Self {
            stands_at: Some(Arc::new(Mutex::new(time))),
        }
    }

    /// The time.
    pub fn now(&self) -> SystemTime {
        match &self.stands_at {
            Some(time) => *time.lock().unwrap_or_else(PoisonError::into_inner),
            None => SystemTime::now(),
        }
    }

    /// Moves a clock that stands forward.
    ///
    /// # Panics
    ///
    /// If it is the system's clock.
    pub fn advance(&self, by: Duration) {
        self.set(self.now() + by);
    }

    /// Puts a clock that stands at another time, be it earlier.
    ///
    /// # Panics
    ///
    /// If it is the system's clock.
    pub fn set(&self, time: SystemTime) {
        let Some(stands_at) = &self.stands_at else {
            panic!("the system's clock is not the test's to move: use Clock::standing_at");
        };
        *stands_at.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.stands_at {
            Some(_) => write!(f, "Clock(standing at {:?})", self.now()),
            None => f.write_str("Clock(system)"),
        }
    }
}
