//! The write protocol of a Counterfoil log as a state machine: no I/O, no clock, no randomness, no async.
//!
//! A driver submits entries, tells the time, carries out [`Operation`]s and reports their [`Outcome`]s:
//!
//! ```text
//! submit(entries) ─┐                        ┌─> poll()       -> Operation (stage, replace head, put tiles, sign, publish, ...)
//! tick(now) ───────┼─>  [`Sequencer`]  ─────┤
//! complete(id, outcome) ┘                   └─> poll_event() -> Event (answer, published, warning, stopped)
//! ```
//!
//! Four tracks run side by side: *commit* (stage a round's entries, replace the head: here submitters are answered),
//! *full tiles*, *publication* (tiles, read-back, signature, cosignatures, published checkpoint) and *discard* (what nothing
//! names any more); before them *recovery*, and the question to the witnesses whether the log stands where it stood. See
//! docs/architecture.md, "The write protocol".
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

mod commit;
mod cosigning;
mod discard;
mod full_tiles;
mod guard;
pub mod head;
mod operation;
mod publication;
pub mod published;
mod queue;
mod recovery;
mod sequencer;
pub mod staged;
mod tree;

pub use operation::{
    Entry, Event, NewBlob, Operation, OperationId, Outcome, Publication, Register, Request,
    StopReason, SubmissionId, SubmitError, Timestamp, Whom, WriterId,
};
pub use sequencer::{Config, Sequencer, Status};
pub use tree::Edge;
