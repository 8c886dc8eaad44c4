//! Private keys as seeds, and their text form.

use core::fmt;
use core::str::FromStr;

use zeroize::{Zeroize as _, Zeroizing};

use super::{Algorithm, KeyError, KeyId, KeyName, SigningKey, Vkey};
use crate::text::{decode_base64, encode_base64};

/// Bytes of a seed, for both Ed25519 (RFC 8032) and ML-DSA-44 (FIPS 204).
pub const SEED_SIZE: usize = 32;

const PREFIX: &str = "PRIVATE+KEY+";

/// What stands before the seed of an Ed25519 key in PKCS#8 (RFC 8410, section 7): version 0, the algorithm, and the
/// lengths of two nested octet strings.
const PKCS8_ED25519: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// The secret that a private key is made from. Erased when dropped, never shown.
#[derive(Clone)]
pub struct Seed(Zeroizing<[u8; SEED_SIZE]>);

impl Seed {
    /// Takes a seed; it must come from a good source of randomness.
    pub fn new(bytes: [u8; SEED_SIZE]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(super) fn as_bytes(&self) -> &[u8; SEED_SIZE] {
        &self.0
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(secret)")
    }
}

/// A private key that can be written down: name, algorithm and seed.
///
/// The text form is that of `golang.org/x/mod/sumdb/note`, which reads the Ed25519 ones:
/// `PRIVATE+KEY+<name>+<key ID>+base64(signature type || seed)`. The key ID is that of the public key.
///
/// ```
/// use counterfoil_tiles::key::{Algorithm, KeyName, PrivateKey, Seed};
/// let key = PrivateKey::new(KeyName::new("example.com/log")?, Algorithm::Ed25519, Seed::new([7; 32]))?;
/// let text = key.encode();
/// assert!(text.starts_with("PRIVATE+KEY+example.com/log+"));
/// assert_eq!(text.parse::<PrivateKey>()?.vkey(), key.vkey());
/// # Ok::<(), counterfoil_tiles::key::KeyError>(())
/// ```
pub struct PrivateKey {
    seed: Seed,
    signing_key: SigningKey,
}

impl PrivateKey {
    /// The private key that a seed is, under a name.
    pub fn new(name: KeyName, algorithm: Algorithm, seed: Seed) -> Result<Self, KeyError> {
        let signing_key = SigningKey::from_seed(name, algorithm, &seed)?;
        Ok(Self { seed, signing_key })
    }

    /// The verifier key.
    pub fn vkey(&self) -> &Vkey {
        self.signing_key.vkey()
    }

    /// What signs. The seed is erased; the library's copy is erased when the signing key is dropped.
    pub fn into_signing_key(self) -> SigningKey {
        self.signing_key
    }

    /// An Ed25519 key as PKCS#8 in DER (RFC 8410), the form in which TLS libraries take it; erased when dropped. `None`
    /// for other algorithms.
    pub fn to_pkcs8(&self) -> Option<Zeroizing<Vec<u8>>> {
        match self.vkey().algorithm() {
            Algorithm::Ed25519 | Algorithm::CosignatureV1 => Some(Zeroizing::new(
                [PKCS8_ED25519.as_slice(), self.seed.as_bytes()].concat(),
            )),
            Algorithm::MlDsa44 => None,
        }
    }

    /// The text form, erased when dropped.
    pub fn encode(&self) -> Zeroizing<String> {
        let vkey = self.vkey();
        let mut material = Zeroizing::new(Vec::with_capacity(SEED_SIZE.saturating_add(1)));
        material.push(vkey.algorithm().byte());
        material.extend_from_slice(self.seed.as_bytes());
        let encoded = Zeroizing::new(encode_base64(&material));
        Zeroizing::new(format!(
            "{PREFIX}{}+{}+{}",
            vkey.name(),
            vkey.id(),
            *encoded
        ))
    }
}

impl FromStr for PrivateKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let shape = KeyError::Shape {
            expected: "a private key: PRIVATE+KEY+<key name>+<key ID>+<base64 seed>",
        };
        let mut parts = text
            .strip_prefix(PREFIX)
            .ok_or_else(|| shape.clone())?
            .splitn(3, '+');
        let (Some(name), Some(id), Some(material)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(shape);
        };
        // Errors that quote a part could quote the seed, where a part before it is missing.
        let (Ok(name), Ok(found)) = (KeyName::new(name), id.parse::<KeyId>()) else {
            return Err(shape);
        };
        let material = Zeroizing::new(decode_base64(material).ok_or(KeyError::Base64)?);
        let (&algorithm, seed) = material.split_first().ok_or(shape)?;
        let algorithm = Algorithm::from_byte(algorithm)?;
        let mut bytes: [u8; SEED_SIZE] = seed.try_into().map_err(|_| KeyError::Length {
            algorithm,
            expected: SEED_SIZE,
            found: seed.len(),
        })?;
        let key = Self::new(name, algorithm, Seed::new(bytes));
        bytes.zeroize();
        let key = key?;
        let computed = key.vkey().id();
        if computed == found {
            Ok(key)
        } else {
            Err(KeyError::IdMismatch { computed, found })
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, secret)", self.vkey())
    }
}
