//! The configuration of a bastion: one TOML file, every key also an environment variable and a flag.
//!
//! ```
//! use counterfoil_bastion::server::Config;
//! use counterfoil_service::config::Settings;
//!
//! let config = Config::parse(r#"
//!     listen = ["0.0.0.0:443"]
//!     backends = ["/etc/counterfoil/backends"]
//!     [tls]
//!     certificate = "/etc/counterfoil/tls.pem"
//!     key = "/etc/counterfoil/tls.key"
//! "#, &[])?;
//! assert_eq!(config.front.request_deadline.as_secs(), 30);
//!
//! let unknown = Config::parse("backend = []", &[]).unwrap_err();
//! assert_eq!(unknown.to_string(), "backend: there is no such key; the nearest is backends");
//! # Ok::<(), counterfoil_service::config::ConfigError>(())
//! ```

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use counterfoil_service::config::{
    ConfigError, FrontConfig, Key, Kind, Schema, Section, Settings, duration,
};
use counterfoil_service::keys;
use serde::Deserialize;

/// `[tls]`
const TLS: Section = Section::table("tls");

/// A dead link must be noticed by then, or clients wait for a backend that is gone.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

/// The whole file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Where it listens, how much it does at once, and how it logs.
    #[serde(flatten)]
    pub front: FrontConfig,
    /// Files that list the key hashes of backends.
    pub backends: Vec<PathBuf>,
    /// Certificates that a backend's may descend from instead, PEM.
    pub backend_ca: Option<PathBuf>,
    /// Requests of one backend at once.
    pub max_backend_requests: usize,
    /// Time between pings to a backend.
    #[serde(with = "duration")]
    pub ping_interval: Duration,
    /// How long the answer to a ping may take.
    #[serde(with = "duration")]
    pub ping_timeout: Duration,
    /// Where metrics are served, by HTTP.
    pub status_listen: Vec<SocketAddr>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            front: FrontConfig::default(),
            backends: Vec::new(),
            backend_ca: None,
            max_backend_requests: 256,
            ping_interval: Duration::from_secs(10),
            ping_timeout: Duration::from_secs(10),
            status_listen: Vec::new(),
        }
    }
}

/// Every key.
const SCHEMA: Schema = Schema {
    variables: "COUNTERFOIL_BASTION__",
    introduction: "\
# Configuration of a Counterfoil bastion (C2SP https-bastion). A line that begins with \"# key =\" shows the default
# (of backend_ca, status_listen and [tls] an example). Each key is also an environment variable,
# COUNTERFOIL_BASTION__KEY or COUNTERFOIL_BASTION__SECTION__KEY, and a flag. Unknown keys are errors.
# Relative paths are relative to this file.
",
    sections: &[Section::TOP, TLS],
    keys: &[KEYS],
};

const KEYS: &[Key] = &keys! {
    Section::TOP => {
        "listen" Kind::Texts, optional "[\"127.0.0.1:8080\"]",
            "Addresses to listen on, each IP:PORT, for clients and backends alike.";
        "backends" Kind::Texts, optional "[\"backends\"]",
            "Files that list the backends it serves: the hash of a key a line, and a name after it if you like. Read again on SIGHUP.";
        "backend_ca" Kind::Text, optional "\"backend-ca.pem\"",
            "Serve backends too whose certificate descends from one of these (PEM). Unknown key hashes are then answered 502 instead of 421.";
        "max_backend_requests" Kind::Whole, optional "256",
            "Requests of one backend at once; one more is answered 503.";
        "ping_interval" Kind::Duration, optional "\"10s\"",
            "Time between pings to a backend.";
        "ping_timeout" Kind::Duration, optional "\"10s\"",
            "How long the answer to a ping may take before the connection is given up.";
        "status_listen" Kind::Texts, optional "[\"127.0.0.1:9090\"]",
            "Addresses for /metrics and /healthz by HTTP; nothing by default. They name the backends, so keep them to yourself.";
        "request_deadline" Kind::Duration, optional "\"30s\"",
            "How long a backend may take to begin its answer before the client is answered 504.";
        "head_deadline" Kind::Duration, optional "\"30s\"",
            "How long a handshake and the head of a request may take, and how long a client's connection may idle.";
        "shutdown_deadline" Kind::Duration, optional "\"30s\"",
            "How long requests that were taken may still take once the server is told to stop.";
        "max_connections" Kind::Whole, optional "10000",
            "Connections of clients at once; one more is closed.";
        "max_requests" Kind::Whole, optional "16384",
            "Requests at once on all connections; one more is answered 503.";
        "log_format" Kind::OneOf(&["auto", "text", "json"]), optional "\"auto\"",
            "Format of the server's own log; auto is text on a terminal and JSON otherwise.";
        "log_filter" Kind::Text, optional "\"info\"",
            "What goes into the server's own log, for example \"warn,counterfoil_bastion=debug\"; access=debug adds a line for each request.";
    }
    TLS => {
        "certificate" Kind::Text, required "\"server.pem\"",
            "The server's certificate chain (PEM), its own certificate first. Read again on SIGHUP.";
        "key" Kind::Text, required "\"server.key\"",
            "The server's private key (PEM).";
    }
};

