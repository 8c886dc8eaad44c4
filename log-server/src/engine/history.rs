//! Recent published checkpoints, kept for receipts of an older size, and the copy of the newest for static servers.
//!
//! `checkpoints/<size, 20 digits>-<Unix seconds>` holds the signed note. What is older than the configured age is discarded.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use counterfoil_store::{Blob, BlobName, BlobStore};

const PREFIX: &str = "checkpoints/";

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
    pub(crate) async fn open(
        blobs: Arc<dyn BlobStore>,
        age: Duration,
    ) -> Result<Self, counterfoil_store::ReadError> {
        let mut kept = BTreeMap::new();
        for name in blobs.list(PREFIX).await? {
            if let (Some((size, seconds)), Some(note)) =
                (parse(name.as_str()), blobs.get(&name).await?)
            {
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

/// Size and time in a kept checkpoint's name.
fn parse(name: &str) -> Option<(u64, u64)> {
    let (size, seconds) = name.strip_prefix(PREFIX)?.split_once('-')?;
    Some((size.parse().ok()?, seconds.parse().ok()?))
}
