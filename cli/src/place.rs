//! Where a log is read: over HTTP, or from a directory of the same files.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use bytes::Bytes;
use counterfoil_tiles::note::MAX_NOTE_SIZE;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use url::Url;

use crate::audit::{Found, Resource};
use crate::client::{CallError, LogClient, Token};

/// Where a log is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// The URL prefix of the log.
    Http(Url),
    /// The directory that holds `checkpoint` and `tile/`.
    Directory(PathBuf),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Self::Http(url)),
            Ok(url) if url.scheme() == "file" => url
                .to_file_path()
                .map(Self::Directory)
                .map_err(|()| format!("{text} is no path: expected file:///absolute/path")),
            // A URL of another kind; one letter and a colon may be a file name.
            Ok(url) if text.contains("://") => Err(format!(
                "expected http, https, file or a directory, found the scheme {}",
                url.scheme()
            )),
            _ => Ok(Self::Directory(PathBuf::from(text))),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Http(url) => url.fmt(f),
            Self::Directory(path) => path.display().fmt(f),
        }
    }
}

/// Why a log cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceError {
    /// The directory cannot be opened.
    #[error("{} cannot be opened as the directory of a log: {error}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The log does not answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// There is no checkpoint.
    #[error("{place} has no checkpoint")]
    NoCheckpoint {
        /// Where the log should be.
        place: String,
    },
    /// The checkpoint cannot be read.
    #[error("the checkpoint in {} cannot be read: {error}", path.display())]
    Checkpoint {
        /// The directory.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
}

/// A log that is read.
#[derive(Debug)]
pub(crate) enum LogReader {
    /// Over HTTP.
    Http(LogClient),
    /// From a directory.
    Directory(Directory),
}

impl LogReader {
    /// Opens the log at a place. Nothing is asked of a server yet.
    pub(crate) fn open(place: &Place, token: Option<&Token>) -> Result<Self, PlaceError> {
        match place {
            Place::Http(url) => Ok(Self::Http(LogClient::new(url, token)?)),
            Place::Directory(path) => Ok(Self::Directory(Directory::open(path)?)),
        }
    }

    /// The bytes of the checkpoint.
    pub(crate) async fn checkpoint(&self) -> Result<Bytes, PlaceError> {
        match self {
            Self::Http(client) => {
                client
                    .find("checkpoint", MAX_NOTE_SIZE)
                    .await?
                    .ok_or_else(|| PlaceError::NoCheckpoint {
                        place: client.base().to_string(),
                    })
            }
            Self::Directory(directory) => directory.checkpoint(),
        }
    }

    /// A tile or bundle; where the partial one is gone, the full one at its place.
    pub(crate) async fn read(&self, resource: Resource) -> Found {
        match self {
            Self::Http(client) => read_http(client, resource).await,
            Self::Directory(directory) => directory.read(resource),
        }
    }
}

/// Reads a tile or bundle over HTTP; where the partial one is gone, the full one at its place.
///
/// SPEC(tlog-tiles): "Clients ... MAY fetch the full tile in parallel as a fallback in case the partial tile is not
/// available anymore."
pub(crate) async fn read_http(client: &LogClient, resource: Resource) -> Found {
    match client.find(&resource.path(), resource.limit()).await {
        Ok(Some(bytes)) => return Found::Bytes(bytes),
        Ok(None) => {}
        Err(error) => return unreadable(&error),
    }
    let Some(full) = resource.full() else {
        return Found::Missing;
    };
    match client.find(&full.path(), full.limit()).await {
        Ok(Some(bytes)) => Found::Full(bytes),
        Ok(None) => Found::Missing,
        Err(error) => unreadable(&error),
    }
}

/// An answer that is too long is an answer, and a wrong one; anything else says nothing about the resource.
fn unreadable(error: &CallError) -> Found {
    match error {
        CallError::TooLong { limit, .. } => Found::Oversized(*limit),
        other => Found::Unreadable(other.to_string()),
    }
}

/// The directory of a log, read without walking the same path again for each file.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    handle: OwnedFd,
    /// The directories that files were last opened in: neighbours lie together.
    parents: RefCell<Vec<(String, OwnedFd)>>,
    /// Bytes of the bundle read last: the next one will have about as many.
    bundle_bytes: Cell<usize>,
}

/// Directories that are kept open: one each for bundles and tiles, full and partial.
const PARENTS: usize = 4;

