//! Whether anchors hold, and the time that they show.

use counterfoil_checks::{Checks, Outcome};
use counterfoil_ethereum::BlockHash;
use counterfoil_rfc3161::Timestamp;
use serde::Serialize;

use super::block::{self, BlockVerdict};
use super::counted::counted;
use super::token::candidate;
use super::weigh::LeftOut;
use super::words;
use crate::blocks::{self, Blocks};
use crate::format::{Anchor, Evidence};
use crate::trust::{Authority, Trust};

/// What an anchor came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AnchorVerdict {
    /// What its checks call it: the trusted authority's name, else its place among the anchors.
    pub name: String,
    /// Its kind, as the evidence says.
    pub kind: String,
    /// The trusted authority to whose root it leads.
    pub authority: Option<String>,
    /// That root.
    pub root: Option<String>,
    /// What it says its time is.
    #[serde(serialize_with = "words::rfc3339")]
    pub gen_time: Option<Timestamp>,
    /// The latest time that this may mean.
    #[serde(serialize_with = "words::rfc3339")]
    pub latest: Option<Timestamp>,
    /// The block, where it is one whose header can be read.
    pub block: Option<BlockVerdict>,
    /// Whether it counts: everything holds that must, under a trusted authority.
    pub holds: bool,
    /// Why it does not.
    pub why: Option<String>,
}

/// What all anchors came to.
pub(super) struct Anchored {
    pub(super) verdicts: Vec<AnchorVerdict>,
    pub(super) held: Vec<Held>,
    pub(super) no_later_than: Option<Timestamp>,
    pub(super) caveats: Vec<String>,
    pub(super) left_out: LeftOut,
}

/// An anchor that holds.
pub(super) struct Held {
    pub(super) authority: String,
    pub(super) key: Key,
    pub(super) latest: Timestamp,
}

/// What an anchor rests on, which counts once.
#[derive(PartialEq, Eq)]
pub(super) enum Key {
    /// The public key of a token's signer.
    Signer(Vec<u8>),
    /// A chain.
    Chain(u64),
}

/// Makes the checks of every anchor, and the check `anchors`.
pub(super) fn check_all(
    evidence: &Evidence,
    trust: &Trust,
    blocks: &Blocks,
    at: Timestamp,
    checks: &mut Checks,
) -> Anchored {
    let headers: Vec<BlockHash> = blocks::named(evidence)
        .iter()
        .map(|block| block.hash)
        .collect();
    block::check_given(&headers, &blocks.given, checks);
    let mut anchored = Anchored {
        verdicts: Vec::new(),
        held: Vec::new(),
        no_later_than: None,
        caveats: Vec::new(),
        left_out: LeftOut::default(),
    };
    for (index, anchor) in evidence.anchors().iter().enumerate() {
        match anchor {
            Anchor::Token(token) => {
                let candidate = candidate(token, evidence.checkpoint(), trust, at);
                let authority = candidate.authority.map(Authority::name);
                let name = anchored.name(authority, index);
                candidate.note(name, at, checks, &mut anchored);
            }
            Anchor::Block(record) => {
                let under = block::Under {
                    checkpoint: evidence.checkpoint(),
                    trust,
                    blocks,
                    at,
                };
                block::note(record, index, under, checks, &mut anchored);
            }
            Anchor::Unknown(unknown) => {
                let name = anchored.name(None, index);
                let why = format!("this verifier does not know the kind {}", unknown.kind());
                checks.not_checked(format!("anchor {name}: kind"), &why);
                anchored.verdicts.push(AnchorVerdict {
                    name,
                    kind: unknown.kind().to_owned(),
                    authority: None,
                    root: None,
                    gen_time: None,
                    latest: None,
                    block: None,
                    holds: false,
                    why: Some(why),
                });
            }
        }
    }
    anchored.conclude(trust, checks);
    anchored
}

impl Anchored {
    /// What checks call an anchor. The name in the evidence is anybody's, so that only a trusted authority's is used.
    pub(super) fn name(&self, authority: Option<&str>, index: usize) -> String {
        let Some(authority) = authority else {
            return format!("#{}", index + 1);
        };
        let is_of_it = |verdict: &&AnchorVerdict| verdict.authority.as_deref() == Some(authority);
        match self.verdicts.iter().filter(is_of_it).count() {
            0 => authority.to_owned(),
            before => format!("{authority}, again {before}"),
        }
    }

    /// Makes the check `anchors`.
    fn conclude(&mut self, trust: &Trust, checks: &mut Checks) {
        let counted = counted(&self.held);
        let needed = trust.min_anchors();
        let found: Vec<String> = counted
            .iter()
            .map(|one| format!("{} by {}", one.authority, one.by))
            .collect();
        let found = found.join(", ");
        if let Some(last) = needed.checked_sub(1).and_then(|place| counted.get(place)) {
            self.no_later_than = Some(whole_second(last.by));
            let count = counted.len();
            checks.passed("anchors", format!("{count} of {needed} needed: {found}"));
        } else {
            let mut words = vec![match counted.len() {
                0 => format!(
                    "no trusted authority has an anchor here that holds, and {needed} are needed"
                ),
                some => format!("{some} of {needed} needed: {found}"),
            }];
            for verdict in &self.verdicts {
                if let Some(why) = &verdict.why {
                    words.push(format!("anchor {}: {why}", verdict.name));
                }
            }
            // What is left out stands in the way only here, where too few others hold.
            let outcome = if self.left_out.checks.is_empty() {
                Outcome::NotChecked
            } else {
                Outcome::Failed
            };
            checks.push("anchors", outcome, words.join("; "));
        }
    }
}

/// The next whole second, unless it is one.
fn whole_second(time: Timestamp) -> Timestamp {
    match time.nanos() {
        0 => time,
        _ => Timestamp::from_seconds(time.seconds().saturating_add(1)),
    }
}
