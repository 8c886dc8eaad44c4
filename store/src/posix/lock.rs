//! A lock against starting two servers on one folder by accident.
//!
//! No safety rests on it (compare-and-swap keeps two writers apart, on one machine or on two); it only turns a mistake
//! into a clear message at start. The server takes it, not the store, because what it guards is the whole data folder
//! (blobs, registers, index) and because tools may open the store beside a running server.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process;

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, ftruncate, openat};
use rustix::io::Errno;

use crate::{Trouble, TroubleKind};

use super::system::{errno, trouble};

/// The lock's file. `~` cannot occur in a blob's name.
const LOCK_FILE: &str = "~lock";

/// Held until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

/// Why the lock was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the data folder {path} could not be locked: {trouble}")]
pub struct LockError {
    /// The folder.
    pub path: String,
    /// Why, and what to do. Kind [`TroubleKind::Busy`] if another process holds it.
    pub trouble: Trouble,
}

impl FolderLock {
    /// Takes the lock of a folder, or says at once who holds it.
    pub fn take(folder: impl AsRef<Path>) -> Result<Self, LockError> {
        let folder = folder.as_ref();
        let failed = |trouble| LockError {
            path: folder.display().to_string(),
            trouble,
        };
        let system = |errno| failed(trouble(errno, format_args!("opening {LOCK_FILE} in it")));
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_bits_retain(0o644);
        let mut file =
            File::from(openat(CWD, folder.join(LOCK_FILE), flags, mode).map_err(system)?);
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                // Only for the message; a number that cannot be read leaves it empty.
                let _ = (&file).take(20).read_to_string(&mut holder);
                return Err(failed(Trouble::new(
                    TroubleKind::Busy,
                    format!("another process has it (process id {:?})", holder.trim()),
                    "a server is already running on this folder: stop it first, or give this one a folder of its own",
                )));
            }
            Err(errno) => return Err(failed(trouble(errno, format_args!("locking {LOCK_FILE}")))),
        }
        ftruncate(&file, 0).map_err(system)?;
        file.write_all(format!("{}\n", process::id()).as_bytes())
            .map_err(|error| system(errno(&error)))?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let held = FolderLock::take(folder.path()).unwrap();
        let error = FolderLock::take(folder.path()).unwrap_err();
        assert_eq!(error.trouble.kind, TroubleKind::Busy);
        assert!(
            error.to_string().contains(&process::id().to_string()),
            "{error}"
        );
        drop(held);
        FolderLock::take(folder.path()).unwrap();
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        let error = FolderLock::take(&missing).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
    }
}