impl Directory {
    /// Opens a directory.
    pub(crate) fn open(path: &Path) -> Result<Self, PlaceError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| {
            PlaceError::Directory {
                path: path.to_owned(),
                error: error.into(),
            }
        })?;
        Ok(Self {
            path: path.to_owned(),
            handle,
            parents: RefCell::new(Vec::with_capacity(PARENTS)),
            bundle_bytes: Cell::new(0),
        })
    }

    fn checkpoint(&self) -> Result<Bytes, PlaceError> {
        match self.read_file("checkpoint", MAX_NOTE_SIZE, 4096) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(PlaceError::NoCheckpoint {
                place: self.path.display().to_string(),
            }),
            Err(error) => Err(PlaceError::Checkpoint {
                path: self.path.clone(),
                error,
            }),
        }
    }

    /// A tile or bundle; where the partial one is gone, the full one at its place.
    pub(crate) fn read(&self, resource: Resource) -> Found {
        match self.read_resource(resource) {
            Found::Missing => match resource.full().map(|full| self.read_resource(full)) {
                Some(Found::Bytes(bytes)) => Found::Full(bytes),
                Some(other) => other,
                None => Found::Missing,
            },
            found => found,
        }
    }

    fn read_resource(&self, resource: Resource) -> Found {
        let limit = resource.limit();
        // A byte more than a tile has, so that one read shows that there is no more.
        let guess = match resource {
            Resource::Tile(_) => limit + 1,
            Resource::Bundle(_) => self.bundle_bytes.get() + self.bundle_bytes.get() / 16 + 4096,
        };
        match self.read_file(&resource.path(), limit, guess) {
            Ok(Some(bytes)) => {
                if let Resource::Bundle(_) = resource {
                    self.bundle_bytes.set(bytes.len());
                }
                Found::Bytes(bytes)
            }
            Ok(None) => Found::Missing,
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Found::Oversized(limit),
            Err(error) => Found::Unreadable(error.to_string()),
        }
    }

    /// Opens a file, in a directory that is open already if it was opened for a file before.
    fn open_file(&self, path: &str) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let Some((parent, name)) = path.rsplit_once('/') else {
            return rustix::fs::openat(&self.handle, path, flags, Mode::empty());
        };
        let mut parents = self.parents.borrow_mut();
        if let Some((_, handle)) = parents.iter().find(|(known, _)| known == parent) {
            return rustix::fs::openat(handle, name, flags, Mode::empty());
        }
        let directory = flags | OFlags::DIRECTORY;
        let handle = rustix::fs::openat(&self.handle, parent, directory, Mode::empty())?;
        let file = rustix::fs::openat(&handle, name, flags, Mode::empty());
        if parents.len() >= PARENTS {
            parents.remove(0);
        }
        parents.push((parent.to_owned(), handle));
        file
    }

    /// The bytes of a file, at most `limit` of them; `None` if there is no such file. `guess` is how many are likely.
    fn read_file(&self, path: &str, limit: usize, guess: usize) -> io::Result<Option<Bytes>> {
        let file = match self.open_file(path) {
            Ok(file) => file,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut bytes: Vec<u8> = Vec::with_capacity(guess);
        loop {
            let room = bytes.capacity() - bytes.len();
            let read = match rustix::io::read(&file, rustix::buffer::spare_capacity(&mut bytes)) {
                Err(Errno::INTR) => continue,
                read => read?,
            };
            if bytes.len() > limit {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            // A read of a file that comes back short has met its end.
            if read < room {
                return Ok(Some(Bytes::from(bytes)));
            }
            bytes.reserve(bytes.capacity().max(4096));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use counterfoil_tiles::tile::{BundleId, TileId};

    use super::*;

    #[test]
    fn a_place_is_a_url_or_a_path() {
        let http = |text: &str| Place::Http(Url::parse(text).unwrap());
        let directory = |text: &str| Place::Directory(PathBuf::from(text));
        let rows = [
            ("https://log.example/a", Some(http("https://log.example/a"))),
            ("http://127.0.0.1:80/", Some(http("http://127.0.0.1/"))),
            ("file:///srv/log%20one", Some(directory("/srv/log one"))),
            ("/srv/log", Some(directory("/srv/log"))),
            ("log", Some(directory("log"))),
            ("a:b", Some(directory("a:b"))),
            ("ftp://log.example/", None),
        ];
        for (text, expected) in rows {
            assert_eq!(text.parse::<Place>().ok(), expected, "{text}");
        }
    }

    #[test]
    fn files_are_found_missing_or_too_long() {
        let temporary = tempfile::tempdir().unwrap();
        let write = |path: &str, bytes: &[u8]| {
            let path = temporary.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        write("tile/0/000", &[7; 8192]);
        write("tile/0/001", &[7; 8193]);
        write("tile/0/002.p/3", &[7; 96]);
        write("tile/entries/000", &vec![1; 100_000]);
        let directory = Directory::open(temporary.path()).unwrap();
        let tile = |index, width| Resource::Tile(TileId::new(0, index, width).unwrap());
        let bundle = |index, width| Resource::Bundle(BundleId::new(index, width).unwrap());
        let bytes = |byte: u8, count: usize| Bytes::from(vec![byte; count]);
        let rows = [
            ("full", tile(0, 256), Found::Bytes(bytes(7, 8192))),
            (
                "partial that is gone",
                tile(0, 5),
                Found::Full(bytes(7, 8192)),
            ),
            ("too long", tile(1, 256), Found::Oversized(8192)),
            ("partial", tile(2, 3), Found::Bytes(bytes(7, 96))),
            ("other partial", tile(2, 4), Found::Missing),
            ("missing", tile(3, 256), Found::Missing),
            (
                "bundle longer than was guessed",
                bundle(0, 256),
                Found::Bytes(bytes(1, 100_000)),
            ),
            ("missing bundle", bundle(1, 1), Found::Missing),
        ];
        for (name, resource, expected) in rows {
            assert_eq!(directory.read(resource), expected, "{name}");
        }
        assert!(matches!(
            directory.checkpoint(),
            Err(PlaceError::NoCheckpoint { .. })
        ));
        assert!(matches!(
            Directory::open(&temporary.path().join("absent")),
            Err(PlaceError::Directory { .. })
        ));
    }
}
