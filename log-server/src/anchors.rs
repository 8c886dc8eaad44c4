//! The anchors of a log, as the log asks them: for the records that its evidence is made of, and for the newest that they
//! have.
//!
//! An anchor is somebody else. What it shows is used only where it is about a checkpoint of this log's own, and asking one
//! costs bounded time and memory, whatever it does; all are asked at one time, so that a slow one takes nothing from the others.
//! What went wrong with each is logged, counted and shown.

mod gate;
mod patience;
mod reach;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use counterfoil_evidence::format::AnchorRecords;
use counterfoil_evidence::gather::{
    self, By, FailedKind, Gathered, NoReceipt, NotGathered, Sizes, Trouble, Wanted,
};
use counterfoil_rfc3161::Timestamp;
use counterfoil_service::client::{CallError, Client, ClientOptions};
use counterfoil_tiles::checkpoint::{CheckpointError, Origin, OriginHash};
use counterfoil_tiles::hash::{LeafIndex, TreeSize};
use counterfoil_tiles::note::Note;
use counterfoil_tiles::receipt::Receipt;
use futures_util::future::join_all;
use reqwest::Url;
use serde::Serialize;
use tokio::sync::Semaphore;

use crate::log::{Failure, Log, ProofError};
pub(crate) use gate::Turn;
use gate::{Crowded, Gate};
use patience::{Patience, Persistence};
use reach::{Hearing, Reached};

/// How long an anchor may take for all that is asked of it for one file of evidence.
const LISTS: Duration = Duration::from_secs(4);
const RECORDS: Duration = Duration::from_secs(8);

/// And at most these parts of what a request may take: the log has something to do, too.
const LISTS_PART: f64 = 0.2;
const RECORDS_PART: f64 = 0.4;

/// How long gathering may take with all that the log itself has to do for it; what was found by then is given out.
const DEADLINE: Duration = Duration::from_secs(20);

/// How often each anchor is asked for its newest: anchors work by the minute or the hour.
const INTERVAL: Duration = Duration::from_secs(30);

/// Files of evidence that are gathered at once, for one log: each may take [`gather::MAX_BYTES`] a few times over.
const AT_ONCE: usize = 2;

/// Requests that wait for that. One more is told to come back at once.
const WAITING: usize = 32;

/// The anchors of one log.
#[derive(Debug)]
pub(crate) struct Anchors {
    log: OriginHash,
    all: Vec<Reached>,
    patience: Patience,
    /// So many threads judge what anchors show, for all logs of the server together.
    judging: Arc<Semaphore>,
    standings: Mutex<Vec<AnchorStatus>>,
    gate: Gate,
    /// Another one for receipts, which everybody may read.
    receipts: Gate,
}

/// Why a log cannot ask its anchors.
#[derive(Debug, thiserror::Error)]
pub enum AnchorsError {
    /// The origin cannot be one.
    #[error(transparent)]
    Origin(#[from] CheckpointError),
    /// There is no HTTP client.
    #[error(transparent)]
    Client(#[from] CallError),
}

/// Why there is no evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoEvidence {
    /// Every anchor answered, and none has a checkpoint that covers the entry.
    #[error(
        "no anchor has fixed a checkpoint that covers entry {0} yet; anchors work on a schedule, ask again later"
    )]
    NotYet(LeafIndex),
    /// An anchor that may have one could not be asked, or shows what is no use.
    #[error("no anchor shows a checkpoint of this log that covers entry {index}: {why}")]
    NoAnchor {
        /// The entry.
        index: LeafIndex,
        /// What the anchors answer.
        why: String,
    },
    /// Too many ask.
    #[error("{WAITING} requests wait for evidence of this log already")]
    Busy,
    /// The log itself.
    #[error(transparent)]
    Log(#[from] ProofError),
}

impl From<Crowded> for NoEvidence {
    fn from(_: Crowded) -> Self {
        Self::Busy
    }
}

/// What is known of an anchor. Times are Unix seconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct AnchorStatus {
    /// Its URL.
    pub(crate) url: String,
    /// The largest anchored size of this log that it showed, with a token or a block that holds.
    pub(crate) newest_size: Option<u64>,
    /// The last time at which one of these fixed it.
    pub(crate) newest_time: Option<u64>,
    /// How long ago that was.
    pub(crate) newest_age_seconds: Option<u64>,
    /// When it was asked last.
    pub(crate) looked_at: Option<u64>,
    /// Whether it answered then, with what could be used or with nothing yet.
    pub(crate) answers: bool,
    /// How often it could not be asked, or took too long, since the log started.
    pub(crate) silent: u64,
    /// How often it showed what is of no use: not a record, another log's checkpoint, a token that does not hold.
    pub(crate) unusable: u64,
    /// The last thing that went wrong with it, kept until the next.
    pub(crate) last_error: Option<Failure>,
}

