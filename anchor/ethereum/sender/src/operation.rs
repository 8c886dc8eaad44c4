//! What the sender asks of the world, what comes back, and what it tells.
//!
//! The driver takes one [`Operation`] from `poll`, carries it out, and hands the [`Outcome`] to `complete`. There is one at a time.

use bytes::Bytes;
use counterfoil_ethereum::TransactionHash;

use crate::chain::{Block, Captured, ChainOutcome, ChainRequest, Identity, Inclusion};
use crate::offer::Offer;
use crate::state::MAX_UNDONE;
use crate::time::Timestamp;
use crate::wei::Wei;

/// Names one operation that `poll` handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OperationId(pub(crate) u64);

/// One thing for the driver to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Hand this back to `complete`.
    pub id: OperationId,
    /// What to do.
    pub request: Request,
}

/// The kinds of operation, each with the outcomes that answer it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Fetch the register. [`Outcome::Fetched`] or [`Outcome::NotDone`].
    FetchState,
    /// Replace the register's value (`old` absent: create it). [`Outcome::Done`], [`Outcome::Conflict`], [`Outcome::NotDone`] or
    /// [`Outcome::Unknown`].
    ReplaceState {
        /// The value it must have, byte for byte.
        old: Option<Bytes>,
        /// The value it gets.
        new: Bytes,
    },
    /// Keep a record for each checkpoint of the round; what is there already stays, and that is [`Outcome::Done`], too.
    /// Otherwise [`Outcome::NotDone`] or [`Outcome::Unknown`].
    StoreRecord(Box<Anchored>),
    /// Ask the chain. [`Outcome::Chain`].
    Chain(ChainRequest),
}

/// A round that is in a final block, and what proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchored {
    /// The round.
    pub offer: Offer,
    /// The transaction.
    pub transaction: TransactionHash,
    /// Where it is, and what it cost.
    pub inclusion: Inclusion,
    /// The proof.
    pub captured: Captured,
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done and durable.
    Done,
    /// Definitely not done, because the register holds something else.
    Conflict,
    /// Definitely not done, for this reason.
    NotDone(String),
    /// It may be done, may not be, or may still happen later.
    Unknown(String),
    /// The register's value.
    Fetched(Option<Bytes>),
    /// What the chain answered.
    Chain(ChainOutcome),
}

/// What the sender tells its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A round was given up before it was sent, for a newer one.
    Superseded(Offer),
    /// A transaction is on its way for the first time.
    Sent {
        /// The round.
        offer: Offer,
        /// Its nonce.
        nonce: u64,
        /// Its hash.
        transaction: TransactionHash,
        /// The most that it costs.
        most: Wei,
        /// What it costs at the present fee.
        expected: Wei,
        /// The number of this attempt, from 1: above that it replaces one that was stuck.
        attempt: usize,
    },
    /// The same bytes were sent again: the network had lost them, or a reorganisation had undone their block.
    SentAgain(TransactionHash),
    /// A transaction is in a block.
    Included {
        /// The transaction.
        transaction: TransactionHash,
        /// Where.
        inclusion: Inclusion,
    },
    /// A block that had the transaction is not the chain's any more.
    Reorganised {
        /// The transaction.
        transaction: TransactionHash,
        /// Where it was.
        inclusion: Inclusion,
    },
    /// The round ended: its record is durable.
    Recorded(Box<Anchored>),
    /// The round ended without a record.
    Failed {
        /// The round.
        offer: Offer,
        /// Why.
        failure: Failure,
    },
    /// A block in which a round had ended is not on the chain any more, though it was final: the round is on its way again.
    Undone {
        /// The round.
        offer: Offer,
        /// The transaction that had used its nonce there.
        transaction: TransactionHash,
        /// The block.
        block: Block,
    },
    /// Something that an operator should know; the sender goes on.
    Warning(String),
    /// The sender has stopped for good; only a restart, after what the reason says, helps.
    Stopped(StopReason),
}

/// Why a round that was sent has no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Somebody else used the account.
    #[error(
        "another transaction of this account, {transaction}, has the nonce {nonce} and is final: something else uses the anchor's key, which must be the anchor's alone"
    )]
    NonceTaken {
        /// The nonce.
        nonce: u64,
        /// The other transaction.
        transaction: TransactionHash,
    },
    /// It was executed and undone.
    #[error(
        "the transaction {transaction} is final and failed (status 0): the destination does not take it; look at `destination` and `mode`"
    )]
    Reverted {
        /// The transaction.
        transaction: TransactionHash,
    },
    /// Blocks left the chain, and on the one that stays the same root was paid for under another nonce.
    #[error(
        "its root was paid for by the transaction {transaction} of the nonce {nonce}, after blocks had left the chain that were final: nothing more is sent of it"
    )]
    Paid {
        /// The other nonce.
        nonce: u64,
        /// The transaction that was paid for.
        transaction: TransactionHash,
    },
    /// The block is from another time than the transaction.
    #[error(
        "the transaction {transaction} is in block {}, whose time is {} s after 1970, and it was signed {} s after 1970: the clock of this machine is or was wrong, or the endpoint made the block up; there is no record of it",
        .block.number, .time.as_millis() / 1_000, .signed.as_millis() / 1_000
    )]
    Untimely {
        /// The transaction.
        transaction: TransactionHash,
        /// The block.
        block: Block,
        /// Its time.
        time: Timestamp,
        /// When it was signed.
        signed: Timestamp,
    },
}

/// Why a sender stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StopReason {
    /// The register's value is none.
    #[error("the register is damaged, and nothing is sent: {0}; restore it from a backup")]
    Damaged(String),
    /// A transaction is on its way from another account, or on another chain.
    #[error(
        "a transaction is on its way on chain {} from {}, and the configuration has another chain or account: let it end there first",
        .0.chain_id, .0.account
    )]
    OtherIdentity(Identity),
    /// Records of more blocks left the chain than are remembered; one that is forgotten would count again.
    #[error(
        "records of {MAX_UNDONE} blocks left the chain, though they were final, and nothing is sent: find out which endpoint, or whether the chain, breaks its word; then name the blocks in known_undone"
    )]
    Undone,
    /// The driver broke the protocol; a defect.
    #[error("internal error: {0}")]
    Internal(String),
}
