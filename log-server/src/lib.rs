//! The log server: HTTP, intake, the driver of the sequencer, and the lookup index.

#![forbid(unsafe_code)]

mod anchors;
mod auth;
pub mod config;
pub mod data;
pub mod engine;
mod http;
pub mod log;
mod metrics;
pub mod quorum_config;
pub mod run;
pub mod serve;
pub mod witnesses;
