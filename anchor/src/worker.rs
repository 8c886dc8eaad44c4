//! The worker: follows every log by its schedule, asks the authorities, keeps what comes, and completes it later.
//!
//! ```text
//! for each log:  Schedule ── Fetch ──> Followed::look ──> Tree, or why not
//!                         ── Stamp ──> Records::begin ──> Tsa::stamp ──> Capturer ──> Records::keep ──> counted
//! for all:       sweep: tokens whose certificates are not all settled are captured again
//!                Ethereum: the newest round of each log, under one root
//! ```

mod follow;
mod newest;
mod round;
mod stamp;
pub mod status;
mod sweep;

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::capture::Capturer;
use crate::ethereum::{self, Ethereum};
use crate::follow::Followed;
use crate::moment::{self, Moment};
use crate::names::{Place, RecordName};
use crate::records::{Acknowledged, Records};
use crate::schedule::Options;
use crate::tsa::Tsa;

pub(crate) use stamp::listed;
pub use stamp::{Anchored, LookTrouble, Once, OnceStamped, StampTrouble};
use status::LogStatus;

/// The time of day.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Moment + Send + Sync>);

impl Clock {
    /// A clock that this function reads.
    pub fn new(read: impl Fn() -> Moment + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The time now.
    pub fn now(&self) -> Moment {
        (self.0)()
    }
}

impl Default for Clock {
    /// The system's.
    fn default() -> Self {
        Self::new(moment::now)
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

/// What a worker does for one log.
#[derive(Debug)]
pub struct LogPlan {
    /// The log.
    pub followed: Followed,
    /// When, and by how many authorities.
    pub options: Options,
    /// What the operator has dealt with.
    pub acknowledged: Acknowledged,
}

/// What a worker works with.
#[derive(Debug)]
pub struct Plan {
    /// The logs.
    pub logs: Vec<LogPlan>,
    /// The authorities; [`Options`] speak of as many.
    pub authorities: Vec<Tsa>,
    /// How revocation data are fetched.
    pub capturer: Capturer,
    /// A chain on which the logs are anchored as well.
    pub ethereum: Option<ethereum::Plan>,
    /// The time of day.
    pub clock: Clock,
    /// How long what is under way may still take once the worker is told to stop.
    pub shutdown_deadline: Duration,
}

/// A worker. Cheap to clone; clones are one.
#[derive(Debug, Clone)]
pub struct Worker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    plan: Plan,
    records: Arc<Records>,
    desks: Vec<Desk>,
    sweep: sweep::Sweep,
    ethereum: Option<Arc<Ethereum>>,
    /// Revocation data that were too large for the records of their tokens.
    left_out: AtomicU64,
}

/// What is known of one log while the worker runs.
#[derive(Debug)]
struct Desk {
    status: Mutex<LogStatus>,
    /// An operator wants a round now.
    wanted: Notify,
    /// What is known of the log's tokens has changed: it is to be said again who counts.
    recount: Notify,
}

impl Desk {
    fn status(&self) -> MutexGuard<'_, LogStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker {
    /// A worker that keeps what it does in these records.
    pub fn new(mut plan: Plan, records: Arc<Records>) -> Self {
        let desk = |log: &LogPlan| {
            let hash = log.followed.hash();
            let mut status = LogStatus::new(&log.followed, &plan.authorities, log.options);
            status.forks = records.with_index(|index| index.forks(hash).len());
            if !records.open_forks(hash, &log.acknowledged).is_empty() {
                status.forked = Some(plan.clock.now());
            }
            Desk {
                status: Mutex::new(status),
                wanted: Notify::new(),
                recount: Notify::new(),
            }
        };
        let desks = plan.logs.iter().map(desk).collect();
        let ethereum = plan.ethereum.take().map(|on_chain| {
            let logs = plan
                .logs
                .iter()
                .map(|log| (log.followed.clone(), log.acknowledged.clone()))
                .collect();
            Ethereum::new(on_chain, logs, Arc::clone(&records), plan.clock.clone())
        });
        Self(Arc::new(Inner {
            plan,
            records,
            desks,
            sweep: sweep::Sweep::default(),
            ethereum: ethereum.map(Arc::new),
            left_out: AtomicU64::new(0),
        }))
    }

    /// The records.
    pub fn records(&self) -> &Arc<Records> {
        &self.0.records
    }

    /// What is known of each log, in the order of the plan.
    pub fn status(&self) -> Vec<LogStatus> {
        self.0
            .desks
            .iter()
            .map(|desk| desk.status().clone())
            .collect()
    }

