//! Certificates in files of text (RFC 7468).

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::ber::EncodingError;
use crate::certificate::Certificate;

/// Text that holds no certificates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    /// There is none in it.
    #[error("expected one certificate or more (PEM), and there is no `BEGIN CERTIFICATE` block")]
    Empty,
    /// A block is broken.
    #[error("certificate {number}: expected PEM: {reason}")]
    Block {
        /// Which, from 1.
        number: usize,
        /// What is wrong.
        reason: String,
    },
    /// What is in a block is no certificate.
    #[error("certificate {number}: expected an X.509 certificate: {error}")]
    Certificate {
        /// Which, from 1.
        number: usize,
        /// What is wrong.
        error: EncodingError,
    },
}

impl Certificate {
    /// The certificates of a file in PEM, one or more, in their order. Blocks of another kind, and text between them, are
    /// passed over.
    ///
    /// ```
    /// use counterfoil_rfc3161::{Certificate, PemError};
    ///
    /// assert_eq!(Certificate::from_pem(b"no certificate"), Err(PemError::Empty));
    /// ```
    pub fn from_pem(text: &[u8]) -> Result<Vec<Self>, PemError> {
        let mut certificates = Vec::new();
        for (block, number) in CertificateDer::pem_slice_iter(text).zip(1..) {
            let block = block.map_err(|error| PemError::Block {
                number,
                reason: error.to_string(),
            })?;
            let certificate = Self::parse(&block);
            certificates
                .push(certificate.map_err(|error| PemError::Certificate { number, error })?);
        }
        if certificates.is_empty() {
            return Err(PemError::Empty);
        }
        Ok(certificates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_file_is_named() {
        let rows: [(&str, &str, &str); 5] = [
            ("nothing", "", "no `BEGIN CERTIFICATE` block"),
            (
                "a key",
                "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n",
                "no `BEGIN CERTIFICATE` block",
            ),
            (
                "no base64",
                "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
                "certificate 1: expected PEM",
            ),
            (
                "no end",
                "-----BEGIN CERTIFICATE-----\nMAA=\n",
                "certificate 1: expected PEM",
            ),
            (
                "another structure",
                "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
                "certificate 1: expected an X.509 certificate",
            ),
        ];
        for (name, text, expected) in rows {
            let error = Certificate::from_pem(text.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(expected), "{name}: {error}");
        }
    }
}