/// The URL of an anchor, with a slash at its end; `None` if the text is none.
pub(crate) fn url(text: &str) -> Option<String> {
    let mut url = Url::parse(text).ok()?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    plain.then(|| url.to_string())
}

impl Anchors {
    /// The anchors at these URLs, as the configuration was checked.
    pub(crate) fn new(
        origin: &str,
        urls: &[String],
        request_deadline: Duration,
        judging: &Arc<Semaphore>,
    ) -> Result<Self, AnchorsError> {
        let client = Client::new(&ClientOptions::default())?;
        let urls: Vec<String> = urls.iter().filter_map(|text| url(text)).collect();
        let standings = urls.iter().map(|url| AnchorStatus {
            url: url.clone(),
            ..AnchorStatus::default()
        });
        Ok(Self {
            log: OriginHash::of(&Origin::new(origin)?),
            patience: Patience {
                lists: LISTS.min(request_deadline.mul_f64(LISTS_PART)),
                records: RECORDS.min(request_deadline.mul_f64(RECORDS_PART)),
            },
            judging: Arc::clone(judging),
            standings: Mutex::new(standings.collect()),
            all: urls
                .iter()
                .map(|url| Reached::new(url.clone(), client.clone()))
                .collect(),
            gate: Gate::new(AT_ONCE, WAITING),
            receipts: Gate::new(AT_ONCE, WAITING),
        })
    }

    /// Gathers what covers an entry of the published tree. What was gathered may be large: the turn lasts until it is bounded by
    /// something else.
    pub(crate) async fn gather(
        &self,
        log: &dyn Log,
        index: LeafIndex,
        published: TreeSize,
    ) -> Result<(Gathered, Turn), NoEvidence> {
        let turn = self.gate.enter().await?;
        let gathered = self.ask(log, index, Sizes::UpTo(published)).await?;
        Ok((gathered, turn))
    }

