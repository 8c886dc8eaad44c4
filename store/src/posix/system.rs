//! System errors in words, and the few system calls that everything here is made of.

use std::fmt::Display;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;

use crate::{Trouble, TroubleKind};

/// Mode of new folders, and of blobs, which nobody has a reason to write to again. The process's umask narrows both.
pub(super) const FOLDER_MODE: Mode = Mode::from_bits_retain(0o755);
pub(super) const BLOB_MODE: Mode = Mode::from_bits_retain(0o444);

/// Flags of every folder opened: a real folder, never a symbolic link to one.
pub(super) const FOLDER_FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Opens the folder `name` in `parent`. `.` gives the same folder with a descriptor of its own: a failed write-back is
/// reported once per descriptor, so two calls that must both hear of it must not share one.
pub(super) fn open_folder(parent: impl AsFd, name: &str) -> Result<File, Errno> {
    openat(parent, name, FOLDER_FLAGS, Mode::empty()).map(File::from)
}

/// The error number of a standard library call on a file.
pub(super) fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

/// What the system said, and what that means for the operator.
pub(super) fn trouble(errno: Errno, doing: impl Display) -> Trouble {
    let (kind, advice) = meaning(errno);
    Trouble::new(kind, format!("{doing}: {errno}"), advice)
}

fn meaning(errno: Errno) -> (TroubleKind, &'static str) {
    match errno {
        Errno::NOSPC => (
            TroubleKind::Full,
            "the disk is full, or out of inodes: free some space (df, df -i)",
        ),
        Errno::DQUOT => (
            TroubleKind::Full,
            "the disk quota is used up: raise it or free some space",
        ),
        Errno::FBIG => (
            TroubleKind::Full,
            "the file is larger than the process may write: raise its limit (ulimit -f)",
        ),
        Errno::ROFS => (
            TroubleKind::ReadOnly,
            "the file system is read-only: if nobody did that on purpose, the kernel did it after a disk error \
             (see dmesg): check the disk before mounting it for writing again",
        ),
        Errno::ACCESS | Errno::PERM => (
            TroubleKind::Denied,
            "check the owner and mode of the folder, and the user this process runs as",
        ),
        Errno::MFILE | Errno::NFILE => (
            TroubleKind::Busy,
            "too many files are open: raise the limit (ulimit -n)",
        ),
        Errno::NOMEM => (TroubleKind::Busy, "the system is out of memory"),
        Errno::MLINK => (
            TroubleKind::Limit,
            "the file system permits no more entries in that folder",
        ),
        Errno::XDEV => (
            TroubleKind::Limit,
            "the folder and all that is in it must be one file system: nothing may be mounted below it",
        ),
        Errno::LOOP | Errno::NOTDIR | Errno::ISDIR => (
            TroubleKind::Damaged,
            "somebody changed the store's folder by hand (a symbolic link, or a file in place of a folder): undo that",
        ),
        Errno::NOENT => (
            TroubleKind::Io,
            "the folder is gone or is being removed: see who does that",
        ),
        Errno::IO => (
            TroubleKind::Io,
            "the disk failed (see dmesg): check it before going on",
        ),
        _ => (TroubleKind::Io, "see the system's log (dmesg)"),
    }
}
