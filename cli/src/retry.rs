//! When to try again: bounded attempts, growing pauses, full jitter, and the server's own wish.
//!
//! Pure: randomness and the clock come in as arguments.

use std::time::{Duration, SystemTime};

/// Attempts in all, the first one included. With the pauses below the last is made after about a minute.
pub(crate) const MAX_ATTEMPTS: u32 = 8;

/// The pause before the second attempt is drawn from zero to this; it doubles with each attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// No pause of our own is longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// A server's `Retry-After` is honoured up to this; who asks for more is asked again by a later run of the command.
pub(crate) const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(1);

/// The attempts at one request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attempts {
    made: u32,
}

impl Attempts {
    /// Counts a failed attempt and gives the pause before the next, or `None` when there is none left or the server
    /// asks for a longer pause than is waited here.
    ///
    /// `random` is uniform in 0..1. The pause is at least what the server asked for, with jitter on top, so that
    /// clients that were told the same second do not come back in it together.
    pub(crate) fn failed(&mut self, asked: Option<Duration>, random: f64) -> Option<Duration> {
        self.made += 1;
        if self.made >= MAX_ATTEMPTS {
            return None;
        }
        let asked = asked.unwrap_or_default();
        if asked > LONGEST_RETRY_AFTER {
            return None;
        }
        let doublings = (self.made - 1).min(16);
        let bound = FIRST_PAUSE
            .saturating_mul(1 << doublings)
            .min(LONGEST_PAUSE);
        Some(asked + bound.mul_f64(random.clamp(0.0, 1.0)))
    }

    /// Attempts that failed so far.
    pub(crate) fn made(&self) -> u32 {
        self.made
    }
}

/// Reads a `Retry-After` value: seconds or a date (RFC 9110, section 10.2.3). A date in the past is no wait.
///
/// ```text
/// Retry-After: 120
/// Retry-After: Fri, 31 Dec 1999 23:59:59 GMT
/// ```
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        return value.parse().ok().map(Duration::from_secs);
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn attempts_are_bounded() {
        let mut attempts = Attempts::default();
        let pauses = std::iter::from_fn(|| attempts.failed(None, 1.0)).count();
        assert_eq!(pauses, MAX_ATTEMPTS as usize - 1);
        assert_eq!(attempts.made(), MAX_ATTEMPTS);
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut attempts = Attempts::default();
        let pauses: Vec<_> = std::iter::from_fn(|| attempts.failed(None, 1.0))
            .map(|pause| pause.as_millis())
            .collect();
        assert_eq!(pauses, [200, 400, 800, 1600, 3200, 6400, 12800]);
    }

    #[test]
    fn what_the_server_asks_for_is_the_least_pause() {
        let asked = Duration::from_secs(7);
        assert_eq!(Attempts::default().failed(Some(asked), 0.0), Some(asked));
        assert_eq!(
            Attempts::default().failed(Some(asked), 1.0),
            Some(asked + FIRST_PAUSE)
        );
    }

    #[test]
    fn a_longer_pause_than_is_waited_ends_the_attempts() {
        let asked = LONGEST_RETRY_AFTER + Duration::from_secs(1);
        assert_eq!(Attempts::default().failed(Some(asked), 0.5), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(946_684_799 - 5);
        let rows = [
            ("0", Some(0)),
            ("120", Some(120)),
            ("Fri, 31 Dec 1999 23:59:59 GMT", Some(5)),
            ("Thu, 31 Dec 1998 23:59:59 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
            ("99999999999999999999999", None),
        ];
        for (value, seconds) in rows {
            assert_eq!(
                retry_after(value, now),
                seconds.map(Duration::from_secs),
                "{value:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_pause_is_between_what_was_asked_and_the_bound(
            failures in 0..MAX_ATTEMPTS - 1, asked in 0..60_u64, random in 0.0..1.0_f64,
        ) {
            let mut attempts = Attempts::default();
            for _ in 0..failures {
                attempts.failed(None, random);
            }
            let asked = Duration::from_secs(asked);
            let pause = attempts.failed(Some(asked), random).unwrap();
            prop_assert!(pause >= asked && pause <= asked + LONGEST_PAUSE);
        }
    }
}
