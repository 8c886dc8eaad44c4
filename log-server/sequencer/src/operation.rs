//! What the sequencer asks of the world, what comes back, and what it tells.
//!
//! The driver takes [`Operation`]s from `poll`, carries each out against the stores and the signer, and hands the [`Outcome`] to
//! `complete`. Operations may be carried out at the same time and may end in any order.

use bytes::Bytes;
use counterfoil_tiles::hash::{LeafHash, LeafIndex, NodeHash, TreeSize};

use crate::tree::Edge;

/// Milliseconds since the Unix epoch, as the driver's clock gives it. Only differences matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(u64);

impl Timestamp {
    /// A time in milliseconds since the Unix epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This time plus a duration, saturating.
    #[must_use]
    pub fn after(self, duration: core::time::Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)),
        )
    }
}

/// Names one writer of a log; the driver draws it at random at each start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WriterId(pub u64);

/// Names one operation that `poll` handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OperationId(pub(crate) u64);

/// Names one accepted submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubmissionId(pub(crate) u64);

/// An entry and its leaf hash. The hash is computed where the entry comes in, so that the one thread that drives the
/// sequencer does not pay for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    bytes: Bytes,
    leaf: LeafHash,
}

impl Entry {
    /// Hashes `bytes` (1 to 65,535 of them; the caller checks).
    pub fn new(bytes: Bytes) -> Self {
        let leaf = counterfoil_tiles::hash::hash_leaf(&bytes);
        Self { bytes, leaf }
    }

    /// Takes a leaf hash computed elsewhere, many at a time.
    pub const fn with_leaf_hash(bytes: Bytes, leaf: LeafHash) -> Self {
        Self { bytes, leaf }
    }

    /// The entry.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Its leaf hash.
    pub const fn leaf_hash(&self) -> LeafHash {
        self.leaf
    }
}

/// A blob to be stored under a name that nothing else has or will have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBlob {
    /// The name: a path below the log's data.
    pub name: String,
    /// The contents.
    pub bytes: Bytes,
}

/// The two compare-and-swap registers of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Register {
    /// The committed state: what is durable.
    Head,
    /// The published checkpoint, a signed note.
    Published,
}

/// One thing for the driver to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Hand this back to `complete`.
    pub id: OperationId,
    /// What to do.
    pub request: Request,
}

/// The kinds of operation, each with the outcomes that answer it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Fetch a register. [`Outcome::Fetched`], [`Outcome::Damaged`] or [`Outcome::NotDone`].
    Fetch(Register),
    /// Replace a register's value (`old` absent: create it). [`Outcome::Done`], [`Outcome::Conflict`],
    /// [`Outcome::NotDone`] or [`Outcome::Unknown`].
    Replace {
        /// Which.
        register: Register,
        /// The value it must have, byte for byte.
        old: Option<Bytes>,
        /// The value it gets.
        new: Bytes,
    },
    /// Store blobs, durably, never overwriting. [`Outcome::Done`], [`Outcome::Conflict`] (other bytes are there),
    /// [`Outcome::NotDone`] or [`Outcome::Unknown`].
    Put(Vec<NewBlob>),
    /// Read blobs from the store, not from a cache. [`Outcome::Read`], [`Outcome::Damaged`] or [`Outcome::NotDone`].
    Read(Vec<String>),
    /// List the blobs whose names begin so. [`Outcome::Listed`] or [`Outcome::NotDone`].
    List(String),
    /// Remove blobs; absent is fine. [`Outcome::Done`], [`Outcome::NotDone`] or [`Outcome::Unknown`].
    Discard(Vec<String>),
    /// Sign a checkpoint with every key of the log. [`Outcome::Signed`] or [`Outcome::NotDone`].
    Sign {
        /// Its size.
        size: TreeSize,
        /// Its root hash.
        root: NodeHash,
    },
    /// Ask the witnesses for cosignatures. [`Outcome::Cosigned`], [`Outcome::Contradicted`] or [`Outcome::NotDone`].
    Cosign {
        /// The checkpoint, a signed note, with the cosignatures that it has already.
        note: Bytes,
        /// Whom to ask.
        whom: Whom,
    },
    /// Show the witnesses where the log stands before it goes on from there (design 2, startup guard). [`Outcome::Done`],
    /// [`Outcome::Contradicted`] or [`Outcome::NotDone`].
    AskWitnesses {
        /// What is published, a signed note, if anything is.
        published: Option<Bytes>,
        /// The committed size.
        size: TreeSize,
        /// Its root hash.
        root: NodeHash,
    },
}

