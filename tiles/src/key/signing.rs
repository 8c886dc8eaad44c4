//! What signs: a name, and a private key that may live elsewhere.

use core::fmt;
use std::sync::Arc;

use super::{Algorithm, KeyError, KeyId, KeyName, Seed, Vkey, ed25519, mldsa};

/// Why nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The signer failed, for example an HSM that does not answer.
    #[error("the signer failed: {0}")]
    Signer(String),
    /// The key's algorithm cannot make this kind of signature.
    #[error("a key of type {algorithm} cannot sign {what}")]
    Algorithm {
        /// The key's algorithm.
        algorithm: Algorithm,
        /// What was to be signed.
        what: &'static str,
    },
    /// What was to be signed breaks a rule of its format.
    #[error("{0}")]
    Message(&'static str),
    /// The signer returned something that its public key does not verify.
    #[error("the signer returned a signature that its public key does not verify")]
    WrongSignature,
}

impl SignError {
    /// A failure of the signer, in its own words; never put secrets in them.
    pub fn signer(message: impl Into<String>) -> Self {
        Self::Signer(message.into())
    }
}

/// A private key outside this process's memory (an HSM, a signing service): it gets message bytes and returns a bare
/// signature.
pub trait RawSigner: Send + Sync {
    /// Signs the message: Ed25519, or ML-DSA-44 with the empty context, by the algorithm of the key.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// Where the private key is.
#[derive(Clone)]
enum Secret {
    Ed25519(Arc<ed25519::KeyPair>),
    MlDsa44(Arc<mldsa::KeyPair>),
    Elsewhere(Arc<dyn RawSigner>),
}

/// A signer with its name. What it signs is decided by [`crate::checkpoint`] and [`crate::cosignature`].
#[derive(Clone)]
pub struct SigningKey {
    vkey: Vkey,
    secret: Secret,
}

impl SigningKey {
    /// A key in memory, from its seed.
    pub fn from_seed(name: KeyName, algorithm: Algorithm, seed: &Seed) -> Result<Self, KeyError> {
        match algorithm {
            Algorithm::Ed25519 | Algorithm::CosignatureV1 => {
                let pair = ed25519::KeyPair::from_seed(seed)?;
                let vkey = Vkey::new(name, algorithm, pair.public_key().as_bytes())?;
                Ok(Self {
                    vkey,
                    secret: Secret::Ed25519(Arc::new(pair)),
                })
            }
            Algorithm::MlDsa44 => {
                let pair = mldsa::KeyPair::from_seed(seed)?;
                let vkey = Vkey::new(name, algorithm, pair.public_key().as_bytes())?;
                Ok(Self {
                    vkey,
                    secret: Secret::MlDsa44(Arc::new(pair)),
                })
            }
        }
    }

    /// A key that lives elsewhere, known by its vkey. Each of its signatures is verified before it is used, since
    /// a faulty or misconfigured device is found nowhere else.
    pub fn with_signer(vkey: Vkey, signer: Arc<dyn RawSigner>) -> Self {
        Self {
            vkey,
            secret: Secret::Elsewhere(signer),
        }
    }

    /// The verifier key.
    pub fn vkey(&self) -> &Vkey {
        &self.vkey
    }

    /// The key name.
    pub fn name(&self) -> &KeyName {
        self.vkey.name()
    }

    /// The key ID.
    pub fn id(&self) -> KeyId {
        self.vkey.id()
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.vkey.algorithm()
    }

    /// Signs message bytes: the bare signature.
    pub(crate) fn sign_message(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        match &self.secret {
            Secret::Ed25519(pair) => pair.sign(message),
            Secret::MlDsa44(pair) => pair.sign(message),
            Secret::Elsewhere(signer) => {
                let signature = signer.sign(message)?;
                match self.vkey.public_key().verify(message, &signature) {
                    Ok(()) => Ok(signature),
                    Err(_) => Err(SignError::WrongSignature),
                }
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, secret)", self.vkey)
    }
}
