//! What a round of asking brings.

use std::fmt;

use counterfoil_tiles::checkpoint::PublishError;
use counterfoil_tiles::hash::TreeSize;
use counterfoil_tiles::note::{Note, SignatureLine};
use counterfoil_tiles::policy::{Policy, Witness, add_cosignatures};

use super::conversation::Reply;
use super::desk::Desk;
use super::endpoint::WitnessName;
use super::outcome::{Cosignature, Outcome, add_newest};

/// What one round brought.
#[derive(Debug, Clone)]
pub struct Round {
    /// The good cosignatures of the checkpoint, the newest by each key, in the policy's order.
    pub cosignatures: Vec<Cosignature>,
    /// Whether they satisfy the policy's quorum.
    pub quorum: bool,
    /// What each witness did, in the policy's order.
    pub answers: Vec<WitnessAnswer>,
}

impl Round {
    /// The witnesses that say that they have cosigned a larger tree, and its size.
    pub fn ahead(&self) -> impl Iterator<Item = (&WitnessAnswer, TreeSize)> {
        self.answers
            .iter()
            .filter_map(|answer| match answer.outcome {
                Outcome::Ahead { size } => Some((answer, size)),
                _ => None,
            })
    }

    /// The checkpoint with the cosignatures of the round (see [`add_cosignatures`]).
    pub fn cosigned(&self, note: &Note, policy: &Policy) -> Result<Note, PublishError> {
        let lines: Vec<SignatureLine> = self
            .cosignatures
            .iter()
            .map(|cosignature| cosignature.line.clone())
            .collect();
        add_cosignatures(note, &lines, policy)
    }

    /// What is missing, in words: each witness that has not cosigned, and why.
    pub fn trouble(&self) -> String {
        let troubles: Vec<String> = self
            .answers
            .iter()
            .filter(|answer| answer.outcome != Outcome::Cosigned)
            .map(ToString::to_string)
            .collect();
        troubles.join("; ")
    }
}

/// What one witness did in a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessAnswer {
    /// Its names in the policy: one for each of its keys.
    pub witnesses: Vec<WitnessName>,
    /// Its submission prefix.
    pub url: String,
    /// What it did.
    pub outcome: Outcome,
}

impl fmt::Display for WitnessAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.witnesses.iter().map(ToString::to_string).collect();
        write!(f, "{} ({}) {}", names.join(", "), self.url, self.outcome)
    }
}

/// What has come of a round so far.
pub(super) struct Gathering<'a> {
    policy: &'a Policy,
    desks: &'a [Desk],
    cosignatures: Vec<Cosignature>,
    outcomes: Vec<Outcome>,
}

impl<'a> Gathering<'a> {
    pub(super) fn new(policy: &'a Policy, desks: &'a [Desk]) -> Self {
        Self {
            policy,
            desks,
            cosignatures: Vec::new(),
            outcomes: vec![Outcome::Pending; desks.len()],
        }
    }

    pub(super) fn take(&mut self, at: usize, reply: Reply) {
        add_newest(&mut self.cosignatures, reply.cosignatures);
        if let Some(outcome) = self.outcomes.get_mut(at) {
            *outcome = reply.outcome;
        }
    }

    pub(super) fn quorum(&self) -> bool {
        let cosigned = &self.cosignatures;
        let by = |witness: &Witness| cosigned.iter().any(|line| witness.signs(&line.line));
        self.policy.satisfied_by(by)
    }

    pub(super) fn end(mut self) -> Round {
        let witnesses = self.policy.witnesses();
        self.cosignatures.sort_by_key(|cosignature| {
            let mut witnesses = witnesses.iter();
            witnesses.position(|witness| witness.signs(&cosignature.line))
        });
        let answers = self.desks.iter().zip(&self.outcomes);
        Round {
            quorum: self.quorum(),
            answers: answers
                .map(|(desk, outcome)| WitnessAnswer {
                    witnesses: desk.place.names(),
                    url: desk.place.url.clone(),
                    outcome: outcome.clone(),
                })
                .collect(),
            cosignatures: self.cosignatures,
        }
    }
}
