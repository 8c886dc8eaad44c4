//! Whether the other endpoints contradict the one that shows the block in which a round is about to end: one that makes up whole
//! blocks is consistent with itself.
//!
//! | what another endpoint shows at the block's number | |
//! |---|---|
//! | this block | it agrees, and is not asked again |
//! | another block | it contradicts |
//! | none, though its newest block is not below it, or is as late | it contradicts: along a chain times grow with numbers |
//! | none, and an earlier newest block, with which it follows the chain | it comes to it in a moment, and is waited for |
//! | nothing, since it fails, does not follow the chain, or is of another one | it has no say |
//!
//! There is no quorum: where nobody else has a say one endpoint is believed, so that one that fails stops nothing.

use core::fmt;
use std::collections::VecDeque;

use counterfoil_ethereum::Header;
use counterfoil_ethereum_sender::chain::{Anchor, Block, ChainOutcome, Observation, Whereabouts};

use crate::block::{SeenHeader, Which, header, newest};
use crate::fault::Fault;
use crate::observe::time_of;
use crate::session::Session;

/// How many blocks are remembered with the endpoints that showed them: those in which rounds end, one after the other, over some
/// reorganisations.
const REMEMBERED: usize = 8;

/// Which endpoints showed which blocks, by their places.
#[derive(Debug, Default)]
pub(crate) struct Agreed(VecDeque<(Block, Vec<usize>)>);

impl Agreed {
    /// The endpoints that showed a block.
    pub(crate) fn about(&self, block: Block) -> Vec<usize> {
        let known = self.0.iter().find(|(known, _)| *known == block);
        known.map(|(_, places)| places.clone()).unwrap_or_default()
    }

    /// Remembers them, and forgets the oldest block.
    pub(crate) fn keep(&mut self, block: Block, places: Vec<usize>) {
        self.0.retain(|(known, _)| *known != block);
        if self.0.len() >= REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((block, places));
    }

    /// A block that was final has left the chain: others may have, too.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }
}

/// What another endpoint shows at the number of a block.
#[derive(Clone, Debug)]
pub(crate) enum Word {
    /// This block, or another.
    Shows(Block),
    /// None. This is its newest.
    Lacks(SeenHeader),
}

/// Asks an endpoint which block stands at a number.
pub(crate) async fn ask(session: &Session<'_>, number: u64) -> Result<Word, Fault> {
    let fault = match header(session, Which::Number(number)).await {
        Ok(Some(found)) => return Ok(Word::Shows(found.block())),
        Ok(None) => None,
        // Some do not take numbers that are far above all blocks.
        Err(fault @ Fault::Error { .. }) => Some(fault),
        Err(fault) => return Err(fault),
    };
    let newest = newest(session).await?;
    match fault {
        Some(fault) if number <= newest.header.number => Err(fault),
        _ => Ok(Word::Lacks(newest)),
    }
}

/// The block in which the answer of an endpoint is about to end the round.
pub(crate) fn end_of(outcome: &ChainOutcome) -> Option<Anchor> {
    match outcome {
        ChainOutcome::Observed(observation) if !has_left(observation) => {
            let finalized = observation.finalized.number;
            let mut included = observation.attempts.iter().filter_map(|place| match place {
                Whereabouts::Included(inclusion) => Some(Anchor {
                    block: inclusion.block,
                    time: inclusion.time,
                }),
                Whereabouts::Absent | Whereabouts::Pending => None,
            });
            included.find(|anchor| anchor.block.number <= finalized)
        }
        ChainOutcome::NonceUsed { anchor, .. } => Some(*anchor),
        ChainOutcome::Captured(captured) => {
            let header = Header::parse(&captured.header).ok()?;
            Some(Anchor {
                block: Block {
                    number: header.number,
                    hash: header.hash,
                },
                time: time_of(&header),
            })
        }
        _ => None,
    }
}

/// True if the endpoint says that a block in which a round ended has left the chain.
pub(crate) fn has_left(observation: &Observation) -> bool {
    observation.stand.contains(&false)
}

/// An endpoint, as it is named where endpoints are compared: two may be of the same host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// Scheme, host and port.
    pub(crate) endpoint: String,
    /// Its place in the configured order, from 0.
    pub(crate) place: usize,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (number {})", self.endpoint, self.place)
    }
}

/// What all endpoints that have a say show at the number of a block.
#[derive(Debug)]
pub(crate) struct Hearing {
    end: Anchor,
    agreeing: Vec<Name>,
    contradicting: Vec<String>,
    /// Those that are waited for.
    behind: Vec<String>,
}

impl Hearing {
    /// These have shown the block.
    pub(crate) fn new(end: Anchor, agreeing: Vec<Name>) -> Self {
        Self {
            end,
            agreeing,
            contradicting: Vec::new(),
            behind: Vec::new(),
        }
    }

    /// Another one was asked.
    pub(crate) fn heard(&mut self, name: Name, word: &Word) {
        let Anchor { block, time } = self.end;
        match word {
            Word::Shows(shown) if *shown == block => self.agreeing.push(name),
            Word::Shows(shown) => self.contradicting.push(format!("{} at {name}", shown.hash)),
            Word::Lacks(newest) => {
                let (number, of_newest) = (newest.header.number, time_of(&newest.header));
                if number < block.number && of_newest < time {
                    self.behind
                        .push(format!("{name}, whose newest block is {number}"));
                } else {
                    self.contradicting
                        .push(format!("none at {name}, whose newest block is {number}"));
                }
            }
        }
    }

    /// The places of those that showed the block.
    pub(crate) fn agreeing(&self) -> Vec<usize> {
        self.agreeing.iter().map(|name| name.place).collect()
    }

    /// Why the round does not end in this block; none, if it may.
    pub(crate) fn objection(&self) -> Option<String> {
        let Block { number, hash } = self.end.block;
        if !self.contradicting.is_empty() {
            let agreeing: Vec<String> = self.agreeing.iter().map(ToString::to_string).collect();
            return Some(format!(
                "the endpoints contradict each other about block {number}, on which the round depends: it is {hash} at {}, {}: no round ends in it before whoever is wrong is taken out of `rpc`",
                agreeing.join(" and "),
                self.contradicting.join(", "),
            ));
        }
        (!self.behind.is_empty()).then(|| {
            format!(
                "block {number}, {hash}, has what the round depends on, and is waited for at {}",
                self.behind.join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use counterfoil_ethereum::BlockHash;

    use super::*;

    #[test]
    fn a_few_blocks_are_remembered_with_those_that_showed_them() {
        let block = |number| Block {
            number,
            hash: BlockHash::from_bytes([7; 32]),
        };
        let mut agreed = Agreed::default();
        for number in 0..=8 {
            agreed.keep(block(number), vec![0]);
            agreed.keep(block(number), vec![0, 1]);
        }
        assert!(agreed.about(block(0)).is_empty());
        for number in 1..=8 {
            assert_eq!(agreed.about(block(number)), [0, 1], "{number}");
        }
        let other = Block {
            hash: BlockHash::from_bytes([8; 32]),
            ..block(8)
        };
        assert!(agreed.about(other).is_empty());
        agreed.forget();
        assert!(agreed.about(block(8)).is_empty());
    }
}
