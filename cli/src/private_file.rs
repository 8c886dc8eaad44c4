//! Files that only their owner may read, and files that appear whole or not at all.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// The longest file that is read as a key: an encoded ML-DSA-44 or Ed25519 seed has under 400 bytes.
const MAX_KEY_FILE_BYTES: usize = 4096;

/// Why a private file was not written or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrivateFileError {
    /// Something is there already.
    #[error("{} exists, and a key file is never overwritten", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Others may read the file.
    #[error("{} has mode {mode:04o}: others than its owner can read or write it", path.display())]
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
    /// Far longer than a key.
    #[error("{} has more than {MAX_KEY_FILE_BYTES} bytes, so it is no key or token", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// Not text.
    #[error("{} is no key or token: it is not text", path.display())]
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
pub(crate) fn create(path: &Path, text: &str) -> Result<(), PrivateFileError> {
    let io = |error| PrivateFileError::Io {
        path: path.to_owned(),
        error,
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                PrivateFileError::Exists {
                    path: path.to_owned(),
                }
            } else {
                io(error)
            }
        })?;
    file.write_all(text.as_bytes()).map_err(io)?;
    file.sync_all().map_err(io)?;
    sync_directory_of(path).map_err(io)
}

/// Reads a private file, and refuses one that others may read or write.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, PrivateFileError> {
    let io = |error| PrivateFileError::Io {
        path: path.to_owned(),
        error,
    };
    let file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(PrivateFileError::NotAFile {
            path: path.to_owned(),
        });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(PrivateFileError::Open {
            path: path.to_owned(),
            mode,
        });
    }
    // Sized once, so that growing leaves no copies of the secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_KEY_FILE_BYTES + 1));
    file.take(MAX_KEY_FILE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    if bytes.len() > MAX_KEY_FILE_BYTES {
        return Err(PrivateFileError::TooLong {
            path: path.to_owned(),
        });
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(PrivateFileError::NotText {
            path: path.to_owned(),
        }),
    }
}

/// Writes `bytes` under `path`, whole or not at all: a temporary file beside it, flushed, then renamed over it.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .prefix(".counterfoil-")
        .permissions(Permissions::from_mode(0o666)) // less the umask, as any file
        .tempfile_in(directory_of(path))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_directory_of(path)
}

/// Makes the entries of the directory of `path` durable.
pub(crate) fn sync_directory_of(path: &Path) -> io::Result<()> {
    File::open(directory_of(path))?.sync_all()
}

/// The directory that holds `path`.
pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_private_file_is_created_once_with_mode_0600_and_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        create(&path, "secret\n").unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
            0o600
        );
        assert_eq!(*read(&path).unwrap(), "secret\n");
        assert!(matches!(
            create(&path, "other"),
            Err(PrivateFileError::Exists { .. })
        ));
        assert_eq!(*read(&path).unwrap(), "secret\n");
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        create(&path, "secret\n").unwrap();
        for mode in [0o640, 0o604, 0o620, 0o610, 0o601, 0o644, 0o666] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert!(
                matches!(read(&path), Err(PrivateFileError::Open { mode: m, .. }) if m == mode),
                "{mode:o}"
            );
        }
        for mode in [0o400, 0o600] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert!(read(&path).is_ok(), "{mode:o}");
        }
    }

    #[test]
    fn what_is_not_a_key_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(
            read(directory.path()),
            Err(PrivateFileError::NotAFile { .. })
        ));
        let long = directory.path().join("long");
        create(&long, &"a".repeat(MAX_KEY_FILE_BYTES + 1)).unwrap();
        assert!(matches!(read(&long), Err(PrivateFileError::TooLong { .. })));
        assert!(matches!(
            read(&directory.path().join("absent")),
            Err(PrivateFileError::Io { .. })
        ));
    }

    #[test]
    fn replace_leaves_the_new_bytes_and_no_temporary_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
