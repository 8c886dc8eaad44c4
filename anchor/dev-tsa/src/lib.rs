//! A time-stamping authority for development: **its tokens prove nothing**, and it misbehaves on demand.
//!
//! For tests, demonstrations and `counterfoil dev tsa`, and for nothing else: nothing that judges tokens knows of it. What it
//! is stands in the names of its certificates, in its log, and on its page.
//!
//! ```text
//! DevTsa::start(Options) ──> POST /tsr, /ocsp, GET /root.pem, …      behave(Behaviour), or PUT /behaviour
//!    root ── OCSP and CRL about ──> intermediate ── OCSP (a delegate) and CRL about ──> tsa
//! ```
//!
//! [`OpensslTsa`] is another one, of which OpenSSL does everything, for a second opinion.
//!
//! Tokens, OCSP answers and lists of revoked certificates are written with another ASN.1 library than the one that the
//! verifier reads them with.

#![forbid(unsafe_code)]
#![expect(
    clippy::redundant_closure_for_method_calls,
    reason = "yasna's methods are not general enough over lifetimes to be passed as they are"
)]

mod algorithm;
mod authority;
mod behaviour;
mod certificate;
mod clock;
mod crl;
mod files;
mod front;
mod hierarchy;
mod key;
mod ocsp;
mod oid;
mod openssl;
mod reply;
mod request;
mod server;
mod site;
mod token;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use behaviour::{Behaviour, BehaviourError, Reason};
pub use clock::Clock;
pub use hierarchy::HierarchyError;
pub use key::KeyError;
pub use openssl::{OpensslError, OpensslOptions, OpensslTsa};
pub use server::{DevTsa, Options, StampError, StartError};
