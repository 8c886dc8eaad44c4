//! SHA-256 of an origin.

use core::fmt;
use core::str::FromStr;

use sha2::{Digest as _, Sha256};

use super::Origin;

/// SHA-256 of an origin: how a log is named in paths, registers and blobs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OriginHash([u8; 32]);

impl OriginHash {
    /// The hash of an origin.
    pub fn of(origin: &Origin) -> Self {
        // SPEC(tlog-witness): "The origin hash is the SHA-256 hash of the log's origin, hex encoded, in lowercase."
        Self(Sha256::digest(origin.as_str()).into())
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for OriginHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for OriginHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text is no origin hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an origin hash is 64 lowercase hexadecimal digits")]
pub struct NoOriginHash;

impl FromStr for OriginHash {
    type Err = NoOriginHash;

    fn from_str(text: &str) -> Result<Self, NoOriginHash> {
        let mut hash = [0; 32];
        hex::decode_to_slice(text, &mut hash).map_err(|_| NoOriginHash)?;
        let hash = Self(hash);
        if hash.to_string() == text {
            Ok(hash)
        } else {
            Err(NoOriginHash) // upper case
        }
    }
}
