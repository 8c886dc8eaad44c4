//! The development TSA over HTTP, and OpenSSL's opinion of it.

#![expect(
    clippy::redundant_closure_for_method_calls,
    reason = "yasna's methods are not general enough over lifetimes to be passed as they are"
)]

mod any_bytes;
mod behaviours;
mod certificates;
mod directory;
mod openssl_tsa;
mod requests;
mod revocation;
mod support;
mod verifier;
