//! Files that only their owner may read.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::whole::sync_directory_of;

/// Why a private file was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// Something is there already.
    #[error("{} exists, and a key file is never overwritten", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Others may read the file.
    #[error(
        "{0} has mode {mode:04o}: others than its owner can read or write it; if nobody else has read it: chmod 600 {0}",
        path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a regular file.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// Far longer than what is looked for.
    #[error("{} has more than {most} bytes, so it is not what is looked for", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most that it may have.
        most: usize,
    },
    /// Not text.
    #[error("{} is not text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
}

/// Creates `path` with mode 0600, never over something that is there, and flushes it and its directory.
pub fn create_private(path: &Path, text: &str) -> Result<(), PrivateFileError> {
    let io = |error: io::Error| {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::AlreadyExists => PrivateFileError::Exists { path },
            _ => PrivateFileError::Io { path, error },
        }
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(path).map_err(io)?;
    file.write_all(text.as_bytes()).map_err(io)?;
    file.sync_all().map_err(io)?;
    sync_directory_of(path).map_err(io)
}

/// Reads a private file of at most so many bytes, and refuses one that others may read or write.
pub fn read_private(path: &Path, most: usize) -> Result<Zeroizing<String>, PrivateFileError> {
    let named = || path.to_owned();
    let io = |error| PrivateFileError::Io {
        path: named(),
        error,
    };
    let file = open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(PrivateFileError::NotAFile { path: named() });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        let path = named();
        return Err(PrivateFileError::Open { path, mode });
    }
    // Sized once, so that growing leaves no copies of the secret behind.
    let room = most.saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    let limit = u64::try_from(room).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() > most {
        let path = named();
        return Err(PrivateFileError::TooLong { path, most });
    }
    match str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(PrivateFileError::NotText { path: named() }),
    }
}

/// Opens to read. A pipe that nobody writes to does not keep it waiting.
fn open(path: &Path) -> io::Result<File> {
    let at_once = OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new()
        .read(true)
        .custom_flags(at_once)
        .open(path)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const MOST: usize = 100;

    #[test]
    fn a_private_file_is_created_once_with_mode_0600_and_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        create_private(&path, "secret\n").unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        assert_eq!(*read_private(&path, MOST).unwrap(), "secret\n");
        let again = create_private(&path, "other");
        assert!(matches!(again, Err(PrivateFileError::Exists { .. })));
        assert_eq!(*read_private(&path, MOST).unwrap(), "secret\n");
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        create_private(&path, "secret\n").unwrap();
        for mode in [0o640, 0o604, 0o620, 0o610, 0o601, 0o644, 0o666] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let read = read_private(&path, MOST);
            let found =
                matches!(read, Err(PrivateFileError::Open { mode: found, .. }) if found == mode);
            assert!(found, "{mode:o}");
            let (error, advice) = (read.unwrap_err(), format!("chmod 600 {}", path.display()));
            assert!(error.to_string().ends_with(&advice), "{error}");
        }
        for mode in [0o400, 0o600] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert!(read_private(&path, MOST).is_ok(), "{mode:o}");
        }
    }

    #[test]
    fn what_is_not_a_private_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let pipe = path("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        for other in [directory.path(), &pipe] {
            let read = read_private(other, MOST);
            assert!(matches!(read, Err(PrivateFileError::NotAFile { .. })));
        }
        create_private(&path("most"), &"a".repeat(MOST)).unwrap();
        assert!(read_private(&path("most"), MOST).is_ok());
        let read = read_private(&path("most"), MOST - 1);
        assert!(matches!(read, Err(PrivateFileError::TooLong { .. })));
        create_private(&path("bytes"), "").unwrap();
        fs::write(path("bytes"), [0xff]).unwrap();
        let read = read_private(&path("bytes"), MOST);
        assert!(matches!(read, Err(PrivateFileError::NotText { .. })));
        let read = read_private(&path("absent"), MOST);
        assert!(matches!(read, Err(PrivateFileError::Io { .. })));
    }
}
