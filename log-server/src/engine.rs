//! The log behind the HTTP front: stores, sequencer, verified reads, receipts, lookups.
//!
//! ```text
//! add ──> intake ──> driver ──> sequencer          (durable: here `add` is answered)
//!                      │  └──> stores, signer
//!                      └──> published ──> reader (tiles, bundles, receipts), recorder (kept checkpoints), follower (lookup index)
//! ```

mod deduplication;
mod driver;
mod examine;
mod follow;
mod guard;
mod history;
mod index;
mod intake;
mod metrics;
mod quorum;
mod reader;
mod shared;
mod start;
mod stores;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use counterfoil_sequencer::published::LogKeys;
use counterfoil_sequencer::{Entry, SubmitError};
use counterfoil_tiles::hash::{LeafHash, LeafIndex, NodeHash, TreeSize, hash_leaves};
use counterfoil_tiles::key::Vkey;
use counterfoil_tiles::note::Note;
use counterfoil_tiles::proof::ProofPlan;
use counterfoil_tiles::receipt::Receipt;
use counterfoil_tiles::tile::{BundleId, TILE_WIDTH, Tile, TileId};
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::log::{
    AddError, Log, LogStatus, Lookup, ProofError, Published, ReadError, Resource, Run,
};
use deduplication::Deduplication;
use history::History;
use index::Index;
use shared::Shared;

pub use examine::{Examination, examine};
pub use index::IndexError;
pub use quorum::{WitnessGuard, WitnessSettings};
pub use start::{EngineError, Settings, initialise, reindex};
pub use stores::{LogSigner, Stores};

/// After a refusal: when a queue that was full, or a store that failed, is worth another try.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A running log.
pub struct Engine {
    shared: Arc<Shared>,
    signer: Arc<LogSigner>,
    keys: LogKeys,
    policy: Arc<str>,
    history: Arc<History>,
    index: Option<Index>,
    deduplication: Option<Deduplication>,
    closing: watch::Sender<bool>,
    tasks: tokio::sync::Mutex<Vec<JoinHandle<()>>>,
}

impl Engine {
    /// Takes no more entries, answers and publishes what it has, and ends. Dropped before it ends, it leaves the rest to the next
    /// start's recovery; nothing acknowledged is lost either way.
    pub async fn close(&self) {
        self.closing.send_replace(true);
        for task in self.tasks.lock().await.drain(..) {
            drop(task.await);
        }
    }

    /// The hashes of a plan, from tiles that are true.
    async fn resolve(&self, plan: &ProofPlan, size: TreeSize) -> Result<Vec<NodeHash>, ProofError> {
        let mut tiles: HashMap<TileId, Tile> = HashMap::new();
        for id in plan.tiles(size).map_err(|error| internal(&error))? {
            tiles.insert(id, self.shared.reader.tile_hashes(id).await?);
        }
        plan.resolve(size, &tiles).map_err(|error| internal(&error))
    }

    fn kept(
        &self,
        size: TreeSize,
        published: &Arc<Published>,
    ) -> Result<(Bytes, TreeSize), ProofError> {
        if size == published.size {
            return Ok((published.note.bytes().clone(), size));
        }
        if size > published.size {
            return Err(ProofError::BeyondPublished {
                size,
                published: published.size,
            });
        }
        let note = self
            .history
            .note(size.get())
            .ok_or(ProofError::NotKept { size })?;
        // What the store gave back is believed only under the log's own signature.
        match counterfoil_sequencer::published::Published::from_note(&self.keys, note.clone()) {
            Ok(kept) if kept.size() == size => Ok((note, size)),
            _ => {
                let blob = format!("checkpoints/{size:020}-*", size = size.get());
                Err(ReadError::Damaged {
                    blob,
                    reason: "not a checkpoint of this size signed by this log".into(),
                }
                .into())
            }
        }
    }

    async fn leaf(&self, index: LeafIndex, size: TreeSize) -> Result<Option<LeafHash>, ReadError> {
        let width = u64::from(TILE_WIDTH);
        let Some(id) = TileId::at(0, index.get() / width, size) else {
            return Ok(None);
        };
        let tile = self.shared.reader.tile_hashes(id).await?;
        let place = usize::try_from(index.get() % width).unwrap_or(usize::MAX);
        Ok(tile
            .hashes()
            .get(place)
            .map(|hash| LeafHash::from_bytes(hash.to_bytes())))
    }

