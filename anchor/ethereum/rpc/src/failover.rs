//! Which endpoint is asked: the first that is not set aside. One that was of no use is set aside for a while, which doubles; where all
//! are, the one that comes back first is asked first, so that nobody waits for an endpoint that would answer.

use core::time::Duration;
use std::time::SystemTime;

use tokio::time::Instant;

/// How long an endpoint is set aside at first.
const MIN_PAUSE: Duration = Duration::from_secs(15);

/// ... and at the longest.
const MAX_PAUSE: Duration = Duration::from_mins(10);

/// How an endpoint does, for status pages and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointStatus {
    /// Its scheme, host and port.
    pub endpoint: String,
    /// How many requests it answered.
    pub answered: u64,
    /// For how many it was of no use.
    pub failed: u64,
    /// When it answered last.
    pub last_answer: Option<SystemTime>,
    /// Why it is not asked, or is asked last.
    pub set_aside: Option<SetAside>,
}

/// An endpoint was of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Why: what it did last.
    pub why: String,
    /// Since when it was of no use.
    pub since: SystemTime,
    /// For how long it is set aside yet; none: it is asked again.
    pub left: Duration,
}

/// What is known of an endpoint.
#[derive(Debug, Default)]
pub(crate) struct Record {
    answered: u64,
    failed: u64,
    last_answer: Option<SystemTime>,
    trouble: Option<Trouble>,
}

#[derive(Debug)]
struct Trouble {
    why: String,
    since: SystemTime,
    until: Instant,
    pause: Duration,
}

impl Record {
    /// It answered.
    pub(crate) fn answered(&mut self, wall: SystemTime) {
        self.answered = self.answered.saturating_add(1);
        self.last_answer = Some(wall);
        self.trouble = None;
    }

    /// It was of no use.
    pub(crate) fn failed(&mut self, why: String, now: Instant, wall: SystemTime) {
        self.failed = self.failed.saturating_add(1);
        let (since, pause) = match &self.trouble {
            None => (wall, MIN_PAUSE),
            // Asked although it is set aside, since all are: that says nothing new.
            Some(old) if now < old.until => (old.since, old.pause),
            Some(old) => (old.since, old.pause.saturating_mul(2).min(MAX_PAUSE)),
        };
        let until = now.checked_add(pause).unwrap_or(now);
        self.trouble = Some(Trouble {
            why,
            since,
            until,
            pause,
        });
    }

    /// What is told of it.
    pub(crate) fn status(&self, endpoint: String, now: Instant) -> EndpointStatus {
        EndpointStatus {
            endpoint,
            answered: self.answered,
            failed: self.failed,
            last_answer: self.last_answer,
            set_aside: self.trouble.as_ref().map(|trouble| SetAside {
                why: trouble.why.clone(),
                since: trouble.since,
                left: trouble.until.saturating_duration_since(now),
            }),
        }
    }

    fn until(&self, now: Instant) -> Option<Instant> {
        let trouble = self.trouble.as_ref()?;
        (now < trouble.until).then_some(trouble.until)
    }
}

/// The places of the endpoints in the order in which they are asked.
pub(crate) fn order(records: &[Record], now: Instant) -> Vec<usize> {
    let mut order: Vec<(Option<Instant>, usize)> = records
        .iter()
        .map(|record| record.until(now))
        .zip(0..)
        .collect();
    // None comes first, and the configured order decides among equals.
    order.sort_unstable();
    order.into_iter().map(|(_, place)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_endpoint_is_set_aside_for_a_while_and_not_for_ever() {
        let (start, wall) = (Instant::now(), SystemTime::UNIX_EPOCH);
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut records = [Record::default(), Record::default(), Record::default()];
        assert_eq!(order(&records, start), [0, 1, 2]);
        records[0].failed("down".to_owned(), start, wall);
        assert_eq!(order(&records, start), [1, 2, 0]);
        assert_eq!(order(&records, after(14)), [1, 2, 0]);
        assert_eq!(order(&records, after(15)), [0, 1, 2]);
        // The second time it is longer.
        records[0].failed("down".to_owned(), after(15), wall);
        assert_eq!(order(&records, after(44)), [1, 2, 0]);
        assert_eq!(order(&records, after(45)), [0, 1, 2]);
        // Where all are set aside, the first to come back is first.
        records[0].failed("down".to_owned(), after(45), wall);
        records[2].failed("down".to_owned(), after(45), wall);
        records[1].failed("down".to_owned(), after(46), wall);
        assert_eq!(order(&records, after(46)), [2, 1, 0]);
        records[0].answered(wall);
        assert_eq!(order(&records, after(46)), [0, 2, 1]);
        assert_eq!(records[0].status(String::new(), start).set_aside, None);
    }

    #[test]
    fn the_pause_is_bounded_and_does_not_grow_while_it_lasts() {
        let (mut now, wall) = (Instant::now(), SystemTime::UNIX_EPOCH);
        let mut record = Record::default();
        record.failed(String::new(), now, wall);
        for _ in 0..20 {
            record.failed(String::new(), now, wall);
        }
        assert_eq!(record.until(now), Some(now + MIN_PAUSE));
        for _ in 0..20 {
            now = record.until(now).unwrap();
            record.failed(String::new(), now, wall);
        }
        assert_eq!(record.until(now), Some(now + MAX_PAUSE));
        let status = record.status("https://chain.example".to_owned(), now);
        assert_eq!((status.failed, status.answered), (41, 0));
        assert_eq!(status.set_aside.unwrap().left, MAX_PAUSE);
    }
}
