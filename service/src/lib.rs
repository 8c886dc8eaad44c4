//! What every service needs and none is about.
//!
//! | module | |
//! |---|---|
//! | [`config`] | configuration files from a list of keys, each also an environment variable and a flag |
//! | [`serve`] | listening, connections, and a stop that answers what was taken |
//! | [`body`] | bodies of requests, bounded in length, time and memory |
//! | [`lent`] | large bodies of answers, bounded in memory and time |
//! | [`room`] | memory that is bounded in all, and for each who holds some of it |
//! | [`source`] | where requests come from |
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
pub mod lent;
pub mod limits;
pub mod logging;
pub mod metrics;
pub mod room;
pub mod serve;
pub mod source;
pub mod tls;
mod within;

pub use within::soon_or_within;
