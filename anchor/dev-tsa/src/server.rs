//! The authority as a server.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::algorithm::Algorithm;
use crate::authority::{Authority, Issuer, Terms};
use crate::behaviour::Behaviour;
use crate::clock::Clock;
use crate::front::{self, Front};
use crate::hierarchy::HierarchyError;
use crate::oid;
use crate::request::Request;

/// What authority to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where its keys and certificates are kept, and made on the first start; a temporary directory if `None`.
    pub directory: Option<PathBuf>,
    /// Where it listens; port 0 finds one.
    pub listen: SocketAddr,
    /// Under which URL its certificates say that it is reached, without a slash at the end; `http://` and the address that
    /// it listens on if `None`.
    pub public_url: Option<String>,
    /// Part of all names in its certificates, so that two authorities can be told apart.
    pub name: String,
    /// The kind of all its keys.
    pub algorithm: Algorithm,
    /// Its clock.
    pub clock: Clock,
    /// How it behaves first.
    pub behaviour: Behaviour,
    /// How often lists of revoked certificates are issued. A list does not know what was revoked after it was issued.
    pub crl_interval: Duration,
    /// How often OCSP answers are made, which do not know either what was revoked after; zero: for each request.
    pub ocsp_interval: Duration,
}

impl Default for Options {
    /// An honest authority on a free port of the loopback address, with keys on P-256 that go away with it.
    fn default() -> Self {
        Self {
            directory: None,
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            public_url: None,
            name: "dev".to_owned(),
            algorithm: Algorithm::default(),
            clock: Clock::system(),
            behaviour: Behaviour::Honest,
            crl_interval: Duration::from_mins(1),
            ocsp_interval: Duration::ZERO,
        }
    }
}

/// Why it does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("listen {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// There is no temporary directory.
    #[error("a temporary directory: {0}")]
    Temporary(io::Error),
    /// Its keys and certificates.
    #[error(transparent)]
    Hierarchy(#[from] HierarchyError),
    /// The work was cut off.
    #[error("keys and certificates were not made: {0}")]
    Cut(String),
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[error("no token: {0}")]
pub struct StampError(String);

/// A time-stamping authority for development that runs until it is stopped or dropped.
#[derive(Debug)]
pub struct DevTsa {
    authority: Arc<Authority>,
    url: String,
    address: SocketAddr,
    front: Front,
    /// Removed when dropped.
    _temporary: Option<TempDir>,
}

impl DevTsa {
    /// Starts it. Its keys and certificates are made if its directory has none yet: moments, or for RSA seconds.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let address = options.listen;
        let (listener, address) = front::listen(address)
            .await
            .map_err(|source| StartError::Listen { address, source })?;
        let temporary = match options.directory {
            Some(_) => None,
            None => Some(TempDir::new().map_err(StartError::Temporary)?),
        };
        let directory = match &temporary {
            Some(temporary) => temporary.path().to_owned(),
            None => options.directory.unwrap_or_default(),
        };
        let url = options
            .public_url
            .unwrap_or_else(|| format!("http://{address}"));
        let (name, algorithm, at) = (options.name, options.algorithm, url.clone());
        let terms = Terms {
            clock: options.clock,
            crl_interval: options.crl_interval,
            ocsp_interval: options.ocsp_interval,
        };
        let authority = tokio::task::spawn_blocking(move || {
            Authority::open(&directory, &name, algorithm, &at, terms)
        })
        .await
        .map_err(|error| StartError::Cut(error.to_string()))??;
        authority.behave(options.behaviour);
        let authority = Arc::new(authority);
        tracing::warn!(
            %url,
            behaviour = %options.behaviour,
            "DEVELOPMENT ONLY time-stamping authority: its tokens prove nothing, never trust its root elsewhere"
        );
        Ok(Self {
            front: Front::serve(listener, Arc::clone(&authority)),
            authority,
            url,
            address,
            _temporary: temporary,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it takes requests for time-stamps.
    pub fn tsr_url(&self) -> String {
        format!("{}/tsr", self.url)
    }

    /// The policy of its tokens, as numbers with points between.
    pub fn policy(&self) -> String {
        oid::text(oid::POLICY)
    }

    /// Its root's certificate, in DER.
    pub fn root(&self) -> &[u8] {
        &self.authority.hierarchy().root.der
    }

    /// Its root's certificate, in PEM.
    pub fn root_pem(&self) -> String {
        self.authority.hierarchy().root_pem()
    }

    /// The certificate that its root issued, and which issued that of its tokens, in DER.
    pub fn intermediate(&self) -> &[u8] {
        &self.authority.hierarchy().intermediate.der
    }

    /// The certificate of its tokens, in DER.
    pub fn signer(&self) -> &[u8] {
        &self.authority.hierarchy().tsa.der
    }

    /// How it behaves.
    pub fn behaviour(&self) -> Behaviour {
        self.authority.behaviour()
    }

    /// Makes it behave so, from now on. What this revokes is revoked at this moment of its clock, and until it is told to
    /// behave otherwise.
    pub fn behave(&self, behaviour: Behaviour) {
        self.authority.behave(behaviour);
    }

    /// A token over the SHA-256 of `data`, with certificates and without a nonce, made as the behaviour says and without
    /// the network.
    pub fn stamp(&self, data: &[u8]) -> Result<Vec<u8>, StampError> {
        self.authority
            .token(&Request::for_data(data))
            .map_err(|error| StampError(error.to_string()))
    }

    /// The response to a `TimeStampReq`, both in DER, made as the behaviour says and without the network, which `slow`,
    /// `down`, `unavailable`, `html` and `huge` need.
    pub fn respond(&self, request: &[u8]) -> Result<Vec<u8>, StampError> {
        self.authority
            .respond(request)
            .map_err(|error| StampError(error.to_string()))
    }

    /// The lists of certificates that root and intermediate revoked, as they are served.
    pub fn crls(&self) -> Result<[Vec<u8>; 2], StampError> {
        let list = |issuer| {
            self.authority
                .crl(issuer)
                .map_err(|error| StampError(error.to_string()))
        };
        Ok([list(Issuer::Root)?, list(Issuer::Intermediate)?])
    }

    /// The answer to an OCSP request, as it is served.
    pub fn ocsp(&self, request: &[u8]) -> Result<Vec<u8>, StampError> {
        self.authority
            .ocsp(request)
            .map_err(|error| StampError(error.to_string()))
    }

    /// Stops it; connections are cut.
    pub async fn stop(self) {
        self.front.stop().await;
    }
}
