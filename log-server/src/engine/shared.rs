//! What the driver and the requests share: the queue, the published state, the status.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwapOption;
use counterfoil_sequencer::Status;
use counterfoil_tiles::hash::TreeSize;
use tokio::sync::watch;

use super::intake::Intake;
use super::metrics::Metrics;
use super::quorum::Quorum;
use super::reader::Reader;
use crate::log::{Failure, LogStatus, Published, State};

pub(crate) struct Shared {
    pub(crate) origin: String,
    pub(crate) intake: Intake,
    pub(crate) reader: Reader,
    pub(crate) metrics: Metrics,
    published: ArcSwapOption<Published>,
    /// The same, for those who wait for a size; absent once nothing more will be published.
    announced: ArcSwapOption<watch::Sender<Option<Arc<Published>>>>,
    /// The lookup index covers this size.
    pub(crate) indexed: std::sync::atomic::AtomicU64,
    situation: Mutex<Situation>,
    quorum: Option<Arc<Quorum>>,
}

struct Situation {
    status: Option<Status>,
    state: State,
    since: SystemTime,
    last_error: Option<Failure>,
    /// Since when there are committed entries that are not published.
    unpublished_since: Option<Instant>,
    no_quorum_since: Option<SystemTime>,
}

impl Shared {
    pub(crate) fn new(
        origin: String,
        intake: Intake,
        reader: Reader,
        quorum: Option<Arc<Quorum>>,
    ) -> Self {
        Self {
            origin,
            intake,
            reader,
            metrics: Metrics::new(),
            published: ArcSwapOption::empty(),
            announced: ArcSwapOption::from_pointee(watch::channel(None).0),
            indexed: std::sync::atomic::AtomicU64::new(0),
            situation: Mutex::new(Situation {
                status: None,
                state: State::Starting,
                since: SystemTime::now(),
                last_error: None,
                unpublished_since: None,
                no_quorum_since: None,
            }),
            quorum,
        }
    }

    pub(crate) fn published(&self) -> Option<Arc<Published>> {
        self.published.load_full()
    }

    /// Those who want to hear of each published checkpoint.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<Arc<Published>>> {
        match self.announced.load_full() {
            Some(announced) => announced.subscribe(),
            // Its sender is gone at once: what is published stays the last word.
            None => watch::channel(self.published()).1,
        }
    }

    /// Nothing more will be published: whoever follows sees what is there, then the end.
    pub(crate) fn end_publication(&self) {
        self.announced.store(None);
    }

    pub(crate) fn publish(&self, published: Published) {
        let published = Arc::new(published);
        self.published.store(Some(Arc::clone(&published)));
        if let Some(announced) = self.announced.load_full() {
            announced.send_replace(Some(published));
        }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Situation> {
        self.situation
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what went wrong last.
    pub(crate) fn trouble(&self, what: String) {
        self.locked().last_error = Some(Failure {
            what,
            at: seconds(SystemTime::now()),
        });
    }

    pub(crate) fn update(&self, status: Status) {
        let mut situation = self.locked();
        let behind = status
            .published
            .is_none_or(|published| published < status.size);
        situation.unpublished_since = if behind {
            situation.unpublished_since.or_else(|| Some(Instant::now()))
        } else {
            None
        };
        let without_quorum = status.no_quorum_since.is_some();
        let since = situation.no_quorum_since;
        situation.no_quorum_since = without_quorum.then(|| since.unwrap_or_else(SystemTime::now));
        let state = state_of(&status);
        if state != situation.state {
            situation.state = state;
            situation.since = SystemTime::now();
        }
        situation.status = Some(status);
    }

    pub(crate) fn status(&self) -> LogStatus {
        let situation = self.locked();
        let published = self.published();
        let published_size = published.as_ref().map(|published| published.size.get());
        let status = situation.status.as_ref();
        let size = status
            .map_or(0, |status| status.size)
            .max(published_size.unwrap_or(0));
        let (queued_entries, queued_bytes) = self.intake.queued();
        LogStatus {
            origin: self.origin.clone(),
            state: situation.state,
            explanation: explain(situation.state, status),
            since: seconds(situation.since),
            size,
            published_size,
            published_root: published
                .as_ref()
                .map(|published| published.root.to_string()),
            published_at: published.as_ref().map(|published| seconds(published.time)),
            unpublished_entries: size.saturating_sub(published_size.unwrap_or(0)),
            unpublished_seconds: situation
                .unpublished_since
                .map_or(0.0, |since| since.elapsed().as_secs_f64()),
            indexed_size: self.indexed.load(std::sync::atomic::Ordering::Relaxed),
            queued_entries: (queued_entries + status.map_or(0, |status| status.queued)) as u64,
            queued_bytes: queued_bytes as u64,
            staged_blobs: status.map_or(0, |status| status.staged) as u64,
            last_error: situation.last_error.clone(),
            no_quorum_since: situation.no_quorum_since.map(seconds),
            witnesses: self
                .quorum
                .as_ref()
                .map_or_else(Vec::new, |quorum| quorum.status()),
        }
    }

    /// The size up to which everything may be served.
    pub(crate) fn published_size(&self) -> TreeSize {
        self.published
            .load()
            .as_ref()
            .map_or(TreeSize::new(0), |published| published.size)
    }
}

fn state_of(status: &Status) -> State {
    match status.phase {
        "recovering" | "asking the witnesses" => State::Starting,
        "stopped" => State::Stopped,
        _ if status.uncertain_since.is_some() => State::ReadOnly,
        _ if status.publication_trouble.is_some() => State::Unpublished,
        _ => State::Running,
    }
}

fn explain(state: State, status: Option<&Status>) -> String {
    let trouble = status
        .and_then(|status| status.publication_trouble.as_deref())
        .unwrap_or("the reason is in last_error");
    match state {
        State::Starting if status.is_some_and(|status| status.phase == "asking the witnesses") => {
            "it asks its witnesses where it stood, and goes on when those that have not answered contain no quorum; until then \
             it takes no entries and signs nothing. See witnesses and last_error".into()
        }
        State::Starting => "recovering: entries wait until the committed tree is rebuilt and checked".into(),
        State::Running => "takes entries and publishes them".into(),
        State::Unpublished => format!("takes entries, which are durable, but cannot publish them; it keeps trying: {trouble}"),
        State::ReadOnly => {
            "whether the last commit was done is unknown; it is being settled, until then no entry is acknowledged".into()
        }
        State::Stopped => "takes no entries and publishes nothing more; it serves what is published. See last_error".into(),
    }
}

/// Unix seconds, as statuses and names have them.
pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
