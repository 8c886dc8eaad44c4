//! Receipts (C2SP tlog-proof): everything that shows offline that an entry is in a log.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra YXBwbGljYXRpb24gZGF0YQ==                      optional, opaque, not authenticated
//! index 73894
//! gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=        inclusion proof, from the leaf's sibling to the root's child
//! ...
//!                                                     an empty line
//! example.com/fancylog                                the checkpoint, byte for byte as the log published it
//! ...
//! ```
//!
//! A [`Receipt`] is only parsed. [`Receipt::check`] makes each check of the specification by itself, so that each
//! can be told in words; [`Receipt::verify`] demands all of them.

use core::fmt;
use core::str::FromStr;

use crate::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint, WitnessedCheckpoint};
use crate::hash::{LeafHash, LeafIndex, NodeHash};
use crate::note::{MAX_NOTE_SIZE, Note, NoteError};
use crate::policy::{Policy, QuorumError};
use crate::proof::{ProofError, verify_inclusion};
use crate::text::{decode_base64, decode_hash, encode_base64, parse_decimal, take_line};

/// Most hashes in an inclusion proof: a tree of less than 2^64 leaves is at most 64 high.
pub const MAX_INCLUSION_PROOF: usize = 64;

/// Largest extra data, in bytes. The specification has no limit; this one fits a record's metadata many times.
pub const MAX_EXTRA: usize = 65_536;

/// Largest receipt that is read, in bytes: the largest note, extra data in base64 and proof, rounded up.
pub const MAX_RECEIPT_SIZE: usize = MAX_NOTE_SIZE + 100_000;

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Why bytes are not a receipt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// More bytes than [`MAX_RECEIPT_SIZE`].
    #[error("a receipt has at most {MAX_RECEIPT_SIZE} bytes, found {0}")]
    TooLarge(usize),
    /// The bytes are not UTF-8.
    #[error("a receipt is UTF-8; byte {at} is not")]
    NotUtf8 {
        /// Offset of the first bad byte.
        at: usize,
    },
    /// The first line is another one.
    #[error("expected the first line to be {HEADER:?}")]
    Header,
    /// The extra line does not hold base64 data.
    #[error("expected 1 to {MAX_EXTRA} bytes in canonical, padded base64 after `extra `")]
    Extra,
    /// The index line is missing or does not hold an index.
    #[error("expected `index ` and a decimal without leading zeros, at most 2^64-1")]
    Index,
    /// A line of the inclusion proof is no hash.
    #[error("proof line {line}: expected 32 bytes in canonical base64")]
    Hash {
        /// Which hash, from 1.
        line: usize,
    },
    /// More hashes than any tree needs.
    #[error("an inclusion proof has at most {MAX_INCLUSION_PROOF} hashes")]
    TooManyHashes,
    /// No empty line before the checkpoint.
    #[error("expected an empty line and a checkpoint after the inclusion proof")]
    NoCheckpoint,
    /// What follows the empty line is no signed note.
    #[error("the checkpoint: {0}")]
    Note(#[from] NoteError),
    /// The note's text is no checkpoint.
    #[error("the checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
}

/// A receipt as parsed: nothing about it is verified.
///
/// Parsing is exact: `to_string` gives the bytes it was parsed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    extra: Option<Vec<u8>>,
    index: LeafIndex,
    proof: Vec<NodeHash>,
    note: Note,
    checkpoint: Checkpoint,
}

impl Receipt {
    /// Puts a receipt together from an inclusion proof and the checkpoint that it leads to.
    pub fn new(index: LeafIndex, proof: Vec<NodeHash>, note: Note) -> Result<Self, ReceiptError> {
        if proof.len() > MAX_INCLUSION_PROOF {
            return Err(ReceiptError::TooManyHashes);
        }
        let checkpoint = Checkpoint::parse(note.text())?;
        Ok(Self {
            extra: None,
            index,
            proof,
            note,
            checkpoint,
        })
    }

    /// The same receipt with extra data, at least one byte. Nothing authenticates them.
    pub fn with_extra(mut self, extra: Vec<u8>) -> Result<Self, ReceiptError> {
        // SPEC(tlog-proof): "If no extra data is present, this line is omitted."
        if extra.is_empty() || extra.len() > MAX_EXTRA {
            return Err(ReceiptError::Extra);
        }
        self.extra = Some(extra);
        Ok(self)
    }