    /// The receipt that leads from an entry of the tree of this size to a checkpoint, and the entry's leaf hash. Whether the
    /// checkpoint has the tree's root is not checked.
    async fn prove(
        &self,
        index: LeafIndex,
        size: TreeSize,
        note: Note,
    ) -> Result<(Receipt, LeafHash), ProofError> {
        let plan = ProofPlan::inclusion(index, size).map_err(|error| internal(&error))?;
        let proof = self.observe(self.resolve(&plan, size).await)?;
        let leaf = self
            .observe(self.leaf(index, size).await)?
            .ok_or(ProofError::BeyondTree { index, size })?;
        let receipt = Receipt::new(index, proof, note).map_err(|error| internal(&error))?;
        Ok((receipt, leaf))
    }

    fn observe<T, E: IsDamage>(&self, result: Result<T, E>) -> Result<T, E> {
        if result.as_ref().is_err_and(IsDamage::is_damage) {
            self.shared.metrics.damaged();
        }
        result
    }
}

#[async_trait]
impl Log for Engine {
    fn origin(&self) -> &str {
        self.signer.origin().as_str()
    }

    fn vkeys(&self) -> &[Vkey] {
        self.signer.vkeys()
    }

    fn policy(&self) -> Arc<str> {
        Arc::clone(&self.policy)
    }

    async fn add(&self, entries: Vec<Bytes>) -> Result<Vec<Run>, AddError> {
        let mut leaves = Vec::with_capacity(entries.len());
        hash_leaves(&entries, &mut leaves);
        let entries: Vec<Entry> = entries
            .into_iter()
            .zip(leaves)
            .map(|(bytes, leaf)| Entry::with_leaf_hash(bytes, leaf))
            .collect();
        if let Some(deduplication) = &self.deduplication {
            return deduplication.add(self, entries).await;
        }
        let count = entries.len() as u64;
        Ok(vec![Run {
            first: submit(&self.shared, entries).await?,
            count,
        }])
    }

    fn published(&self) -> Option<Arc<Published>> {
        self.shared.published()
    }

    async fn wait_published(&self, size: TreeSize, deadline: Instant) -> Option<Arc<Published>> {
        let mut announced = self.shared.subscribe();
        let covers = |published: &Option<Arc<Published>>| {
            published
                .as_ref()
                .is_some_and(|published| published.size >= size)
        };
        let waited = tokio::time::timeout_at(deadline.into(), announced.wait_for(covers)).await;
        waited.ok()?.ok()?.clone()
    }

    async fn tile(&self, id: TileId) -> Result<Option<Resource>, ReadError> {
        self.observe(self.shared.reader.tile(id).await)
    }

    async fn bundle(&self, id: BundleId) -> Result<Option<Resource>, ReadError> {
        self.observe(self.shared.reader.bundle(id).await)
    }

    async fn receipt(&self, index: LeafIndex, size: Option<TreeSize>) -> Result<Bytes, ProofError> {
        let published = self.published().ok_or(ProofError::NothingPublished)?;
        let (note, size) = self.kept(size.unwrap_or(published.size), &published)?;
        if index.get() >= size.get() {
            return Err(ProofError::BeyondTree { index, size });
        }
        let note = Note::parse(&note).map_err(|error| internal(&error))?;
        let (receipt, leaf) = self.prove(index, size, note).await?;
        // A receipt that does not verify is worse than none.
        receipt
            .check_inclusion(&leaf)
            .map_err(|error| internal(&error))?;
        Ok(receipt.to_string().into())
    }

    async fn receipt_under(
        &self,
        index: LeafIndex,
        checkpoint: Bytes,
    ) -> Result<Bytes, ProofError> {
        let published = self.published().ok_or(ProofError::NothingPublished)?.size;
        let foreign = |reason: String| ProofError::Foreign { reason };
        let own = counterfoil_sequencer::published::Published::from_note(&self.keys, checkpoint);
        let own = own.map_err(|error| foreign(error.to_string()))?;
        // Whoever anchors it can leave cosignatures out, and nobody could verify what is then given out.
        own.check_quorum(&self.keys)
            .map_err(|error| foreign(error.to_string()))?;
        let size = own.size();
        if size > published {
            return Err(ProofError::BeyondPublished { size, published });
        }
        if index.get() >= size.get() {
            return Err(ProofError::BeyondTree { index, size });
        }
        let note = Note::parse(own.note()).map_err(|error| internal(&error))?;
        let (receipt, leaf) = self.prove(index, size, note).await?;
        // The proof leads to the root of this log's tree of that size: the checkpoint has it, or is of another history.
        receipt.check_inclusion(&leaf).map_err(|_| {
            foreign(format!(
                "it is signed by this log's key, and its root of size {size}, {}, is not that of this log's tree",
                own.root()
            ))
        })?;
        Ok(receipt.to_string().into())
    }

