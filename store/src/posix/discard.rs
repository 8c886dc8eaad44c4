//! Discarding blobs, and the folders that this leaves empty.
//!
//! Nothing is flushed: a discarded blob that is back after a power cut does no harm, it is discarded again.

use std::fs::File;

use rustix::fs::{AtFlags, unlinkat};
use rustix::io::Errno;

use crate::{BlobName, DiscardError, TroubleKind};

use super::disk::Disk;
use super::put::split;
use super::system::{open_folder, trouble};

pub(super) fn discard(disk: &Disk, names: &[BlobName]) -> Result<(), DiscardError> {
    for name in names {
        if let Some(trouble) = disk.poisoned() {
            return Err(DiscardError::NotDone {
                name: name.clone(),
                trouble,
            });
        }
        discard_one(&disk.root, name).map_err(|errno| {
            let (name, trouble) = (name.clone(), trouble(errno, "removing its file"));
            match trouble.kind {
                TroubleKind::Io => DiscardError::Unknown { name, trouble },
                _ => DiscardError::NotDone { name, trouble },
            }
        })?;
    }
    Ok(())
}

fn discard_one(root: &File, name: &BlobName) -> Result<(), Errno> {
    let (path, last) = split(name);
    let mut walked: Vec<(File, &str)> = Vec::new();
    let mut at = open_folder(root, ".")?;
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        let next = match open_folder(&at, segment) {
            Err(Errno::NOENT) => return Ok(()),
            next => next?,
        };
        walked.push((at, segment));
        at = next;
    }
    match unlinkat(&at, last, AtFlags::empty()) {
        Ok(()) => remove_empty_folders(walked),
        Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno),
    }
    Ok(())
}

/// Removes the folders that are empty now, from the innermost outwards (a log makes a folder for each partial tile).
/// The outermost stays: making it again would cost the next blob a flush.
fn remove_empty_folders(mut walked: Vec<(File, &str)>) {
    while walked.len() > 1 {
        let Some((parent, segment)) = walked.pop() else {
            return;
        };
        // Not empty, or somebody else was here: leave it, it is only a folder.
        if unlinkat(&parent, segment, AtFlags::REMOVEDIR).is_err() {
            return;
        }
    }
}
