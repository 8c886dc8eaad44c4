//! The published checkpoint: the value of the published register, and the rule by which one gives way to another.
//!
//! ```text
//! "counterfoil/published/1\n" then the signed note, byte for byte as it is served at <prefix>/checkpoint
//! ```
//!
//! SPEC(design 2.4): "Publication is a compare-and-swap of the published checkpoint: the new one is larger, or has the same size
//! and root and, per key, no signature dropped or older (late cosignatures, refreshes). On conflict re-read: drop ours if
//! smaller, merge if equal."

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use counterfoil_tiles::checkpoint::{
    self, CheckpointError, LogKey, PublishError, SignedCheckpoint,
};
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use counterfoil_tiles::key::{KeyError, KeyRing, Vkey};
use counterfoil_tiles::note::{Note, NoteError, SignatureLine};
use counterfoil_tiles::policy::{Policy, QuorumError, add_cosignatures};

/// The format of the register and its version.
pub const MAGIC: &[u8] = b"counterfoil/published/1\n";

/// The keys under which a checkpoint is this log's own, and the policy under which it may be published.
#[derive(Clone, Debug)]
pub struct LogKeys {
    keys: Vec<LogKey>,
    /// The log's own keys and those of its witnesses: whose signatures have times that can be compared.
    ring: KeyRing,
    policy: Option<Arc<Policy>>,
}

impl LogKeys {
    /// All keys that sign this log's checkpoints. They share one name, the origin.
    pub fn new(vkeys: impl IntoIterator<Item = Vkey>) -> Result<Self, KeyError> {
        let keys: Vec<LogKey> = vkeys.into_iter().map(LogKey::new).collect();
        let ring = KeyRing::new(keys.iter().map(|key| key.vkey().clone()))?;
        Ok(Self {
            keys,
            ring,
            policy: None,
        })
    }

    /// The same keys, and a policy whose quorum must have cosigned what is published.
    pub fn with_policy(mut self, policy: Arc<Policy>) -> Result<Self, KeyError> {
        for witness in policy.witnesses() {
            self.ring.insert(witness.vkey().clone())?;
        }
        self.policy = Some(policy);
        Ok(self)
    }

    /// True if there is anybody to ask for cosignatures.
    pub(crate) fn have_witnesses(&self) -> bool {
        self.policy
            .as_ref()
            .is_some_and(|policy| !policy.witnesses().is_empty())
    }
}

/// Why bytes are not a checkpoint of this log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishedError {
    /// Another format or version.
    #[error(
        "not a published checkpoint of version 1: it must begin with \"counterfoil/published/1\""
    )]
    Magic,
    /// Not a signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Not signed by this log.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Two checkpoints of one size with different roots.
    #[error(
        "two checkpoints of size {size} with the roots {ours} and {theirs} are signed by this log's key"
    )]
    Fork {
        /// Their size.
        size: u64,
        /// The root of the one in hand.
        ours: NodeHash,
        /// The root of the other.
        theirs: NodeHash,
    },
    /// The united note cannot be published.
    #[error(transparent)]
    Merge(#[from] PublishError),
}

/// A checkpoint that a key of this log has signed, as published or about to be.
#[derive(Clone, Debug)]
pub struct Published {
    bytes: Bytes,
    note: Bytes,
    signed: SignedCheckpoint,
    ring: KeyRing,
}

/// What becomes of our checkpoint when another one is published already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Merge {
    /// Publish this note in the place of theirs.
    Ours(Bytes),
    /// Theirs stays.
    Theirs,
}

/// The register's value for a note.
pub fn encode_register(note: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(MAGIC.len().saturating_add(note.len()));
    bytes.put_slice(MAGIC);
    bytes.put_slice(note);
    bytes.freeze()
}

impl Published {
    /// Verifies a signed note as a checkpoint of this log.
    pub fn from_note(keys: &LogKeys, note: Bytes) -> Result<Self, PublishedError> {
        let signed = SignedCheckpoint::verify(Note::parse(&note)?, &keys.keys)?;
        Ok(Self {
            bytes: encode_register(&note),
            note,
            signed,
            ring: keys.ring.clone(),
        })
    }

    /// Verifies the register's value.
    pub fn from_register(keys: &LogKeys, bytes: &Bytes) -> Result<Self, PublishedError> {
        let note = bytes.strip_prefix(MAGIC).ok_or(PublishedError::Magic)?;
        Self::from_note(keys, bytes.slice_ref(note))
    }

    /// The register's value.
    pub fn register_bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    /// The signed note.
    pub fn note(&self) -> &Bytes {
        &self.note
    }

    /// Its size.
    pub fn size(&self) -> TreeSize {
        self.signed.checkpoint().size()
    }

    /// Its root hash.
    pub fn root(&self) -> NodeHash {
        *self.signed.checkpoint().root()
    }

    /// Verifies that the policy's quorum has cosigned it. Without a policy nothing is asked.
    pub fn check_quorum(&self, keys: &LogKeys) -> Result<(), QuorumError> {
        match &keys.policy {
            Some(policy) => policy.witnessed(self.signed.clone()).map(drop),
            None => Ok(()),
        }
    }

    /// True if both are checkpoints of one text, whatever signatures they carry.
    pub(crate) fn has_text_of(&self, other: &Self) -> bool {
        self.signed.note().text() == other.signed.note().text()
    }

    /// The same checkpoint with no signatures but those of the log and of its witnesses; all of them verify, or it is an
    /// error.
    pub(crate) fn verified(&self, keys: &LogKeys) -> Result<Self, PublishedError> {
        let note = self.signed.note();
        let known = note.verify(&keys.ring)?;
        let is_known = |line: &&SignatureLine| {
            let mut known = known.iter();
            known.any(|by| by.name == *line.name() && by.key_id == line.key_id())
        };
        let lines = note.signatures().iter().filter(is_known).cloned();
        let note = Note::new(note.text(), lines.collect())?;
        Self::from_note(keys, Bytes::copy_from_slice(note.as_bytes()))
    }

    /// This checkpoint with the signatures of both, per key the newer. Those of `other` must have been verified. Where that
    /// makes too many, all of the log's own stay, and what the quorum needs.
    pub(crate) fn united(&self, keys: &LogKeys, other: &Self) -> Result<Self, PublishedError> {
        let (ours, theirs) = (self.signed.note(), other.signed.note());
        let note = match (checkpoint::merge(ours, theirs, &self.ring), &keys.policy) {
            (Err(PublishError::TooManySignatures(_)), Some(policy)) => {
                add_cosignatures(ours, theirs.signatures(), policy)?
            }
            (merged, _) => merged?,
        };
        Self::from_note(keys, Bytes::copy_from_slice(note.as_bytes()))
    }

    /// Decides between this checkpoint, which was to be published, and the one that is.
    pub(crate) fn merge_into(&self, theirs: &Self) -> Result<Merge, PublishedError> {
        if self.size() != theirs.size() {
            return Ok(if self.size() > theirs.size() {
                Merge::Ours(self.note.clone())
            } else {
                Merge::Theirs
            });
        }
        if self.root() != theirs.root() {
            return Err(PublishedError::Fork {
                size: self.size().get(),
                ours: self.root(),
                theirs: theirs.root(),
            });
        }
        if checkpoint::keeps_signatures(theirs.signed.note(), self.signed.note(), &self.ring) {
            return Ok(Merge::Theirs);
        }
        let united = checkpoint::merge(theirs.signed.note(), self.signed.note(), &self.ring)?;
        Ok(Merge::Ours(Bytes::copy_from_slice(united.as_bytes())))
    }
}
