//! The witness (C2SP tlog-witness): it cosigns a checkpoint of a log only if it extends the one that it cosigned before.
//!
//! - [`judge`]: what a request deserves, as a function of the request and of what is recorded. No clock, no I/O.
//! - [`record`]: what is recorded for a log, and how it is written.
//! - [`logs`]: the logs that the witness knows, by origin.
//! - [`config`]: the configuration of the service.
//! - [`lists`]: the files that list the logs.
//! - [`signers`]: the witness's keys, and what they sign.
//! - [`evidence`]: proof that logs misbehaved.
//! - [`copies`]: the guard against a database that is older than what was signed.
//! - [`Witness`]: verify, judge, sign, record, and only then answer.
//! - [`data`]: the data directory.
//! - [`run`]: the whole service: HTTP, bastions, and what reads the lists again.
//!
//! Which status code an answer has is chosen where HTTP is spoken; here an answer is a value ([`AddAnswer`],
//! [`SubtreeAnswer`]).

#![forbid(unsafe_code)]

mod answer;
pub mod config;
pub mod copies;
pub mod data;
pub mod evidence;
mod http;
pub mod judge;
pub mod lists;
pub mod logs;
mod metrics;
mod monitored;
mod rates;
pub mod record;
pub mod run;
pub mod signers;
mod witness;

pub use answer::{AddAnswer, SubtreeAnswer, Unavailable};
pub use counterfoil_tiles::checkpoint::OriginHash;
pub use logs::{Log, LogOptions, Logs, LogsError};
pub use record::{RecordError, Recorded};
pub use signers::{Signers, SignersError};
pub use witness::{Counts, Options, RetryAfter, Witness};
