//! `[ethereum]`: the chain on which the logs are anchored as well.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use counterfoil_ethereum::Address;
use counterfoil_ethereum_sender::{Ceilings, Gas, Wei};
use counterfoil_service::config::{ConfigError, Key, Kind, Section, duration};
use counterfoil_service::keys;
use serde::Deserialize;

use super::{Config, check::missing};
use crate::ethereum::Mode;
use crate::names::AuthorityName;

/// `[ethereum]`
pub(super) const ETHEREUM: Section = Section::table("ethereum");

/// The gas of an anchor at a plain address is at most 22,440.
const MAX_GAS_OF_ADDRESS: u64 = 25_000;

/// What the contract takes for a new root, a quarter more, and room.
const MAX_GAS_OF_CONTRACT: u64 = 120_000;

/// What every transaction takes.
const LEAST_GAS: u64 = 21_000;

/// The largest number that evidence may have.
const MAX_CHAIN_ID: u64 = (1 << 53) - 1;

pub(super) const KEYS: &[Key] = &keys! {
    ETHEREUM => {
        "name" Kind::Text, required "\"mainnet\"",
            "What records call the chain, of a-z, 0-9 and -; it stays for ever.";
        "chain_id" Kind::Whole, required "1",
            "The chain (EIP-155). Each endpoint must be of it.";
        "rpc" Kind::Secrets, required "[\"https://rpc.example.org/v3/key\"]",
            "Where the chain is reached (JSON-RPC), in the order of preference; of a URL only scheme, host and port are ever shown.";
        "mode" Kind::OneOf(&["address", "contract"]), optional "\"address\"",
            "What is at the destination: \"address\", nothing that is executed, which is cheapest; or \"contract\", anchor/contract.";
        "destination" Kind::Text, required "\"0x00000000219ab540356cbb839cbe05303d7705fa\"",
            "Where transactions go. With mode = \"address\", any address that belongs to nobody else: the account's own, for example.";
        "keystore" Kind::Text, optional "\"ethereum-key.json\"",
            "File of the account's key, encrypted (Web3 Secret Storage). The account must be this anchor's alone.";
        "password_file" Kind::Text, optional "\"ethereum-password\"",
            "File of its password, mode 0600. Without it, the environment variable COUNTERFOIL_ANCHOR_ETHEREUM_PASSWORD has it.";
        "signer" Kind::Secret, optional "\"http://127.0.0.1:9000/\"",
            "Instead of a keystore: a remote signer (JSON-RPC, eth_signTransaction).";
        "account" Kind::Text, optional "\"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed\"",
            "The account with which the remote signer signs.";
        "every" Kind::Duration, optional "\"1h\"",
            "At most one transaction in so long, for all logs that changed.";
        "max_age" Kind::Duration, optional "\"7d\"",
            "A log that does not change is anchored again when its last block is so old; \"0s\" is never.";
        "max_fee_gwei" Kind::Whole, optional "50",
            "The most that is paid by gas, in gwei; while the chain asks for more nothing is sent.";
        "max_cost_per_day_gwei" Kind::Whole, optional "20000000",
            "The most that is paid in any 24 hours, in gwei: 1,000,000,000 gwei are one ether.";
        "max_gas" Kind::Whole, optional "25000",
            "The most gas of one transaction; with mode = \"contract\" the default is 120000.";
        "confirmations" Kind::Whole, optional "64",
            "A block is final when so many are above it, on chains that do not say by themselves which are (the tag `finalized`).";
        "block_time" Kind::Duration, optional "\"12s\"",
            "How often the chain has a block. A transaction that is in none for 15 times as long is replaced by one that pays more.";
        "deadline" Kind::Duration, optional "\"10s\"",
            "How long a call of an endpoint, or of the signer, may take.";
        "alarm_days" Kind::Whole, optional "14",
            "When the balance lasts for fewer days than this, at the present spending, that is an alarm.";
    }
};

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
    /// The most in 24 hours.
    #[serde(default = "default_max_cost")]
    pub max_cost_per_day_gwei: u64,
    /// The most gas of a transaction.
    #[serde(default)]
    pub max_gas: Option<u64>,
    /// Blocks below a final one's head; none: the chain says what is final.
    #[serde(default)]
    pub confirmations: Option<u64>,
    /// How often there is a block.
    #[serde(with = "duration", default = "default_block_time")]
    pub block_time: Duration,
    /// How long a call may take.
    #[serde(with = "duration", default = "default_deadline")]
    pub deadline: Duration,
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

