//! `[ethereum]`: the chain on which the logs are anchored as well.

mod check;
mod keys;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use counterfoil_ethereum::{Address, BlockHash};
use counterfoil_ethereum_sender::{Ceilings, Gas, Wei};
use counterfoil_service::config::{ConfigError, duration};
use serde::{Deserialize, Deserializer};

use super::check::missing;
use crate::ethereum::Mode;
use crate::names::AuthorityName;

pub(super) use check::check;
pub(super) use keys::{ETHEREUM, KEYS};

/// The gas of an anchor at a plain address is at most 22,440.
const MAX_GAS_OF_ADDRESS: u64 = 25_000;

/// What the contract takes for a new root, a quarter more, and room.
const MAX_GAS_OF_CONTRACT: u64 = 120_000;

/// The newest block may be older than so many blocks take: an endpoint may lag a fifth of that behind another, which is two blocks.
const HEAD_AGE_BLOCKS: u32 = 10;

/// A URL that may hold credentials.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// All of it.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretUrl(...)")
    }
}

/// `[ethereum]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EthereumConfig {
    /// What records call the chain.
    pub name: String,
    /// The chain.
    pub chain_id: u64,
    /// Where it is reached.
    pub rpc: Vec<SecretUrl>,
    /// What is at the destination.
    #[serde(default)]
    pub mode: Mode,
    /// Where transactions go.
    pub destination: String,
    /// File of the account's key.
    #[serde(default)]
    pub keystore: Option<PathBuf>,
    /// File of its password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// A remote signer.
    #[serde(default)]
    pub signer: Option<SecretUrl>,
    /// The account with which it signs.
    #[serde(default)]
    pub account: Option<String>,
    /// At most one transaction in so long.
    #[serde(with = "duration", default = "default_every")]
    pub every: Duration,
    /// How old the last anchor of a log that does not change may get; 0 is any age.
    #[serde(with = "duration", default = "default_max_age")]
    pub max_age: Duration,
    /// The most by gas.
    #[serde(default = "default_max_fee")]
    pub max_fee_gwei: u64,
    /// The most of it that goes to a block's proposer.
    #[serde(default = "default_max_priority_fee")]
    pub max_priority_fee_gwei: u64,
    /// The most in 24 hours.
    #[serde(default = "default_max_cost")]
    pub max_cost_per_day_gwei: u64,
    /// The most gas of a transaction.
    #[serde(default)]
    pub max_gas: Option<u64>,
    /// Blocks below a final one's head; none: the chain says what is final.
    #[serde(default)]
    pub confirmations: Option<u64>,
    /// How old the newest block of an endpoint that is used may be; 0 is any age.
    #[serde(deserialize_with = "some_duration", default)]
    pub max_head_age: Option<Duration>,
    /// How often there is a block.
    #[serde(with = "duration", default = "default_block_time")]
    pub block_time: Duration,
    /// How long a call may take.
    #[serde(with = "duration", default = "default_deadline")]
    pub deadline: Duration,
    /// Blocks that left the chain, and that were dealt with.
    #[serde(default)]
    pub known_undone: Vec<String>,
    /// The operator knows that the account's nonces below are used.
    #[serde(default)]
    pub known_nonce: u64,
    /// The balance is to last for so many days.
    #[serde(default = "default_alarm_days")]
    pub alarm_days: u64,
}

fn default_every() -> Duration {
    Duration::from_hours(1)
}

fn default_max_age() -> Duration {
    Duration::from_hours(7 * 24)
}

fn default_max_fee() -> u64 {
    50
}

fn default_max_priority_fee() -> u64 {
    5
}

fn default_max_cost() -> u64 {
    20_000_000
}

fn some_duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    duration::deserialize(from).map(Some)
}

fn default_block_time() -> Duration {
    Duration::from_secs(12)
}

fn default_deadline() -> Duration {
    Duration::from_secs(10)
}

fn default_alarm_days() -> u64 {
    14
}

