//! Which endpoint is asked: the first that is not set aside. One that was of no use is set aside for a while, which doubles; where all
//! are, the one that comes back first is asked first, so that nobody waits for an endpoint that would answer.
//!
//! All are looked at from time to time, so that their newest blocks tell whether the one that is asked follows the chain, and
//! that one of them is down is known before it is needed.

use core::time::Duration;
use std::time::SystemTime;

use tokio::time::Instant;

use crate::head::Head;

/// How long an endpoint is set aside at first.
const MIN_PAUSE: Duration = Duration::from_secs(15);

/// ... and at the longest.
const MAX_PAUSE: Duration = Duration::from_mins(10);

/// How often all endpoints are looked at, while the chain is asked at all. A look is two calls.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// How long it is known that an endpoint's blocks can be recomputed: a fork may bring what cannot.
const READABLE_FOR: Duration = Duration::from_hours(1);

/// How an endpoint does, for status pages and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointStatus {
    /// Its scheme, host and port.
    pub endpoint: String,
    /// Whether it is the one that answered last.
    pub is_used: bool,
    /// How many requests it answered.
    pub answered: u64,
    /// For how many requests or looks it was of no use.
    pub failed: u64,
    /// When it answered last.
    pub last_answer: Option<SystemTime>,
    /// Its newest block, as it was seen last.
    pub head: Option<Head>,
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

/// Why an endpoint was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// For a request.
    Request,
    /// For its newest block alone.
    Look,
}

/// What is known of all endpoints, in the configured order.
#[derive(Debug)]
pub(crate) struct Roster {
    records: Vec<Record>,
    /// Which answered last.
    used: Option<usize>,
    /// When all are looked at.
    look_at: Option<Instant>,
}

/// What is known of an endpoint.
#[derive(Debug, Default)]
struct Record {
    answered: u64,
    failed: u64,
    last_answer: Option<SystemTime>,
    head: Option<Head>,
    readable_until: Option<Instant>,
    /// How long it was set aside last; nothing, once it has answered a request.
    pause: Duration,
    trouble: Option<Trouble>,
}

#[derive(Debug)]
struct Trouble {
    why: String,
    since: SystemTime,
    until: Instant,
}

impl Roster {
    /// Of so many endpoints, of which nothing is known.
    pub(crate) fn new(count: usize) -> Self {
        Self {
            records: (0..count).map(|_| Record::default()).collect(),
            used: None,
            look_at: None,
        }
    }

    /// The places of the endpoints in the order in which they are asked.
    pub(crate) fn order(&self, now: Instant) -> Vec<usize> {
        let until = self.records.iter().map(|record| record.until(now));
        let mut order: Vec<(Option<Instant>, usize)> = until.zip(0..).collect();
        // None comes first, and the configured order decides among equals.
        order.sort_unstable();
        order.into_iter().map(|(_, place)| place).collect()
    }

    /// The places of those that are to be looked at before a request: all that are not set aside. None, if that was done a short time
    /// ago, or there is nothing to compare.
    pub(crate) fn looks(&mut self, now: Instant) -> Vec<usize> {
        if self.records.len() < 2 || self.look_at.is_some_and(|at| now < at) {
            return Vec::new();
        }
        self.look_at = now.checked_add(LOOK_EVERY);
        self.good(now)
    }

    /// The places of those that are not set aside.
    pub(crate) fn good(&self, now: Instant) -> Vec<usize> {
        let good = self.records.iter().zip(0..);
        let good = good.filter(|(record, _)| record.until(now).is_none());
        good.map(|(_, place)| place).collect()
    }

    /// One showed its newest block. Gives those of the others.
    pub(crate) fn saw(&mut self, place: usize, head: Head) -> Vec<Head> {
        let mut others = Vec::new();
        for (record, at) in self.records.iter_mut().zip(0..) {
            if at == place {
                record.head = Some(head);
            } else {
                others.extend(record.head);
            }
        }
        others
    }

    /// Whether it is to be tried if the blocks of one can be recomputed.
    pub(crate) fn is_unread(&self, place: usize, now: Instant) -> bool {
        let record = self.records.get(place);
        let until = record.and_then(|record| record.readable_until);
        until.is_none_or(|until| now >= until)
    }

    /// They can.
    pub(crate) fn read(&mut self, place: usize, now: Instant) {
        if let Some(record) = self.records.get_mut(place) {
            record.readable_until = now.checked_add(READABLE_FOR);
        }
    }

    /// One answered what it was asked for.
    pub(crate) fn answered(&mut self, place: usize, asked: Asked, wall: SystemTime) {
        if let Some(record) = self.records.get_mut(place) {
            record.answered(asked, wall);
        }
        if asked == Asked::Request {
            self.used = Some(place);
        }
    }

    /// One was of no use.
    pub(crate) fn failed(&mut self, place: usize, why: String, now: Instant, wall: SystemTime) {
        if let Some(record) = self.records.get_mut(place) {
            record.failed(why, now, wall);
        }
    }

    /// What is told of them, by these names.
    pub(crate) fn status(
        &self,
        names: impl Iterator<Item = String>,
        now: Instant,
    ) -> Vec<EndpointStatus> {
        let both = names.zip(&self.records).zip(0..);
        both.map(|((endpoint, record), place)| EndpointStatus {
            is_used: self.used == Some(place),
            ..record.status(endpoint, now)
        })
        .collect()
    }
}

impl Record {
    /// It is well. Only a request tells that of requests: until one is answered, the next trouble lasts longer than the last.
    fn answered(&mut self, asked: Asked, wall: SystemTime) {
        self.last_answer = Some(wall);
        self.trouble = None;
        if asked == Asked::Request {
            self.answered = self.answered.saturating_add(1);
            self.pause = Duration::ZERO;
        }
    }

    fn failed(&mut self, why: String, now: Instant, wall: SystemTime) {
        self.failed = self.failed.saturating_add(1);
        // Asked although it is set aside, since all are: that says nothing new.
        if self.until(now).is_none() {
            self.pause = self.pause.saturating_mul(2).clamp(MIN_PAUSE, MAX_PAUSE);
        }
        self.trouble = Some(Trouble {
            why,
            since: self.trouble.as_ref().map_or(wall, |old| old.since),
            until: now.checked_add(self.pause).unwrap_or(now),
        });
    }

    fn status(&self, endpoint: String, now: Instant) -> EndpointStatus {
        EndpointStatus {
            endpoint,
            is_used: false,
            answered: self.answered,
            failed: self.failed,
            last_answer: self.last_answer,
            head: self.head,
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

#[cfg(test)]
mod tests;
