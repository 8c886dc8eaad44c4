//! The chain of a configuration, over JSON-RPC.

use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use counterfoil_ethereum::Address;
use counterfoil_ethereum_rpc as rpc;
use counterfoil_ethereum_sender as sender;
use counterfoil_ethereum_sender::chain::{ChainOutcome, ChainRequest, Identity};
use counterfoil_service::config::ConfigError;

use super::{Chain, Endpoint, Head, Plan};
use crate::config::{EthereumConfig, SignerConfig};

/// Has the password of the keystore, where no file has it.
pub const PASSWORD_VARIABLE: &str = "COUNTERFOIL_ANCHOR_ETHEREUM_PASSWORD";

/// So many blocks without the transaction, and another one takes its place.
const BLOCKS_UNTIL_REPLACED: u32 = 15;

/// A round begins so much later than the last log may be looked at.
const LAG: Duration = Duration::from_mins(1);

/// Why there is no work on the chain of a configuration.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What the configuration says.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An endpoint.
    #[error("ethereum.{place}: {error}")]
    Endpoint {
        /// The key.
        place: &'static str,
        /// Why.
        error: rpc::EndpointError,
    },
    /// The password.
    #[error("ethereum: {0}")]
    Password(#[from] rpc::PasswordError),
    /// The key.
    #[error("ethereum: {0}")]
    Keystore(#[from] rpc::KeystoreError),
    /// The endpoints.
    #[error("ethereum: {0}")]
    Chain(#[from] rpc::ChainError),
}

fn password(file: Option<&Path>) -> Result<rpc::Password, OpenError> {
    Ok(match file {
        Some(file) => rpc::Password::from_file(file)?,
        None => rpc::Password::from_variable(PASSWORD_VARIABLE)?,
    })
}

/// Makes a new key and keeps it in a new file, encrypted with the password from another file, or from [`PASSWORD_VARIABLE`]. Gives its
/// account.
pub fn create_key(path: &Path, password_file: Option<&Path>) -> Result<Address, OpenError> {
    let password = password(password_file)?;
    Ok(rpc::create_keystore(path, &password)?)
}

/// The work on the chain of a configuration, whose logs are looked at up to so much later than at multiples of their interval. Opens
/// the keystore, which takes a second. `roots` are of HTTPS (PEM).
pub fn plan(config: &EthereumConfig, jitter: Duration, roots: Vec<u8>) -> Result<Plan, OpenError> {
    let endpoint = |place: &'static str, url: &str| {
        let parsed = url.parse::<rpc::Endpoint>();
        parsed.map_err(|error| OpenError::Endpoint { place, error })
    };
    let signer = match config.signer()? {
        SignerConfig::Keystore(path) => {
            let password = password(config.password_file.as_deref())?;
            rpc::Signer::from_keystore(path, &password)?
        }
        SignerConfig::Remote(url, account) => {
            rpc::Signer::remote(endpoint("signer", url.secret())?, account)
        }
    };
    let endpoints = config.rpc.iter().map(|url| endpoint("rpc", url.secret()));
    let settings = rpc::Settings {
        finality: match config.confirmations.and_then(NonZeroU64::new) {
            Some(count) => rpc::Finality::Confirmations(count),
            None => rpc::Finality::Tag,
        },
        max_head_age: Some(config.max_head_age()).filter(|age| !age.is_zero()),
        max_lag: config.max_lag(),
        timeout: config.deadline,
        roots,
        ..rpc::Settings::new(endpoints.collect::<Result<_, _>>()?, config.chain_id)
    };
    let chain = rpc::Chain::new(settings, signer)?;
    let identity = Identity {
        chain_id: config.chain_id,
        account: chain.account(),
    };
    let pace = config.block_time;
    Ok(Plan {
        name: config.name()?,
        sender: sender::Config {
            observe_every: pace,
            replace_after: pace.saturating_mul(BLOCKS_UNTIL_REPLACED),
            known_undone: config.known_undone()?,
            known_nonce: config.known_nonce,
            ..sender::Config::new(identity, config.destination()?, config.ceilings())
        },
        mode: config.mode,
        every: config.every,
        lag: jitter.saturating_add(LAG).min(config.every / 2),
        max_age: (!config.max_age.is_zero()).then_some(config.max_age),
        alarm_days: config.alarm_days,
        chain: Arc::new(chain),
    })
}

#[async_trait]
impl Chain for rpc::Chain {
    async fn carry_out(&self, request: ChainRequest) -> ChainOutcome {
        self.carry_out(request).await
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        let all = self.endpoints_status().into_iter();
        all.map(|status| Endpoint {
            name: status.endpoint,
            trouble: status.set_aside.map(|aside| aside.why),
            failures: status.failed,
            is_used: status.is_used,
            head: status.head.map(|head| Head {
                number: head.number,
                age: head.age(),
            }),
        })
        .collect()
    }
}
