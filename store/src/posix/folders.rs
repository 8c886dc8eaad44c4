//! Folders: made when needed, and remembered once they are durable.
//!
//! A blob is durable only if each folder on its path is: the entry of a folder is in its parent, which must have been
//! flushed since. A folder that this process did not flush itself may be another's, made a moment ago, so its parent is
//! flushed too. To pay for that once, folders whose whole path is flushed are remembered, as open descriptors: a
//! descriptor still names the same folder or, once that has been removed, none at all (links into it fail), even if
//! another folder has the name by then.

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{AtFlags, FileType, mkdirat, statat};
use rustix::io::Errno;

use super::system::{FOLDER_MODE, open_folder};

/// The most folders to remember. A log writes into a handful at a time.
const MAX_REMEMBERED: usize = 64;

/// How often to start over when folders vanish while they are walked. Only another process that discards at the same
/// time can cause it, and each time only by removing a folder that it found empty.
pub(super) const MAX_ATTEMPTS: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Folders {
    /// Most recently used last.
    durable: Mutex<Vec<(String, Arc<File>)>>,
}

/// A folder to link blobs into.
pub(super) struct Folder {
    pub(super) descriptor: Arc<File>,
    /// What must be flushed before a blob in the folder is durable: the folder, and each parent that is not known to be.
    /// Descriptors of this call alone.
    pub(super) to_flush: Vec<Arc<File>>,
    /// The folders that are durable once that is done.
    made_durable: Vec<(String, Arc<File>)>,
}

/// Why a folder could not be made or opened.
#[derive(Debug)]
pub(super) struct FolderError {
    pub(super) errno: Errno,
    /// The folder, and what is in its place if that is the trouble.
    pub(super) what: String,
}

impl Folders {
    /// Opens the folder at `path`, and makes it and its parents if they do not exist.
    pub(super) fn ensure(&self, root: &File, path: &str) -> Result<Folder, FolderError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let (known, folder) = self.nearest(root, path)?;
            match extend(&known, folder, path) {
                // What was remembered, or walked through, has been removed meanwhile.
                Err(error) if error.errno == Errno::NOENT && attempts < MAX_ATTEMPTS => {
                    self.forget(&known);
                }
                done => return done,
            }
        }
    }

    /// The longest remembered beginning of `path` (its folder reopened), or the root.
    fn nearest(&self, root: &File, path: &str) -> Result<(String, File), FolderError> {
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = |known: &str| {
            path.strip_prefix(known)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let best = (0..durable.len())
            .filter(|i| holds(&durable[*i].0))
            .max_by_key(|i| durable[*i].0.len());
        let Some(best) = best else {
            drop(durable);
            let again = open_folder(root, ".").map_err(|errno| FolderError {
                errno,
                what: "the store's folder".into(),
            })?;
            return Ok((String::new(), again));
        };
        let (known, folder) = durable.remove(best);
        durable.push((known.clone(), Arc::clone(&folder)));
        drop(durable);
        let again = open_folder(&folder, ".").map_err(|errno| FolderError {
            errno,
            what: known.clone(),
        });
        match again {
            Err(error) if error.errno == Errno::NOENT => {
                self.forget(&known);
                self.nearest(root, path)
            }
            again => Ok((known, again?)),
        }
    }

    /// Forgets a folder that turned out to be removed, and all below it.
    pub(super) fn forget(&self, path: &str) {
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        let below = |known: &str| {
            known
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        durable.retain(|(known, _)| !below(known));
    }

    /// Remembers the folders that are durable now that everything in `to_flush` is flushed.
    pub(super) fn remember(&self, folder: Folder) {
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        for (path, folder) in folder.made_durable {
            durable.retain(|(known, _)| *known != path);
            durable.push((path, folder));
        }
        let surplus = durable.len().saturating_sub(MAX_REMEMBERED);
        durable.drain(..surplus);
    }
}

/// Walks from the durable folder `known` to `path`, making what is not there.
fn extend(known: &str, folder: File, path: &str) -> Result<Folder, FolderError> {
    let mut at = Arc::new(folder);
    let mut to_flush = vec![Arc::clone(&at)];
    let mut made_durable = Vec::new();
    let mut walked = known.to_owned();
    let rest = path.get(known.len()..).unwrap_or_default();
    for segment in rest.split('/').filter(|segment| !segment.is_empty()) {
        if !walked.is_empty() {
            walked.push('/');
        }
        walked.push_str(segment);
        at = Arc::new(open_or_make(&at, segment, &walked)?);
        to_flush.push(Arc::clone(&at));
        made_durable.push((walked.clone(), Arc::clone(&at)));
    }
    Ok(Folder {
        descriptor: at,
        to_flush,
        made_durable,
    })
}

fn open_or_make(parent: &File, segment: &str, path: &str) -> Result<File, FolderError> {
    let failed = |errno| FolderError {
        errno,
        what: in_place_of_folder(parent, segment, path),
    };
    match open_folder(parent, segment) {
        Err(Errno::NOENT) => {}
        opened => return opened.map_err(failed),
    }
    match mkdirat(parent, segment, FOLDER_MODE) {
        Ok(()) | Err(Errno::EXIST) => open_folder(parent, segment).map_err(failed),
        Err(errno) => Err(failed(errno)),
    }
}

/// `tile/0`, or `tile/0 (a symbolic link, where a folder was expected)`.
pub(super) fn in_place_of_folder(parent: &File, segment: &str, path: &str) -> String {
    let found = statat(parent, segment, AtFlags::SYMLINK_NOFOLLOW)
        .map(|facts| FileType::from_raw_mode(facts.st_mode));
    match found {
        Ok(FileType::Directory) | Err(_) => path.to_owned(),
        Ok(other) => format!(
            "{path} ({}, where a folder was expected)",
            kind_in_words(other)
        ),
    }
}

pub(super) fn kind_in_words(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "a regular file",
        FileType::Directory => "a folder",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a named pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "something else",
    }
}
