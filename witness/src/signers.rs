//! The witness's keys, and what they sign: checkpoints and subtrees that were judged, and nothing else.

use counterfoil_tiles::cosignature::{
    MAX_COSIGNED_NAME, Timestamp, cosign_checkpoint, cosign_subtree,
};
use counterfoil_tiles::key::{Algorithm, KeyError, KeyName, KeyRing, SignError, SigningKey, Vkey};
use counterfoil_tiles::note::SignatureLine;

use crate::judge::{Consistent, CosignedPart};

/// Why keys cannot be those of a witness.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignersError {
    /// There is none.
    #[error("a witness needs at least one key")]
    None,
    /// A key makes no cosignatures.
    #[error("the key {name} is of type {algorithm}, which makes no cosignatures")]
    Algorithm {
        /// The key's name.
        name: KeyName,
        /// Its type.
        algorithm: Algorithm,
    },
    /// The name is too long for ML-DSA-44.
    #[error("the name of an ML-DSA-44 key has at most {MAX_COSIGNED_NAME} bytes, found {found}")]
    NameTooLong {
        /// Bytes found.
        found: usize,
    },
    /// One Ed25519 key under two names.
    #[error("the keys {first} and {second} are one Ed25519 key under two names; make another")]
    Shared {
        /// One name.
        first: KeyName,
        /// The other.
        second: KeyName,
    },
    /// Two keys cannot be told apart.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The keys of a witness, at least one, each of which makes cosignatures.
#[derive(Debug, Clone)]
pub struct Signers {
    keys: Vec<SigningKey>,
    ring: KeyRing,
}

impl Signers {
    /// Checks the keys.
    pub fn new(keys: impl IntoIterator<Item = SigningKey>) -> Result<Self, SignersError> {
        let keys: Vec<SigningKey> = keys.into_iter().collect();
        let mut ring = KeyRing::default();
        for key in &keys {
            let (name, algorithm) = (key.name(), key.algorithm());
            if algorithm == Algorithm::Ed25519 {
                let name = name.clone();
                return Err(SignersError::Algorithm { name, algorithm });
            }
            let found = name.as_str().len();
            if algorithm == Algorithm::MlDsa44 && found > MAX_COSIGNED_NAME {
                return Err(SignersError::NameTooLong { found });
            }
            // SPEC(tlog-cosignature): "The Ed25519 signed message format doesn't commit to the cosigner name, so the same
            // public key can't be used across multiple cosigners."
            let shares = |other: &&Vkey| {
                other.name() != name && other.public_key() == key.vkey().public_key()
            };
            if algorithm == Algorithm::CosignatureV1
                && let Some(other) = ring.iter().find(shares)
            {
                return Err(SignersError::Shared {
                    first: other.name().clone(),
                    second: name.clone(),
                });
            }
            ring.insert(key.vkey().clone())?;
        }
        if keys.is_empty() {
            return Err(SignersError::None);
        }
        Ok(Self { keys, ring })
    }

    /// The verifier keys.
    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// True if one of the keys can sign subtrees.
    pub fn sign_subtrees(&self) -> bool {
        self.subtree_keys().next().is_some()
    }

    /// Cosigns a checkpoint with each key. The time must not be zero.
    // SPEC(tlog-witness): "The signatures MUST be [cosignatures][] from the witness key(s) on the checkpoint."
    pub(crate) fn cosign(
        &self,
        checkpoint: &Consistent,
        at: Timestamp,
    ) -> Result<Vec<SignatureLine>, SignError> {
        // SPEC(tlog-witness): "The cosignature MUST NOT omit the timestamp, i.e. the timestamp MUST NOT be zero."
        if at == Timestamp::ZERO {
            return Err(SignError::Message("a checkpoint is not cosigned at time 0"));
        }
        let checkpoint = checkpoint.signed().checkpoint();
        let lines = self.keys.iter();
        lines
            .map(|key| cosign_checkpoint(key, checkpoint, at))
            .collect()
    }

    /// Signs a subtree with those ML-DSA-44 keys that cosigned the reference checkpoint, or with all if none did.
    // SPEC(tlog-witness): "The signatures SHOULD be ML-DSA-44 [cosignatures][], and SHOULD be from one or more of the same
    // witness key(s) that signed the checkpoint."
    pub(crate) fn sign_subtree(
        &self,
        part: &CosignedPart,
    ) -> Result<Vec<SignatureLine>, SignError> {
        let cosigned = |key: &&SigningKey| {
            let mut by = part.cosignatures().iter();
            by.any(|by| by.key_id == key.id() && by.name == *key.name())
        };
        let mut keys: Vec<&SigningKey> = self.subtree_keys().filter(cosigned).collect();
        if keys.is_empty() {
            keys = self.subtree_keys().collect();
        }
        let request = part.request();
        let origin = request.checkpoint().origin();
        let sign = |key: &SigningKey| {
            // SPEC(tlog-witness): "If the cosignature format supports timestamps, the timestamp MUST be zero."
            cosign_subtree(
                key,
                origin,
                request.subtree(),
                request.hash(),
                Timestamp::ZERO,
            )
        };
        keys.into_iter().map(sign).collect()
    }

    // SPEC(tlog-witness): "The cosignature format MUST support subtree cosigning."
    fn subtree_keys(&self) -> impl Iterator<Item = &SigningKey> {
        let keys = self.keys.iter();
        keys.filter(|key| key.algorithm() == Algorithm::MlDsa44)
    }
}
