//! The log server: HTTP, intake, the driver of the sequencer, and the lookup index.

#![forbid(unsafe_code)]

pub mod config;
pub mod log;
