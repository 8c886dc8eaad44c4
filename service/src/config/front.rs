//! The keys of whatever listens: where, how much at once, how long, and what it says of itself.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use super::{ConfigError, Key, Kind, Section, duration};
use crate::keys;

/// The keys of [`FrontConfig`] at the top of the file; `filter` is the help of `log_filter`.
pub const fn front_keys(filter: &'static str) -> [Key; 10] {
    keys! {
        Section::TOP => {
            "listen" Kind::Texts, optional "[\"127.0.0.1:8080\"]",
                "Addresses to listen on, each IP:PORT.";
            "request_deadline" Kind::Duration, optional "\"30s\"",
                "How long a request may take before it is answered 503.";
            "head_deadline" Kind::Duration, optional "\"30s\"",
                "How long the head of a request may take, and how long a connection may idle.";
            "body_deadline" Kind::Duration, optional "\"10s\"",
                "How long the body of a request may take before it is answered 408.";
            "shutdown_deadline" Kind::Duration, optional "\"30s\"",
                "How long requests that were taken may still take once the server is told to stop.";
            "max_connections" Kind::Whole, optional "10000",
                "Connections at once; one more is answered 503 and closed.";
            "max_requests" Kind::Whole, optional "16384",
                "Requests at once on all connections; one more is answered 503.";
            "max_body_bytes" Kind::Whole, optional "268435456",
                "Memory for request bodies; what would exceed it is answered 503.";
            "log_format" Kind::OneOf(&["auto", "text", "json"]), optional "\"auto\"",
                "Format of the server's own log; auto is text on a terminal and JSON otherwise.";
            "log_filter" Kind::Text, optional "\"info\"", filter;
        }
    }
}

/// The key of [`FrontConfig::client_share`], of services that divide something among clients.
pub const SHARE_KEYS: [Key; 1] = keys! {
    Section::TOP => {
        "client_share" Kind::OneOf(&["part", "all"]), optional "\"part\"",
            "What one client address may take of the memory and turns for large answers. \"all\" is for a server that only a reverse proxy reaches: all its clients have one address, and the proxy must divide.";
    }
};

/// Where a service listens, how much it does at once, and how it logs. A part of a service's settings, by
/// `#[serde(flatten)]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct FrontConfig {
    /// Addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// Serve TLS.
    pub tls: Option<TlsConfig>,
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
    /// What one client address may take of what is for all.
    pub client_share: ClientShare,
    /// Format of the server's own log.
    pub log_format: LogFormat,
    /// What goes into the server's own log, in the syntax of `tracing`'s `EnvFilter`.
    pub log_filter: String,
}

impl Default for FrontConfig {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 8080))],
            tls: None,
            request_deadline: Duration::from_secs(30),
            head_deadline: Duration::from_secs(30),
            body_deadline: Duration::from_secs(10),
            shutdown_deadline: Duration::from_secs(30),
            max_connections: 10_000,
            max_requests: 16_384,
            max_body_bytes: 256 << 20,
            client_share: ClientShare::Part,
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
    /// Certificates that client certificates must descend from, PEM.
    pub client_ca: Option<PathBuf>,
}

/// What one client address may take of what is for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientShare {
    /// A part, so that something is left for others.
    Part,
    /// All: the address is a reverse proxy's, and all clients are behind it.
    All,
}

impl ClientShare {
    /// What one may take of all that there is, where a part is so much.
    pub fn of(self, all: usize, part: usize) -> usize {
        match self {
            Self::Part => part,
            Self::All => all,
        }
    }
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

impl FrontConfig {
    /// What the values must keep, beyond their kinds.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.listen.is_empty() {
            return Err(ConfigError::value("listen", "at least one address", "none"));
        }
        for (name, number) in [
            ("max_connections", self.max_connections),
            ("max_requests", self.max_requests),
        ] {
            if number == 0 {
                return Err(ConfigError::value(name, "1 or more", "0"));
            }
        }
        for (name, time) in [
            ("request_deadline", self.request_deadline),
            ("head_deadline", self.head_deadline),
            ("body_deadline", self.body_deadline),
        ] {
            if time.is_zero() {
                // Every request would be too late.
                return Err(ConfigError::value(name, "more than 0", "0"));
            }
        }
        if let Err(error) = EnvFilter::try_new(&self.log_filter) {
            let expected = "directives such as \"info\" or \"warn,access=debug\"";
            let got = format!("{:?} ({error})", self.log_filter);
            return Err(ConfigError::value("log_filter", expected, got));
        }
        Ok(())
    }

    /// The paths among the values.
    pub fn paths(&mut self) -> Vec<&mut PathBuf> {
        let mut paths = Vec::new();
        if let Some(tls) = &mut self.tls {
            paths.extend([&mut tls.certificate, &mut tls.key]);
            paths.extend(&mut tls.client_ca);
        }
        paths
    }
}
