//! Recent published checkpoints, kept for receipts of an older size, and the copy of the newest for static servers.
//!
//! `checkpoints/<size, 20 digits>-<Unix seconds>` holds the signed note. What is older than the configured age is discarded.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use counterfoil_store::{Blob, BlobName, BlobStore, ReadError};

const PREFIX: &str = "checkpoints/";

/// The copy of the newest, for static servers.
pub(crate) const COPY: &str = "checkpoint";

/// The checkpoints of the recent past, by size.
pub(crate) struct History {
    blobs: Arc<dyn BlobStore>,
    age: Duration,
    kept: Mutex<BTreeMap<u64, Kept>>,
}

#[derive(Clone)]
struct Kept {
    name: BlobName,
    seconds: u64,
    note: Bytes,
}

impl History {
    /// Reads what earlier runs kept.
    pub(crate) async fn open(blobs: Arc<dyn BlobStore>, age: Duration) -> Result<Self, ReadError> {
        let mut kept = BTreeMap::new();
        for name in blobs.list(PREFIX).await? {
            let Some((size, seconds)) = parse(name.as_str()) else {
                continue;
            };
            if let Some(note) = get_if_whole(&*blobs, &name).await? {
                kept.insert(
                    size,
                    Kept {
                        name,
                        seconds,
                        note,
                    },
                );
            }
        }
        Ok(Self {
            blobs,
            age,
            kept: Mutex::new(kept),
        })
    }

    /// The signed note of this very size; the caller verifies it.
    pub(crate) fn note(&self, size: u64) -> Option<Bytes> {
        self.locked().get(&size).map(|kept| kept.note.clone())
    }

    /// All notes, the largest size first.
    pub(crate) fn newest_first(&self) -> Vec<Bytes> {
        let kept = self.locked();
        kept.values().rev().map(|kept| kept.note.clone()).collect()
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a published checkpoint and lets go of those that are too old.
    pub(crate) async fn keep(&self, size: u64, note: Bytes, time: SystemTime) {
        let seconds = time
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let Ok(name) = BlobName::new(&format!("{PREFIX}{size:020}-{seconds}")) else {
            return;
        };
        if let Err(error) = self
            .blobs
            .put_new(&[Blob::new(name.clone(), note.clone())])
            .await
        {
            tracing::warn!(%error, "a published checkpoint is not kept: receipts of its size cannot be had later");
            return;
        }
        let oldest = seconds.saturating_sub(self.age.as_secs());
        let mut old = Vec::new();
        {
            let mut kept = self.locked();
            let before = kept.insert(
                size,
                Kept {
                    name: name.clone(),
                    seconds,
                    note,
                },
            );
            old.extend(
                before
                    .map(|before| before.name)
                    .filter(|before| *before != name),
            );
            kept.retain(|_, entry| {
                let keep = entry.seconds >= oldest;
                if !keep {
                    old.push(entry.name.clone());
                }
                keep
            });
        }
        if let Err(error) = self.blobs.discard(&old).await {
            tracing::warn!(%error, "old checkpoints stay in the store");
        }
    }
}

/// The log does without a kept checkpoint that is damaged.
pub(crate) async fn get_if_whole(
    blobs: &dyn BlobStore,
    name: &BlobName,
) -> Result<Option<Bytes>, ReadError> {
    match blobs.get(name).await {
        Err(error @ ReadError::Damaged { .. }) => {
            tracing::warn!(%error, "a kept checkpoint is not used; remove it");
            Ok(None)
        }
        other => other,
    }
}

/// Size and time in a kept checkpoint's name.
fn parse(name: &str) -> Option<(u64, u64)> {
    let (size, seconds) = name.strip_prefix(PREFIX)?.split_once('-')?;
    Some((size.parse().ok()?, seconds.parse().ok()?))
}
