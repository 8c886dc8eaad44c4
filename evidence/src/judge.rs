//! Whether evidence shows that a record existed no later than a time: a function of the evidence, of what the verifier trusts
//! and holds, and of the time of the judgement.
//!
//! | check | passes if |
//! |---|---|
//! | `evidence` | it is evidence, to the letter |
//! | `log signature`, `quorum` | the checkpoint is of a trusted log, as [`crate::receipt`] says |
//! | `entry` | what the verifier holds is the entry; without it, the evidence holds the entry or its digest |
//! | `inclusion` | the receipt leads from the entry to the root in the checkpoint |
//! | `anchor <authority>: …` | the token over the checkpoint holds, by each check of docs/rfc3161.md |
//! | `block hash` | only where blocks were given one by one: each is that of an Ethereum anchor here |
//! | `anchor <authority>: …` | the block with the checkpoint holds, by each check of docs/ethereum.md |
//! | `anchors` | as many authorities as the verifier asks for have an anchor that holds; fails if too few have, and one was left out |
//!
//! Verified is what passes `log signature`, `quorum`, `entry`, `inclusion` and `anchors`, and fails no check, but for those by which
//! no more than an anchor is left out:
//!
//! | a check of an anchor fails that is about | and then |
//! |---|---|
//! | the form of the anchor: `parsed`, `header` | the evidence fails: this is no anchor at all |
//! | whose it is: `path`, `block hash` | the anchor is left out |
//! | the verifier's terms: `basic constraints`, `policy`, `revocation`, `destination`, `time`, where somebody who is trusted stands behind it | the anchor is left out |
//! | the anchor itself: all others, where somebody who is trusted stands behind it, or is named | the evidence fails: what they said was altered |
//! | anything else, where nobody who is trusted does | it is *not checked*: anybody could have made it |
//!
//! Somebody who is trusted stands behind a token if good signatures lead to their root, and behind a block if it is trusted; and is named
//! if the names in a token's certificates, or the chain that a block is said to be of, are theirs.
//!
//! What is left out is a caveat, and where too few others hold `anchors` fails. So whoever brings an anchor in takes nothing from what
//! the others show, and whoever alters one is found. Nothing in the evidence is trusted: names and URLs in it are not even read, and
//! its policy is only compared with the verifier's.

mod anchor;
mod block;
mod counted;
mod token;
mod weigh;
mod words;

use std::borrow::Cow;

use counterfoil_rfc3161::Timestamp;
use counterfoil_tiles::checkpoint::LogKey;
use serde::Serialize;

use crate::blocks::Blocks;
use crate::format::{Anchor, Entry, Evidence, Known};
use crate::receipt::{Basis, Claim, check_checkpoint, included, tried};
use crate::trust::Trust;
use counterfoil_checks::{Check, Checks, Outcome};

pub use anchor::AnchorVerdict;
pub(crate) use anchor::Key;
pub use block::BlockVerdict;
pub use words::trusted;

/// The checks that evidence cannot be verified without.
const NEEDED: [&str; 5] = ["log signature", "quorum", "entry", "inclusion", "anchors"];

/// What a judgement came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Verified, not verified, or it could not be told.
    #[serde(skip)]
    pub outcome: Outcome,
    /// What is shown and why, for a reader who knows nothing of logs.
    pub sentence: String,
    /// Each check, in order.
    pub checks: Checks,
    /// What a reader should know although it is verified.
    pub caveats: Vec<String>,
    /// What was to be trusted, in words.
    pub trusted: Vec<String>,
    /// What of the verifier's is the entry; `None` if the verifier gave nothing, or something else.
    pub matched: Option<Basis>,
    /// The time by which the first witness says that it saw the checkpoint, in Unix seconds.
    pub witnessed_at: Option<u64>,
    /// The record existed no later than this; `None` unless it is verified.
    #[serde(serialize_with = "words::rfc3339")]
    pub no_later_than: Option<Timestamp>,
    /// What each anchor came to.
    pub anchors: Vec<AnchorVerdict>,
    /// The checks that failed and by which no more than an anchor is left out.
    pub left_out: Vec<String>,
}

impl Verdict {
    /// The verdict where there is no evidence to judge, and why: `outcome` is of the check `evidence`.
    pub fn without_evidence(outcome: Outcome, why: String, subject: &str) -> Self {
        let mut checks = Checks::default();
        let sentence = match outcome {
            Outcome::Failed => format!("NOT verified: {subject} with this evidence. {why}."),
            _ => format!("Could not tell whether {subject} existed at any time: {why}."),
        };
        checks.push("evidence", outcome, why);
        for name in NEEDED {
            checks.not_checked(name, "there is no evidence to check");
        }
        Self {
            outcome,
            sentence,
            checks,
            caveats: Vec::new(),
            trusted: Vec::new(),
            matched: None,
            witnessed_at: None,
            no_later_than: None,
            anchors: Vec::new(),
            left_out: Vec::new(),
        }
    }
}

