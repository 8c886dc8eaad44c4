//! The log's client of witnesses: in memory against witnesses that behave and that do not, with a clock that stands still;
//! and its HTTP transport over real sockets.

mod claims;
mod engine;
mod fake;
mod guard;
mod http;
mod misbehaving;
mod monitor;
mod policies;
mod rounds;
mod starting;
