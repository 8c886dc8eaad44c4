//! What a receipt shows under a verifier's trust (tlog-proof, "Verifying a tlog proof"), each check by name.
//!
//! | check | passes if |
//! |---|---|
//! | `receipt` | the receipt is a tlog-proof, to the letter |
//! | `log signature` | its checkpoint is of a trusted log, and a trusted key of that log signed it |
//! | `quorum` | witnesses cosigned it as the policy demands |
//! | `entry` | what the verifier holds is the entry that the proof is about |
//! | `inclusion` | the proof leads from that entry to the root in the checkpoint |

use counterfoil_tiles::checkpoint::{CheckpointError, LogKey, SignedCheckpoint};
use counterfoil_tiles::cosignature::Timestamp;
use counterfoil_tiles::hash::LeafHash;
use counterfoil_tiles::note::NoteError;
use counterfoil_tiles::policy::{CosignatureCheck, Policy, Quorum};
use counterfoil_tiles::receipt::Receipt;
use serde::{Serialize, Serializer};

use crate::time;
use counterfoil_checks::{Checks, Outcome};

/// What a leaf hash was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The contents of the verifier's file are the entry.
    Contents,
    /// The SHA-256 digest of the verifier's file is the entry.
    Digest,
    /// A digest that the verifier gave is the entry.
    GivenDigest,
    /// The verifier gave the leaf hash itself.
    GivenLeaf,
}

/// As one word.
impl Serialize for Basis {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.word())
    }
}

impl Basis {
    /// One word, for programs.
    fn word(self) -> &'static str {
        match self {
            Self::Contents => "contents",
            Self::Digest | Self::GivenDigest => "digest",
            Self::GivenLeaf => "leaf-hash",
        }
    }

    /// What was tried.
    fn tried(self) -> &'static str {
        match self {
            Self::Contents => "its contents",
            Self::Digest => "its SHA-256 digest",
            Self::GivenDigest => "the digest",
            Self::GivenLeaf => "the leaf hash",
        }
    }

    /// That it is the entry.
    pub(crate) fn matched(self) -> &'static str {
        match self {
            Self::Contents => "the entry is the contents of the file",
            Self::Digest => "the entry is the SHA-256 digest of the file",
            Self::GivenDigest => "the entry is the digest that was given",
            Self::GivenLeaf => "the entry has the leaf hash that was given",
        }
    }
}

/// What a verifier holds, and wants to know about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What the verifier calls it.
    pub name: String,
    /// The leaf hashes that it can have; one of them must be in the log.
    pub leaves: Vec<(Basis, LeafHash)>,
    /// SHA-256 of the file, if it was one.
    pub digest: Option<[u8; 32]>,
}

impl Claim {
    /// What the verifier calls it, so that others can recognise it.
    pub fn described(&self) -> String {
        match &self.digest {
            Some(digest) => format!("{} (SHA-256 {})", self.name, hex::encode(digest)),
            None => self.name.clone(),
        }
    }
}

/// What a receipt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptVerdict {
    /// What is shown and why, for a reader who knows nothing of logs.
    pub sentence: String,
    /// Each check, in order.
    pub checks: Checks,
    /// What of the verifier's is the entry.
    pub matched: Option<Basis>,
    /// The time by which the first witness says that it saw the checkpoint, in Unix seconds.
    pub witnessed_at: Option<u64>,
    /// The receipt, if it is one.
    pub receipt: Option<Receipt>,
}

impl ReceiptVerdict {
    /// Judges a receipt: whether what the verifier holds is in a log that they trust, by these of its keys.
    pub fn judge(bytes: &[u8], claim: &Claim, keys: &[LogKey], policy: &Policy) -> Self {
        let receipt = match Receipt::parse(bytes) {
            Ok(receipt) => receipt,
            Err(error) => {
                let why = format!("it is not a tlog-proof: {error}");
                return Self::without_receipt(claim, Outcome::Failed, why);
            }
        };
        let mut checks = Checks::default();
        let (index, size) = (receipt.index(), receipt.checkpoint().size());
        checks.passed(
            "receipt",
            format!("a tlog-proof of entry {index} in a tree of {size}"),
        );
        let witnessed_at = check_checkpoint(&receipt, keys, policy, &mut checks);
        let matched = check_entry(&receipt, claim, &mut checks);
        Self::concluded(claim, checks, matched, witnessed_at, Some(receipt))
    }

    /// The verdict where there is no receipt to judge, and why: `outcome` is of the check `receipt`.
    pub fn without_receipt(claim: &Claim, outcome: Outcome, why: String) -> Self {
        let mut checks = Checks::default();
        checks.push("receipt", outcome, why);
        for name in ["log signature", "quorum", "entry", "inclusion"] {
            checks.not_checked(name, "there is no receipt to check");
        }
        Self::concluded(claim, checks, None, None, None)
    }

    fn concluded(
        claim: &Claim,
        checks: Checks,
        matched: Option<Basis>,
        witnessed_at: Option<u64>,
        receipt: Option<Receipt>,
    ) -> Self {
        Self {
            sentence: sentence(claim, &checks, witnessed_at, receipt.as_ref()),
            checks,
            matched,
            witnessed_at,
            receipt,
        }
    }
}

