//! Proof that a log misbehaved (`counterfoil/misbehaviour@v1`, docs/misbehaviour.md): what its keys signed and no honest
//! log signs.
//!
//! ```text
//! {
//!   "format": "counterfoil/misbehaviour@v1",
//!   "origin": "example.com/log",
//!   "notes": [                                     two signed checkpoints of one size, the smaller root first, or
//!     "example.com/log\n20852163\nCsUYap...",      one of size 0 whose root is not that of the empty tree
//!     "example.com/log\n20852163\nKgzmP3..."
//!   ]
//! }
//! ```
//!
//! Nothing else is proof. A consistency proof that fails shows nothing: anybody can send a real checkpoint with a proof
//! that is junk. So the file needs no trust in whoever made it, and no other file beside it.
//!
//! A [`Misbehaviour`] is what somebody claims, in signatures that nobody checked; [`Misbehaviour::verify`] is the only way to a [`ProvedMisbehaviour`].

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::checkpoint::{Checkpoint, CheckpointError, LogKey, Origin, SignedCheckpoint};
use crate::hash::{NodeHash, TreeSize, empty_root};
use crate::note::{MAX_NOTE_SIZE, Note};

/// The value of `format`.
pub const FORMAT: &str = "counterfoil/misbehaviour@v1";

/// Largest file that is read, in bytes: two notes in which each byte has to be escaped.
pub const MAX_MISBEHAVIOUR_SIZE: usize = 4 * MAX_NOTE_SIZE + 1_024;

/// Why a file is not of this format, or proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MisbehaviourError {
    /// More bytes than [`MAX_MISBEHAVIOUR_SIZE`].
    #[error("a misbehaviour file has at most {MAX_MISBEHAVIOUR_SIZE} bytes, found {found}")]
    TooLarge {
        /// Bytes found.
        found: usize,
    },
    /// The bytes are no JSON, or no JSON with these members.
    #[error("expected JSON with the members format, origin and notes: {0}")]
    Json(String),
    /// It is of another format.
    #[error("expected the format {FORMAT:?}, found {0:?}")]
    Format(String),
    /// There are neither one note nor two.
    #[error("expected one note or two, found {0}")]
    Notes(usize),
    /// A note is not a checkpoint, or the log did not sign it.
    #[error("note {number}: {error}")]
    Checkpoint {
        /// Which note, from 1.
        number: usize,
        /// What is wrong with it.
        error: CheckpointError,
    },
    /// The same members in another spelling.
    #[error(
        "expected the one spelling of docs/misbehaviour.md: two spaces of indentation, no needless escapes, a newline at the end"
    )]
    Spelling,
    /// A note is of another log than the file says.
    #[error("note {number} is a checkpoint of {:?}, the file is about {:?}", found.as_str(), expected.as_str())]
    OtherOrigin {
        /// Which note, from 1.
        number: usize,
        /// The origin in the file.
        expected: Origin,
        /// The origin in the note.
        found: Origin,
    },
    /// The two checkpoints are of different sizes, which proves nothing.
    #[error("two checkpoints of different sizes prove nothing: {first} and {second}")]
    DifferentSizes {
        /// Size of the first.
        first: TreeSize,
        /// Size of the second.
        second: TreeSize,
    },
    /// The two checkpoints do not have the smaller root first.
    #[error("expected two different roots, the smaller one first")]
    Roots,
    /// One checkpoint alone proves something only if it is of size 0 and has another root than the empty tree.
    #[error(
        "one checkpoint alone proves nothing unless it gives size 0 a root that is not that of the empty tree"
    )]
    OneAlone,
}

/// The members of the file, in their order.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    format: String,
    origin: String,
    notes: Vec<String>,
}

/// The claim that a log misbehaved: what it says would be proof, but no signature is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misbehaviour {
    origin: Origin,
    notes: Vec<Note>,
    act: Act,
}

