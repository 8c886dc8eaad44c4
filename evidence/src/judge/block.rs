//! Whether a block of an Ethereum chain holds the checkpoint.

use counterfoil_checks::{Checks, Outcome};
use counterfoil_ethereum::{
    self as ethereum, BlockHash, CheckName, Header, Judgement, Question, Record, Transaction,
};
use counterfoil_rfc3161::Timestamp;
use serde::Serialize;

use super::anchor::{AnchorVerdict, Anchored, Held, Key};
use super::weigh::{About, Behind, Made, Weighed, Weight};
use crate::blocks::{Blocks, Says, chain_words};
use crate::names::AnchorKind;
use crate::trust::{Chain, Trust};

/// The checks of a block that may be left open: a verifier may accept any destination.
const MAY_BE_OPEN: [CheckName; 2] = [CheckName::Destination, CheckName::Time];

/// What a check of a block is about.
fn about(check: CheckName) -> About {
    match check {
        CheckName::Header => About::Form,
        CheckName::BlockHash => About::Whose,
        CheckName::Transaction
        | CheckName::TransactionInclusion
        | CheckName::Receipt
        | CheckName::ReceiptInclusion
        | CheckName::Status
        | CheckName::Chain
        | CheckName::Calldata
        | CheckName::Checkpoint => About::Itself,
        CheckName::Destination | CheckName::Time => About::Terms,
    }
}

/// What is known of a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BlockVerdict {
    /// Its chain, as the evidence says.
    pub chain_id: u64,
    /// What people call that.
    pub chain: String,
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: String,
    /// The hash of the transaction, if that can be read.
    pub transaction: Option<String>,
    /// Who says that the block is of that chain and final: of the verifier's own, never of the evidence.
    pub sources: Vec<String>,
}

/// What the sources together say of the block's hash.
struct Standing {
    outcome: Outcome,
    reason: String,
    sources: Vec<String>,
    behind: Behind,
}

/// A block as it was judged.
pub(super) struct Judged<'a> {
    record: &'a Record,
    chain: Option<&'a Chain>,
    header: Option<Header>,
    weighed: Weighed,
    sources: Vec<String>,
}

/// What a block is judged by.
#[derive(Clone, Copy)]
pub(super) struct Under<'a> {
    pub(super) checkpoint: &'a [u8],
    pub(super) trust: &'a Trust,
    pub(super) blocks: &'a Blocks,
    pub(super) at: Timestamp,
}

/// Makes the checks of a block.
pub(super) fn judged<'a>(record: &'a Record, under: Under<'a>) -> Judged<'a> {
    let chain = under.trust.chain(record.chain_id);
    let header = Header::parse(&record.header).ok();
    let judgement = ethereum::verify(&Question {
        record,
        checkpoint: Some(under.checkpoint),
        block_hash: header.as_ref().map(|header| header.hash),
        chain_id: None,
        destination: chain.and_then(Chain::destination),
        at: Some(u64::try_from(under.at.seconds()).unwrap_or(0)),
    });
    let standing = header
        .as_ref()
        .map(|header| standing(header, record.chain_id, chain, under.blocks));
    let made = made(&judgement, standing.as_ref());
    let (behind, sources) = standing.map_or((Behind::Nobody, Vec::new()), |standing| {
        (standing.behind, standing.sources)
    });
    Judged {
        record,
        chain,
        header,
        weighed: Weighed::of(made, &behind),
        sources,
    }
}

impl<'a> Judged<'a> {
    /// What the trust file calls its chain.
    pub(super) fn authority(&self) -> Option<&'a str> {
        self.chain.map(Chain::name)
    }

    fn time(&self) -> Option<Timestamp> {
        let seconds = i64::try_from(self.header.as_ref()?.timestamp).ok()?;
        Some(Timestamp::from_seconds(seconds))
    }

    /// What it counts by, where it holds; `anchor` is its place.
    pub(super) fn held(&self, anchor: usize) -> Option<Held> {
        let latest = self.time()?;
        (self.weighed.weight() == Weight::Holds).then(|| Held {
            anchor,
            authority: called(self.chain, self.record.chain_id),
            key: Key::Chain(self.record.chain_id),
            latest,
        })
    }

    /// Takes it down.
    pub(super) fn note(self, name: String, checks: &mut Checks, anchored: &mut Anchored) {
        let (why, time) = (self.weighed.why(), self.time());
        let holds = why.is_none() && time.is_some();
        let chain_id = self.record.chain_id;
        self.weighed.note(&name, checks, &mut anchored.left_out);
        if holds {
            anchored.caveats.extend(caveat(&name, chain_id));
        }
        let block = self.header.map(|header| BlockVerdict {
            chain_id,
            chain: chain_words(chain_id),
            number: header.number,
            hash: header.hash.to_string(),
            transaction: Transaction::parse(&self.record.transaction)
                .ok()
                .map(|transaction| transaction.hash.to_string()),
            sources: self.sources,
        });
        anchored.verdicts.push(AnchorVerdict {
            name,
            kind: AnchorKind::Ethereum.to_string(),
            authority: self.chain.map(|chain| chain.name().to_owned()),
            root: None,
            gen_time: time,
            latest: time,
            block,
            holds,
            why,
        });
    }
}

