//! TLS by rustls on aws-lc-rs: the server's certificate, and client certificates where a CA is configured.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::config::TlsConfig;

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read as PEM.
    #[error("{}: expected {expected}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        expected: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Certificate and key cannot be used.
    #[error("{}: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// The TLS of a server; its files can be read anew while it serves.
#[derive(Debug)]
pub struct Certificates {
    config: TlsConfig,
    current: ArcSwap<ServerConfig>,
}

impl Certificates {
    /// Reads the files.
    pub fn load(config: &TlsConfig) -> Result<Self, TlsError> {
        Ok(Self {
            config: config.clone(),
            current: ArcSwap::new(configure(config)?),
        })
    }

    /// Reads the files again, for the sessions from now on. If they cannot be used, what was read before stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.current.store(configure(&self.config)?);
        Ok(())
    }

    /// What the next session is configured by.
    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }
}

/// The configuration of TLS sessions.
///
/// A client certificate is asked for, where a CA is configured, but not required: reading may be public, and a token is
/// as good. One that does not descend from the CA ends the handshake.
pub fn configure(config: &TlsConfig) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = certificates(&config.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&config.key)
        .map_err(|error| file(&config.key, "a private key (PEM)", &error))?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&config.certificate, &error))?;
    let builder = match &config.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots
                    .add(certificate)
                    .map_err(|error| unusable(path, &error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|error| unusable(path, &error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut server = builder
        .with_single_cert(chain, key)
        .map_err(|error| unusable(&config.certificate, &error))?;
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(server))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let expected = "certificates (PEM)";
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| file(path, expected, &error))?;
    if found.is_empty() {
        return Err(file(path, expected, &"there is none"));
    }
    Ok(found)
}

fn file(path: &Path, expected: &'static str, error: &dyn std::fmt::Display) -> TlsError {
    TlsError::File {
        path: path.to_owned(),
        expected,
        reason: error.to_string(),
    }
}

fn unusable(path: &Path, error: &dyn std::fmt::Display) -> TlsError {
    TlsError::Unusable {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_cannot_be_used_change_nothing() {
        let files = tempfile::tempdir().unwrap();
        let config = TlsConfig {
            certificate: files.path().join("server.pem"),
            key: files.path().join("server.key"),
            client_ca: None,
        };
        let write = || {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            std::fs::write(&config.certificate, made.cert.pem()).unwrap();
            std::fs::write(&config.key, made.signing_key.serialize_pem()).unwrap();
        };
        write();
        let certificates = Certificates::load(&config).unwrap();
        let first = certificates.current();
        write();
        certificates.reload().unwrap();
        let second = certificates.current();
        assert!(!Arc::ptr_eq(&first, &second));

        std::fs::write(&config.certificate, "half a file").unwrap();
        let error = certificates.reload().unwrap_err().to_string();
        assert!(error.contains("server.pem"), "{error}");
        assert!(Arc::ptr_eq(&second, &certificates.current()));
    }
}
