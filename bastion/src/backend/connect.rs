//! Opening the connection: TCP, TLS, and the bastion's first word.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{BackendKey, BastionAddress};
use crate::{ALPN, KeyHash};

/// The certificates that a bastion's must descend from.
#[derive(Debug, Clone)]
pub enum Roots {
    /// Those that the system trusts.
    System,
    /// These only.
    Only(Arc<RootCertStore>),
}

/// TLS cannot be spoken with bastions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A file of roots is none.
    #[error("{}: expected certificates (PEM): {reason}", path.display())]
    Roots {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The library refuses the roots, or finds none.
    #[error("bastions cannot be verified: {0}")]
    Unusable(String),
}

impl Roots {
    /// Those in a file (PEM).
    pub fn from_file(path: &Path) -> Result<Self, TlsError> {
        let error = |reason: String| TlsError::Roots {
            path: path.to_owned(),
            reason,
        };
        let mut roots = RootCertStore::empty();
        let certificates =
            CertificateDer::pem_file_iter(path).map_err(|reason| error(reason.to_string()))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|reason| error(reason.to_string()))?;
            roots
                .add(certificate)
                .map_err(|reason| error(reason.to_string()))?;
        }
        if roots.is_empty() {
            return Err(error("there is none".to_owned()));
        }
        Ok(Self::Only(Arc::new(roots)))
    }
}

/// How TLS is spoken with a bastion.
pub(super) fn tls(key: &BackendKey, roots: &Roots) -> Result<Arc<ClientConfig>, TlsError> {
    let unusable = |error: rustls::Error| TlsError::Unusable(error.to_string());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    // SPEC(https-bastion): "Other TLS versions MUST be rejected, as only TLS 1.3 hides client certificates from network
    // observers."
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(unusable)?;
    // SPEC(https-bastion): "The backend verifies the bastion’s TLS certificate chain as usual."
    let builder = match roots {
        Roots::System => builder.with_platform_verifier().map_err(unusable)?,
        Roots::Only(roots) => builder.with_root_certificates(Arc::clone(roots)),
    };
    // SPEC(https-bastion): "The backend MUST present as its client certificate an Ed25519 certificate containing the
    // backend public key."
    let resolver = SingleCertAndKey::from(key.certified());
    let mut config = builder.with_client_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![ALPN.to_vec()];
    // Each connection proves the key anew, and the bastion asks its list anew.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("{host} cannot be looked up: {source}")]
    Lookup { host: String, source: io::Error },
    #[error("{host} has no address")]
    NoAddress { host: String },
    #[error("{address} cannot be reached: {source}")]
    Tcp {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("the TLS handshake failed: {0}")]
    Handshake(io::Error),
    #[error("the server is no bastion: it does not know the protocol bastion/0")]
    NoBastion,
    #[error("{what} did not come about within {} ms", within.as_millis())]
    TooSlow {
        what: &'static str,
        within: Duration,
    },
}

/// Connects, within about twice `deadline`: once for TCP, over all addresses, and once for TLS.
pub(super) async fn connect(
    address: &BastionAddress,
    tls: &Arc<ClientConfig>,
    deadline: Duration,
) -> Result<TlsStream<TcpStream>, ConnectError> {
    let stream = reach(address, deadline).await?;
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    let name = address.server_name().clone();
    let stream = timeout(
        deadline,
        TlsConnector::from(Arc::clone(tls)).connect(name, stream),
    )
    .await
    .map_err(|_| ConnectError::TooSlow {
        what: "the TLS handshake",
        within: deadline,
    })?
    .map_err(ConnectError::Handshake)?;
    let (_, session) = stream.get_ref();
    if session.alpn_protocol() != Some(ALPN) {
        return Err(ConnectError::NoBastion);
    }
    Ok(stream)
}

/// Tries the addresses of the host, one after the other: there is never more than one connection.
async fn reach(address: &BastionAddress, deadline: Duration) -> Result<TcpStream, ConnectError> {
    let host = address.host();
    let found = look_up(&host, address.port(), deadline).await?;
    let share = deadline / u32::try_from(found.len()).unwrap_or(u32::MAX).max(1);
    let mut last = ConnectError::NoAddress { host };
    for address in found {
        last = match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(source)) => ConnectError::Tcp { address, source },
            Err(_) => ConnectError::TooSlow {
                what: "the TCP connection",
                within: share,
            },
        };
    }
    Err(last)
}

async fn look_up(
    host: &str,
    port: u16,
    deadline: Duration,
) -> Result<Vec<SocketAddr>, ConnectError> {
    match timeout(deadline, tokio::net::lookup_host((host, port))).await {
        Ok(Ok(found)) => Ok(found.collect()),
        Ok(Err(source)) => Err(ConnectError::Lookup {
            host: host.to_owned(),
            source,
        }),
        Err(_) => Err(ConnectError::TooSlow {
            what: "the lookup of the host",
            within: deadline,
        }),
    }
}

/// Why a connection ended, in words for an operator. In TLS 1.3 a server judges the client's certificate when the client
/// thinks that the handshake is over: so it is here that a bastion refuses a key.
pub(super) fn why_it_ended(error: &(dyn Error + 'static), hash: KeyHash) -> String {
    let mut causes = std::iter::successors(Some(error), |error: &&(dyn Error + 'static)| {
        (*error).source()
    });
    let alert = causes.find_map(|error| {
        let error = error.downcast_ref::<io::Error>()?;
        match error.get_ref()?.downcast_ref::<rustls::Error>()? {
            rustls::Error::AlertReceived(alert) => Some(*alert),
            _ => None,
        }
    });
    match alert {
        Some(alert) => format!(
            "the bastion refused the key (TLS alert {alert:?}); its operator must allow the key hash {hash}"
        ),
        None => chain(error),
    }
}

/// An error with its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Many errors repeat their cause.
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}
