//! What CRLs and OCSP answers say of a certificate at the time of a token, written byte by byte and signed here, so that each rule of RFC
//! 5280 and RFC 6960 can be broken alone.

mod any_bytes;
#[path = "../corpus/mod.rs"]
mod corpus;
mod crl;
mod crl_refused;
mod der;
mod ocsp;
mod ocsp_responder;
mod parties;
mod sources;
