//! Blobs as files below one folder, for one machine.
//!
//! A blob's name is its path, so the folder of a log can be served as it is by any web server:
//!
//! ```text
//! <folder>/tile/0/x000/x001/234        a blob: written once, mode 0444
//! <folder>/~tmp/<process>-<n>/<n>      being written; `~` cannot occur in a blob's name
//! ```
//!
//! A blob is written and flushed under its temporary name, then linked to its final name (`link` never replaces), then
//! the folder is flushed. So a final name shows nothing or the whole blob, whatever happens. `docs/storage.md` has the
//! flushes and the reasoning; [`put`] has the order.
//!
//! No symbolic link is ever followed below the folder: names are walked one segment at a time from a descriptor that is
//! opened once.
//!
//! ```
//! use counterfoil_store::{Blob, BlobName, BlobStore, posix::PosixBlobStore};
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let folder = tempfile::tempdir()?;
//! let store = PosixBlobStore::open(folder.path())?;
//! store.put_new(&[Blob::new(BlobName::new("tile/0/000.p/1")?, vec![7; 32])]).await?;
//! assert_eq!(std::fs::read(folder.path().join("tile/0/000.p/1"))?, vec![7; 32]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod discard;
mod disk;
mod flush;
mod folders;
mod lock;
mod put;
mod read;
mod system;
mod temporary;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::blob::{check_discard, check_put};
use crate::{Blob, BlobName, BlobStore, DiscardError, PutError, ReadError, Trouble, TroubleKind};

use disk::Disk;
pub use lock::{FolderLock, LockError};

/// Blobs as files below one folder. Cheap to clone; clones share everything.
#[derive(Debug, Clone)]
pub struct PosixBlobStore {
    disk: Arc<Disk>,
}

/// Why a folder could not be opened as a store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the folder {path} could not be opened as a blob store: {trouble}")]
pub struct OpenError {
    /// The folder.
    pub path: String,
    /// Why, and what to do.
    pub trouble: Trouble,
}

impl PosixBlobStore {
    /// Opens an existing folder, and removes what writers that are no longer alive left half written.
    ///
    /// Nothing is created here (so a mistyped path is an error, and a read-only medium can be read).
    /// Several processes may have the same folder open; a server takes a [`FolderLock`] besides.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, OpenError> {
        let disk = Disk::open(folder.as_ref())?;
        temporary::Temporary::sweep(&disk.root);
        Ok(Self {
            disk: Arc::new(disk),
        })
    }

    /// Writes a *copy* of something whose truth is elsewhere (such as the published checkpoint, whose truth is a
    /// register) under a name at which nothing else is stored, replacing the copy before it.
    ///
    /// A reader sees the old or the new copy whole, also after a power cut; which of the two a power cut leaves is not
    /// promised. One flush. Never use it for a blob.
    pub async fn write_copy(&self, name: &BlobName, bytes: Bytes) -> Result<(), PutError> {
        let (disk, blob) = (Arc::clone(&self.disk), Blob::new(name.clone(), bytes));
        check_put(std::slice::from_ref(&blob))?;
        blocking(move || put::write_copy(&disk, &blob))
            .await
            .unwrap_or_else(|trouble| {
                Err(PutError::Unknown {
                    name: name.clone(),
                    trouble,
                })
            })
    }
}

/// Runs file work on tokio's blocking threads. It runs to its end even if the caller goes away.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Trouble> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        Trouble::new(
            TroubleKind::Io,
            format!("the thread doing the work ended before its end: {error}"),
            "if this was not a shutdown, it is a mistake in this program: report it",
        )
    })
}

#[async_trait]
impl BlobStore for PosixBlobStore {
    async fn put_new(&self, blobs: &[Blob]) -> Result<(), PutError> {
        check_put(blobs)?;
        let Some(first) = blobs.first() else {
            return Ok(());
        };
        let name = first.name.clone();
        let (disk, blobs) = (Arc::clone(&self.disk), blobs.to_vec());
        blocking(move || put::put_new(&disk, &blobs))
            .await
            .unwrap_or_else(|trouble| Err(PutError::Unknown { name, trouble }))
    }

    async fn get(&self, name: &BlobName) -> Result<Option<Bytes>, ReadError> {
        let (disk, wanted) = (Arc::clone(&self.disk), name.clone());
        blocking(move || read::get(&disk, &wanted))
            .await
            .unwrap_or_else(|trouble| {
                Err(ReadError::Failed {
                    name: name.to_string(),
                    trouble,
                })
            })
    }

    async fn discard(&self, names: &[BlobName]) -> Result<(), DiscardError> {
        check_discard(names)?;
        let Some(name) = names.first().cloned() else {
            return Ok(());
        };
        let (disk, names) = (Arc::clone(&self.disk), names.to_vec());
        blocking(move || discard::discard(&disk, &names))
            .await
            .unwrap_or_else(|trouble| Err(DiscardError::Unknown { name, trouble }))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<BlobName>, ReadError> {
        let (disk, wanted) = (Arc::clone(&self.disk), prefix.to_owned());
        blocking(move || read::list(&disk, &wanted))
            .await
            .unwrap_or_else(|trouble| {
                Err(ReadError::Failed {
                    name: prefix.to_owned(),
                    trouble,
                })
            })
    }
}
