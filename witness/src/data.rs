//! A witness's data directory.
//!
//! ```text
//! <data>/registers.sqlite    what was cosigned last for each log
//! <data>/evidence/...        proof that logs misbehaved
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use counterfoil_store::HeadStore as _;
use counterfoil_store::posix::{FolderLock, LockError, PosixBlobStore};
use counterfoil_store::sqlite::SqliteHeadStore;

use crate::OriginHash;
use crate::record::{self, Recorded};

const REGISTERS: &str = "registers.sqlite";

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
    /// There is none. It is not made by itself: a witness whose data vanished would begin anew, and could sign other
    /// histories than those it signed before.
    #[error("there is no witness's data in {}: {REGISTERS} is missing. `counterfoil witness init` makes a new one", path.display())]
    Absent {
        /// The directory.
        path: PathBuf,
    },
    /// There is one already.
    #[error("{} has a witness's data already", path.display())]
    Present {
        /// The directory.
        path: PathBuf,
    },
    /// Another process has it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The evidence cannot be opened.
    #[error(transparent)]
    Blobs(#[from] counterfoil_store::posix::OpenError),
    /// The registers cannot be opened.
    #[error(transparent)]
    Registers(#[from] counterfoil_store::sqlite::OpenError),
}

/// An open data directory.
pub struct Data {
    /// What was cosigned.
    pub heads: Arc<SqliteHeadStore>,
    /// Evidence.
    pub blobs: Arc<PosixBlobStore>,
    _lock: Option<FolderLock>,
}

impl Data {
    /// What is recorded for a log. The error says why it cannot be read.
    pub async fn recorded(&self, log: OriginHash) -> Result<Option<Recorded>, String> {
        let register = record::register(log);
        let value = self.heads.fetch(&register).await;
        let value = value.map_err(|error| error.to_string())?;
        let recorded = value.map(|value| Recorded::parse(&value, log));
        let recorded = recorded.transpose();
        recorded.map_err(|error| format!("register {register}: {error}"))
    }
}

/// Makes the data directory of a new witness.
pub async fn create(path: &Path) -> Result<(), DataError> {
    std::fs::create_dir_all(path).map_err(|source| DataError::Create {
        path: path.to_owned(),
        source,
    })?;
    let _lock = FolderLock::take(path)?;
    if path.join(REGISTERS).exists() {
        return Err(DataError::Present {
            path: path.to_owned(),
        });
    }
    SqliteHeadStore::open(path.join(REGISTERS)).await?;
    PosixBlobStore::open(path)?;
    Ok(())
}

/// Opens the data directory, for this process alone.
pub async fn open(path: &Path) -> Result<Data, DataError> {
    expect(path)?;
    let lock = FolderLock::take(path)?;
    stores(path, Some(lock)).await
}

/// Opens the data directory to read in it; a witness may run beside.
pub async fn read(path: &Path) -> Result<Data, DataError> {
    expect(path)?;
    stores(path, None).await
}

async fn stores(path: &Path, lock: Option<FolderLock>) -> Result<Data, DataError> {
    Ok(Data {
        heads: Arc::new(SqliteHeadStore::open(path.join(REGISTERS)).await?),
        blobs: Arc::new(PosixBlobStore::open(path)?),
        _lock: lock,
    })
}

fn expect(path: &Path) -> Result<(), DataError> {
    if path.join(REGISTERS).is_file() {
        Ok(())
    } else {
        Err(DataError::Absent {
            path: path.to_owned(),
        })
    }
}
