//! Signed notes (C2SP signed-note, "Format"): a text and the signatures on it.
//!
//! ```text
//! This is an example message.                        the text, each line with its newline
//!                                                    an empty line
//! — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tna...    em dash, space, key name, space, base64(key ID || signature)
//! ```
//!
//! A [`Note`] is only parsed. [`Note::verify`] applies the rule of the specification: signatures of unknown keys
//! are ignored, each signature of a known key must be good, and at least one must be there.
//!
//! ```
//! use counterfoil_tiles::key::KeyRing;
//! use counterfoil_tiles::note::Note;
//! let note = Note::parse("This is an example message.\n\n\
//!     — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
//!     .as_bytes())?;
//! assert_eq!(note.text(), "This is an example message.\n");
//! let key = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".parse()?;
//! assert_eq!(note.verify(&KeyRing::new([key])?)?.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::fmt;
use core::str::FromStr;

use crate::cosignature::{Timestamp, verify_note_signature};
use crate::key::{Algorithm, KeyError, KeyId, KeyName, KeyRing};
use crate::text::{decode_base64, encode_base64, take_line};

/// Largest note that is read, in bytes: that of `golang.org/x/mod`, and room for [`MAX_SIGNATURES`] post-quantum
/// signatures ("up to nearly 5kB in size").
pub const MAX_NOTE_SIZE: usize = 1_000_000;

/// Most signature lines that are read: that of `golang.org/x/mod`; the specification asks for at least 16.
// SPEC(signed-note): "Verifiers SHOULD apply a maximum limit to the number of signatures in a note (or,
// equivalently, to the overall size of a note), but MUST accept at least up to 16 signatures."
pub const MAX_SIGNATURES: usize = 100;

const SIGNATURE_PREFIX: &str = "— ";

/// Why bytes are not a signed note, or why a note does not verify.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// More bytes than [`MAX_NOTE_SIZE`].
    #[error("a note has at most {MAX_NOTE_SIZE} bytes, found {found}")]
    TooLarge {
        /// Bytes found.
        found: usize,
    },
    /// The bytes are not UTF-8.
    #[error("a note is UTF-8; byte {at} is not")]
    NotUtf8 {
        /// Offset of the first bad byte.
        at: usize,
    },
    /// A control character other than newline.
    #[error("a note holds no control characters but newline; found 0x{byte:02x} at byte {at}")]
    ControlCharacter {
        /// The character.
        byte: u8,
        /// Its offset.
        at: usize,
    },
    /// No text ending in a newline, followed by an empty line.
    #[error("expected a text that ends in a newline, an empty line, and signature lines")]
    Shape,
    /// A signature line is not of the form `— <key name> <base64>`.
    #[error("signature line {line}: expected {expected}")]
    SignatureLine {
        /// Which signature line, from 1.
        line: usize,
        /// What was expected.
        expected: &'static str,
    },
    /// The key name in a signature line is not one.
    #[error("signature line {line}: {error}")]
    KeyName {
        /// Which signature line, from 1.
        line: usize,
        /// What is wrong with the name.
        error: KeyError,
    },
    /// More signature lines than are read.
    #[error("a note has at most {MAX_SIGNATURES} signatures")]
    TooManySignatures,
    /// A known key's signature does not verify.
    #[error("the signature by the known key {name}+{key_id} does not verify")]
    BadSignature {
        /// The key's name.
        name: KeyName,
        /// The key's ID.
        key_id: KeyId,
    },
    /// No signature is by a known key.
    #[error("no signature is by a known key")]
    NoKnownSignature,
}

/// One signature line: who claims to have signed, and the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureLine {
    name: KeyName,
    key_id: KeyId,
    signature: Vec<u8>,
}

impl SignatureLine {
    /// A line from its parts. The signature is the bytes after the key ID; it must not be empty.
    pub fn new(name: KeyName, key_id: KeyId, signature: Vec<u8>) -> Result<Self, NoteError> {
        if signature.is_empty() {
            return Err(NoteError::SignatureLine {
                line: 1,
                expected: "a signature after the key ID",
            });
        }
        Ok(Self {
            name,
            key_id,
            signature,
        })
    }

    /// The key name.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The key ID.
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The signature without the key ID; for cosignatures it starts with the timestamp.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// True if both lines claim the same key.
    pub fn same_key(&self, other: &Self) -> bool {
        self.key_id == other.key_id && self.name == other.name
    }

    fn parse(text: &str, line: usize) -> Result<Self, NoteError> {
        let shape = |expected| NoteError::SignatureLine { line, expected };
        let rest = text
            .strip_prefix(SIGNATURE_PREFIX)
            .ok_or_else(|| shape("an em dash and a space at the start"))?;
        let (name, encoded) = rest
            .split_once(' ')
            .ok_or_else(|| shape("a key name, a space and base64"))?;
        let name = KeyName::new(name).map_err(|error| NoteError::KeyName { line, error })?;
        let bytes = decode_base64(encoded)
            .ok_or_else(|| shape("canonical, padded base64 after the key name"))?;
        match bytes.split_first_chunk() {
            Some((key_id, signature)) if !signature.is_empty() => Ok(Self {
                name,
                key_id: KeyId::from_bytes(*key_id),
                signature: signature.to_vec(),
            }),
            _ => Err(shape("a four-byte key ID and a signature")),
        }
    }
}

impl fmt::Display for SignatureLine {
    /// The line without its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.key_id.to_bytes()[..], &self.signature].concat();
        write!(
            f,
            "{SIGNATURE_PREFIX}{} {}",
            self.name,
            encode_base64(&bytes)
        )
    }
}

