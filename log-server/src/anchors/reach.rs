//! How one anchor is reached: over HTTP, each answer bounded in length and time, and remembered for as long as it holds.
//!
//! What one file of evidence may take of an anchor's time is bounded, too ([`Patience`]), however many answers that is: an anchor that
//! gives a byte now and then, or each of many answers late, takes its own records from the evidence and nobody else's. And one that
//! did not answer at all is left alone for a while, so that not every request waits for it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use counterfoil_evidence::gather::{Anchor, Ask, Failed, FailedKind};
use counterfoil_service::client::{Call, CallError, Client, Sent};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

use super::patience::{Pace, Patience, Persistence, REST, Slowness};

/// How long a list is taken for the newest.
const LIST_AGE: Duration = Duration::from_secs(5);

/// Lists that are remembered: more than the few entries that everybody asks for at one time need.
const LISTS: usize = 64;

/// How long a record is taken for what it is: it never changes. What turns out to be of no use is forgotten at once.
const RECORD_AGE: Duration = Duration::from_mins(10);

/// Memory for checkpoints and records.
const RECORD_BYTES: u64 = 32 << 20;

/// What a remembered record takes besides its bytes, roughly.
const OVERHEAD: u64 = 400;

/// What an anchor answered.
type Answered = Result<Option<Bytes>, Failed>;

/// An anchor.
pub(super) struct Reached {
    url: String,
    client: Client,
    lists: Mutex<HashMap<Ask, (Instant, Option<Bytes>)>>,
    records: Cache<Ask, (Instant, Bytes), ByBytes>,
    /// Since when it did not answer, and with what words.
    silent: Mutex<Option<(Instant, String)>>,
    slowness: Slowness,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Ask, (Instant, Bytes)> for ByBytes {
    fn weight(&self, _: &Ask, (_, bytes): &(Instant, Bytes)) -> u64 {
        bytes.len() as u64 + OVERHEAD
    }
}

impl fmt::Debug for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reached")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Reached {
    pub(super) fn new(url: String, client: Client) -> Self {
        Self {
            url,
            client,
            lists: Mutex::default(),
            records: Cache::with_weighter(1_000, RECORD_BYTES, ByBytes),
            silent: Mutex::default(),
            slowness: Slowness::default(),
        }
    }

    /// With a slash at its end.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// What is remembered of an answer.
    fn known(&self, ask: &Ask) -> Option<Answered> {
        if let Ask::List(_) = ask {
            let lists = locked(&self.lists);
            let (at, answer) = lists.get(ask)?;
            return (at.elapsed() < LIST_AGE).then(|| Ok(answer.clone()));
        }
        let (at, bytes) = self.records.get(ask)?;
        (at.elapsed() < RECORD_AGE).then_some(Ok(Some(bytes)))
    }

    fn remember(&self, ask: &Ask, answer: Option<&Bytes>) {
        let now = Instant::now();
        match (ask, answer) {
            (Ask::List(_), _) => {
                let mut lists = locked(&self.lists);
                if lists.len() >= LISTS {
                    lists.retain(|_, (at, _)| at.elapsed() < LIST_AGE);
                }
                if lists.len() < LISTS {
                    lists.insert(ask.clone(), (now, answer.cloned()));
                }
            }
            (_, Some(bytes)) => self.records.insert(ask.clone(), (now, bytes.clone())),
            // It may be there soon.
            (_, None) => {}
        }
    }

    async fn ask(&self, ask: &Ask, limit: usize, deadline: Duration) -> Answered {
        let url = format!("{}{}", self.url, ask.path());
        let failed = |kind, why: String| Failed {
            kind,
            what: format!("{}: {why}", ask.path()),
        };
        let call = Call {
            sent: Sent::Get,
            url: &url,
            accept: None,
            deadline,
            limit,
        };
        match self.client.call(call).await {
            Ok(answer) => match answer.status {
                200 => Ok(Some(answer.body)),
                404 | 410 => Ok(None),
                status => {
                    let why = format!("expected the status 200, got {status}");
                    Err(failed(FailedKind::Silent, why))
                }
            },
            Err(error @ CallError::TooLarge { .. }) => {
                Err(failed(FailedKind::Unusable, error.to_string()))
            }
            Err(error) => Err(failed(FailedKind::Silent, error.to_string())),
        }
    }
}

/// One anchor, as it is asked for one file of evidence.
pub(super) struct Hearing<'a> {
    reached: &'a Reached,
    persistence: Persistence,
    judging: Arc<Semaphore>,
    patience: Patience,
    so_far: Mutex<SoFar>,
    pace: Pace,
}

/// What came of it so far.
#[derive(Clone, Copy)]
struct SoFar {
    left: Patience,
    /// What is being asked for, and since when time was not charged for it.
    asking: usize,
    since: Instant,
    /// Whether it answered anything.
    heard: bool,
}

