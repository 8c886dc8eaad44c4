//! An anchor's data directory.
//!
//! ```text
//! <data>/registers.sqlite    the newest round of each log
//! <data>/records/...         checkpoints and tokens: files as they are served, which nothing changes
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use counterfoil_store::posix::{FolderLock, LockError, PosixBlobStore};
use counterfoil_store::sqlite::SqliteHeadStore;

const REGISTERS: &str = "registers.sqlite";
const RECORDS: &str = "records";

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
    /// There is none. It is not made by itself: an anchor whose data vanished would not notice a fork from what it anchored.
    #[error("there is no anchor's data in {}: {REGISTERS} is missing. `counterfoil anchor init` makes a new one", path.display())]
    Absent {
        /// The directory.
        path: PathBuf,
    },
    /// There is one already.
    #[error("{} has an anchor's data already", path.display())]
    Present {
        /// The directory.
        path: PathBuf,
    },
    /// Another process has it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The records cannot be opened.
    #[error(transparent)]
    Blobs(#[from] counterfoil_store::posix::OpenError),
    /// The registers cannot be opened.
    #[error(transparent)]
    Registers(#[from] counterfoil_store::sqlite::OpenError),
}

/// An open data directory.
#[derive(Debug)]
pub struct Data {
    /// The newest rounds.
    pub heads: Arc<SqliteHeadStore>,
    /// The records.
    pub blobs: Arc<PosixBlobStore>,
    _lock: Option<FolderLock>,
}

/// Makes the data directory of a new anchor.
pub async fn create(path: &Path) -> Result<(), DataError> {
    std::fs::create_dir_all(path.join(RECORDS)).map_err(|source| DataError::Create {
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
    PosixBlobStore::open(path.join(RECORDS))?;
    Ok(())
}

/// Opens the data directory, for this process alone.
pub async fn open(path: &Path) -> Result<Data, DataError> {
    expect(path)?;
    let lock = FolderLock::take(path)?;
    stores(path, Some(lock)).await
}

/// Opens the data directory to read in it; an anchor may run beside.
pub async fn read(path: &Path) -> Result<Data, DataError> {
    expect(path)?;
    stores(path, None).await
}

async fn stores(path: &Path, lock: Option<FolderLock>) -> Result<Data, DataError> {
    Ok(Data {
        heads: Arc::new(SqliteHeadStore::open(path.join(REGISTERS)).await?),
        blobs: Arc::new(PosixBlobStore::open(path.join(RECORDS))?),
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
