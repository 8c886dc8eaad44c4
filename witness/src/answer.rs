//! What a witness answers, as values. HTTP maps them to status codes, in one place.

use std::sync::Arc;
use std::time::Duration;

use counterfoil_store::{RegisterName, Trouble};
use counterfoil_tiles::checkpoint::{CheckpointError, Origin};
use counterfoil_tiles::cosignature::Timestamp;
use counterfoil_tiles::hash::TreeSize;
use counterfoil_tiles::key::SignError;
use counterfoil_tiles::note::{NoteError, SignatureLine};
use counterfoil_tiles::proof::ProofError;
use counterfoil_tiles::witness_wire::WireError;

use crate::evidence::EvidenceError;
use crate::judge::Inconsistency;
use crate::logs::Log;

/// The answer to add-checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub enum AddAnswer {
    /// 200: the cosignatures, which are recorded.
    Cosigned {
        /// The log.
        log: Arc<Log>,
        /// One line for each key of the witness.
        lines: Vec<SignatureLine>,
        /// Whether it was the recorded checkpoint, signed again at a later time.
        again: bool,
    },
    /// 400: the body is no add-checkpoint request.
    Malformed(WireError),
    /// 400: the checkpoint's text is longer than [`crate::judge::MAX_TEXT`].
    TextTooLong {
        /// Its bytes.
        found: usize,
    },
    /// 400: the old size is above the checkpoint's.
    OldSizeAboveCheckpoint {
        /// The old size.
        old: TreeSize,
        /// The checkpoint's.
        size: TreeSize,
    },
    /// 404: the witness does not know this log.
    UnknownOrigin(Origin),
    /// 403: no signature by a trusted key, or a bad one.
    Forbidden(CheckpointError),
    /// 409: the old size is not that of the latest checkpoint that the witness cosigned.
    Conflict {
        /// That size; the body of the answer.
        latest: TreeSize,
    },
    /// 422: the checkpoint is not shown to extend the latest one.
    Inconsistent(Inconsistency),
    /// 429: it would have been cosigned, and the log is over its rate.
    Limited {
        /// When to come again.
        retry_after: Duration,
    },
    /// 503: nothing is known to be wrong with the request.
    Unavailable(Unavailable),
}

/// The answer to sign-subtree.
#[derive(Debug, Clone, PartialEq)]
pub enum SubtreeAnswer {
    /// 200: the signatures.
    Signed {
        /// The log.
        log: Arc<Log>,
        /// One line for each ML-DSA-44 key that signed.
        lines: Vec<SignatureLine>,
    },
    /// 400: the body is no sign-subtree request.
    Malformed(WireError),
    /// 404: the witness does not know this log.
    UnknownOrigin(Origin),
    /// 404: no key of the witness can sign subtrees, so there is no such endpoint.
    NotSupported,
    /// 403: the reference checkpoint has no good cosignature of this witness.
    Forbidden(NoteError),
    /// 422: the subtree is not shown to be part of the checkpoint.
    Inconsistent(ProofError),
    /// 429: it would have been signed, and the log is over its rate.
    Limited {
        /// When to come again.
        retry_after: Duration,
    },
    /// 503: nothing is known to be wrong with the request.
    Unavailable(Unavailable),
}

/// Why a witness cannot answer now.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// Too many requests for this log wait already.
    #[error("too many requests for this log are waiting; send one at a time")]
    QueueFull,
    /// Other processes on the same database were faster, again and again.
    #[error(
        "the record of this log changed {attempts} times while the request was judged; try again"
    )]
    Contended {
        /// How often it was tried.
        attempts: usize,
    },
    /// The operator stopped cosigning for this log.
    #[error("the operator of this witness has paused this log")]
    Paused,
    /// The log misbehaved, and the operator wants no such log to be cosigned.
    #[error(
        "this log was proved to have signed two histories; this witness has stopped cosigning for it"
    )]
    Halted,
    /// The clock is not to be trusted.
    #[error(
        "the witness's clock says {} s since 1970, and it has cosigned this log at {} s: the clock is behind, or it ran ahead \
         then, and if it is right now the log is cosigned again in {} s", now.seconds(), last.seconds(),
        last.seconds().saturating_sub(now.seconds())
    )]
    Clock {
        /// What the clock says.
        now: Timestamp,
        /// The latest time in a cosignature of this log.
        last: Timestamp,
    },
    /// The clock says a time before 1970, or after the last timestamp.
    #[error("the witness's clock is not set")]
    NoClock,
    /// A key could not sign.
    #[error("a key of the witness did not sign: {0}")]
    Signer(SignError),
    /// The record could not be read or written.
    #[error("the register {register} was not reached: {trouble}")]
    Store {
        /// The register.
        register: RegisterName,
        /// Why, and what to do.
        trouble: Trouble,
    },
    /// Whether the checkpoint was recorded is unknown. No cosignature has left.
    #[error(
        "it is unknown whether the checkpoint was recorded in {register}: {trouble}; send it again"
    )]
    OutcomeUnknown {
        /// The register.
        register: RegisterName,
        /// Why, and what to do.
        trouble: Trouble,
    },
    /// The record is damaged. Other logs go on.
    #[error(
        "the register {register} is damaged: {why}; the operator has to restore it from a backup that is not older, and nobody may delete it"
    )]
    Damaged {
        /// The register.
        register: RegisterName,
        /// What is wrong.
        why: String,
    },
    /// What is kept about the log's misbehaviour could not be read.
    #[error("the evidence about this log was not read: {0}")]
    Evidence(EvidenceError),
    /// The database is older than a cosignature that this witness has published.
    #[error(
        "this witness's database is older than what it has signed: {0}; it signs nothing until its operator repairs that"
    )]
    RolledBack(String),
    /// A copy that the operator requires was not reached.
    #[error(
        "a copy of this log's latest checkpoint was not read, and the operator requires it: {0}"
    )]
    NoCopy(String),
}
