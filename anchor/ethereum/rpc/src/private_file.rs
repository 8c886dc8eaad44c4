//! Files that only their owner may read.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// The longest file that is read: a keystore has about 500 bytes.
const MAX_BYTES: usize = 16_384;

/// Why a private file was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// Others may read the file.
    #[error("{} has mode {mode:04o}: others than its owner can read or write it; chmod 600 it", path.display())]
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
    /// Longer than any keystore or password.
    #[error("{} has more than {MAX_BYTES} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// Not text.
    #[error("{} is not text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// Something is there already.
    #[error("{} exists, and a key file is never overwritten", path.display())]
    Exists {
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

/// Reads a private file, and refuses one that others may read or write.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, PrivateFileError> {
    let path_buf = || path.to_owned();
    let io = |error| PrivateFileError::Io {
        path: path_buf(),
        error,
    };
    let file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(PrivateFileError::NotAFile { path: path_buf() });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(PrivateFileError::Open {
            path: path_buf(),
            mode,
        });
    }
    // Sized once, so that growing leaves no copies of a secret behind.
    let most = MAX_BYTES.saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(most));
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() > MAX_BYTES {
        return Err(PrivateFileError::TooLong { path: path_buf() });
    }
    match core::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(PrivateFileError::NotText { path: path_buf() }),
    }
}

/// Creates a file with mode 0600, never over something that is there, and flushes it and its directory.
pub(crate) fn create(path: &Path, text: &str) -> Result<(), PrivateFileError> {
    let io = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => PrivateFileError::Exists {
            path: path.to_owned(),
        },
        _ => PrivateFileError::Io {
            path: path.to_owned(),
            error,
        },
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(path).map_err(io)?;
    file.write_all(text.as_bytes()).map_err(io)?;
    file.sync_all().map_err(io)?;
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(io)
}