/// Who signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignerConfig<'a> {
    /// This process, with the key in this file.
    Keystore(&'a PathBuf),
    /// Somebody else, with the key of this account.
    Remote(&'a SecretUrl, Address),
}

impl EthereumConfig {
    /// What may be paid.
    pub fn ceilings(&self) -> Ceilings {
        let by_mode = match self.mode {
            Mode::Address => MAX_GAS_OF_ADDRESS,
            Mode::Contract => MAX_GAS_OF_CONTRACT,
        };
        Ceilings {
            max_fee: Wei::from_gwei(self.max_fee_gwei),
            max_priority_fee: Wei::from_gwei(self.max_priority_fee_gwei),
            max_cost_per_day: Wei::from_gwei(self.max_cost_per_day_gwei),
            max_gas: Gas::new(self.max_gas.unwrap_or(by_mode)),
        }
    }

    /// How old the newest block of an endpoint may be; 0 is any age.
    pub fn max_head_age(&self) -> Duration {
        self.max_head_age.unwrap_or(self.default_head_age())
    }

    fn default_head_age(&self) -> Duration {
        let of_blocks = self.block_time.saturating_mul(HEAD_AGE_BLOCKS);
        of_blocks.max(Duration::from_mins(5))
    }

    /// How much older it may be than that of another endpoint: a fifth, and where any age is allowed a fifth of what the default is.
    pub fn max_lag(&self) -> Duration {
        let age = Some(self.max_head_age()).filter(|age| !age.is_zero());
        age.unwrap_or(self.default_head_age()) / 5
    }

    /// What records call the chain.
    pub fn name(&self) -> Result<AuthorityName, ConfigError> {
        let name = self.name.parse::<AuthorityName>();
        name.map_err(|error| ConfigError::conflict("ethereum.name", error.to_string()))
    }

    /// Blocks that left the chain, and that were dealt with.
    pub fn known_undone(&self) -> Result<Vec<BlockHash>, ConfigError> {
        let hash = |text: &String| {
            let wrong = |_| {
                let expected = "the hash of a block: 0x and 64 hexadecimal digits";
                ConfigError::value("ethereum.known_undone", expected, format!("{text:?}"))
            };
            text.parse().map_err(wrong)
        };
        self.known_undone.iter().map(hash).collect()
    }

    /// Where transactions go.
    pub fn destination(&self) -> Result<Address, ConfigError> {
        address("ethereum.destination", &self.destination)
    }

    /// Who signs.
    pub fn signer(&self) -> Result<SignerConfig<'_>, ConfigError> {
        match (&self.keystore, &self.signer, &self.account) {
            (Some(keystore), None, None) => Ok(SignerConfig::Keystore(keystore)),
            (None, Some(signer), Some(account)) => {
                let account = address("ethereum.account", account)?;
                Ok(SignerConfig::Remote(signer, account))
            }
            (Some(_), None, Some(_)) => Err(ConfigError::conflict(
                "ethereum.account",
                "a keystore has one account; `account` goes with `signer`",
            )),
            (Some(_), Some(_), _) => Err(ConfigError::conflict(
                "ethereum.signer",
                "either a keystore or a remote signer signs, and not both",
            )),
            (None, Some(_), None) => Err(missing(
                "ethereum.account",
                "the account with which the remote signer signs",
            )),
            (None, None, _) => Err(missing(
                "ethereum.keystore",
                "the file of the account's key, or a remote `signer` with its `account`",
            )),
        }
    }

    pub(super) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.keystore.iter_mut().chain(&mut self.password_file)
    }
}

fn address(place: &str, text: &str) -> Result<Address, ConfigError> {
    let parsed = text.parse::<Address>();
    parsed.map_err(|_| {
        let expected = "an address: 0x and 40 hexadecimal digits";
        ConfigError::value(place, expected, format!("{text:?}"))
    })
}

#[cfg(test)]
mod tests;
