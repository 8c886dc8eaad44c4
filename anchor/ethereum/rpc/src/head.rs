//! Whether an endpoint follows the chain: a node that stands still answers as well as any other, but for the age of its newest block.
//!
//! That is compared with our clock, and with the newest blocks of the other endpoints. The second is stricter: where no blocks come the
//! newest one is as old everywhere, and there alone where one node stands still. So it is compared also where blocks of any age are
//! taken. What is said to be newer than our clock counts as new as that: an endpoint that makes up times cannot make the honest ones
//! look late who keep up with the clock.

use core::time::Duration;
use std::time::SystemTime;

use counterfoil_ethereum_sender::CLOCK_TOLERANCE;

use crate::block::SeenHeader;
use crate::fault::Fault;

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

    /// The endpoint follows the chain: this block keeps to our clock, unless any age is allowed, and is not older by more than `max_lag`
    /// than those of the others.
    pub(crate) fn check(
        &self,
        others: impl IntoIterator<Item = Self>,
        max_age: Option<Duration>,
        max_lag: Duration,
    ) -> Result<(), Fault> {
        if let Some(max_age) = max_age {
            self.check_age(max_age)?;
        }
        let Self { number, time, seen } = *self;
        let newest = others.into_iter().map(|other| other.time.min(seen)).max();
        let lag = newest.and_then(|newest| newest.duration_since(time).ok());
        let lag = lag.unwrap_or_default();
        if lag > max_lag {
            return Err(Fault::Stale(format!(
                "its newest block {number} is {} s older than one that another endpoint showed: it stands still, or lags behind",
                lag.as_secs()
            )));
        }
        Ok(())
    }

    /// This block was not older than `max_age` when it was seen, nor so much in the future; nor further there than a block that has a
    /// round's transaction may be, so that an endpoint that shows such a one is not used, instead of holding the round up.
    fn check_age(&self, max_age: Duration) -> Result<(), Fault> {
        let Self { number, time, seen } = *self;
        let most = max_age.as_secs();
        if self.age() > max_age {
            return Err(Fault::Stale(format!(
                "its newest block {number} is {} s old, which is more than {most} s (max_head_age): it stands still, or lags behind, or this machine's clock is wrong",
                self.age().as_secs()
            )));
        }
        let ahead = time.duration_since(seen).unwrap_or_default();
        let most = max_age.min(CLOCK_TOLERANCE);
        if ahead > most {
            return Err(Fault::Stale(format!(
                "its newest block {number} is of a time that comes in {} s, which is more than {} s: it lies, or this machine's clock is wrong",
                ahead.as_secs(),
                most.as_secs()
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
    const MAX_LAG: Duration = Duration::from_mins(1);

    /// A block so much older than now; of the future, if that is negative.
    fn head(age: i64) -> Head {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        Head {
            number: 7,
            time: at(NOW.checked_add_signed(-age).unwrap()),
            seen: at(NOW),
        }
    }

    fn told(name: &str, found: Result<(), Fault>, expected: Option<&str>) {
        match (found, expected) {
            (Ok(()), None) => {}
            (Err(Fault::Stale(why)), Some(words)) => {
                assert!(why.contains(words), "{name}: {why}");
            }
            (found, _) => panic!("{name}: {found:?}"),
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
            let found = head(age).check(others, Some(MAX_AGE), MAX_LAG);
            told(name, found, expected);
        }
        assert_eq!(head(12).age(), Duration::from_secs(12));
        assert_eq!(head(-12).age(), Duration::ZERO);
    }

    #[test]
    fn of_any_age_is_compared_with_the_others_alone() {
        let rows: [(&str, i64, &[i64], Option<&str>); 5] = [
            ("old", 99_999, &[], None),
            ("of the future", -99_999, &[], None),
            ("as old as another", 99_999, &[99_939], None),
            ("older", 99_999, &[99_938], Some("is 61 s older")),
            ("behind one that makes up times", 60, &[-99_999], None),
        ];
        for (name, age, others, expected) in rows {
            let others = others.iter().map(|age| head(*age));
            told(name, head(age).check(others, None, MAX_LAG), expected);
        }
    }

    #[test]
    fn nothing_is_further_in_the_future_than_the_blocks_of_rounds_may_be() {
        for (max_age, age, expected) in [
            (60, -60, None),
            (60, -61, Some("which is more than 60 s")),
            (3_600, 3_600, None),
            (3_600, -300, None),
            (3_600, -301, Some("which is more than 300 s")),
        ] {
            let max_age = Duration::from_secs(max_age);
            let found = head(age).check([], Some(max_age), MAX_LAG);
            told(&format!("{age}"), found, expected);
        }
    }
}
