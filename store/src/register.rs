//! Compare-and-swap registers.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{ReadError, RegisterName, Trouble, TroubleKind};

/// The largest value of a register. A head names its staged blobs and right edge in a few kilobytes; a published
/// checkpoint with 16 ML-DSA-44 lines has about 55 KB.
pub const MAX_REGISTER_BYTES: usize = 1 << 20;

/// Small registers that change only by compare-and-swap.
///
/// What a caller may rely on, whatever the backend:
/// - `create` and `replace` return `Ok` only when the new value is there and survives a power cut.
/// - Of many that race to replace one value, at most one gets `Ok`; all others find out (`Conflict` or `Unknown`).
/// - `Conflict` and `NotDone` mean that this call changed nothing and never will.
/// - After `Unknown` the change may have been done, or may be done later, as long as the register still holds `old`.
///   Only another `replace` from the same `old` that is done shows that it will never be.
/// - That reasoning needs values that never come back: a caller never returns a register to an earlier value.
#[async_trait]
pub trait HeadStore: Send + Sync + 'static {
    /// Creates a register. `Conflict` if it exists, whatever it holds.
    async fn create(&self, name: &RegisterName, value: Bytes) -> Result<(), ReplaceError>;

    /// The register's value, or `None` if there is no such register. What it shows is durable or about to be.
    async fn fetch(&self, name: &RegisterName) -> Result<Option<Bytes>, ReadError>;

    /// Replaces the value if it is `old`. `Conflict` if it is anything else or the register does not exist.
    async fn replace(
        &self,
        name: &RegisterName,
        old: &Bytes,
        new: Bytes,
    ) -> Result<(), ReplaceError>;
}

/// Why a register was not created or replaced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplaceError {
    /// Definitely not done: the register holds something else, exists already, or does not exist.
    #[error(
        "register {name} was not changed: it does not hold what was expected; another writer was here: fetch it"
    )]
    Conflict {
        /// The register.
        name: RegisterName,
    },
    /// Definitely not done, and it will not be done later.
    #[error("register {name} was not changed: {trouble}")]
    NotDone {
        /// The register.
        name: RegisterName,
        /// Why, and what to do.
        trouble: Trouble,
    },
    /// It may have been done, or may be done later.
    #[error("register {name} may or may not have been changed: {trouble}")]
    Unknown {
        /// The register.
        name: RegisterName,
        /// Why, and what to do.
        trouble: Trouble,
    },
}

/// The limit that every backend keeps, checked before anything is written.
pub(crate) fn check_value(name: &RegisterName, value: &Bytes) -> Result<(), ReplaceError> {
    if value.len() <= MAX_REGISTER_BYTES {
        return Ok(());
    }
    Err(ReplaceError::NotDone {
        name: name.clone(),
        trouble: Trouble::new(
            TroubleKind::Limit,
            format!(
                "expected at most {MAX_REGISTER_BYTES} bytes, got {}",
                value.len()
            ),
            "this is a mistake in the program that calls the store",
        ),
    })
}

#[async_trait]
impl<S: HeadStore + ?Sized> HeadStore for Arc<S> {
    async fn create(&self, name: &RegisterName, value: Bytes) -> Result<(), ReplaceError> {
        (**self).create(name, value).await
    }

    async fn fetch(&self, name: &RegisterName) -> Result<Option<Bytes>, ReadError> {
        (**self).fetch(name).await
    }

    async fn replace(
        &self,
        name: &RegisterName,
        old: &Bytes,
        new: Bytes,
    ) -> Result<(), ReplaceError> {
        (**self).replace(name, old, new).await
    }
}
