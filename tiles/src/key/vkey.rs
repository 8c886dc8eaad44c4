//! Verifier keys and sets of them.

use core::fmt;
use core::str::FromStr;
use std::sync::Arc;

use super::{Algorithm, InvalidSignature, KeyError, KeyId, KeyName, ed25519, mldsa};
use crate::text::{decode_base64, encode_base64};

/// A public key without its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// An Ed25519 key.
    Ed25519(ed25519::PublicKey),
    /// An ML-DSA-44 key. Shared, because it is 40 times as large.
    MlDsa44(Arc<mldsa::PublicKey>),
}

impl PublicKey {
    /// Loads the key material of an algorithm; refuses the keys that no honest signer has.
    pub fn load(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, KeyError> {
        match algorithm {
            Algorithm::Ed25519 | Algorithm::CosignatureV1 => {
                let bytes = bytes.try_into().map_err(|_| KeyError::Length {
                    algorithm,
                    expected: algorithm.public_key_size(),
                    found: bytes.len(),
                })?;
                Ok(Self::Ed25519(ed25519::PublicKey::load(bytes)?))
            }
            Algorithm::MlDsa44 => Ok(Self::MlDsa44(Arc::new(mldsa::PublicKey::load(bytes)?))),
        }
    }

    /// The key material.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(key) => key.as_bytes(),
            Self::MlDsa44(key) => key.as_bytes(),
        }
    }

    /// Checks a bare signature (no key ID, no timestamp) of message bytes.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        match self {
            Self::Ed25519(key) => key.verify(message, signature),
            Self::MlDsa44(key) => key.verify(message, signature),
        }
    }
}

/// A verifier key: name, algorithm, public key, and the key ID that follows from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vkey {
    name: KeyName,
    id: KeyId,
    algorithm: Algorithm,
    public_key: PublicKey,
}

impl Vkey {
    /// The vkey of a public key under a name.
    pub fn new(name: KeyName, algorithm: Algorithm, public_key: &[u8]) -> Result<Self, KeyError> {
        let public_key = PublicKey::load(algorithm, public_key)?;
        let id = KeyId::compute(&name, algorithm, public_key.as_bytes());
        Ok(Self {
            name,
            id,
            algorithm,
            public_key,
        })
    }

    /// The key name.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The key ID.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }
}

impl FromStr for Vkey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        // SPEC(signed-note): "<key name>+hex(32-bit key ID)+base64(signature type || public key)"
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(material)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(KeyError::Shape {
                expected: "a vkey: <key name>+<key ID>+<base64 key>",
            });
        };
        let name = KeyName::new(name)?;
        let found: KeyId = id.parse()?;
        let material = decode_base64(material).ok_or(KeyError::Base64)?;
        let Some((&algorithm, public_key)) = material.split_first() else {
            return Err(KeyError::Shape {
                expected: "a signature type byte before the key material",
            });
        };
        let vkey = Self::new(name, Algorithm::from_byte(algorithm)?, public_key)?;
        // SPEC(signed-note): "The key name and ID MUST match those used in the signatures."
        if vkey.id == found {
            Ok(vkey)
        } else {
            Err(KeyError::IdMismatch {
                computed: vkey.id,
                found,
            })
        }
    }
}

impl fmt::Display for Vkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let material = [&[self.algorithm.byte()], self.public_key.as_bytes()].concat();
        write!(f, "{}+{}+{}", self.name, self.id, encode_base64(&material))
    }
}

/// Keys to look signatures up in: no two different keys under one name and key ID.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyRing(Vec<Vkey>);

impl KeyRing {
    /// A ring of keys; the same key twice is one key.
    pub fn new(keys: impl IntoIterator<Item = Vkey>) -> Result<Self, KeyError> {
        let mut ring = Self::default();
        for key in keys {
            ring.insert(key)?;
        }
        Ok(ring)
    }

    /// Adds a key.
    pub fn insert(&mut self, key: Vkey) -> Result<(), KeyError> {
        match self.find(&key.name, key.id) {
            None => self.0.push(key),
            Some(known) if *known == key => {}
            Some(_) => return Err(KeyError::Ambiguous(key.name, key.id)),
        }
        Ok(())
    }

    /// The key of that name *and* ID. Time linear in the number of keys: rings are small.
    pub fn find(&self, name: &KeyName, id: KeyId) -> Option<&Vkey> {
        self.0.iter().find(|key| key.id == id && key.name == *name)
    }

    /// True if no key is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Vkey> {
        self.0.iter()
    }
}
