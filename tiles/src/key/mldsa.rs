//! ML-DSA-44 (FIPS 204) with the empty context, as C2SP cosignatures use it.
//!
//! Keys come from 32-byte seeds. Signing is hedged: the library mixes fresh randomness into each signature, as
//! FIPS 204 recommends, so two signatures of one message differ and both verify.

use core::fmt;

use aws_lc_rs::signature::{
    KeyPair as _, ML_DSA_44, ML_DSA_44_SIGNING, ParsedPublicKey, PqdsaKeyPair,
};

use super::{Algorithm, InvalidSignature, KeyError, Seed, SignError};

/// Bytes of a public key.
pub const PUBLIC_KEY_SIZE: usize = 1312;

/// Bytes of a signature.
pub const SIGNATURE_SIZE: usize = 2420;

/// A public key, decoded once.
#[derive(Clone)]
pub struct PublicKey {
    parsed: ParsedPublicKey,
    bytes: Box<[u8]>,
}

impl PublicKey {
    /// Loads a key for use. Each string of the right length is a key of FIPS 204, and none of another: the library
    /// would also take a key wrapped in DER.
    pub fn load(bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.len() != PUBLIC_KEY_SIZE {
            return Err(KeyError::Length {
                algorithm: Algorithm::MlDsa44,
                expected: PUBLIC_KEY_SIZE,
                found: bytes.len(),
            });
        }
        let parsed = ParsedPublicKey::new(&ML_DSA_44, bytes).map_err(|_| KeyError::Refused)?;
        Ok(Self {
            parsed,
            bytes: bytes.into(),
        })
    }

    /// The encoding of FIPS 204.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Checks a signature of `message` with the empty context.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        if signature.len() != SIGNATURE_SIZE {
            return Err(InvalidSignature);
        }
        self.parsed
            .verify_sig(message, signature)
            .map_err(|_| InvalidSignature)
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "mldsa::PublicKey({})",
            crate::text::encode_base64(&self.bytes)
        )
    }
}

/// A private key in memory.
pub(super) struct KeyPair {
    pair: PqdsaKeyPair,
    public_key: PublicKey,
}

impl KeyPair {
    pub(super) fn from_seed(seed: &Seed) -> Result<Self, KeyError> {
        let pair = PqdsaKeyPair::from_seed(&ML_DSA_44_SIGNING, seed.as_bytes())
            .map_err(|_| KeyError::Refused)?;
        let public_key = PublicKey::load(pair.public_key().as_ref())?;
        Ok(Self { pair, public_key })
    }

    pub(super) fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let mut signature = vec![0; SIGNATURE_SIZE];
        match self.pair.sign(message, &mut signature) {
            Ok(SIGNATURE_SIZE) => Ok(signature),
            _ => Err(SignError::signer("ML-DSA-44 signing failed")),
        }
    }
}
