//! What came of asking a witness, in types for the log and in words for its operator.

use std::fmt;
use std::time::{Duration, SystemTime};

use counterfoil_tiles::hash::TreeSize;
use counterfoil_tiles::note::{SignatureLine, VerifiedSignature};

use super::transport::{Answer, TransportError};

/// Most characters of a witness's own words that are repeated.
const MAX_QUOTED: usize = 160;

/// A cosignature that was verified over the checkpoint that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// The line, byte for byte as it came.
    pub line: SignatureLine,
    /// Whose it is, and when it was made.
    pub by: VerifiedSignature,
}

/// Adds cosignatures of one checkpoint to others: the newest by each key.
pub(super) fn add_newest(known: &mut Vec<Cosignature>, more: Vec<Cosignature>) {
    for new in more {
        let mut same = known.iter_mut();
        match same.find(|known| known.line.same_key(&new.line)) {
            None => known.push(new),
            Some(known) if known.by.timestamp < new.by.timestamp => *known = new,
            Some(_) => {}
        }
    }
}

/// What came of asking a witness to cosign.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It has cosigned the checkpoint.
    Cosigned,
    /// 409: it says that it has cosigned a larger tree. A number proves nothing; the startup guard's rule decides.
    Ahead {
        /// The size it names.
        size: TreeSize,
    },
    /// 409 with a size that is not larger, but a proof from there did not help.
    Behind {
        /// The size it names.
        size: TreeSize,
        /// Why there is no cosignature.
        why: String,
    },
    /// Another status than 200 and 409.
    Refused {
        /// The HTTP status code.
        status: u16,
        /// What that means, and the witness's own words.
        why: String,
    },
    /// 200 or 409 with something else than what belongs there; nothing of the answer counts.
    Malformed(String),
    /// No answer.
    NoAnswer(TransportError),
    /// The log could not make the consistency proof; the witness was not asked.
    NoProof {
        /// The size that the witness has.
        old: TreeSize,
        /// Why.
        why: String,
    },
    /// Not asked: an earlier request to the witness was still under way, and a later one has taken this one's place.
    Superseded,
    /// Not answered yet when the round ended; a cosignature that still comes is told as a late one.
    Pending,
}

impl Outcome {
    /// True if outcomes are the same kind of news for an operator.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Refused { status, .. }, Self::Refused { status: other, .. }) => status == other,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    pub(crate) fn refused(answer: &Answer) -> Self {
        let meaning = match answer.status {
            300..=399 => "it redirects, which is not followed: correct its URL in the policy",
            400 => "it calls the request malformed",
            403 => "it does not take the log's signature: its operator has other keys of this log",
            404 => {
                "it does not know this log, or its URL is wrong: ask its operator to add the log"
            }
            422 => {
                "it says that this tree does not extend the one it cosigned: compare with its monitoring prefix"
            }
            429 => "it is asked too often",
            500..=599 => "it is in trouble",
            _ => "an answer that tlog-witness does not know",
        };
        Self::Refused {
            status: answer.status,
            why: match quoted(&answer.body) {
                Some(words) => format!("{meaning} (its words: {words})"),
                None => meaning.to_owned(),
            },
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cosigned => f.write_str("cosigned"),
            Self::Ahead { size } => {
                write!(f, "says that it has cosigned a larger tree, of size {size}")
            }
            Self::Behind { size, why } => write!(f, "says that it has size {size}: {why}"),
            Self::Refused { status, why } => write!(f, "answered {status}: {why}"),
            Self::Malformed(why) => write!(f, "its answer counts for nothing: {why}"),
            Self::NoAnswer(error) => error.fmt(f),
            Self::NoProof { old, why } => {
                write!(
                    f,
                    "not asked, as there is no consistency proof from its size {old}: {why}"
                )
            }
            Self::Superseded => f.write_str("not asked, as it was busy with an earlier checkpoint"),
            Self::Pending => f.write_str("has not answered yet"),
        }
    }
}

/// What a witness answered last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastAnswer {
    /// The size of the checkpoint that was shown.
    pub size: TreeSize,
    /// When that ended, by the system's clock.
    pub when: SystemTime,
    /// How long it took, a second request after a 409 included.
    pub latency: Duration,
    /// What came of it.
    pub outcome: Outcome,
}

/// The first line of a body, as far as it may be repeated in a log.
pub(crate) fn quoted(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().next()?.trim();
    let cut: String = line.chars().take(MAX_QUOTED).collect();
    (!cut.is_empty()).then(|| format!("{cut:?}"))
}
