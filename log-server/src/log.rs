//! The boundary between HTTP and the log: what a request may ask, and every way an answer can fail.
//!
//! HTTP knows nothing of storage, sequencing or keys; the log knows nothing of requests. Everything that crosses is a
//! value of this module, so that either side is tested without the other. [`Log`] is a trait because HTTP is tested
//! against logs that fail on demand; the log that a server runs is the one of [`crate::engine`].
//!
//! ```
//! use bytes::Bytes;
//! use counterfoil_log_server::log::Resource;
//!
//! // The tag is a strong validator (RFC 9110, section 8.8.1): the same bytes, and no others, have it.
//! let tile = Resource::new(Bytes::from_static(b"bytes of a tile"));
//! assert_eq!(tile.tag(), Resource::new(Bytes::from_static(b"bytes of a tile")).tag());
//! assert_ne!(tile.tag(), Resource::new(Bytes::from_static(b"bytes of another")).tag());
//! assert_eq!(tile.tag().len(), 34); // two quotation marks around 32 hexadecimal digits
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use counterfoil_tiles::hash::{LeafHash, LeafIndex, NodeHash, TreeSize};
use counterfoil_tiles::key::Vkey;
use counterfoil_tiles::tile::{BundleId, TileId};
use prometheus_client::registry::Registry;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The longest entry: an entry bundle gives its length in two bytes.
///
/// SPEC(tlog-tiles): "Entry bundles are sequences of big-endian uint16 length-prefixed log entries."
pub const MAX_ENTRY_BYTES: usize = 65_535;

/// One log, as HTTP sees it.
///
/// No method may wait without bound but [`add`](Log::add), whose caller keeps a deadline; a caller that goes away
/// drops the future, and entries already handed in are logged all the same.
#[async_trait]
pub trait Log: Send + Sync + 'static {
    /// The origin line of the checkpoints.
    fn origin(&self) -> &str;

    /// The keys that sign the checkpoints, the Ed25519 one first.
    fn vkeys(&self) -> &[Vkey];

    /// The trust policy as tlog-policy text, with the keys of the log.
    fn policy(&self) -> Arc<str>;

    /// Logs `entries`, all or none, and answers when they are durable.
    ///
    /// The caller has checked that there is at least one entry and that each has 1 to [`MAX_ENTRY_BYTES`] bytes. The
    /// runs are in the order of the entries and cover each of them once; a single entry gives a single run of one.
    async fn add(&self, entries: Vec<Bytes>) -> Result<Vec<Run>, AddError>;

    /// The checkpoint published last, or `None` while a new log has published none.
    fn published(&self) -> Option<Arc<Published>>;

    /// Waits until a checkpoint of at least `size` is published; `None` when `deadline` comes first.
    async fn wait_published(&self, size: TreeSize, deadline: Instant) -> Option<Arc<Published>>;

    /// A tile of a published size; `None` when no published checkpoint needs or needed such a tile, or it is gone.
    async fn tile(&self, id: TileId) -> Result<Option<Resource>, ReadError>;

    /// An entry bundle, as [`tile`](Log::tile).
    async fn bundle(&self, id: BundleId) -> Result<Option<Resource>, ReadError>;

    /// The receipt (tlog-proof text) of the entry at `index`, under the published checkpoint or the kept one of `size`.
    async fn receipt(&self, index: LeafIndex, size: Option<TreeSize>) -> Result<Bytes, ProofError>;

    /// The receipt of the entry at `index` under this signed checkpoint, which may be any that the log ever signed.
    async fn receipt_under(&self, index: LeafIndex, checkpoint: Bytes)
    -> Result<Bytes, ProofError>;

    /// The consistency proof from the tree of size `from` to that of size `to`, neither above the published size.
    async fn consistency(&self, from: TreeSize, to: TreeSize) -> Result<Vec<NodeHash>, ProofError>;

    /// At most `limit` indexes of `leaf`, ascending, those above `after` only.
    async fn lookup(
        &self,
        leaf: LeafHash,
        after: Option<LeafIndex>,
        limit: usize,
    ) -> Result<Lookup, ReadError>;

    /// What the log is doing, for `/status`, `/readyz` and the gauges of `/metrics`. Cheap: asked every few seconds.
    fn status(&self) -> LogStatus;

    /// Registers metrics of its own; called once, with a registry that labels them with the origin.
    fn register_metrics(&self, _registry: &mut Registry) {}
}

/// Consecutive indexes that entries of one submission were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Index of the first entry of the run.
    pub first: LeafIndex,
    /// Number of entries, at least one.
    pub count: u64,
}

/// Why entries were not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// The queue is full; nothing was logged.
    #[error("the log's queue is full ({queued} entries wait); nothing was logged")]
    Overloaded {
        /// Entries that wait.
        queued: u64,
        /// When to try again.
        retry_after: Duration,
    },
    /// The entries could not be made durable, and never will be; nothing was logged.
    #[error("the entries could not be made durable, nothing was logged: {reason}")]
    NotDurable {
        /// What failed.
        reason: Arc<str>,
        /// When to try again.
        retry_after: Duration,
    },
    /// It is not known whether the entries were logged.
    #[error("whether the entries were logged is not known: {reason}")]
    OutcomeUnknown {
        /// What happened.
        reason: Arc<str>,
        /// When to try again.
        retry_after: Duration,
    },
    /// The log takes no entries now: it starts, stops, or another writer holds it; nothing was logged.
    #[error("the log takes no entries now, nothing was logged: {reason}")]
    ReadOnly {
        /// Why.
        reason: Arc<str>,
        /// When to try again.
        retry_after: Duration,
    },
}

