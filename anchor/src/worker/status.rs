//! What is known of a log while the worker runs: for the page, `/status` and metrics.

use std::collections::BTreeMap;

use counterfoil_tiles::checkpoint::{Origin, OriginHash};
use counterfoil_tiles::hash::TreeSize;

use super::LookTrouble;
use crate::follow::Followed;
use crate::moment::Moment;
use crate::names::{AuthorityName, Place};
use crate::public_url::public_url;
use crate::schedule::Standing;
use crate::tsa::Tsa;

/// What is known of a log.
#[derive(Debug, Clone)]
pub struct LogStatus {
    /// The log.
    pub origin: Origin,
    /// How records name it.
    pub hash: OriginHash,
    /// Where it is.
    pub url: String,
    /// Why what is recorded of it is not read yet; `None` when it is, and it is followed.
    pub unread: Option<String>,
    /// When it was looked at last, whatever came of it.
    pub looked: Option<Moment>,
    /// Why there was nothing to anchor then.
    pub trouble: Option<Trouble>,
    /// The size that it had when it was last read.
    pub size: Option<TreeSize>,
    /// The newest anchor: as many authorities as are required vouch for it.
    pub newest: Option<Newest>,
    /// The log forked, and the operator has not said that it is to be anchored on: since when that is known, to this process.
    pub forked: Option<Moment>,
    /// Forks that are kept, also those that the operator knows of.
    pub forks: usize,
    /// When it is looked at next.
    pub next: Option<Moment>,
    /// The authorities, in the order of the plan.
    pub authorities: Vec<AuthorityStatus>,
    /// How looks ended, by [`LookTrouble::word`]; `ok` is the good ones.
    pub looks: BTreeMap<&'static str, u64>,
    /// Rounds that were done.
    pub rounds: u64,
}

/// Why there is nothing to anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// In a word.
    pub word: &'static str,
    /// In words.
    pub reason: String,
    /// Since when it is so.
    pub since: Moment,
}

/// An anchor by which a log's tree is fixed in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newest {
    /// What was anchored.
    pub place: Place,
    /// By when it existed, as the required number of authorities say: the latest of their earliest times.
    pub time: Moment,
}

/// What is known of an authority, for one log.
#[derive(Debug, Clone)]
pub struct AuthorityStatus {
    /// The authority.
    pub name: AuthorityName,
    /// Where the newest round is with it.
    pub standing: Option<Standing>,
    /// When its token counted last.
    pub counted: Option<Moment>,
    /// What it did wrong last, when, and in words. None since it counted.
    pub trouble: Option<Trouble>,
    /// How often what came of asking it; `counted` is the good ones.
    pub answers: BTreeMap<&'static str, u64>,
}

impl LogStatus {
    pub(super) fn new(followed: &Followed, authorities: &[Tsa]) -> Self {
        let authority = |tsa: &Tsa| AuthorityStatus {
            name: tsa.name().clone(),
            standing: None,
            counted: None,
            trouble: None,
            answers: BTreeMap::new(),
        };
        Self {
            origin: followed.origin().clone(),
            hash: followed.hash(),
            url: public_url(followed.url()),
            unread: Some("its records are not read yet".to_owned()),
            looked: None,
            trouble: None,
            size: None,
            newest: None,
            forked: None,
            forks: 0,
            next: None,
            authorities: authorities.iter().map(authority).collect(),
            looks: BTreeMap::new(),
            rounds: 0,
        }
    }

    /// Takes note of a look. Says whether its end is another than before.
    pub(super) fn looked(&mut self, now: Moment, looked: Result<TreeSize, &LookTrouble>) -> bool {
        let word = looked.map_or_else(LookTrouble::word, |_| "ok");
        *self.looks.entry(word).or_default() += 1;
        self.looked = Some(now);
        match looked {
            Ok(size) => {
                self.size = Some(size);
                self.forked = None;
                self.trouble.take().is_some()
            }
            Err(error) => {
                if error.is_fork() {
                    self.forked.get_or_insert(now);
                }
                Trouble::note(&mut self.trouble, now, word, error.to_string())
            }
        }
    }

    /// How old the newest anchor is.
    pub fn age(&self, now: Moment) -> Option<std::time::Duration> {
        self.newest.map(|newest| now.since(newest.time))
    }
}

impl AuthorityStatus {
    /// Takes note of what came of asking it. Says whether that is another than before.
    pub(super) fn answered(
        &mut self,
        now: Moment,
        answered: Result<(), (&'static str, String)>,
    ) -> bool {
        let word = answered
            .as_ref()
            .map_or_else(|(word, _)| *word, |()| "counted");
        *self.answers.entry(word).or_default() += 1;
        match answered {
            Ok(()) => {
                self.counted = Some(now);
                self.trouble.take().is_some()
            }
            Err((word, reason)) => Trouble::note(&mut self.trouble, now, word, reason),
        }
    }
}

impl Trouble {
    /// Says whether it is another trouble than before.
    fn note(place: &mut Option<Self>, now: Moment, word: &'static str, reason: String) -> bool {
        let before = place.take();
        let same = before.as_ref().filter(|before| before.word == word);
        let since = same.map_or(now, |before| before.since);
        let new = same.is_none();
        *place = Some(Self {
            word,
            reason,
            since,
        });
        new
    }
}
