//! A log as the suite plays it: its keys, its tree, and the requests that it makes.

use counterfoil_tiles::checkpoint::Checkpoint;
use counterfoil_tiles::cosignature::sign_as_log;
use counterfoil_tiles::key::{Algorithm, KeyError, KeyName, PrivateKey, Seed, SigningKey, Vkey};
use counterfoil_tiles::note::SignatureLine;
use sha2::{Digest as _, Sha256};

use aws_lc_rs::signature::Ed25519KeyPair;

use crate::tree::{Hash, LARGEST, Tree, consistency_length, encode};

/// Why keys make no log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// A witness's key is no log's.
    #[error("the key {0} is a witness's: a log signs with Ed25519 or ML-DSA-44")]
    Algorithm(Box<Vkey>),
    /// The first key must sign what is no checkpoint.
    #[error("the first key of the log {0} must be an Ed25519 key")]
    First(String),
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The cryptographic library refuses the key.
    #[error("the cryptographic library refuses the key")]
    Refused,
}

/// One key of a log.
#[derive(Debug)]
pub(crate) struct Signer {
    key: SigningKey,
    /// For texts that are no checkpoints.
    pair: Option<Ed25519KeyPair>,
}

impl Signer {
    fn new(key: PrivateKey) -> Result<Self, LogError> {
        let pair = match key.to_pkcs8() {
            Some(document) => Some(
                Ed25519KeyPair::from_pkcs8_maybe_unchecked(&document)
                    .map_err(|_| LogError::Refused)?,
            ),
            None => None,
        };
        if key.vkey().algorithm() == Algorithm::CosignatureV1 {
            return Err(LogError::Algorithm(Box::new(key.vkey().clone())));
        }
        Ok(Self {
            key: key.into_signing_key(),
            pair,
        })
    }

    /// A key that no witness knows.
    pub(crate) fn stranger(name: &str) -> Result<Self, LogError> {
        let seed = Seed::new(Sha256::digest(b"counterfoil conformance stranger").into());
        Self::new(PrivateKey::new(
            KeyName::new(name)?,
            Algorithm::Ed25519,
            seed,
        )?)
    }

    pub(crate) fn vkey(&self) -> &Vkey {
        self.key.vkey()
    }

    /// The signature of a text, in a line with its newline. Only Ed25519 keys sign what is no checkpoint.
    pub(crate) fn line(&self, text: &[u8]) -> Option<String> {
        if let Some(pair) = &self.pair {
            let signature = pair.try_sign(text).ok()?;
            return line(self.key.name(), self.vkey(), signature.as_ref());
        }
        let checkpoint = Checkpoint::parse(str::from_utf8(text).ok()?).ok()?;
        let line = sign_as_log(&self.key, &checkpoint).ok()?;
        Some(format!("{line}\n"))
    }

    /// A line that claims to be this key's signature and is not.
    pub(crate) fn bad_line(&self, text: &[u8]) -> Option<String> {
        let good: SignatureLine = self.line(text)?.trim_end().parse().ok()?;
        let mut signature = good.signature().to_vec();
        let middle = signature.len() / 2;
        *signature.get_mut(middle)? ^= 1;
        line(self.key.name(), self.vkey(), &signature)
    }
}

fn line(name: &KeyName, vkey: &Vkey, signature: &[u8]) -> Option<String> {
    let line = SignatureLine::new(name.clone(), vkey.id(), signature.to_vec()).ok()?;
    Some(format!("{line}\n"))
}

/// A log that the witness follows.
#[derive(Debug)]
pub struct TestLog {
    pub(crate) origin: String,
    pub(crate) signers: Vec<Signer>,
    pub(crate) tree: Tree,
    /// The size that the witness recorded last, as far as is known.
    pub(crate) recorded: u64,
    /// Why the log can no longer be used: the witness cosigned what is not in the tree, or what it has cannot be told.
    pub(crate) lost: Option<String>,
    /// The newest checkpoint that the witness cosigned, with the lines it answered.
    pub(crate) cosigned: Option<Cosigned>,
}

/// A checkpoint and what the witness answered.
#[derive(Debug, Clone)]
pub(crate) struct Cosigned {
    pub(crate) size: u64,
    pub(crate) text: String,
    pub(crate) lines: String,
}

impl TestLog {
    /// The log with an origin and private keys, all of which the witness must trust for it. The first must be Ed25519.
    pub fn new(origin: &str, keys: Vec<PrivateKey>) -> Result<Self, LogError> {
        let signers: Vec<Signer> = keys
            .into_iter()
            .map(Signer::new)
            .collect::<Result<_, _>>()?;
        if signers.first().is_none_or(|signer| signer.pair.is_none()) {
            return Err(LogError::First(origin.to_owned()));
        }
        Ok(Self {
            origin: origin.to_owned(),
            signers,
            tree: Tree::default(),
            recorded: 0,
            lost: None,
            cosigned: None,
        })
    }

