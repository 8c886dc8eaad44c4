//! What a schedule keeps to.

use std::time::Duration;

/// How long to wait after failures in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait after the first failure; it doubles with each further one.
    pub first: Duration,
    /// No wait is longer than this.
    pub longest: Duration,
}

impl Default for Backoff {
    /// From 10 seconds to 10 minutes: a certificate authority's restart takes minutes, and one that is asked every 10 minutes
    /// is not burdened.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(10),
            longest: Duration::from_mins(10),
        }
    }
}

impl Backoff {
    /// The wait after one more failure than `failures`: from half of the doubled first wait to all of it, by `share`.
    pub(super) fn wait(&self, failures: u32, share: f64) -> Duration {
        let ceiling = 2_u32
            .checked_pow(failures)
            .and_then(|factor| self.first.checked_mul(factor))
            .map_or(self.longest, |ceiling| ceiling.min(self.longest));
        let half = ceiling / 2;
        half + half.mul_f64(share.clamp(0.0, 1.0))
    }
}

/// What a schedule keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    pub(super) interval: Duration,
    pub(super) jitter: Duration,
    pub(super) max_age: Option<Duration>,
    pub(super) authorities: usize,
    pub(super) required: usize,
    pub(super) backoff: Backoff,
}

/// Options that contradict themselves.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// Slots without length, or too long to count.
    #[error("the interval: expected 1 s to 366 d, got {} s", .0.as_secs())]
    Interval(Duration),
    /// A slot would begin after the next one.
    #[error(
        "the jitter must be less than the interval ({} s), and is {} s",
        interval.as_secs(),
        jitter.as_secs()
    )]
    Jitter {
        /// The interval.
        interval: Duration,
        /// The jitter.
        jitter: Duration,
    },
    /// A round could not be done, or were done before it began.
    #[error(
        "required: expected 1 to {authorities}, which is how many authorities there are, got {required}"
    )]
    Required {
        /// How many authorities there are.
        authorities: usize,
        /// How many must count.
        required: usize,
    },
    /// A wait without length, or one that shrinks.
    #[error("the first wait after a failure must be above 0 and at most the longest")]
    Backoff,
}

impl Options {
    /// The longest interval: time-stamps further apart than a year prove little.
    const LONGEST_INTERVAL: Duration = Duration::from_hours(366 * 24);

    /// A look at the log each `interval`, and up to `jitter` later; `required` of so many `authorities` must count.
    /// Without changes there is no other round; see [`Self::with_max_age`].
    pub fn new(
        interval: Duration,
        jitter: Duration,
        authorities: usize,
        required: usize,
    ) -> Result<Self, OptionsError> {
        if interval < Duration::from_secs(1) || interval > Self::LONGEST_INTERVAL {
            return Err(OptionsError::Interval(interval));
        }
        if jitter >= interval {
            return Err(OptionsError::Jitter { interval, jitter });
        }
        if required == 0 || required > authorities {
            return Err(OptionsError::Required {
                authorities,
                required,
            });
        }
        Ok(Self {
            interval,
            jitter,
            max_age: None,
            authorities,
            required,
            backoff: Backoff::default(),
        })
    }

    /// How long after it should have been anchored a log is behind: twice the longest time from look to look.
    pub(crate) fn patience(&self) -> Duration {
        (self.interval + self.jitter) * 2
    }

    /// How old the last anchor of a log that does not change may get.
    pub(crate) fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// How many authorities must count.
    pub fn required(&self) -> usize {
        self.required
    }

    /// A log that does not change is anchored again at the first slot at which its last anchor is so old.
    #[must_use]
    pub fn with_max_age(mut self, max_age: Duration) -> Self {
        self.max_age = Some(max_age);
        self
    }

    /// Other waits after failures.
    pub fn with_backoff(mut self, backoff: Backoff) -> Result<Self, OptionsError> {
        if backoff.first.is_zero() || backoff.first > backoff.longest {
            return Err(OptionsError::Backoff);
        }
        self.backoff = backoff;
        Ok(self)
    }
}
