//! Ed25519 (RFC 8032): which signatures and which public keys are accepted, and signing.
//!
//! A signature is accepted if and only if Go's `crypto/ed25519` accepts it: S is below the group order, and
//! `[S]B - [k]A`, encoded, is byte for byte the R of the signature. So a non-canonical R never verifies, and a
//! residue of small order is not multiplied away. Public keys are judged apart, when they are loaded:
//! [`PublicKey::load`] refuses what no honest signer has.

use core::fmt;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use curve25519_dalek::edwards::CompressedEdwardsY;
use ed25519_dalek::VerifyingKey;
use signature::Verifier as _;

use super::{InvalidSignature, KeyError, Seed, SignError};

/// Bytes of a public key.
pub const PUBLIC_KEY_SIZE: usize = 32;

/// Bytes of a signature.
pub const SIGNATURE_SIZE: usize = 64;

/// Why a public key is refused when it is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeakPoint {
    /// The bytes decode to no point.
    NotOnCurve,
    /// The bytes are a second spelling of a point.
    NotCanonical,
    /// The point has order 8 or less: signatures by it say nothing.
    SmallOrder,
}

impl fmt::Display for WeakPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOnCurve => "not a point of the curve",
            Self::NotCanonical => "not in canonical form",
            Self::SmallOrder => "of small order",
        })
    }
}

/// A public key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Loads a key for use: a point in canonical form, not of small order.
    pub fn load(bytes: &[u8; PUBLIC_KEY_SIZE]) -> Result<Self, KeyError> {
        let point = CompressedEdwardsY(*bytes)
            .decompress()
            .ok_or(KeyError::WeakPoint(WeakPoint::NotOnCurve))?;
        if point.compress().0 != *bytes {
            return Err(KeyError::WeakPoint(WeakPoint::NotCanonical));
        }
        if point.is_small_order() {
            return Err(KeyError::WeakPoint(WeakPoint::SmallOrder));
        }
        Self::decode(bytes).ok_or(KeyError::WeakPoint(WeakPoint::NotOnCurve))
    }

    /// Decodes a key as Go does: any encoding of any point. For test vectors and inspection; keys that are to be
    /// trusted come from [`PublicKey::load`].
    pub fn decode(bytes: &[u8; PUBLIC_KEY_SIZE]) -> Option<Self> {
        VerifyingKey::from_bytes(bytes).ok().map(Self)
    }

    /// The encoding of RFC 8032.
    pub fn as_bytes(&self) -> &[u8; PUBLIC_KEY_SIZE] {
        self.0.as_bytes()
    }

    /// Checks a signature of `message`, as Go's `crypto/ed25519` does.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let signature =
            ed25519_dalek::Signature::from_slice(signature).map_err(|_| InvalidSignature)?;
        self.0
            .verify(message, &signature)
            .map_err(|_| InvalidSignature)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ed25519::PublicKey({})",
            crate::text::encode_base64(self.as_bytes())
        )
    }
}

/// A private key in memory.
pub(super) struct KeyPair {
    pair: Ed25519KeyPair,
    public_key: PublicKey,
}

impl KeyPair {
    pub(super) fn from_seed(seed: &Seed) -> Result<Self, KeyError> {
        let pair =
            Ed25519KeyPair::from_seed_unchecked(seed.as_bytes()).map_err(|_| KeyError::Refused)?;
        let bytes = pair
            .public_key()
            .as_ref()
            .try_into()
            .map_err(|_| KeyError::Refused)?;
        let public_key = PublicKey::load(bytes)?;
        Ok(Self { pair, public_key })
    }

    pub(super) fn public_key(&self) -> PublicKey {
        self.public_key
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let signature = self
            .pair
            .try_sign(message)
            .map_err(|_| SignError::signer("Ed25519 signing failed"))?;
        Ok(signature.as_ref().to_vec())
    }
}
