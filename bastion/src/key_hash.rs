//! What a backend is known by: the hash of its public key.
//!
//! ```
//! use counterfoil_bastion::KeyHash;
//! let hash = KeyHash::of(&[0; 32]);
//! assert_eq!(hash.to_string(), "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925");
//! assert_eq!(hash.to_string().parse(), Ok(hash));
//! ```

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// SHA-256 of the 32 bytes of a backend's Ed25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash([u8; 32]);

/// The text is no key hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a key hash is 64 lowercase hexadecimal digits, the SHA-256 of an Ed25519 public key")]
pub struct KeyHashError;

impl KeyHash {
    /// The hash of a public key.
    pub fn of(public_key: &[u8; 32]) -> Self {
        Self(Sha256::digest(public_key).into())
    }
}

impl FromStr for KeyHash {
    type Err = KeyHashError;

    fn from_str(text: &str) -> Result<Self, KeyHashError> {
        // SPEC(https-bastion): "where "key hash" MUST be a lowercase hex-encoded SHA-256 hash of a 32-byte Ed25519 public
        // key."
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(KeyHashError);
        }
        let mut hash = [0; 32];
        hex::decode_to_slice(text, &mut hash).map_err(|_| KeyHashError)?;
        Ok(Self(hash))
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyHash({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_no_key_hash() {
        let good = "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29";
        assert_eq!(good.parse::<KeyHash>().unwrap().to_string(), good);
        let rows = [
            ("empty", String::new()),
            ("a digit less", good[1..].to_owned()),
            ("a digit more", format!("{good}0")),
            ("two digits more", format!("{good}00")),
            ("uppercase", good.to_uppercase()),
            ("one uppercase digit", good.replacen('b', "B", 1)),
            ("no hexadecimal", good.replacen('3', "g", 1)),
            ("space before", format!(" {good}")),
            ("percent-encoded", good.replacen('3', "%33", 1)),
            ("multi-byte", good.replacen("3b", "é", 1)),
        ];
        for (name, text) in rows {
            assert_eq!(text.parse::<KeyHash>(), Err(KeyHashError), "{name}");
        }
    }
}
