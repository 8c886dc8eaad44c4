//! Putting blobs: write, flush, link, flush.
//!
//! 1. Each blob is written to a temporary file, which is flushed. If that fails nothing is under a final name.
//! 2. Each is linked to its final name. A name that exists is compared: the same bytes are as good as ours, once they
//!    are flushed; others stay, and the call ends in `Conflict`.
//! 3. Each folder that got an entry is flushed.
//!
//! From [`WHOLE_FLUSH_FROM`] files (folders) on, one `syncfs` takes the place of their flushes where that is possible.

use std::collections::BTreeMap;
use std::fs::File;

use rustix::fs::{AtFlags, linkat, renameat};
use rustix::io::Errno;

use crate::blob::difference;
use crate::{Blob, BlobName, PutError, Trouble, TroubleKind};

use super::disk::Disk;
use super::flush::{WHOLE_FLUSH_FROM, flush_whole};
use super::folders::{FolderError, MAX_ATTEMPTS};
use super::read::{Found, open_blob_in, read_whole};
use super::system::{errno, open_folder, trouble};
use super::temporary::TemporaryFile;

/// A blob whose bytes are flushed under a temporary name.
struct Written<'a> {
    blob: &'a Blob,
    file: TemporaryFile,
}

pub(super) fn put_new(disk: &Disk, blobs: &[Blob]) -> Result<(), PutError> {
    let Some(first) = blobs.first() else {
        return Ok(());
    };
    if let Some(trouble) = disk.poisoned() {
        return Err(PutError::NotDone {
            name: first.name.clone(),
            trouble,
        });
    }
    let mut folders: BTreeMap<&str, Vec<Written<'_>>> = BTreeMap::new();
    for written in write_and_flush(disk, blobs)? {
        let (folder, _) = split(&written.blob.name);
        folders.entry(folder).or_default().push(written);
    }
    let whole = whole_flush(disk, folders.len(), blobs)?;
    for (folder, members) in &folders {
        link_into(disk, folder, members, whole.is_some())?;
    }
    if let Some(descriptor) = whole {
        flush_whole(&descriptor).map_err(|error| {
            let trouble = trouble(
                errno(&error),
                "flushing the new entries of the folders (syncfs)",
            );
            disk.poison(&trouble);
            PutError::Unknown {
                name: first.name.clone(),
                trouble,
            }
        })?;
    }
    match disk.poisoned() {
        // A flush of another call failed meanwhile; what it left out may be ours.
        Some(trouble) => Err(PutError::Unknown {
            name: first.name.clone(),
            trouble,
        }),
        None => Ok(()),
    }
}

/// Replaces the file `blob.name`, which is a copy and no blob: write, flush, rename.
pub(super) fn write_copy(disk: &Disk, blob: &Blob) -> Result<(), PutError> {
    if let Some(trouble) = disk.poisoned() {
        return Err(PutError::NotDone {
            name: blob.name.clone(),
            trouble,
        });
    }
    let (path, last) = split(&blob.name);
    for written in write_and_flush(disk, std::slice::from_ref(blob))? {
        let folder = disk
            .folders
            .ensure(&disk.root, path)
            .map_err(|error| no_folder(&blob.name, &error))?;
        renameat(
            written.file.folder(),
            written.file.name.as_str(),
            &*folder.descriptor,
            last,
        )
        .map_err(|errno| link_failed(blob, errno))?;
    }
    Ok(())
}

fn write_and_flush<'a>(disk: &Disk, blobs: &'a [Blob]) -> Result<Vec<Written<'a>>, PutError> {
    let whole = whole_flush(disk, blobs.len(), blobs)?;
    let mut all = Vec::with_capacity(blobs.len());
    for blob in blobs {
        let not_done = |trouble| PutError::NotDone {
            name: blob.name.clone(),
            trouble,
        };
        let (file, handle) = disk
            .temporary
            .write(&disk.root, &blob.bytes)
            .map_err(not_done)?;
        if whole.is_none() {
            handle
                .sync_all()
                .map_err(|error| bytes_not_flushed(blob, &error, "fsync"))?;
        }
        all.push(Written { blob, file });
    }
    if let (Some(descriptor), Some(first)) = (whole, blobs.first()) {
        flush_whole(&descriptor).map_err(|error| bytes_not_flushed(first, &error, "syncfs"))?;
    }
    Ok(all)
}

/// The file is given up, so a later put starts afresh; only this call's outcome is unknown.
fn bytes_not_flushed(blob: &Blob, error: &std::io::Error, how: &str) -> PutError {
    let trouble = trouble(
        errno(error),
        format_args!("flushing its bytes ({how}) before they get their name"),
    );
    PutError::Unknown {
        name: blob.name.clone(),
        trouble,
    }
}

/// A descriptor for one flush of everything, if that is better than `flushes` single ones.
fn whole_flush(disk: &Disk, flushes: usize, blobs: &[Blob]) -> Result<Option<File>, PutError> {
    let Some(first) = blobs.first() else {
        return Ok(None);
    };
    if !disk.whole_flush || flushes < WHOLE_FLUSH_FROM {
        return Ok(None);
    }
    open_folder(&disk.root, ".")
        .map(Some)
        .map_err(|errno| PutError::NotDone {
            name: first.name.clone(),
            trouble: trouble(errno, "opening the store's folder"),
        })
}

