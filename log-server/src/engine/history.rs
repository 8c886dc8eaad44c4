//! Recent published checkpoints, kept for receipts of an older size, and the copy of the newest for static servers.
//!
//! `checkpoints/<size, 20 digits>-<Unix seconds>-<16 digits of the note's SHA-256>` holds the signed note: one size may be published
//! several times in a second, as cosignatures come. What is older than the configured age, or has fewer of them, is discarded.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use counterfoil_store::{Blob, BlobName, BlobStore, ReadError};
use sha2::{Digest, Sha256};

use super::shared::seconds;

const PREFIX: &str = "checkpoints/";

/// Digits of the note's SHA-256 in a name: enough to tell the few notes of one size and second apart.
const DIGEST_DIGITS: usize = 16;

/// The copy of the newest, for static servers.
pub(crate) const COPY: &str = "checkpoint";

/// The checkpoints of the recent past, by size.
pub(crate) struct History {
    blobs: Arc<dyn BlobStore>,
    age: Duration,
    kept: Mutex<BTreeMap<u64, Kept>>,
    /// What an earlier run kept and would have discarded.
    left: Mutex<Vec<BlobName>>,
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
        let (mut kept, mut left) = (BTreeMap::<u64, Kept>::new(), Vec::new());
        for name in blobs.list(PREFIX).await? {
            let Some((size, seconds)) = parse(name.as_str()) else {
                continue;
            };
            if let Some(note) = get_if_whole(&*blobs, &name).await? {
                let mut one = Kept {
                    name,
                    seconds,
                    note,
                };
                // Within a second the later one has more signatures.
                let newness = |kept: &Kept| (kept.seconds, kept.note.len());
                if let Some(other) = kept.get_mut(&size) {
                    if newness(other) < newness(&one) {
                        std::mem::swap(other, &mut one);
                    }
                    left.push(one.name);
                } else {
                    kept.insert(size, one);
                }
            }
        }
        Ok(Self {
            blobs,
            age,
            kept: Mutex::new(kept),
            left: Mutex::new(left),
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
        let seconds = seconds(time);
        let digest = hex::encode(Sha256::digest(&note));
        let digest = digest.get(..DIGEST_DIGITS).unwrap_or_default();
        let Ok(name) = BlobName::new(&format!("{PREFIX}{size:020}-{seconds}-{digest}")) else {
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
        let mut old =
            std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner));
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
    let mut parts = name.strip_prefix(PREFIX)?.splitn(3, '-');
    let (size, seconds) = (parts.next()?, parts.next()?);
    Some((size.parse().ok()?, seconds.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use counterfoil_store::memory::MemoryBlobStore;

    use super::*;

    #[tokio::test]
    async fn the_note_with_the_most_cosignatures_of_a_second_is_kept() {
        let blobs: Arc<dyn BlobStore> = Arc::new(MemoryBlobStore::new());
        let time = UNIX_EPOCH + Duration::from_hours(500_000);
        let history = History::open(Arc::clone(&blobs), Duration::from_mins(1))
            .await
            .unwrap();
        let notes = ["quorum", "quorum and one", "quorum and one more"];
        for note in notes {
            history
                .keep(7, Bytes::from_static(note.as_bytes()), time)
                .await;
            assert_eq!(history.note(7).unwrap(), note);
        }
        assert_eq!(blobs.list(PREFIX).await.unwrap().len(), 1);

        // A crash may leave one that should be gone; the next run finds the better one and mends that.
        let before = blobs.list(PREFIX).await.unwrap();
        let crashed = History::open(Arc::clone(&blobs), Duration::from_mins(1))
            .await
            .unwrap();
        crashed.locked().clear();
        crashed.keep(7, Bytes::from_static(b"quorum"), time).await;
        assert_eq!(blobs.list(PREFIX).await.unwrap().len(), 2);
        let next = History::open(Arc::clone(&blobs), Duration::from_mins(1))
            .await
            .unwrap();
        assert_eq!(next.note(7).unwrap(), "quorum and one more");
        next.keep(8, Bytes::from_static(b"next"), time).await;
        let left = blobs.list(PREFIX).await.unwrap();
        assert!(left.contains(&before[0]) && left.len() == 2, "{left:?}");
    }
}
