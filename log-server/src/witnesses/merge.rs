//! Which cosignatures go onto a checkpoint, when there are more than every verifier takes.

use counterfoil_tiles::checkpoint::{MAX_PUBLISHED_SIGNATURES, PublishError, merge};
use counterfoil_tiles::note::{Note, SignatureLine};
use counterfoil_tiles::policy::Policy;

use super::endpoint::is_by;

/// Adds verified cosignatures to a checkpoint. The note's own lines come first and all stay, those of one key replaced by a
/// newer one; then come those of the policy's witnesses in the policy's order. Where that makes more than
/// [`MAX_PUBLISHED_SIGNATURES`], what the quorum does not need is left out, from the end.
///
/// Fails if even the quorum does not fit.
pub fn add_cosignatures(
    note: &Note,
    cosignatures: &[SignatureLine],
    policy: &Policy,
) -> Result<Note, PublishError> {
    let keys = policy.witness_keys();
    let is_there = |line: &SignatureLine| note.signatures().iter().any(|own| own.same_key(line));
    let (mut whole, mut added) = (note.clone(), Vec::new());
    for line in cosignatures.iter().filter(|line| is_there(line)) {
        whole = merge(&whole, &alone(note, line)?, keys)?;
    }
    for witness in policy.witnesses() {
        let newest = cosignatures
            .iter()
            .filter(|line| is_by(line, witness) && !is_there(line))
            .map(|line| alone(note, line))
            .reduce(|first, second| merge(&first?, &second?, keys));
        if let Some(newest) = newest.transpose()? {
            added.extend_from_slice(newest.signatures());
        }
    }
    let room = MAX_PUBLISHED_SIGNATURES.saturating_sub(whole.signatures().len());
    for at in (0..added.len()).rev() {
        if added.len() <= room {
            break;
        }
        let mut fewer = added.clone();
        fewer.remove(at);
        let mut lines = whole.signatures().iter().chain(&fewer);
        let cosigned: Vec<&SignatureLine> = lines.by_ref().collect();
        if policy.satisfied_by(|witness| cosigned.iter().any(|line| is_by(line, witness))) {
            added = fewer;
        }
    }
    for line in added {
        whole = merge(&whole, &alone(note, &line)?, keys)?;
    }
    Ok(whole)
}

/// A note with one line.
fn alone(note: &Note, line: &SignatureLine) -> Result<Note, PublishError> {
    Ok(Note::new(note.text(), vec![line.clone()])?)
}