/// Why something that should be there could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// A blob is not what the tree says it must be, or is gone. It is never served.
    #[error("{blob} is damaged: {reason}")]
    Damaged {
        /// Name of the blob in the store.
        blob: String,
        /// What was expected and what is there.
        reason: String,
    },
    /// The store, or the lookup index, does not answer.
    #[error("the log cannot be read now: {reason}")]
    Unavailable {
        /// What failed.
        reason: String,
    },
}

/// Why there is no such proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The index is not in the tree asked for.
    #[error("index {index} is beyond the tree of size {size}")]
    BeyondTree {
        /// The index asked for.
        index: LeafIndex,
        /// The size of the tree.
        size: TreeSize,
    },
    /// No checkpoint of that size is published yet.
    #[error("size {size} is larger than the published size {published}")]
    BeyondPublished {
        /// The size asked for.
        size: TreeSize,
        /// The published size.
        published: TreeSize,
    },
    /// No checkpoint was signed for that size, or it is no longer kept.
    #[error(
        "no checkpoint of size {size} is kept; a receipt without ?size= is under the published one"
    )]
    NotKept {
        /// The size asked for.
        size: TreeSize,
    },
    /// The checkpoint is not one that this log signed, or is of another history.
    #[error("not a checkpoint of this log: {reason}")]
    Foreign {
        /// What was expected and what came.
        reason: String,
    },
    /// A consistency proof runs from a smaller tree to a larger one.
    #[error("from={from} is larger than to={to}")]
    Backwards {
        /// The size that should be the smaller one.
        from: TreeSize,
        /// The size that should be the larger one.
        to: TreeSize,
    },
    /// Nothing was published yet.
    #[error("the log has published no checkpoint yet")]
    NothingPublished,
    /// What the proof needs could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Verified bytes, and the tag that names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    bytes: Bytes,
    tag: Bytes,
}

impl Resource {
    /// Takes bytes that were verified. Hashes them: make it once, keep it, and clone it (which copies nothing).
    pub fn new(bytes: Bytes) -> Self {
        let digest = Sha256::digest(&bytes);
        let (half, _) = digest.split_at(16);
        let tag = Bytes::from(format!("\"{}\"", hex::encode(half)));
        Self { bytes, tag }
    }

    /// The bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// A strong entity tag, with its quotation marks.
    pub fn tag(&self) -> &Bytes {
        &self.tag
    }
}

/// A published checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The signed note.
    pub note: Resource,
    /// Its tree size.
    pub size: TreeSize,
    /// Its root hash.
    pub root: NodeHash,
    /// When it was published.
    pub time: SystemTime,
}

/// The answer to a lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// Indexes that hold the leaf, ascending.
    pub indexes: Vec<LeafIndex>,
    /// Whether there are more, above the last of `indexes`.
    pub more: bool,
    /// The index covers the entries of this tree size.
    pub indexed: TreeSize,
}

/// What a log is doing: the JSON of `/status` and the gauges of `/metrics`. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct LogStatus {
    /// The origin line of the checkpoints.
    pub origin: String,
    /// What the log can do now.
    pub state: State,
    /// The state in words: what it means and what to do.
    pub explanation: String,
    /// Since when it is in this state.
    pub since: u64,
    /// Entries that are durable.
    pub size: u64,
    /// Size of the published checkpoint.
    pub published_size: Option<u64>,
    /// Root hash of the published checkpoint, standard base64.
    pub published_root: Option<String>,
    /// When the checkpoint was published or refreshed.
    pub published_at: Option<u64>,
    /// Entries that are durable and in no published checkpoint.
    pub unpublished_entries: u64,
    /// Age of the oldest of them in seconds, 0 if there is none.
    pub unpublished_seconds: f64,
    /// The lookup index covers the entries of this size.
    pub indexed_size: u64,
    /// Entries that wait to be made durable.
    pub queued_entries: u64,
    /// Bytes that wait to be made durable.
    pub queued_bytes: u64,
    /// Staged blobs that are not in tiles yet, or not yet discarded.
    pub staged_blobs: u64,
    /// The last thing that went wrong, kept until the next.
    pub last_error: Option<Failure>,
    /// Since when checkpoints find no quorum of witnesses; none while they do.
    pub no_quorum_since: Option<u64>,
    /// What each witness of the policy answers.
    pub witnesses: Vec<WitnessStatus>,
}

/// What a log can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It recovers, or waits for its witnesses before it takes entries.
    Starting,
    /// It takes entries and publishes.
    Running,
    /// It takes entries, but cannot publish them (no quorum, or the store fails).
    Unpublished,
    /// It takes no entries: the store fails or another writer holds the log. It serves what is published.
    ReadOnly,
    /// It has stopped for good: an operator must look.
    Stopped,
}

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Failure {
    /// What, in words.
    pub what: String,
    /// When.
    pub at: u64,
}

/// What one witness answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct WitnessStatus {
    /// The name in the policy.
    pub name: String,
    /// Its answer in words.
    pub answer: String,
    /// Whether that was a cosignature.
    pub cosigns: bool,
    /// The largest size it cosigned.
    pub cosigned_size: Option<u64>,
    /// The time stamp of that cosignature.
    pub cosigned_at: Option<u64>,
    /// Since when it answers so.
    pub since: u64,
}