fn sentence(
    Claim { name, .. }: &Claim,
    checks: &Checks,
    witnessed_at: Option<u64>,
    receipt: Option<&Receipt>,
) -> String {
    if let Some(why) = checks.first(Outcome::Failed) {
        let (check, reason) = (&why.name, &why.reason);
        return format!("NOT verified: {name} with this receipt. {check}: {reason}.");
    }
    let open = checks.first(Outcome::NotChecked);
    let (None, Some(receipt)) = (open, receipt) else {
        let why = open.map(|check| &*check.reason).unwrap_or_default();
        return format!("Could not tell whether {name} was logged: {why}.");
    };
    let seen = witnessed_at
        .map(|at| format!(", and witnesses saw it there by {}", time::utc(at)))
        .unwrap_or_default();
    let (index, origin) = (receipt.index(), receipt.checkpoint().origin());
    format!("Verified: {name} is entry {index} of {origin}, unchanged since it was logged{seen}.")
}

/// Makes the checks `log signature` and `quorum`. Gives the time by which the first witness says that it saw the
/// checkpoint, in Unix seconds.
pub(crate) fn check_checkpoint(
    receipt: &Receipt,
    keys: &[LogKey],
    policy: &Policy,
    checks: &mut Checks,
) -> Option<u64> {
    match SignedCheckpoint::verify(receipt.note().clone(), keys) {
        Ok(signed) => {
            let by: Vec<String> = signed
                .log_signatures()
                .iter()
                .map(|by| format!("{}+{} ({})", by.name, by.key_id, by.algorithm))
                .collect();
            checks.passed(
                "log signature",
                format!("the checkpoint is signed by {}", by.join(", ")),
            );
            check_quorum(&signed, policy, checks)
        }
        Err(error) => {
            checks.failed("log signature", describe_unsigned(&error, keys));
            checks.not_checked(
                "quorum",
                "cosignatures are looked at only under a log's signature",
            );
            None
        }
    }
}

fn check_quorum(signed: &SignedCheckpoint, policy: &Policy, checks: &mut Checks) -> Option<u64> {
    let seen = match policy.check_cosignatures(signed) {
        Ok(seen) => seen,
        Err(error) => {
            checks.failed("quorum", error.to_string());
            return None;
        }
    };
    let satisfied = policy.satisfied_by(|witness| {
        let has_cosigned = |check: &CosignatureCheck<'_>| {
            check.witness.vkey() == witness.vkey() && check.cosignature.is_some()
        };
        seen.iter().any(has_cosigned)
    });
    if policy.quorum() == Quorum::None {
        checks.passed("quorum", "no witness is asked for, so nobody but the log vouches that everyone sees the same log");
    } else if satisfied {
        checks.passed("quorum", format!("the quorum is met: {}", witnesses(&seen)));
    } else {
        checks.failed(
            "quorum",
            format!("the quorum is not met: {}", witnesses(&seen)),
        );
    }
    let times = seen
        .iter()
        .filter_map(|check| check.cosignature.as_ref()?.timestamp)
        .map(Timestamp::seconds);
    times.filter(|at| *at > 0).min()
}

fn witnesses(seen: &[CosignatureCheck<'_>]) -> String {
    let one = |check: &CosignatureCheck<'_>| {
        let name = String::from_utf8_lossy(check.witness.name()).into_owned();
        match check
            .cosignature
            .as_ref()
            .map(|cosignature| cosignature.timestamp)
        {
            Some(Some(at)) => format!("{name} cosigned at {}", time::utc(at.seconds())),
            Some(None) => format!("{name} cosigned"),
            None => format!("{name} did not"),
        }
    };
    seen.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Makes the checks `entry` and `inclusion` of a receipt, which does not say what its entry is: that of the leaf hashes is
/// meant from which the proof leads to the root. Gives what that was made of.
fn check_entry(receipt: &Receipt, claim: &Claim, checks: &mut Checks) -> Option<Basis> {
    let results: Vec<_> = claim
        .leaves
        .iter()
        .map(|(basis, leaf)| (*basis, receipt.check_inclusion(leaf)))
        .collect();
    if let Some((basis, _)) = results.iter().find(|(_, result)| result.is_ok()) {
        checks.passed("entry", basis.matched());
        checks.passed("inclusion", included(receipt));
        return Some(*basis);
    }
    let reason = match results.first() {
        Some((_, Err(error))) => error.to_string(),
        _ => "nothing was given to verify".to_owned(),
    };
    checks.failed(
        "entry",
        format!(
            "entry {} is something else, or the proof was changed (tried {})",
            receipt.index(),
            tried(claim)
        ),
    );
    checks.failed(
        "inclusion",
        format!("the proof does not lead from it to the signed root: {reason}"),
    );
    None
}

/// That the proof of a receipt holds.
pub(crate) fn included(receipt: &Receipt) -> String {
    let (index, size) = (receipt.index(), receipt.checkpoint().size());
    format!("the proof leads from entry {index} to the root of {size} entries")
}

/// What of the verifier's was tried.
pub(crate) fn tried(claim: &Claim) -> String {
    let tried: Vec<&str> = claim
        .leaves
        .iter()
        .map(|(basis, _)| basis.tried())
        .collect();
    tried.join(" and ")
}

/// Why a note is not a checkpoint of a trusted log, with what was expected.
pub fn describe_unsigned(error: &CheckpointError, keys: &[LogKey]) -> String {
    let trusted = || {
        let names: Vec<String> = keys
            .iter()
            .map(|key| format!("{}+{}", key.vkey().name(), key.vkey().id()))
            .collect();
        names.join(", ")
    };
    match error {
        CheckpointError::UnknownOrigin { origin } => {
            let mut origins: Vec<String> = keys
                .iter()
                .map(|key| format!("\"{}\"", key.origin()))
                .collect();
            origins.dedup();
            format!(
                "its origin is \"{origin}\"; the trusted logs are {}",
                origins.join(", ")
            )
        }
        CheckpointError::Note(NoteError::NoKnownSignature) => {
            format!(
                "no signature is by a trusted key of this log ({})",
                trusted()
            )
        }
        other => other.to_string(),
    }
}