    async fn consistency(&self, from: TreeSize, to: TreeSize) -> Result<Vec<NodeHash>, ProofError> {
        let published = self.published().ok_or(ProofError::NothingPublished)?;
        if from > to {
            return Err(ProofError::Backwards { from, to });
        }
        if to > published.size {
            return Err(ProofError::BeyondPublished {
                size: to,
                published: published.size,
            });
        }
        let plan = ProofPlan::consistency(from, to).map_err(|error| internal(&error))?;
        self.observe(self.resolve(&plan, to).await)
    }

    async fn lookup(
        &self,
        leaf: LeafHash,
        after: Option<LeafIndex>,
        limit: usize,
    ) -> Result<Lookup, ReadError> {
        let unavailable = |reason: String| ReadError::Unavailable { reason };
        let Some(index) = self.index.clone() else {
            return Err(unavailable(
                "this log keeps no lookup index (lookup = false)".into(),
            ));
        };
        let found = tokio::task::spawn_blocking(move || {
            let indexed = index.indexed()?;
            Ok::<_, IndexError>((
                index.look_up(&leaf, after, limit.saturating_add(1))?,
                indexed,
            ))
        });
        let found = found
            .await
            .map_err(|error| unavailable(error.to_string()))?;
        let (mut indexes, covered) = found.map_err(|error| unavailable(error.to_string()))?;
        let more = indexes.len() > limit;
        indexes.truncate(limit);
        let size = self.shared.published_size();
        for index in &indexes {
            // The index is derived; the tree has the last word.
            if self.observe(self.leaf(*index, size).await)? != Some(leaf) {
                return Err(unavailable(format!(
                    "the lookup index says that entry {index} has this leaf hash, the tree says otherwise: `counterfoil log reindex`"
                )));
            }
        }
        Ok(Lookup {
            indexes,
            more,
            indexed: covered,
        })
    }

    fn status(&self) -> LogStatus {
        self.shared.status()
    }

    fn register_metrics(&self, registry: &mut Registry) {
        self.shared.metrics.register(registry);
    }
}

/// Hands entries to the driver and waits until they are durable.
async fn submit(shared: &Shared, entries: Vec<Entry>) -> Result<LeafIndex, AddError> {
    let count = entries.len();
    let answer = shared.intake.push(entries).map_err(add_error)?;
    // The driver answers whatever it can, even as it stops; if it is gone without an answer the entries may be committed.
    let gone = |_| SubmitError::OutcomeUnknown {
        reason: "the log ended before it could answer".into(),
    };
    let index = answer
        .await
        .map_err(gone)
        .and_then(|answer| answer)
        .map_err(add_error)?;
    shared.metrics.acknowledged(count);
    Ok(index)
}

/// Whether an error is about damage, which is counted.
trait IsDamage {
    fn is_damage(&self) -> bool;
}

impl IsDamage for ReadError {
    fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }
}

impl IsDamage for ProofError {
    fn is_damage(&self) -> bool {
        matches!(self, Self::Read(ReadError::Damaged { .. }))
    }
}

fn internal(error: &dyn std::fmt::Display) -> ProofError {
    ReadError::Unavailable {
        reason: error.to_string(),
    }
    .into()
}

fn add_error(error: SubmitError) -> AddError {
    let retry_after = RETRY_AFTER;
    match error {
        SubmitError::Overloaded { queued } => AddError::Overloaded {
            queued: queued as u64,
            retry_after,
        },
        SubmitError::NotDurable { reason } => AddError::NotDurable {
            reason: reason.into(),
            retry_after,
        },
        SubmitError::OutcomeUnknown { reason } => AddError::OutcomeUnknown {
            reason: reason.into(),
            retry_after,
        },
        SubmitError::Stopped { reason } => AddError::ReadOnly {
            reason: reason.into(),
            retry_after,
        },
    }
}

#[cfg(test)]
mod tests {
    use counterfoil_store::memory::MemoryBlobStore;

    use super::intake::Intake;
    use super::reader::Reader;
    use super::*;

    #[tokio::test]
    async fn a_submission_that_the_driver_took_and_never_answered_is_unknown() {
        let reader = Reader::new(Arc::new(MemoryBlobStore::new()), 1 << 20);
        let shared = Shared::new("log.example".into(), Intake::new(10, 1_000), reader, None);
        let taken = async {
            shared.intake.arrived().await;
            drop(shared.intake.take());
        };
        let entries = vec![Entry::new(Bytes::from_static(b"entry"))];
        let (answer, ()) = tokio::join!(submit(&shared, entries), taken);
        assert!(
            matches!(answer, Err(AddError::OutcomeUnknown { .. })),
            "{answer:?}"
        );
    }
}
