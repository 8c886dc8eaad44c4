//! What a verdict says to people.

use counterfoil_rfc3161::{Certificate, Timestamp};
use counterfoil_tiles::policy::Quorum;
use serde::Serializer;
use sha2::{Digest, Sha256};

use super::{AnchorVerdict, Verdict};
use crate::blocks::chain_words;
use crate::format::{Evidence, FORMAT, Known};
use crate::receipt::Claim;
use crate::trust::{Authority, Chain, Trust};
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
    words.push(format!("{} of these authorities:", trust.min_anchors()));
    words.extend(trust.authorities().iter().map(authority));
    words.extend(trust.chains().iter().map(chain));
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

fn chain(chain: &Chain) -> String {
    let destination = match chain.destination() {
        Some(address) => format!("transactions to {address}"),
        None => "transactions to any address".to_owned(),
    };
    format!(
        "{}, {}, by {} that are named; {destination}",
        chain.name(),
        chain_words(chain.chain_id()),
        count(chain.blocks().len(), "block")
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

/// What is shown, and why; `why` is the check that stands in the way.
pub(super) fn sentence(
    verdict: &Verdict,
    why: Option<String>,
    evidence: &Evidence,
    trust: &Trust,
    claim: Option<&Claim>,
) -> String {
    let record = record(evidence, claim);
    let why = why.unwrap_or_else(|| "nothing was checked".to_owned());
    let receipt = evidence.receipt();
    let checkpoint = receipt.checkpoint();
    match (verdict.outcome, verdict.no_later_than) {
        (Outcome::Passed, Some(time)) => {
            let seen = match trust.policy().quorum() {
                Quorum::None => "signed by the log",
                Quorum::Member(_) => "signed by the log and cosigned by its witnesses",
            };
            format!(
                "Verified: {record} existed no later than {time}, because it is entry {} of {}, under a checkpoint of {} that is {seen}, and that checkpoint was fixed in time by {}.",
                receipt.index(),
                checkpoint.origin(),
                entries(checkpoint.size().get()),
                fixed(verdict)
            )
        }
        (Outcome::Failed, _) => format!("NOT verified: {record} with this evidence. {why}."),
        _ => format!(
            "Could not tell whether {record} existed at the time that this evidence names. {why}."
        ),
    }
}

fn entries(size: u64) -> String {
    match size {
        1 => "1 entry".to_owned(),
        _ => format!("{size} entries"),
    }
}

/// What fixed the checkpoint in time, when, and what that rests on.
fn fixed(verdict: &Verdict) -> String {
    let holding = verdict.anchors.iter().filter(|anchor| anchor.holds);
    let each: Vec<String> = holding.filter_map(source).collect();
    match each.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [most @ .., last] => format!("{}, and by {last}", most.join(", by ")),
    }
}

fn source(anchor: &AnchorVerdict) -> Option<String> {
    let time = anchor.gen_time?;
    if let Some(block) = &anchor.block {
        return Some(format!(
            "block {} of {} at {time} (resting on the block hash from {})",
            block.number,
            block.chain,
            block.sources.join(" and ")
        ));
    }
    Some(format!(
        "a signed statement of the time-stamping authority {} at {time} (under the root {})",
        anchor.authority.as_ref()?,
        anchor.root.as_ref()?
    ))
}
