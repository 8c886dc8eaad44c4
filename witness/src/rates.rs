//! Who may ask how often.
//!
//! ```text
//! request ──> charge its address ──> verify, judge ──> would be cosigned, and makes the log grow?
//!             none left: 429                            │ no: it stays charged
//!                                                       └ yes: charge the log (none left: 429), give the address its own back
//! ```
//!
//! A log's limit is charged by what makes it grow and by nothing else, so strangers cannot use it up: the latest checkpoint, which
//! anybody can fetch and send to be cosigned again, is charged to who sends it. A log that grows costs its address nothing, however
//! many logs share the address.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use counterfoil_service::bucket::Bucket;
use counterfoil_service::source::Source;

use crate::{Log, OriginHash};

/// Addresses, or logs, that are remembered in each of two generations: a hundred bytes each.
const REMEMBERED: usize = 65_536;

/// How many seconds' worth may come at once for a log, whose rate an operator gives as a number a second.
const LOG_BURST_SECONDS: f64 = 10.0;
/// At least this many may come at once, or a day's worth if that is less: lists give rates as low as one a day.
const LEAST_LOG_BURST: f64 = 10.0;
const SECONDS_A_DAY: f64 = 86_400.0;

/// Token buckets by key, in bounded memory.
///
/// There are two generations: what is used moves to the young one, and the old one is dropped when the young one is full, or
/// when a full bucket's time has passed (a bucket that nobody used for so long is full, as a new one is). So only when more
/// than [`REMEMBERED`] keys are busy at once is anybody's debt forgotten, and then that of those who were seen longest ago.
#[derive(Debug)]
struct Buckets<K> {
    young: HashMap<K, Bucket>,
    old: HashMap<K, Bucket>,
    since: Instant,
}

impl<K: Copy + Eq + std::hash::Hash> Buckets<K> {
    fn new(now: Instant) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            since: now,
        }
    }

    /// The bucket of a key; `idle` is how long a bucket takes to be full again.
    fn of(
        &mut self,
        key: K,
        idle: Duration,
        now: Instant,
        new: impl FnOnce() -> Bucket,
    ) -> &mut Bucket {
        if self.young.len() >= REMEMBERED || now.saturating_duration_since(self.since) >= idle {
            self.old = std::mem::take(&mut self.young);
            self.since = now;
        }
        let bucket = self.old.remove(&key);
        self.young
            .entry(key)
            .or_insert_with(|| bucket.unwrap_or_else(new))
    }
}

/// The limits of addresses.
#[derive(Debug)]
pub(crate) struct Sources {
    rate: f64,
    burst: f64,
    idle: Duration,
    buckets: Mutex<Buckets<Source>>,
}

impl Sources {
    /// So many requests a second, and so many at once.
    pub(crate) fn new(rate: f64, burst: f64, now: Instant) -> Self {
        Self {
            rate,
            burst,
            idle: seconds(burst / rate),
            buckets: Mutex::new(Buckets::new(now)),
        }
    }

    /// Charges a request; an error says when there is room for it.
    pub(crate) fn charge(&self, source: Source, now: Instant) -> Result<(), Duration> {
        self.with(source, now, |bucket| bucket.take(1, now))
    }

    /// Gives back what was charged for a request that turned out to be one that is cosigned.
    pub(crate) fn give_back(&self, source: Source, now: Instant) {
        self.with(source, now, |bucket| bucket.give_back(1));
    }

    fn with<T>(&self, source: Source, now: Instant, act: impl FnOnce(&mut Bucket) -> T) -> T {
        let mut buckets = lock(&self.buckets);
        let new = || Bucket::new(self.rate, self.burst, now);
        act(buckets.of(source, self.idle, now, new))
    }
}

/// The limits of logs.
#[derive(Debug)]
pub(crate) struct LogLimits {
    default: f64,
    buckets: Mutex<Buckets<OriginHash>>,
}

impl LogLimits {
    /// So many checkpoints a second for a log that has no rate of its own.
    pub(crate) fn new(default: f64, now: Instant) -> Self {
        Self {
            default,
            buckets: Mutex::new(Buckets::new(now)),
        }
    }

    /// Charges a checkpoint that would be cosigned; an error says when there is room for it.
    pub(crate) fn charge(&self, log: &Log, now: Instant) -> Result<(), Duration> {
        let rate = log.options().rate.unwrap_or(self.default);
        let burst = burst(rate);
        let mut buckets = lock(&self.buckets);
        // A log may send one a day: only what is surely full may be dropped.
        let idle = seconds(SECONDS_A_DAY);
        let bucket = buckets.of(log.hash(), idle, now, || Bucket::new(rate, burst, now));
        if bucket.rate().to_bits() != rate.to_bits() {
            // The operator changed it.
            *bucket = Bucket::new(rate, burst, now);
        }
        bucket.take(1, now)
    }
}

