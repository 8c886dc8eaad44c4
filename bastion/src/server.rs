//! The bastion: clients and backends on the same TLS listeners, told apart by ALPN.
//!
//! ```text
//! TLS ──┬── ALPN bastion/0: TLS 1.3, the Ed25519 certificate of a backend ── its connection is kept open
//!       └── otherwise: HTTP of a client ── https://bastion/<key hash>/<path> ── over the open connection of that backend
//! ```
//!
//! | | |
//! |---|---|
//! | 404 | the path begins with no key hash |
//! | 421 | no backend has that key hash |
//! | 502 | with `backend_ca`: no such backend is connected; or its connection broke while it was answering |
//! | 503 | the backend is not connected, or the bastion or the backend has too many requests |
//! | 504 | the backend did not begin to answer in time |

mod allowed;
mod backends;
mod config;
mod metrics;
mod proxy;

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use counterfoil_service::config::FrontConfig;
use counterfoil_service::limits::Places;
use counterfoil_service::metrics::Connections;
use counterfoil_service::serve::{ServeError, Server};
use counterfoil_service::tls::TlsError;
use tokio::sync::watch;

pub use allowed::AllowedError;
use allowed::{Allowed, Known};
use backends::Backends;
pub use config::Config;
use metrics::Status;
use proxy::{Outcomes, Proxy};

/// Why a bastion does not start, or goes on as it was.
#[derive(Debug, thiserror::Error)]
pub enum BastionError {
    /// It is not known whom to serve.
    #[error(transparent)]
    Allowed(#[from] AllowedError),
    /// It cannot listen.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The certificate cannot be used.
    #[error("tls: {0}")]
    Tls(#[from] TlsError),
}

/// A bastion that listens, but does not answer yet.
#[derive(Debug)]
pub struct Bastion {
    config: Config,
    server: Server<Arc<Proxy>>,
    status: Option<Server<Status>>,
    proxy: Arc<Proxy>,
}

/// By which a running bastion reads its lists and certificates anew.
#[derive(Debug, Clone)]
pub struct Reloader {
    config: Config,
    proxy: Arc<Proxy>,
    certificates: Option<Arc<counterfoil_service::tls::Certificates>>,
}

/// Whether a bastion of this configuration would start: its lists and certificates are read. Gives the number of listed
/// backends.
pub fn check(config: &Config) -> Result<usize, BastionError> {
    if let Some(tls) = &config.front.tls {
        counterfoil_service::tls::configure(tls)?;
    }
    Ok(Allowed::load(config)?.listed().len())
}

impl Bastion {
    /// Reads the lists and certificates, and listens. Connections wait until [`run`](Self::run).
    pub async fn bind(config: &Config) -> Result<Self, BastionError> {
        let allowed = Arc::new(ArcSwap::from_pointee(Allowed::load(config)?));
        let proxy = Arc::new(Proxy {
            allowed,
            backends: Arc::new(Backends::new(config)),
            places: Arc::new(Places::new(config.front.max_requests, 0)),
            deadline: config.front.request_deadline,
            answers: Outcomes::default(),
        });
        let connections = Arc::new(Connections::default());
        let server = Server::bind(&config.front, Arc::clone(&connections), Arc::clone(&proxy));
        let server = server.await?;
        let status = if config.status_listen.is_empty() {
            None
        } else {
            let front = FrontConfig {
                listen: config.status_listen.clone(),
                tls: None,
                ..config.front.clone()
            };
            let status = Status::new(&proxy, connections);
            Some(Server::bind(&front, Arc::default(), status).await?)
        };
        Ok(Self {
            config: config.clone(),
            server,
            status,
            proxy,
        })
    }

    /// Where it listens for clients and backends.
    pub fn addresses(&self) -> &[SocketAddr] {
        self.server.addresses()
    }

    /// Where it serves metrics.
    pub fn status_addresses(&self) -> &[SocketAddr] {
        self.status.as_ref().map_or(&[], Server::addresses)
    }

    /// What reads lists and certificates anew, while it runs.
    pub fn reloader(&self) -> Reloader {
        Reloader {
            config: self.config.clone(),
            proxy: Arc::clone(&self.proxy),
            certificates: self.server.certificates(),
        }
    }

    /// Serves until `shutdown` ends; then takes no more connections, answers the requests that were taken, and at last
    /// ends the connections of backends.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let stop = watch::Sender::new(false);
        let mut stopped = stop.subscribe();
        let status = async {
            if let Some(status) = self.status {
                // The sender outlives it.
                let told = async {
                    let _ = stopped.wait_for(|stopped| *stopped).await;
                };
                status.run(told).await;
            }
        };
        let clients = async {
            self.server.run(shutdown).await;
            // What is left of requests is past its deadline, and backends are told that no more come.
            self.proxy.backends.close().await;
            stop.send_replace(true);
        };
        tokio::join!(status, clients);
    }
}

impl Reloader {
    /// Reads the lists and certificates. Where one cannot be used, all stay as they were. The connections of backends that
    /// are not listed any more end. Gives the number of listed backends.
    pub fn reload(&self) -> Result<usize, BastionError> {
        let allowed = Allowed::load(&self.config)?;
        if let Some(certificates) = &self.certificates {
            certificates.reload()?;
        }
        let count = allowed.listed().len();
        self.proxy.allowed.store(Arc::new(allowed));
        let allowed = self.proxy.allowed.load_full();
        let is_served = |hash| allowed.knows(hash) != Known::Nobody;
        self.proxy.backends.retain(is_served);
        Ok(count)
    }
}
