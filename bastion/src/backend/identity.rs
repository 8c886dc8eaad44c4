//! What a backend shows of itself: a self-signed certificate of its key.

use std::fmt;
use std::sync::Arc;

use counterfoil_tiles::key::PrivateKey;
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::sign::any_eddsa_type;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use super::certificate::self_signed;
use crate::KeyHash;

/// A backend's key with its certificate.
///
/// The certificate says nothing but the key, and has no end: what a bastion checks is the key, and that the handshake
/// proves it. It is better not to use the key for anything else; a witness has keys of its own.
// SPEC(https-bastion): "generating a separate bastion backend key is preferable"
pub struct BackendKey {
    hash: KeyHash,
    certified: Arc<CertifiedKey>,
}

/// The key cannot be a backend's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendKeyError {
    /// It is not an Ed25519 key.
    #[error("the key of a bastion's backend is an Ed25519 key, and {0} is of another kind")]
    Algorithm(String),
    /// The library refuses it.
    #[error("the certificate of the key cannot be made: {0}")]
    Certificate(String),
}

impl BackendKey {
    /// Makes the certificate of an Ed25519 key; the name of the key is not used.
    pub fn new(key: &PrivateKey) -> Result<Self, BackendKeyError> {
        let vkey = key.vkey();
        let (Some(pkcs8), Ok(public)) = (key.to_pkcs8(), vkey.public_key().as_bytes().try_into())
        else {
            return Err(BackendKeyError::Algorithm(vkey.to_string()));
        };
        Self::certify(&PrivatePkcs8KeyDer::from(pkcs8.as_slice()), public)
            .map_err(|error| BackendKeyError::Certificate(error.to_string()))
    }

    fn certify(private: &PrivatePkcs8KeyDer<'_>, public: &[u8; 32]) -> Result<Self, rustls::Error> {
        let key = any_eddsa_type(private)?;
        let certificate = self_signed(public, |tbs| {
            let signer = key
                .choose_scheme(&[SignatureScheme::ED25519])
                .ok_or_else(|| rustls::Error::General("no Ed25519 signer".to_owned()))?;
            signer.sign(tbs)
        })?;
        Ok(Self {
            hash: KeyHash::of(public),
            certified: Arc::new(CertifiedKey::new(
                vec![CertificateDer::from(certificate)],
                key,
            )),
        })
    }

    /// What bastions know the key by: their operators need it, and it begins the path of requests.
    pub fn hash(&self) -> KeyHash {
        self.hash
    }

    pub(super) fn certified(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certified)
    }
}

impl fmt::Debug for BackendKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BackendKey({}, secret)", self.hash)
    }
}

#[cfg(test)]
mod tests {
    use counterfoil_tiles::key::{Algorithm, KeyName, Seed};

    use super::*;

    #[test]
    fn the_certificate_is_signed_by_its_key() {
        let name = KeyName::new("backend.example").unwrap();
        let key = PrivateKey::new(name, Algorithm::Ed25519, Seed::new([7; 32])).unwrap();
        let made = BackendKey::new(&key).unwrap();
        let certificate = made.certified.cert[0].to_vec();
        // Behind four bytes of head; 74 bytes of algorithm and signature follow.
        let (tbs, rest) = certificate[4..].split_at(certificate.len() - 4 - 74);
        let public = key.vkey().public_key();
        public.verify(tbs, &rest[10..]).unwrap();
        assert!(made.certified.keys_match().is_ok());
    }
}
