//! A token bucket that can go into debt, so that a batch larger than the burst passes, and is paid for afterwards.

use std::time::{Duration, Instant};

/// A token bucket.
#[derive(Debug)]
pub struct Bucket {
    rate: f64,
    burst: f64,
    balance: f64,
    at: Instant,
}

impl Bucket {
    /// A full bucket: `rate` a second, and `burst` at once.
    pub fn new(rate: f64, burst: f64, now: Instant) -> Self {
        Self {
            rate,
            burst,
            balance: burst,
            at: now,
        }
    }

    /// What comes in, a second.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Takes `amount` if there is one (or the burst, if that is less); otherwise says how long until there is.
    pub fn take(&mut self, amount: usize, now: Instant) -> Result<(), Duration> {
        let passed = now.saturating_duration_since(self.at);
        self.at = now;
        self.balance = (self.balance + passed.as_secs_f64() * self.rate).min(self.burst);
        let needed = self.burst.min(1.0);
        if self.balance >= needed {
            #[expect(
                clippy::cast_precision_loss,
                reason = "entries of a batch are far below 2^52"
            )]
            let amount = amount as f64;
            self.balance -= amount;
            return Ok(());
        }
        let wait = (needed - self.balance) / self.rate;
        Err(Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX))
    }

    /// Gives back what was taken and turned out not to be used.
    pub fn give_back(&mut self, amount: usize) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "what was taken is far below 2^52"
        )]
        let amount = amount as f64;
        self.balance = (self.balance + amount).min(self.burst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_rate_and_debt() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut bucket = Bucket::new(10.0, 2.0, start);
        assert_eq!(bucket.take(1, start), Ok(()));
        assert_eq!(bucket.take(1, start), Ok(()));
        assert!(bucket.take(1, start).is_err(), "the burst is spent");
        assert_eq!(
            bucket.take(1, at(50)),
            Err(Duration::from_millis(50)),
            "half an entry is none"
        );
        assert_eq!(bucket.take(1, at(100)), Ok(()));
        assert_eq!(
            bucket.take(22, at(1_000)),
            Ok(()),
            "a batch above the burst"
        );
        assert_eq!(
            bucket.take(1, at(1_000)),
            Err(Duration::from_millis(2_100)),
            "is a debt of 20"
        );
        assert!(bucket.take(1, at(3_099)).is_err());
        assert_eq!(bucket.take(1, at(3_101)), Ok(()));
        assert!(
            bucket.take(1, at(2_000)).is_err(),
            "a clock that goes back gives nothing"
        );
        assert_eq!(bucket.take(2, at(60_000)), Ok(()));
        assert!(
            bucket.take(1, at(60_000)).is_err(),
            "idle time fills the bucket to the burst only"
        );

        let mut unused = Bucket::new(1.0, 2.0, start);
        assert_eq!(unused.take(1, start), Ok(()));
        assert_eq!(unused.take(1, start), Ok(()));
        unused.give_back(1);
        assert_eq!(unused.take(1, start), Ok(()), "what was given back");
        assert!(unused.take(1, start).is_err(), "and no more");
        unused.give_back(9);
        assert_eq!(unused.take(2, start), Ok(()));
        assert!(unused.take(1, start).is_err(), "never above the burst");

        let mut slow = Bucket::new(0.5, 0.5, start);
        assert_eq!(slow.take(1, start), Ok(()), "less than one in a second");
        assert_eq!(slow.take(1, start), Err(Duration::from_secs(2)));
        assert_eq!(slow.take(1, at(2_000)), Ok(()));
    }
}