impl<'a> Hearing<'a> {
    pub(super) fn new(
        reached: &'a Reached,
        patience: Patience,
        persistence: Persistence,
        judging: &Arc<Semaphore>,
    ) -> Self {
        let now = Instant::now();
        let (patience, pace) = reached.slowness.patience(patience, persistence, now);
        Self {
            reached,
            persistence,
            judging: Arc::clone(judging),
            patience,
            so_far: Mutex::new(SoFar {
                left: patience,
                asking: 0,
                since: now,
                heard: false,
            }),
            pace,
        }
    }

    /// Whether it did not have all the patience that there is.
    pub(super) fn is_hasty(&self) -> bool {
        matches!(self.pace, Pace::Hasty)
    }

    /// That it did not answer just now, and is left alone.
    fn silent(&self) -> Option<Failed> {
        if self.persistence == Persistence::Asks || locked(&self.so_far).heard {
            return None;
        }
        let silent = locked(&self.reached.silent);
        let (since, what) = silent.as_ref()?;
        let ago = since.elapsed();
        (ago < REST).then(|| Failed {
            kind: FailedKind::Silent,
            what: format!(
                "{what} ({} s ago; it is left alone for {} s)",
                ago.as_secs(),
                REST.as_secs()
            ),
        })
    }

    /// What is left for an answer, unless that is nothing.
    fn time_for(&self, ask: &Ask) -> Result<Duration, Failed> {
        let (of, left) = (self.patience, locked(&self.so_far).left);
        let (all, left) = match ask {
            Ask::List(_) => (of.lists, left.lists),
            Ask::Checkpoint(_) | Ask::Record(_) => (of.records, left.records),
        };
        if left.is_zero() {
            let what = format!(
                "{}: not asked for, its answers took all of {:.1} s already",
                ask.path(),
                all.as_secs_f64()
            );
            return Err(Failed {
                kind: FailedKind::Silent,
                what,
            });
        }
        Ok(left)
    }

    fn begin(&self) {
        let mut so_far = locked(&self.so_far);
        if so_far.asking == 0 {
            so_far.since = Instant::now();
        }
        so_far.asking += 1;
    }

    /// Charges the time since it was last charged: of several that are asked for at once, each second counts once.
    fn spend(&self, ask: &Ask) {
        let now = Instant::now();
        let mut so_far = locked(&self.so_far);
        let time = now.saturating_duration_since(so_far.since);
        so_far.since = now;
        so_far.asking = so_far.asking.saturating_sub(1);
        let left = match ask {
            Ask::List(_) => &mut so_far.left.lists,
            Ask::Checkpoint(_) | Ask::Record(_) => &mut so_far.left.records,
        };
        *left = left.saturating_sub(time);
        if left.is_zero() && self.pace.tells() {
            self.reached.slowness.is_slow(now);
        }
    }

    /// Keeps whether it answers at all: only what fails before anything else was heard makes it silent, and not for who has no patience.
    fn note(&self, answered: &Answered) {
        let heard = &mut locked(&self.so_far).heard;
        match answered {
            Err(failed) if failed.kind == FailedKind::Silent => {
                if !*heard && !self.is_hasty() {
                    let what = failed.what.clone();
                    *locked(&self.reached.silent) = Some((Instant::now(), what));
                }
            }
            Ok(_) | Err(_) => {
                *heard = true;
                *locked(&self.reached.silent) = None;
            }
        }
    }
}

impl Drop for Hearing<'_> {
    fn drop(&mut self) {
        let SoFar { left, heard, .. } = *locked(&self.so_far);
        let is_left = !left.lists.is_zero() && !left.records.is_zero();
        if heard && is_left && self.pace.tells() {
            self.reached.slowness.is_quick();
        }
    }
}

impl Anchor for Hearing<'_> {
    async fn read(&self, ask: &Ask, limit: usize) -> Answered {
        if let Some(known) = self.reached.known(ask) {
            return known;
        }
        if let Some(silent) = self.silent() {
            return Err(silent);
        }
        let time = self.time_for(ask)?;
        self.begin();
        let answered = self.reached.ask(ask, limit, time).await;
        self.spend(ask);
        self.note(&answered);
        if let Ok(answer) = &answered {
            self.reached.remember(ask, answer.as_ref());
        }
        answered
    }

    async fn judge<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failed> {
        // Never closed. It goes with the work, which goes on when the request has ended.
        let permit = Arc::clone(&self.judging).acquire_owned().await.ok();
        let judged = tokio::task::spawn_blocking(move || {
            let started = Instant::now();
            let judged = work();
            drop(permit);
            (judged, started.elapsed())
        });
        let (judged, took) = judged.await.map_err(|error| Failed {
            kind: FailedKind::Unusable,
            what: format!("judging what it shows broke off: {error}"),
        })?;
        // What takes long to judge is at the expense of who shows it.
        let left = &mut locked(&self.so_far).left.records;
        *left = left.saturating_sub(took);
        Ok(judged)
    }

    fn forget(&self, ask: &Ask) {
        self.reached.records.remove(ask);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
