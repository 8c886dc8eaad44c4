//! Signatures of checkpoints and subtrees (C2SP tlog-cosignature), and which message each algorithm signs.
//!
//! A cosignature is, after the key ID, a timestamp and a signature: `u64 timestamp (big endian) || signature`.
//!
//! | type | signs |
//! |---|---|
//! | 0x01 Ed25519 | the note text |
//! | 0x04 Ed25519 cosignature/v1 | two header lines and the note text |
//! | 0x06 ML-DSA-44 | a binary structure: the cosigner's name, the time, the origin, a range of leaves and its hash |
//!
//! The message of 0x04, from the specification's example:
//!
//! ```
//! use counterfoil_tiles::cosignature::{Timestamp, ed25519_message};
//! let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
//! assert_eq!(
//!     ed25519_message(Timestamp::new(1_679_315_147)?, text),
//!     b"cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n\
//!       CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
//! );
//! # Ok::<(), counterfoil_tiles::cosignature::CosignatureError>(())
//! ```

use crate::checkpoint::{Checkpoint, Origin};
use crate::hash::NodeHash;
use crate::key::{Algorithm, InvalidSignature, SignError, SigningKey, Vkey};
use crate::note::SignatureLine;
use crate::proof::Subtree;

/// Longest cosigner name and longest origin in an ML-DSA-44 message: their length is one byte.
pub const MAX_COSIGNED_NAME: usize = 255;

/// What breaks a rule of cosignatures.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CosignatureError {
    /// A time after 2^63-1.
    #[error("a cosignature's timestamp is at most 2^63-1, found {0}")]
    Timestamp(u64),
}

/// When a cosigner signed, in seconds since the Epoch; zero if it makes no statement about the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// No statement that the tree is the largest that the cosigner saw.
    pub const ZERO: Self = Self(0);

    /// The last timestamp, 2^63-1.
    pub const MAX: Self = Self(i64::MAX.cast_unsigned());

    /// Checks a timestamp.
    pub fn new(seconds: u64) -> Result<Self, CosignatureError> {
        // SPEC(tlog-cosignature): "It MUST NOT exceed 2^63 - 1, and verifiers MAY reject cosignatures with
        // timestamps in the future."
        if seconds > Self::MAX.0 {
            Err(CosignatureError::Timestamp(seconds))
        } else {
            Ok(Self(seconds))
        }
    }

    /// Seconds since the Epoch.
    pub fn seconds(self) -> u64 {
        self.0
    }

    /// The timestamp that a signature of that algorithm claims; none if it has none. Nothing is verified.
    pub fn of_signature(algorithm: Algorithm, signature: &[u8]) -> Option<Self> {
        match algorithm {
            Algorithm::Ed25519 => None,
            Algorithm::CosignatureV1 | Algorithm::MlDsa44 => {
                split(signature).ok().map(|(timestamp, _)| timestamp)
            }
        }
    }
}

/// The message that an Ed25519 cosignature (0x04) signs.
pub fn ed25519_message(timestamp: Timestamp, text: &str) -> Vec<u8> {
    // SPEC(tlog-cosignature): "The signed message MUST be two newline (U+000A) terminated lines (one header line and
    // one timestamp line) followed by the whole note body of the cosigned checkpoint (including the final newline,
    // but not including any signature lines)."
    // SPEC(tlog-cosignature): "The header line MUST be the fixed string `cosignature/v1`, and provides domain
    // separation."
    // SPEC(tlog-cosignature): "The timestamp line MUST consist of the string `time`, a single space (0x20), and
    // `timestamped_signature.timestamp` encoded as an ASCII decimal with no leading zeroes."
    // SPEC(tlog-cosignature): "Extension lines MAY be included in the checkpoint by the log, and if present MUST be
    // included in the cosigned message."
    format!("cosignature/v1\ntime {}\n{text}", timestamp.0).into_bytes()
}

/// The message that an ML-DSA-44 cosignature (0x06) signs; none if a name is too long or the timestamp is not
/// allowed for the range.
pub fn ml_dsa_message(
    cosigner: &str,
    timestamp: Timestamp,
    origin: &Origin,
    subtree: Subtree,
    hash: &NodeHash,
) -> Result<Vec<u8>, &'static str> {
    let name_length =
        length_byte(cosigner).ok_or("the cosigner's name is longer than 255 bytes")?;
    let origin_length =
        length_byte(origin.as_str()).ok_or("the origin is longer than 255 bytes")?;
    // SPEC(tlog-cosignature): "If `start` is not zero, `timestamp` MUST be zero."
    if subtree.start() != 0 && timestamp != Timestamp::ZERO {
        return Err("a subtree that does not start at leaf 0 is signed with timestamp 0");
    }
    // SPEC(tlog-cosignature): "The signed message MUST be a `cosigned_message` structure."
    let mut message = b"subtree/v1\n\0".to_vec();
    message.push(name_length);
    message.extend_from_slice(cosigner.as_bytes());
    message.extend_from_slice(&timestamp.0.to_be_bytes());
    message.push(origin_length);
    message.extend_from_slice(origin.as_str().as_bytes());
    message.extend_from_slice(&subtree.start().to_be_bytes());
    message.extend_from_slice(&subtree.end().to_be_bytes());
    message.extend_from_slice(hash.as_bytes());
    Ok(message)
}

