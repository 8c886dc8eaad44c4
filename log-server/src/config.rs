//! The configuration of the server: one TOML file, every key also an environment variable and a flag.
//!
//! [`keys`] lists each key once; the file's checks, the environment variables, the flags and the commented file that
//! `log init` writes all come from that list. A value given by flag beats the environment, which beats the file.
//!
//! ```
//! use counterfoil_log_server::config::{Config, Override};
//!
//! let file = r#"
//!     listen = ["127.0.0.1:8080"]
//!     [[log]]
//!     origin = "log.example.org/records"
//!     data = "/var/lib/counterfoil/records"
//!     keys = ["/etc/counterfoil/records.key"]
//! "#;
//! let flag = Override::flag("log.checkpoint_interval", "250ms");
//! let config = Config::parse(file, &[flag])?;
//! assert_eq!(config.logs[0].checkpoint_interval.as_millis(), 250);
//!
//! let unknown = Config::parse("listne = []", &[]).unwrap_err();
//! assert_eq!(unknown.to_string(), "listne: there is no such key; the nearest is listen");
//! # Ok::<(), counterfoil_log_server::config::ConfigError>(())
//! ```

mod check;
mod duration;
pub mod keys;
mod nearest;
mod overrides;
mod template;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

pub use check::LISTEN_WITHOUT_CREDENTIALS;
pub use overrides::{ENVIRONMENT_PREFIX, Override, from_environment};
pub use template::default_file;

/// Route names that a log's prefix may not begin with, so that no log hides a part of another.
pub const RESERVED_SEGMENTS: [&str; 16] = [
    "add",
    "add-batch",
    "assets",
    "checkpoint",
    "consistency",
    "evidence",
    "healthz",
    "lookup",
    "metrics",
    "openapi.json",
    "policy",
    "readyz",
    "receipt",
    "status",
    "tile",
    "verify",
];

/// The whole file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// Serve TLS.
    pub tls: Option<TlsConfig>,
    /// Bearer tokens.
    #[serde(rename = "token")]
    pub tokens: Vec<TokenConfig>,
    /// Client certificates.
    #[serde(rename = "client")]
    pub clients: Vec<ClientConfig>,
    /// The logs.
    #[serde(rename = "log")]
    pub logs: Vec<LogConfig>,
    /// How long a request may take.
    #[serde(with = "duration")]
    pub request_deadline: Duration,
    /// How long the head of a request may take, and how long a connection may idle.
    #[serde(with = "duration")]
    pub head_deadline: Duration,
    /// How long the body of a request may take.
    #[serde(with = "duration")]
    pub body_deadline: Duration,
    /// How long the requests that were taken may still take once the server is told to stop.
    #[serde(with = "duration")]
    pub shutdown_deadline: Duration,
    /// Connections at once.
    pub max_connections: usize,
    /// Requests at once, on all connections.
    pub max_requests: usize,
    /// Bytes of request bodies in memory at once.
    pub max_body_bytes: usize,
    /// Format of the server's own log.
    pub log_format: LogFormat,
    /// What goes into the server's own log, in the syntax of `tracing`'s `EnvFilter`.
    pub log_filter: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 8080))],
            tls: None,
            tokens: Vec::new(),
            clients: Vec::new(),
            logs: Vec::new(),
            request_deadline: Duration::from_secs(30),
            head_deadline: Duration::from_secs(30),
            body_deadline: Duration::from_secs(10),
            shutdown_deadline: Duration::from_secs(30),
            max_connections: 10_000,
            max_requests: 16_384,
            max_body_bytes: 256 << 20,
            log_format: LogFormat::Auto,
            log_filter: "info".to_owned(),
        }
    }
}

/// `[tls]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The server's certificate chain, PEM, its own certificate first.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Certificates that client certificates must descend from, PEM. A client that shows one may write.
    pub client_ca: Option<PathBuf>,
}

/// `[[token]]`: who shows the token may write, and read what is guarded.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// Whose token it is; shown in logs and metrics.
    pub name: String,
    /// SHA-256 of the token, in hexadecimal.
    pub sha256: String,
    /// Origins of the logs it is for; `*` is every log.
    #[serde(default = "every_log")]
    pub logs: Vec<String>,
    /// Entries per second; without it there is no limit.
    pub rate: Option<f64>,
    /// Entries that may come at once beyond the rate; without it, one second's worth.
    pub burst: Option<f64>,
}

/// `[[client]]`: a client certificate, by its name.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// A DNS name among the certificate's subject alternative names.
    pub name: String,
    /// Origins of the logs it is for; `*` is every log.
    #[serde(default = "every_log")]
    pub logs: Vec<String>,
    /// Entries per second; without it there is no limit.
    pub rate: Option<f64>,
    /// Entries that may come at once beyond the rate; without it, one second's worth.
    pub burst: Option<f64>,
}

