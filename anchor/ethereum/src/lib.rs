//! Ethereum anchors: that a block holds a transaction which names a signed checkpoint, verified as a function of nothing but
//! what is given.
//!
//! Architecture invariant: nothing here opens a socket or reads a clock, nothing in a record is trusted because it is there, and
//! no input makes it panic or recurse without bound. What remains to be trusted is the hash of one block.

#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)
)]

pub mod rlp;
pub mod trie;

mod envelope;
mod fields;
mod header;
mod judgement;
mod keccak;
mod receipt;
mod round;
mod transaction;

pub use counterfoil_checks::Outcome;
pub use envelope::{EnvelopeError, Kind, MAX_VALUE_SIZE};
pub use fields::FieldError;
pub use header::{Header, HeaderError, MAX_HEADER_FIELDS, MAX_HEADER_SIZE};
pub use judgement::{Check, CheckName, Judgement, Question, Record, verify};
pub use keccak::{Address, BlockHash, HexError, TransactionHash, TrieRoot, keccak256};
pub use receipt::{Execution, Receipt, ReceiptError};
pub use round::{CALLDATA_SIZE, Calldata, CalldataError, Path, Round, RoundError, SELECTOR};
pub use transaction::{Call, Transaction, TransactionError};
