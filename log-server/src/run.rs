//! The whole server: the logs of a configuration, recovered and running, and HTTP before them.

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use counterfoil_tiles::key::SigningKey;

use crate::config::{Config, LogConfig};
use crate::data::{self, DataError, RunningLog};
use crate::log::Log;
use crate::serve::{ServeError, Server};

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A key file cannot be used.
    #[error("log {origin:?}: key file {path}: {source}")]
    Key {
        /// The log.
        origin: String,
        /// The file.
        path: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A log refuses to start.
    #[error("log {origin:?}: {source}")]
    Log {
        /// The log.
        origin: String,
        /// Why.
        source: Box<DataError>,
    },
    /// HTTP cannot be served.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// A server that listens; its logs run already.
pub struct Running {
    server: Server,
    logs: Vec<RunningLog>,
    deadline: std::time::Duration,
}

/// Reads one key file; the caller knows how secrets are kept.
pub type LoadKey<'a> = &'a dyn Fn(&Path) -> Result<SigningKey, Box<dyn Error + Send + Sync>>;

/// The signing keys of a log.
pub fn load_keys(config: &LogConfig, load: LoadKey<'_>) -> Result<Vec<SigningKey>, RunError> {
    let key = |path: &std::path::PathBuf| {
        load(path).map_err(|source| RunError::Key {
            origin: config.origin.clone(),
            path: path.display().to_string(),
            source,
        })
    };
    config.keys.iter().map(key).collect()
}

/// Recovers and runs every log of a configuration and begins to listen.
pub async fn start(config: &Config, load: LoadKey<'_>) -> Result<Running, RunError> {
    let mut logs = Vec::with_capacity(config.logs.len());
    let mut sites: Vec<(String, Arc<dyn Log>)> = Vec::with_capacity(config.logs.len());
    for log in &config.logs {
        let keys = load_keys(log, load)?;
        let running = data::open(log, keys)
            .await
            .map_err(|source| RunError::Log {
                origin: log.origin.clone(),
                source: Box::new(source),
            })?;
        sites.push((log.prefix.clone(), running.engine()));
        logs.push(running);
    }
    let server = Server::bind(config, sites).await?;
    Ok(Running {
        server,
        logs,
        deadline: config.front.shutdown_deadline,
    })
}

impl Running {
    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        self.server.addresses()
    }

    /// Serves until `shutdown` ends; then answers what was taken, publishes it, and ends. What takes longer than the shutdown
    /// deadline is left to the next start's recovery; nothing acknowledged is lost.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        self.server.run(shutdown).await;
        // All at once: ten logs may not take ten deadlines.
        let closing = self.logs.iter().map(async |log| {
            let engine = log.engine();
            if tokio::time::timeout(self.deadline, engine.close())
                .await
                .is_err()
            {
                tracing::warn!(
                    origin = engine.origin(),
                    "the log did not come to rest within the shutdown deadline; the next start recovers it"
                );
            }
        });
        futures_util::future::join_all(closing).await;
    }
}
