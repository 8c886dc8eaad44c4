//! The anchor: follows logs, and fixes their signed checkpoints in time, so that they can be shown to have existed by then.
//!
//! - [`schedule`]: what to do next for one log, as a function of time and of what happened. No clock, no I/O.
//! - [`names`], [`record`], [`records`]: what is kept of a time-stamp, where, and how it is written.
//! - [`state`]: what is known of a log from start to start.
//! - [`follow`]: a log's checkpoint, verified.
//! - [`judge`]: what is asked of the library that knows RFC 3161.
//! - [`tsa`]: asking a time-stamping authority, and what it can do wrong.
//! - [`capture`]: what says whether the certificates of a token are revoked.
//! - [`worker`]: all of it at work.
//! - [`ethereum`]: anchoring on an Ethereum chain.
//! - [`http`]: the service.
//! - [`config`], [`data`], [`run`]: the whole service.
//! - [`moment`]: a time of day.

#![forbid(unsafe_code)]

pub use counterfoil_evidence::record;

mod beside;
pub mod capture;
pub mod config;
pub mod data;
pub mod ethereum;
pub mod follow;
pub mod http;
pub mod judge;
mod metrics;
pub mod moment;
pub mod names;
mod public_url;
pub mod records;
pub mod run;
pub mod schedule;
pub mod state;
pub mod tsa;
pub mod worker;