/// What a chain is called: by the trust file's name, if it has one.
fn called(chain: Option<&Chain>, chain_id: u64) -> String {
    chain.map_or_else(|| chain_words(chain_id), |chain| chain.name().to_owned())
}

/// Its checks.
fn made(judgement: &Judgement, standing: Option<&Standing>) -> Vec<Made> {
    let checks = judgement.checks.iter().map(|check| {
        let (outcome, reason) = match standing {
            // The record names its own hash: whether to trust it is the verifier's to say.
            Some(standing) if check.name == CheckName::BlockHash => {
                (standing.outcome, &standing.reason)
            }
            _ => (check.outcome, &check.reason),
        };
        Made {
            name: check.name.to_string(),
            about: about(check.name),
            outcome,
            reason: reason.clone(),
            may_be_open: MAY_BE_OPEN.contains(&check.name),
        }
    });
    checks.collect()
}

/// A source that contradicts outweighs all that trust the block; without any that trusts it, it is not known.
fn standing(header: &Header, chain_id: u64, chain: Option<&Chain>, blocks: &Blocks) -> Standing {
    let mut said = Vec::new();
    if let Some(chain) = chain.filter(|chain| !chain.blocks().is_empty()) {
        said.push(("the trust file".to_owned(), chain.blocks().says(header)));
    }
    said.extend(blocks.say(chain_id, header));
    let speaks = |(_, says): &(String, Says)| !matches!(says, Says::NothingOfChain(_));
    // Whose word is asked for the chain is named by whatever calls itself a block of it.
    let named = if chain.is_some() || said.iter().any(speaks) {
        Behind::Named(called(chain, chain_id))
    } else {
        Behind::Nobody
    };
    let (mut sources, mut silent) = (Vec::new(), Vec::new());
    for (source, says) in said {
        match says {
            Says::Another(what) => {
                return Standing {
                    outcome: Outcome::Failed,
                    reason: format!("{source} {what}"),
                    sources: Vec::new(),
                    behind: named,
                };
            }
            Says::Trusted => sources.push(source),
            Says::Nothing(why) | Says::NothingOfChain(why) => {
                silent.push(format!("{source} {why}"));
            }
        }
    }
    let (outcome, reason, behind) = if sources.is_empty() {
        let mut reason = format!(
            "nothing that is trusted says that block {} of {} is {}",
            header.number,
            chain_words(chain_id),
            header.hash
        );
        if chain.is_none() {
            reason.push_str("; the trust file has no [[ethereum]] for this chain");
        }
        for silent in silent {
            reason.push_str("; ");
            reason.push_str(&silent);
        }
        (Outcome::NotChecked, reason, named)
    } else {
        let reason = format!("{}, trusted by {}", header.hash, sources.join(" and "));
        (Outcome::Passed, reason, Behind::Trusted)
    };
    Standing {
        outcome,
        reason,
        sources,
        behind,
    }
}

/// What a reader should know of a chain although its block holds.
fn caveat(name: &str, chain_id: u64) -> Option<String> {
    match chain_id {
        31_337 => Some(format!(
            "THE CHAIN OF {name} IS A DEVELOPMENT CHAIN (31337): anybody makes its blocks, with any time. This anchor proves nothing to anybody but whoever runs that chain"
        )),
        11_155_111 | 17_000 | 560_048 => Some(format!(
            "the chain of {name} is {}: nothing of value holds its history, and it ends when its operators end it",
            chain_words(chain_id)
        )),
        _ => None,
    }
}

/// Makes the check `block hash`, where blocks were given one by one: each must be named here. It says nothing of whether an anchor holds.
pub(super) fn check_given(found: &[BlockHash], given: &[BlockHash], checks: &mut Checks) {
    if given.is_empty() {
        return;
    }
    let Some(missing) = given.iter().find(|hash| !found.contains(hash)) else {
        checks.passed(
            "block hash",
            "each block that was given is one that an Ethereum anchor names, whether that anchor holds or not",
        );
        return;
    };
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    let found = match &*found {
        [] => "the evidence has no Ethereum anchor".to_owned(),
        found => format!("its Ethereum anchors name {}", found.join(", ")),
    };
    checks.failed(
        "block hash",
        format!(
            "expected an Ethereum anchor that names the block {missing}, which was given; {found}"
        ),
    );
}