    /// The receipt of an entry under an anchored checkpoint of this size; `None` if no anchor has one.
    pub(crate) async fn receipt(
        &self,
        log: &dyn Log,
        index: LeafIndex,
        size: TreeSize,
    ) -> Result<Option<Bytes>, NoEvidence> {
        let _turn = self.receipts.enter().await?;
        match self.ask(log, index, Sizes::Only(size)).await {
            Ok(gathered) => Ok(Some(gathered.receipt.to_string().into())),
            Err(NoEvidence::NotYet(_) | NoEvidence::NoAnchor { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn ask(
        &self,
        log: &dyn Log,
        index: LeafIndex,
        sizes: Sizes,
    ) -> Result<Gathered, NoEvidence> {
        let wanted = Wanted {
            log: self.log,
            index,
            sizes,
        };
        let mut gathered = Err(NotGathered::Nothing(Vec::new()));
        for persistence in [Persistence::LeavesAlone, Persistence::Waits] {
            let hearings = self.all.iter();
            let hearings: Vec<Hearing<'_>> = hearings
                .map(|anchor| self.hearing(anchor, persistence))
                .collect();
            let receipt = |index, note| receipt(log, index, note);
            let (by, until) = (By::nobody(time()), tokio::time::sleep(DEADLINE));
            gathered = gather::gather(wanted, &by, &hearings, receipt, until).await;
            // Where the others have nothing, the slow are waited for.
            let is_nothing = matches!(gathered, Err(NotGathered::Nothing(_)));
            if !(is_nothing && hearings.iter().any(Hearing::is_hasty)) {
                break;
            }
        }
        match gathered {
            Ok(gathered) => {
                self.complain(&gathered.troubles);
                Ok(gathered)
            }
            Err(NotGathered::Log(error)) => Err(error.into()),
            Err(NotGathered::Nothing(troubles)) if troubles.is_empty() => {
                Err(NoEvidence::NotYet(index))
            }
            Err(NotGathered::Nothing(troubles)) => {
                self.complain(&troubles);
                // What is said of an anchor begins with the path that was asked for.
                let told = troubles.iter().map(|Trouble { anchor, failed }| {
                    let url = self.all.get(*anchor).map_or("", Reached::url);
                    format!("{url}{}", failed.what)
                });
                let why = told.collect::<Vec<_>>().join("; ");
                Err(NoEvidence::NoAnchor { index, why })
            }
        }
    }

    fn hearing<'a>(&self, anchor: &'a Reached, persistence: Persistence) -> Hearing<'a> {
        Hearing::new(anchor, self.patience, persistence, &self.judging)
    }

    /// Asks every anchor for its newest, again and again.
    pub(crate) async fn watch(&self, log: &dyn Log) {
        loop {
            join_all((0..self.all.len()).map(|anchor| self.look(anchor, log))).await;
            tokio::time::sleep(INTERVAL).await;
        }
    }

    async fn look(&self, place: usize, log: &dyn Log) {
        let Some(anchor) = self.all.get(place) else {
            return;
        };
        let hearing = self.hearing(anchor, Persistence::Asks);
        let receipt = |index, note| receipt(log, index, note);
        let until = tokio::time::sleep(DEADLINE);
        let looked = gather::newest(self.log, time(), &hearing, receipt, until).await;
        let looked_at = Some(now());
        let (answers, troubles) = match looked {
            Ok(None) => (true, Vec::new()),
            Ok(Some(gathered)) => {
                let size = gathered.receipt.checkpoint().size().get();
                let records = gathered.records.iter();
                let time = records.filter_map(AnchorRecords::seconds).max();
                self.change(place, |status| {
                    (status.newest_size, status.newest_time) = (Some(size), time);
                });
                (true, gathered.troubles)
            }
            Err(NotGathered::Nothing(troubles)) => (false, troubles),
            // The log cannot say now: that is told elsewhere.
            Err(NotGathered::Log(_)) => return,
        };
        self.change(place, |status| {
            (status.answers, status.looked_at) = (answers, looked_at);
        });
        for trouble in troubles {
            self.complain(&[Trouble {
                anchor: place,
                ..trouble
            }]);
        }
    }

    /// The URLs of the anchors that something was wrong with; none if it was with none.
    pub(crate) fn in_trouble(&self, troubles: &[Trouble]) -> Option<String> {
        let places: BTreeSet<usize> = troubles.iter().map(|trouble| trouble.anchor).collect();
        let urls = places.iter().filter_map(|place| self.all.get(*place));
        let urls: Vec<&str> = urls.map(Reached::url).collect();
        (!urls.is_empty()).then(|| urls.join(", "))
    }

    /// Keeps what went wrong with anchors, and logs it where it is not what went wrong before.
    fn complain(&self, troubles: &[Trouble]) {
        for Trouble { anchor, failed } in troubles {
            self.change(*anchor, |status| {
                let what = failed.what.replace(char::is_control, " ");
                let known = status.last_error.as_ref().map(|error| &error.what);
                if known != Some(&what) {
                    let words = match failed.kind {
                        FailedKind::Silent => "an anchor cannot be asked",
                        FailedKind::Unusable => "an anchor shows what is of no use",
                    };
                    tracing::warn!(anchor = status.url, "{words}: {what}");
                }
                let count = match failed.kind {
                    FailedKind::Silent => &mut status.silent,
                    FailedKind::Unusable => &mut status.unusable,
                };
                *count = count.saturating_add(1);
                status.last_error = Some(Failure { what, at: now() });
            });
        }
    }

    fn change(&self, anchor: usize, change: impl FnOnce(&mut AnchorStatus)) {
        if let Some(status) = self.locked().get_mut(anchor) {
            change(status);
        }
    }

    fn locked(&self) -> MutexGuard<'_, Vec<AnchorStatus>> {
        self.standings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of each.
    pub(crate) fn status(&self) -> Vec<AnchorStatus> {
        let mut all = self.locked().clone();
        for status in &mut all {
            status.newest_age_seconds = status.newest_time.map(|time| now().saturating_sub(time));
        }
        all
    }
}

/// The log's receipt under a checkpoint that an anchor shows.
async fn receipt(
    log: &dyn Log,
    index: LeafIndex,
    note: Note,
) -> Result<Receipt, NoReceipt<ProofError>> {
    let checkpoint = Bytes::copy_from_slice(note.as_bytes());
    match log.receipt_under(index, checkpoint).await {
        Ok(receipt) => {
            Receipt::parse(&receipt).map_err(|error| NoReceipt::Foreign(error.to_string()))
        }
        Err(
            error @ (ProofError::Foreign { .. }
            | ProofError::BeyondPublished { .. }
            | ProofError::BeyondTree { .. }),
        ) => Err(NoReceipt::Foreign(error.to_string())),
        Err(error) => Err(NoReceipt::Log(error)),
    }
}

/// The time, for whoever judges by it.
fn time() -> Timestamp {
    Timestamp::from_seconds(i64::try_from(now()).unwrap_or(i64::MAX))
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