/// Judges evidence at a time, by the trust file and what else is trusted of blocks. `claim` is what the verifier holds, if it is
/// anything.
pub fn judge(
    evidence: &Evidence,
    trust: &Trust,
    blocks: &Blocks,
    claim: Option<&Claim>,
    at: Timestamp,
) -> Verdict {
    let mut checks = Checks::default();
    let receipt = evidence.receipt();
    checks.passed("evidence", words::contents(evidence));
    let keys: Vec<LogKey> = trust.policy().log_keys().cloned().collect();
    let witnessed_at = check_checkpoint(receipt, &keys, trust.policy(), &mut checks);
    let matched = check_entry(evidence.entry(), claim, &mut checks);
    match receipt.check_inclusion(evidence.entry().leaf_hash()) {
        Ok(()) => checks.passed("inclusion", included(receipt)),
        Err(error) => checks.failed(
            "inclusion",
            format!("the proof does not lead from the entry to the signed root: {error}"),
        ),
    }
    let anchored = anchor::check_all(evidence, trust, blocks, at, &mut checks);
    let mut caveats = anchored.left_out.caveats;
    caveats.extend(anchored.caveats);
    if !trust.is_policy(evidence.policy()) {
        caveats.push("the evidence says that it was made under another policy than the one that is trusted, which alone was used".to_owned());
    }
    let (outcome, stands_in_the_way) = conclude(&checks, &anchored.left_out.checks);
    let why = stands_in_the_way.map(|check| format!("{}: {}", check.name, check.reason));
    let mut verdict = Verdict {
        outcome,
        sentence: String::new(),
        checks,
        caveats,
        trusted: trusted(trust).into_iter().chain(blocks.sources()).collect(),
        matched,
        witnessed_at,
        no_later_than: anchored
            .no_later_than
            .filter(|_| outcome == Outcome::Passed),
        anchors: anchored.verdicts,
        left_out: anchored.left_out.checks,
    };
    verdict.sentence = words::sentence(&verdict, why, evidence, trust, claim);
    verdict
}

/// The trusted authorities that stand behind the anchors of evidence, each with what that rests on, where revocation may still be open:
/// for whoever gathers for a verifier that they know. Of blocks, those count that the trust file names.
pub(crate) fn vouching(evidence: &Evidence, trust: &Trust, at: Timestamp) -> Vec<(String, Key)> {
    let mut vouching = Vec::new();
    let blocks = Blocks::default();
    for (index, anchor) in evidence.anchors().iter().enumerate() {
        match anchor {
            Anchor::Token(token) => {
                let candidates = token::candidates(token, evidence.checkpoint(), trust, at);
                vouching.extend(candidates.iter().filter_map(token::Candidate::vouching));
            }
            Anchor::Block(record) => {
                let under = block::Under {
                    checkpoint: evidence.checkpoint(),
                    trust,
                    blocks: &blocks,
                    at,
                };
                let held = block::judged(record, under).held(index);
                vouching.extend(held.map(|held| (held.authority, held.key)));
            }
            Anchor::Unknown(_) => {}
        }
    }
    vouching
}

/// What the checks come to, and which stands in the way. Failed if one failed, but for those by which no more than an anchor is left
/// out; passed if those that are needed passed; else it could not be told.
fn conclude<'a>(checks: &'a Checks, left_out: &[String]) -> (Outcome, Option<&'a Check>) {
    let fails = |check: &&Check| {
        check.outcome == Outcome::Failed && left_out.iter().all(|name| *name != check.name)
    };
    let is_open = |check: &&Check| {
        check.outcome != Outcome::Passed && NEEDED.iter().any(|name| *name == check.name)
    };
    if let Some(check) = checks.iter().find(fails) {
        return (Outcome::Failed, Some(check));
    }
    let passed = |name: &&str| checks.of(&Cow::Borrowed(*name)) == Outcome::Passed;
    if NEEDED.iter().all(passed) {
        return (Outcome::Passed, None);
    }
    (Outcome::NotChecked, checks.iter().find(is_open))
}

/// Makes the check `entry`. Gives what of the verifier's matched.
fn check_entry(entry: &Entry, claim: Option<&Claim>, checks: &mut Checks) -> Option<Basis> {
    let Some(claim) = claim else {
        match entry.known() {
            Known::Digest(_) => checks.passed(
                "entry",
                "the evidence holds the digest that is the entry; no file was given to compare with it",
            ),
            Known::Contents(contents) => checks.passed(
                "entry",
                format!("the evidence holds the entry itself, {} bytes", contents.len()),
            ),
            Known::LeafHash => checks.not_checked(
                "entry",
                "the evidence holds nothing of the entry but its leaf hash, and nothing was given to compare with that: give the file, --sha256 or --leaf-hash",
            ),
        }
        return None;
    };
    let mut leaves = claim.leaves.iter();
    if let Some((basis, _)) = leaves.find(|(_, leaf)| leaf == entry.leaf_hash()) {
        checks.passed("entry", basis.matched());
        return Some(*basis);
    }
    checks.failed(
        "entry",
        format!(
            "the evidence is about another entry, that with the leaf hash {} (tried {})",
            hex::encode(entry.leaf_hash().as_bytes()),
            tried(claim)
        ),
    );
    None
}
