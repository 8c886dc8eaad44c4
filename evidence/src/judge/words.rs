//! What a verdict says to people.

use counterfoil_rfc3161::{Certificate, Timestamp};
use counterfoil_tiles::policy::Quorum;
use serde::Serializer;
use sha2::{Digest, Sha256};

use super::Verdict;
use crate::format::{Evidence, FORMAT, Known};
use crate::receipt::Claim;
use crate::trust::{Authority, Trust};
use counterfoil_checks::Outcome;

/// A time as RFC 3339 has it.
#[expect(clippy::ref_option, reason = "serde gives the field as it is")]
pub(super) fn rfc3339<S: Serializer>(time: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => to.collect_str(time),
        None => to.serialize_none(),
    }
}

/// What the evidence is made of.
pub(super) fn contents(evidence: &Evidence) -> String {
    let receipt = evidence.receipt();
    format!(
        "{FORMAT} with a receipt of entry {} in a tree of {}, and {}",
        receipt.index(),
        receipt.checkpoint().size(),
        count(evidence.anchors().len(), "anchor")
    )
}

fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

/// What a verifier trusts, line by line.
pub fn trusted(trust: &Trust) -> Vec<String> {
    let policy = trust.policy();
    let mut words: Vec<String> = policy
        .log_keys()
        .map(|key| {
            let vkey = key.vkey();
            format!(
                "the log {}, by the key {}+{}",
                key.origin(),
                vkey.name(),
                vkey.id()
            )
        })
        .collect();
    words.push(match policy.quorum() {
        Quorum::None => "no witness".to_owned(),
        Quorum::Member(_) => format!(
            "a quorum of {}: {}",
            count(policy.witnesses().len(), "witness key"),
            policy
                .witnesses()
                .iter()
                .map(|witness| String::from_utf8_lossy(witness.name()).into_owned())
                .collect::<Vec<_>>()
                .join(", ")
        ),
    });
    words.push(format!(
        "{} of these time-stamping authorities:",
        trust.min_anchors()
    ));
    words.extend(trust.authorities().iter().map(authority));
    words
}

fn authority(authority: &Authority) -> String {
    let root = |root: &Certificate| {
        let hash = hex::encode(Sha256::digest(root.der()));
        format!("{} (SHA-256 {hash})", root.subject())
    };
    let roots: Vec<String> = authority.roots().iter().map(root).collect();
    let policies = if authority.policies().is_empty() {
        "any policy".to_owned()
    } else {
        let policies: Vec<String> = authority
            .policies()
            .iter()
            .map(ToString::to_string)
            .collect();
        format!("policy {}", policies.join(" or "))
    };
    format!(
        "{}, by the root {}; {policies}; revocation {}",
        authority.name(),
        roots.join(", "),
        authority.revocation()
    )
}

/// The record that the evidence is about, as the verifier can recognise it.
fn record(evidence: &Evidence, claim: Option<&Claim>) -> String {
    match (claim, evidence.entry().known()) {
        (Some(claim), _) => claim.described(),
        (None, Known::Digest(digest)) => {
            format!("the file with the SHA-256 {}", hex::encode(digest))
        }
        (None, Known::Contents(contents)) => format!(
            "the record of {} bytes in the evidence (SHA-256 {})",
            contents.len(),
            hex::encode(Sha256::digest(contents))
        ),
        (None, Known::LeafHash) => format!(
            "the entry with the leaf hash {}",
            hex::encode(evidence.entry().leaf_hash().as_bytes())
        ),
    }
}

/// What is shown, and why.
pub(super) fn sentence(
    verdict: &Verdict,
    evidence: &Evidence,
    trust: &Trust,
    claim: Option<&Claim>,
) -> String {
    let record = record(evidence, claim);
    let receipt = evidence.receipt();
    let checkpoint = receipt.checkpoint();
    match (verdict.outcome, verdict.no_later_than) {
        (Outcome::Passed, Some(time)) => {
            let seen = match trust.policy().quorum() {
                Quorum::None => "signed by the log",
                Quorum::Member(_) => "signed by the log and cosigned by its witnesses",
            };
            format!(
                "Verified: {record} existed no later than {time}, because it is entry {} of {}, under a checkpoint of {} that is {seen}, and {} that checkpoint.",
                receipt.index(),
                checkpoint.origin(),
                entries(checkpoint.size().get()),
                stamped(verdict)
            )
        }
        (Outcome::Failed, _) => format!(
            "NOT verified: {record} with this evidence. {}.",
            why(verdict)
        ),
        _ => format!(
            "Could not tell whether {record} existed at the time that this evidence names. {}.",
            why(verdict)
        ),
    }
}

fn entries(size: u64) -> String {
    match size {
        1 => "1 entry".to_owned(),
        _ => format!("{size} entries"),
    }
}

/// Who stamped, and when.
fn stamped(verdict: &Verdict) -> String {
    let mut stamps: Vec<String> = Vec::new();
    for anchor in verdict.anchors.iter().filter(|anchor| anchor.holds) {
        if let (Some(authority), Some(time)) = (&anchor.authority, anchor.gen_time) {
            stamps.push(format!("{authority} at {time}"));
        }
    }
    match stamps.as_slice() {
        [only] => format!("the time-stamping authority {only} time-stamped"),
        several => format!(
            "the time-stamping authorities {} time-stamped",
            several.join(", ")
        ),
    }
}

/// The check that stands in the way: the first that failed, else the first of those that are needed and not made.
fn why(verdict: &Verdict) -> String {
    let needed = |name: &str| super::NEEDED.contains(&name);
    let check = verdict.checks.first(Outcome::Failed).or_else(|| {
        let mut checks = verdict.checks.iter();
        checks.find(|check| check.outcome == Outcome::NotChecked && needed(&check.name))
    });
    let Some(check) = check else {
        return "nothing was checked".to_owned();
    };
    format!("{}: {}", check.name, check.reason)
}
