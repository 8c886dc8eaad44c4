//! What the values of a configuration must keep, beyond their kinds.

use std::collections::HashSet;

use counterfoil_evidence::format::MAX_URL;
use counterfoil_rfc3161::Oid;
use counterfoil_service::config::ConfigError;
use url::Url;

use super::Config;
use crate::names::{AuthorityName, CheckpointHash};
use crate::public_url::public_text;

/// The longest text for the page.
const MAX_PAGE_TEXT_BYTES: usize = 1_024;

pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    config.front.check()?;
    if config.data.as_os_str().is_empty() {
        return Err(missing("data", "an anchor needs a data directory"));
    }
    if config.logs.is_empty() {
        return Err(missing("log", "an anchor needs at least one [[log]]"));
    }
    if config.authorities.is_empty() {
        let expected = "an anchor needs at least one [[authority]]";
        return Err(missing("authority", expected));
    }
    let length = config.operator.as_ref().map_or(0, String::len);
    if length > MAX_PAGE_TEXT_BYTES {
        let expected = format!("at most {MAX_PAGE_TEXT_BYTES} bytes");
        return Err(ConfigError::value("operator", expected, length.to_string()));
    }
    for (name, time) in [
        ("log_deadline", config.log_deadline),
        ("authority_deadline", config.authority_deadline),
    ] {
        if time.is_zero() {
            return Err(ConfigError::value(name, "more than 0", "0"));
        }
    }
    check_schedule(config)?;
    check_logs(config)?;
    check_authorities(config)?;
    super::ethereum::check(config)
}

fn check_schedule(config: &Config) -> Result<(), ConfigError> {
    use crate::schedule::OptionsError;
    config.schedule().map(drop).map_err(|error| {
        let place = match &error {
            OptionsError::Interval(_) => "interval",
            OptionsError::Jitter { .. } => "jitter",
            OptionsError::Required { .. } => "required",
            OptionsError::Backoff => "retry_first",
        };
        ConfigError::conflict(place, error.to_string())
    })
}

fn check_logs(config: &Config) -> Result<(), ConfigError> {
    let mut urls = HashSet::new();
    for (number, log) in config.logs.iter().enumerate() {
        let place = format!("log[{number}].url");
        check_url(&place, log.url.secret())?;
        if !urls.insert(log.url.secret().trim_end_matches('/')) {
            return Err(ConfigError::conflict(
                place,
                "another [[log]] has the same URL",
            ));
        }
        for (key, hashes) in [
            ("known_forks", &log.known_forks),
            ("lost_checkpoints", &log.lost_checkpoints),
        ] {
            let is_wrong = |hash: &&String| hash.parse::<CheckpointHash>().is_err();
            if let Some(wrong) = hashes.iter().find(is_wrong) {
                let place = format!("log[{number}].{key}");
                let expected = "SHA-256 in 64 hexadecimal digits";
                return Err(ConfigError::value(place, expected, format!("{wrong:?}")));
            }
        }
    }
    Ok(())
}

fn check_authorities(config: &Config) -> Result<(), ConfigError> {
    let mut names = HashSet::new();
    for (number, authority) in config.authorities.iter().enumerate() {
        let place = |key: &str| format!("authority[{number}].{key}");
        let name = authority.name.parse::<AuthorityName>();
        let name = name.map_err(|error| ConfigError::conflict(place("name"), error.to_string()))?;
        if !names.insert(name) {
            let reason =
                "another [[authority]] has the same name, and records are told apart by it";
            return Err(ConfigError::conflict(place("name"), reason));
        }
        check_url(&place("url"), authority.url.secret())?;
        let length = authority.url.secret().len();
        if length > MAX_URL {
            let expected = format!("at most {MAX_URL} bytes, as many as evidence has room for");
            return Err(ConfigError::value(
                place("url"),
                expected,
                length.to_string(),
            ));
        }
        if authority.roots.is_empty() {
            let expected = "its tokens must lead to some root: one file or more";
            return Err(missing(&place("roots"), expected));
        }
        for policy in &authority.policies {
            if policy.parse::<Oid>().is_err() {
                let expected = "object identifiers such as \"1.3.6.1.4.1.13762.3\"";
                let got = format!("{policy:?}");
                return Err(ConfigError::value(place("policies"), expected, got));
            }
        }
    }
    Ok(())
}

fn check_url(place: &str, url: &str) -> Result<(), ConfigError> {
    let good = Url::parse(url).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.host().is_some() && url.fragment().is_none()
    });
    if good {
        Ok(())
    } else {
        Err(ConfigError::value(
            place,
            "an http or https URL without a fragment",
            public_text(url),
        ))
    }
}

pub(super) fn missing(place: &str, expected: &str) -> ConfigError {
    ConfigError::Missing {
        place: place.to_owned(),
        expected: expected.to_owned(),
    }
}
