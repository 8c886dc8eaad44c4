//! A worker over real sockets, and what outlives it.

use std::sync::Arc;
use std::time::Duration;

use counterfoil_anchor::capture::Capturer;
use counterfoil_anchor::ethereum;
use counterfoil_anchor::judge::RecordJudge;
use counterfoil_anchor::records::{Acknowledged, Records};
use counterfoil_anchor::schedule::{Backoff, Options};
use counterfoil_anchor::tsa::Tsa;
use counterfoil_anchor::worker::status::LogStatus;
use counterfoil_anchor::worker::{Clock, LogPlan, Plan, Worker};
use counterfoil_service::client::{Client, ClientOptions};
use counterfoil_store::memory::{MemoryBlobStore, MemoryHeadStore};
use counterfoil_store::{BlobStore, HeadStore};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::tsa::{FakeRecordJudge, FakeTsa};
use super::{Log, Tree, policy};

/// What outlives a process.
#[derive(Clone)]
pub(crate) struct Disk {
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) heads: Arc<dyn HeadStore>,
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            blobs: Arc::new(MemoryBlobStore::new()),
            heads: Arc::new(MemoryHeadStore::new()),
        }
    }
}

/// What a worker works by.
pub(crate) struct Terms {
    pub(crate) required: usize,
    pub(crate) quorum: u8,
    pub(crate) interval: Duration,
    /// How long an answer may take.
    pub(crate) deadline: Duration,
    pub(crate) acknowledged: Acknowledged,
    /// What judges records.
    pub(crate) judge: Arc<dyn RecordJudge>,
}

impl Default for Terms {
    /// One authority suffices, and rounds begin when a test wants them.
    fn default() -> Self {
        Self {
            required: 1,
            quorum: 2,
            interval: Duration::from_hours(24),
            deadline: Duration::from_secs(20),
            acknowledged: Acknowledged::default(),
            judge: Arc::new(FakeRecordJudge),
        }
    }
}

/// A worker for a log and these authorities, which waits briefly after failures.
pub(crate) async fn worker(disk: &Disk, log: &Log, authorities: Vec<Tsa>, terms: &Terms) -> Worker {
    worker_on(disk, log, authorities, terms, None).await
}

/// ... that anchors on a chain as well.
pub(crate) async fn worker_on(
    disk: &Disk,
    log: &Log,
    authorities: Vec<Tsa>,
    terms: &Terms,
    ethereum: Option<ethereum::Plan>,
) -> Worker {
    let backoff = Backoff {
        first: Duration::from_millis(20),
        longest: Duration::from_millis(50),
    };
    let count = authorities.len();
    let options = Options::new(terms.interval, Duration::ZERO, count, terms.required).unwrap();
    let client = Client::new(&ClientOptions::default()).unwrap();
    let plan = Plan {
        logs: vec![LogPlan {
            followed: log.followed(policy(terms.quorum)),
            options: options.with_backoff(backoff).unwrap(),
            acknowledged: terms.acknowledged.clone(),
        }],
        authorities,
        capturer: Capturer::new(client, terms.deadline),
        ethereum,
        clock: Clock::default(),
        shutdown_deadline: Duration::from_secs(5),
    };
    let (blobs, heads) = (disk.blobs.clone(), disk.heads.clone());
    let records = Records::open(blobs, heads, terms.judge.clone()).await;
    Worker::new(plan, Arc::new(records.unwrap()))
}

/// A worker that runs.
pub(crate) struct Running {
    pub(crate) worker: Worker,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(worker: Worker) -> Self {
        let (stop, stopped) = watch::channel(false);
        let runs = worker.clone();
        let task = tokio::spawn(async move { runs.run(stopped).await });
        Self { worker, stop, task }
    }

    pub(crate) async fn end(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap();
    }

    pub(crate) fn status(&self) -> LogStatus {
        self.worker.status().remove(0)
    }

    /// Waits until it is so.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&LogStatus) -> bool) -> LogStatus {
        let waiting = async {
            loop {
                let status = self.status();
                if is_so(&status) {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_mins(1), waiting).await;
        waited.unwrap_or_else(|_| panic!("never {what}: {:#?}", self.status()))
    }
}

pub(crate) fn answers(status: &LogStatus, authority: usize, word: &str) -> u64 {
    let answers = &status.authorities[authority].answers;
    answers.get(word).copied().unwrap_or(0)
}

pub(crate) fn looks(status: &LogStatus, word: &str) -> u64 {
    status.looks.get(word).copied().unwrap_or(0)
}

pub(crate) fn size(status: &LogStatus) -> Option<u64> {
    status.newest.map(|newest| newest.place.size.get())
}

/// A log and its authorities.
pub(crate) struct World {
    pub(crate) disk: Disk,
    pub(crate) log: Log,
    pub(crate) authorities: Vec<FakeTsa>,
    pub(crate) terms: Terms,
}

impl World {
    pub(crate) async fn new(authorities: usize, required: usize) -> Self {
        let mut started = Vec::new();
        for number in 0..authorities {
            started.push(FakeTsa::start(&format!("tsa{number}")).await);
        }
        Self {
            disk: Disk::default(),
            log: Log::start(Tree::new(7)).await,
            authorities: started,
            terms: Terms {
                required,
                ..Terms::default()
            },
        }
    }

    pub(crate) async fn worker(&self) -> Worker {
        let tsas = self.authorities.iter();
        let tsas = tsas.map(|tsa| tsa.tsa(self.terms.deadline)).collect();
        worker(&self.disk, &self.log, tsas, &self.terms).await
    }

    pub(crate) async fn run(&self) -> Running {
        Running::start(self.worker().await)
    }

    pub(crate) fn asked(&self) -> Vec<u32> {
        self.authorities.iter().map(FakeTsa::asked).collect()
    }

    pub(crate) async fn names(&self) -> Vec<String> {
        let names = self.disk.blobs.list("").await.unwrap();
        let last = |name: &str| name.rsplit('/').next().unwrap().to_owned();
        names.iter().map(|name| last(name.as_str())).collect()
    }
}
