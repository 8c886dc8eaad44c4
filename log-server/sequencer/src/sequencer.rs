//! The state machine's public face: what drives it and what it tells.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use counterfoil_tiles::hash::TreeSize;

use crate::commit::Commit;
use crate::discard::Discards;
use crate::full_tiles::FullTiles;
use crate::guard::Guard;
use crate::head::Head;
use crate::operation::{
    Entry, Event, Operation, OperationId, Outcome, Request, StopReason, SubmissionId, SubmitError,
    Timestamp, WriterId,
};
use crate::publication::PublicationTrack;
use crate::published::{LogKeys, Published};
use crate::queue::{Queue, Submission};
use crate::recovery::Recovery;
use crate::tree::Tree;

/// The longest entry: entry bundles carry 16-bit lengths (tlog-tiles, "Log entries").
pub(crate) const MAX_ENTRY_BYTES: usize = 65_535;

/// What an operator may set.
#[derive(Clone, Debug)]
pub struct Config {
    /// A checkpoint is published this often at most.
    pub checkpoint_interval: Duration,
    /// Entries of one round at most (a larger single submission still goes whole).
    pub max_round_entries: usize,
    /// Bytes of one round at most, likewise.
    pub max_round_bytes: usize,
    /// Entries that may wait; more are refused at once.
    pub max_queue_entries: usize,
    /// Bytes that may wait.
    pub max_queue_bytes: usize,
    /// Full tiles are stored before the next publication once the head names so many staged blobs: it keeps heads small.
    pub tile_after_staged: usize,
    /// ... or once so many full tiles and bundles wait: it keeps memory small and spreads the writing.
    pub tile_after_blobs: usize,
    /// ... or so many bytes of them. At four times as many no round starts, so that memory stays bounded while tiles cannot be
    /// written.
    pub tile_after_bytes: usize,
    /// Submitters whose entries' fate is unsettled for so long are told that it is unknown.
    pub commit_deadline: Duration,
    /// The first pause before a failed operation is tried again; it doubles.
    pub retry_min: Duration,
    /// The longest such pause.
    pub retry_max: Duration,
    /// A checkpoint that has no quorum after so long gives way to a larger one, if the log has grown.
    pub witness_deadline: Duration,
    /// An idle log asks its witnesses for newer cosignatures this often.
    pub refresh_interval: Duration,
    /// Whether a start asks the witnesses where the log stands before it acknowledges or signs.
    pub asks_witnesses_first: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            checkpoint_interval: Duration::from_secs(1),
            max_round_entries: 65_536,
            max_round_bytes: 16 << 20,
            max_queue_entries: 262_144,
            max_queue_bytes: 64 << 20,
            tile_after_staged: 128,
            tile_after_blobs: 512,
            tile_after_bytes: 32 << 20,
            commit_deadline: Duration::from_secs(5),
            retry_min: Duration::from_millis(50),
            retry_max: Duration::from_secs(2),
            witness_deadline: Duration::from_secs(10),
            refresh_interval: Duration::from_mins(10),
            asks_witnesses_first: true,
        }
    }
}

/// Pauses that double, between tries of one thing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    last: Duration,
}

impl Backoff {
    pub(crate) fn next(&mut self, config: &Config) -> Duration {
        self.last = self
            .last
            .saturating_mul(2)
            .clamp(config.retry_min, config.retry_max);
        self.last
    }
}

/// Which track waits for an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Track {
    Recovery,
    Guard,
    Commit,
    FullTiles,
    Publication,
    Discard,
}

/// Whether a step changed the state without asking for an operation, so that another step may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Made,
    None,
}

/// The head as committed, with the very bytes of its register.
#[derive(Clone, Debug)]
pub(crate) struct CommittedHead {
    pub(crate) head: Head,
    pub(crate) bytes: Bytes,
}

#[derive(Debug)]
pub(crate) enum Phase {
    Recovering(Box<Recovery>),
    /// Recovered, and not yet told by the witnesses that it may go on.
    Guarding(Guard),
    Running,
    Stopped(StopReason),
}

/// A snapshot for status pages and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// `recovering`, `asking the witnesses`, `running`, `stopped`.
    pub phase: &'static str,
    /// Entries that are durable.
    pub size: u64,
    /// The size of the published checkpoint; `None` before the first.
    pub published: Option<u64>,
    /// A size for which all tiles are durable.
    pub tiled: u64,
    /// Staged blobs that the head names.
    pub staged: usize,
    /// Entries waiting for a round.
    pub queued: usize,
    /// The head's generation.
    pub generation: u64,
    /// A commit whose outcome is unknown, since when.
    pub uncertain_since: Option<Timestamp>,
    /// Why publication does not go on, if it does not.
    pub publication_trouble: Option<String>,
    /// Since when checkpoints find no quorum of witnesses.
    pub no_quorum_since: Option<Timestamp>,
}

