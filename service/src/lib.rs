//! What every service needs and none is about.
//!
//! | module | |
//! |---|---|
//! | [`config`] | configuration files from a list of keys, each also an environment variable and a flag |
//! | [`serve`] | listening, connections, and a stop that answers what was taken |
//! | [`body`] | bodies of requests, bounded in length, time and memory |
//! | [`client`] | an HTTP client with bounded answers |
//! | [`limits`] | places for requests and memory for their bodies |
//! | [`bucket`] | token buckets |
//! | [`tls`] | TLS by rustls |
//! | [`logging`] | the service's own log |
//! | [`metrics`] | metrics of connections and requests, and one text of several registries |
//!
//! Architecture invariant: nothing here knows what a log, a witness or an anchor is.

#![forbid(unsafe_code)]

pub mod body;
pub mod bucket;
pub mod client;
pub mod config;
pub mod limits;
pub mod logging;
pub mod metrics;
pub mod serve;
pub mod tls;
mod within;

pub use within::soon_or_within;
