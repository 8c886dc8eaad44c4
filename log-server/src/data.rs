//! A log's data directory: blobs as files, registers in SQLite, the lookup index beside them.
//!
//! ```text
//! <data>/tile/...            tiles and bundles under their tlog-tiles paths, servable as they are
//! <data>/checkpoint          a copy of the published checkpoint, for static servers
//! <data>/staged/...          entries that are durable and not in tiles yet
//! <data>/checkpoints/...     recent published checkpoints, for receipts of older sizes
//! <data>/registers.sqlite    the head and the published checkpoint
//! <data>/index/              the lookup index (derived)
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use counterfoil_store::posix::{FolderLock, LockError, PosixBlobStore};
use counterfoil_store::sqlite::SqliteHeadStore;
use counterfoil_tiles::checkpoint::{CheckpointError, Origin};
use counterfoil_tiles::hash::TreeSize;
use counterfoil_tiles::key::{KeyError, SigningKey};

use crate::config::LogConfig;
use crate::engine::{
    Engine, EngineError, Examination, LogSigner, Settings, Stores, WitnessSettings, examine,
    initialise, reindex,
};
use crate::quorum_config::{self, QuorumConfigError};

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// It cannot be made.
    #[error("the data directory {} cannot be made: {source}", path.display())]
    Create {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is none.
    #[error("there is no log in {}: {missing} is missing. `counterfoil log init` makes one", path.display())]
    NoLog {
        /// The directory.
        path: PathBuf,
        /// What should be there.
        missing: &'static str,
    },
    /// Another process has it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The blobs cannot be opened.
    #[error(transparent)]
    Blobs(#[from] counterfoil_store::posix::OpenError),
    /// The registers cannot be opened.
    #[error(transparent)]
    Registers(#[from] counterfoil_store::sqlite::OpenError),
    /// The origin cannot be one.
    #[error(transparent)]
    Origin(#[from] CheckpointError),
    /// The keys cannot sign for this log.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The keys are another log's.
    #[error(
        "the key is named {name:?}, but the log's origin is {origin:?}: a log's keys are named after its origin"
    )]
    KeyName {
        /// The key's name.
        name: String,
        /// The log's origin.
        origin: String,
    },
    /// The first key must be an Ed25519 key.
    #[error(
        "the first key of a log must be an Ed25519 key: C2SP tlog-tiles wants at least one Ed25519 signature on each checkpoint"
    )]
    FirstKey,
    /// The witnesses cannot be used.
    #[error("policy: {0}")]
    Quorum(#[from] QuorumConfigError),
    /// The log refuses to start.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

const REGISTERS: &str = "registers.sqlite";
const INDEX: &str = "index";

/// A log that runs on a data directory. It holds the directory's lock.
pub struct RunningLog {
    engine: Arc<Engine>,
    _lock: FolderLock,
}

impl RunningLog {
    /// The log, for [`crate::serve`].
    pub fn engine(&self) -> Arc<Engine> {
        Arc::clone(&self.engine)
    }
}

/// Makes the data directory of a new, empty log.
pub async fn create(data: &Path) -> Result<(), DataError> {
    std::fs::create_dir_all(data).map_err(|source| DataError::Create {
        path: data.to_owned(),
        source,
    })?;
    let _lock = FolderLock::take(data)?;
    let heads = SqliteHeadStore::open(data.join(REGISTERS)).await?;
    PosixBlobStore::open(data)?;
    Ok(initialise(&heads).await?)
}

/// Opens, recovers and runs the log of a configuration.
pub async fn open(config: &LogConfig, keys: Vec<SigningKey>) -> Result<RunningLog, DataError> {
    let signer = signer(config, keys)?;
    expect_log(&config.data)?;
    let lock = FolderLock::take(&config.data)?;
    let (stores, folder) = stores(&config.data).await?;
    let settings = Settings {
        checkpoint_interval: config.checkpoint_interval,
        checkpoint_history: config.checkpoint_history,
        max_queue_entries: config.max_queue_entries,
        max_queue_bytes: config.max_queue_bytes,
        cache_bytes: config.cache_bytes,
        index: config.lookup.then(|| config.data.join(INDEX)),
        deduplicate: config.deduplicate,
        checkpoint_copy: Some(folder),
        witnesses: witnesses(config, &signer)?,
    };
    let engine = Arc::new(Engine::start(settings, signer, stores).await?);
    Ok(RunningLog {
        engine,
        _lock: lock,
    })
}

/// The configured witnesses; what an operator should think about is logged.
fn witnesses(config: &LogConfig, signer: &LogSigner) -> Result<Option<WitnessSettings>, DataError> {
    let Some(quorum) = quorum_config::load(config, signer.vkeys())? else {
        return Ok(None);
    };
    for warning in quorum.warnings {
        tracing::warn!(origin = config.origin, "{warning}");
    }
    if config.start_unguarded {
        tracing::warn!(
            origin = config.origin,
            "started unguarded: the log goes on from this data whatever its witnesses say; take start_unguarded away once it runs"
        );
    }
    Ok(Some(quorum.settings))
}

/// Whether these keys can sign for this log, and its witnesses can be asked; says what an operator should think about.
pub fn check_configuration(
    config: &LogConfig,
    keys: Vec<SigningKey>,
) -> Result<Vec<String>, DataError> {
    let signer = signer(config, keys)?;
    let quorum = quorum_config::load(config, signer.vkeys())?;
    Ok(quorum.map(|quorum| quorum.warnings).unwrap_or_default())
}

/// Would this log start, and what would it mend? Changes nothing; may run beside a server, which then may change what is read.
pub async fn check(config: &LogConfig, keys: Vec<SigningKey>) -> Result<Examination, DataError> {
    let signer = signer(config, keys)?;
    expect_log(&config.data)?;
    let (stores, _) = stores(&config.data).await?;
    Ok(examine(&signer, &stores).await?)
}

/// Rebuilds the lookup index of a log that is not running.
pub async fn rebuild_index(
    config: &LogConfig,
    keys: Vec<SigningKey>,
    progress: impl Fn(TreeSize, TreeSize),
) -> Result<TreeSize, DataError> {
    let signer = signer(config, keys)?;
    expect_log(&config.data)?;
    let _lock = FolderLock::take(&config.data)?;
    let (stores, _) = stores(&config.data).await?;
    let index = config.data.join(INDEX);
    // The whole directory goes, so that one that cannot be opened is rebuilt as well.
    match std::fs::remove_dir_all(&index) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            return Err(DataError::Create {
                path: index,
                source,
            });
        }
        _ => {}
    }
    Ok(reindex(&index, &signer, &stores, progress).await?)
}