    /// The work on a chain, if there is one.
    pub fn ethereum(&self) -> Option<&Arc<Ethereum>> {
        self.0.ethereum.as_ref()
    }

    /// The time of day.
    pub fn now(&self) -> Moment {
        self.0.plan.clock.now()
    }

    /// Tokens whose certificates are not all settled.
    pub fn pending(&self) -> usize {
        self.0.sweep.pending()
    }

    /// Tokens of the last 400 days, and a certificate of which turned out to be revoked so that they prove nothing.
    pub fn revoked(&self) -> BTreeSet<(Place, RecordName)> {
        self.0.sweep.revoked()
    }

    /// How often revocation data were too large for the record of their token.
    pub fn left_out(&self) -> u64 {
        self.0.left_out.load(Ordering::Relaxed)
    }

    /// Chains of tokens, of the last 400 days, with a certificate of which the revocation is published where nothing is fetched.
    pub fn chains_left(&self) -> usize {
        self.0.sweep.left()
    }

    /// Bytes of memory that revocation data take which are being fetched and judged.
    pub fn capturing(&self) -> usize {
        self.0.plan.capturer.taken()
    }

    /// Why the worker cannot do its work; `None` if it can. That a log or an authority does not answer is no reason.
    pub fn not_ready(&self) -> Option<String> {
        let unread = self.0.desks.iter().find_map(|desk| {
            let status = desk.status();
            let why = status.unread.as_ref()?;
            Some(format!("starting: {}: {why}", status.origin))
        });
        let unwritable = || {
            let why = self.0.records.unwritable()?;
            Some(format!("what was written last was not stored: {why}"))
        };
        let on_chain = || self.ethereum()?.status().not_ready();
        unread.or_else(unwritable).or_else(on_chain)
    }

    /// Looks at every log now, and begins a round even where nothing has changed.
    pub fn want(&self) {
        for desk in &self.0.desks {
            desk.wanted.notify_one();
        }
        if let Some(ethereum) = self.ethereum() {
            ethereum.want();
        }
    }

    /// Looks at every log once, and asks every authority once; beside that, completes the tokens that earlier processes left
    /// unsettled, as far as that can be done now.
    pub async fn once(&self) -> Vec<Once> {
        let (_running, stop) = watch::channel(false);
        let complete = async {
            self.0.find_pending(&stop).await;
            self.0.sweep_due(&stop).await;
        };
        let logs = (0..self.0.plan.logs.len()).map(|log| self.0.once(log));
        let logs = futures_util::future::join_all(logs);
        let (completed, once) = futures_util::future::join(unbroken(complete), logs).await;
        if let Err(broke) = completed {
            tracing::error!(%broke, "revocation data are not added to earlier tokens; the next process does");
        }
        once
    }

    /// Works until it is told to stop; then lets what is under way end, within the deadline.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) {
        let mut tasks = JoinSet::new();
        for log in 0..self.0.plan.logs.len() {
            let (inner, stop) = (Arc::clone(&self.0), stop.clone());
            tasks.spawn(async move { inner.follow(log, stop).await });
        }
        let (inner, sweeping) = (Arc::clone(&self.0), stop.clone());
        tasks.spawn(async move { inner.sweep(sweeping).await });
        if let Some(ethereum) = self.ethereum() {
            let (ethereum, stop) = (Arc::clone(ethereum), stop.clone());
            tasks.spawn(async move { ethereum.run(stop).await });
        }
        // Whoever told it is gone: that is a stop, too.
        let _ = stop.wait_for(|stop| *stop).await;
        let ended = async { while tasks.join_next().await.is_some() {} };
        let deadline = self.0.plan.shutdown_deadline;
        if tokio::time::timeout(deadline, ended).await.is_err() {
            tracing::warn!(
                "stopped before all authorities had answered; the next start asks them again"
            );
        }
    }
}

/// Work that broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this program broke, which is a mistake in it: please report it: {0}")]
pub struct Broke(String);

/// Does work that may break: the mistake of one operation must not end what is done for others, nor keep it from being tried
/// again.
pub(crate) async fn unbroken<T>(work: impl Future<Output = T>) -> Result<T, Broke> {
    let worked = AssertUnwindSafe(work).catch_unwind().await;
    worked.map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Broke(text.unwrap_or_else(|| "it does not say why".to_owned()))
    })
}

/// What draws the jitter of a log: the same from start to start.
fn seed(origin: &str) -> u64 {
    let digest: [u8; 32] = Sha256::digest(origin).into();
    let (start, _) = digest.split_first_chunk().unwrap_or((&[0; 8], &[]));
    u64::from_be_bytes(*start)
}
