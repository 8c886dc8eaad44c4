//! The folder that is open, and what is known about it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::{Trouble, TroubleKind};

use super::OpenError;
use super::flush::can_flush_whole;
use super::folders::Folders;
use super::system::trouble;
use super::temporary::Temporary;

#[derive(Debug)]
pub(super) struct Disk {
    /// For messages; nothing is opened by it after [`Disk::open`].
    pub(super) path: PathBuf,
    pub(super) root: File,
    pub(super) folders: Folders,
    pub(super) temporary: Temporary,
    /// Whether one `syncfs` may stand for many flushes.
    pub(super) whole_flush: bool,
    poison: OnceLock<String>,
}

impl Disk {
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let failed = |errno| OpenError {
            path: path.display().to_string(),
            trouble: match errno {
                rustix::io::Errno::NOENT => Trouble::new(
                    TroubleKind::Io,
                    "there is no such folder",
                    "check the path; a new store needs its folder made first",
                ),
                rustix::io::Errno::NOTDIR => {
                    Trouble::new(TroubleKind::Damaged, "it is not a folder", "check the path")
                }
                errno => trouble(errno, "opening it"),
            },
        };
        // The path itself is the operator's choice and may be a symbolic link; below it none is followed.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = File::from(openat(CWD, path, flags, Mode::empty()).map_err(failed)?);
        let whole_flush = can_flush_whole(&root);
        Ok(Self {
            path: path.to_owned(),
            root,
            folders: Folders::default(),
            temporary: Temporary::default(),
            whole_flush,
            poison: OnceLock::new(),
        })
    }

    /// After a failed flush of something under its final name the kernel may hold as clean what is not on the disk, so
    /// a later flush that succeeds proves nothing. From then on nothing is written.
    pub(super) fn poison(&self, cause: &Trouble) {
        let message = cause.what.clone();
        if self.poison.set(message).is_ok() {
            tracing::error!(
                folder = %self.path.display(), cause = %cause.what,
                "a flush failed: this blob store takes no more writes; stop the service, check the disk, \
                 unmount and mount it (a restart of the service alone leaves the kernel's copy in place), then start"
            );
        }
    }

    /// The trouble to report instead of writing, if an earlier flush failed.
    pub(super) fn poisoned(&self) -> Option<Trouble> {
        self.poison.get().map(|earlier| {
            Trouble::new(
                TroubleKind::Poisoned,
                format!("an earlier flush in {} failed ({earlier})", self.path.display()),
                "stop the service, check the disk (dmesg, smartctl), unmount and mount it, then start the service",
            )
        })
    }
}