/// The write protocol of one log.
#[derive(Debug)]
pub struct Sequencer {
    pub(crate) config: Config,
    pub(crate) writer: WriterId,
    pub(crate) keys: LogKeys,
    pub(crate) now: Timestamp,
    pub(crate) phase: Phase,
    pub(crate) closing: bool,
    pub(crate) queue: Queue,
    pub(crate) tree: Tree,
    /// Absent until recovery has claimed the log.
    pub(crate) head: Option<CommittedHead>,
    pub(crate) published: Option<Published>,
    /// A size for which tiles are durable: at least the head's.
    pub(crate) tiled: TreeSize,
    pub(crate) commit: Commit,
    pub(crate) full_tiles: FullTiles,
    pub(crate) publication: PublicationTrack,
    pub(crate) discards: Discards,
    outbox: VecDeque<Operation>,
    events: VecDeque<Event>,
    waiting: BTreeMap<OperationId, Track>,
    next_operation: u64,
    next_submission: u64,
}

impl Sequencer {
    /// A sequencer that will recover the log from its registers and blobs. `writer` must be fresh: no two runs share one.
    pub fn new(config: Config, keys: LogKeys, writer: WriterId, now: Timestamp) -> Self {
        Self {
            config,
            writer,
            keys,
            now,
            phase: Phase::Recovering(Box::default()),
            closing: false,
            queue: Queue::default(),
            tree: Tree::new(),
            head: None,
            published: None,
            tiled: TreeSize::new(0),
            commit: Commit::Idle,
            full_tiles: FullTiles::default(),
            publication: PublicationTrack::default(),
            discards: Discards::default(),
            outbox: VecDeque::new(),
            events: VecDeque::new(),
            waiting: BTreeMap::new(),
            next_operation: 0,
            next_submission: 0,
        }
    }

    /// Queues entries; they get consecutive indexes. The answer comes as an [`Event::Answer`].
    pub fn submit(&mut self, entries: Vec<Entry>) -> Result<SubmissionId, SubmitError> {
        if let Phase::Stopped(reason) = &self.phase {
            return Err(SubmitError::Stopped {
                reason: reason.to_string(),
            });
        }
        if self.closing {
            return Err(SubmitError::Stopped {
                reason: StopReason::Closed.to_string(),
            });
        }
        if entries.is_empty()
            || entries
                .iter()
                .any(|entry| entry.bytes().len() > MAX_ENTRY_BYTES)
        {
            return Err(SubmitError::NotDurable {
                reason: format!(
                    "a submission holds entries of at most {MAX_ENTRY_BYTES} bytes, at least one"
                ),
            });
        }
        let bytes = entries.iter().fold(self.queue.bytes(), |sum, entry| {
            sum.saturating_add(entry.bytes().len())
        });
        let count = self.queue.entries().saturating_add(entries.len());
        // An empty queue takes any single submission, so that none is too large for ever.
        if !self.queue.is_empty()
            && (bytes > self.config.max_queue_bytes || count > self.config.max_queue_entries)
        {
            return Err(SubmitError::Overloaded {
                queued: self.queue.entries(),
            });
        }
        let id = SubmissionId(self.next_submission);
        self.next_submission = self.next_submission.saturating_add(1);
        self.queue.push(Submission { id, entries });
        Ok(id)
    }

