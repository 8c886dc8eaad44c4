//! One flush for many files.
//!
//! `syncfs` writes back everything that is dirty on a file system, so one call makes hundreds of new files durable
//! (figures in `docs/storage.md`). It is used only where it does what its name says:
//! - Linux 5.8 or later: before that it did not report failed write-backs.
//! - ext4, xfs, btrfs, f2fs, and tmpfs (where nothing is durable anyway). Elsewhere it may reach nothing: FUSE, for
//!   one, does not pass it on.
//!
//! A failed write-back is reported once to each descriptor that was open when it failed, so each call uses a descriptor
//! of its own, opened before it writes its first byte: two calls at once then both hear of it.

use std::fs::File;
use std::io;

/// From this many flushes on, one `syncfs` replaces them. Measured, it wins from two on; but it also waits for whatever
/// else is being written to that file system, so the single files that somebody waits for are flushed by themselves.
pub(super) const WHOLE_FLUSH_FROM: usize = 4;

#[cfg(target_os = "linux")]
pub(super) fn can_flush_whole(root: &File) -> bool {
    const EXT4: u64 = 0xEF53;
    const XFS: u64 = 0x5846_5342;
    const BTRFS: u64 = 0x9123_683E;
    const F2FS: u64 = 0xF2F5_2010;
    const TMPFS: u64 = 0x0102_1994;
    let kind = rustix::fs::fstatfs(root)
        .ok()
        .and_then(|facts| u64::try_from(facts.f_type).ok());
    let uname = rustix::system::uname();
    let modern = uname.release().to_str().is_ok_and(reports_failed_writes);
    modern && kind.is_some_and(|kind| matches!(kind, EXT4 | XFS | BTRFS | F2FS | TMPFS))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn can_flush_whole(_root: &File) -> bool {
    false
}

/// Whether a Linux release such as `6.1.0-18-amd64` is 5.8 or later.
#[cfg(target_os = "linux")]
fn reports_failed_writes(release: &str) -> bool {
    let mut parts = release
        .split(|c: char| !c.is_ascii_digit())
        .map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= (5, 8),
        _ => false,
    }
}

/// Flushes the file system that `descriptor` is on.
#[cfg(target_os = "linux")]
pub(super) fn flush_whole(descriptor: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(descriptor)?)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn flush_whole(_descriptor: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn releases() {
        for (release, good) in [
            ("5.8.0", true),
            ("5.10.0-28-amd64", true),
            ("6.1", true),
            ("10.0.1", true),
            ("5.7.19", false),
            ("4.19.0-26", false),
            ("", false),
            ("unknown", false),
        ] {
            assert_eq!(super::reports_failed_writes(release), good, "{release:?}");
        }
    }
}
