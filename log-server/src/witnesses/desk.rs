//! What is remembered of one witness, and whose turn it is there.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use counterfoil_tiles::hash::TreeSize;
use counterfoil_tiles::policy::Witness;
use tokio::time::Instant;

use super::client::Ask;
use super::conversation::Reply;
use super::endpoint::{Place, WitnessName};
use super::outcome::{Cosignature, LastAnswer, Outcome, add_newest};

/// What is known of one witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessStatus {
    /// Its names in the policy.
    pub witnesses: Vec<WitnessName>,
    /// Its submission prefix.
    pub url: String,
    /// The size that it has cosigned last, as far as it is known since the start.
    pub recorded: Option<TreeSize>,
    /// Its last answer.
    pub last: Option<LastAnswer>,
    /// Its last answer that was a cosignature.
    pub cosigned: Option<LastAnswer>,
    /// How often it was asked since the start; a second request after a 409 is not counted.
    pub asked: u64,
    /// How often it did not cosign.
    pub failed: u64,
}

/// One witness service and what is remembered of it.
pub(super) struct Desk {
    pub(super) place: Place,
    /// Held by the request that is under way.
    pub(super) turn: tokio::sync::Mutex<()>,
    /// The number of the latest round that asks here: earlier ones that still wait give up.
    latest: AtomicU64,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    recorded: Option<TreeSize>,
    signed: Option<Signed>,
    last: Option<LastAnswer>,
    cosigned: Option<LastAnswer>,
    asked: u64,
    failed: u64,
    warnings: Warnings,
}

/// How often one witness may be warned of: what it answers is its own choice, and it must not fill the log with it.
const WARN_AGAIN: Duration = Duration::from_mins(1);

/// Whether what a witness does is told to the operator. What is left out shows in the status all the same.
#[derive(Debug, Default)]
struct Warnings {
    /// What was told last, and when; at first, that all is well.
    told: Option<(Instant, Outcome)>,
    /// Since then.
    left_out: u64,
}

/// What is told of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing: it is as before, or it is too soon.
    None,
    /// The witness has not cosigned, other than before.
    Trouble {
        /// How many answers that were news as well were not told, since the last that was.
        left_out: u64,
    },
    /// It cosigns again.
    Cosigns,
}

impl Warnings {
    fn news(&mut self, outcome: &Outcome, now: Instant) -> News {
        let told = self.told.as_ref();
        if told
            .map_or(&Outcome::Cosigned, |(_, told)| told)
            .is_like(outcome)
        {
            return News::None;
        }
        // The end of a trouble is told at once; it can be told only once for each trouble.
        let is_well = *outcome == Outcome::Cosigned;
        if !is_well && told.is_some_and(|(at, _)| now.duration_since(*at) < WARN_AGAIN) {
            self.left_out = self.left_out.saturating_add(1);
            return News::None;
        }
        self.told = Some((now, outcome.clone()));
        let left_out = std::mem::take(&mut self.left_out);
        if is_well {
            News::Cosigns
        } else {
            News::Trouble { left_out }
        }
    }
}

/// The checkpoint that a witness has cosigned last.
#[derive(Debug, Clone)]
struct Signed {
    text: String,
    size: TreeSize,
    since: Instant,
    cosignatures: Vec<Cosignature>,
}

