//! HTTPS bastions (C2SP https-bastion): a server that cannot be reached from outside is reached through one.
//!
//! ```text
//!            https://bastion/<key hash>/<path>                      HTTP/2, /<path>
//!  client ────────────────────────────────────> bastion ────────────────────────────────> backend
//!                                                  ^      the backend opened this connection:   │
//!                                                  └──── TLS 1.3, ALPN bastion/0, Ed25519 ──────┘
//! ```
//!
//! [`backend`] is the backend's end of the connection, for a witness for example; `server` is the bastion itself (feature
//! `server`).

#![forbid(unsafe_code)]

pub mod backend;
mod heard;
mod key_hash;
#[cfg(feature = "server")]
pub mod server;

pub use key_hash::{KeyHash, KeyHashError};

/// The ALPN protocol by which a backend's connection is told from a client's.
// SPEC(https-bastion): "A backend connects to the bastion’s backend endpoint with TLS 1.3, specifying the ALPN protocol
// `bastion/0`."
pub const ALPN: &[u8] = b"bastion/0";