    /// The origin's hash as the monitoring prefix has it.
    pub(crate) fn origin_hash(&self) -> String {
        hex::encode(Sha256::digest(self.origin.as_bytes()))
    }

    /// The checkpoint's text for a size.
    pub(crate) fn text(&mut self, size: u64) -> String {
        let root = self.tree.root(size);
        self.text_with(&size.to_string(), &encode(&root))
    }

    /// A text with a size and a root of the caller's choice.
    pub(crate) fn text_with(&self, size: &str, root: &str) -> String {
        format!("{}\n{size}\n{root}\n", self.origin)
    }

    /// The first key's signature line.
    pub(crate) fn sign(&self, text: impl AsRef<[u8]>) -> String {
        self.signers
            .first()
            .and_then(|signer| signer.line(text.as_ref()))
            .unwrap_or_default()
    }

    /// A good request for the step from the recorded size to another.
    pub(crate) fn draft(&mut self, size: u64) -> Draft {
        let text = self.text(size);
        let proof = match self.recorded {
            0 => Vec::new(),
            old => self.tree.consistency(old, size),
        };
        Draft {
            old: format!("old {}", self.recorded),
            proof: proof.iter().map(encode).collect(),
            signatures: self.sign(&text),
            text,
        }
    }

    /// A larger size to which the proof from the recorded one has three hashes at least, if the recorded one is above 4.
    pub(crate) fn next_size(&self) -> u64 {
        // Odd sizes, because the proof from an odd size has a hash at every level.
        let old = self.recorded;
        (old + 1..4 * old + 64)
            .find(|new| new % 2 == 1 && consistency_length(old, *new) >= 3)
            .unwrap_or(old + 5)
    }

    /// Why the log cannot be used any more, if it cannot.
    pub(crate) fn unusable(&self) -> Option<String> {
        if self.recorded > LARGEST {
            return Some(format!("the witness has size {}, too large", self.recorded));
        }
        self.lost.clone()
    }
}

/// The parts of a request, to be changed before it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    /// The first line.
    pub(crate) old: String,
    /// The proof's lines.
    pub(crate) proof: Vec<String>,
    /// The checkpoint's text.
    pub(crate) text: String,
    /// Signature lines, each with its newline.
    pub(crate) signatures: String,
}

impl Draft {
    /// The body.
    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = format!("{}\n", self.old);
        for hash in &self.proof {
            body.push_str(hash);
            body.push('\n');
        }
        format!("{body}\n{}\n{}", self.text, self.signatures).into_bytes()
    }
}

/// A hash with one bit changed, as a proof line.
pub(crate) fn flipped(line: &str) -> String {
    use base64::Engine as _;
    let mut hash: Hash = base64::engine::general_purpose::STANDARD
        .decode(line)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .unwrap_or_default();
    hash[7] ^= 0x10;
    encode(&hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> TestLog {
        let seed = Seed::new([7; 32]);
        let name = KeyName::new("example.com/log").expect("a name");
        let key = PrivateKey::new(name, Algorithm::Ed25519, seed).expect("a key");
        TestLog::new("example.com/log", vec![key]).expect("a log")
    }

    #[test]
    fn there_is_always_a_step_whose_proof_can_be_spoilt() {
        let mut log = log();
        for recorded in 5..300 {
            log.recorded = recorded;
            let size = log.next_size();
            let proof = log.draft(size).proof;
            assert!(proof.len() >= 3, "{recorded} to {size}: {proof:?}");
            assert_ne!(proof[0], proof[1]);
        }
    }

    #[test]
    fn bad_lines_claim_the_key_and_do_not_verify() {
        use counterfoil_tiles::key::KeyRing;
        use counterfoil_tiles::note::{Note, NoteError};
        let mut log = log();
        let text = log.text(3);
        let ring = KeyRing::new([log.signers[0].vkey().clone()]).expect("a ring");
        let note =
            |line: String| Note::parse(format!("{text}\n{line}").as_bytes()).expect("a note");
        assert!(note(log.sign(&text)).verify(&ring).is_ok());
        let bad = log.signers[0].bad_line(text.as_bytes()).expect("a line");
        assert!(matches!(
            note(bad).verify(&ring),
            Err(NoteError::BadSignature { .. })
        ));
    }

    #[test]
    fn logs_sign_with_ed25519_first() {
        let key = |algorithm| {
            let name = KeyName::new("example.com/log").expect("a name");
            PrivateKey::new(name, algorithm, Seed::new([7; 32])).expect("a key")
        };
        assert!(TestLog::new("log", vec![key(Algorithm::MlDsa44)]).is_err());
        assert!(TestLog::new("log", vec![key(Algorithm::CosignatureV1)]).is_err());
        assert!(TestLog::new("log", vec![]).is_err());
        assert!(
            TestLog::new(
                "log",
                vec![key(Algorithm::Ed25519), key(Algorithm::MlDsa44)]
            )
            .is_ok()
        );
    }
}
