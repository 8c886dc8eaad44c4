//! Names, identifiers and keys of signers (C2SP signed-note, "Signatures" and "Verifier keys").
//!
//! A signer is known by a *key name* and a *key ID*, which together say which key and which algorithm made a
//! signature. A *verifier key* (vkey) is the text by which one is configured:
//!
//! ```text
//! example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k
//! |_____________| |______| |__________________________________________|
//!    key name      key ID   base64(signature type || public key)
//! ```
//!
//! ```
//! use counterfoil_tiles::key::{Algorithm, Vkey};
//! let text = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
//! let vkey: Vkey = text.parse()?;
//! assert_eq!(vkey.name().as_str(), "example.com/foo");
//! assert_eq!(vkey.id().to_string(), "530d903a");
//! assert_eq!(vkey.algorithm(), Algorithm::Ed25519);
//! assert_eq!(vkey.to_string(), text);
//! # Ok::<(), counterfoil_tiles::key::KeyError>(())
//! ```
//!
//! Private keys are written in the form of `golang.org/x/mod/sumdb/note`
//! (`PRIVATE+KEY+<name>+<key ID>+base64(signature type || seed)`), see [`PrivateKey`].

pub mod ed25519;
pub mod mldsa;
mod private;
mod signing;
mod vkey;

use core::fmt;
use core::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::text::excerpt;

pub use private::{PrivateKey, SEED_SIZE, Seed};
pub use signing::{RawSigner, SignError, SigningKey};
pub use vkey::{KeyRing, PublicKey, Vkey};

/// A signature that is not one by the key over the message. It never says why: there is nothing to act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct InvalidSignature;

/// What is wrong with the text or the bytes of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A key name is empty.
    #[error("the key name is empty")]
    EmptyName,
    /// A key name holds a space, a plus sign or a control character.
    #[error(
        "the key name {name:?} holds {found:?}; spaces, '+' and control characters are not allowed"
    )]
    NameCharacter {
        /// The name as given, or its start.
        name: String,
        /// The first character that is not allowed.
        found: char,
    },
    /// A key ID is not eight lowercase hexadecimal digits.
    #[error("a key ID is eight lowercase hexadecimal digits, found {found:?}")]
    KeyId {
        /// The text in its place, or its start.
        found: String,
    },
    /// The text does not have the parts that a key has.
    #[error("expected {expected}")]
    Shape {
        /// The form that was expected.
        expected: &'static str,
    },
    /// The key material is not canonical base64.
    #[error("the key material is not canonical, padded base64")]
    Base64,
    /// A signature type that this crate does not know.
    #[error(
        "signature type 0x{0:02x} is not one of 0x01 (Ed25519), 0x04 (Ed25519 cosignature), 0x06 (ML-DSA-44)"
    )]
    UnknownAlgorithm(u8),
    /// The key material has the wrong length for its signature type.
    #[error("a key of signature type 0x{:02x} has {expected} bytes, found {found}", algorithm.byte())]
    Length {
        /// The signature type.
        algorithm: Algorithm,
        /// Bytes of a key of that type.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// The key ID is not the one that name, signature type and public key have.
    #[error("the key ID of this name and key is {computed}, found {found}")]
    IdMismatch {
        /// The ID computed from name, type and public key.
        computed: KeyId,
        /// The ID in the text.
        found: KeyId,
    },
    /// An Ed25519 key that is no point of the curve, or not in its only canonical form, or of small order.
    #[error("the Ed25519 public key is {0}")]
    WeakPoint(ed25519::WeakPoint),
    /// An ML-DSA-44 key, or a seed, that the cryptographic library refuses.
    #[error("the cryptographic library refuses the key")]
    Refused,
    /// Two different keys have the same name and key ID, so a signature line would not say whose it is.
    #[error("two different keys have the name and key ID {0}+{1}")]
    Ambiguous(KeyName, KeyId),
}

