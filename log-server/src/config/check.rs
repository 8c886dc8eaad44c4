//! What the values of a configuration must keep, beyond their kinds.

use std::collections::HashSet;
use std::time::Duration;

use counterfoil_evidence::gather::MAX_ASKED;
use counterfoil_service::config::ConfigError;
use rustls::pki_types::ServerName;

use super::{Config, LogConfig, RESERVED_SEGMENTS, ReadMode};
use crate::log::MAX_ENTRY_BYTES;

/// What an operator is told whose log could be written by anybody.
pub const LISTEN_WITHOUT_CREDENTIALS: &str = "anybody who reaches this address could write to the log: \
    add a [[token]] or tls.client_ca, listen on a loopback address only, or say anyone_may_write = true";

/// The shortest deadline or interval for witnesses: they are asked over a network.
const LEAST_WITNESS_TIME: Duration = Duration::from_millis(100);

/// The longest prefix: a path is read on each request.
const MAX_PREFIX_BYTES: usize = 256;

pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    config.front.check()?;
    check_credentials(config)?;
    if config.logs.is_empty() {
        return Err(ConfigError::Missing {
            place: "log".to_owned(),
            expected: "a server needs at least one [[log]]".to_owned(),
        });
    }
    let mut origins = HashSet::new();
    let mut prefixes = HashSet::new();
    for (number, log) in config.logs.iter().enumerate() {
        let place = format!("log[{number}]");
        check_log(&place, log, config)?;
        check_limits(&place, log, config)?;
        if !origins.insert(log.origin.as_str()) {
            return Err(conflict(
                &place,
                "origin",
                "another log has the same origin",
            ));
        }
        if !prefixes.insert(log.prefix.as_str()) {
            return Err(conflict(
                &place,
                "prefix",
                "another log has the same prefix",
            ));
        }
    }
    Ok(())
}

fn check_log(place: &str, log: &LogConfig, config: &Config) -> Result<(), ConfigError> {
    check_prefix(place, &log.prefix)?;
    // SPEC(signed-note): "Key names MUST be non-empty and MUST NOT contain any Unicode spaces or plus"
    // Quotation marks and backslashes would break the labels of the metrics.
    let unfit = |c: char| c.is_whitespace() || c.is_control() || "+\"\\".contains(c);
    if log.origin.is_empty() || log.origin.contains(unfit) {
        return Err(value(
            &format!("{place}.origin"),
            "text without spaces, +, \" and \\",
            &format!("{:?}", log.origin),
        ));
    }
    if log.keys.is_empty() {
        return Err(value(
            &format!("{place}.keys"),
            "at least one key file",
            "none",
        ));
    }
    let guarded = config.has_credentials_for(&log.origin);
    if log.read == ReadMode::Token && !guarded {
        let reason = "\"token\" guards reading, but there is neither a [[token]] nor a client certificate for this log";
        return Err(conflict(place, "read", reason));
    }
    if guarded || log.anyone_may_write {
        return Ok(());
    }
    match config
        .front
        .listen
        .iter()
        .find(|address| !address.ip().is_loopback())
    {
        Some(address) => Err(ConfigError::Conflict {
            place: format!("listen {address}, log {}", log.origin),
            reason: LISTEN_WITHOUT_CREDENTIALS.to_owned(),
        }),
        None => Ok(()),
    }
}

fn check_limits(place: &str, log: &LogConfig, config: &Config) -> Result<(), ConfigError> {
    let rows = [
        ("max_entry_bytes", log.max_entry_bytes, 1, MAX_ENTRY_BYTES),
        // A batch that could not hold the longest entry, or that the memory for bodies could not hold, would be refused
        // whatever the load.
        (
            "max_batch_bytes",
            log.max_batch_bytes,
            log.max_entry_bytes + 2,
            config.front.max_body_bytes,
        ),
        (
            "max_batch_entries",
            log.max_batch_entries,
            1,
            log.max_queue_entries,
        ),
        (
            "max_queue_bytes",
            log.max_queue_bytes,
            log.max_batch_bytes,
            usize::MAX,
        ),
    ];
    for (name, number, least, most) in rows {
        if number < least || number > most {
            let expected = if most == usize::MAX {
                format!("{least} or more")
            } else {
                format!("{least} to {most}")
            };
            return Err(value(
                &format!("{place}.{name}"),
                &expected,
                &number.to_string(),
            ));
        }
    }
    if log.checkpoint_interval.is_zero() {
        return Err(value(
            &format!("{place}.checkpoint_interval"),
            "more than 0",
            "0",
        ));
    }
    check_witnesses(place, log)?;
    check_anchors(place, log)?;
    if log.deduplicate && !log.lookup {
        let reason = "it needs the lookup index: set lookup = true";
        return Err(conflict(place, "deduplicate", reason));
    }
    Ok(())
}

fn check_witnesses(place: &str, log: &LogConfig) -> Result<(), ConfigError> {
    let times = [
        ("witness_deadline", log.witness_deadline),
        ("refresh_interval", log.refresh_interval),
    ];
    for (name, time) in times {
        if time < LEAST_WITNESS_TIME {
            return Err(value(
                &format!("{place}.{name}"),
                "100ms or more",
                &format!("{time:?}"),
            ));
        }
    }
    if log.policy.is_none() && !log.monitoring.is_empty() {
        let reason = "without a policy there are no witnesses: set policy = FILE";
        return Err(conflict(place, "monitoring", reason));
    }
    let is_pair = |text: &&String| {
        let pair = text.split_once('=');
        pair.is_some_and(|(name, url)| !name.is_empty() && !url.is_empty())
    };
    match log.monitoring.iter().find(|text| !is_pair(text)) {
        Some(other) => Err(value(
            &format!("{place}.monitoring"),
            "NAME=URL, the name of a witness in the policy and its monitoring prefix",
            &format!("{other:?}"),
        )),
        None => Ok(()),
    }
}

