//! How a log puts the checkpoints together that it publishes, and when one may replace another.
//!
//! A published checkpoint gives way to a larger one, or to one of the same text whose signatures are the same or
//! newer, key by key: what a verifier could verify before, it still can.

use super::Checkpoint;
use crate::cosignature::Timestamp;
use crate::key::KeyRing;
use crate::note::{Note, NoteError, SignatureLine};

/// Most signature lines on a checkpoint that a log publishes.
// SPEC(signed-note): "Verifiers SHOULD apply a maximum limit to the number of signatures in a note (or,
// equivalently, to the overall size of a note), but MUST accept at least up to 16 signatures."
// More could be refused by a verifier that follows the specification.
pub const MAX_PUBLISHED_SIGNATURES: usize = 16;

/// Why notes cannot be put together for publication.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The notes sign different texts.
    #[error("the notes sign different texts")]
    TextsDiffer,
    /// More signatures than every verifier must accept.
    #[error(
        "a published checkpoint has at most {MAX_PUBLISHED_SIGNATURES} signatures, this one would have {0}"
    )]
    TooManySignatures(usize),
    /// The parts are no note.
    #[error(transparent)]
    Note(#[from] NoteError),
}

/// Puts a checkpoint and its signatures together. Of several lines by one key the newest stays (see [`merge`]).
pub fn assemble(
    checkpoint: &Checkpoint,
    signatures: impl IntoIterator<Item = SignatureLine>,
    keys: &KeyRing,
) -> Result<Note, PublishError> {
    publishable(&checkpoint.to_string(), signatures, keys)
}

/// Unites two notes of one text: per key (name and ID) one line, and of two timestamped ones the newer. Where no
/// timestamp decides (plain signatures, keys that are not in `keys`), the line of `first` stays.
pub fn merge(first: &Note, second: &Note, keys: &KeyRing) -> Result<Note, PublishError> {
    if first.text() != second.text() {
        return Err(PublishError::TextsDiffer);
    }
    let lines = first.signatures().iter().chain(second.signatures());
    publishable(first.text(), lines.cloned(), keys)
}

/// True if `new` drops no signature that `old` has and none is older: for each key (name and ID) of `old`, `new`
/// has a signature by it, and where they are timestamped, one at least as new. A line by a key that is not in
/// `keys` must be there unchanged.
///
/// The signatures themselves must have been verified: this compares what they claim.
pub fn keeps_signatures(new: &Note, old: &Note, keys: &KeyRing) -> bool {
    old.signatures().iter().all(|old_line| {
        let Some(key) = keys.find(old_line.name(), old_line.key_id()) else {
            return new.signatures().contains(old_line);
        };
        let time =
            |line: &SignatureLine| Timestamp::of_signature(key.algorithm(), line.signature());
        let mut same_key = new
            .signatures()
            .iter()
            .filter(|line| line.same_key(old_line));
        same_key.any(|line| time(line) >= time(old_line))
    })
}

fn publishable(
    text: &str,
    signatures: impl IntoIterator<Item = SignatureLine>,
    keys: &KeyRing,
) -> Result<Note, PublishError> {
    let mut lines: Vec<SignatureLine> = Vec::new();
    for line in signatures {
        match lines.iter_mut().find(|known| known.same_key(&line)) {
            None => lines.push(line),
            Some(known) if is_newer(&line, known, keys) => *known = line,
            Some(_) => {}
        }
    }
    if lines.len() > MAX_PUBLISHED_SIGNATURES {
        return Err(PublishError::TooManySignatures(lines.len()));
    }
    Ok(Note::new(text, lines)?)
}

/// True if the timestamp says so: of keys that are not in `keys`, and of plain signatures, it says nothing.
pub(crate) fn is_newer(line: &SignatureLine, known: &SignatureLine, keys: &KeyRing) -> bool {
    let Some(key) = keys.find(line.name(), line.key_id()) else {
        return false;
    };
    let time = |line: &SignatureLine| Timestamp::of_signature(key.algorithm(), line.signature());
    time(line) > time(known)
}
