//! The configuration of the server: one TOML file, every key also an environment variable and a flag.
//!
//! [`keys`] lists each key once; the file's checks, the environment variables, the flags and the commented file that
//! `log init` writes all come from that list. A value given by flag beats the environment, which beats the file.
//!
//! ```
//! use counterfoil_log_server::config::Config;
//! use counterfoil_service::config::{Override, Settings};
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
//! # Ok::<(), counterfoil_service::config::ConfigError>(())
//! ```

mod check;
pub mod keys;

use std::path::PathBuf;
use std::time::Duration;

use counterfoil_service::config::{ConfigError, FrontConfig, Schema, Settings, duration};
use serde::{Deserialize, Deserializer};

pub use check::LISTEN_WITHOUT_CREDENTIALS;

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
    "verifier.html",
];

/// The whole file.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Where it listens, how much it does at once, and how it logs. A client that shows a certificate under
    /// `tls.client_ca` may write.
    #[serde(flatten)]
    pub front: FrontConfig,
    /// Bearer tokens.
    #[serde(rename = "token")]
    pub tokens: Vec<TokenConfig>,
    /// Client certificates.
    #[serde(rename = "client")]
    pub clients: Vec<ClientConfig>,
    /// The logs.
    #[serde(rename = "log")]
    pub logs: Vec<LogConfig>,
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
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are the file's switches"
)]
pub struct LogConfig {
    /// Origin line of the checkpoints.
    pub origin: String,
    /// Path prefix under which it is served.
    pub prefix: String,
    /// Data directory.
    pub data: PathBuf,
    /// Files of the private keys; the first is the Ed25519 key.
    pub keys: Vec<PathBuf>,
    /// File of the trust policy (tlog-policy): the log's own keys, its witnesses with their URLs, and the quorum without
    /// which no checkpoint is published.
    #[serde(deserialize_with = "file_or_none")]
    pub policy: Option<PathBuf>,
    /// `NAME=URL`: the monitoring prefix of a witness of the policy, where it is not the submission prefix.
    pub monitoring: Vec<String>,
    /// File of root certificates (PEM) under which witnesses are believed, besides the system's.
    #[serde(deserialize_with = "file_or_none")]
    pub witness_ca: Option<PathBuf>,
    /// How long a checkpoint waits for its quorum before it gives way to a larger one.
    #[serde(with = "duration")]
    pub witness_deadline: Duration,
    /// How often a log that does not grow renews its cosignatures.
    #[serde(with = "duration")]
    pub refresh_interval: Duration,
    /// URLs of the anchors that fix the log's checkpoints in time.
    pub anchors: Vec<String>,
    /// Go on from this data whatever the witnesses say.
    pub start_unguarded: bool,
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
    /// Serve the web pages.
    pub pages: bool,
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
            policy: None,
            monitoring: Vec::new(),
            witness_ca: None,
            witness_deadline: Duration::from_secs(10),
            refresh_interval: Duration::from_mins(10),
            anchors: Vec::new(),
            start_unguarded: false,
            read: ReadMode::Public,
            anyone_may_write: false,
            checkpoint_interval: Duration::from_secs(1),
            checkpoint_history: Duration::from_hours(1),
            deduplicate: false,
            lookup: true,
            pages: true,
            max_entry_bytes: crate::log::MAX_ENTRY_BYTES,
            max_batch_bytes: 8 << 20,
            max_batch_entries: 65_536,
            max_queue_entries: 262_144,
            max_queue_bytes: 64 << 20,
            cache_bytes: 64 << 20,
        }
    }
}

/// An empty name is no file.
fn file_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathBuf>, D::Error> {
    let path = PathBuf::deserialize(from)?;
    Ok(Some(path).filter(|path| !path.as_os_str().is_empty()))
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

impl Settings for Config {
    const SCHEMA: &'static Schema = &keys::SCHEMA;

    fn check(&self) -> Result<(), ConfigError> {
        check::check(self)
    }

    fn paths(&mut self) -> Vec<&mut PathBuf> {
        let mut paths = self.front.paths();
        for log in &mut self.logs {
            paths.push(&mut log.data);
            paths.extend(&mut log.keys);
            paths.extend(&mut log.policy);
            paths.extend(&mut log.witness_ca);
        }
        paths
    }
}

#[cfg(test)]
mod tests;
