//! RFC 3161 time-stamps: requests, responses, and tokens verified as a function of nothing but what is given.
//!
//! Architecture invariant: nothing here opens a socket or reads a clock, nothing in a token is trusted because it is there, and
//! no input makes it panic, recurse without bound or search without end.

#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)
)]

mod algorithm;
mod ber;
mod certificate;
mod crl;
mod judgement;
mod key;
mod known;
mod ocsp;
mod oid;
mod path;
mod pem;
mod policy;
mod request;
mod revocation;
mod text;
mod time;
mod token;

pub use algorithm::{HashAlgorithm, SignatureError};
pub use ber::EncodingError;
pub use certificate::{Certificate, MAX_CERTIFICATE_SIZE, Name, Sources};
pub use counterfoil_checks::Outcome;
pub use crl::{MAX_CRL_ENTRIES, MAX_CRL_SIZE};
pub use judgement::{
    Behind, Check, CheckName, Covers, GenTime, Judgement, Question, RevocationData, Standing,
    verify, verify_knowing,
};
pub use known::Known;
pub use ocsp::MAX_OCSP_SIZE;
pub use oid::{Oid, OidError};
pub use pem::PemError;
pub use request::{Imprint, MAX_RESPONSE_SIZE, Nonce, Request, ResponseError, parse_response};
pub use revocation::{
    Conclusion, Open, RevocationKind, RevocationReason, RevocationSource, RevocationStatus, Told,
    conclude, revocation_sources, revocation_status, revocation_told,
};
pub use time::{NotATime, Timestamp};
pub use token::{Info, MAX_CERTIFICATES, MAX_TOKEN_SIZE, Token};
