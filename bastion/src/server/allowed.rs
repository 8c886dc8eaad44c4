//! Which backends a bastion serves, and the proof that a connection is one's.
//!
//! ```text
//! # comment
//! 3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29 witness.example.org
//! 66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig,
    SignatureScheme,
};

use super::Config;
use crate::{ALPN, KeyHash};

/// What a `SubjectPublicKeyInfo` of an Ed25519 key begins with (RFC 8410); the 32 bytes of the key follow.
const ED25519_SPKI: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0,
];

/// Why it is not known whom to serve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AllowedError {
    /// A file cannot be read.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A line is not what it must be.
    #[error("{}:{line}: expected a key hash (64 lowercase hexadecimal digits) and perhaps a name, got {got:?}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What it is.
        got: String,
    },
}

/// What is known of a key hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// A backend of the list.
    Listed,
    /// No backend: the list is all there is.
    Nobody,
    /// It may be a backend by its certificate, or nobody.
    Perhaps,
}

/// Which backends are served.
#[derive(Debug)]
pub(super) struct Allowed {
    /// Key hashes with the names that the list gives them.
    listed: BTreeMap<KeyHash, String>,
    authority: Option<Arc<dyn ClientCertVerifier>>,
}

impl Allowed {
    /// Reads the files of a configuration.
    pub(super) fn load(config: &Config) -> Result<Self, AllowedError> {
        let mut listed = BTreeMap::new();
        for path in &config.backends {
            let text = std::fs::read_to_string(path).map_err(|error| file(path, &error))?;
            parse(&text, path, &mut listed)?;
        }
        let authority = config.backend_ca.as_deref().map(authority).transpose()?;
        Ok(Self { listed, authority })
    }

    /// What is known of a key hash.
    pub(super) fn knows(&self, hash: KeyHash) -> Known {
        if self.listed.contains_key(&hash) {
            Known::Listed
        } else if self.authority.is_some() {
            Known::Perhaps
        } else {
            Known::Nobody
        }
    }

    /// The listed backends with their names.
    pub(super) fn listed(&self) -> &BTreeMap<KeyHash, String> {
        &self.listed
    }
}

fn parse(
    text: &str,
    path: &Path,
    listed: &mut BTreeMap<KeyHash, String>,
) -> Result<(), AllowedError> {
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (hash, name) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let hash = hash.parse().map_err(|_| AllowedError::Line {
            path: path.to_owned(),
            line: number + 1,
            got: line.to_owned(),
        })?;
        listed.insert(hash, name.trim().to_owned());
    }
    Ok(())
}

fn authority(path: &Path) -> Result<Arc<dyn ClientCertVerifier>, AllowedError> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| file(path, &error))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| file(path, &error))?;
        roots.add(certificate).map_err(|error| file(path, &error))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| file(path, &error))?;
    Ok(verifier)
}

fn file(path: &Path, reason: &dyn std::fmt::Display) -> AllowedError {
    AllowedError::File {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The hash of the Ed25519 key in a certificate; of another kind of key there is none.
pub(super) fn key_hash(certificate: &CertificateDer<'_>) -> Result<KeyHash, Error> {
    let parsed = ParsedCertificate::try_from(certificate)?;
    let spki = parsed.subject_public_key_info();
    let key = spki.as_ref().strip_prefix(&ED25519_SPKI);
    let key: Option<&[u8; 32]> = key.and_then(|key| key.try_into().ok());
    key.map(KeyHash::of).ok_or_else(|| {
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: Vec::new(),
            public_key_algorithm_id: Vec::new(),
        }
        .into()
    })
}

/// How TLS is spoken with backends.
pub(super) fn tls(
    http: &ServerConfig,
    allowed: &Arc<ArcSwap<Allowed>>,
) -> Result<Arc<ServerConfig>, Error> {
    let provider = provider();
    let verifier = Verifier {
        allowed: allowed.load_full(),
        provider: Arc::clone(&provider),
    };
    // SPEC(https-bastion): "Other TLS versions MUST be rejected, as only TLS 1.3 hides client certificates from network
    // observers."
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::clone(&http.cert_resolver));
    config.alpn_protocols = vec![ALPN.to_vec()];
    // Each connection proves its key anew.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Takes the certificates of backends that are served.
#[derive(Debug)]
struct Verifier {
    allowed: Arc<Allowed>,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    // SPEC(https-bastion): "The bastion checks the backend public key against an allowlist or verifies the client
    // certificate chain."
    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let hash = key_hash(certificate).inspect_err(|error| {
            tracing::info!(%error, "a backend was refused: its certificate is not of an Ed25519 key");
        })?;
        let refused = match (self.allowed.knows(hash), &self.allowed.authority) {
            // What counts is the key, of which the handshake has the proof: nothing else in the certificate does.
            (Known::Listed, _) => return Ok(ClientCertVerified::assertion()),
            (_, Some(authority)) => {
                match authority.verify_client_cert(certificate, intermediates, now) {
                    Ok(verified) => return Ok(verified),
                    Err(error) => error,
                }
            }
            (_, None) => CertificateError::ApplicationVerificationFailure.into(),
        };
        tracing::info!(backend = %hash, "a backend was refused: its key hash is not in the list");
        Err(refused)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General(
            "TLS 1.2 is not spoken with backends".to_owned(),
        ))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let (one, two) = ("1".repeat(64), "2".repeat(64));
        let read = |text: &str| {
            let mut listed = BTreeMap::new();
            parse(text, Path::new("backends"), &mut listed)
                .map(|()| listed.into_values().collect::<Vec<_>>())
                .map_err(|error| error.to_string())
        };
        assert_eq!(read(""), Ok(vec![]));
        let text = format!("# ours\n\n  {one}\n{two}\t the name \r\n");
        assert_eq!(read(&text), Ok(vec![String::new(), "the name".to_owned()]));
        for (name, line) in [
            ("short", &one[1..]),
            ("uppercase", "ABCDEF"),
            ("a vkey", "log.example+1234+AAAA"),
            ("a name first", &format!("name {one}")),
        ] {
            let error = read(&format!("{two}\n{line}\n")).unwrap_err();
            assert!(
                error.starts_with("backends:2: expected a key hash"),
                "{name}: {error}"
            );
        }
    }
}
