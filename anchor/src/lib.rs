//! The anchor: follows logs, and fixes their signed checkpoints in time, so that they can be shown to have existed by then.
//!
//! - [`schedule`]: what to do next for one log, as a function of time and of what happened. No clock, no I/O.
//! - [`moment`]: a time of day.

#![forbid(unsafe_code)]

pub mod moment;
pub mod schedule;