    /// Parses a receipt.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        if bytes.len() > MAX_RECEIPT_SIZE {
            return Err(ReceiptError::TooLarge(bytes.len()));
        }
        let text = str::from_utf8(bytes).map_err(|error| ReceiptError::NotUtf8 {
            at: error.valid_up_to(),
        })?;
        // SPEC(tlog-proof): "The first line MUST be the string `c2sp.org/tlog-proof@v1`."
        let Some((HEADER, rest)) = take_line(text) else {
            return Err(ReceiptError::Header);
        };
        // SPEC(tlog-proof): "The second line MAY start with the string `extra` followed by a space (U+0020) and
        // base64-encoded opaque extra data."
        let (extra, rest) = match take_line(rest) {
            Some((line, after)) if line.starts_with("extra ") => (Some(parse_extra(line)?), after),
            _ => (None, rest),
        };
        // SPEC(tlog-proof): "The next line MUST start with the string `index` followed by a space (U+0020) and the
        // zero-based index of the entry in the log, represented as an ASCII decimal with no leading zeroes (unless
        // the index is `0`)."
        let (line, rest) = take_line(rest).ok_or(ReceiptError::Index)?;
        let index = line
            .strip_prefix("index ")
            .and_then(parse_decimal)
            .ok_or(ReceiptError::Index)?;
        let (proof, rest) = parse_hashes(rest)?;
        // SPEC(tlog-proof): "After the inclusion proof lines and an empty line, the checkpoint issued by the log is
        // included verbatim, according to [tlog-checkpoint][]."
        let receipt = Self::new(LeafIndex::new(index), proof, Note::parse(rest.as_bytes())?)?;
        match extra {
            Some(extra) => receipt.with_extra(extra),
            None => Ok(receipt),
        }
    }

    /// Opaque data of the application, not authenticated.
    // SPEC(tlog-proof): "Appications MUST NOT implicitly trust the extra data, as it is not authenticated."
    pub fn extra(&self) -> Option<&[u8]> {
        self.extra.as_deref()
    }

    /// The entry's place in the log.
    pub fn index(&self) -> LeafIndex {
        self.index
    }

    /// The inclusion proof, from the leaf's sibling to the root's child.
    pub fn proof(&self) -> &[NodeHash] {
        &self.proof
    }

    /// The checkpoint as the log published it.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// What the checkpoint says; not verified.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Step 4: the proof leads from the leaf hash to the checkpoint's root.
    pub fn check_inclusion(&self, leaf: &LeafHash) -> Result<(), ProofError> {
        verify_inclusion(
            self.index,
            self.checkpoint.size(),
            leaf,
            &self.proof,
            self.checkpoint.root(),
        )
    }

    /// Makes each check by itself, under a policy.
    pub fn check(&self, leaf: &LeafHash, policy: &Policy) -> ReceiptChecks {
        let origin = self.checkpoint.origin();
        let known = policy.log_keys().any(|key| key.origin() == origin);
        let signed = SignedCheckpoint::verify(self.note.clone(), policy.log_keys());
        let (log_signature, quorum) = match signed {
            Ok(signed) => (
                Ok(()),
                policy.witnessed(signed).map_err(QuorumFailure::Quorum),
            ),
            Err(error) => (Err(error), Err(QuorumFailure::NoLogSignature)),
        };
        ReceiptChecks {
            origin: if known {
                Ok(())
            } else {
                Err(CheckpointError::UnknownOrigin {
                    origin: origin.clone(),
                })
            },
            log_signature,
            quorum,
            inclusion: self.check_inclusion(leaf),
        }
    }

    /// Verifies the receipt: all checks must pass.
    pub fn verify(
        &self,
        leaf: &LeafHash,
        policy: &Policy,
    ) -> Result<VerifiedReceipt, ReceiptFailure> {
        let checks = self.check(leaf, policy);
        checks.origin?;
        checks.log_signature?;
        let checkpoint = match checks.quorum {
            Ok(checkpoint) => checkpoint,
            Err(QuorumFailure::Quorum(error)) => return Err(error.into()),
            Err(QuorumFailure::NoLogSignature) => return Err(NoteError::NoKnownSignature.into()),
        };
        checks.inclusion?;
        Ok(VerifiedReceipt {
            leaf: *leaf,
            index: self.index,
            checkpoint,
        })
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", encode_base64(extra))?;
        }
        writeln!(f, "index {}", self.index.get())?;
        for hash in &self.proof {
            writeln!(f, "{}", encode_base64(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.note)
    }
}