/// The name of a signer: not empty, without Unicode spaces, plus signs or ASCII control characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// Checks a key name.
    pub fn new(name: impl Into<String>) -> Result<Self, KeyError> {
        let name = name.into();
        // SPEC(signed-note): "Key names MUST be non-empty and MUST NOT contain any Unicode spaces or plus
        // (U+002B) characters."
        if name.is_empty() {
            return Err(KeyError::EmptyName);
        }
        // SPEC(signed-note): "Signed notes MUST be valid UTF-8 and MUST NOT contain any ASCII control characters
        // (those below U+0020) other than newline."
        let bad = |c: &char| c.is_whitespace() || *c == '+' || *c < ' ';
        match name.chars().find(bad) {
            Some(found) => Err(KeyError::NameCharacter {
                name: excerpt(&name),
                found,
            }),
            None => Ok(Self(name)),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KeyName {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::new(text)
    }
}

/// The short identifier of a key: the first four bytes of a hash. It identifies, it does not authenticate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 4]);

impl KeyId {
    /// An ID from its four bytes, most significant first.
    pub fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// The four bytes, most significant first, as they start a signature.
    pub fn to_bytes(self) -> [u8; 4] {
        self.0
    }

    /// The ID of a key: SHA-256(name || newline || signature type || public key), cut to four bytes.
    pub fn compute(name: &KeyName, algorithm: Algorithm, public_key: &[u8]) -> Self {
        // SPEC(signed-note): "It is RECOMMENDED that key IDs be the first four bytes (interpreted in big-endian order) of the
        // SHA-256 hash of the following sequence: the key name, a newline, a single signature type identifier byte assigned
        // below, and the encoding of the public key."
        // SPEC(tlog-cosignature): "The key ID for Ed25519 cosignatures MUST be computed as" the same, with byte 0x04.
        // SPEC(tlog-cosignature): "The key ID for ML-DSA-44 cosignatures MUST be computed as" the same, with byte 0x06.
        let hash: [u8; 32] = Sha256::new()
            .chain_update(name.as_str())
            .chain_update([b'\n', algorithm.byte()])
            .chain_update(public_key)
            .finalize()
            .into();
        let [a, b, c, d, ..] = hash;
        Self([a, b, c, d])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl FromStr for KeyId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let lowercase_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 8
            && text.bytes().all(lowercase_hex)
            && let Ok(value) = u32::from_str_radix(text, 16)
        {
            return Ok(Self(value.to_be_bytes()));
        }
        Err(KeyError::KeyId {
            found: excerpt(text),
        })
    }
}

/// How a key signs; the signature type byte of signed notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// 0x01: Ed25519 over the note text.
    Ed25519,
    /// 0x04: timestamped Ed25519 cosignature of a checkpoint.
    CosignatureV1,
    /// 0x06: timestamped ML-DSA-44 cosignature of a checkpoint or subtree.
    MlDsa44,
}

impl Algorithm {
    /// The signature type identifier byte.
    pub fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::CosignatureV1 => 0x04,
            Self::MlDsa44 => 0x06,
        }
    }

    /// The algorithm of a signature type identifier byte.
    pub fn from_byte(byte: u8) -> Result<Self, KeyError> {
        match byte {
            0x01 => Ok(Self::Ed25519),
            0x04 => Ok(Self::CosignatureV1),
            0x06 => Ok(Self::MlDsa44),
            other => Err(KeyError::UnknownAlgorithm(other)),
        }
    }

    /// Bytes of a public key.
    pub fn public_key_size(self) -> usize {
        match self {
            Self::Ed25519 | Self::CosignatureV1 => ed25519::PUBLIC_KEY_SIZE,
            Self::MlDsa44 => mldsa::PUBLIC_KEY_SIZE,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ed25519 => "Ed25519",
            Self::CosignatureV1 => "Ed25519 cosignature/v1",
            Self::MlDsa44 => "ML-DSA-44 cosignature",
        })
    }
}
