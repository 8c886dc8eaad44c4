//! Forks of logs: two histories that one log signed. Seen once, a fork is remembered until the operator says that it was dealt with.
//!
//! What is seen is held in memory until both checkpoints are kept, so that a disk that fails forgets none. The refused checkpoint is
//! kept first: from then on every process knows of the fork. What tells forks apart is the refused tree, and not its cosignatures,
//! which change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use counterfoil_store::{Blob, PutError};
use counterfoil_tiles::checkpoint::{Checkpoint, OriginHash};
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use counterfoil_tiles::note::Note;

use super::{KeepError, Records, index};
use crate::names::CheckpointHash;

/// Most forks of a log that are kept and that the operator has not dealt with. The first says it all, and a log must not be able
/// to fill the disk.
pub const MAX_FORKS: usize = 16;

/// What an operator has dealt with, of one log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acknowledged {
    /// Refused checkpoints of forks in spite of which the log is anchored on.
    pub forks: BTreeSet<CheckpointHash>,
    /// Anchored checkpoints that are lost, and bind no more.
    pub lost: BTreeSet<CheckpointHash>,
}

/// A fork.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fork {
    anchored: Note,
    refused: Note,
}

impl Fork {
    fn hash(&self) -> CheckpointHash {
        CheckpointHash::of(self.refused.as_bytes())
    }
}

/// Forks that were seen, and are not kept yet.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<BTreeMap<OriginHash, Vec<Fork>>>);

impl Seen {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<OriginHash, Vec<Fork>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a checkpoint is about.
fn tree(note: &Note) -> Option<(TreeSize, NodeHash)> {
    let checkpoint = Checkpoint::parse(note.text()).ok()?;
    Some((checkpoint.size(), *checkpoint.root()))
}

impl Records {
    /// Takes note of a fork, until it is kept.
    pub fn saw_fork(&self, log: OriginHash, anchored: &Note, refused: &Note) {
        let mut seen = self.seen.lock();
        let forks = seen.entry(log).or_default();
        let is_known = |fork: &Fork| tree(&fork.refused) == tree(refused);
        if forks.iter().any(is_known) {
            return;
        }
        if forks.len() >= MAX_FORKS {
            tracing::error!(
                %log, refused = %CheckpointHash::of(refused.as_bytes()),
                "another fork, of which the checkpoints are not kept: {MAX_FORKS} wait to be"
            );
            return;
        }
        forks.push(Fork {
            anchored: anchored.clone(),
            refused: refused.clone(),
        });
    }

    /// The refused checkpoints of the forks of a log that the operator has not dealt with, kept or only seen.
    pub fn open_forks(
        &self,
        log: OriginHash,
        acknowledged: &Acknowledged,
    ) -> BTreeSet<CheckpointHash> {
        let mut forks = self.with_index(|index| index.forks(log));
        if let Some(seen) = self.seen.lock().get(&log) {
            forks.extend(seen.iter().map(Fork::hash));
        }
        forks.difference(&acknowledged.forks).copied().collect()
    }

    /// Keeps both checkpoints of each fork that was seen, as far as there is room; `anchored` is what binds the anchor, and proves
    /// with a refused checkpoint of which a crash left nothing else that there are two histories.
    pub async fn keep_forks(
        &self,
        log: OriginHash,
        acknowledged: &Acknowledged,
        anchored: Option<&Note>,
    ) -> Result<(), KeepError> {
        for refused in self.with_index(|index| index.half_forks(log)) {
            if let Some(anchored) = anchored {
                self.keep_half(log, refused, "anchored", anchored).await?;
            }
        }
        let seen = self.seen.lock().get(&log).cloned().unwrap_or_default();
        for fork in seen {
            if !self.is_kept(log, &fork).await {
                let open = self.with_index(|index| index.forks(log));
                if open.difference(&acknowledged.forks).count() >= MAX_FORKS {
                    tracing::error!(
                        %log, refused = %fork.hash(),
                        "another fork, of which the checkpoints are not kept yet: {MAX_FORKS} are that nobody has dealt with"
                    );
                    continue;
                }
                let hash = fork.hash();
                self.keep_half(log, hash, "refused", &fork.refused).await?;
                self.keep_half(log, hash, "anchored", &fork.anchored)
                    .await?;
            }
            if let Some(seen) = self.seen.lock().get_mut(&log) {
                seen.retain(|other| *other != fork);
            }
        }
        Ok(())
    }

    /// Whether a refused checkpoint of the same tree is kept.
    async fn is_kept(&self, log: OriginHash, fork: &Fork) -> bool {
        for refused in self.with_index(|index| index.forks(log)) {
            // What is damaged is told where it is read.
            let kept = self.read(&index::fork_name(log, refused, "refused")).await;
            let note = kept.ok().flatten().and_then(|kept| Note::parse(&kept).ok());
            if note.is_some_and(|note| tree(&note) == tree(&fork.refused)) {
                return true;
            }
        }
        false
    }

    async fn keep_half(
        &self,
        log: OriginHash,
        refused: CheckpointHash,
        which: &str,
        note: &Note,
    ) -> Result<(), KeepError> {
        let name = index::fork_name(log, refused, which);
        let blob = Blob::new(name.clone(), Bytes::copy_from_slice(note.as_bytes()));
        match self.put_all(&[blob]).await {
            // It was kept before, beside an earlier anchored checkpoint.
            Ok(()) | Err(PutError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        self.found(&name);
        Ok(())
    }
}
