//! The log's end of C2SP tlog-witness: shows checkpoints to the witnesses of its policy and collects their cosignatures.
//!
//! Architecture invariant: nothing that a witness sends counts before it is verified against the policy's keys, over the very
//! checkpoint that was asked for; a witness that is slow, lies, or talks nonsense costs its own cosignature and no other's.

mod client;
mod conversation;
mod desk;
mod endpoint;
pub mod guard;
mod http;
mod monitor;
mod outcome;
mod round;
mod transport;

pub use client::{Ask, Late, Options, Witnesses};
pub use conversation::{Clock, MAX_AHEAD, Proofs};
pub use desk::WitnessStatus;
pub use endpoint::{WitnessName, WitnessesError};
pub use http::{HttpOptions, HttpTransport};
pub use monitor::Seen;
pub use outcome::{Cosignature, LastAnswer, Outcome};
pub use round::{Round, WitnessAnswer};
pub use transport::{Answer, MAX_ANSWER_SIZE, Method, Request, Transport, TransportError};