impl FromStr for SignatureLine {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        Self::parse(text, 1)
    }
}

/// Reads one or more signature lines, each ended by a newline, and nothing else.
pub fn parse_signature_lines(text: &str) -> Result<Vec<SignatureLine>, NoteError> {
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let number = lines.len().saturating_add(1);
        if number > MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        let (line, after) = take_line(rest).ok_or(NoteError::SignatureLine {
            line: number,
            expected: "a newline at the end of the line",
        })?;
        lines.push(SignatureLine::parse(line, number)?);
        rest = after;
    }
    if lines.is_empty() {
        return Err(NoteError::SignatureLine {
            line: 1,
            expected: "at least one signature line",
        });
    }
    Ok(lines)
}

/// A signature that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedSignature {
    /// The key's name.
    pub name: KeyName,
    /// The key's ID.
    pub key_id: KeyId,
    /// The key's algorithm.
    pub algorithm: Algorithm,
    /// When the signer says that it signed; none for plain Ed25519 signatures.
    pub timestamp: Option<Timestamp>,
}

/// A note as parsed: nothing about it is verified.
///
/// Parsing is exact: the bytes of a note are those it was parsed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    whole: String,
    text_length: usize,
    signatures: Vec<SignatureLine>,
}

impl Note {
    /// Parses a note.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        let whole = check_characters(bytes)?;
        // SPEC(signed-note): "The note text MAY contain empty lines; the text is separated from the signatures by
        // the last empty line in the note."
        let (before, signatures) = whole.rsplit_once("\n\n").ok_or(NoteError::Shape)?;
        // SPEC(signed-note): "The note text includes the final newline but not the separating blank line."
        let text_length = before.len().saturating_add(1);
        let signatures = parse_signature_lines(signatures)?;
        Ok(Self {
            whole: whole.to_owned(),
            text_length,
            signatures,
        })
    }

    /// Puts a note together.
    pub fn new(text: &str, signatures: Vec<SignatureLine>) -> Result<Self, NoteError> {
        if !text.ends_with('\n') {
            return Err(NoteError::Shape);
        }
        if signatures.is_empty() {
            return Err(NoteError::SignatureLine {
                line: 1,
                expected: "at least one signature line",
            });
        }
        if signatures.len() > MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        let mut whole = format!("{text}\n");
        for line in &signatures {
            push_line(&mut whole, line);
        }
        check_characters(whole.as_bytes())?;
        Ok(Self {
            whole,
            text_length: text.len(),
            signatures,
        })
    }

    /// The whole note.
    pub fn as_str(&self) -> &str {
        &self.whole
    }

    /// The whole note as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.whole.as_bytes()
    }

    /// The text that is signed, with its final newline.
    pub fn text(&self) -> &str {
        // The length was measured on this string, at a newline.
        self.whole.get(..self.text_length).unwrap_or_default()
    }

    /// The signature lines in their order.
    pub fn signatures(&self) -> &[SignatureLine] {
        &self.signatures
    }

    /// Verifies the signatures of the known keys; returns them, at least one.
    pub fn verify(&self, known: &KeyRing) -> Result<Vec<VerifiedSignature>, NoteError> {
        let mut verified = Vec::new();
        let mut earlier: Vec<&SignatureLine> = Vec::new();
        for line in &self.signatures {
            // SPEC(signed-note): "Verifiers MUST ignore signatures from unknown keys, even if they share a name or
            // ID (but not both) with a known key."
            let Some(key) = known.find(&line.name, line.key_id) else {
                continue;
            };
            // A repeated line says nothing new, and must not cost another verification.
            if earlier.contains(&line) {
                continue;
            }
            earlier.push(line);
            // SPEC(signed-note): "If the key name and ID match a known key, verifiers MUST verify the signature.
            // If a signature from a known key fails to verify, clients SHOULD reject the whole note."
            let timestamp =
                verify_note_signature(key, self.text(), &line.signature).map_err(|_| {
                    NoteError::BadSignature {
                        name: line.name.clone(),
                        key_id: line.key_id,
                    }
                })?;
            verified.push(VerifiedSignature {
                name: line.name.clone(),
                key_id: line.key_id,
                algorithm: key.algorithm(),
                timestamp,
            });
        }
        // SPEC(signed-note): "If no signature from a known key verifies successfully, clients MUST reject the note."
        if verified.is_empty() {
            Err(NoteError::NoKnownSignature)
        } else {
            Ok(verified)
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.whole)
    }
}

impl FromStr for Note {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        Self::parse(text.as_bytes())
    }
}

/// Appends a signature line and its newline.
pub(crate) fn push_line(text: &mut String, line: &SignatureLine) {
    text.push_str(&line.to_string());
    text.push('\n');
}

fn check_characters(bytes: &[u8]) -> Result<&str, NoteError> {
    if bytes.len() > MAX_NOTE_SIZE {
        return Err(NoteError::TooLarge { found: bytes.len() });
    }
    // SPEC(signed-note): "Signed notes MUST be valid UTF-8 and MUST NOT contain any ASCII control characters (those
    // below U+0020) other than newline."
    let text = str::from_utf8(bytes).map_err(|error| NoteError::NotUtf8 {
        at: error.valid_up_to(),
    })?;
    match bytes
        .iter()
        .enumerate()
        .find(|(_, byte)| **byte < b' ' && **byte != b'\n')
    {
        Some((at, &byte)) => Err(NoteError::ControlCharacter { byte, at }),
        None => Ok(text),
    }
}
