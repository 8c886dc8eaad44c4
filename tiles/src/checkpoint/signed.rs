//! Checkpoints about which something is verified.

use super::{Checkpoint, CheckpointError, Origin};
use crate::key::{KeyError, KeyRing, Vkey};
use crate::note::{Note, NoteError, SignatureLine, VerifiedSignature};

/// A key that signs for an origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKey {
    origin: Origin,
    vkey: Vkey,
}

impl LogKey {
    /// A key whose name is the origin, as a log's should be.
    pub fn new(vkey: Vkey) -> Self {
        Self {
            origin: vkey.name().clone().into(),
            vkey,
        }
    }

    /// A key that signs under another name than the origin, as that of the Go checksum database does.
    // SPEC(tlog-checkpoint): "The log’s key name in its signature line SHOULD match the origin line."
    pub fn for_origin(origin: Origin, vkey: Vkey) -> Self {
        Self { origin, vkey }
    }

    /// The origin that the key signs for.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The verifier key.
    pub fn vkey(&self) -> &Vkey {
        &self.vkey
    }

    /// The keys that sign for one origin.
    pub(crate) fn ring<'a>(
        keys: impl IntoIterator<Item = &'a Self>,
        origin: &Origin,
    ) -> Result<Option<KeyRing>, KeyError> {
        let keys = keys.into_iter().filter(|key| key.origin == *origin);
        let ring = KeyRing::new(keys.map(|key| key.vkey.clone()))?;
        Ok(if ring.is_empty() { None } else { Some(ring) })
    }
}

/// A checkpoint on which a key of its log has a good signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    note: Note,
    checkpoint: Checkpoint,
    signatures: Vec<VerifiedSignature>,
}

impl SignedCheckpoint {
    /// Verifies a note as a checkpoint of one of the logs. Signatures by other keys than those of the log are
    /// ignored here; those of witnesses are the business of [`crate::policy::Policy::witnessed`].
    ///
    /// A checkpoint with no other log signature than ML-DSA-44 ones has extension lines that nobody signed.
    pub fn verify<'a>(
        note: Note,
        logs: impl IntoIterator<Item = &'a LogKey>,
    ) -> Result<Self, CheckpointError> {
        let checkpoint = Checkpoint::parse(note.text())?;
        let ring = LogKey::ring(logs, &checkpoint.origin)?.ok_or_else(|| {
            CheckpointError::UnknownOrigin {
                origin: checkpoint.origin.clone(),
            }
        })?;
        let signatures = note.verify(&ring)?;
        Ok(Self {
            note,
            checkpoint,
            signatures,
        })
    }

    /// The note, byte for byte as it was verified.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// What the log says.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The log's signatures that were verified, at least one.
    pub fn log_signatures(&self) -> &[VerifiedSignature] {
        &self.signatures
    }

    /// The same checkpoint with nothing but the log's verified signatures, the first by each key.
    pub fn without_others(&self) -> Result<Self, NoteError> {
        let mut signatures: Vec<VerifiedSignature> = Vec::new();
        let mut lines: Vec<SignatureLine> = Vec::new();
        for by in &self.signatures {
            let is_by =
                |line: &&SignatureLine| *line.name() == by.name && line.key_id() == by.key_id;
            if lines.iter().any(|line| is_by(&line)) {
                continue;
            }
            lines.extend(self.note.signatures().iter().find(is_by).cloned());
            signatures.push(by.clone());
        }
        Ok(Self {
            note: Note::new(self.note.text(), lines)?,
            checkpoint: self.checkpoint.clone(),
            signatures,
        })
    }
}

/// A signed checkpoint that carries the cosignatures that a policy demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessedCheckpoint {
    signed: SignedCheckpoint,
    cosignatures: Vec<VerifiedSignature>,
}

impl WitnessedCheckpoint {
    /// For the policy alone, after it found its quorum.
    pub(crate) fn new(signed: SignedCheckpoint, cosignatures: Vec<VerifiedSignature>) -> Self {
        Self {
            signed,
            cosignatures,
        }
    }

    /// The signed checkpoint.
    pub fn signed(&self) -> &SignedCheckpoint {
        &self.signed
    }

    /// The note, byte for byte as it was verified.
    pub fn note(&self) -> &Note {
        &self.signed.note
    }

    /// What the log says and the witnesses saw.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.signed.checkpoint
    }

    /// The policy's witnesses' cosignatures that were verified; empty under `quorum none` without witnesses.
    pub fn cosignatures(&self) -> &[VerifiedSignature] {
        &self.cosignatures
    }
}
