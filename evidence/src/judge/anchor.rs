//! Whether anchors hold, and the time that they show.

use counterfoil_checks::{Checks, Outcome};
use counterfoil_ethereum::BlockHash;
use counterfoil_rfc3161::Timestamp;
use serde::Serialize;

use super::block::{self, BlockVerdict};
use super::counted::{Counted, counted};
use super::token::{Candidate, candidates};
use super::weigh::LeftOut;
use super::words;
use crate::blocks::{self, Blocks};
use crate::format::{Anchor, Evidence, UnknownAnchor};
use crate::trust::Trust;

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
    pub(super) no_later_than: Option<Timestamp>,
    pub(super) caveats: Vec<String>,
    pub(super) left_out: LeftOut,
}

/// An anchor that holds under an authority. A token may under several.
pub(super) struct Held {
    /// Its place among the anchors.
    pub(super) anchor: usize,
    pub(super) authority: String,
    pub(super) key: Key,
    pub(super) latest: Timestamp,
}

/// What an anchor rests on, which counts once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
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
    let under = block::Under {
        checkpoint: evidence.checkpoint(),
        trust,
        blocks,
        at,
    };
    let judged: Vec<Judged<'_>> = evidence
        .anchors()
        .iter()
        .map(|anchor| Judged::of(anchor, under))
        .collect();
    let held: Vec<Held> = judged
        .iter()
        .enumerate()
        .flat_map(|(index, one)| one.held(index))
        .collect();
    let counted = counted(&held);
    let mut anchored = Anchored {
        verdicts: Vec::new(),
        no_later_than: None,
        caveats: Vec::new(),
        left_out: LeftOut::default(),
    };
    for (index, one) in judged.into_iter().enumerate() {
        one.note(
            index,
            counted.authority_of(index),
            at,
            checks,
            &mut anchored,
        );
    }
    anchored.conclude(&counted, trust, checks);
    anchored
}

/// An anchor as it was judged.
enum Judged<'a> {
    /// Under each authority under which it holds, or under the one that comes nearest.
    Token(Vec<Candidate<'a>>),
    Block(block::Judged<'a>),
    Unknown(&'a UnknownAnchor),
}

impl<'a> Judged<'a> {
    fn of(anchor: &'a Anchor, under: block::Under<'a>) -> Self {
        match anchor {
            Anchor::Token(token) => {
                Self::Token(candidates(token, under.checkpoint, under.trust, under.at))
            }
            Anchor::Block(record) => Self::Block(block::judged(record, under)),
            Anchor::Unknown(unknown) => Self::Unknown(unknown),
        }
    }

    fn held(&self, index: usize) -> Vec<Held> {
        match self {
            Self::Token(candidates) => candidates
                .iter()
                .filter_map(|one| one.held(index))
                .collect(),
            Self::Block(block) => block.held(index).into_iter().collect(),
            Self::Unknown(_) => Vec::new(),
        }
    }

    /// Takes it down. A token that holds under several authorities is taken for the one for which it counts, else for the first.
    fn note(
        self,
        index: usize,
        counts_for: Option<&str>,
        at: Timestamp,
        checks: &mut Checks,
        anchored: &mut Anchored,
    ) {
        match self {
            Self::Token(mut candidates) => {
                let counts =
                    |one: &Candidate<'_>| counts_for.is_some() && one.authority() == counts_for;
                let place = candidates.iter().position(counts).unwrap_or(0);
                let candidate = candidates.swap_remove(place);
                let name = anchored.name(candidate.authority(), index);
                candidate.note(name, at, checks, anchored);
            }
            Self::Block(block) => {
                let name = anchored.name(block.authority(), index);
                block.note(name, checks, anchored);
            }
            Self::Unknown(unknown) => {
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
}

impl Anchored {
    /// What checks call an anchor. The name in the evidence is anybody's, so that only a trusted authority's is used.
    fn name(&self, authority: Option<&str>, index: usize) -> String {
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
    fn conclude(&mut self, counted: &Counted<'_>, trust: &Trust, checks: &mut Checks) {
        let counted = &counted.authorities;
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
