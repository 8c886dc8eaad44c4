//! What is asked of the library that knows RFC 3161, X.509 and revocation: one face, so that the worker's tests can say what a
//! token is without making one.
//!
//! An implementation is a function of its arguments and of the trust that it was made with. It opens no socket and reads no
//! clock.

pub mod rfc3161;

use std::fmt;

pub use counterfoil_rfc3161::{RevocationKind, RevocationSource as Source, RevocationStatus, Told};

use crate::moment::Moment;
use crate::record::TokenRecord;

/// What a request and its answer have in common: 128 random bits, so that an old answer is not taken for a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonce(pub [u8; 16]);

/// A token on which nothing is wrong, but for its time, which the caller compares with its clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodToken {
    /// The token, as it came.
    pub token: Vec<u8>,
    /// Its genTime.
    pub gen_time: Moment,
    /// The earliest time that it may mean: genTime less its accuracy.
    pub earliest: Moment,
    /// The latest time that it may mean.
    pub latest: Moment,
    /// The chain by which it was verified, DER: the signer's certificate first, the root last.
    pub chain: Vec<Vec<u8>>,
    /// SHA-256 of each public key in the chain, the signer's first. Whoever has one of them can make such tokens.
    pub keys: Vec<[u8; 32]>,
}

impl GoodToken {
    /// SHA-256 of the signer's public key: tokens by one key count once.
    pub fn signer(&self) -> [u8; 32] {
        self.keys.first().copied().unwrap_or_default()
    }
}

/// Why an answer brings no token that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Not a time-stamp response.
    NotAResponse,
    /// A response that refuses.
    Refused,
    /// The nonce is not the request's, or missing.
    WrongNonce,
    /// The token covers other data.
    OtherData,
    /// The token was made under a policy that is not allowed.
    WrongPolicy,
    /// Nobody whom the configuration trusts: no path to a configured root, or the signer's certificate is not there.
    Untrusted,
    /// The signature is not over this token, or not by this key.
    BadSignature,
    /// The signer's certificate, or one above it, may not be used so, or not then.
    BadCertificate,
    /// Something else is wrong with it, which the reason says.
    Invalid,
}

/// An answer that brings no token that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// What is wrong.
    pub fault: Fault,
    /// In words, with what was expected and what came.
    pub reason: String,
}

/// A root to which tokens must lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// SHA-256 of its public key.
    pub key: [u8; 32],
    /// Its name.
    pub subject: String,
}

/// Judges tokens of one authority.
pub trait Judge: fmt::Debug + Send + Sync + 'static {
    /// The roots to which tokens must lead. Authorities that share one are one authority.
    fn roots(&self) -> Vec<Root>;

    /// The request for a token over these bytes, DER.
    fn request(&self, data: &[u8], nonce: &Nonce) -> Vec<u8>;

    /// Judges the answer to that request.
    fn judge(&self, answer: &[u8], data: &[u8], nonce: &Nonce) -> Result<GoodToken, Rejection>;

    /// Judges a token that was kept: is it, over the checkpoint in its record, one of this authority's? Of revocation nothing
    /// is asked.
    fn kept(&self, record: &TokenRecord) -> Result<GoodToken, Rejection>;
}

/// Judges what is kept by itself, also where nobody is configured any more who trusts it.
pub trait RecordJudge: fmt::Debug + Send + Sync + 'static {
    /// Whether a record is as it was kept: its token covers its checkpoint, at its time, and was signed by the first
    /// certificate of its chain, which leads to the last.
    fn token(&self, record: &TokenRecord) -> Result<(), Rejection>;

    /// Where something is said about the certificates of a chain, but for the root.
    fn sources(&self, chain: &[Vec<u8>]) -> Vec<Source>;

    /// In words, where the revocation of a certificate of a chain is published, if none of the places is fetched, as with LDAP.
    fn nothing_to_fetch(&self, chain: &[Vec<u8>], certificate: usize) -> Option<String>;

    /// Judges what was published about a certificate of a chain, by its place, for the time of a token.
    fn revocation(
        &self,
        chain: &[Vec<u8>],
        certificate: usize,
        kind: RevocationKind,
        data: &[u8],
        gen_time: Moment,
    ) -> Told;
}
