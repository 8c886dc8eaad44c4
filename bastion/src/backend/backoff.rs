//! How long to wait before the next try: exponential, jittered, bounded.

use std::time::Duration;

/// Waits between tries to connect.
///
/// ```text
/// tries that failed in a row    0        1        2        3   ...
/// ceiling                     first  2 first  4 first  8 first ... longest
/// wait                        a random time from half the ceiling to the ceiling
/// ```
///
/// A connection that held for a while ends the row. One that was lost at once does not, so that two backends with the same
/// key, each of which takes the other's place, do not do so in a tight loop.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    stable: Duration,
    failures: u32,
}

impl Backoff {
    /// `stable` is how long a connection must have held to end the row.
    pub(super) fn new(first: Duration, longest: Duration, stable: Duration) -> Self {
        Self {
            first,
            longest,
            stable,
            failures: 0,
        }
    }

    /// The next wait, after a connection that held for so long; `random` is from 0 to 1.
    pub(super) fn next(&mut self, held: Duration, random: f64) -> Duration {
        if held >= self.stable {
            self.failures = 0;
        }
        let ceiling = 2_u32
            .checked_pow(self.failures)
            .and_then(|factor| self.first.checked_mul(factor))
            .map_or(self.longest, |ceiling| ceiling.min(self.longest));
        self.failures = self.failures.saturating_add(1);
        let half = ceiling / 2;
        half + half.mul_f64(random.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_grow_to_the_longest_and_begin_anew_after_a_stable_connection() {
        let mut backoff = Backoff::new(SECOND, 60 * SECOND, 30 * SECOND);
        let mut ceilings = |count: usize, held: Duration| {
            let waits = std::iter::repeat_with(|| backoff.next(held, 1.0).as_secs());
            waits.take(count).collect::<Vec<_>>()
        };
        assert_eq!(
            ceilings(9, Duration::ZERO),
            [1, 2, 4, 8, 16, 32, 60, 60, 60]
        );
        assert_eq!(ceilings(1, 29 * SECOND), [60], "lost too soon");
        assert_eq!(ceilings(1, 30 * SECOND), [1]);
        assert_eq!(ceilings(2, Duration::ZERO), [2, 4]);
    }

    #[test]
    fn waits_are_jittered_between_half_and_all() {
        for (random, millis) in [
            (0.0, 500),
            (0.5, 750),
            (1.0, 1000),
            (7.0, 1000),
            (-1.0, 500),
        ] {
            let mut backoff = Backoff::new(SECOND, 60 * SECOND, 30 * SECOND);
            let wait = backoff.next(Duration::ZERO, random);
            assert_eq!(wait.as_millis(), millis, "{random}");
        }
    }

    #[test]
    fn rows_without_end_do_not_overflow() {
        let mut backoff = Backoff::new(SECOND, Duration::MAX, 30 * SECOND);
        backoff.failures = u32::MAX;
        assert_eq!(backoff.next(Duration::ZERO, 0.0), Duration::MAX / 2);
        assert_eq!(backoff.failures, u32::MAX);
    }
}
