//! Where bytes live: two small traits and their backends.
//!
//! - [`BlobStore`]: immutable blobs. A blob is put once and never replaced.
//! - [`HeadStore`]: small registers that change only by compare-and-swap.
//!
//! Every call ends in one of three ways, and the types keep them apart: *done* (`Ok`, and durable),
//! *definitely not done* (`Conflict`, `NotDone`) or *unknown* (`Unknown`: it may have been done, or may still be).
//! A caller that treats *unknown* as one of the other two loses data.
//!
//! What each backend flushes when, and what a power cut can lose, is in `docs/storage.md`.
//!
//! ```
//! use counterfoil_store::{Blob, BlobName, BlobStore, PutError, memory::MemoryBlobStore};
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let store = MemoryBlobStore::new();
//! let tile = Blob::new("tile/0/000.p/1".parse::<BlobName>()?, vec![7; 32]);
//! store.put_new(&[tile.clone()]).await?;
//! store.put_new(&[tile.clone()]).await?; // the same bytes again are fine
//! let other = Blob::new(tile.name.clone(), vec![8; 32]);
//! assert!(matches!(store.put_new(&[other]).await, Err(PutError::Conflict { .. })));
//! assert_eq!(store.get(&tile.name).await?, Some(tile.bytes));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod blob;
mod error;
mod name;
mod register;

#[cfg(feature = "contract")]
pub mod contract;
pub mod faulty;
pub mod memory;
pub mod posix;
pub mod sqlite;

pub use blob::{Blob, BlobStore, DiscardError, MAX_BLOB_BYTES, MAX_BLOBS_PER_CALL, PutError};
pub use error::{ReadError, Trouble, TroubleKind};
pub use name::{BlobName, MAX_NAME_BYTES, NameError, RegisterName};
pub use register::{HeadStore, MAX_REGISTER_BYTES, ReplaceError};
