//! A log does not start behind what it has signed.
//!
//! SPEC(design 2, startup guard): "It refuses to run if a checkpoint validly signed by its own key [...] is larger than its head
//! or conflicts with it."
//!
//! The registers cannot tell whether they are old: a restored backup, or a lost `-wal` file, takes the head and the published
//! checkpoint back together. But each published checkpoint is also kept as a blob and copied to a file; recovery would go on
//! from the old head and fork the log.

use counterfoil_sequencer::head::Head;
use counterfoil_sequencer::published::{LogKeys, Published};
use counterfoil_sequencer::{Register, StopReason};
use counterfoil_store::{BlobName, BlobStore, ReadError};

use super::history::{self, History};
use super::stores::{Stores, register_name};

/// Compares the head with the largest checkpoint that this log has signed and the blob store still has.
pub(crate) async fn check(
    stores: &Stores,
    keys: &LogKeys,
    history: &History,
) -> Result<(), GuardError> {
    let Some(signed) = newest_signed(&*stores.blobs, keys, history).await? else {
        return Ok(());
    };
    // A head that is not there or does not parse is recovery's to name.
    let bytes = stores.heads.fetch(&register_name(Register::Head)).await?;
    let Some(head) = bytes.and_then(|bytes| Head::parse(&bytes).ok()) else {
        return Ok(());
    };
    let contradiction = if signed.size() > head.size() {
        "is larger than"
    } else if signed.size() == head.size() && signed.root() != head.frontier.root() {
        "conflicts with"
    } else {
        return Ok(());
    };
    Err(StopReason::PublishedAhead {
        published: signed.size().get(),
        head: head.size().get(),
        contradiction,
    }
    .into())
}

/// Why a log is not started, or cannot be judged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GuardError {
    #[error(transparent)]
    Behind(#[from] StopReason),
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// What does not verify proves nothing: a changed byte, or the checkpoint of another key.
async fn newest_signed(
    blobs: &dyn BlobStore,
    keys: &LogKeys,
    history: &History,
) -> Result<Option<Published>, ReadError> {
    let copy = match BlobName::new(history::COPY) {
        Ok(name) => history::get_if_whole(blobs, &name).await?,
        Err(_) => None,
    };
    let copy = copy.and_then(|note| Published::from_note(keys, note).ok());
    let kept = history
        .newest_first()
        .into_iter()
        .find_map(|note| Published::from_note(keys, note).ok());
    Ok(kept.into_iter().chain(copy).max_by_key(Published::size))
}