impl Settings for Config {
    const SCHEMA: &'static Schema = &SCHEMA;

    fn check(&self) -> Result<(), ConfigError> {
        self.front.check()?;
        if self.front.tls.is_none() {
            return Err(ConfigError::Missing {
                place: "tls".to_owned(),
                expected: "a bastion speaks TLS: certificate and key in [tls]".to_owned(),
            });
        }
        if self.backends.is_empty() && self.backend_ca.is_none() {
            return Err(ConfigError::Missing {
                place: "backends".to_owned(),
                expected: "a file that lists the backends, which may be empty; or backend_ca"
                    .to_owned(),
            });
        }
        if self.max_backend_requests == 0 {
            return Err(ConfigError::value("max_backend_requests", "1 or more", "0"));
        }
        for (name, time) in [
            ("ping_interval", self.ping_interval),
            ("ping_timeout", self.ping_timeout),
        ] {
            if time.is_zero() {
                return Err(ConfigError::value(name, "more than 0", "0"));
            }
        }
        if self.ping_interval.saturating_add(self.ping_timeout) > LONGEST_SILENCE {
            return Err(ConfigError::conflict(
                "ping_interval",
                "with ping_timeout it is more than 30s, and a dead link must be noticed by then",
            ));
        }
        Ok(())
    }

    fn paths(&mut self) -> Vec<&mut PathBuf> {
        let mut paths = self.front.paths();
        paths.extend(&mut self.backends);
        paths.extend(&mut self.backend_ca);
        paths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "backends = [\"backends\"]\n[tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\n";

    #[test]
    fn the_written_defaults_are_the_defaults() {
        let lines: Vec<String> = SCHEMA
            .all()
            .filter(|key| key.section == Section::TOP)
            .filter(|key| !["backends", "backend_ca", "status_listen"].contains(&key.name))
            .map(|key| format!("{} = {}\n", key.name, key.value))
            .collect();
        let text = lines.concat();
        let spelled_out = Config::parse(&format!("{text}{GOOD}"), &[]).unwrap();
        assert_eq!(spelled_out, Config::parse(GOOD, &[]).unwrap());
    }

    #[test]
    fn what_does_not_go_together() {
        let rows = [
            ("no TLS", "backends = [\"x\"]", "tls: missing"),
            (
                "nobody to serve",
                "[tls]\ncertificate = \"c\"\nkey = \"k\"",
                "backends: missing",
            ),
            (
                "a certificate for clients",
                "backends = [\"x\"]\n[tls]\ncertificate = \"c\"\nkey = \"k\"\nclient_ca = \"a\"",
                "tls.client_ca: there is no such key",
            ),
            (
                "links dead for too long",
                &format!("ping_interval = \"21s\"\n{GOOD}"),
                "ping_interval: with ping_timeout it is more than 30s",
            ),
            (
                "no pings",
                &format!("ping_interval = \"0s\"\n{GOOD}"),
                "ping_interval: expected more than 0",
            ),
            (
                "no room",
                &format!("max_backend_requests = 0\n{GOOD}"),
                "max_backend_requests: expected 1 or more",
            ),
            (
                "a key of other services",
                &format!("body_deadline = \"1s\"\n{GOOD}"),
                "body_deadline: there is no such key",
            ),
        ];
        for (name, text, message) in rows {
            let error = Config::parse(text, &[]).unwrap_err().to_string();
            assert!(error.starts_with(message), "{name}: {error}");
        }
    }
}
