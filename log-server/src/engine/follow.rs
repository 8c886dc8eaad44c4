//! What follows the published checkpoint: the lookup index, the kept checkpoints, and the copy for static servers.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use counterfoil_store::BlobName;
use counterfoil_store::posix::PosixBlobStore;
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use counterfoil_tiles::tile::{TILE_WIDTH, TileId};
use tokio::sync::watch;

use super::history::{self, History};
use super::index::Index;
use super::reader::Reader;
use super::shared::Shared;
use crate::log::Published;

/// Leaves that go into the index in one batch: large enough for speed, small enough to be forgotten in a crash without regret.
const BATCH_TILES: usize = 64;

/// The pause after something went wrong.
const PAUSE: Duration = Duration::from_secs(1);

/// Keeps each published checkpoint, and a copy of the newest in the file `checkpoint` of the data directory.
pub(crate) async fn record(
    shared: Arc<Shared>,
    history: Arc<History>,
    copy: Option<PosixBlobStore>,
) {
    // A constant of the allowed form.
    let Ok(name) = BlobName::new(history::COPY) else {
        return;
    };
    let mut announced = shared.subscribe();
    while announced.changed().await.is_ok() {
        let Some(published) = announced.borrow_and_update().clone() else {
            continue;
        };
        if let Some(folder) = &copy {
            // The register is the original.
            if let Err(error) = folder
                .write_copy(&name, published.note.bytes().clone())
                .await
            {
                shared.trouble(format!("the file `checkpoint`, a copy for static servers, could not be written: {error}"));
            }
        }
        history
            .keep(
                published.size.get(),
                published.note.bytes().clone(),
                published.time,
            )
            .await;
    }
}

/// Brings the index up to each published size.
pub(crate) async fn index(shared: Arc<Shared>, index: Index) {
    let mut announced = shared.subscribe();
    let mut indexed = match index.indexed() {
        Ok(indexed) => indexed,
        Err(error) => return shared.trouble(error.to_string()),
    };
    loop {
        // What deduplication forgets it must find in the index.
        shared.indexed.store(indexed.get(), Ordering::Release);
        let Some(published) = next(&mut announced, indexed).await else {
            return;
        };
        match catch_up(&shared.reader, &index, indexed, published.size).await {
            Ok(size) => indexed = size,
            Err(reason) => {
                shared.trouble(format!(
                    "the lookup index lags behind at size {indexed}: {reason}"
                ));
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// A published checkpoint beyond the indexed size; `None` when the log is gone.
async fn next(
    announced: &mut watch::Receiver<Option<Arc<Published>>>,
    indexed: TreeSize,
) -> Option<Arc<Published>> {
    let beyond = |published: &Option<Arc<Published>>| {
        published
            .as_ref()
            .is_some_and(|published| published.size > indexed)
    };
    announced.wait_for(beyond).await.ok()?.clone()
}

/// Adds up to [`BATCH_TILES`] tiles of leaves; gives the size that is then indexed.
pub(crate) async fn catch_up(
    reader: &Reader,
    index: &Index,
    from: TreeSize,
    to: TreeSize,
) -> Result<TreeSize, String> {
    let width = u64::from(TILE_WIDTH);
    let mut leaves: Vec<NodeHash> = Vec::new();
    let mut next = from.get();
    for _ in 0..BATCH_TILES {
        let Some(id) = TileId::at(0, next / width, to).filter(|_| next < to.get()) else {
            break;
        };
        let tile = reader
            .tile_hashes(id)
            .await
            .map_err(|error| error.to_string())?;
        let skip = usize::try_from(next % width).unwrap_or(0);
        leaves.extend(tile.hashes().iter().skip(skip));
        next = id.index() * width + u64::from(id.width());
    }
    let index = index.clone();
    let added = tokio::task::spawn_blocking(move || index.add(from, &leaves)).await;
    added
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())
}
