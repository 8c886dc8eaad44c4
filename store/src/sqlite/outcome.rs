//! What SQLite's errors say about a write: definitely not done, or unknown.
//!
//! Result codes: <https://www.sqlite.org/rescode.html>. A change is one statement in its own transaction. It counts from
//! the moment its last frame is whole in the `-wal` file, and the codes taken as *not done* are those that SQLite
//! returns before that moment:
//! - BUSY, LOCKED, READONLY, CANTOPEN, PERM, AUTH: it could not begin;
//! - FULL: a frame did not fit, so the last one was not written.
//!
//! Everything else is *unknown*, above all IOERR, which a failed flush of the `-wal` file gives: the frames are written,
//! and may be there or not after a power cut.

use sqlx::Error;

use crate::{ReadError, RegisterName, Trouble, TroubleKind};

/// Primary result codes (the low byte of an extended one).
mod code {
    pub(super) const PERM: u32 = 3;
    pub(super) const BUSY: u32 = 5;
    pub(super) const LOCKED: u32 = 6;
    pub(super) const READONLY: u32 = 8;
    pub(super) const IOERR: u32 = 10;
    pub(super) const CORRUPT: u32 = 11;
    pub(super) const FULL: u32 = 13;
    pub(super) const CANTOPEN: u32 = 14;
    pub(super) const AUTH: u32 = 23;
    pub(super) const NOTADB: u32 = 26;
}

pub(super) enum Refused {
    NotDone(Trouble),
    Unknown(Trouble),
}

/// What a failed write means.
pub(super) fn refused_write(error: &Error) -> Refused {
    let trouble = trouble(error);
    match primary_code(error) {
        Some(
            code::PERM
            | code::BUSY
            | code::LOCKED
            | code::READONLY
            | code::FULL
            | code::CANTOPEN
            | code::AUTH,
        ) => Refused::NotDone(trouble),
        _ => Refused::Unknown(trouble),
    }
}

/// What a failed read means.
pub(super) fn refused_read(name: &RegisterName, error: &Error) -> ReadError {
    let (name, trouble) = (name.to_string(), trouble(error));
    match trouble.kind {
        TroubleKind::Damaged => ReadError::Damaged { name, trouble },
        _ => ReadError::Failed { name, trouble },
    }
}

/// SQLite's words, and what to do.
pub(super) fn trouble(error: &Error) -> Trouble {
    let (kind, advice) = match primary_code(error) {
        Some(code::BUSY | code::LOCKED) => (
            TroubleKind::Busy,
            "another process has held the registers' file for seconds: see which one (fuser)",
        ),
        Some(code::READONLY) => (
            TroubleKind::ReadOnly,
            "the registers' file or its file system is read-only: check its owner and mode; if nobody did that on \
             purpose, the kernel did it after a disk error (see dmesg)",
        ),
        Some(code::FULL) => (
            TroubleKind::Full,
            "the disk is full: free some space (df, df -i, quota)",
        ),
        Some(code::CANTOPEN) => (
            TroubleKind::Denied,
            "check the owner and mode of the registers' file, of its -wal and -shm files and of their folder, \
             and the number of files this process may open",
        ),
        Some(code::PERM | code::AUTH) => (
            TroubleKind::Denied,
            "check the owner and mode of the registers' file, and the user this process runs as",
        ),
        Some(code::IOERR) => (
            TroubleKind::Io,
            "the disk failed (see dmesg): check it, then start again",
        ),
        Some(code::CORRUPT | code::NOTADB) => (
            TroubleKind::Damaged,
            "the registers' file is damaged: check the disk, restore the file from a backup",
        ),
        _ => (
            TroubleKind::Io,
            "see the system's log (dmesg); if there is nothing, report this",
        ),
    };
    Trouble::new(kind, format!("SQLite: {error}"), advice)
}

fn primary_code(error: &Error) -> Option<u32> {
    let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}