fn check_anchors(place: &str, log: &LogConfig) -> Result<(), ConfigError> {
    let place = format!("{place}.anchors");
    if log.anchors.len() > MAX_ASKED {
        let got = log.anchors.len().to_string();
        return Err(value(&place, &format!("at most {MAX_ASKED} URLs"), &got));
    }
    let mut known = HashSet::new();
    for text in &log.anchors {
        let expected = "the http or https URL of an anchor, without user, query and fragment";
        let url = crate::anchors::url(text).ok_or_else(|| {
            // A password is not shown.
            let got = if text.contains('@') {
                "one with a user".to_owned()
            } else {
                format!("{text:?}")
            };
            value(&place, expected, &got)
        })?;
        if !known.insert(url) {
            return Err(ConfigError::conflict(
                place,
                format!("{text} is there twice"),
            ));
        }
    }
    Ok(())
}

fn check_prefix(place: &str, prefix: &str) -> Result<(), ConfigError> {
    if prefix == "/" {
        return Ok(());
    }
    let segments: Option<Vec<&str>> = prefix
        .strip_prefix('/')
        .map(|rest| rest.split('/').collect());
    let plain = |segment: &&str| {
        !segment.is_empty()
            && !segment.bytes().all(|b| b == b'.')
            && segment
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
    };
    let Some(segments) = segments
        .filter(|segments| segments.iter().all(plain))
        .filter(|_| prefix.len() <= MAX_PREFIX_BYTES)
    else {
        let expected = "\"/\" or a path such as \"/records\", of letters, digits, - . _ ~";
        return Err(value(
            &format!("{place}.prefix"),
            expected,
            &format!("{prefix:?}"),
        ));
    };
    match segments
        .iter()
        .find(|segment| RESERVED_SEGMENTS.contains(segment))
    {
        Some(segment) => {
            let reason = format!("{segment} is the name of an endpoint; choose another path");
            Err(conflict(place, "prefix", &reason))
        }
        None => Ok(()),
    }
}

fn check_credentials(config: &Config) -> Result<(), ConfigError> {
    let origins: HashSet<&str> = config.logs.iter().map(|log| log.origin.as_str()).collect();
    let mut digests = HashSet::new();
    for (number, token) in config.tokens.iter().enumerate() {
        let place = format!("token[{number}]");
        if token.sha256.len() != 64 || hex::decode(&token.sha256).is_err() {
            // The value is not shown: it may be the token itself.
            let expected = "64 hexadecimal digits, the SHA-256 of the token";
            return Err(value(
                &format!("{place}.sha256"),
                expected,
                "something else",
            ));
        }
        if !digests.insert(token.sha256.to_ascii_lowercase()) {
            return Err(conflict(&place, "sha256", "another [[token]] has the same"));
        }
        check_grant(&place, &token.logs, token.rate, token.burst, &origins)?;
    }
    if !config.clients.is_empty()
        && config
            .front
            .tls
            .as_ref()
            .is_none_or(|tls| tls.client_ca.is_none())
    {
        return Err(ConfigError::Missing {
            place: "tls.client_ca".to_owned(),
            expected: "without it a [[client]] cannot be told from anybody else".to_owned(),
        });
    }
    for (number, client) in config.clients.iter().enumerate() {
        let place = format!("client[{number}]");
        if !matches!(
            ServerName::try_from(client.name.as_str()),
            Ok(ServerName::DnsName(_))
        ) {
            let expected = "a DNS name of the certificate";
            return Err(value(
                &format!("{place}.name"),
                expected,
                &format!("{:?}", client.name),
            ));
        }
        check_grant(&place, &client.logs, client.rate, client.burst, &origins)?;
    }
    Ok(())
}

fn check_grant(
    place: &str,
    logs: &[String],
    rate: Option<f64>,
    burst: Option<f64>,
    origins: &HashSet<&str>,
) -> Result<(), ConfigError> {
    if let Some(unknown) = logs
        .iter()
        .find(|log| *log != "*" && !origins.contains(log.as_str()))
    {
        let expected = "\"*\" or origins of this server's logs";
        return Err(value(
            &format!("{place}.logs"),
            expected,
            &format!("{unknown:?}"),
        ));
    }
    for (name, number) in [("rate", rate), ("burst", burst)] {
        if number.is_some_and(|number| !number.is_finite() || number <= 0.0) {
            return Err(value(
                &format!("{place}.{name}"),
                "a number above 0",
                "another",
            ));
        }
    }
    if burst.is_some() && rate.is_none() {
        return Err(conflict(place, "burst", "burst means nothing without rate"));
    }
    Ok(())
}

impl Config {
    /// Whether some token or client certificate may write to a log.
    pub(crate) fn has_credentials_for(&self, origin: &str) -> bool {
        let names = |logs: &[String]| logs.iter().any(|log| log == "*" || log == origin);
        let any_certificate = self.clients.is_empty()
            && self
                .front
                .tls
                .as_ref()
                .is_some_and(|tls| tls.client_ca.is_some());
        any_certificate
            || self.tokens.iter().any(|token| names(&token.logs))
            || self.clients.iter().any(|client| names(&client.logs))
    }
}

fn value(place: &str, expected: &str, got: &str) -> ConfigError {
    ConfigError::value(place, expected, got)
}

fn conflict(place: &str, key: &str, reason: &str) -> ConfigError {
    ConfigError::conflict(format!("{place}.{key}"), reason)
}