impl FromStr for Receipt {
    type Err = ReceiptError;

    fn from_str(text: &str) -> Result<Self, ReceiptError> {
        Self::parse(text.as_bytes())
    }
}

/// What each check of a receipt said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptChecks {
    /// Step 2, first half: the policy has a log with the checkpoint's origin.
    pub origin: Result<(), CheckpointError>,
    /// Step 2, second half: a key of that log signed the checkpoint.
    pub log_signature: Result<(), CheckpointError>,
    /// Step 3: the known witnesses' cosignatures are good and satisfy the quorum.
    pub quorum: Result<WitnessedCheckpoint, QuorumFailure>,
    /// Step 4: the entry is in the tree of the checkpoint.
    pub inclusion: Result<(), ProofError>,
}

impl ReceiptChecks {
    /// True if all checks passed.
    pub fn passed(&self) -> bool {
        self.origin.is_ok()
            && self.log_signature.is_ok()
            && self.quorum.is_ok()
            && self.inclusion.is_ok()
    }
}

/// Why the quorum check did not pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuorumFailure {
    /// Cosignatures are only looked at on a checkpoint that its log signed.
    #[error("not checked, because no key of the log signed the checkpoint")]
    NoLogSignature,
    /// The quorum is not there.
    #[error(transparent)]
    Quorum(#[from] QuorumError),
}

/// Why a receipt does not verify: the first check that did not pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptFailure {
    /// The origin is not acceptable, or the log did not sign.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The quorum is not there.
    #[error(transparent)]
    Quorum(#[from] QuorumError),
    /// The entry is not in the tree.
    #[error(transparent)]
    Inclusion(#[from] ProofError),
}

impl From<NoteError> for ReceiptFailure {
    fn from(error: NoteError) -> Self {
        Self::Checkpoint(error.into())
    }
}

/// A receipt of which every check passed: this leaf is in that log, at that place, and the witnesses saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedReceipt {
    leaf: LeafHash,
    index: LeafIndex,
    checkpoint: WitnessedCheckpoint,
}

impl VerifiedReceipt {
    /// The leaf hash that was verified.
    pub fn leaf(&self) -> &LeafHash {
        &self.leaf
    }

    /// Its place in the log.
    pub fn index(&self) -> LeafIndex {
        self.index
    }

    /// The checkpoint it is under.
    pub fn checkpoint(&self) -> &WitnessedCheckpoint {
        &self.checkpoint
    }
}

fn parse_extra(line: &str) -> Result<Vec<u8>, ReceiptError> {
    line.strip_prefix("extra ")
        .and_then(decode_base64)
        .ok_or(ReceiptError::Extra)
}

/// Reads hash lines up to an empty line; returns what follows it.
fn parse_hashes(text: &str) -> Result<(Vec<NodeHash>, &str), ReceiptError> {
    let mut hashes = Vec::new();
    let mut rest = text;
    loop {
        let (line, after) = take_line(rest).ok_or(ReceiptError::NoCheckpoint)?;
        if line.is_empty() {
            return Ok((hashes, after));
        }
        if hashes.len() >= MAX_INCLUSION_PROOF {
            return Err(ReceiptError::TooManyHashes);
        }
        // SPEC(tlog-proof): "The next zero or more non-empty lines are the base64-encoded Merkle inclusion proof for
        // the entry at the specified index in the checkpointed tree, one SHA-256 hash per line, starting from the
        // leaf's sibling hash up to the root's child hash."
        let hash = decode_hash(line).ok_or(ReceiptError::Hash {
            line: hashes.len().saturating_add(1),
        })?;
        hashes.push(NodeHash::from_bytes(hash));
        rest = after;
    }
}
