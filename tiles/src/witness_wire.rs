//! Bodies of the witness protocol (C2SP tlog-witness): what a log sends to a witness, and what it gets back.
//!
//! ```text
//! old 20852014                                        add-checkpoint: size the witness is thought to have
//! PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=        consistency proof from there
//! ...
//!                                                     an empty line
//! example.com/behind-the-sofa                         the new checkpoint
//! ...
//! ```
//!
//! The answer is signature lines ([`parse_cosignatures`]), or, with status 409, the witness's size
//! ([`parse_size`]). Parsing covers everything that makes a body malformed; which of the other answers a witness
//! gives, and in which order, is the witness's business.

use core::fmt;

use crate::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
use crate::cosignature::Timestamp;
use crate::hash::{NodeHash, TreeSize};
use crate::key::KeyRing;
use crate::note::{
    MAX_NOTE_SIZE, Note, NoteError, SignatureLine, VerifiedSignature, parse_signature_lines,
    push_line,
};
use crate::proof::{ProofError, Subtree};
use crate::text::{decode_hash, encode_base64, parse_decimal, take_line};

/// Most lines of a consistency proof.
// SPEC(tlog-witness): "The client MUST NOT send more than 63 consistency proof lines."
pub const MAX_CONSISTENCY_PROOF: usize = 63;

/// Largest request that is read, in bytes: the largest note, and a proof, rounded up.
pub const MAX_REQUEST_SIZE: usize = MAX_NOTE_SIZE + 4_096;

/// Largest response that is read, in bytes: that of a note.
pub const MAX_RESPONSE_SIZE: usize = MAX_NOTE_SIZE;

/// The content type of a 409 answer.
// SPEC(tlog-witness): "The response MUST have a `Content-Type` of `text/x.tlog.size`."
pub const SIZE_CONTENT_TYPE: &str = "text/x.tlog.size";

/// Why a body is malformed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// More bytes than the limit.
    #[error("a body has at most {limit} bytes, found {found}")]
    TooLarge {
        /// The limit.
        limit: usize,
        /// Bytes found.
        found: usize,
    },
    /// The bytes are not UTF-8.
    #[error("a body is UTF-8; byte {at} is not")]
    NotUtf8 {
        /// Offset of the first bad byte.
        at: usize,
    },
    /// A line is missing or has another form.
    #[error("expected {0}")]
    Line(&'static str),
    /// A proof line is no hash.
    #[error("proof line {line}: expected 32 bytes in canonical base64")]
    Hash {
        /// Which hash, from 1.
        line: usize,
    },
    /// More proof lines than allowed.
    #[error("a consistency proof has at most {MAX_CONSISTENCY_PROOF} lines")]
    TooManyHashes,
    /// The range is no subtree.
    #[error(transparent)]
    Subtree(#[from] ProofError),
    /// The subtree reaches beyond the reference checkpoint.
    #[error("the subtree ends at {end}, beyond the checkpoint's size {size}")]
    BeyondCheckpoint {
        /// End of the subtree.
        end: u64,
        /// Size of the checkpoint.
        size: u64,
    },
    /// The checkpoint is no signed note.
    #[error("the checkpoint: {0}")]
    Note(#[from] NoteError),
    /// The note is no checkpoint.
    #[error("the checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// A witness answered add-checkpoint with a cosignature that says nothing about the time.
    #[error("the cosignature of a checkpoint has timestamp 0")]
    NoTimestamp,
}

/// The body of add-checkpoint. Nothing about it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpointRequest {
    old_size: TreeSize,
    proof: Vec<NodeHash>,
    note: Note,
    checkpoint: Checkpoint,
}

impl AddCheckpointRequest {
    /// A request to cosign the checkpoint of a note, with a consistency proof from the old size.
    pub fn new(old_size: TreeSize, proof: Vec<NodeHash>, note: Note) -> Result<Self, WireError> {
        if proof.len() > MAX_CONSISTENCY_PROOF {
            return Err(WireError::TooManyHashes);
        }
        let checkpoint = Checkpoint::parse(note.text())?;
        Ok(Self {
            old_size,
            proof,
            note,
            checkpoint,
        })
    }

    /// Parses a request body.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        // SPEC(tlog-witness): "The request body MUST be a sequence of an old size line, zero or more consistency proof
        // lines, and an empty line, followed by a [checkpoint][]."
        // SPEC(tlog-witness): "Each line MUST terminate in a newline character (U+000A)."
        let text = utf8(body, MAX_REQUEST_SIZE)?;
        // SPEC(tlog-witness): "The old size line MUST consist of the string `old`, a single space (0x20), and the
        // tree size of the previous checkpoint encoded as an ASCII decimal with no leading zeroes (unless the size is
        // zero, in which case the encoding MUST be `0`)."
        let shape =
            WireError::Line("`old ` and a size in decimal without leading zeros on the first line");
        let (line, rest) = take_line(text).ok_or_else(|| shape.clone())?;
        let old_size = line
            .strip_prefix("old ")
            .and_then(parse_decimal)
            .ok_or(shape)?;
        let (proof, rest) = parse_proof(rest)?;
        Self::new(
            TreeSize::new(old_size),
            proof,
            Note::parse(rest.as_bytes())?,
        )
    }

    /// The size that the client thinks the witness cosigned last.
    pub fn old_size(&self) -> TreeSize {
        self.old_size
    }

    /// The consistency proof from the old size to the checkpoint's.
    pub fn proof(&self) -> &[NodeHash] {
        &self.proof
    }

    /// The signed checkpoint, byte for byte.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// What the checkpoint says; not verified.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

impl fmt::Display for AddCheckpointRequest {
    /// The request body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size.get())?;
        write_proof(f, &self.proof)?;
        write!(f, "\n{}", self.note)
    }
}