impl Desk {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            turn: tokio::sync::Mutex::default(),
            latest: AtomicU64::default(),
            memory: Mutex::default(),
        }
    }

    /// The number of a round that asks here from now on.
    pub(super) fn number(&self) -> u64 {
        self.latest.fetch_add(1, Ordering::SeqCst).wrapping_add(1)
    }

    /// True if no later round asks here.
    pub(super) fn is_latest(&self, number: u64) -> bool {
        self.latest.load(Ordering::SeqCst) == number
    }

    /// The size that it is thought to have cosigned last.
    pub(super) fn guess(&self, ask: Ask, size: TreeSize) -> TreeSize {
        // SPEC(tlog-witness): "If a client doesn't have information on the latest cosigned checkpoint, it MAY initially make
        // a request with a old size of zero to obtain it."
        let unknown = match ask {
            Ask::Missing => TreeSize::ZERO,
            Ask::All => size,
        };
        // SPEC(tlog-witness): "The old size MUST be equal to or lower than the checkpoint size."
        lock(&self.memory).recorded.unwrap_or(unknown).min(size)
    }

    /// What it has signed of a text, if that is all that a round wants: at any time, or not before a time.
    pub(super) fn signed_since(&self, text: &str, since: Option<Instant>) -> Option<Reply> {
        let memory = lock(&self.memory);
        let signed = memory.signed.as_ref().filter(|signed| {
            signed.text == text && since.is_none_or(|since| signed.since >= since)
        })?;
        Some(Reply {
            outcome: Outcome::Cosigned,
            cosignatures: signed.cosignatures.clone(),
            recorded: memory.recorded,
        })
    }

    /// True if a round need not ask, because this is known: a cosignature by each key of the witness, or new ones.
    pub(super) fn is_enough(&self, reply: &Reply, ask: Ask) -> bool {
        let by = |key: &Witness| reply.cosignatures.iter().any(|one| key.signs(&one.line));
        ask == Ask::All || self.place.witnesses.iter().all(by)
    }

    /// Remembers what it has signed.
    pub(super) fn has_signed(&self, text: &str, size: TreeSize, cosignatures: Vec<Cosignature>) {
        let mut memory = lock(&self.memory);
        let mut signed = Signed {
            text: text.to_owned(),
            size,
            since: Instant::now(),
            cosignatures,
        };
        // A checkpoint has not room for all, and shows fewer of them.
        if let Some(known) = memory.signed.take_if(|known| known.text == text) {
            add_newest(&mut signed.cosignatures, known.cosignatures);
        }
        if memory
            .signed
            .as_ref()
            .is_none_or(|known| known.size <= size)
        {
            memory.signed = Some(signed);
        }
        memory.recorded = memory.recorded.max(Some(size));
    }

    /// Notes an answer down; returns what is to be told of it.
    pub(super) fn answered(&self, last: LastAnswer, recorded: Option<TreeSize>) -> News {
        let mut memory = lock(&self.memory);
        memory.asked = memory.asked.saturating_add(1);
        if last.outcome == Outcome::Cosigned {
            memory.cosigned = Some(last.clone());
        } else {
            memory.failed = memory.failed.saturating_add(1);
        }
        memory.recorded = recorded.or(memory.recorded);
        let news = memory.warnings.news(&last.outcome, Instant::now());
        memory.last = Some(last);
        news
    }

    pub(super) fn status(&self) -> WitnessStatus {
        let memory = lock(&self.memory);
        WitnessStatus {
            witnesses: self.place.names(),
            url: self.place.url.clone(),
            recorded: memory.recorded,
            last: memory.last.clone(),
            cosigned: memory.cosigned.clone(),
            asked: memory.asked,
            failed: memory.failed,
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16) -> Outcome {
        Outcome::Refused {
            status,
            why: String::new(),
        }
    }

    /// One outcome a second; which of them are told.
    fn told(outcomes: impl IntoIterator<Item = Outcome>) -> Vec<(u64, News)> {
        let mut warnings = Warnings::default();
        let began = Instant::now();
        let news = (0..).zip(outcomes).map(|(second, outcome)| {
            let now = began + Duration::from_secs(second);
            (second, warnings.news(&outcome, now))
        });
        news.filter(|(_, news)| *news != News::None).collect()
    }

    fn trouble(left_out: u64) -> News {
        News::Trouble { left_out }
    }

    #[test]
    fn a_change_is_told_and_what_stays_the_same_is_not() {
        let good = vec![Outcome::Cosigned; 100];
        assert_eq!(told(good.clone()), []);
        let outage = vec![refused(503); 100];
        assert_eq!(told(outage.clone()), [(0, trouble(0))]);
        let all = [good.clone(), outage, good].concat();
        assert_eq!(told(all), [(100, trouble(0)), (200, News::Cosigns)]);
    }

    #[test]
    fn a_witness_that_answers_something_else_each_time_is_warned_of_once_a_minute() {
        let kinds = [refused(500), Outcome::Malformed(String::new())];
        let outcomes = kinds.into_iter().cycle().take(200);
        // Every other answer is what was told last.
        let expected = [
            (0, trouble(0)),
            (61, trouble(30)),
            (122, trouble(30)),
            (183, trouble(30)),
        ];
        assert_eq!(told(outcomes), expected);
        let flaps = [refused(500), Outcome::Cosigned];
        let told = told(flaps.into_iter().cycle().take(200));
        assert_eq!(told.len(), 8, "{told:?}");
    }

    #[test]
    fn a_trouble_that_stays_is_told_although_it_came_too_soon() {
        let outcomes = [vec![refused(429)], vec![refused(404); 100]].concat();
        assert_eq!(told(outcomes), [(0, trouble(0)), (60, trouble(59))]);
    }
}