/// Which witnesses are asked for their cosignatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Those whose cosignature the note lacks.
    Lacking,
    /// All: newer times take the place of older ones.
    All,
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done and durable.
    Done,
    /// Definitely not done, because the register or blob holds something else.
    Conflict(String),
    /// Definitely not done, for this reason.
    NotDone(String),
    /// It may be done, may not be, or may still happen later.
    Unknown(String),
    /// What is stored there is not what was stored. No other try will help.
    Damaged(String),
    /// A register's value.
    Fetched(Option<Bytes>),
    /// Blobs, in the order asked for; absent ones as `None`.
    Read(Vec<Option<Bytes>>),
    /// Blob names.
    Listed(Vec<String>),
    /// A checkpoint signed by the log: a signed note.
    Signed(Bytes),
    /// A checkpoint with what cosignatures the witnesses gave, a quorum or not: a signed note.
    Cosigned(Bytes),
    /// The witnesses have seen another history of this log, or more of it, for this reason.
    Contradicted(String),
}

/// Why a submission was not logged, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The queue is full.
    #[error("the log's queue is full ({queued} entries waiting)")]
    Overloaded {
        /// Entries waiting.
        queued: usize,
    },
    /// Definitely not logged: the store did not take it.
    #[error("not logged: {reason}")]
    NotDurable {
        /// What the store said.
        reason: String,
    },
    /// It may have been logged and may not: look it up before submitting it again.
    #[error("the outcome is unknown: {reason}")]
    OutcomeUnknown {
        /// What the store said.
        reason: String,
    },
    /// The log takes no entries any more.
    #[error("the log takes no entries: {reason}")]
    Stopped {
        /// Why it stopped.
        reason: String,
    },
}

/// A checkpoint that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The signed note, byte for byte.
    pub note: Bytes,
    /// Its size.
    pub size: TreeSize,
    /// Its root hash.
    pub root: NodeHash,
    /// The right edge of the tree at this size, for judging tiles read from the store. Absent where another writer published.
    pub edge: Option<Edge>,
}

/// What the sequencer tells its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A submission's end: the index of its first entry once all of them are durable.
    Answer {
        /// Which.
        id: SubmissionId,
        /// How it ended.
        result: Result<LeafIndex, SubmitError>,
    },
    /// A checkpoint was published.
    Published(Publication),
    /// Recovery is complete.
    Recovered {
        /// The committed size.
        size: TreeSize,
        /// Entries replayed from staged blobs.
        replayed: u64,
    },
    /// Something an operator should know; the log goes on.
    Warning(String),
    /// The log waits for its witnesses, for this reason: it publishes nothing until they answer, or does not even take entries
    /// while they have not been asked where it stands.
    WaitsForWitnesses(String),
    /// The log has stopped for good; only a restart, after what the reason says, helps.
    Stopped(StopReason),
}

impl StopReason {
    /// A blob is there already, with other contents.
    pub(crate) fn other_bytes(what: &str) -> Self {
        Self::Damaged(format!(
            "the store holds other bytes than this tree's for a tile: {what}. Run `counterfoil log check` before anything else"
        ))
    }
}

/// Why a sequencer stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StopReason {
    /// There is no head.
    #[error(
        "the log is not initialised: its head register is empty; run `counterfoil log init`, or restore the registers from a backup"
    )]
    NotInitialised,
    /// Another writer has the head.
    #[error(
        "another writer ({writer:016x}) took over this log at generation {generation}; this one stops and does not duel. If that was not intended, find the other process before starting this one again"
    )]
    AnotherWriter {
        /// The other writer.
        writer: u64,
        /// The generation of its head.
        generation: u64,
    },
    /// What is stored is not what was stored.
    #[error("damaged: {0}")]
    Damaged(String),
    /// The published checkpoint is ahead of the head, or contradicts it.
    #[error(
        "the published checkpoint (size {published}) {contradiction} the head (size {head}): the head was restored from an old backup, or the registers belong to two histories. Do not sign anything: restore the newer head"
    )]
    PublishedAhead {
        /// The published size.
        published: u64,
        /// The head's size.
        head: u64,
        /// `is larger than` or `conflicts with`.
        contradiction: &'static str,
    },
    /// The witnesses know of more than the head, or of another history.
    #[error(
        "the log must not go on, its witnesses contradict it: {0}. (`--start-unguarded` goes on all the same)"
    )]
    Contradicted(String),
    /// The driver broke the protocol; a defect.
    #[error("internal error: {0}")]
    Internal(String),
    /// Asked to, and everything it took is answered.
    #[error("shut down")]
    Closed,
}
