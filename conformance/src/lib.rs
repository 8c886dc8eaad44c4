//! Conformance of witnesses: every requirement of C2SP tlog-witness, tried on a witness that runs, whoever wrote it.
//!
//! The suite plays a log: it has the private keys of logs that the witness follows, and sends requests, good ones and
//! bad ones, each for one sentence of a specification. What comes back is compared with what the sentence says.
//!
//! - [`Target`] says where the witness is, and which keys there are; [`run`] tries everything and gives a [`Report`].
//! - The trees are always the same ([`tree::Tree`]), so the suite can be run again on a witness that has seen it.
//! - Only `counterfoil-tiles` is shared with our own witness, for signatures and signed notes. Requests are put
//!   together and answers judged here; trees and proofs are computed from the definitions of RFC 6962 as they stand.
//!
//! A log used here signs contradictions on purpose. Its keys must be for this and nothing else.

#![forbid(unsafe_code)]

mod checks;
mod client;
mod cosigned;
mod log;
mod report;
mod requirement;
mod suite;
pub mod tree;

pub use log::{LogError, TestLog};
pub use report::{Report, Row, Verdict};
pub use requirement::{Keyword, Requirement};
pub use suite::{CannotStart, Target};

/// Tries everything on a witness.
pub async fn run(target: Target) -> Result<Report, CannotStart> {
    let mut suite = suite::Suite::start(target).await?;
    checks::run(&mut suite).await;
    Ok(suite.into_report())
}