fn every_log() -> Vec<String> {
    vec!["*".to_owned()]
}

/// `[[log]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// Origin line of the checkpoints.
    pub origin: String,
    /// Path prefix under which it is served.
    pub prefix: String,
    /// Data directory.
    pub data: PathBuf,
    /// Files of the private keys; the first is the Ed25519 key.
    pub keys: Vec<PathBuf>,
    /// Who may fetch bundles, lookups and evidence.
    pub read: ReadMode,
    /// Anybody who reaches the server may write.
    pub anyone_may_write: bool,
    /// Time between checkpoints while the log grows.
    #[serde(with = "duration")]
    pub checkpoint_interval: Duration,
    /// How long older checkpoints are kept for receipts.
    #[serde(with = "duration")]
    pub checkpoint_history: Duration,
    /// An entry that is in the log already is answered with its index instead of being logged again.
    pub deduplicate: bool,
    /// Keep the index that answers lookups.
    pub lookup: bool,
    /// Longest entry in bytes.
    pub max_entry_bytes: usize,
    /// Longest body of a batch in bytes.
    pub max_batch_bytes: usize,
    /// Most entries of a batch.
    pub max_batch_entries: usize,
    /// Entries that may wait to be made durable.
    pub max_queue_entries: usize,
    /// Bytes that may wait to be made durable.
    pub max_queue_bytes: usize,
    /// Memory for tiles and bundles.
    pub cache_bytes: usize,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            origin: String::new(),
            prefix: "/".to_owned(),
            data: PathBuf::new(),
            keys: Vec::new(),
            read: ReadMode::Public,
            anyone_may_write: false,
            checkpoint_interval: Duration::from_secs(1),
            checkpoint_history: Duration::from_hours(1),
            deduplicate: false,
            lookup: true,
            max_entry_bytes: crate::log::MAX_ENTRY_BYTES,
            max_batch_bytes: 8 << 20,
            max_batch_entries: 65_536,
            max_queue_entries: 262_144,
            max_queue_bytes: 64 << 20,
            cache_bytes: 64 << 20,
        }
    }
}

/// Who may fetch what can hold contents: bundles, lookups, evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadMode {
    /// Anybody.
    Public,
    /// Those who show a token or a client certificate for the log.
    Token,
}

/// Format of the server's own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// Text.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is wrong with a configuration: the place, what was expected and what came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// The file is not TOML.
    #[error("not TOML: {0}")]
    NotToml(String),
    /// A key or a variable that does not exist.
    #[error("{place}: there is no such key; the nearest is {nearest}")]
    UnknownKey {
        /// The key as it was written.
        place: String,
        /// The known key that is spelled most like it.
        nearest: String,
    },
    /// A value that the key does not take.
    #[error("{place}: expected {expected}, got {got}")]
    Value {
        /// The key, or the variable or flag that gave it.
        place: String,
        /// What the key takes.
        expected: String,
        /// What came.
        got: String,
    },
    /// A key that must be there and is not.
    #[error("{place}: missing; {expected}")]
    Missing {
        /// The key.
        place: String,
        /// What it is for.
        expected: String,
    },
    /// Values that do not go together.
    #[error("{place}: {reason}")]
    Conflict {
        /// The key that should change.
        place: String,
        /// Why, and what to do.
        reason: String,
    },
}

impl Config {
    /// Reads a file; relative paths in it are relative to its directory.
    pub fn load(path: &Path, overrides: &[Override]) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let mut config = Self::parse(&text, overrides)?;
        if let Some(directory) = path.parent() {
            config.resolve(directory);
        }
        Ok(config)
    }

    /// Parses the text of a file and lays the overrides, the strongest last, over it.
    pub fn parse(text: &str, overrides: &[Override]) -> Result<Self, ConfigError> {
        let mut table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| ConfigError::NotToml(error.to_string()))?;
        for one in overrides {
            one.apply(&mut table)?;
        }
        keys::check(&table)?;
        let config: Self = table
            .try_into()
            .map_err(|error: toml::de::Error| ConfigError::NotToml(error.message().to_owned()))?;
        check::check(&config)?;
        Ok(config)
    }

    fn resolve(&mut self, directory: &Path) {
        let mut paths: Vec<&mut PathBuf> = Vec::new();
        if let Some(tls) = &mut self.tls {
            paths.extend([&mut tls.certificate, &mut tls.key]);
            paths.extend(&mut tls.client_ca);
        }
        for log in &mut self.logs {
            paths.push(&mut log.data);
            paths.extend(&mut log.keys);
        }
        for path in paths {
            *path = directory.join(&*path);
        }
    }
}

#[cfg(test)]
mod tests;
