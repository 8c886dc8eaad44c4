//! What the sender asks of the chain, and what comes back.
//!
//! Whoever carries these out keeps to this, whatever endpoints there are and however often another takes over:
//!
//! - **One endpoint answers one request**: an answer is never put together from several, which may stand at different blocks.
//! - **The chain id is checked with each request**, at the endpoint that answers it. Another one than the configured is
//!   [`ChainOutcome::WrongChain`], and nothing was sent.
//! - **"Final"** is what the configuration calls so: the `finalized` tag, or the block so many below the head.
//! - What was definitely not done or not found out is [`ChainOutcome::NotDone`]. Of sending alone the outcome can be unknown.

use counterfoil_ethereum::{Address, BlockHash, Path, Record, TransactionHash};

use crate::time::Timestamp;
use crate::transaction::{Call, Unsigned};
use crate::wei::{Gas, Wei};

/// A block of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: BlockHash,
}

/// A block that used the nonce of a round, which ended in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The block.
    pub block: Block,
    /// What its header says when it was made.
    pub time: Timestamp,
}

/// One thing to ask of the chain, each with the outcomes that answer it, beside [`ChainOutcome::NotDone`] and
/// [`ChainOutcome::WrongChain`], which may answer any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainRequest {
    /// Where the account stands, what gas costs, and how much of it the call takes. [`ChainOutcome::Account`].
    ReadAccount(Call),
    /// Sign with the account's key. [`ChainOutcome::Signed`], with the bytes of exactly these fields, signed by the account: whoever
    /// signs checks that.
    Sign(Unsigned),
    /// Hand a transaction to the network. [`ChainOutcome::Sent`].
    Send {
        /// Its hash.
        hash: TransactionHash,
        /// Its bytes, as they are sent.
        bytes: Vec<u8>,
    },
    /// Where the account's transactions of this nonce are. [`ChainOutcome::Observed`].
    Observe {
        /// The hashes to look for, oldest first; maybe none.
        attempts: Vec<TransactionHash>,
        /// The nonce of them all.
        nonce: u64,
        /// Blocks in which rounds ended: whether they are still on the chain. Few.
        anchored: Vec<Anchor>,
    },
    /// Find the transaction of the account that has this nonce, in the final blocks after `after` up to `until`.
    /// [`ChainOutcome::NonceUsed`].
    FindNonce {
        /// The nonce.
        nonce: u64,
        /// The nonce was not used in this final block, nor before.
        after: u64,
        /// It is used in this final block, or before.
        until: Block,
        /// By this transaction, if it is where it was: it is looked for first.
        taker: Option<TransactionHash>,
        /// By none of these transactions, which the endpoint has just been asked for. One that has one of them there contradicts itself.
        not: Vec<TransactionHash>,
    },
    /// Gather what proves that the transaction is in the block, verify it offline, and make sure that the block is still the chain's
    /// at its number. [`ChainOutcome::Captured`].
    Capture {
        /// The block.
        block: Block,
        /// The transaction.
        transaction: TransactionHash,
    },
}

/// How a [`ChainRequest`] ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainOutcome {
    /// Not done, or not found out, for this reason; asking again may help.
    NotDone(String),
    /// The endpoint is of another chain. Nothing was sent.
    WrongChain {
        /// The chain that it has.
        found: u64,
        /// Which endpoint.
        endpoint: String,
    },
    /// Answers [`ChainRequest::ReadAccount`].
    Account(Account),
    /// Answers [`ChainRequest::Sign`]: the signed transaction (EIP-2718), as it is sent.
    Signed(Vec<u8>),
    /// Answers [`ChainRequest::Send`].
    Sent(Sent),
    /// Answers [`ChainRequest::Observe`].
    Observed(Observation),
    /// Answers [`ChainRequest::FindNonce`].
    NonceUsed {
        /// By this transaction.
        transaction: TransactionHash,
        /// In this block.
        anchor: Anchor,
    },
    /// Answers [`ChainRequest::Capture`].
    Captured(Captured),
}

