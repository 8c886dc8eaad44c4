//! Checking checkpoints against a policy.

use super::{Policy, Witness};
use crate::checkpoint::{CheckpointError, LogKey, SignedCheckpoint, WitnessedCheckpoint};
use crate::note::{Note, NoteError, VerifiedSignature};

/// Why a signed checkpoint does not satisfy a policy's quorum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuorumError {
    /// A known witness's cosignature does not verify, which spoils the whole note.
    #[error(transparent)]
    Cosignature(#[from] NoteError),
    /// All cosignatures of known witnesses are good, but they are not enough.
    #[error("the quorum is not met: {} of the policy's {known} witnesses cosigned", cosigned.len())]
    NotMet {
        /// Witnesses in the policy.
        known: usize,
        /// The good cosignatures.
        cosigned: Vec<VerifiedSignature>,
    },
}

/// What became of one witness of a policy on one checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosignatureCheck<'a> {
    /// The witness.
    pub witness: &'a Witness,
    /// Its newest good cosignature; none if it has not cosigned.
    pub cosignature: Option<VerifiedSignature>,
}

impl Policy {
    /// The keys of the logs.
    pub fn log_keys(&self) -> impl Iterator<Item = &LogKey> {
        self.logs.iter().map(super::Log::key)
    }

    /// Verifies a note as a checkpoint of one of the policy's logs, and that the quorum cosigned it.
    pub fn verify(&self, note: Note) -> Result<WitnessedCheckpoint, VerifyError> {
        Ok(self.witnessed(SignedCheckpoint::verify(note, self.log_keys())?)?)
    }

    /// Verifies the cosignatures of the policy's witnesses on a signed checkpoint, and that they satisfy the quorum.
    pub fn witnessed(&self, signed: SignedCheckpoint) -> Result<WitnessedCheckpoint, QuorumError> {
        let cosigned = self.cosignatures(signed.note())?;
        // SPEC(tlog-policy): "a checkpoint is considered valid if it is signed by any one of the listed logs, and it
        // is cosigned by witnesses according to the defined quorum rule."
        if self.satisfied_by(|witness| cosigned.iter().any(|signature| is_by(signature, witness))) {
            Ok(WitnessedCheckpoint::new(signed, cosigned))
        } else {
            Err(QuorumError::NotMet {
                known: self.witnesses.len(),
                cosigned,
            })
        }
    }

    /// Verifies the cosignatures on a note and says for each witness of the policy whether it cosigned.
    pub fn check_cosignatures(
        &self,
        signed: &SignedCheckpoint,
    ) -> Result<Vec<CosignatureCheck<'_>>, NoteError> {
        let cosigned = self.cosignatures(signed.note())?;
        let newest = |witness: &Witness| {
            let by_it = cosigned
                .iter()
                .filter(|signature| is_by(signature, witness));
            by_it.max_by_key(|signature| signature.timestamp).cloned()
        };
        Ok(self
            .witnesses
            .iter()
            .map(|witness| CosignatureCheck {
                witness,
                cosignature: newest(witness),
            })
            .collect())
    }

    fn cosignatures(&self, note: &Note) -> Result<Vec<VerifiedSignature>, NoteError> {
        match note.verify(&self.witness_keys) {
            Err(NoteError::NoKnownSignature) => Ok(Vec::new()),
            other => other,
        }
    }
}

/// Why a note is not a valid checkpoint under a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Not a checkpoint signed by one of the logs.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Signed, but the quorum is not there.
    #[error(transparent)]
    Quorum(#[from] QuorumError),
}

fn is_by(signature: &VerifiedSignature, witness: &Witness) -> bool {
    signature.key_id == witness.vkey.id() && signature.name == *witness.vkey.name()
}
