//! The configuration of an anchor: one TOML file, every key also an environment variable and a flag.
//!
//! ```
//! use counterfoil_anchor::config::Config;
//! use counterfoil_service::config::Settings;
//!
//! let config = Config::parse(r#"
//!     data = "/var/lib/counterfoil/anchor"
//!     required = 1
//!     [[log]]
//!     url = "https://log.example.org/"
//!     policy = "/etc/counterfoil/log.policy"
//!     [[authority]]
//!     name = "freetsa"
//!     url = "https://freetsa.org/tsr"
//!     roots = ["/etc/counterfoil/freetsa.pem"]
//! "#, &[])?;
//! assert_eq!(config.interval.as_secs(), 3600);
//!
//! let unknown = Config::parse("intervall = \"1h\"", &[]).unwrap_err();
//! assert_eq!(unknown.to_string(), "intervall: there is no such key; the nearest is interval");
//! # Ok::<(), counterfoil_service::config::ConfigError>(())
//! ```

mod check;
mod ethereum;
pub mod keys;

use std::path::PathBuf;
use std::time::Duration;

use counterfoil_service::config::{ConfigError, FrontConfig, Schema, Settings, duration};
use serde::Deserialize;

pub use ethereum::{EthereumConfig, SecretUrl, SignerConfig};

use crate::schedule::{Backoff, Options, OptionsError};

/// The whole file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Where it listens, how much it does at once, and how it logs.
    #[serde(flatten)]
    pub front: FrontConfig,
    /// Data directory.
    pub data: PathBuf,
    /// Who runs it, for the page.
    pub operator: Option<String>,
    /// How often each log is looked at.
    #[serde(with = "duration")]
    pub interval: Duration,
    /// How much later a look may begin.
    #[serde(with = "duration")]
    pub jitter: Duration,
    /// How old the last anchor of a log that does not change may get; 0 is any age.
    #[serde(with = "duration")]
    pub max_age: Duration,
    /// How many authorities must vouch for a tree.
    pub required: usize,
    /// The longest wait after the first failure.
    #[serde(with = "duration")]
    pub retry_first: Duration,
    /// No wait after failures is longer.
    #[serde(with = "duration")]
    pub retry_longest: Duration,
    /// How long a request to a log may take.
    #[serde(with = "duration")]
    pub log_deadline: Duration,
    /// How long a request to an authority may take.
    #[serde(with = "duration")]
    pub authority_deadline: Duration,
    /// How far an authority's clock and ours may be apart.
    #[serde(with = "duration")]
    pub clock_tolerance: Duration,
    /// Root certificates of HTTPS that are trusted besides the system's (PEM).
    pub https_roots: Option<PathBuf>,
    /// The logs.
    #[serde(rename = "log")]
    pub logs: Vec<LogConfig>,
    /// The authorities.
    #[serde(rename = "authority")]
    pub authorities: Vec<AuthorityConfig>,
    /// The chain, if there is one.
    pub ethereum: Option<EthereumConfig>,
}

/// `[[log]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// The URL prefix of the log.
    pub url: SecretUrl,
    /// File of its policy (C2SP tlog-policy): its keys, its witnesses, its quorum.
    pub policy: PathBuf,
    /// SHA-256 (hex) of refused checkpoints of forks in spite of which the log is anchored on: the operator knows of them.
    #[serde(default)]
    pub known_forks: Vec<String>,
    /// SHA-256 (hex) of anchored checkpoints that are lost for good, and bind the anchor no more: the operator knows of them.
    #[serde(default)]
    pub lost_checkpoints: Vec<String>,
}

/// `[[authority]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityConfig {
    /// What records call it.
    pub name: String,
    /// Where it takes requests.
    pub url: SecretUrl,
    /// Files of the root certificates that its tokens must lead to (PEM).
    pub roots: Vec<PathBuf>,
    /// Files of further certificates that lead there (PEM).
    #[serde(default)]
    pub certificates: Vec<PathBuf>,
    /// The policies (OIDs) under which its tokens may be made; any if there are none.
    #[serde(default)]
    pub policies: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            front: FrontConfig::default(),
            data: PathBuf::new(),
            operator: None,
            interval: Duration::from_hours(1),
            jitter: Duration::from_mins(5),
            max_age: Duration::from_hours(7 * 24),
            required: 1,
            retry_first: Duration::from_secs(10),
            retry_longest: Duration::from_mins(10),
            log_deadline: Duration::from_secs(30),
            authority_deadline: Duration::from_secs(30),
            clock_tolerance: Duration::from_mins(1),
            https_roots: None,
            logs: Vec::new(),
            authorities: Vec::new(),
            ethereum: None,
        }
    }
}

impl Config {
    /// What each log's schedule keeps to.
    pub fn schedule(&self) -> Result<Options, OptionsError> {
        let options = Options::new(
            self.interval,
            self.jitter,
            self.authorities.len(),
            self.required,
        )?;
        let options = options.with_backoff(Backoff {
            first: self.retry_first,
            longest: self.retry_longest,
        })?;
        Ok(if self.max_age.is_zero() {
            options
        } else {
            options.with_max_age(self.max_age)
        })
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
        paths.extend(&mut self.https_roots);
        paths.extend(self.logs.iter_mut().map(|log| &mut log.policy));
        for authority in &mut self.authorities {
            paths.extend(&mut authority.roots);
            paths.extend(&mut authority.certificates);
        }
        paths.extend(self.ethereum.iter_mut().flat_map(EthereumConfig::paths));
        paths
    }
}

#[cfg(test)]
mod tests;