/// Where the account stands and what gas costs: an answer of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The head of the chain.
    pub head: Block,
    /// The newest final block, read before everything else.
    pub finalized: Block,
    /// The nonce that comes next after the head's state (`eth_getTransactionCount` at `latest`).
    pub nonce: u64,
    /// ... after the final block's state (at the block `finalized`).
    pub finalized_nonce: u64,
    /// ... and after the transactions that wait in the endpoint's pool (at `pending`).
    pub pending_nonce: u64,
    /// The balance at the head.
    pub balance: Wei,
    /// The base fee of the block after the head, by gas.
    pub base_fee: Wei,
    /// What is paid to be included soon, by gas: from the fee history, or the endpoint's own suggestion.
    pub priority_fee: Wei,
    /// What the call would take (`eth_estimateGas`), or why it would fail.
    pub gas: Result<Gas, String>,
}

/// What became of bytes that were to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The endpoint took them.
    Accepted,
    /// It has them already.
    AlreadyKnown,
    /// It did not take them; where that has nothing to do with the transaction, no endpoint did.
    Refused {
        /// Why, by its kind.
        refusal: Refusal,
        /// Why, in its own words.
        reason: String,
    },
    /// Nobody knows: no answer came. They may be on their way.
    Unknown(String),
}

/// Why an endpoint does not take a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A transaction of this nonce is in the chain: this one, or another.
    NonceTooLow,
    /// It pays less than the pool asks for, or not so much more than the one that it would replace.
    Underpriced,
    /// The account cannot pay the most that it may cost.
    InsufficientFunds,
    /// For a reason that has nothing to do with the transaction, as far as known.
    Other,
}

/// Where the transactions are: an answer of one endpoint, and in this order: the final block was read first, so that what is in a
/// block at its number or below is final; then the head, the nonces, and the transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The newest final block.
    pub finalized: Block,
    /// The head of the chain.
    pub head: Block,
    /// The nonce that comes next after the head's state.
    pub nonce: u64,
    /// The nonce that comes next after the final block's state.
    pub finalized_nonce: u64,
    /// Where each of the attempts is, in the order asked for. While the head's state does not use their nonce none of them is in a
    /// block, and only of the last one it is told whether it is in the pool: the others are [`Whereabouts::Absent`].
    pub attempts: Vec<Whereabouts>,
    /// Whether each of the blocks is on the chain in which rounds ended, in the order asked for. One is not where another final block
    /// has its number, or where the newest final block is below it in number and not in time, since times only grow along a chain. An
    /// endpoint that is below it in both lags behind, and gives no observation.
    pub stand: Vec<bool>,
    /// The balance at the head.
    pub balance: Wei,
    /// The base fee of the block after the head, by gas.
    pub base_fee: Wei,
}

/// Where a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// Neither in the chain nor in the endpoint's pool.
    Absent,
    /// In the endpoint's pool.
    Pending,
    /// In a block of the chain.
    Included(Inclusion),
}

/// A transaction in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inclusion {
    /// The block.
    pub block: Block,
    /// What its header says when it was made.
    pub time: Timestamp,
    /// What became of it.
    pub execution: Execution,
    /// What it cost: the gas used at the effective price.
    pub cost: Wei,
}

/// What became of a transaction in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Execution {
    /// Status 1.
    Succeeded,
    /// Status 0: paid for, and undone.
    Reverted,
}

/// What proves that a transaction is in a block; with the path of a checkpoint in the round it is a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// The header of the block: its RLP.
    pub header: Vec<u8>,
    /// The place of the transaction in the block, and of its receipt.
    pub index: u64,
    /// The transaction, as the block commits to it (EIP-2718).
    pub transaction: Vec<u8>,
    /// The nodes from the header's transactions root to the transaction.
    pub transaction_proof: Vec<Vec<u8>>,
    /// The receipt, as the block commits to it (EIP-2718).
    pub receipt: Vec<u8>,
    /// The nodes from the header's receipts root to the receipt.
    pub receipt_proof: Vec<Vec<u8>>,
}

impl Captured {
    /// The record of a checkpoint that this path leads from to the root in the calldata.
    pub fn record(&self, chain_id: u64, path: Path) -> Record {
        Record {
            chain_id,
            header: self.header.clone(),
            index: self.index,
            transaction: self.transaction.clone(),
            transaction_proof: self.transaction_proof.clone(),
            receipt: self.receipt.clone(),
            receipt_proof: self.receipt_proof.clone(),
            path,
        }
    }
}

/// Whose transactions, on which chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The chain.
    pub chain_id: u64,
    /// The account that pays.
    pub account: Address,
}