fn signer(config: &LogConfig, keys: Vec<SigningKey>) -> Result<LogSigner, DataError> {
    let origin = Origin::new(config.origin.clone())?;
    if let Some(key) = keys
        .iter()
        .find(|key| key.name().as_str() != origin.as_str())
    {
        return Err(DataError::KeyName {
            name: key.name().to_string(),
            origin: config.origin.clone(),
        });
    }
    // SPEC(tlog-tiles): "the checkpoint MUST carry at least one Ed25519 signature by the log."
    if keys
        .first()
        .is_none_or(|key| key.algorithm() != counterfoil_tiles::key::Algorithm::Ed25519)
    {
        return Err(DataError::FirstKey);
    }
    Ok(LogSigner::new(origin, keys)?)
}

/// An absent database must not be made anew by opening it: that would look like an empty log.
fn expect_log(data: &Path) -> Result<(), DataError> {
    if data.join(REGISTERS).is_file() {
        Ok(())
    } else {
        Err(DataError::NoLog {
            path: data.to_owned(),
            missing: REGISTERS,
        })
    }
}

async fn stores(data: &Path) -> Result<(Stores, PosixBlobStore), DataError> {
    let heads = SqliteHeadStore::open(data.join(REGISTERS)).await?;
    let blobs = PosixBlobStore::open(data)?;
    Ok((
        Stores {
            blobs: Arc::new(blobs.clone()),
            heads: Arc::new(heads),
        },
        blobs,
    ))
}
