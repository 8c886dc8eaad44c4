//! One round: a tree, and where it is with each authority.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Options, Progress, Resumed, Tree, Wait};
use crate::moment::Moment;

/// A round, among those of one schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoundId(u64);

impl RoundId {
    /// The round that an earlier process left.
    pub const RESUMED: Self = Self(0);

    pub(super) fn new(number: u64) -> Self {
        Self(number)
    }

    pub(super) fn get(self) -> u64 {
        self.0
    }
}

/// A time-stamping authority: its place in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Authority(usize);

impl Authority {
    /// The authority at this place.
    pub fn new(index: usize) -> Self {
        Self(index)
    }

    /// Its place.
    pub fn index(self) -> usize {
        self.0
    }
}

/// Where a round is with an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asking {
    Waiting { wait: Wait, failures: u32 },
    Running { failures: u32 },
    Counted,
}

#[derive(Debug, Clone)]
pub(super) struct Round {
    id: RoundId,
    tree: Tree,
    /// By the authority's place.
    askings: Vec<Asking>,
    done_at: Option<Moment>,
    /// Whether this process saw the log say so: a round of an earlier one waits for that.
    confirmed: bool,
}

impl Round {
    pub(super) fn begin(id: RoundId, tree: Tree, now: Moment, options: &Options) -> Self {
        let at_once = Asking::Waiting {
            wait: Wait::new(now, Duration::ZERO),
            failures: 0,
        };
        Self {
            id,
            tree,
            askings: vec![at_once; options.authorities],
            done_at: None,
            confirmed: true,
        }
    }

    /// The round of an earlier process. Authorities that are not configured any more do not count.
    pub(super) fn resume(id: RoundId, resumed: &Resumed, options: &Options) -> Self {
        let mut round = Self::begin(id, resumed.tree, Moment::from_millis(0), options);
        round.confirmed = false;
        let mut times = Vec::new();
        for (authority, at) in &resumed.counted {
            if let Some(asking) = round.askings.get_mut(authority.index())
                && *asking != Asking::Counted
            {
                *asking = Asking::Counted;
                times.push(*at);
            }
        }
        times.sort_unstable();
        round.done_at = times.get(options.required.saturating_sub(1)).copied();
        round
    }

    pub(super) fn id(&self) -> RoundId {
        self.id
    }

    pub(super) fn tree(&self) -> Tree {
        self.tree
    }

    pub(super) fn done_at(&self) -> Option<Moment> {
        self.done_at
    }

    pub(super) fn asking(&self, authority: Authority) -> Option<Asking> {
        self.askings.get(authority.index()).copied()
    }

    /// Nobody is asked until the log says so again.
    pub(super) fn suspend(&mut self) {
        self.confirmed = false;
    }

    /// The log still says so.
    pub(super) fn confirm(&mut self, now: Moment) {
        if !std::mem::replace(&mut self.confirmed, true) {
            self.hurry(now);
        }
    }

    /// Ends all waits.
    pub(super) fn hurry(&mut self, now: Moment) {
        for asking in &mut self.askings {
            if let Asking::Waiting { wait, .. } = asking {
                *wait = Wait::new(now, Duration::ZERO);
            }
        }
    }

    /// The next authority to ask now; it is being asked from here on.
    pub(super) fn ask(&mut self, now: Moment) -> Option<Authority> {
        if !self.confirmed {
            return None;
        }
        let mut askings = self.askings.iter_mut().enumerate();
        askings.find_map(|(index, asking)| match *asking {
            Asking::Waiting { wait, failures } if wait.end(now) <= now => {
                *asking = Asking::Running { failures };
                Some(Authority(index))
            }
            _ => None,
        })
    }

    /// When the next authority is to be asked.
    pub(super) fn next_at(&self, now: Moment) -> Option<Moment> {
        let times = self.askings.iter().filter_map(|asking| match asking {
            Asking::Waiting { wait, .. } => Some(wait.end(now)),
            _ => None,
        });
        times.min().filter(|_| self.confirmed)
    }

    /// Takes who counts.
    pub(super) fn counted(
        &mut self,
        now: Moment,
        counted: &BTreeSet<Authority>,
        options: &Options,
    ) -> Progress {
        let mut count = 0;
        for (index, asking) in self.askings.iter_mut().enumerate() {
            if counted.contains(&Authority(index)) {
                *asking = Asking::Counted;
                count += 1;
            } else if *asking == Asking::Counted {
                *asking = Asking::Waiting {
                    wait: Wait::new(now, Duration::ZERO),
                    failures: 0,
                };
            }
        }
        let is_done = count >= options.required;
        match (is_done, self.done_at) {
            (true, None) => {
                self.done_at = Some(now);
                Progress::Done
            }
            (false, Some(_)) => {
                self.done_at = None;
                Progress::Undone
            }
            (true, Some(_)) | (false, None) => Progress::Same,
        }
    }

    /// Takes that an authority that was asked gave no token that counts.
    pub(super) fn failed(
        &mut self,
        now: Moment,
        authority: Authority,
        retry_after: Option<Duration>,
        options: &Options,
        share: impl Fn(u32) -> f64,
    ) {
        let Some(asking) = self.askings.get_mut(authority.index()) else {
            return;
        };
        // Whoever counts meanwhile, by another token, is not asked again.
        let Asking::Running { failures } = *asking else {
            return;
        };
        let own = options.backoff.wait(failures, share(failures));
        // Whoever asks for a day is asked at the next round.
        let asked = retry_after.unwrap_or_default().min(options.backoff.longest);
        *asking = Asking::Waiting {
            wait: Wait::new(now, own.max(asked)),
            failures: failures.saturating_add(1),
        };
    }
}
