//! What is asked of a chain.

use std::fmt;

use async_trait::async_trait;
use counterfoil_ethereum_sender::chain::{ChainOutcome, ChainRequest};

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
}

/// What is at the destination of an anchor's transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing that is executed.
    Address,
    /// The contract that keeps the time of each root.
    Contract,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "address",
            Self::Contract => "contract",
        })
    }
}
