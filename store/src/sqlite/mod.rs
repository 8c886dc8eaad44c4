//! Registers in one SQLite file: the embedded default.
//!
//! Write-ahead log, `synchronous=FULL`, one connection: a `replace` is one `UPDATE … WHERE name = ? AND value = ?` and
//! one flush (of the `-wal` file). Another process may use the same file at the same time; SQLite's locks order the
//! statements, and the comparison decides.
//!
//! The file is a SQLite database with application id `0x43466f69` (`CFoi`) and user version 1 (the format version),
//! both in its first 100 bytes, and one table, `register (name, value)`; [`record`] has the format of a value.
//!
//! What is never taken on trust: a file that is not ours or that is damaged is named when it is opened, a value whose
//! checksum is wrong when it is fetched, a file that was replaced or removed underneath at the next call. After an
//! input/output error the store takes no more writes.

mod open;
mod outcome;
mod record;
mod underneath;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::SqliteConnection;
use tokio::sync::Mutex;

use crate::register::check_value;
use crate::{HeadStore, ReadError, RegisterName, ReplaceError, Trouble, TroubleKind};

pub use open::OpenError;
use outcome::{Refused, refused_read, refused_write};
use underneath::Underneath;

/// Bytes written to the `-wal` file between two checkpoints (which move them into the main file). Checkpoints run here
/// and not inside SQLite's commit, because there their errors are dropped.
const CHECKPOINT_AFTER_BYTES: usize = 8 << 20;

/// A guess at what one write adds to the `-wal` file besides the value: two pages and their frame headers.
const WRITE_OVERHEAD_BYTES: usize = 2 * (4096 + 24);

const CREATE: &str =
    "INSERT INTO register (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING";
const REPLACE: &str = "UPDATE register SET value = ? WHERE name = ? AND value = ?";
const FETCH: &str = "SELECT value FROM register WHERE name = ?";
const CHECKPOINT: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// Registers in one SQLite file. Cheap to clone; clones share the connection.
#[derive(Debug, Clone)]
pub struct SqliteHeadStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    connection: Mutex<SqliteConnection>,
    underneath: Underneath,
    poison: OnceLock<Trouble>,
    since_checkpoint: AtomicUsize,
}

enum Change {
    Create { value: Vec<u8> },
    Replace { old: Vec<u8>, new: Vec<u8> },
}

