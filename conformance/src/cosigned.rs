//! What a witness answered with 200: which lines there are, and whether they are its cosignatures.

use std::time::{SystemTime, UNIX_EPOCH};

use counterfoil_tiles::checkpoint::{Checkpoint, Origin};
use counterfoil_tiles::cosignature::{Timestamp, verify_subtree};
use counterfoil_tiles::hash::NodeHash;
use counterfoil_tiles::key::{Algorithm, KeyRing, Vkey};
use counterfoil_tiles::note::{Note, SignatureLine, parse_signature_lines};
use counterfoil_tiles::proof::Subtree;

/// One line of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// Whose it is, if a vkey was given for it.
    pub(crate) key: Option<Vkey>,
    /// The timestamp that it claims.
    pub(crate) timestamp: Option<u64>,
    /// Whether it verifies; for lines of unknown keys nothing can be said.
    pub(crate) valid: bool,
}

/// Reads the lines of an answer to add-checkpoint for a checkpoint's text.
pub(crate) fn read(body: &[u8], text: &str, known: &KeyRing) -> Result<Vec<Line>, String> {
    lines(body)?
        .into_iter()
        .map(|line| {
            let note = Note::new(text, vec![line.clone()]).map_err(|error| error.to_string())?;
            let key = known.find(line.name(), line.key_id()).cloned();
            Ok(Line {
                timestamp: claimed(&line, key.as_ref()),
                valid: key.is_some() && note.verify(known).is_ok(),
                key,
            })
        })
        .collect()
}

/// Reads the lines of an answer to sign-subtree.
pub(crate) fn read_subtree(
    body: &[u8],
    text: &str,
    subtree: (u64, u64),
    hash: [u8; 32],
    known: &KeyRing,
) -> Result<Vec<Line>, String> {
    let checkpoint = Checkpoint::parse(text).map_err(|error| error.to_string())?;
    let subtree = Subtree::new(subtree.0, subtree.1).map_err(|error| error.to_string())?;
    let verify = |key: &Vkey, line: &SignatureLine, origin: &Origin| {
        key.algorithm() == Algorithm::MlDsa44
            && verify_subtree(
                key,
                origin,
                subtree,
                &NodeHash::from_bytes(hash),
                line.signature(),
            )
            .is_ok()
    };
    Ok(lines(body)?
        .into_iter()
        .map(|line| {
            let key = known.find(line.name(), line.key_id()).cloned();
            Line {
                timestamp: claimed(&line, key.as_ref()),
                valid: key
                    .as_ref()
                    .is_some_and(|key| verify(key, &line, checkpoint.origin())),
                key,
            }
        })
        .collect())
}

fn lines(body: &[u8]) -> Result<Vec<SignatureLine>, String> {
    let text = str::from_utf8(body).map_err(|_| "the body is not UTF-8".to_owned())?;
    parse_signature_lines(text).map_err(|error| error.to_string())
}

/// The timestamp in a line; where the key is not known, by the length that cosignatures have.
fn claimed(line: &SignatureLine, key: Option<&Vkey>) -> Option<u64> {
    let algorithm = match key {
        Some(key) => key.algorithm(),
        None => match line.signature().len() {
            72 => Algorithm::CosignatureV1,
            2428 => Algorithm::MlDsa44,
            _ => return None,
        },
    };
    Timestamp::of_signature(algorithm, line.signature()).map(Timestamp::seconds)
}

/// Whether an answer to add-checkpoint is what a client can use: every given key's cosignature is there and good.
pub(crate) fn usable(body: &[u8], text: &str, known: &KeyRing) -> Result<String, String> {
    let lines = read(body, text, known)?;
    if let Some(bad) = lines.iter().find(|line| line.key.is_some() && !line.valid) {
        return Err(format!(
            "the {} does not verify",
            bad.key
                .as_ref()
                .map_or_else(String::new, |key| key.algorithm().to_string())
        ));
    }
    let missing = known.iter().find(|key| {
        !lines
            .iter()
            .any(|line| line.valid && line.key.as_ref() == Some(key))
    });
    if let Some(missing) = missing {
        return Err(format!("the {} is missing", missing.algorithm()));
    }
    if lines.iter().any(|line| line.timestamp == Some(0)) {
        return Err("a timestamp is 0".to_owned());
    }
    Ok(match lines.len() {
        1 => "1 cosignature".to_owned(),
        count => format!("{count} cosignatures"),
    })
}

/// Seconds since the Epoch.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
