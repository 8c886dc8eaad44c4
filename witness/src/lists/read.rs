//! Reading the files, and noticing that they changed.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{CombineError, Combined, ListError, MAX_LIST_BYTES, combine, parse};

/// Why the lists cannot be used. The set that was read before stays.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file cannot be read.
    #[error("{}: {error}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// A file is too large.
    #[error("{}: expected at most {MAX_LIST_BYTES} bytes, got more", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
    },
    /// A file is no list.
    #[error("{}: {error}", file.display())]
    List {
        /// The file.
        file: PathBuf,
        /// The line, and what is wrong with it.
        error: ListError,
    },
    /// The files do not go together.
    #[error(transparent)]
    Combine(#[from] CombineError),
}

/// What shows that a file changed without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp(Vec<Option<[i64; 4]>>);

impl Stamp {
    /// Of the files as they are; one that cannot be looked at has a stamp too.
    pub fn of(files: &[PathBuf]) -> Self {
        let one = |file: &PathBuf| {
            let metadata = fs::metadata(file).ok()?;
            let (inode, size) = (metadata.ino().cast_signed(), metadata.size().cast_signed());
            Some([inode, size, metadata.mtime(), metadata.mtime_nsec()])
        };
        Self(files.iter().map(one).collect())
    }
}

/// The logs of files, and the stamp that the files had before they were read.
#[derive(Debug)]
pub struct Listing {
    /// The logs, and what was overruled.
    pub combined: Combined,
    /// The stamp.
    pub stamp: Stamp,
}

/// Reads all files. Blocks; time and memory linear in their size.
pub fn read(files: &[PathBuf]) -> Result<Listing, ReadError> {
    let stamp = Stamp::of(files);
    let lists = files.iter().map(|file| Ok((file.clone(), read_one(file)?)));
    let lists: Vec<_> = lists.collect::<Result<_, ReadError>>()?;
    let combined = combine(&lists)?;
    Ok(Listing { combined, stamp })
}

fn read_one(file: &Path) -> Result<Vec<super::Listed>, ReadError> {
    let io = |error| ReadError::Io {
        file: file.to_owned(),
        error,
    };
    let mut bytes = Vec::new();
    let opened = File::open(file).map_err(io)?;
    opened
        .take(MAX_LIST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    if bytes.len() as u64 > MAX_LIST_BYTES {
        return Err(ReadError::TooLarge {
            file: file.to_owned(),
        });
    }
    parse(&bytes).map_err(|error| ReadError::List {
        file: file.to_owned(),
        error,
    })
}