/// Links all of `members` into one folder and, unless `flushed_later`, flushes it.
fn link_into(
    disk: &Disk,
    path: &str,
    members: &[Written<'_>],
    flushed_later: bool,
) -> Result<(), PutError> {
    let Some(first) = members.first() else {
        return Ok(());
    };
    let mut linked = 0;
    for _ in 0..MAX_ATTEMPTS {
        let folder = disk
            .folders
            .ensure(&disk.root, path)
            .map_err(|error| no_folder(&first.blob.name, &error))?;
        while let Some(written) = members.get(linked) {
            match link_one(disk, &folder.descriptor, written, flushed_later) {
                Ok(()) => linked += 1,
                Err(LinkError::FolderGone) => break,
                Err(LinkError::Put(error)) => return Err(error),
            }
        }
        if linked < members.len() {
            // A discard found the folder empty and removed it. It was empty, so nothing of ours was in it.
            disk.folders.forget(path);
            continue;
        }
        if !flushed_later {
            for descriptor in folder.to_flush.iter().rev() {
                descriptor.sync_all().map_err(|error| {
                    let trouble = trouble(
                        errno(&error),
                        format_args!("flushing the folder of {path} or a parent"),
                    );
                    disk.poison(&trouble);
                    PutError::Unknown {
                        name: first.blob.name.clone(),
                        trouble,
                    }
                })?;
            }
            disk.folders.remember(folder);
        }
        return Ok(());
    }
    Err(PutError::NotDone {
        name: first.blob.name.clone(),
        trouble: Trouble::new(
            TroubleKind::Busy,
            format!(
                "the folder {path} was removed {MAX_ATTEMPTS} times while the blob was being put there"
            ),
            "see which other process works in this folder",
        ),
    })
}

enum LinkError {
    FolderGone,
    Put(PutError),
}

fn link_one(
    disk: &Disk,
    folder: &File,
    written: &Written<'_>,
    flushed_later: bool,
) -> Result<(), LinkError> {
    let blob = written.blob;
    let (_, last) = split(&blob.name);
    match linkat(
        written.file.folder(),
        written.file.name.as_str(),
        folder,
        last,
        AtFlags::empty(),
    ) {
        Ok(()) => Ok(()),
        Err(Errno::EXIST) => {
            same_or_conflict(disk, folder, blob, flushed_later).map_err(LinkError::Put)
        }
        Err(Errno::NOENT) => Err(LinkError::FolderGone),
        Err(errno) => Err(LinkError::Put(link_failed(blob, errno))),
    }
}

fn link_failed(blob: &Blob, errno: Errno) -> PutError {
    let (name, trouble) = (
        blob.name.clone(),
        trouble(errno, "giving the file its final name"),
    );
    match trouble.kind {
        TroubleKind::Io => PutError::Unknown { name, trouble },
        _ => PutError::NotDone { name, trouble },
    }
}

/// The name exists. The same bytes are fine, but their writer may have died before flushing: flush them here.
fn same_or_conflict(
    disk: &Disk,
    folder: &File,
    blob: &Blob,
    flushed_later: bool,
) -> Result<(), PutError> {
    let (_, last) = split(&blob.name);
    let conflict = |found: String| PutError::Conflict {
        name: blob.name.clone(),
        found,
    };
    let not_done = |trouble| PutError::NotDone {
        name: blob.name.clone(),
        trouble,
    };
    let (file, size) =
        match open_blob_in(folder, last).map_err(|errno| not_done(trouble(errno, "comparing")))? {
            Found::Blob(file, size) => (file, size),
            Found::Folder => return Err(conflict("a folder".to_owned())),
            Found::Other(kind) => return Err(conflict(kind.to_owned())),
            Found::Nothing => {
                let what = "a blob of that name was there, and was discarded while it was compared";
                return Err(not_done(Trouble::new(
                    TroubleKind::Busy,
                    what,
                    "put it again",
                )));
            }
        };
    if size != blob.bytes.len() {
        return Err(conflict(format!(
            "{size} bytes, ours are {}",
            blob.bytes.len()
        )));
    }
    let found =
        read_whole(&file, size).map_err(|error| not_done(trouble(errno(&error), "comparing")))?;
    if found != blob.bytes {
        return Err(conflict(difference(&found, &blob.bytes)));
    }
    if flushed_later {
        return Ok(());
    }
    file.sync_all().map_err(|error| {
        let trouble = trouble(
            errno(&error),
            "flushing the same bytes, found under its name (fsync)",
        );
        disk.poison(&trouble);
        PutError::Unknown {
            name: blob.name.clone(),
            trouble,
        }
    })
}

fn no_folder(name: &BlobName, error: &FolderError) -> PutError {
    let trouble = trouble(
        error.errno,
        format_args!("opening or making the folder {}", error.what),
    );
    PutError::NotDone {
        name: name.clone(),
        trouble,
    }
}

/// A name's folder (empty for the store's own) and last segment.
pub(super) fn split(name: &BlobName) -> (&str, &str) {
    name.as_str()
        .rsplit_once('/')
        .unwrap_or(("", name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After an input/output error the name may be in the kernel's memory or in the disk's journal.
    #[test]
    fn which_failed_links_are_definitely_not_done() {
        let blob = Blob::new(BlobName::new("a").unwrap(), &b"x"[..]);
        for errno in [
            Errno::NOSPC,
            Errno::DQUOT,
            Errno::ROFS,
            Errno::ACCESS,
            Errno::PERM,
            Errno::MLINK,
            Errno::XDEV,
        ] {
            let error = link_failed(&blob, errno);
            assert!(
                matches!(error, PutError::NotDone { .. }),
                "{errno}: {error}"
            );
        }
        for errno in [Errno::IO, Errno::INTR, Errno::STALE, Errno::TIMEDOUT] {
            let error = link_failed(&blob, errno);
            assert!(
                matches!(error, PutError::Unknown { .. }),
                "{errno}: {error}"
            );
        }
    }
}
