//! Files that are being written.
//!
//! Each open store has a folder of its own, `~tmp/<process>-<n>`, and holds a lock (`flock`) on it for as long as it
//! lives; the kernel drops the lock when the process dies, however it dies. So whoever opens the store can tell what
//! the dead left behind, removes that, and touches nothing of the living.

use std::ffi::CStr;
use std::fs::File;
use std::io::Write;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{
    AtFlags, Dir, FlockOperation, Mode, OFlags, flock, fstat, mkdirat, openat, unlinkat,
};
use rustix::io::Errno;

use crate::Trouble;

use super::system::{BLOB_MODE, FOLDER_MODE, errno, open_folder, trouble};

/// The folder of all temporary folders. `~` cannot occur in a blob's name.
pub(super) const TEMPORARY: &str = "~tmp";

/// How many names to try for a folder of one's own. Names are taken only by processes that had the same id.
const MAX_FOLDER_NAMES: u32 = 10_000;

#[derive(Debug, Default)]
pub(super) struct Temporary {
    own: Mutex<Option<Arc<Own>>>,
}

/// The temporary folder of this store, made at its first write.
#[derive(Debug)]
struct Own {
    parent: File,
    name: String,
    /// Holds the lock.
    folder: File,
    next: AtomicU64,
}

impl Drop for Own {
    fn drop(&mut self) {
        // If it fails, the next store to open finds it.
        let _ = unlinkat(&self.parent, self.name.as_str(), AtFlags::REMOVEDIR);
    }
}

/// A file that is being written. Its name is removed when it is dropped; a blob linked from it stays.
pub(super) struct TemporaryFile {
    own: Arc<Own>,
    pub(super) name: String,
}

impl TemporaryFile {
    pub(super) fn folder(&self) -> &File {
        &self.own.folder
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // If it fails, the next store to open finds it. After a rename there is nothing to remove.
        let _ = unlinkat(&self.own.folder, self.name.as_str(), AtFlags::empty());
    }
}

impl Temporary {
    /// Writes `bytes` to a new temporary file. Nothing is flushed yet.
    pub(super) fn write(
        &self,
        root: &File,
        bytes: &[u8],
    ) -> Result<(TemporaryFile, File), Trouble> {
        let failed = |errno| {
            trouble(
                errno,
                format_args!("writing {} bytes to a file in {TEMPORARY}", bytes.len()),
            )
        };
        let (guard, mut file) = match self.create(root) {
            // Somebody removed the folder: make another, once.
            Err(Errno::NOENT) => {
                *self.own.lock().unwrap_or_else(PoisonError::into_inner) = None;
                self.create(root).map_err(failed)?
            }
            created => created.map_err(failed)?,
        };
        file.write_all(bytes)
            .map_err(|error| failed(errno(&error)))?;
        Ok((guard, file))
    }

    fn create(&self, root: &File) -> Result<(TemporaryFile, File), Errno> {
        let own = self.own(root)?;
        let name = own.next.fetch_add(1, Ordering::Relaxed).to_string();
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&own.folder, name.as_str(), flags, BLOB_MODE)?;
        Ok((TemporaryFile { own, name }, File::from(file)))
    }

    fn own(&self, root: &File) -> Result<Arc<Own>, Errno> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = &*own {
            return Ok(Arc::clone(own));
        }
        let made = Arc::new(make_own(root)?);
        *own = Some(Arc::clone(&made));
        Ok(made)
    }

    /// Removes what the dead left behind. Trouble is logged, not returned: leftovers cost only space.
    pub(super) fn sweep(root: &File) {
        let parent = match open_folder(root, TEMPORARY) {
            Ok(parent) => parent,
            Err(Errno::NOENT) => return,
            Err(errno) => {
                return tracing::warn!(
                    "temporary files of earlier runs were not looked for: {errno}"
                );
            }
        };
        if let Err(errno) = sweep_folders(&parent) {
            tracing::warn!(
                "temporary files of earlier runs were not removed: {errno}; they cost space, nothing else"
            );
        }
    }
}

fn make_own(root: &File) -> Result<Own, Errno> {
    match mkdirat(root, TEMPORARY, FOLDER_MODE) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    let parent = open_folder(root, TEMPORARY)?;
    for n in 0..MAX_FOLDER_NAMES {
        let name = format!("{}-{n}", process::id());
        match mkdirat(&parent, name.as_str(), Mode::from_bits_retain(0o700)) {
            Ok(()) => {}
            Err(Errno::EXIST) => continue,
            Err(errno) => return Err(errno),
        }
        // Until the lock is held, a sweeper may take the folder for a dead one's.
        let folder = match open_folder(&parent, &name) {
            Err(Errno::NOENT) => continue,
            opened => opened?,
        };
        match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) if fstat(&folder)?.st_nlink > 0 => {
                return Ok(Own {
                    parent,
                    name,
                    folder,
                    next: AtomicU64::new(0),
                });
            }
            Ok(()) | Err(Errno::WOULDBLOCK) => {}
            Err(errno) => return Err(errno),
        }
    }
    Err(Errno::EXIST)
}

fn sweep_folders(parent: &File) -> Result<(), Errno> {
    for entry in Dir::read_from(parent)? {
        let entry = entry?;
        let name = entry.file_name();
        if is_dots(name) {
            continue;
        }
        let folder = match openat(parent, name, super::system::FOLDER_FLAGS, Mode::empty()) {
            Ok(folder) => File::from(folder),
            Err(Errno::NOENT) => continue,
            Err(errno) => return Err(errno),
        };
        match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            // Alive.
            Err(Errno::WOULDBLOCK) => continue,
            Err(errno) => return Err(errno),
        }
        for leftover in Dir::read_from(&folder)? {
            let leftover = leftover?;
            if !is_dots(leftover.file_name()) {
                absent_is_fine(unlinkat(&folder, leftover.file_name(), AtFlags::empty()))?;
            }
        }
        absent_is_fine(unlinkat(parent, name, AtFlags::REMOVEDIR))?;
    }
    Ok(())
}

fn is_dots(name: &CStr) -> bool {
    matches!(name.to_bytes(), b"." | b"..")
}

fn absent_is_fine(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(Errno::NOENT) => Ok(()),
        result => result,
    }
}