impl Misbehaviour {
    /// Parses a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, MisbehaviourError> {
        if bytes.len() > MAX_MISBEHAVIOUR_SIZE {
            return Err(MisbehaviourError::TooLarge { found: bytes.len() });
        }
        let json = |error: serde_json::Error| MisbehaviourError::Json(error.to_string());
        let members: Members = serde_json::from_slice(bytes).map_err(json)?;
        if members.format != FORMAT {
            return Err(MisbehaviourError::Format(members.format));
        }
        let origin = Origin::new(members.origin)
            .map_err(|error| MisbehaviourError::Json(format!("origin: {error}")))?;
        let mut notes = Vec::with_capacity(2);
        let mut checkpoints = Vec::with_capacity(2);
        for (number, text) in (1..).zip(&members.notes) {
            let checkpoint_error = |error| MisbehaviourError::Checkpoint { number, error };
            let note = Note::parse(text.as_bytes())
                .map_err(|error| checkpoint_error(CheckpointError::Note(error)))?;
            let checkpoint = Checkpoint::parse(note.text()).map_err(checkpoint_error)?;
            if *checkpoint.origin() != origin {
                return Err(MisbehaviourError::OtherOrigin {
                    number,
                    found: checkpoint.origin().clone(),
                    expected: origin,
                });
            }
            notes.push(note);
            checkpoints.push(checkpoint);
        }
        let claim = Self {
            act: act(&checkpoints.iter().collect::<Vec<_>>())?,
            origin,
            notes,
        };
        if claim.to_string().as_bytes() == bytes {
            Ok(claim)
        } else {
            Err(MisbehaviourError::Spelling)
        }
    }

    /// Who is said to have misbehaved.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What it is said to have done.
    pub fn act(&self) -> Act {
        self.act
    }

    /// What it is said to have signed: one note or two.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Verifies that it is so, by the keys that sign for the origin.
    pub fn verify(self, logs: &[LogKey]) -> Result<ProvedMisbehaviour, MisbehaviourError> {
        let signed = (1..).zip(self.notes).map(|(number, note)| {
            SignedCheckpoint::verify(note, logs)
                .map_err(|error| MisbehaviourError::Checkpoint { number, error })
        });
        Ok(ProvedMisbehaviour {
            act: self.act,
            signed: signed.collect::<Result<_, _>>()?,
        })
    }
}

impl fmt::Display for Misbehaviour {
    /// The file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_file(f, &self.origin, self.notes.iter())
    }
}

/// What a log did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// It signed two trees of one size, so it showed two histories.
    TwoRoots {
        /// The size.
        size: TreeSize,
        /// The smaller root and the larger one.
        roots: [NodeHash; 2],
    },
    /// It signed a tree without entries that has another root than the empty one.
    NotEmpty {
        /// The root.
        root: NodeHash,
    },
}

/// The one test of what checkpoints of one origin prove, once they are signed.
fn act(checkpoints: &[&Checkpoint]) -> Result<Act, MisbehaviourError> {
    match checkpoints {
        [one] if one.size() == TreeSize::ZERO && *one.root() != empty_root() => {
            Ok(Act::NotEmpty { root: *one.root() })
        }
        [_] => Err(MisbehaviourError::OneAlone),
        [one, two] if one.size() != two.size() => Err(MisbehaviourError::DifferentSizes {
            first: one.size(),
            second: two.size(),
        }),
        [one, two] if one.root().as_bytes() < two.root().as_bytes() => Ok(Act::TwoRoots {
            size: one.size(),
            roots: [*one.root(), *two.root()],
        }),
        [_, _] => Err(MisbehaviourError::Roots),
        other => Err(MisbehaviourError::Notes(other.len())),
    }
}

/// Checkpoints with good signatures of one log that no honest log signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvedMisbehaviour {
    act: Act,
    signed: Vec<SignedCheckpoint>,
}

impl ProvedMisbehaviour {
    /// What one checkpoint proves by itself, if anything.
    pub fn of_one(signed: &SignedCheckpoint) -> Option<Self> {
        Self::of([signed].into_iter())
    }

    /// What two checkpoints of one log prove together, if anything.
    pub fn of_two(one: &SignedCheckpoint, two: &SignedCheckpoint) -> Option<Self> {
        let same_origin = one.checkpoint().origin() == two.checkpoint().origin();
        same_origin.then(|| Self::of([one, two].into_iter()))?
    }

    /// Without the lines of others, so that a checkpoint that comes again with other lines makes the same file.
    fn of<'a>(signed: impl Iterator<Item = &'a SignedCheckpoint>) -> Option<Self> {
        let signed = signed.map(|signed| signed.without_others().ok());
        let mut signed: Vec<SignedCheckpoint> = signed.collect::<Option<_>>()?;
        signed.sort_by_key(|signed| *signed.checkpoint().root().as_bytes());
        let checkpoints: Vec<&Checkpoint> =
            signed.iter().map(SignedCheckpoint::checkpoint).collect();
        let act = act(&checkpoints).ok()?;
        Some(Self { act, signed })
    }

    /// What the log did.
    pub fn act(&self) -> Act {
        self.act
    }

    /// What it signed.
    pub fn signed(&self) -> &[SignedCheckpoint] {
        &self.signed
    }
}

impl fmt::Display for ProvedMisbehaviour {
    /// The file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.signed.first() else {
            return Err(fmt::Error); // there is one by construction
        };
        let notes = self.signed.iter().map(SignedCheckpoint::note);
        write_file(f, first.checkpoint().origin(), notes)
    }
}

fn write_file<'a>(
    f: &mut fmt::Formatter<'_>,
    origin: &Origin,
    notes: impl Iterator<Item = &'a Note>,
) -> fmt::Result {
    let members = Members {
        format: FORMAT.to_owned(),
        origin: origin.as_str().to_owned(),
        notes: notes.map(|note| note.as_str().to_owned()).collect(),
    };
    let text = serde_json::to_string_pretty(&members).map_err(|_| fmt::Error)?;
    writeln!(f, "{text}")
}
