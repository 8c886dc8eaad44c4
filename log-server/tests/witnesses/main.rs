//! The log's client of witnesses: in memory against witnesses that behave and that do not, with a clock that stands still;
//! and its HTTP transport over real sockets.

mod engine;
mod fake;
mod misbehaving;
mod policies;
mod rounds;