fn default_max_cost() -> u64 {
    20_000_000
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
            max_cost_per_day: Wei::from_gwei(self.max_cost_per_day_gwei),
            max_gas: Gas::new(self.max_gas.unwrap_or(by_mode)),
        }
    }

    /// What records call the chain.
    pub fn name(&self) -> Result<AuthorityName, ConfigError> {
        let name = self.name.parse::<AuthorityName>();
        name.map_err(|error| ConfigError::conflict("ethereum.name", error.to_string()))
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

pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
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
        u64::MAX,
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

fn address(place: &str, text: &str) -> Result<Address, ConfigError> {
    let parsed = text.parse::<Address>();
    parsed.map_err(|_| {
        let expected = "an address: 0x and 40 hexadecimal digits";
        ConfigError::value(place, expected, format!("{text:?}"))
    })
}

#[cfg(test)]
mod tests {
    use counterfoil_service::config::Settings as _;

    use super::*;

    const GOOD: &str = r#"
data = "data"
[[log]]
url = "https://log.example/"
policy = "a.policy"
[[authority]]
name = "first"
url = "https://tsa.example/tsr"
roots = ["first.pem"]
[ethereum]
name = "mainnet"
chain_id = 1
rpc = ["https://rpc.example/v3/s3cret", "https://user:s3cret@other.example/"]
destination = "0x00000000219ab540356cbb839cbe05303d7705fa"
keystore = "key.json"
password_file = "password"
"#;

    fn parse(text: &str) -> Result<EthereumConfig, String> {
        let config = Config::parse(text, &[]).map_err(|error| error.to_string())?;
        Ok(config.ethereum.unwrap())
    }

    #[test]
    fn a_good_one() {
        let ethereum = parse(GOOD).unwrap();
        assert_eq!(ethereum.every, Duration::from_hours(1));
        assert_eq!(ethereum.ceilings().max_gas, Gas::new(25_000));
        assert_eq!(
            ethereum.signer(),
            Ok(SignerConfig::Keystore(&"key.json".into()))
        );
        assert!(!format!("{ethereum:?}").contains("s3cret"));
        let contract = parse(&format!("{GOOD}mode = \"contract\"\n")).unwrap();
        assert_eq!(contract.ceilings().max_gas, Gas::new(120_000));
        let remote = GOOD.replace(
            "keystore = \"key.json\"\npassword_file = \"password\"",
            "signer = \"http://127.0.0.1:9000\"\naccount = \"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed\"",
        );
        let remote = parse(&remote).unwrap();
        assert!(matches!(remote.signer(), Ok(SignerConfig::Remote(..))));
        let mut config = Config::parse(GOOD, &[]).unwrap();
        let paths = config.paths();
        let paths = paths.iter().map(|path| path.display().to_string());
        let paths: Vec<String> = paths.collect();
        assert!(paths.ends_with(&["key.json".to_owned(), "password".to_owned()]));
        assert!(
            Config::parse(GOOD.split("[ethereum]").next().unwrap(), &[])
                .unwrap()
                .ethereum
                .is_none()
        );
    }

    #[test]
    fn what_does_not_go_together_is_named_and_no_credentials_are_shown() {
        let rows = [
            (
                "name = \"mainnet\"",
                "name = \"Main\"",
                "ethereum.name: expected",
            ),
            (
                "name = \"mainnet\"",
                "name = \"first\"",
                "ethereum.name: an [[authority]]",
            ),
            (
                "chain_id = 1",
                "chain_id = 0",
                "ethereum.chain_id: expected 1 to",
            ),
            ("chain_id = 1", "", "ethereum.chain_id: missing"),
            (
                "chain_id = 1",
                "chainid = 1",
                "ethereum.chainid: there is no such key",
            ),
            ("rpc = [", "rpc = [] # [", "ethereum.rpc: missing"),
            (
                "\"https://rpc.",
                "\"wss://rpc.",
                "ethereum.rpc[0]: expected an http",
            ),
            (
                "rpc = [\"https://rpc.example/v3/s3cret\", \"https://user:s3cret@other.example/\"]",
                "rpc = \"https://rpc.example/v3/s3cret\"",
                "ethereum.rpc: expected a list",
            ),
            ("5fa\"", "5f\"", "ethereum.destination: expected an address"),
            (
                "password_file",
                "account",
                "ethereum.account: a keystore has one",
            ),
            (
                "password_file = \"password\"",
                "signer = \"http://a/\"",
                "ethereum.signer: either",
            ),
            ("keystore = \"key.json\"", "", "ethereum.keystore: missing"),
            (
                "keystore = \"key.json\"",
                "signer = \"http://a/\"",
                "ethereum.account: missing",
            ),
            (
                "keystore = \"key.json\"",
                "signer = \"s3cret\"",
                "ethereum.signer: expected an http",
            ),
            (
                "keystore = \"key.json\"",
                "signer = 17",
                "ethereum.signer: expected a string",
            ),
            (
                "chain_id = 1",
                "chain_id = 1\nmax_gas = 20999",
                "ethereum.max_gas: expected 21000",
            ),
            (
                "chain_id = 1",
                "chain_id = 1\nmax_fee_gwei = 0",
                "ethereum.max_fee_gwei: expected 1",
            ),
            (
                "chain_id = 1",
                "chain_id = 1\nconfirmations = 0",
                "ethereum.confirmations: expected 1",
            ),
            (
                "chain_id = 1",
                "chain_id = 1\nevery = \"0s\"",
                "ethereum.every: expected 100 ms",
            ),
            (
                "chain_id = 1",
                "chain_id = 1\nmode = \"x\"",
                "ethereum.mode: expected one of",
            ),
        ];
        for (from, to, expected) in rows {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD, "{expected}");
            let error = parse(&text).unwrap_err();
            assert!(error.starts_with(expected), "{expected}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
        let remote = GOOD.replace(
            "keystore = \"key.json\"",
            "signer = \"http://a/\"\naccount = \"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed\"",
        );
        let error = parse(&remote).unwrap_err();
        assert!(error.starts_with("ethereum.password_file: "), "{error}");
    }

    #[test]
    fn defaults_in_the_written_file_are_the_defaults() {
        let file = Config::SCHEMA.file(&[]);
        let (_, table) = file.split_once("# [ethereum]\n").unwrap();
        let shown = |key: &str| {
            let start = format!("# {key} = ");
            let line = table.lines().find_map(|line| line.strip_prefix(&start));
            line.unwrap_or_else(|| panic!("{key} is missing in {table}"))
                .to_owned()
        };
        let default = parse(GOOD).unwrap();
        for (key, value) in [
            ("max_fee_gwei", default.max_fee_gwei),
            ("max_cost_per_day_gwei", default.max_cost_per_day_gwei),
            ("max_gas", default.ceilings().max_gas.get()),
            ("alarm_days", default.alarm_days),
        ] {
            assert_eq!(shown(key), value.to_string(), "{key}");
        }
        for (key, value) in [
            ("every", default.every),
            ("max_age", default.max_age),
            ("block_time", default.block_time),
            ("deadline", default.deadline),
        ] {
            assert_eq!(
                duration::parse(shown(key).trim_matches('"')),
                Some(value),
                "{key}"
            );
        }
        assert_eq!(shown("mode"), format!("\"{}\"", default.mode));
    }
}
