//! Reading and listing blobs.

use std::fs::File;
use std::io::{self, Read};

use bytes::Bytes;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fstat, openat, statat};
use rustix::io::Errno;

use crate::blob::MAX_BLOB_BYTES;
use crate::{BlobName, ReadError, Trouble, TroubleKind};

use super::disk::Disk;
use super::folders::{in_place_of_folder, kind_in_words};
use super::put::split;
use super::system::{errno, open_folder, trouble};

/// What is under a blob's name.
pub(super) enum Found {
    Nothing,
    /// A regular file, and its size.
    Blob(File, usize),
    /// A folder of blobs.
    Folder,
    /// Something that this store never makes.
    Other(&'static str),
}

pub(super) fn get(disk: &Disk, name: &BlobName) -> Result<Option<Bytes>, ReadError> {
    let failed = |trouble| ReadError::Failed {
        name: name.to_string(),
        trouble,
    };
    let damaged = |what: String, advice: &'static str| ReadError::Damaged {
        name: name.to_string(),
        trouble: Trouble::new(TroubleKind::Damaged, what, advice),
    };
    let (path, last) = split(name);
    let Some(folder) = open_path(disk, path, name.as_str())? else {
        return Ok(None);
    };
    match open_blob_in(&folder, last).map_err(|errno| failed(trouble(errno, "opening it")))? {
        Found::Nothing | Found::Folder => Ok(None),
        Found::Other(kind) => Err(damaged(
            format!("expected a regular file, found {kind}"),
            "it was put there by hand: remove it",
        )),
        Found::Blob(_, 0) => Err(damaged(
            "expected at least one byte, found an empty file".to_owned(),
            "an empty file is what a disk leaves that said it had flushed and had not: check the disk, restore the file \
             from a mirror or a backup",
        )),
        Found::Blob(_, size) if size > MAX_BLOB_BYTES => Err(damaged(
            format!("expected at most {MAX_BLOB_BYTES} bytes, found {size}"),
            "this software did not write it: restore the file from a mirror or a backup",
        )),
        Found::Blob(file, size) => {
            let bytes = read_whole(&file, size)
                .map_err(|error| failed(trouble(errno(&error), "reading it")))?;
            if bytes.len() == size {
                return Ok(Some(bytes.into()));
            }
            let what = format!("expected {size} bytes, found {} while reading", bytes.len());
            Err(damaged(
                what,
                "a blob never changes: see who writes to the file",
            ))
        }
    }
}

/// Opens the file `name` of a folder if it is a regular one. Never waits (a named pipe), never follows a link.
pub(super) fn open_blob_in(folder: &File, name: &str) -> Result<Found, Errno> {
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match openat(folder, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(Found::Nothing),
        Err(Errno::LOOP) => return Ok(Found::Other("a symbolic link")),
        // Opening a socket.
        Err(Errno::NXIO) => return Ok(Found::Other("a socket or a device")),
        Err(errno) => return Err(errno),
    };
    let facts = fstat(&file)?;
    match FileType::from_raw_mode(facts.st_mode) {
        FileType::RegularFile => Ok(Found::Blob(
            file,
            usize::try_from(facts.st_size).unwrap_or(usize::MAX),
        )),
        FileType::Directory => Ok(Found::Folder),
        other => Ok(Found::Other(kind_in_words(other))),
    }
}

/// Reads a file of `size` bytes, and one byte more if there is one, so that a wrong size shows.
pub(super) fn read_whole(file: &File, size: usize) -> io::Result<Vec<u8>> {
    let limit = size.saturating_add(1);
    let mut bytes = Vec::with_capacity(limit);
    file.take(limit as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Walks to a folder. `None` if there is none, or if a blob is in its place.
fn open_path(disk: &Disk, path: &str, wanted: &str) -> Result<Option<File>, ReadError> {
    let failed = |errno, what: &str| ReadError::Failed {
        name: wanted.to_owned(),
        trouble: trouble(errno, format_args!("opening the folder {what}")),
    };
    let mut at = open_folder(&disk.root, ".")
        .map_err(|errno| failed(errno, &disk.path.display().to_string()))?;
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        at = match open_folder(&at, segment) {
            Ok(next) => next,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno @ (Errno::NOTDIR | Errno::LOOP)) => {
                return no_folder_there(&at, segment, path, wanted, errno);
            }
            Err(errno) => return Err(failed(errno, path)),
        };
    }
    Ok(Some(at))
}

fn no_folder_there(
    parent: &File,
    segment: &str,
    path: &str,
    wanted: &str,
    errno: Errno,
) -> Result<Option<File>, ReadError> {
    let facts = statat(parent, segment, AtFlags::SYMLINK_NOFOLLOW);
    if facts.is_ok_and(|facts| FileType::from_raw_mode(facts.st_mode) == FileType::RegularFile) {
        return Ok(None);
    }
    let what = in_place_of_folder(parent, segment, path);
    Err(ReadError::Damaged {
        name: wanted.to_owned(),
        trouble: trouble(errno, format_args!("opening the folder {what}")),
    })
}

pub(super) fn list(disk: &Disk, prefix: &str) -> Result<Vec<BlobName>, ReadError> {
    let (path, _) = prefix.rsplit_once('/').unwrap_or(("", prefix));
    // What is not a name is no name's beginning; above all, `..` leads nowhere.
    if !path.is_empty() && BlobName::new(path).is_err() {
        return Ok(Vec::new());
    }
    let Some(folder) = open_path(disk, path, prefix)? else {
        return Ok(Vec::new());
    };
    let mut names = Vec::new();
    let mut folders = vec![(path.to_owned(), folder)];
    while let Some((path, folder)) = folders.pop() {
        list_folder(&path, &folder, prefix, &mut names, &mut folders).map_err(|errno| {
            ReadError::Failed {
                name: prefix.to_owned(),
                trouble: trouble(errno, format_args!("listing the folder {path}")),
            }
        })?;
    }
    names.sort_unstable();
    Ok(names)
}

/// Adds a folder's blobs to `names`, and its folders that may hold more to `folders`.
fn list_folder(
    path: &str,
    folder: &File,
    prefix: &str,
    names: &mut Vec<BlobName>,
    folders: &mut Vec<(String, File)>,
) -> Result<(), Errno> {
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let Ok(segment) = entry.file_name().to_str() else {
            continue;
        };
        let full = if path.is_empty() {
            segment.to_owned()
        } else {
            format!("{path}/{segment}")
        };
        // Not a blob's: `.`, `..`, the temporary folder, other software's files.
        let Ok(name) = BlobName::new(&full) else {
            continue;
        };
        let below = format!("{full}/");
        if !full.starts_with(prefix) && !below.starts_with(prefix) && !prefix.starts_with(&below) {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => match statat(folder, segment, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(facts) => FileType::from_raw_mode(facts.st_mode),
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(errno),
            },
            kind => kind,
        };
        if kind == FileType::Directory {
            match open_folder(folder, segment) {
                Ok(next) => folders.push((full, next)),
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(errno),
            }
        } else if full.starts_with(prefix) {
            names.push(name);
        }
    }
    Ok(())
}
