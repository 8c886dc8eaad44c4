//! Registers in one SQLite file: the embedded default.
//!
//! Write-ahead log, `synchronous=FULL`, one connection: a `replace` is one `UPDATE … WHERE name = ? AND value = ?` and
//! one flush (of the `-wal` file), which changes of other registers share that wait at the same time ([`group`]).
//! Another process may use the same file; SQLite's locks order the statements, and the comparison decides.
//!
//! The file is a SQLite database with application id `0x43466f69` (`CFoi`) and user version 1 (the format version),
//! both in its first 100 bytes, and one table, `register (name, value)`; [`record`] has the format of a value.
//!
//! What is never taken on trust: a file that is not ours or that is damaged is named when it is opened, a value whose
//! checksum is wrong when it is fetched, a file that was replaced or removed underneath at the next call. After an
//! input/output error the store takes no more writes.

mod group;
mod open;
mod outcome;
mod record;
mod statement;
mod underneath;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::SqliteConnection;
use tokio::sync::{Mutex, oneshot};

use crate::register::check_value;
use crate::{HeadStore, ReadError, RegisterName, ReplaceError, Trouble, TroubleKind};

use group::{Change, Queue, Turn, Waiting};
pub use open::OpenError;
use outcome::{Refused, refused_read, refused_write};
use underneath::Underneath;

/// Bytes written to the `-wal` file between two checkpoints (which move them into the main file). Checkpoints run here
/// and not inside SQLite's commit, because there their errors are dropped.
const CHECKPOINT_AFTER_BYTES: usize = 8 << 20;

/// A guess at what one write adds to the `-wal` file besides the value: two pages and their frame headers.
const WRITE_OVERHEAD_BYTES: usize = 2 * (4096 + 24);

const FETCH: &str = "SELECT value FROM register WHERE name = ?";
const CHECKPOINT: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// Registers in one SQLite file. Cheap to clone; clones share the connection.
#[derive(Debug, Clone)]
pub struct SqliteHeadStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    queue: Arc<Queue>,
    connection: Mutex<SqliteConnection>,
    underneath: Underneath,
    poison: OnceLock<Trouble>,
    since_checkpoint: AtomicUsize,
}

impl SqliteHeadStore {
    /// Opens the file, or makes it if there is none (its folder must exist). Checks that it is ours and whole.
    pub async fn open(file: impl AsRef<Path>) -> Result<Self, OpenError> {
        let (connection, underneath) = open::open(file.as_ref()).await?;
        let inner = Inner {
            queue: Arc::default(),
            connection: Mutex::new(connection),
            underneath,
            poison: OnceLock::new(),
            since_checkpoint: AtomicUsize::new(0),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    async fn change(&self, name: &RegisterName, change: Change) -> Result<(), ReplaceError> {
        let (outcome, heard) = oneshot::channel();
        let turn = self.inner.queue.push(Waiting {
            name: name.clone(),
            change,
            outcome,
        });
        if let Some(turn) = turn {
            // In a task of its own: a caller who goes away must neither cut off the group nor hide an input/output
            // error from the next one.
            let inner = Arc::clone(&self.inner);
            tokio::spawn(async move { inner.commit_groups(turn).await });
        }
        heard.await.unwrap_or_else(|_| {
            Err(ReplaceError::Unknown {
                name: name.clone(),
                trouble: Trouble::new(
                    TroubleKind::Io,
                    "the task doing the work ended before its end",
                    "if this was not a shutdown, it is a mistake in this program: report it",
                ),
            })
        })
    }
}

impl Inner {
    async fn commit_groups(&self, mut turn: Turn) {
        loop {
            let mut connection = self.connection.lock().await;
            let Some(group) = turn.next_group() else {
                return;
            };
            self.commit(&mut connection, group).await;
        }
    }

    async fn commit(&self, connection: &mut SqliteConnection, group: Vec<Waiting>) {
        let written = group.iter().map(|waiting| waiting.change.written());
        let written = written.fold(0, usize::saturating_add);
        let done = match self.usable() {
            Ok(()) => statement::run(connection, &group)
                .await
                .map_err(|error| refused_write(&error)),
            Err(trouble) => Err(Refused::NotDone(trouble)),
        };
        if let Err(Refused::Unknown(trouble)) = &done {
            self.poison(trouble);
        }
        for Waiting { name, outcome, .. } in group {
            let told = match &done {
                Ok(changed) if changed.contains(name.as_str()) => Ok(()),
                Ok(_) => Err(ReplaceError::Conflict { name }),
                Err(Refused::NotDone(trouble)) => Err(ReplaceError::NotDone {
                    name,
                    trouble: trouble.clone(),
                }),
                Err(Refused::Unknown(trouble)) => Err(ReplaceError::Unknown {
                    name,
                    trouble: trouble.clone(),
                }),
            };
            // Whoever asked may have gone away.
            drop(outcome.send(told));
        }
        if done.is_ok_and(|changed| !changed.is_empty()) {
            self.checkpoint_if_due(connection, written).await;
        }
    }

    /// Moves what the `-wal` file holds into the main file now and then. The changes before it are done either way.
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
