//! Whether an endpoint follows the chain: a node that stands still answers as well as any other, but for the age of its newest block.
//!
//! That is compared with our clock, and with the newest blocks of the other endpoints. The second is stricter: where no blocks come the
//! newest one is as old everywhere, and there alone where one node stands still. What is said to be newer than our clock counts as new
//! as that: an endpoint that makes up times cannot make the honest ones look late who keep up with the clock.

use core::time::Duration;
use std::time::SystemTime;

use crate::block::SeenHeader;
use crate::fault::Fault;

/// An endpoint may lag behind another by this part of what it may lag behind our clock.
const LAG: u32 = 5;

/// The newest block of an endpoint, when it was seen last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its number.
    pub number: u64,
    /// When it was made, as it says.
    pub time: SystemTime,
    /// When it was seen.
    pub seen: SystemTime,
}

impl Head {
    /// The newest block, seen now.
    pub(crate) fn new(header: &SeenHeader, now: SystemTime) -> Self {
        let since = Duration::from_secs(header.header.timestamp);
        Self {
            number: header.header.number,
            time: SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(now),
            seen: now,
        }
    }

    /// How old it was when it was seen.
    pub fn age(&self) -> Duration {
        self.seen.duration_since(self.time).unwrap_or_default()
    }

    /// The endpoint follows the chain: this block is not older than `max_age` when it is seen, nor so much in the future, and not much
    /// older than those of the others.
    pub(crate) fn check(
        &self,
        others: impl IntoIterator<Item = Self>,
        max_age: Duration,
    ) -> Result<(), Fault> {
        let Self { number, time, seen } = *self;
        let most = max_age.as_secs();
        if self.age() > max_age {
            return Err(Fault::Stale(format!(
                "its newest block {number} is {} s old, which is more than {most} s (max_head_age): it stands still, or lags behind, or this machine's clock is wrong",
                self.age().as_secs()
            )));
        }
        let ahead = time.duration_since(seen).unwrap_or_default();
        if ahead > max_age {
            return Err(Fault::Stale(format!(
                "its newest block {number} is of a time that comes in {} s, which is more than {most} s (max_head_age): it lies, or this machine's clock is wrong",
                ahead.as_secs()
            )));
        }
        let newest = others.into_iter().map(|other| other.time.min(seen)).max();
        let lag = newest.and_then(|newest| newest.duration_since(time).ok());
        let lag = lag.unwrap_or_default();
        if lag.saturating_mul(LAG) > max_age {
            return Err(Fault::Stale(format!(
                "its newest block {number} is {} s older than one that another endpoint showed: it stands still, or lags behind",
                lag.as_secs()
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The time of a test, in seconds.
    const NOW: u64 = 1_800_000_000;
    const MAX_AGE: Duration = Duration::from_mins(5);

    /// A block so much older than now; of the future, if that is negative.
    fn head(age: i64) -> Head {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        Head {
            number: 7,
            time: at(NOW.checked_add_signed(-age).unwrap()),
            seen: at(NOW),
        }
    }

    #[test]
    fn the_age_of_the_newest_block_tells_who_follows_the_chain() {
        let rows: [(&str, i64, &[i64], Option<&str>); 12] = [
            ("new", 0, &[], None),
            ("as old as may be", 300, &[], None),
            ("older", 301, &[], Some("is 301 s old")),
            (
                "older, as are all others",
                301,
                &[301, 302],
                Some("is 301 s old"),
            ),
            ("in the future as far as may be", -300, &[], None),
            ("further", -301, &[], Some("comes in 301 s")),
            ("older than others", 70, &[11, 400], None),
            (
                "much older than another",
                73,
                &[500, 12],
                Some("is 61 s older"),
            ),
            ("no blocks come anywhere", 290, &[290, 290], None),
            ("newer than another", 12, &[290], None),
            ("behind one that makes up times", 60, &[-290], None),
            (
                "behind one that does, and the clock",
                61,
                &[-290],
                Some("is 61 s older"),
            ),
        ];
        for (name, age, others, expected) in rows {
            let others = others.iter().map(|age| head(*age));
            match (head(age).check(others, MAX_AGE), expected) {
                (Ok(()), None) => {}
                (Err(Fault::Stale(why)), Some(words)) => {
                    assert!(why.contains(words), "{name}: {why}");
                }
                (found, _) => panic!("{name}: {found:?}"),
            }
        }
        assert_eq!(head(12).age(), Duration::from_secs(12));
        assert_eq!(head(-12).age(), Duration::ZERO);
    }
}
