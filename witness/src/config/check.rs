//! What the values of a configuration must keep, beyond their kinds.

use std::collections::HashSet;

use counterfoil_bastion::backend::BastionAddress;
use counterfoil_service::config::ConfigError;

use super::{Config, Place};

/// The longest prefix: a path is read on each request.
const MAX_PREFIX_BYTES: usize = 256;

/// The longest text for the page.
const MAX_PAGE_TEXT_BYTES: usize = 1_024;

/// Paths of the whole server, which a prefix must not hide.
const RESERVED: [&str; 4] = ["healthz", "metrics", "readyz", "status"];

pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    config.front.check()?;
    if config.data.as_os_str().is_empty() {
        return Err(missing("data", "a witness needs a data directory"));
    }
    if config.keys.is_empty() {
        return Err(missing("keys", "a witness needs at least one key file"));
    }
    if config.logs.is_empty() {
        return Err(missing(
            "logs",
            "a witness needs a file that lists its logs; it may be empty",
        ));
    }
    check_prefix("submission_prefix", &config.submission_prefix)?;
    check_prefix("monitoring_prefix", &config.monitoring_prefix)?;
    check_rates(config)?;
    if config.cached_logs == 0 {
        return Err(ConfigError::value("cached_logs", "1 or more", "0"));
    }
    let texts = [
        ("url", &config.url),
        ("operator", &config.operator),
        ("contact", &config.contact),
    ];
    for (name, text) in texts {
        let length = text.as_ref().map_or(0, String::len);
        if length > MAX_PAGE_TEXT_BYTES {
            let expected = format!("at most {MAX_PAGE_TEXT_BYTES} bytes");
            return Err(ConfigError::value(name, expected, length.to_string()));
        }
    }
    if let Some(url) = &config.url
        && !["https://", "http://"]
            .iter()
            .any(|scheme| url.starts_with(scheme))
    {
        return Err(ConfigError::value(
            "url",
            "an http or https URL",
            format!("{url:?}"),
        ));
    }
    for place in &config.copies {
        if let Place::Folder(folder) = place
            && folder.starts_with(&config.data)
        {
            let reason =
                "it is in the data directory, and would be restored from a backup together with it";
            return Err(ConfigError::conflict("copies", reason));
        }
    }
    if config.copies_required && config.copies.is_empty() {
        return Err(ConfigError::conflict(
            "copies_required",
            "there are no copies",
        ));
    }
    check_bastions(config)
}

fn check_rates(config: &Config) -> Result<(), ConfigError> {
    let rates = [
        ("log_rate", config.log_rate),
        ("client_rate", config.client_rate),
        ("client_burst", config.client_burst),
    ];
    for (name, rate) in rates {
        if !rate.is_finite() || rate <= 0.0 {
            return Err(ConfigError::value(
                name,
                "a number above 0",
                rate.to_string(),
            ));
        }
    }
    Ok(())
}

fn check_bastions(config: &Config) -> Result<(), ConfigError> {
    let mut addresses = HashSet::new();
    for (number, bastion) in config.bastions.iter().enumerate() {
        let place = format!("bastion[{number}].address");
        let address: BastionAddress = bastion.address.parse().map_err(|_| {
            ConfigError::value(
                &place,
                "HOST or HOST:PORT",
                format!("{:?}", bastion.address),
            )
        })?;
        if !addresses.insert(address) {
            let reason = "another [[bastion]] has the same address, and a bastion keeps one connection of a key";
            return Err(ConfigError::conflict(place, reason));
        }
    }
    Ok(())
}

fn check_prefix(place: &str, prefix: &str) -> Result<(), ConfigError> {
    if prefix == "/" {
        return Ok(());
    }
    let plain = |segment: &str| {
        let dots = segment.bytes().all(|byte| byte == b'.');
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        !segment.is_empty() && !dots && segment.bytes().all(allowed)
    };
    let segments: Vec<&str> = prefix.split('/').skip(1).collect();
    let good = prefix.starts_with('/')
        && prefix.len() <= MAX_PREFIX_BYTES
        && segments.iter().all(|segment| plain(segment));
    if !good {
        let expected = "\"/\" or a path such as \"/witness\", of letters, digits, - . _ ~, without a slash at its end";
        return Err(ConfigError::value(place, expected, format!("{prefix:?}")));
    }
    match segments.first() {
        Some(first) if RESERVED.contains(first) => {
            let reason = format!("{first} is a path of the server; choose another prefix");
            Err(ConfigError::conflict(place, reason))
        }
        _ => Ok(()),
    }
}

fn missing(place: &str, expected: &str) -> ConfigError {
    ConfigError::Missing {
        place: place.to_owned(),
        expected: expected.to_owned(),
    }
}
