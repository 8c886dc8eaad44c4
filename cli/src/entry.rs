//! What the entry of a file is: its contents, or the SHA-256 of them.
//!
//! In digest mode, the default, the entry is the 32 raw bytes of SHA-256(file). With contents the entry is the file.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use counterfoil_tiles::hash::{LeafHash, hash_leaf};
use counterfoil_tiles::tile::MAX_ENTRY_SIZE;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// What of a file is the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// The 32 raw bytes of its SHA-256.
    Digest,
    /// Its contents.
    Contents,
}

/// Why a file has no entry.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EntryError {
    /// It cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// It is too long to be an entry itself.
    #[error("{} has {size} bytes, more than the {MAX_ENTRY_SIZE} that an entry can have", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: u64,
    },
    /// It is empty, and entries are not.
    #[error("{} is empty, and an entry has at least one byte", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// What is known of a file: its digest, and its contents if they could be an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject {
    /// Its size in bytes.
    pub(crate) size: u64,
    /// SHA-256 of its contents.
    pub(crate) digest: [u8; 32],
    /// Its contents, if there are no more than an entry can have.
    pub(crate) contents: Option<Bytes>,
}

impl Subject {
    /// Reads a file.
    pub(crate) fn of_file(path: &Path) -> Result<Self, EntryError> {
        let io = |error| EntryError::Io {
            path: path.to_owned(),
            error,
        };
        Self::of_reader(File::open(path).map_err(io)?).map_err(io)
    }

    /// Reads to the end. Time linear in the size; memory bounded.
    pub(crate) fn of_reader(mut reader: impl Read) -> io::Result<Self> {
        let mut hash = Sha256::new();
        let mut start = Vec::new();
        let mut buffer = vec![0; 128 << 10];
        let mut size = 0;
        loop {
            let read = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hash.update(&buffer[..read]);
            if size <= MAX_ENTRY_SIZE as u64 {
                start.extend_from_slice(&buffer[..read]);
            }
            size += read as u64;
        }
        let contents = (size <= MAX_ENTRY_SIZE as u64).then(|| Bytes::from(start));
        Ok(Self {
            size,
            digest: hash.finalize().into(),
            contents,
        })
    }

    /// The entry in a mode. `path` is for the error.
    pub(crate) fn entry(&self, mode: Mode, path: &Path) -> Result<Bytes, EntryError> {
        match (mode, &self.contents) {
            (Mode::Digest, _) => Ok(Bytes::copy_from_slice(&self.digest)),
            (Mode::Contents, Some(contents)) if contents.is_empty() => Err(EntryError::Empty {
                path: path.to_owned(),
            }),
            (Mode::Contents, Some(contents)) => Ok(contents.clone()),
            (Mode::Contents, None) => Err(EntryError::TooLong {
                path: path.to_owned(),
                size: self.size,
            }),
        }
    }

    /// The leaf hashes that the file can have in a log, each with its mode: contents first, where they are possible.
    pub(crate) fn leaves(&self) -> Vec<(Mode, LeafHash)> {
        let contents = self
            .contents
            .as_ref()
            .map(|contents| (Mode::Contents, hash_leaf(contents)));
        contents
            .into_iter()
            .chain([(Mode::Digest, hash_leaf(&self.digest))])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(bytes: &[u8]) -> Subject {
        Subject::of_reader(bytes).unwrap()
    }

    #[test]
    fn the_entry_of_a_file_is_its_digest_or_its_contents() {
        let abc = subject(b"abc");
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let path = Path::new("abc");
        assert_eq!(hex::encode(abc.entry(Mode::Digest, path).unwrap()), digest);
        assert_eq!(&abc.entry(Mode::Contents, path).unwrap()[..], b"abc");
        assert_eq!(
            abc.leaves(),
            [
                (Mode::Contents, hash_leaf(b"abc")),
                (Mode::Digest, hash_leaf(&hex::decode(digest).unwrap()))
            ]
        );
    }

    #[test]
    fn contents_are_1_to_65535_bytes() {
        let path = Path::new("file");
        for (size, fits) in [
            (0, false),
            (1, true),
            (65_535, true),
            (65_536, false),
            (1 << 20, false),
        ] {
            let subject = subject(&vec![7; size]);
            assert_eq!(subject.size, size as u64);
            assert_eq!(subject.entry(Mode::Contents, path).is_ok(), fits, "{size}");
            assert_eq!(
                subject.entry(Mode::Digest, path).unwrap().len(),
                32,
                "{size}"
            );
        }
        let error = subject(&vec![7; 65_536])
            .entry(Mode::Contents, path)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "file has 65536 bytes, more than the 65535 that an entry can have"
        );
    }
}
