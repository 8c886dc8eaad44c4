//! The rollback guard: copies of the latest checkpoints, at a second place, show that a database is older than what was
//! signed.
//!
//! A database that was restored from a backup does not know what the witness signed since, and a witness that trusts it
//! may cosign another history. So each checkpoint that was cosigned is also written to other places, as the monitoring
//! prefix shows it (`<origin hash>/checkpoint`), and before the first cosignature for a log after a start the copies are
//! read. A copy with our own signature that is not covered by the record stops the witness as a whole: its database is
//! old. A copy that is older than the record is normal.
//!
//! What decides is here and pure: [`OwnCheckpoint::verify`], [`uncovered`], [`adoption`]. How copies are read and written
//! is in [`folder`] and [`guard`](crate::copies::Guard).

mod adopt;
mod folder;
mod guard;
mod writer;

use async_trait::async_trait;
use bytes::Bytes;
use counterfoil_tiles::checkpoint::{Checkpoint, CheckpointError, Origin};
use counterfoil_tiles::hash::TreeSize;
use counterfoil_tiles::key::KeyRing;
use counterfoil_tiles::note::{Note, NoteError};

use crate::OriginHash;
use crate::record::Recorded;

pub use adopt::{AdoptError, Adoption, Unreadable, adopt, adoption};
pub use folder::FolderCopies;
pub use guard::{Guard, Rollback};
pub use writer::CopyWriter;

/// Why bytes are no copy of a checkpoint that this witness signed. They prove nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// They are no signed note, or our own signature is not on it, or it is bad.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The note is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// It is of another log.
    #[error("it is a checkpoint of another log, {:?}", .0.as_str())]
    OtherLog(Origin),
}

/// A checkpoint that this witness has signed: one of its keys has a good signature on it, and none a bad one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnCheckpoint {
    note: Note,
    checkpoint: Checkpoint,
}

impl OwnCheckpoint {
    /// Verifies a copy of a log's checkpoint.
    pub fn verify(bytes: &[u8], log: OriginHash, own: &KeyRing) -> Result<Self, CopyError> {
        let note = Note::parse(bytes)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        if OriginHash::of(checkpoint.origin()) != log {
            return Err(CopyError::OtherLog(checkpoint.origin().clone()));
        }
        note.verify(own)?;
        Ok(Self { note, checkpoint })
    }

    /// The note.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// What was signed.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

/// How a checkpoint that was signed is not covered by what is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uncovered {
    /// Nothing is recorded.
    NoRecord {
        /// The size that was signed.
        signed: TreeSize,
    },
    /// The record is smaller.
    Smaller {
        /// The recorded size.
        recorded: TreeSize,
        /// The size that was signed.
        signed: TreeSize,
    },
    /// The record is of the same size and has another root.
    OtherRoot {
        /// The size of both.
        size: TreeSize,
    },
}

/// How a checkpoint that this witness has signed shows its record to be old; none if it does not.
pub fn uncovered(recorded: Option<&Recorded>, copy: &OwnCheckpoint) -> Option<Uncovered> {
    let signed = copy.checkpoint.size();
    let Some(recorded) = recorded.map(Recorded::checkpoint) else {
        return Some(Uncovered::NoRecord { signed });
    };
    let size = recorded.size();
    if signed > size {
        let recorded = size;
        return Some(Uncovered::Smaller { recorded, signed });
    }
    let other = signed == size && recorded.root() != copy.checkpoint.root();
    other.then_some(Uncovered::OtherRoot { size })
}

/// A place with copies of checkpoints: a folder, or a monitoring prefix.
#[async_trait]
pub trait CopySource: Send + Sync {
    /// What the operator calls it: the path or the URL.
    fn place(&self) -> &str;

    /// The copy of a log's checkpoint; none if there is none. The error says why it could not be read. What is read is
    /// at most [`counterfoil_tiles::note::MAX_NOTE_SIZE`] bytes.
    async fn fetch(&self, log: OriginHash) -> Result<Option<Bytes>, String>;

    /// The logs of which there are copies; none if the place has no list.
    async fn list(&self) -> Result<Option<Vec<OriginHash>>, String>;
}
