//! Starting a log, and making a new one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use counterfoil_sequencer::head::Head;
use counterfoil_sequencer::published::{Published, PublishedError};
use counterfoil_sequencer::{Config, Register, Sequencer, StopReason, Timestamp, WriterId};
use counterfoil_store::posix::PosixBlobStore;
use counterfoil_store::{HeadStore, ReplaceError};
use counterfoil_tiles::hash::TreeSize;
use counterfoil_tiles::key::{KeyError, Vkey};
use counterfoil_tiles::policy::{Policy, PolicyError};
use tokio::sync::{mpsc, oneshot, watch};

use super::deduplication::Deduplication;
use super::driver::Driver;
use super::guard::{self, GuardError};
use super::history::History;
use super::index::{Index, IndexError};
use super::intake::Intake;
use super::quorum::{Quorum, WitnessGuard, WitnessSettings};
use super::reader::Reader;
use super::shared::Shared;
use super::stores::{LogSigner, Stores, register_name};
use super::{Engine, follow};
use crate::witnesses::WitnessesError;

/// What a log needs besides its stores and keys.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A checkpoint is published this often at most.
    pub checkpoint_interval: Duration,
    /// How long older checkpoints are kept for receipts.
    pub checkpoint_history: Duration,
    /// Entries and bytes that may wait to be made durable.
    pub max_queue_entries: usize,
    /// See `max_queue_entries`.
    pub max_queue_bytes: usize,
    /// Memory for tiles and bundles.
    pub cache_bytes: usize,
    /// Where the lookup index lives; without it there are no lookups.
    pub index: Option<PathBuf>,
    /// Answer entries that are in the log already with their index; needs the lookup index.
    pub deduplicate: bool,
    /// Where the file `checkpoint` goes, a copy of the published checkpoint for static servers.
    pub checkpoint_copy: Option<PosixBlobStore>,
    /// The witnesses whose cosignatures a checkpoint needs; without any it is published with the log's signature alone.
    pub witnesses: Option<WitnessSettings>,
}

