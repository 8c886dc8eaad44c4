//! What the values of `[ethereum]` must keep.

use std::collections::HashSet;
use std::time::Duration;

use counterfoil_service::config::ConfigError;

use super::super::Config;
use super::super::check::missing;
use super::{HEAD_AGE_BLOCKS, SecretUrl};

/// What every transaction takes.
const LEAST_GAS: u64 = 21_000;

/// The largest number that evidence may have.
const MAX_CHAIN_ID: u64 = (1 << 53) - 1;

/// More than a day of blocks of Ethereum. An endpoint must have the state of the block that is final, and those that are no archives keep
/// 128 states.
const MAX_CONFIRMATIONS: u64 = 10_000;

pub(in crate::config) fn check(config: &Config) -> Result<(), ConfigError> {
    let Some(ethereum) = &config.ethereum else {
        return Ok(());
    };
    let name = ethereum.name()?;
    let names: HashSet<&str> = config.authorities.iter().map(|one| &*one.name).collect();
    if names.contains(name.as_str()) {
        let reason = "an [[authority]] has the same name, and verifiers tell them apart by it";
        return Err(ConfigError::conflict("ethereum.name", reason));
    }
    if ethereum.rpc.is_empty() {
        return Err(missing("ethereum.rpc", "one endpoint or more"));
    }
    for (number, url) in ethereum.rpc.iter().enumerate() {
        check_secret(&format!("ethereum.rpc[{number}]"), url)?;
    }
    ethereum
        .signer
        .iter()
        .try_for_each(|url| check_secret("ethereum.signer", url))?;
    ethereum.destination()?;
    ethereum.known_undone()?;
    ethereum.signer()?;
    if ethereum.password_file.is_some() && ethereum.keystore.is_none() {
        let reason = "a password goes with a `keystore`";
        return Err(ConfigError::conflict("ethereum.password_file", reason));
    }
    let within = |key: &str, value: u64, least: u64, most: u64| {
        let expected = || format!("{least} to {most}");
        let wrong = || ConfigError::value(format!("ethereum.{key}"), expected(), value.to_string());
        (least..=most)
            .contains(&value)
            .then_some(())
            .ok_or_else(wrong)
    };
    within("chain_id", ethereum.chain_id, 1, MAX_CHAIN_ID)?;
    within("max_fee_gwei", ethereum.max_fee_gwei, 1, u64::MAX)?;
    within(
        "max_priority_fee_gwei",
        ethereum.max_priority_fee_gwei,
        1,
        u64::MAX,
    )?;
    within(
        "max_cost_per_day_gwei",
        ethereum.max_cost_per_day_gwei,
        1,
        u64::MAX,
    )?;
    within(
        "max_gas",
        ethereum.ceilings().max_gas.get(),
        LEAST_GAS,
        u64::MAX,
    )?;
    within(
        "confirmations",
        ethereum.confirmations.unwrap_or(1),
        1,
        MAX_CONFIRMATIONS,
    )?;
    for (key, time) in [
        ("every", ethereum.every),
        ("block_time", ethereum.block_time),
        ("deadline", ethereum.deadline),
    ] {
        if time < Duration::from_millis(100) {
            let got = format!("{} ms", time.as_millis());
            return Err(ConfigError::value(
                format!("ethereum.{key}"),
                "100 ms or more",
                got,
            ));
        }
    }
    let least = ethereum.block_time.saturating_mul(HEAD_AGE_BLOCKS);
    if !ethereum.max_head_age().is_zero() && ethereum.max_head_age() < least {
        let reason = format!(
            "a chain with a block in {} s misses some now and then: expected {} s or more, or \"0s\"",
            ethereum.block_time.as_secs_f64(),
            least.as_secs_f64()
        );
        return Err(ConfigError::conflict("ethereum.max_head_age", reason));
    }
    Ok(())
}

/// Without the URL, which may hold credentials.
fn check_secret(place: &str, url: &SecretUrl) -> Result<(), ConfigError> {
    let url = url::Url::parse(url.secret());
    let good =
        url.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
    if good {
        return Ok(());
    }
    let got = "something else, which is not shown: it may hold credentials";
    Err(ConfigError::value(place, "an http or https URL", got))
}
