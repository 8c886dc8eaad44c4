//! A time of day, and the system's clock.

use std::time::SystemTime;

pub use counterfoil_evidence::moment::{Moment, millis};

/// What the system's clock shows; the beginning of 1970 where it shows an earlier time.
pub fn now() -> Moment {
    SystemTime::now().into()
}
