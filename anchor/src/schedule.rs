//! What to do next for one log: when to look at it, when to stamp, whom to ask again.
//!
//! Pure: time comes in as an argument, what is to be done goes out as an [`Operation`], and what came of it comes back. So
//! every course of events can be tried on a fake clock.
//!
//! ```text
//!            slot 7              slot 8              slot 9
//! ───┬────────┊─────────┬─────────┊─────────┬─────────┊──────> time, in multiples of the interval
//!    └jitter──> Fetch   └──jitter─> Fetch   └jitter───> Fetch
//!               │                   │ the same tree: nothing, unless the last anchor is older than max_age
//!               └ a new tree: a round
//!                    Stamp at A ── counted ─────────────┐
//!                    Stamp at B ── failed ─ wait ─ Stamp ┴─ k have counted: the round is done
//!                    Stamp at C ── failed ─ wait ─ Stamp … goes on until the next round begins
//! ```
//!
//! - **Slots** begin at multiples of the interval, each later by a time that is drawn from the seed and the slot's number, so
//!   that an anchor that starts again neither forgets a slot nor serves one twice, and many logs do not ask at once.
//! - **Downtime**: slots that passed while the anchor was down are served once, at its start.
//! - **A round** is about one tree (size and root). It is done when `required` authorities count. The others are asked
//!   on while no later round has begun, and their tokens are welcome. Who counts is said from outside, and may change.
//! - **A round that is not done** when the next slot comes goes on if the log did not change, and gives way if it did.
//! - **A log that cannot be read** is asked again; one that is refused (it forked, or shrank) waits for its next slot. Of one
//!   that forked nobody is asked for the round that goes on, either.

mod options;
mod random;
mod round;

use std::collections::BTreeSet;
use std::time::Duration;

use counterfoil_tiles::hash::{NodeHash, TreeSize};

use crate::moment::{Moment, millis};

pub use options::{Backoff, Options, OptionsError};
use round::{Asking, Round};
pub use round::{Authority, RoundId};

/// What a round is about. Cosignatures may change without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tree {
    /// Number of entries.
    pub size: TreeSize,
    /// Root hash.
    pub root: NodeHash,
}

/// What is to be done. Each is answered once, whatever came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Fetch the log's checkpoint and verify it. Answered by [`Schedule::fetched`].
    Fetch,
    /// Ask a time-stamping authority for a token over the round's checkpoint. Answered by [`Schedule::counted`], or by
    /// [`Schedule::failed`].
    Stamp {
        /// The round.
        round: RoundId,
        /// Whom to ask.
        authority: Authority,
    },
}

/// What came of [`Operation::Fetch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// A checkpoint of this tree, which the policy admits and which is consistent with what was anchored before.
    Tree(Tree),
    /// There was none; another try may bring one.
    Failed,
    /// There is one that must not be anchored: trying again soon would bring the same.
    Refused,
    /// The log signed two histories: as [`Self::Refused`], and nobody is asked on for the round that goes on.
    Forked,
}

/// What follows from [`Fetched`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// A round begins, about the checkpoint that was fetched.
    Begin(RoundId),
    /// The round goes on, about the checkpoint that it began with.
    GoOn(RoundId),
    /// There is nothing to anchor.
    Nothing,
}

/// What follows from who counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It belongs to a round that gave way.
    Late,
    /// The round is as done as it was before.
    Same,
    /// Now the round is done.
    Done,
    /// It was done, and is not any more: a token turned out to prove nothing.
    Undone,
}

/// What an earlier process left, read from the records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumed {
    /// What the newest round is about.
    pub tree: Tree,
    /// Who has counted, and when.
    pub counted: Vec<(Authority, Moment)>,
}

/// The schedule of one log.
#[derive(Debug, Clone)]
pub struct Schedule {
    options: Options,
    seed: u64,
    /// When the last slot was served.
    served: Option<Moment>,
    fetch: Fetch,
    round: Option<Round>,
    rounds: u64,
    wanted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fetch {
    /// The next is at its slot.
    Idle,
    Running {
        failures: u32,
    },
    /// The next is after this wait.
    Again {
        wait: Wait,
        failures: u32,
    },
}

impl Schedule {
    /// A schedule. `seed` draws the jitter: the same for the same log from start to start, another for another log.
    pub fn new(options: Options, seed: u64, resumed: Option<Resumed>) -> Self {
        let round = resumed.map(|resumed| Round::resume(RoundId::RESUMED, &resumed, &options));
        Self {
            seed,
            // A round that is not done is looked at at once.
            served: round.as_ref().and_then(Round::done_at),
            fetch: Fetch::Idle,
            round,
            rounds: 0,
            wanted: false,
            options,
        }
    }

    /// Demands a look at the log now, and a round even where nothing has changed.
    pub fn want(&mut self) {
        self.wanted = true;
        if let Fetch::Again { .. } = self.fetch {
            self.fetch = Fetch::Idle;
        }
    }

    /// The next thing to do at this time, if there is one. To be asked until it is `None`.
    pub fn poll(&mut self, now: Moment) -> Option<Operation> {
        if let Some(at) = self.fetch_at(now)
            && at <= now
        {
            let failures = match self.fetch {
                Fetch::Again { failures, .. } => failures,
                _ => 0,
            };
            self.fetch = Fetch::Running { failures };
            self.served = Some(now);
            return Some(Operation::Fetch);
        }
        let round = self.round.as_mut()?;
        let authority = round.ask(now)?;
        Some(Operation::Stamp {
            round: round.id(),
            authority,
        })
    }