/// The body of sign-subtree. Nothing about it is verified but that the range is a subtree within the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignSubtreeRequest {
    subtree: Subtree,
    hash: NodeHash,
    proof: Vec<NodeHash>,
    note: Note,
    checkpoint: Checkpoint,
}

impl SignSubtreeRequest {
    /// A request to cosign a subtree, with a proof that it is consistent with the checkpoint of a note.
    pub fn new(
        subtree: Subtree,
        hash: NodeHash,
        proof: Vec<NodeHash>,
        note: Note,
    ) -> Result<Self, WireError> {
        if proof.len() > MAX_CONSISTENCY_PROOF {
            return Err(WireError::TooManyHashes);
        }
        let checkpoint = Checkpoint::parse(note.text())?;
        // SPEC(tlog-witness): "The half-open interval `[start, end)` MUST be a valid subtree per
        // [draft-ietf-plants-merkle-tree-certs-03][], Section 4.1, and end MUST be less than or equal to the
        // checkpoint size."
        let (end, size) = (subtree.end(), checkpoint.size().get());
        if end > size {
            return Err(WireError::BeyondCheckpoint { end, size });
        }
        Ok(Self {
            subtree,
            hash,
            proof,
            note,
            checkpoint,
        })
    }

    /// Parses a request body.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        // SPEC(tlog-witness): "The request body MUST be a sequence of a subtree range line, a subtree hash line, zero or
        // more consistency proof lines, and an empty line, followed by a reference [checkpoint][]."
        let text = utf8(body, MAX_REQUEST_SIZE)?;
        // SPEC(tlog-witness): "The subtree range line MUST consist of the string `subtree`, a single space (0x20), the
        // subtree start encoded as an ASCII decimal with no leading zeroes (unless start is zero, in which case the
        // encoding MUST be `0`), a single space (0x20), and the subtree end encoded as an ASCII decimal with no
        // leading zeroes."
        let range_line = WireError::Line(
            "`subtree <start> <end>` in decimal without leading zeros on the first line",
        );
        let (line, rest) = take_line(text).ok_or_else(|| range_line.clone())?;
        let range = line
            .strip_prefix("subtree ")
            .and_then(|range| range.split_once(' '));
        let Some((Some(start), Some(end))) =
            range.map(|(start, end)| (parse_decimal(start), parse_decimal(end)))
        else {
            return Err(range_line);
        };
        // SPEC(tlog-witness): "The subtree hash line MUST be the Merkle Tree hash of the subtree encoded in base64."
        let hash_line = WireError::Line(
            "the hash of the subtree, 32 bytes in canonical base64, on the second line",
        );
        let (line, rest) = take_line(rest).ok_or_else(|| hash_line.clone())?;
        let hash = NodeHash::from_bytes(decode_hash(line).ok_or(hash_line)?);
        let (proof, rest) = parse_proof(rest)?;
        Self::new(
            Subtree::new(start, end)?,
            hash,
            proof,
            Note::parse(rest.as_bytes())?,
        )
    }

    /// The range to sign.
    pub fn subtree(&self) -> Subtree {
        self.subtree
    }

    /// The hash of the range.
    pub fn hash(&self) -> &NodeHash {
        &self.hash
    }

    /// The proof from the subtree to the checkpoint.
    pub fn proof(&self) -> &[NodeHash] {
        &self.proof
    }

    /// The reference checkpoint, byte for byte.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// What the reference checkpoint says; not verified.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

