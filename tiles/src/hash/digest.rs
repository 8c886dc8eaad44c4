//! The two kinds of hashes of a tree, kept apart by type.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The size of a SHA-256 hash in bytes.
pub const HASH_SIZE: usize = 32;

/// A text that is not the standard, padded, canonical base64 of 32 bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashTextError {
    /// Not standard base64, or not padded, or with bits set after its end.
    #[error("expected the base64 of 32 bytes: {0}")]
    Base64(#[from] base64::DecodeError),
    /// Base64 of another number of bytes.
    #[error("expected the base64 of 32 bytes, found that of {0}")]
    Size(usize),
}

fn decode(text: &str) -> Result<[u8; HASH_SIZE], HashTextError> {
    let bytes = STANDARD.decode(text)?;
    bytes
        .try_into()
        .map_err(|bytes: Vec<u8>| HashTextError::Size(bytes.len()))
}

macro_rules! hash_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; HASH_SIZE]);

        impl $name {
            /// The hash with these bytes.
            pub const fn from_bytes(bytes: [u8; HASH_SIZE]) -> Self {
                Self(bytes)
            }

            /// The bytes of the hash.
            pub const fn as_bytes(&self) -> &[u8; HASH_SIZE] {
                &self.0
            }

            /// The bytes of the hash.
            pub const fn to_bytes(self) -> [u8; HASH_SIZE] {
                self.0
            }
        }

        /// Standard base64 with padding: 44 characters.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                STANDARD.encode(self.0).fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        /// Standard base64 with padding, and nothing else.
        impl FromStr for $name {
            type Err = HashTextError;

            fn from_str(text: &str) -> Result<Self, HashTextError> {
                decode(text).map(Self)
            }
        }
    };
}

hash_type! {
    /// The hash of one entry with its prefix: a node at the bottom of the tree.
    LeafHash
}

hash_type! {
    /// The hash of any node of the tree: a leaf, an inner node or the root.
    NodeHash
}

impl From<LeafHash> for NodeHash {
    fn from(leaf: LeafHash) -> Self {
        Self(leaf.0)
    }
}
