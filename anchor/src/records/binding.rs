//! What binds the anchor: the largest checkpoint of a log that it anchored. What the log signs must begin with it.

use counterfoil_tiles::checkpoint::OriginHash;
use counterfoil_tiles::hash::TreeSize;
use counterfoil_tiles::note::Note;

use super::{Acknowledged, KeepError, Records};
use crate::moment::Moment;
use crate::names::{AnchorKind, Blobs as _, CheckpointHash, Place, RecordName};
use crate::state::State;

/// Why it is not known what binds the anchor. Nothing may be anchored then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindingError {
    /// It could not be read.
    #[error(transparent)]
    Records(#[from] KeepError),
    /// It is lost: there are records about a larger checkpoint than the register knows, and none of them gives it back.
    #[error(
        "LOST: a checkpoint of {size} entries was anchored and cannot be read, and the register knows of none so large: what the log \
         signs now cannot be compared with it. Restore {checkpoint}, or one of the records beside it, or the registers, from a \
         backup; or let it bind no more, knowingly, by `lost_checkpoints` in its [[log]]: see docs/anchor.md"
    )]
    Lost {
        /// Its size.
        size: TreeSize,
        /// Its hash.
        checkpoint: CheckpointHash,
    },
}

impl Records {
    /// What binds the anchor: what its register says, or a larger checkpoint in the records, where the register was lost or is
    /// from an older backup. Where the larger one cannot be read it is an error, and no reason to go by the smaller one.
    pub async fn binding(
        &self,
        log: OriginHash,
        acknowledged: &Acknowledged,
        now: Moment,
    ) -> Result<Option<State>, BindingError> {
        let state = self.state(log).await?;
        let size = state.as_ref().map(|state| state.checkpoint().size());
        let larger = self.with_index(|index| index.anchored_above(log, size));
        let mut lost: Option<Place> = None;
        for place in larger {
            if acknowledged.lost.contains(&place.checkpoint) {
                continue;
            }
            // Checkpoints of one size are of one tree: any of them binds.
            if lost.is_some_and(|lost| lost.size > place.size) {
                break;
            }
            if let Some(note) = self.checkpoint_note(&place).await?
                && let Ok(recorded) = State::after(state.as_ref(), note, now)
                && recorded.place() == place
            {
                return Ok(Some(recorded));
            }
            lost = lost.or(Some(place));
        }
        match lost {
            Some(Place {
                size, checkpoint, ..
            }) => Err(BindingError::Lost { size, checkpoint }),
            None => Ok(state),
        }
    }

    /// A signed checkpoint that was anchored, from its own file or from a record that covers it. None if all of them are lost.
    async fn checkpoint_note(&self, place: &Place) -> Result<Option<Note>, KeepError> {
        let mut passing = None;
        match self.read(&place.checkpoint()).await {
            Ok(Some(bytes)) => return Ok(Note::parse(&bytes).ok()),
            Ok(None) => {}
            Err(error) => passing = Some(error).filter(KeepError::may_pass),
        }
        let names: Vec<RecordName> = self.with_index(|index| {
            let tokens = index.tokens(place).into_iter();
            tokens.chain(index.all_blocks(place)).collect()
        });
        for name in names {
            let covered = match name.kind {
                AnchorKind::Rfc3161 => self.token(place, &name).await.map(|one| one.0.checkpoint),
                AnchorKind::Ethereum => self.block(place, &name).await.map(|one| one.0.checkpoint),
            };
            match covered {
                Ok(bytes) => return Ok(Note::parse(&bytes).ok()),
                Err(error) => passing = passing.or(Some(error).filter(KeepError::may_pass)),
            }
        }
        passing.map_or(Ok(None), Err)
    }
}
