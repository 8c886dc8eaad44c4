//! Sending Ethereum anchors, each root once, as a state machine: no I/O, no clock, no randomness, no async.
//!
//! A driver offers rounds, tells the time, carries out [`Operation`]s and reports their [`Outcome`]s:
//!
//! ```text
//! offer(round) ─────────┐                      ┌─> poll()       -> Operation (replace state, sign, send, observe, capture, ...)
//! tick(now) ────────────┼─>    [`Sender`]  ────┤
//! complete(id, outcome) ┘                      └─> poll_event() -> Event (sent, included, reorganised, recorded, failed, ...)
//! ```
//!
//! One round is on its way at a time, and all its transactions have one nonce, so that at most one of them is ever in a chain:
//!
//! - **Intent first**: the round, its nonce and the signed bytes are in the register before they are sent; so is each replacement.
//!   After a crash the same bytes are sent again.
//! - **One nonce**: a stuck transaction is replaced by one of the same nonce. Another nonce is taken only once a final block has
//!   this one: with one of the round's own transactions, which ends in a record, or with somebody else's, which ends in a named
//!   failure.
//! - **Reorganisations**: what an undone block had is sent again, the same bytes; also where the block was final: the round that had
//!   ended in it is on its way again.
//! - **Ceilings**: a fee, a cost in 24 hours and an amount of gas above which nothing is sent or replaced. A round that is held back
//!   gives way to the next.
//! - **Records**: only of final blocks.
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
mod fees;
mod flight;
mod offer;
mod operation;
mod prepare;
mod save;
mod sender;
pub mod state;
mod task;
mod time;
mod transaction;
mod wei;

pub use fees::{Ceilings, Hold};
pub use offer::{Member, Offer};
pub use operation::{
    Anchored, Event, Failure, Operation, OperationId, Outcome, Request, StopReason,
};
pub use sender::{Config, Dealt, Offered, OnItsWay, Seen, Sender, Status};
pub use time::{CLOCK_TOLERANCE, Timestamp};
pub use transaction::{Call, SignedError, Unsigned};
pub use wei::{Gas, Wei};
