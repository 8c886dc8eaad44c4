//! Keccak-256, and the kinds of hashes and addresses that are made of it, kept apart by type.

use core::fmt;
use core::str::FromStr;

use sha3::{Digest as _, Keccak256};

/// Keccak-256, as Ethereum uses it: the padding is that of the Keccak submission, not that of SHA-3.
pub fn keccak256(data: &[u8]) -> [u8; 32] {
    Keccak256::digest(data).into()
}

/// A text that is no hash or address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected 0x and {digits} hexadecimal digits, found {found:?}")]
pub struct HexError {
    /// How many digits there must be.
    pub digits: usize,
    /// What is there.
    pub found: String,
}

macro_rules! fixed_bytes {
    ($(#[$doc:meta])* $name:ident, $size:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $size]);

        impl $name {
            /// Of these bytes.
            pub const fn from_bytes(bytes: [u8; $size]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; $size] {
                &self.0
            }
        }

        /// `0x` and lower case hexadecimal.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "0x{}", hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        /// `0x` and hexadecimal digits of either case.
        impl FromStr for $name {
            type Err = HexError;

            fn from_str(text: &str) -> Result<Self, HexError> {
                let mut bytes = [0; $size];
                let digits = text.strip_prefix("0x");
                match digits.map(|digits| hex::decode_to_slice(digits, &mut bytes)) {
                    Some(Ok(())) => Ok(Self(bytes)),
                    _ => Err(HexError { digits: 2 * $size, found: text.to_owned() }),
                }
            }
        }
    };
}

fixed_bytes! {
    /// The hash of a block's header: what is trusted, or not.
    BlockHash, 32
}

fixed_bytes! {
    /// The root of a Merkle-Patricia trie, as a header names it.
    TrieRoot, 32
}

fixed_bytes! {
    /// The hash of a transaction in its consensus bytes.
    TransactionHash, 32
}

fixed_bytes! {
    /// The address of an account or a contract. The checksum of EIP-55, which upper and lower case make, is not looked at.
    Address, 20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_keccak_and_not_sha3() {
        // The hash of nothing, which every account without code has.
        let empty = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470";
        assert_eq!(hex::encode(keccak256(b"")), empty);
    }

    #[test]
    fn hashes_are_written_and_read_as_hexadecimal() {
        let text = format!("0x{}ff", "0a".repeat(31));
        let hash: BlockHash = text.parse().unwrap();
        assert_eq!(hash.to_string(), text);
        assert_eq!(text.replace('f', "F").parse(), Ok(hash));
        for wrong in ["", "0x", &text[2..], &text[..64], &format!("{text}0")] {
            assert!(wrong.parse::<BlockHash>().is_err(), "{wrong}");
        }
        assert!(
            text.replace("0x", "0X").parse::<BlockHash>().is_err(),
            "the prefix has one spelling"
        );
    }
}
