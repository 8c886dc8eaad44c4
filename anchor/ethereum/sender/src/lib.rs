//! Sending Ethereum anchors as a state machine: no I/O, no clock, no randomness, no async.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod chain;
mod offer;
mod operation;
mod transaction;
mod wei;

pub use offer::{Member, Offer};
pub use operation::{
    Anchored, Event, Failure, Operation, OperationId, Outcome, Request, StopReason,
};
pub use transaction::{Call, SignedError, Unsigned};
pub use wei::{Gas, Wei};