    /// Tells the time. Timers are judged at the next `poll`.
    pub fn tick(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    /// The next thing to do, if there is one now.
    pub fn poll(&mut self) -> Option<Operation> {
        while self.outbox.is_empty() && self.advance() == Progress::Made {}
        self.outbox.pop_front()
    }

    /// A round could begin now: entries submitted now need not wait for one in hand.
    pub fn wants_entries(&self) -> bool {
        matches!(self.phase, Phase::Running) && self.commit.is_idle() && self.queue.is_empty()
    }

    /// Reports how an operation ended.
    pub fn complete(&mut self, id: OperationId, outcome: Outcome) {
        let Some(track) = self.waiting.remove(&id) else {
            return;
        };
        if matches!(self.phase, Phase::Stopped(_)) {
            return;
        }
        match (track, outcome) {
            (Track::Recovery, outcome) => self.complete_recovery(outcome),
            (Track::Guard, outcome) => self.complete_guard(outcome),
            (_, Outcome::Damaged(what)) => self.stop(StopReason::Damaged(what)),
            (Track::Commit, outcome) => self.complete_commit(outcome),
            (Track::FullTiles, outcome) => self.complete_full_tiles(outcome),
            (Track::Publication, outcome) => self.complete_publication(outcome),
            (Track::Discard, outcome) => self.complete_discard(&outcome),
        }
    }

    /// Takes cosignatures that came after their checkpoint had its quorum: the checkpoint in hand, or the published one, with
    /// more signatures on it. What is neither comes too late to be of use.
    pub fn cosigned_late(&mut self, note: Bytes) {
        self.take_late_cosignatures(note);
    }

    /// What happened since the last call, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When `tick` and `poll` are due if nothing else happens before.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Recovering(recovery) => return recovery.retry_at,
            Phase::Guarding(guard) => return guard.retry_at,
            Phase::Stopped(_) => return None,
            Phase::Running => {}
        }
        [
            self.commit_wakeup(),
            self.publication_wakeup(),
            self.full_tiles_wakeup(),
            self.discards.retry_at,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Takes no more entries; commits and publishes what it has, discards what that makes superfluous, then stops with [`StopReason::Closed`].
    pub fn close(&mut self) {
        self.closing = true;
    }

    /// Where things stand.
    pub fn status(&self) -> Status {
        Status {
            phase: match self.phase {
                Phase::Recovering(_) => "recovering",
                Phase::Guarding(_) => "asking the witnesses",
                Phase::Running => "running",
                Phase::Stopped(_) => "stopped",
            },
            size: self.tree.size().get(),
            published: self
                .published
                .as_ref()
                .map(|published| published.size().get()),
            tiled: self.tiled.get(),
            staged: self.head.as_ref().map_or(0, |head| head.head.staged.len()),
            queued: self.queue.entries(),
            generation: self.head.as_ref().map_or(0, |head| head.head.generation),
            uncertain_since: self.commit.uncertain_since(),
            publication_trouble: (self.publication.trouble.as_ref())
                .or(self.full_tiles.trouble.as_ref())
                .cloned(),
            no_quorum_since: self.publication.no_quorum_since,
        }
    }

    fn advance(&mut self) -> Progress {
        match self.phase {
            Phase::Stopped(_) => Progress::None,
            Phase::Recovering(_) => self.advance_recovery(),
            Phase::Guarding(_) => self.advance_guard(),
            Phase::Running => {
                self.advance_commit();
                // A checkpoint that is due takes what is full with it.
                self.advance_publication();
                self.advance_full_tiles();
                self.advance_discard();
                self.close_when_drained();
                Progress::None
            }
        }
    }

    fn close_when_drained(&mut self) {
        // A new log whose empty tree finds no quorum never takes what waits.
        let takes_no_more = self.publication.is_given_up && self.published.is_none();
        if self.closing
            && (self.queue.is_empty() || takes_no_more)
            && self.commit.is_idle()
            && self.publication.is_idle()
            && self.full_tiles.is_idle()
            && (self.everything_is_published() || self.publication.is_given_up)
            && self.discards.are_settled()
        {
            self.stop(StopReason::Closed);
        }
    }

    /// The published checkpoint covers every committed entry.
    pub(crate) fn everything_is_published(&self) -> bool {
        self.published
            .as_ref()
            .is_some_and(|published| published.size() == self.tree.size())
    }

    pub(crate) fn request(&mut self, track: Track, request: Request) {
        let id = OperationId(self.next_operation);
        self.next_operation = self.next_operation.saturating_add(1);
        self.waiting.insert(id, track);
        self.outbox.push_back(Operation { id, request });
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Stops for good: every submitter is answered, nothing more is asked for.
    pub(crate) fn stop(&mut self, reason: StopReason) {
        if matches!(self.phase, Phase::Stopped(_)) {
            return;
        }
        self.fail_round_on_stop(&reason);
        while let Some(submission) = self.queue.pop() {
            self.tell(Event::Answer {
                id: submission.id,
                result: Err(SubmitError::Stopped {
                    reason: reason.to_string(),
                }),
            });
        }
        self.outbox.clear();
        self.tell(Event::Stopped(reason.clone()));
        self.phase = Phase::Stopped(reason);
    }

    /// An outcome that does not answer what was asked: the driver is broken, and going on would be guessing.
    pub(crate) fn unexpected(&mut self, what: &str, outcome: &Outcome) {
        self.stop(StopReason::Internal(format!(
            "{what} ended with {outcome:?}"
        )));
    }
}
