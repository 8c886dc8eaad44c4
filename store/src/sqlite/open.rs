//! Making and opening the file.
//!
//! A new file is made under another name and linked to its own when it is whole and flushed. So a file that is empty
//! or short was once whole, and is reported as damaged, never taken for new: that would restart a log at size 0.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};

use crate::{Trouble, TroubleKind};

use super::group::MAX_GROUP_CHANGES;
use super::outcome;
use super::underneath::Underneath;

/// In bytes 68 to 71 of the file: `CFoi`.
const APPLICATION_ID: u32 = 0x4346_6f69;

/// In bytes 60 to 63 of the file.
const FORMAT_VERSION: u32 = 1;

/// The database header: <https://www.sqlite.org/fileformat2.html#the_database_header>.
const HEADER_BYTES: usize = 100;
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// How long a statement waits for another process's, which takes a flush or two.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const TABLE: &str =
    "CREATE TABLE register (name TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) STRICT";

/// Why the registers' file could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the registers' file {path} could not be opened: {trouble}")]
pub struct OpenError {
    /// The file.
    pub path: String,
    /// Why, and what to do.
    pub trouble: Trouble,
}

pub(super) async fn open(file: &Path) -> Result<(SqliteConnection, Underneath), OpenError> {
    let failed = |trouble| OpenError {
        path: file.display().to_string(),
        trouble,
    };
    // An absolute path is never taken for one of SQLite's special names (`:memory:`, `file:…`).
    let path = std::path::absolute(file).map_err(|error| failed(system(&error)))?;
    if !path.try_exists().map_err(|error| failed(system(&error)))? {
        make(&path).await.map_err(failed)?;
    }
    check_header(&path).map_err(failed)?;
    let mut connection = connect(&path)
        .await
        .map_err(|error| failed(outcome::trouble(&error)))?;
    check_contents(&mut connection).await.map_err(failed)?;
    Ok((connection, Underneath::remember(&path)))
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .synchronous(SqliteSynchronous::Full)
        // On macOS `fsync` alone does not flush the disk's cache.
        .pragma("fullfsync", "ON")
        .pragma("wal_autocheckpoint", "0")
        .pragma("cell_size_check", "ON")
        .pragma("trusted_schema", "OFF")
        // The rows of a group's statement never touch a disk on their way.
        .pragma("temp_store", "MEMORY")
        // SQLite tells which registers a group changed before it commits; it must not wait there for a reader.
        .row_buffer_size(MAX_GROUP_CHANGES)
        .disable_statement_logging()
}

async fn connect(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    options(path).connect().await
}

/// Makes the file under another name, flushes it, and links it to its own. If another process was quicker, its file is
/// as good.
async fn make(path: &Path) -> Result<(), Trouble> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut new = path.as_os_str().to_owned();
    new.push(format!(
        "~new-{}-{}",
        process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    ));
    let new = PathBuf::from(new);
    // Left behind by a dead process that had the same id.
    remove_if_there(&new).map_err(|error| system(&error))?;
    let made = fill(&new).await.map_err(|error| outcome::trouble(&error));
    let linked = made.and_then(|()| link(&new, path).map_err(|error| system(&error)));
    let removed = remove_if_there(&new).map_err(|error| system(&error));
    linked.and(removed)
}