    /// When there is something to do, if nothing comes back until then; `None` if that has to come first. Not before `now`
    /// once [`Self::poll`] gave `None`.
    pub fn wake_at(&self, now: Moment) -> Option<Moment> {
        let stamps = self.round.as_ref().and_then(|round| round.next_at(now));
        self.fetch_at(now).into_iter().chain(stamps).min()
    }

    /// When the log is looked at next; none while that is under way.
    pub fn next_look(&self, now: Moment) -> Option<Moment> {
        self.fetch_at(now)
    }

    /// Takes what came of a fetch.
    pub fn fetched(&mut self, now: Moment, fetched: Fetched) -> Decision {
        let Fetch::Running { failures } = self.fetch else {
            return Decision::Nothing;
        };
        self.fetch = Fetch::Idle;
        match fetched {
            Fetched::Tree(tree) => self.decide(now, tree),
            Fetched::Refused | Fetched::Forked => {
                self.wanted = false;
                if let (Fetched::Forked, Some(round)) = (fetched, &mut self.round) {
                    round.suspend();
                }
                Decision::Nothing
            }
            Fetched::Failed => {
                let share = random::share(&[self.seed, now.millis(), u64::from(failures)]);
                let wait = self.options.backoff.wait(failures, share);
                self.fetch = Fetch::Again {
                    wait: Wait::new(now, wait),
                    failures: failures.saturating_add(1),
                };
                Decision::Nothing
            }
        }
    }

    /// Takes who counts in a round, by tokens that are good and durable. Whoever counts no more is asked again.
    pub fn counted(
        &mut self,
        now: Moment,
        round: RoundId,
        counted: &BTreeSet<Authority>,
    ) -> Progress {
        let Some(current) = self.round.as_mut().filter(|current| current.id() == round) else {
            return Progress::Late;
        };
        let progress = current.counted(now, counted, &self.options);
        if progress == Progress::Undone {
            // As a round that an earlier process did not end: it is looked at at once.
            self.served = None;
        }
        progress
    }

    /// Takes that an authority that was asked gave no token that counts; and when it wants to be asked again at the earliest.
    pub fn failed(
        &mut self,
        now: Moment,
        round: RoundId,
        authority: Authority,
        retry_after: Option<Duration>,
    ) {
        let Some(current) = self.round.as_mut().filter(|current| current.id() == round) else {
            return;
        };
        let seed = self.seed;
        let share = |failures: u32| {
            random::share(&[
                seed,
                round.get(),
                authority.index() as u64,
                u64::from(failures),
            ])
        };
        current.failed(now, authority, retry_after, &self.options, share);
    }

    /// What the newest round is about.
    pub fn tree(&self) -> Option<Tree> {
        self.round.as_ref().map(Round::tree)
    }

    /// Since when the newest round is done.
    pub fn done_at(&self) -> Option<Moment> {
        self.round.as_ref().and_then(Round::done_at)
    }

    /// Where the newest round is with an authority.
    pub fn standing(&self, authority: Authority) -> Option<Standing> {
        let asking = self.round.as_ref()?.asking(authority)?;
        Some(match asking {
            Asking::Counted => Standing::Counted,
            Asking::Running { .. } => Standing::Asked,
            Asking::Waiting { wait, failures } => Standing::Waiting {
                until: wait.until,
                failures,
            },
        })
    }

    fn decide(&mut self, now: Moment, tree: Tree) -> Decision {
        let wanted = std::mem::take(&mut self.wanted);
        if let Some(round) = self.round.as_mut().filter(|round| round.tree() == tree) {
            round.confirm(now);
            let Some(done_at) = round.done_at() else {
                if wanted {
                    round.hurry(now);
                }
                return Decision::GoOn(round.id());
            };
            let old = |most| now.since(done_at) >= most;
            if !wanted && !self.options.max_age.is_some_and(old) {
                return Decision::Nothing;
            }
        }
        self.rounds += 1;
        let round = Round::begin(RoundId::new(self.rounds), tree, now, &self.options);
        let id = round.id();
        self.round = Some(round);
        Decision::Begin(id)
    }

    fn fetch_at(&self, now: Moment) -> Option<Moment> {
        match (self.fetch, self.served) {
            (Fetch::Running { .. }, _) => None,
            (Fetch::Again { wait, .. }, _) => Some(wait.end(now)),
            // Where the clock was set back nobody waits until it shows the old time again.
            (Fetch::Idle, Some(served)) if served <= now && !self.wanted => {
                Some(self.slot_after(served))
            }
            (Fetch::Idle, _) => Some(now),
        }
    }

    /// When the first slot after this time begins.
    fn slot_after(&self, moment: Moment) -> Moment {
        let interval = millis(self.options.interval);
        let jitter = millis(self.options.jitter);
        let begins = |slot: u64| {
            let late = random::below(&[self.seed, slot], jitter);
            slot.saturating_mul(interval).saturating_add(late)
        };
        // The jitter is less than the interval: the slot is this one or the next.
        let slot = moment.millis() / interval;
        let this = begins(slot);
        let begins = if this > moment.millis() {
            this
        } else {
            begins(slot.saturating_add(1))
        };
        Moment::from_millis(begins)
    }
}

/// A wait. It ends at once when the clock is set back before its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wait {
    since: Moment,
    until: Moment,
}

impl Wait {
    fn new(since: Moment, wait: Duration) -> Self {
        let until = since.after(wait);
        Self { since, until }
    }

    fn end(self, now: Moment) -> Moment {
        if now < self.since { now } else { self.until }
    }
}

/// Where a round is with an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its token counted.
    Counted,
    /// It is being asked.
    Asked,
    /// It is asked next at this time.
    Waiting {
        /// When.
        until: Moment,
        /// How often it failed in a row.
        failures: u32,
    },
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
