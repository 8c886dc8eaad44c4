//! Immutable blobs.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{BlobName, ReadError, Trouble, TroubleKind};

/// The largest blob. The largest entry bundle is 256 * (2 + 65,535) bytes, 16.8 MB; a staged blob holds what one
/// round gathered, which the log server bounds well below this. A reader allocates at most this much.
pub const MAX_BLOB_BYTES: usize = 256 << 20;

/// The most blobs in one `put_new` or `discard`. A round of a million entries fills about 8,000 tiles and bundles.
pub const MAX_BLOBS_PER_CALL: usize = 65_536;

/// A blob: a name and at least one byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its name.
    pub name: BlobName,
    /// Its bytes: 1 to [`MAX_BLOB_BYTES`].
    pub bytes: Bytes,
}

impl Blob {
    /// Puts a name and bytes together.
    pub fn new(name: BlobName, bytes: impl Into<Bytes>) -> Self {
        Self {
            name,
            bytes: bytes.into(),
        }
    }
}

/// Immutable blobs.
///
/// What a caller may rely on, whatever the backend:
/// - `put_new` returns `Ok` only when every blob of the call is there with exactly these bytes and survives a power cut.
/// - No call ever changes the bytes under a name. Of many that race on one name, those with the winner's bytes get `Ok`.
/// - A name shows either nothing or the whole blob, also after a crash.
/// - What `get` or `list` shows need not be durable yet (its writer may have died before the flush).
///   Putting the same bytes again, until `Ok`, makes it so.
/// - After an error of `put_new` some of the blobs may be there. After `Unknown` they may even appear later.
/// - `discard` needs no flush: a discarded blob may be back after a power cut. After `Unknown` it may vanish later;
///   so a name is put again only if each `discard` of it said `Ok`.
/// - No name is both a blob and the folder of another; a backend may refuse that.
#[async_trait]
pub trait BlobStore: Send + Sync + 'static {
    /// Makes all of these blobs durable, or says that it did not. The same bytes again are fine.
    async fn put_new(&self, blobs: &[Blob]) -> Result<(), PutError>;

    /// The blob's bytes, or `None` if there is no such blob.
    ///
    /// The bytes are those that the medium returned: whoever reads a blob checks it against what it must be
    /// (tiles against the tree, staged blobs against the SHA-256 in their name).
    async fn get(&self, name: &BlobName) -> Result<Option<Bytes>, ReadError>;

    /// Removes these blobs. An absent one is fine.
    async fn discard(&self, names: &[BlobName]) -> Result<(), DiscardError>;

    /// The names that begin with `prefix`, in ascending order. Takes time and memory in the number of blobs: for
    /// tools and start-up only.
    async fn list(&self, prefix: &str) -> Result<Vec<BlobName>, ReadError>;
}

/// Why blobs were not put. Other blobs of the same call may be there all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PutError {
    /// Definitely not done: other bytes are under this name, and they stay.
    #[error(
        "blob {name} was not stored: other bytes are there ({found}) and were left alone; if two writers share this store \
         stop one, otherwise the stored blob is damaged: move it aside and compare it"
    )]
    Conflict {
        /// The blob.
        name: BlobName,
        /// What is there instead.
        found: String,
    },
    /// Definitely not done, and it will not be done later.
    #[error("blob {name} was not stored: {trouble}")]
    NotDone {
        /// The first blob that was not stored.
        name: BlobName,
        /// Why, and what to do.
        trouble: Trouble,
    },
    /// It may be there, may appear later, or may be lost in a power cut.
    #[error("blob {name} may or may not be stored: {trouble}")]
    Unknown {
        /// The first blob whose state is unknown.
        name: BlobName,
        /// Why, and what to do.
        trouble: Trouble,
    },
}

/// Why blobs were not discarded. Others of the same call may be gone all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiscardError {
    /// Definitely still there.
    #[error("blob {name} was not discarded: {trouble}")]
    NotDone {
        /// The first blob that is still there.
        name: BlobName,
        /// Why, and what to do.
        trouble: Trouble,
    },
    /// It may be gone, or may go later.
    #[error("blob {name} may or may not be discarded: {trouble}")]
    Unknown {
        /// The first blob whose state is unknown.
        name: BlobName,
        /// Why, and what to do.
        trouble: Trouble,
    },
}

/// The limits that every backend keeps, checked before anything is written.
pub(crate) fn check_put(blobs: &[Blob]) -> Result<(), PutError> {
    let over = |blob: &Blob, what: String| PutError::NotDone {
        name: blob.name.clone(),
        trouble: Trouble::new(
            TroubleKind::Limit,
            what,
            "this is a mistake in the program that calls the store",
        ),
    };
    for (count, blob) in blobs.iter().enumerate() {
        if count >= MAX_BLOBS_PER_CALL {
            return Err(over(
                blob,
                format!(
                    "expected at most {MAX_BLOBS_PER_CALL} blobs in a call, got {}",
                    blobs.len()
                ),
            ));
        }
        if blob.bytes.is_empty() || blob.bytes.len() > MAX_BLOB_BYTES {
            return Err(over(
                blob,
                format!(
                    "expected 1 to {MAX_BLOB_BYTES} bytes, got {}",
                    blob.bytes.len()
                ),
            ));
        }
    }
    Ok(())
}

/// As [`check_put`], for `discard`.
pub(crate) fn check_discard(names: &[BlobName]) -> Result<(), DiscardError> {
    match names.get(MAX_BLOBS_PER_CALL) {
        None => Ok(()),
        Some(name) => Err(DiscardError::NotDone {
            name: name.clone(),
            trouble: Trouble::new(
                TroubleKind::Limit,
                format!(
                    "expected at most {MAX_BLOBS_PER_CALL} names in a call, got {}",
                    names.len()
                ),
                "this is a mistake in the program that calls the store",
            ),
        }),
    }
}

/// How two byte strings differ, for [`PutError::Conflict`].
pub(crate) fn difference(found: &[u8], ours: &[u8]) -> String {
    let first = found
        .iter()
        .zip(ours)
        .position(|(a, b)| a != b)
        .unwrap_or(found.len().min(ours.len()));
    format!(
        "{} bytes, ours are {}, first difference at byte {first}",
        found.len(),
        ours.len()
    )
}

#[async_trait]
impl<S: BlobStore + ?Sized> BlobStore for Arc<S> {
    async fn put_new(&self, blobs: &[Blob]) -> Result<(), PutError> {
        (**self).put_new(blobs).await
    }

    async fn get(&self, name: &BlobName) -> Result<Option<Bytes>, ReadError> {
        (**self).get(name).await
    }

    async fn discard(&self, names: &[BlobName]) -> Result<(), DiscardError> {
        (**self).discard(names).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<BlobName>, ReadError> {
        (**self).list(prefix).await
    }
}
