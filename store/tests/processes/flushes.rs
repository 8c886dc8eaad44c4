//! Counting flushes, as `docs/storage.md` states them.

use std::path::Path;

use crate::support::{Process, without_strace};

const TRACED: &str = "trace=write,fsync,fdatasync,syncfs,sync,sync_file_range,msync";

/// Runs commands after others that warm up, and returns the flushes that they made.
fn flushes(folder: &Path, warm_up: &[&str], commands: &[&str]) -> Vec<String> {
    let trace = folder.join("trace");
    let mut process = Process::start_traced(["-y", "-e", TRACED, "-o", trace.to_str().unwrap()]);
    let data = folder.join("data");
    std::fs::create_dir_all(&data).unwrap();
    process.open_blobs(&data);
    process.open_registers(&data.join("registers.sqlite"));
    for command in warm_up.iter().chain(commands) {
        process.must(command);
    }
    process.end();
    let trace = std::fs::read_to_string(&trace).unwrap();
    // Each answer is one write to the standard output.
    let mut answers = 0;
    let of_commands = trace.lines().skip_while(|line| {
        answers += usize::from(line.contains("write(1<"));
        answers < 2 + warm_up.len()
    });
    // What comes after the last answer belongs to the end of the process.
    let mut answers = 0;
    of_commands
        .skip(1)
        .take_while(|line| {
            answers += usize::from(line.contains("write(1<"));
            answers < commands.len()
        })
        .filter(|line| line.contains("sync(") || line.contains("syncfs("))
        .map(ToOwned::to_owned)
        .collect()
}

/// The file, its folder, the registers' write-ahead log: nothing else.
pub(crate) fn lone_add_is_three() -> Option<String> {
    if let Some(reason) = without_strace() {
        return Some(reason);
    }
    let folder = tempfile::tempdir().unwrap();
    let found = flushes(
        folder.path(),
        &["put staged/0 1 100", "create head 0", "replace head 0 1"],
        &[
            "put staged/1 1 100",
            "replace head 1 2",
            "put staged/2 1 100",
            "replace head 2 3",
        ],
    );
    let add = ["/~tmp/", "/data/staged>", "/registers.sqlite-wal>"];
    assert_paths(&found, &[add, add].concat());
    None
}

/// Changes of different registers at the same time share a flush.
pub(crate) fn a_group_is_one() -> Option<String> {
    if let Some(reason) = without_strace() {
        return Some(reason);
    }
    let folder = tempfile::tempdir().unwrap();
    let found = flushes(
        folder.path(),
        &["create first 0"],
        &[
            "create-many log/ 200 0",
            "replace-many log/ 200 0 1",
            "replace-many log/ 200 1 2",
        ],
    );
    assert_paths(&found, &["/registers.sqlite-wal>"; 3]);
    None
}

/// A blob in new folders: its bytes, then each folder whose entries changed. Nothing of that is known to be durable when
/// another process made it, so the first use costs the same there.
pub(crate) fn new_folders_are_flushed() -> Option<String> {
    if let Some(reason) = without_strace() {
        return Some(reason);
    }
    let folder = tempfile::tempdir().unwrap();
    let found = flushes(
        folder.path(),
        &[],
        &["put tile/0/x000/001 1 9", "put tile/0/x000/002 1 9"],
    );
    let expected = [
        "/~tmp/",
        "/tile/0/x000>",
        "/tile/0>",
        "/tile>",
        "/data>",
        "/~tmp/",
        "/tile/0/x000>",
    ];
    assert_paths(&found, &expected);

    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("data/tile/0")).unwrap();
    assert_paths(
        &flushes(folder.path(), &[], &["put tile/0/001 1 9"]),
        &["/~tmp/", "/tile/0>", "/tile>", "/data>"],
    );
    None
}

/// The same bytes under the name: their writer may have died before the flush.
pub(crate) fn same_bytes_are_flushed() -> Option<String> {
    if let Some(reason) = without_strace() {
        return Some(reason);
    }
    let folder = tempfile::tempdir().unwrap();
    let found = flushes(folder.path(), &["put staged/a 1 9"], &["put staged/a 1 9"]);
    assert_paths(&found, &["/~tmp/", "/staged/a>", "/staged>"]);
    None
}

#[track_caller]
fn assert_paths(found: &[String], expected: &[&str]) {
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (line, path) in found.iter().zip(expected) {
        assert!(
            line.contains("fsync(") && line.contains(path),
            "expected {path} in {found:#?}"
        );
    }
}

/// Hundreds of blobs in a few folders: one flush for all bytes, one for each folder (or one for all of those).
pub(crate) fn many_blobs_are_few() -> Option<String> {
    if let Some(reason) = without_strace() {
        return Some(reason);
    }
    let folder = tempfile::tempdir().unwrap();
    let found = flushes(
        folder.path(),
        &["put tile/0/a 1 9"],
        &["put-many tile/0/ 512 8192"],
    );
    if found.iter().all(|line| !line.contains("syncfs(")) {
        return Some("the file system here is not one that syncfs is used on".to_owned());
    }
    assert_eq!(found.len(), 2, "{found:#?}");
    let folder = tempfile::tempdir().unwrap();
    let found = flushes(folder.path(), &[], &["put-folders tile/0/ 40 32"]);
    assert_eq!(found.len(), 2, "{found:#?}");
    None
}