/// How many may come at once.
fn burst(rate: f64) -> f64 {
    (rate * LOG_BURST_SECONDS).max(LEAST_LOG_BURST.min(rate * SECONDS_A_DAY))
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// A panic in between leaves a bucket as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use counterfoil_tiles::checkpoint::Origin;
    use counterfoil_tiles::key::{Algorithm, KeyName, Seed, SigningKey};

    use super::*;
    use crate::LogOptions;

    fn source(text: &str) -> Source {
        Source::of(text.parse().unwrap())
    }

    fn log(name: &str, rate: Option<f64>) -> Log {
        let key = KeyName::new(name).unwrap();
        let key = SigningKey::from_seed(key, Algorithm::Ed25519, &Seed::new([1; 32])).unwrap();
        let options = LogOptions {
            rate,
            paused: false,
        };
        Log::new(Origin::new(name).unwrap(), [key.vkey().clone()], options).unwrap()
    }

    #[test]
    fn networks_of_ipv6_are_one_source() {
        let rows = [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff::9", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
        ];
        for (a, b, same) in rows {
            assert_eq!(source(a) == source(b), same, "{a} {b}");
        }
    }

    #[test]
    fn an_address_is_held_to_its_rate_and_no_other_is() {
        let start = Instant::now();
        let sources = Sources::new(10.0, 2.0, start);
        let (a, b) = (source("192.0.2.1"), source("192.0.2.2"));
        assert_eq!(sources.charge(a, start), Ok(()));
        assert_eq!(sources.charge(a, start), Ok(()));
        assert_eq!(sources.charge(a, start), Err(Duration::from_millis(100)));
        assert_eq!(sources.charge(b, start), Ok(()));
        sources.give_back(a, start);
        assert_eq!(sources.charge(a, start), Ok(()));
        assert!(sources.charge(a, start).is_err());
        // Longer than a generation: still exact.
        for tenths in 1..=30 {
            let now = start + Duration::from_millis(100 * tenths);
            assert_eq!(sources.charge(a, now), Ok(()), "{tenths}");
            assert!(sources.charge(a, now).is_err(), "{tenths}");
        }
    }

    #[test]
    fn memory_is_bounded() {
        let start = Instant::now();
        let sources = Sources::new(0.001, 1.0, start);
        let first = source("2001:db8::");
        assert_eq!(sources.charge(first, start), Ok(()));
        for number in 0..200_000_u32 {
            let address = Ipv6Addr::from(u128::from(number) << 64);
            assert_eq!(sources.charge(Source::of(address.into()), start), Ok(()));
        }
        let held = lock(&sources.buckets);
        assert!(held.young.len() + held.old.len() <= 2 * REMEMBERED);
        drop(held);
        assert_eq!(
            sources.charge(first, start),
            Ok(()),
            "it was seen longest ago"
        );
    }

    #[test]
    fn logs_have_rates_of_their_own() {
        let start = Instant::now();
        let limits = LogLimits::new(100.0, start);
        // Name, rate, how many at once, and how long until the next.
        let rows = [
            ("default", None, 1_000, Duration::from_millis(10)),
            ("half a second", Some(2.0), 20, Duration::from_millis(500)),
            (
                "a day's worth",
                Some(4.0 / 86_400.0),
                4,
                Duration::from_hours(6),
            ),
            ("hourly", Some(24.0 / 86_400.0), 10, Duration::from_hours(1)),
        ];
        for (name, rate, at_once, wait) in rows {
            let log = log(&name.replace(' ', "-"), rate);
            for _ in 0..at_once {
                assert_eq!(limits.charge(&log, start), Ok(()), "{name}");
            }
            let refused = limits.charge(&log, start).unwrap_err();
            assert!(
                refused.abs_diff(wait) < Duration::from_millis(1),
                "{name}: {refused:?}"
            );
            let later = start + refused + Duration::from_millis(1);
            assert_eq!(limits.charge(&log, later), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_changed_rate_holds_at_once() {
        let start = Instant::now();
        let limits = LogLimits::new(100.0, start);
        for _ in 0..20 {
            assert_eq!(limits.charge(&log("a", Some(2.0)), start), Ok(()));
        }
        assert!(limits.charge(&log("a", Some(2.0)), start).is_err());
        assert_eq!(limits.charge(&log("a", Some(3.0)), start), Ok(()));
    }
}
