//! What is asked of a chain.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use counterfoil_ethereum_sender::chain::{ChainOutcome, ChainRequest, Sent};
use serde::Deserialize;

use super::Plan;
use crate::worker::unbroken;

/// Carries out what a sender asks of a chain.
#[async_trait]
pub trait Chain: fmt::Debug + Send + Sync + 'static {
    /// Does one thing, as [`counterfoil_ethereum_sender::chain`] says.
    async fn carry_out(&self, request: ChainRequest) -> ChainOutcome;

    /// How each endpoint is.
    fn endpoints(&self) -> Vec<Endpoint>;
}

/// An endpoint of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Which, without credentials.
    pub name: String,
    /// What was wrong with it last; none since it answered well.
    pub trouble: Option<String>,
    /// How often something was.
    pub failures: u64,
    /// Whether it answered last.
    pub is_used: bool,
    /// Its newest block, as it was seen last.
    pub head: Option<Head>,
}

/// The newest block of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its number.
    pub number: u64,
    /// How old it was when it was seen.
    pub age: Duration,
}

/// What is at the destination of an anchor's transactions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nothing that is executed.
    #[default]
    Address,
    /// The contract that keeps the time of each root.
    Contract,
}

impl Plan {
    /// Asks the chain. A mistake of this program is no answer.
    pub(super) async fn ask(&self, request: ChainRequest) -> ChainOutcome {
        let sends = matches!(request, ChainRequest::Send { .. });
        let floor = match (&request, self.mode) {
            (ChainRequest::ReadAccount(call), Mode::Contract) => Some(call.floor()),
            _ => None,
        };
        let asked = unbroken(self.chain.carry_out(request)).await;
        let mut outcome = asked.unwrap_or_else(|broke| {
            let why = broke.to_string();
            if sends {
                ChainOutcome::Sent(Sent::Unknown(why))
            } else {
                ChainOutcome::NotDone(why)
            }
        });
        // A call that executes nothing takes no more than its calldata do.
        if let (ChainOutcome::Account(account), Some(floor)) = (&mut outcome, floor)
            && account.gas.as_ref().is_ok_and(|gas| *gas <= floor)
        {
            account.gas = Err("there is no contract at the destination".to_owned());
        }
        outcome
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "address",
            Self::Contract => "contract",
        })
    }
}
