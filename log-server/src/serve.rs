//! The server: the HTTP front of the configured logs on its listeners.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use counterfoil_service::metrics::Connections;
use counterfoil_service::serve;

use crate::anchors::{Anchors, AnchorsError};
use crate::config::Config;
use crate::http::Site;
use crate::log::Log;

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It cannot listen.
    #[error(transparent)]
    Front(#[from] serve::ServeError),
    /// The anchors of a log cannot be asked.
    #[error("anchors: {0}")]
    Anchors(#[from] AnchorsError),
    /// There is not one log for each `[[log]]`.
    #[error("the configuration has logs at {configured:?}, but those given are at {given:?}")]
    Logs {
        /// Prefixes in the configuration.
        configured: Vec<String>,
        /// Prefixes that were given.
        given: Vec<String>,
    },
}

/// A server that listens, but does not answer yet.
pub struct Server {
    front: serve::Server<Site>,
    anchored: Vec<(Arc<dyn Log>, Arc<Anchors>)>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("front", &self.front)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Listens on the configured addresses and answers for `logs` (each with its prefix). Connections wait until
    /// [`run`](Self::run).
    pub async fn bind(
        config: &Config,
        logs: Vec<(String, Arc<dyn Log>)>,
    ) -> Result<Self, ServeError> {
        let logs = in_order(config, logs)?;
        let connections = Arc::new(Connections::default());
        let site = Site::new(config, logs, Arc::clone(&connections))?;
        let anchored = site.anchored();
        let front = serve::Server::bind(&config.front, connections, site).await?;
        Ok(Self { front, anchored })
    }

    /// The addresses that it listens on, in the order of the configuration; with the port that was found for port 0.
    pub fn addresses(&self) -> &[SocketAddr] {
        self.front.addresses()
    }

    /// Answers until `shutdown` ends; then takes no more connections and requests, and returns once all that was taken is
    /// answered, or the shutdown deadline has passed.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { front, anchored } = self;
        let watching = anchored.iter().map(|(log, anchors)| anchors.watch(&**log));
        let watching = async {
            futures_util::future::join_all(watching).await;
            // There may be no anchors to watch.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = front.run(shutdown) => {}
            () = watching => {}
        }
    }
}

/// The logs in the order of the configuration.
fn in_order(
    config: &Config,
    mut logs: Vec<(String, Arc<dyn Log>)>,
) -> Result<Vec<Arc<dyn Log>>, ServeError> {
    let mismatch = ServeError::Logs {
        configured: config.logs.iter().map(|log| log.prefix.clone()).collect(),
        given: logs.iter().map(|(prefix, _)| prefix.clone()).collect(),
    };
    let mut ordered = Vec::new();
    for log in &config.logs {
        match logs.iter().position(|(prefix, _)| *prefix == log.prefix) {
            Some(place) => ordered.push(logs.swap_remove(place).1),
            None => return Err(mismatch),
        }
    }
    if logs.is_empty() {
        Ok(ordered)
    } else {
        Err(mismatch)
    }
}
