//! The configuration of a witness: one TOML file, every key also an environment variable and a flag.
//!
//! Ten lines run a witness:
//!
//! ```
//! use counterfoil_service::config::Settings;
//! use counterfoil_witness::config::Config;
//!
//! let config = Config::parse(r#"
//!     listen = ["0.0.0.0:443"]
//!     data = "/var/lib/counterfoil/witness"
//!     keys = ["/etc/counterfoil/witness.key", "/etc/counterfoil/witness-mldsa.key"]
//!     logs = ["/etc/counterfoil/logs"]
//!     copies = ["/mnt/elsewhere/witness"]
//!     [tls]
//!     certificate = "/etc/counterfoil/tls.pem"
//!     key = "/etc/counterfoil/tls.key"
//! "#, &[])?;
//! assert_eq!(config.log_rate, 1_000.0);
//!
//! let unknown = Config::parse("log = []", &[]).unwrap_err();
//! assert_eq!(unknown.to_string(), "log: there is no such key; the nearest is logs");
//! # Ok::<(), counterfoil_service::config::ConfigError>(())
//! ```

mod check;
pub mod keys;

use std::path::PathBuf;
use std::time::Duration;

use counterfoil_service::config::{ConfigError, FrontConfig, Schema, Settings, duration};
use serde::Deserialize;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Where it listens, how much it does at once, and how it logs.
    #[serde(flatten)]
    pub front: FrontConfig,
    /// Data directory.
    pub data: PathBuf,
    /// Files of the private keys.
    pub keys: Vec<PathBuf>,
    /// Files that list the logs; what an earlier one says about a log goes before what a later one says.
    pub logs: Vec<PathBuf>,
    /// How often those files are looked at; 0 is only on SIGHUP.
    #[serde(with = "duration")]
    pub watch_interval: Duration,
    /// Path prefix of add-checkpoint and sign-subtree.
    pub submission_prefix: String,
    /// Path prefix of the latest checkpoints and of evidence.
    pub monitoring_prefix: String,
    /// Where the public reaches it, for the page.
    pub url: Option<String>,
    /// Who runs it, for the page.
    pub operator: Option<String>,
    /// How to reach them, for the page.
    pub contact: Option<String>,
    /// Checkpoints a second that are cosigned for a log whose list says nothing else.
    pub log_rate: f64,
    /// Requests a second of one address that are not cosigned.
    pub client_rate: f64,
    /// Such requests that may come at once beyond the rate.
    pub client_burst: f64,
    /// Second places of the latest checkpoints.
    pub copies: Vec<Place>,
    /// Sign nothing for a log whose copies cannot be read.
    pub copies_required: bool,
    /// Stop cosigning for a log that is proved to have signed two histories.
    pub halt_on_misbehaviour: bool,
    /// Logs whose latest checkpoints are held in memory.
    pub cached_logs: usize,
    /// The bastions by which it is reached.
    #[serde(rename = "bastion")]
    pub bastions: Vec<BastionConfig>,
}

/// A second place of the latest checkpoints.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Place {
    /// A directory, into which they are written.
    Folder(PathBuf),
    /// A monitoring prefix, from which they are read.
    Url(String),
}

impl From<String> for Place {
    fn from(text: String) -> Self {
        if text.starts_with("https://") || text.starts_with("http://") {
            Self::Url(text)
        } else {
            Self::Folder(text.into())
        }
    }
}

/// `[[bastion]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BastionConfig {
    /// Host and port.
    pub address: String,
    /// File of the private key by which the bastion knows the witness.
    pub key: PathBuf,
    /// Certificates that the bastion's must descend from (PEM), instead of the system's.
    pub ca: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            front: FrontConfig::default(),
            data: PathBuf::new(),
            keys: Vec::new(),
            logs: Vec::new(),
            watch_interval: Duration::from_secs(2),
            submission_prefix: "/".to_owned(),
            monitoring_prefix: "/".to_owned(),
            url: None,
            operator: None,
            contact: None,
            log_rate: 1_000.0,
            client_rate: 100.0,
            client_burst: 1_000.0,
            copies: Vec::new(),
            copies_required: false,
            halt_on_misbehaviour: false,
            cached_logs: 4_096,
            bastions: Vec::new(),
        }
    }
}

impl Settings for Config {
    const SCHEMA: &'static Schema = &keys::SCHEMA;

    fn check(&self) -> Result<(), ConfigError> {
        check::check(self)
    }

    fn paths(&mut self) -> Vec<&mut PathBuf> {
        let mut paths = self.front.paths();
        paths.push(&mut self.data);
        paths.extend(&mut self.keys);
        paths.extend(&mut self.logs);
        paths.extend(self.copies.iter_mut().filter_map(|place| match place {
            Place::Folder(folder) => Some(folder),
            Place::Url(_) => None,
        }));
        for bastion in &mut self.bastions {
            paths.push(&mut bastion.key);
            paths.extend(&mut bastion.ca);
        }
        paths
    }
}

#[cfg(test)]
mod tests;
