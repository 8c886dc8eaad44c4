//! Keys, and the files that hold them.

use std::io;
use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PSS_SHA256, RsaKeyPair};
use rcgen::{KeyPair, SigningKey};

use crate::algorithm::Algorithm;
use crate::files;

/// A key that signs.
pub(crate) struct Key {
    pair: KeyPair,
    algorithm: Algorithm,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("{file}: {source}")]
    File {
        /// The file.
        file: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The file holds something else.
    #[error(
        "{file} holds no key for {algorithm} ({source}): start with the algorithm it was made with, or in another directory"
    )]
    Unusable {
        /// The file.
        file: String,
        /// What was expected.
        algorithm: Algorithm,
        /// What is wrong with it.
        source: rcgen::Error,
    },
    /// No key came about.
    #[error("a key for {algorithm} could not be generated: {source}")]
    Generate {
        /// What was to be generated.
        algorithm: Algorithm,
        /// The library's reason.
        source: rcgen::Error,
    },
}

impl Key {
    /// The key that the file holds; if there is no file, a new key, which it then holds (PKCS #8 in PEM, mode 0600).
    pub(crate) fn load_or_create(path: &Path, algorithm: Algorithm) -> Result<Self, KeyError> {
        let file = || path.display().to_string();
        let pem = match std::fs::read_to_string(path) {
            Ok(pem) => pem,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let pair = algorithm
                    .generate()
                    .map_err(|source| KeyError::Generate { algorithm, source })?;
                files::create(path, pair.serialize_pem().as_bytes()).map_err(|source| {
                    KeyError::File {
                        file: file(),
                        source,
                    }
                })?;
                return Ok(Self { pair, algorithm });
            }
            Err(source) => {
                return Err(KeyError::File {
                    file: file(),
                    source,
                });
            }
        };
        let pair = KeyPair::from_pkcs8_pem_and_sign_algo(&pem, algorithm.signature()).map_err(
            |source| KeyError::Unusable {
                file: file(),
                algorithm,
                source,
            },
        )?;
        Ok(Self { pair, algorithm })
    }

    /// The bits of its public key, as a certificate has them.
    pub(crate) fn public(&self) -> &[u8] {
        self.pair.public_key_raw()
    }

    /// As the library of certificates wants it.
    pub(crate) fn pair(&self) -> &KeyPair {
        &self.pair
    }

    /// What kind it is.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its signature of a token.
    pub(crate) fn sign_token(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        if self.algorithm != Algorithm::Rsa2048Pss {
            return self.sign(message);
        }
        let pair = RsaKeyPair::from_pkcs8(self.pair.serialized_der())
            .map_err(|error| rcgen::Error::RingKeyRejected(error.to_string()))?;
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(
            &RSA_PSS_SHA256,
            &SystemRandom::new(),
            message,
            &mut signature,
        )
        .map_err(|_| rcgen::Error::RingUnspecified)?;
        Ok(signature)
    }

    /// Its signature of `message`.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.pair.sign(message)
    }
}
