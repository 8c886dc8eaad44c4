//! A time of day, and the system's clock.

use std::time::SystemTime;

pub use counterfoil_evidence::moment::{Moment, millis};
use counterfoil_rfc3161::Timestamp;

/// What the system's clock shows; the beginning of 1970 where it shows an earlier time.
pub fn now() -> Moment {
    SystemTime::now().into()
}

/// A time as tokens and lists have it, to the millisecond, down; `None` before 1970.
pub fn of_timestamp(time: Timestamp) -> Option<Moment> {
    let seconds = u64::try_from(time.seconds()).ok()?;
    let millis = u64::from(time.nanos() / 1_000_000);
    Some(Moment::from_millis(
        seconds.checked_mul(1_000)?.checked_add(millis)?,
    ))
}

/// A time as tokens and lists have it.
pub fn timestamp(moment: Moment) -> Timestamp {
    let seconds = i64::try_from(moment.seconds()).unwrap_or(i64::MAX);
    Timestamp::from_seconds(seconds).later(moment.millis() % 1_000 * 1_000)
}