impl fmt::Display for SignSubtreeRequest {
    /// The request body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "subtree {} {}", self.subtree.start(), self.subtree.end())?;
        writeln!(f, "{}", encode_base64(self.hash.as_bytes()))?;
        write_proof(f, &self.proof)?;
        write!(f, "\n{}", self.note)
    }
}

/// Reads the body of a 200 answer: one or more signature lines.
pub fn parse_cosignatures(body: &[u8]) -> Result<Vec<SignatureLine>, WireError> {
    // SPEC(tlog-witness): "The response body MUST be a sequence of one or more [note][] signature lines, each starting
    // with the `—` character (U+2014) and ending with a newline character (U+000A)."
    Ok(parse_signature_lines(utf8(body, MAX_RESPONSE_SIZE)?)?)
}

/// Writes the body of a 200 answer.
pub fn encode_cosignatures(lines: &[SignatureLine]) -> String {
    let mut body = String::new();
    for line in lines {
        push_line(&mut body, line);
    }
    body
}

/// Verifies a 200 answer to add-checkpoint: returns the lines by known witnesses, each a good cosignature of the
/// checkpoint with a timestamp. Lines by unknown keys are left out; a bad one by a known key is an error.
pub fn verify_cosignatures(
    body: &[u8],
    signed: &SignedCheckpoint,
    witnesses: &KeyRing,
) -> Result<Vec<(SignatureLine, VerifiedSignature)>, WireError> {
    let mut good = Vec::new();
    for line in parse_cosignatures(body)? {
        // SPEC(tlog-witness): "The client MUST ignore any cosignatures from unknown keys."
        if witnesses.find(line.name(), line.key_id()).is_none() {
            continue;
        }
        let alone = Note::new(signed.note().text(), vec![line.clone()])?;
        for verified in alone.verify(witnesses)? {
            // SPEC(tlog-witness): "The cosignature MUST NOT omit the timestamp, i.e. the timestamp MUST NOT be zero."
            if verified
                .timestamp
                .is_none_or(|timestamp| timestamp == Timestamp::ZERO)
            {
                return Err(WireError::NoTimestamp);
            }
            good.push((line.clone(), verified));
        }
    }
    Ok(good)
}

/// Reads the body of a 409 answer: the size of the latest checkpoint that the witness cosigned.
pub fn parse_size(body: &[u8]) -> Result<TreeSize, WireError> {
    // SPEC(tlog-witness): "The response body MUST consist of the tree size of the latest cosigned checkpoint in
    // decimal, followed by a newline (U+000A)."
    let text = utf8(body, MAX_RESPONSE_SIZE)?;
    let size = text.strip_suffix('\n').and_then(parse_decimal);
    size.map(TreeSize::new).ok_or(WireError::Line(
        "a size in decimal without leading zeros, and a newline",
    ))
}

/// Writes the body of a 409 answer.
pub fn encode_size(size: TreeSize) -> String {
    format!("{}\n", size.get())
}

fn utf8(body: &[u8], limit: usize) -> Result<&str, WireError> {
    if body.len() > limit {
        return Err(WireError::TooLarge {
            limit,
            found: body.len(),
        });
    }
    str::from_utf8(body).map_err(|error| WireError::NotUtf8 {
        at: error.valid_up_to(),
    })
}

/// Reads proof lines up to an empty line; returns what follows it.
fn parse_proof(text: &str) -> Result<(Vec<NodeHash>, &str), WireError> {
    let mut hashes = Vec::new();
    let mut rest = text;
    loop {
        let (line, after) = take_line(rest).ok_or(WireError::Line(
            "an empty line and a checkpoint after the proof lines",
        ))?;
        if line.is_empty() {
            return Ok((hashes, after));
        }
        if hashes.len() >= MAX_CONSISTENCY_PROOF {
            return Err(WireError::TooManyHashes);
        }
        // SPEC(tlog-witness): "Each consistency proof line MUST encode a single hash in base64."
        let hash = decode_hash(line).ok_or(WireError::Hash {
            line: hashes.len().saturating_add(1),
        })?;
        hashes.push(NodeHash::from_bytes(hash));
        rest = after;
    }
}

fn write_proof(f: &mut fmt::Formatter<'_>, proof: &[NodeHash]) -> fmt::Result {
    proof
        .iter()
        .try_for_each(|hash| writeln!(f, "{}", encode_base64(hash.as_bytes())))
}
