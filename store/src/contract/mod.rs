//! What every backend must do, as tests to run over it (feature `contract`).
//!
//! Each case gets a store of its own, fresh and empty. A case that fails panics; its name is printed before it runs.
//!
//! ```
//! use std::sync::Arc;
//! use counterfoil_store::{BlobStore, contract, memory::MemoryBlobStore};
//! # let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
//! # runtime.block_on(async {
//! contract::check_blob_store(async || Arc::new(MemoryBlobStore::new()) as Arc<dyn BlobStore>).await;
//! # });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "these are tests: a panic is how they fail"
)]

mod blob;
mod register;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::{BlobStore, HeadStore};

/// A case by its name.
type Case<S> = (&'static str, fn(S) -> Running);

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs every case for blob stores over a store that `fresh` makes. Needs a multi-threaded tokio runtime.
pub async fn check_blob_store(fresh: impl AsyncFn() -> Arc<dyn BlobStore>) {
    for (name, case) in blob::CASES {
        println!("blob store: {name}");
        case(fresh().await).await;
    }
}

/// Runs every case for register stores over a store that `fresh` makes. Needs a multi-threaded tokio runtime.
pub async fn check_head_store(fresh: impl AsyncFn() -> Arc<dyn HeadStore>) {
    for (name, case) in register::CASES {
        println!("register store: {name}");
        case(fresh().await).await;
    }
}

/// A boxed case, so that all have one type.
macro_rules! cases {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), |store| Box::pin($name(store)))),*] };
}
pub(crate) use cases;
