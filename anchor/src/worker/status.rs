//! What is known of a log while the worker runs: for the page, `/status` and metrics.

use std::collections::BTreeMap;
use std::time::Duration;

use counterfoil_tiles::checkpoint::{Origin, OriginHash};
use counterfoil_tiles::hash::TreeSize;

use super::LookTrouble;
use crate::follow::Followed;
use crate::moment::Moment;
use crate::names::{AuthorityName, Place};
use crate::public_url::public_url;
use crate::schedule::{Options, Standing};
use crate::tsa::Tsa;

/// How far the time of an anchor may lie ahead: clocks are set back by moments.
const CLOCK_TOLERANCE: Duration = Duration::from_mins(1);

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
    /// Since when the log has, as this process saw, a tree of another size than the newest anchor.
    pub behind: Option<Moment>,
    /// When it should be anchored.
    options: Options,
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
    pub(super) fn new(followed: &Followed, authorities: &[Tsa], options: Options) -> Self {
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
            behind: None,
            options,
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
                if self.newest.is_none_or(|newest| newest.place.size != size) {
                    self.behind.get_or_insert(now);
                }
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

    /// Takes note of the newest anchor.
    pub(super) fn shows(&mut self, newest: Option<Newest>) {
        self.newest = newest;
        if newest.is_some_and(|newest| Some(newest.place.size) == self.size) {
            self.behind = None;
        }
    }

    /// How old the newest anchor is; none also where its time is not yet: a clock is or was wrong, and nobody knows.
    pub fn age(&self, now: Moment) -> Option<Duration> {
        let time = self.newest?.time;
        (time <= now.after(CLOCK_TOLERANCE)).then(|| now.since(time))
    }

    /// Whether the log should be anchored, and is not: what was seen of it waits for longer than it may, or the newest anchor is
    /// older than it may get.
    pub fn is_overdue(&self, now: Moment) -> bool {
        let patience = self.options.patience();
        let waits = self.behind.is_some_and(|since| now.since(since) > patience);
        let is_old = |age| {
            let most = self.options.max_age();
            most.is_some_and(|most| age > most + patience)
        };
        match (self.newest, self.age(now)) {
            (None, _) => waits,
            (Some(_), None) => true,
            (Some(_), Some(age)) => waits || is_old(age),
        }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use counterfoil_service::client::{Client, ClientOptions};
    use counterfoil_tiles::key::{Algorithm, KeyName, Seed, SigningKey};
    use counterfoil_tiles::policy::Policy;

    use super::*;
    use crate::names::CheckpointHash;

    const HOUR: u64 = 3_600;

    fn at(seconds: u64) -> Moment {
        Moment::from_seconds(1_767_225_600 + seconds)
    }

    /// Looked at each hour, and anchored anew each week.
    fn status() -> LogStatus {
        let name = KeyName::new("example.com/log").unwrap();
        let key = SigningKey::from_seed(name, Algorithm::Ed25519, &Seed::new([1; 32])).unwrap();
        let policy = format!("log {}\nquorum none\n", key.vkey());
        let policy = Arc::new(Policy::parse(policy.as_bytes()).unwrap());
        let client = Client::new(&ClientOptions::default()).unwrap();
        let url = "http://127.0.0.1:1/";
        let followed = Followed::new(url, policy, client, Duration::from_secs(1)).unwrap();
        let options = Options::new(Duration::from_secs(HOUR), Duration::ZERO, 1, 1).unwrap();
        let options = options.with_max_age(Duration::from_secs(168 * HOUR));
        LogStatus::new(&followed, &[], options)
    }

    fn anchored(status: &mut LogStatus, size: u64, time: Moment) {
        let place = Place {
            origin: status.hash,
            size: TreeSize::new(size),
            checkpoint: CheckpointHash::of(b""),
        };
        status.shows(Some(Newest { place, time }));
    }

    #[test]
    fn what_should_be_anchored_and_is_not_is_overdue() {
        let mut status = status();
        assert!(!status.is_overdue(at(99 * HOUR)), "nothing was seen yet");
        status.looked(at(0), Ok(TreeSize::new(5)));
        assert!(!status.is_overdue(at(2 * HOUR)), "it has just begun");
        assert!(status.is_overdue(at(2 * HOUR + 1)), "nothing was anchored");
        anchored(&mut status, 5, at(3 * HOUR));
        assert!(!status.is_overdue(at(3 * HOUR)));
        // Nothing changes for a week, and then nobody stamps it anew.
        assert!(!status.is_overdue(at((3 + 168 + 2) * HOUR)));
        assert!(status.is_overdue(at((3 + 168 + 2) * HOUR + 1)));
        // It grows.
        status.looked(at(100 * HOUR), Ok(TreeSize::new(6)));
        status.looked(at(101 * HOUR), Ok(TreeSize::new(7)));
        assert!(!status.is_overdue(at(102 * HOUR)));
        assert!(status.is_overdue(at(102 * HOUR + 1)));
        anchored(&mut status, 7, at(103 * HOUR));
        assert!(!status.is_overdue(at(104 * HOUR)));
    }

    #[test]
    fn an_anchor_from_the_future_is_no_fresh_one() {
        let mut status = status();
        status.looked(at(0), Ok(TreeSize::new(5)));
        anchored(&mut status, 5, at(59));
        assert_eq!(
            status.age(at(0)),
            Some(Duration::ZERO),
            "within what clocks err"
        );
        anchored(&mut status, 5, at(HOUR));
        assert_eq!(status.age(at(0)), None);
        assert!(status.is_overdue(at(0)));
        assert_eq!(status.age(at(HOUR + 7)), Some(Duration::from_secs(7)));
    }
}