async fn fill(new: &Path) -> Result<(), sqlx::Error> {
    let mut connection = options(new).create_if_missing(true).connect().await?;
    let mut transaction = connection.begin().await?;
    sqlx::query(TABLE).execute(&mut *transaction).await?;
    let stamps = [
        format!("PRAGMA application_id = {APPLICATION_ID}"),
        format!("PRAGMA user_version = {FORMAT_VERSION}"),
    ];
    for stamp in stamps {
        // Made of constants.
        sqlx::query(sqlx::AssertSqlSafe(stamp))
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    connection.close().await?;
    // The mode is kept in the file. In a connection of its own, whose end leaves no `-wal` file behind.
    options(new)
        .journal_mode(SqliteJournalMode::Wal)
        .connect()
        .await?
        .close()
        .await
}

fn link(new: &Path, path: &Path) -> io::Result<()> {
    File::open(new)?.sync_all()?;
    match fs::hard_link(new, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        linked => linked?,
    }
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Before SQLite sees the file: it would convert, or write to, a database that is not ours.
fn check_header(path: &Path) -> Result<(), Trouble> {
    let damaged =
        |what: String, advice: &'static str| Err(Trouble::new(TroubleKind::Damaged, what, advice));
    let restore = "it was once whole: check the disk, then restore the file and its -wal file from a backup; \
                   never start with an empty one";
    let file = File::open(path).map_err(|error| system(&error))?;
    if !file.metadata().map_err(|error| system(&error))?.is_file() {
        return damaged("it is not a regular file".to_owned(), "check the path");
    }
    let mut header = Vec::with_capacity(HEADER_BYTES);
    file.take(HEADER_BYTES as u64)
        .read_to_end(&mut header)
        .map_err(|error| system(&error))?;
    if header.len() < HEADER_BYTES {
        return damaged(
            format!(
                "expected a database, found a file of {} bytes",
                header.len()
            ),
            restore,
        );
    }
    if !header.starts_with(MAGIC) {
        return damaged(
            "expected a SQLite database, found other bytes at its beginning".to_owned(),
            restore,
        );
    }
    let number = |at: usize| match header.get(at..at.saturating_add(4)) {
        Some(&[a, b, c, d]) => u32::from_be_bytes([a, b, c, d]),
        _ => 0,
    };
    match (number(68), number(60)) {
        (APPLICATION_ID, FORMAT_VERSION) => Ok(()),
        (APPLICATION_ID, found) => damaged(
            format!("expected format version {FORMAT_VERSION}, found {found}"),
            "if a newer version of this software wrote it, use that one; otherwise restore a backup",
        ),
        (found, _) => damaged(
            format!(
                "expected a database of this software (application id {APPLICATION_ID:#x}), found {found:#x}"
            ),
            "it belongs to other software, or its beginning is damaged: check the path",
        ),
    }
}

/// The mode, the table, and SQLite's own check of the whole (small) file.
async fn check_contents(connection: &mut SqliteConnection) -> Result<(), Trouble> {
    let mode = text(connection, "PRAGMA journal_mode = WAL").await?;
    if mode != "wal" {
        return Err(Trouble::new(
            TroubleKind::Io,
            format!("expected the write-ahead log (journal mode wal), got {mode}"),
            "the file system must be local and support shared memory files",
        ));
    }
    let found = text(connection, "PRAGMA integrity_check(1)").await?;
    if found != "ok" {
        let advice = "check the disk, then restore the file and its -wal file from a backup";
        return Err(Trouble::new(
            TroubleKind::Damaged,
            format!("SQLite's check found: {found}"),
            advice,
        ));
    }
    let tables = text(
        connection,
        "SELECT coalesce(group_concat(sql, ';'), '') FROM sqlite_schema WHERE sql NOT NULL",
    )
    .await?;
    if tables != TABLE {
        let advice = "somebody changed its tables by hand: undo that, or restore a backup";
        return Err(Trouble::new(
            TroubleKind::Damaged,
            format!("expected {TABLE:?}, found {tables:?}"),
            advice,
        ));
    }
    Ok(())
}

async fn text(connection: &mut SqliteConnection, query: &'static str) -> Result<String, Trouble> {
    let row = sqlx::query(query)
        .fetch_one(connection)
        .await
        .map_err(|error| outcome::trouble(&error))?;
    row.try_get(0).map_err(|error| outcome::trouble(&error))
}

fn system(error: &io::Error) -> Trouble {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => TroubleKind::Full,
        io::ErrorKind::ReadOnlyFilesystem => TroubleKind::ReadOnly,
        io::ErrorKind::PermissionDenied => TroubleKind::Denied,
        _ => TroubleKind::Io,
    };
    Trouble::new(
        kind,
        error.to_string(),
        "check the path, its owner and mode, and the space on the disk",
    )
}