/// Why a log does not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The write protocol refuses.
    #[error(transparent)]
    Refused(#[from] StopReason),
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The keys make no policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The witnesses cannot be asked.
    #[error(transparent)]
    Witnesses(#[from] WitnessesError),
    /// The policy is about another log.
    #[error(
        "the policy has no `log` line with this log's key; whoever verifies by it would refuse what this log signs: add `log {0}`"
    )]
    PolicyOfAnotherLog(Box<Vkey>),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] counterfoil_store::ReadError),
    /// The register could not be made.
    #[error(transparent)]
    Register(#[from] ReplaceError),
    /// There is a log already.
    #[error("there is a log in this store already; nothing was changed")]
    Exists,
    /// The lookup index cannot be used.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The published register does not hold a checkpoint of this log.
    #[error("the published register: {0}")]
    Published(#[from] PublishedError),
    /// A tile cannot be served.
    #[error(transparent)]
    Tile(#[from] crate::log::ReadError),
    /// The lookup index could not be rebuilt.
    #[error("the lookup index could not be rebuilt: {0}")]
    Reindex(String),
    /// Deduplication asks the lookup index.
    #[error("deduplicate = true needs the lookup index: set lookup = true")]
    DeduplicationNeedsIndex,
}

impl From<GuardError> for EngineError {
    fn from(error: GuardError) -> Self {
        match error {
            GuardError::Behind(reason) => Self::Refused(reason),
            GuardError::Read(error) => Self::Store(error),
        }
    }
}

/// Makes the registers of a new, empty log. The first start publishes its empty tree.
pub async fn initialise(heads: &dyn HeadStore) -> Result<(), EngineError> {
    let head = register_name(Register::Head);
    match heads.create(&head, Head::empty(WriterId(0)).encode()).await {
        Err(ReplaceError::Conflict { .. }) => Err(EngineError::Exists),
        other => Ok(other?),
    }
}

impl Engine {
    /// Recovers the log and runs it. Returns once it is recovered and has a published checkpoint; an error means that it refuses to run and has changed nothing
    /// but the writer in its head.
    pub async fn start(
        settings: Settings,
        signer: LogSigner,
        stores: Stores,
    ) -> Result<Self, EngineError> {
        let mut keys = signer.log_keys()?;
        let (policy, quorum, late) = if let Some(witnesses) = &settings.witnesses {
            let policy = Arc::clone(&witnesses.policy);
            is_about(&policy, &signer)?;
            keys = keys.with_policy(Arc::clone(&policy))?;
            let (quorum, late) = Quorum::new(witnesses, signer.vkeys(), Arc::clone(&stores.blobs))?;
            (policy, Some(Arc::new(quorum)), late)
        } else {
            let policy = Policy::without_quorum(signer.vkeys().iter().cloned())?;
            (Arc::new(policy), None, mpsc::channel(1).1)
        };
        let signer = Arc::new(signer);
        let history =
            Arc::new(History::open(Arc::clone(&stores.blobs), settings.checkpoint_history).await?);
        guard::check(&stores, &keys, &history).await?;
        let index = settings
            .index
            .as_deref()
            .map(|path| Index::open(path, signer.origin().as_str()))
            .transpose()?;
        let deduplication = match (&index, settings.deduplicate) {
            (Some(index), true) => Some(Deduplication::new(index.clone())),
            (None, true) => return Err(EngineError::DeduplicationNeedsIndex),
            (_, false) => None,
        };
        let shared = Arc::new(Shared::new(
            signer.origin().as_str().to_owned(),
            Intake::new(settings.max_queue_entries, settings.max_queue_bytes),
            Reader::new(Arc::clone(&stores.blobs), settings.cache_bytes),
            quorum.clone(),
        ));
        let mut tasks = vec![tokio::spawn(follow::record(
            Arc::clone(&shared),
            Arc::clone(&history),
            settings.checkpoint_copy.clone(),
        ))];
        let config = Config {
            checkpoint_interval: settings.checkpoint_interval,
            // The intake has let in what comes here, all that it holds at once, and at the end once more.
            max_queue_entries: settings.max_queue_entries.saturating_mul(2),
            max_queue_bytes: settings.max_queue_bytes.saturating_mul(2),
            ..sequencer_config(settings.witnesses.as_ref())
        };
        let (up, is_up) = oneshot::channel();
        let (closing, closed) = watch::channel(false);
        let driver = Driver {
            sequencer: Sequencer::new(
                config,
                keys.clone(),
                WriterId(rand::random()),
                Timestamp::default(),
            ),
            stores,
            signer: Arc::clone(&signer),
            shared: Arc::clone(&shared),
            up: Some(up),
            closing: closed,
            is_closing: false,
            answers: std::collections::HashMap::new(),
            quorum,
            late,
        };
        tasks.push(tokio::spawn(driver.run()));
        is_up.await.unwrap_or_else(|_| {
            Err(StopReason::Internal(
                "the driver ended during recovery".into(),
            ))
        })?;
        if let Some(index) = index.clone() {
            if index.indexed()? > shared.published_size() {
                tracing::warn!(
                    "the lookup index is ahead of the log (an old backup?); it is rebuilt"
                );
                index.begin_anew(signer.origin().as_str())?;
            }
            tasks.push(tokio::spawn(follow::index(Arc::clone(&shared), index)));
        }
        let policy = String::from_utf8_lossy(&policy.encode())
            .into_owned()
            .into();
        Ok(Self {
            shared,
            signer,
            keys,
            policy,
            history,
            index,
            deduplication,
            closing,
            tasks: tasks.into(),
        })
    }
}

/// Whoever verifies by the policy must accept every key that signs.
fn is_about(policy: &Policy, signer: &LogSigner) -> Result<(), EngineError> {
    let has = |vkey: &&Vkey| policy.log_keys().any(|log| log.vkey() == *vkey);
    match signer.vkeys().iter().find(|vkey| !has(vkey)) {
        Some(missing) => Err(EngineError::PolicyOfAnotherLog(Box::new(missing.clone()))),
        None => Ok(()),
    }
}

fn sequencer_config(witnesses: Option<&WitnessSettings>) -> Config {
    let default = Config::default();
    match witnesses {
        Some(witnesses) => Config {
            witness_deadline: witnesses.deadline,
            refresh_interval: witnesses.refresh_interval,
            asks_witnesses_first: witnesses.guard == WitnessGuard::On,
            ..default
        },
        None => default,
    }
}

/// Builds the lookup index anew from the tiles of the published tree, which are verified on the way. `progress` hears the indexed
/// size and the size to reach. The log must not be running: the index has one writer.
pub async fn reindex(
    path: &std::path::Path,
    signer: &LogSigner,
    stores: &Stores,
    progress: impl Fn(TreeSize, TreeSize),
) -> Result<TreeSize, EngineError> {
    let index = Index::open(path, signer.origin().as_str())?;
    index.begin_anew(signer.origin().as_str())?;
    let Some(register) = stores
        .heads
        .fetch(&register_name(Register::Published))
        .await?
    else {
        return Ok(TreeSize::new(0));
    };
    let published = Published::from_register(&signer.log_keys()?, &register)?;
    let reader = Reader::new(Arc::clone(&stores.blobs), REINDEX_CACHE_BYTES);
    reader
        .trust(published.size(), published.root(), None)
        .await?;
    let mut indexed = TreeSize::new(0);
    while indexed < published.size() {
        indexed = follow::catch_up(&reader, &index, indexed, published.size())
            .await
            .map_err(EngineError::Reindex)?;
        progress(indexed, published.size());
    }
    Ok(indexed)
}

/// Memory for tiles while reindexing: each level-0 tile is read once, those above many times.
const REINDEX_CACHE_BYTES: usize = 16 << 20;