/// Signs a checkpoint as its log: Ed25519 over the text, or the log's own ML-DSA-44 cosignature with timestamp 0 (a
/// log that takes entries cannot say which tree is the largest).
pub fn sign_as_log(key: &SigningKey, checkpoint: &Checkpoint) -> Result<SignatureLine, SignError> {
    match key.algorithm() {
        Algorithm::Ed25519 => line(key, key.sign_message(checkpoint.to_string().as_bytes())?),
        Algorithm::MlDsa44 => cosign_checkpoint(key, checkpoint, Timestamp::ZERO),
        algorithm @ Algorithm::CosignatureV1 => Err(SignError::Algorithm {
            algorithm,
            what: "as a log: its statement is about a time",
        }),
    }
}

/// Cosigns a checkpoint.
pub fn cosign_checkpoint(
    key: &SigningKey,
    checkpoint: &Checkpoint,
    timestamp: Timestamp,
) -> Result<SignatureLine, SignError> {
    match key.algorithm() {
        Algorithm::CosignatureV1 => {
            let message = ed25519_message(timestamp, &checkpoint.to_string());
            line(key, timestamped(timestamp, &key.sign_message(&message)?))
        }
        Algorithm::MlDsa44 => {
            // SPEC(tlog-cosignature): "If signing a [checkpoint][], it MUST be zero."
            let whole = Subtree::whole(checkpoint.size());
            cosign_subtree(
                key,
                checkpoint.origin(),
                whole,
                checkpoint.root(),
                timestamp,
            )
        }
        algorithm @ Algorithm::Ed25519 => Err(SignError::Algorithm {
            algorithm,
            what: "cosignatures",
        }),
    }
}

/// Cosigns a subtree of the log with an origin; only ML-DSA-44 keys can. The timestamp must be zero unless the subtree
/// starts at leaf 0.
pub fn cosign_subtree(
    key: &SigningKey,
    origin: &Origin,
    subtree: Subtree,
    hash: &NodeHash,
    timestamp: Timestamp,
) -> Result<SignatureLine, SignError> {
    if key.algorithm() != Algorithm::MlDsa44 {
        return Err(SignError::Algorithm {
            algorithm: key.algorithm(),
            what: "subtrees",
        });
    }
    let message = ml_dsa_message(key.name().as_str(), timestamp, origin, subtree, hash)
        .map_err(SignError::Message)?;
    line(key, timestamped(timestamp, &key.sign_message(&message)?))
}

/// Verifies a subtree cosignature (timestamp and signature, without key ID); returns its timestamp.
pub fn verify_subtree(
    key: &Vkey,
    origin: &Origin,
    subtree: Subtree,
    hash: &NodeHash,
    signature: &[u8],
) -> Result<Timestamp, InvalidSignature> {
    if key.algorithm() != Algorithm::MlDsa44 {
        return Err(InvalidSignature);
    }
    let (timestamp, signature) = split(signature)?;
    let message = ml_dsa_message(key.name().as_str(), timestamp, origin, subtree, hash)
        .map_err(|_| InvalidSignature)?;
    key.public_key().verify(&message, signature)?;
    Ok(timestamp)
}

/// Verifies what follows the key ID in a signature line on a note, by the rule of the key's algorithm. Returns the
/// timestamp of a cosignature.
pub(crate) fn verify_note_signature(
    key: &Vkey,
    text: &str,
    signature: &[u8],
) -> Result<Option<Timestamp>, InvalidSignature> {
    match key.algorithm() {
        Algorithm::Ed25519 => {
            key.public_key().verify(text.as_bytes(), signature)?;
            Ok(None)
        }
        Algorithm::CosignatureV1 => {
            let (timestamp, signature) = split(signature)?;
            key.public_key()
                .verify(&ed25519_message(timestamp, text), signature)?;
            Ok(Some(timestamp))
        }
        Algorithm::MlDsa44 => {
            let checkpoint = Checkpoint::parse(text).map_err(|_| InvalidSignature)?;
            let whole = Subtree::whole(checkpoint.size());
            verify_subtree(
                key,
                checkpoint.origin(),
                whole,
                checkpoint.root(),
                signature,
            )
            .map(Some)
        }
    }
}

fn line(key: &SigningKey, signature: Vec<u8>) -> Result<SignatureLine, SignError> {
    SignatureLine::new(key.name().clone(), key.id(), signature)
        .map_err(|_| SignError::Message("an empty signature"))
}

fn timestamped(timestamp: Timestamp, signature: &[u8]) -> Vec<u8> {
    // SPEC(tlog-cosignature): "The signature MUST be a `timestamped_signature` structure."
    [&timestamp.0.to_be_bytes()[..], signature].concat()
}

fn split(signature: &[u8]) -> Result<(Timestamp, &[u8]), InvalidSignature> {
    let (seconds, signature) = signature.split_first_chunk().ok_or(InvalidSignature)?;
    let timestamp = Timestamp::new(u64::from_be_bytes(*seconds)).map_err(|_| InvalidSignature)?;
    Ok((timestamp, signature))
}

fn length_byte(text: &str) -> Option<u8> {
    u8::try_from(text.len()).ok().filter(|length| *length > 0)
}
