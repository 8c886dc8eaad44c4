//! Writes copies behind the answers: each changed log at most once a round, the latest only.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::{CopySource as _, FolderCopies};
use crate::OriginHash;

/// How long changes are gathered.
const ROUND: Duration = Duration::from_secs(1);

/// Writes the copies of changed logs into folders.
#[derive(Debug, Default)]
pub struct CopyWriter {
    folders: Vec<FolderCopies>,
    changed: Mutex<HashMap<OriginHash, Bytes>>,
    failures: AtomicU64,
}

impl CopyWriter {
    /// A writer into these folders; without any it does nothing.
    pub fn new(folders: Vec<FolderCopies>) -> Self {
        Self {
            folders,
            ..Self::default()
        }
    }

    /// Has the next round write a log's checkpoint.
    pub(crate) fn changed(&self, log: OriginHash, note: Bytes) {
        if !self.folders.is_empty() {
            self.take_changed().insert(log, note);
        }
    }

    /// Logs whose latest checkpoint is still to be written.
    pub fn pending(&self) -> usize {
        self.take_changed().len()
    }

    /// Copies that could not be written, since the start. Each is tried again in the next round.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Writes a round each second until `stop` is ready, and then a last one.
    pub async fn run(self: Arc<Self>, stop: impl Future<Output = ()>) {
        let mut stop = core::pin::pin!(stop);
        loop {
            let stopped = tokio::select! {
                () = &mut stop => true,
                () = tokio::time::sleep(ROUND) => false,
            };
            Arc::clone(&self).round().await;
            if stopped {
                return;
            }
        }
    }

    /// Writes what has changed.
    pub async fn round(self: Arc<Self>) {
        let changed = std::mem::take(&mut *self.take_changed());
        if changed.is_empty() {
            return;
        }
        let writer = Arc::clone(&self);
        let written = tokio::task::spawn_blocking(move || writer.write(changed)).await;
        if let Err(error) = written {
            tracing::error!(%error, "copies of checkpoints were not written");
        }
    }

    fn write(&self, changed: HashMap<OriginHash, Bytes>) {
        for (log, note) in changed {
            for folder in &self.folders {
                let Err(error) = folder.write(log, &note) else {
                    continue;
                };
                self.failures.fetch_add(1, Ordering::Relaxed);
                tracing::error!(
                    place = folder.place(), %log, %error,
                    "the copy of a checkpoint was not written and is tried again; while it is missing, a database that is \
                     restored from a backup may not be noticed: check that the place is there and has room"
                );
                // What has changed again since is newer.
                self.take_changed()
                    .entry(log)
                    .or_insert_with(|| note.clone());
            }
        }
    }

    fn take_changed(&self) -> std::sync::MutexGuard<'_, HashMap<OriginHash, Bytes>> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