impl SqliteHeadStore {
    /// Opens the file, or makes it if there is none (its folder must exist). Checks that it is ours and whole.
    pub async fn open(file: impl AsRef<Path>) -> Result<Self, OpenError> {
        let (connection, underneath) = open::open(file.as_ref()).await?;
        let inner = Inner {
            connection: Mutex::new(connection),
            underneath,
            poison: OnceLock::new(),
            since_checkpoint: AtomicUsize::new(0),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// In a task of its own, so that a caller who goes away cannot hide an input/output error from the next one.
    async fn change(&self, name: &RegisterName, change: Change) -> Result<(), ReplaceError> {
        let (inner, register) = (Arc::clone(&self.inner), name.clone());
        tokio::spawn(async move { inner.change(&register, change).await })
            .await
            .unwrap_or_else(|error| {
                let what = format!("the task doing the work ended before its end: {error}");
                let advice =
                    "if this was not a shutdown, it is a mistake in this program: report it";
                Err(ReplaceError::Unknown {
                    name: name.clone(),
                    trouble: Trouble::new(TroubleKind::Io, what, advice),
                })
            })
    }
}

impl Inner {
    async fn change(&self, name: &RegisterName, change: Change) -> Result<(), ReplaceError> {
        let mut connection = self.connection.lock().await;
        let not_done = |trouble| ReplaceError::NotDone {
            name: name.clone(),
            trouble,
        };
        self.usable().map_err(not_done)?;
        let (query, written) = match &change {
            Change::Create { value } => (
                sqlx::query(CREATE).bind(name.as_str()).bind(value),
                value.len(),
            ),
            Change::Replace { old, new } => (
                sqlx::query(REPLACE).bind(new).bind(name.as_str()).bind(old),
                new.len(),
            ),
        };
        match query.execute(&mut *connection).await {
            Ok(done) if done.rows_affected() == 1 => {
                self.checkpoint_if_due(&mut connection, written).await;
                Ok(())
            }
            Ok(_) => Err(ReplaceError::Conflict { name: name.clone() }),
            Err(error) => match refused_write(&error) {
                Refused::NotDone(trouble) => Err(not_done(trouble)),
                Refused::Unknown(trouble) => {
                    self.poison(&trouble);
                    Err(ReplaceError::Unknown {
                        name: name.clone(),
                        trouble,
                    })
                }
            },
        }
    }

    /// Moves what the `-wal` file holds into the main file now and then. The change before it is done either way.
    async fn checkpoint_if_due(&self, connection: &mut SqliteConnection, written: usize) {
        let added = written.saturating_add(WRITE_OVERHEAD_BYTES);
        let before = self.since_checkpoint.fetch_add(added, Ordering::Relaxed);
        if before.saturating_add(added) < CHECKPOINT_AFTER_BYTES {
            return;
        }
        self.since_checkpoint.store(0, Ordering::Relaxed);
        if let Err(error) = sqlx::query(CHECKPOINT).execute(connection).await {
            match refused_write(&error) {
                // Busy or full: the next one will do.
                Refused::NotDone(trouble) => {
                    tracing::warn!(file = %self.underneath, "no checkpoint: {trouble}");
                }
                Refused::Unknown(trouble) => self.poison(&trouble),
            }
        }
    }

    fn usable(&self) -> Result<(), Trouble> {
        if let Some(earlier) = self.poison.get() {
            return Err(Trouble::new(
                TroubleKind::Poisoned,
                format!(
                    "an earlier write to {} failed ({})",
                    self.underneath, earlier.what
                ),
                "stop the service, check the disk (dmesg, smartctl), unmount and mount it, then start the service",
            ));
        }
        self.underneath
            .check()
            .inspect_err(|trouble| self.poison(trouble))
    }

    /// After a failed flush the kernel may hold as clean what is not on the disk; SQLite on top of it cannot know.
    fn poison(&self, cause: &Trouble) {
        if self.poison.set(cause.clone()).is_ok() {
            tracing::error!(
                file = %self.underneath, cause = %cause.what,
                "this register store takes no more writes; stop the service, check the disk, unmount and mount it, then start"
            );
        }
    }
}

#[async_trait]
impl HeadStore for SqliteHeadStore {
    async fn create(&self, name: &RegisterName, value: Bytes) -> Result<(), ReplaceError> {
        check_value(name, &value)?;
        self.change(
            name,
            Change::Create {
                value: record::encode(name, &value),
            },
        )
        .await
    }

    async fn fetch(&self, name: &RegisterName) -> Result<Option<Bytes>, ReadError> {
        let failed = |trouble| ReadError::Failed {
            name: name.to_string(),
            trouble,
        };
        let mut connection = self.inner.connection.lock().await;
        self.inner.underneath.check().map_err(failed)?;
        let row: Option<Vec<u8>> = sqlx::query_scalar(FETCH)
            .bind(name.as_str())
            .fetch_optional(&mut *connection)
            .await
            .map_err(|error| refused_read(name, &error))?;
        let Some(row) = row else { return Ok(None) };
        match record::decode(name, &row.into()) {
            Ok(value) => Ok(Some(value)),
            Err(trouble) => Err(ReadError::Damaged {
                name: name.to_string(),
                trouble,
            }),
        }
    }

    async fn replace(
        &self,
        name: &RegisterName,
        old: &Bytes,
        new: Bytes,
    ) -> Result<(), ReplaceError> {
        check_value(name, &new)?;
        let change = Change::Replace {
            old: record::encode(name, old),
            new: record::encode(name, &new),
        };
        self.change(name, change).await
    }
}
