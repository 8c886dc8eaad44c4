//! Whoever has the log's key and forks it; and whoever has no key and sends what it has heard.

use std::sync::Arc;
use std::time::Duration;

use counterfoil_tiles::hash::{NodeHash, TreeSize, hash_leaf};
use counterfoil_tiles::note::Note;
use counterfoil_tiles::witness_wire::{AddCheckpointRequest, parse_size};

use crate::checker::{Branch, Checker};
use crate::clock::pause;
use crate::history::History;
use crate::keys::sign;
use crate::network::{Network, Party, Request};
use crate::random::Random;

/// How long it waits for an answer.
const DEADLINE: Duration = Duration::from_secs(5);

/// A log that signs and submits a history of its own: correctly as far as that history goes, or not.
pub(crate) struct Rogue {
    branch: Branch,
    party: Party,
    network: Arc<Network>,
    checker: Arc<Checker>,
    random: Random,
    history: History,
    /// What it thinks that each witness has cosigned.
    believed: Vec<u64>,
}

impl Rogue {
    /// Goes on from what the log's history was at a size.
    pub(crate) fn fork(
        network: &Arc<Network>,
        checker: &Arc<Checker>,
        at: u64,
        random: Random,
    ) -> Self {
        let history = checker.history(Branch::Log).until(at);
        Self::new(
            Branch::Rogue,
            Party::Rogue,
            network,
            checker,
            history,
            random,
        )
    }

    /// Takes the log's place where there is no other.
    pub(crate) fn in_place_of_the_log(
        network: &Arc<Network>,
        checker: &Arc<Checker>,
        random: Random,
    ) -> Self {
        Self::new(
            Branch::Log,
            Party::Log,
            network,
            checker,
            History::new(),
            random,
        )
    }

    fn new(
        branch: Branch,
        party: Party,
        network: &Arc<Network>,
        checker: &Arc<Checker>,
        history: History,
        random: Random,
    ) -> Self {
        Self {
            branch,
            party,
            believed: vec![0; network.nodes().len()],
            network: Arc::clone(network),
            checker: Arc::clone(checker),
            random,
            history,
        }
    }

    pub(crate) fn grow(&mut self, entries: u64) {
        for _ in 0..entries {
            let entry = format!("{:?} {}", self.branch, self.history.size());
            self.history.push(hash_leaf(entry.as_bytes()));
        }
        self.checker.grew(self.branch, &self.history);
    }

    fn signed(&self, size: u64) -> Note {
        sign(size, self.history.root(size).unwrap())
    }

    /// Shows its newest checkpoint to every witness, as a log does.
    pub(crate) async fn publish(&mut self) {
        for witness in 0..self.believed.len() {
            let size = self.history.size();
            self.submit(witness, size).await;
        }
    }

    /// As [`Self::publish`], to one witness; true if it cosigned.
    pub(crate) async fn submit(&mut self, witness: usize, size: u64) -> bool {
        let note = self.signed(size);
        for _ in 0..2 {
            let old = self.believed[witness];
            if old > size {
                return false;
            }
            let proof = self.history.consistency(old, size);
            match self.send(witness, old, proof, &note).await {
                Some((200, _)) => {
                    self.believed[witness] = size;
                    return true;
                }
                Some((409, body)) => match parse_size(&body) {
                    Ok(latest) => self.believed[witness] = latest.get(),
                    Err(_) => return false,
                },
                _ => return false,
            }
        }
        false
    }

    async fn send(
        &self,
        witness: usize,
        old: u64,
        proof: Vec<NodeHash>,
        note: &Note,
    ) -> Option<(u16, bytes::Bytes)> {
        let request = AddCheckpointRequest::new(TreeSize::new(old), proof, note.clone()).unwrap();
        let request = Request::AddCheckpoint(request.to_string().into());
        let answer = self.network.send(self.party, witness, request);
        let answer = tokio::time::timeout(DEADLINE, answer).await.ok()?.ok()?;
        Some((answer.status, answer.body))
    }

    /// Something that a log should not do.
    pub(crate) async fn misbehave(&mut self) {
        let witness = self.random.index(self.believed.len());
        let size = self.history.size();
        let smaller = self.random.below(size + 1);
        let junk = NodeHash::from_bytes([u8::try_from(self.random.below(256)).unwrap(); 32]);
        let log = self.checker.history(Branch::Log);
        match self.random.below(7) {
            // A root that nobody has, as if it were the first checkpoint, or at the size that the witness has.
            0 => drop(self.send(witness, 0, vec![], &sign(size, junk)).await),
            1 => {
                let at = self.believed[witness];
                drop(self.send(witness, at, vec![], &sign(at, junk)).await);
            }
            // Back to a smaller size.
            2 => drop(
                self.send(witness, smaller, vec![], &self.signed(smaller))
                    .await,
            ),
            // A proof that proves nothing.
            3 => {
                let old = self.believed[witness];
                drop(
                    self.send(witness, old, vec![junk; 3], &self.signed(size))
                        .await,
                );
            }
            // The log's own checkpoints at the wrong time.
            4 if log.size() > 0 => {
                let size = 1 + self.random.below(log.size());
                let old = self.random.below(size + 1);
                let (proof, note) = (
                    log.consistency(old, size),
                    sign(size, log.root(size).unwrap()),
                );
                drop(self.send(witness, old, proof, &note).await);
            }
            // The tree of no entries with another root.
            5 => drop(self.send(witness, 0, vec![], &sign(0, junk)).await),
            _ => {
                self.believed[witness] = 0;
                self.submit(witness, size).await;
            }
        }
    }

    /// Grows, publishes and misbehaves until it is dropped.
    pub(crate) async fn run(mut self) {
        loop {
            let grown = self.random.between(1, 7);
            self.grow(grown);
            if self.random.one_in(3) {
                self.misbehave().await;
            } else {
                self.publish().await;
            }
            pause(self.random.between(200, 3_000)).await;
        }
    }
}

/// Sends published checkpoints of the log to witnesses, with good proofs and junk, until it is dropped. It has no key.
pub(crate) async fn stranger(network: Arc<Network>, checker: Arc<Checker>, mut random: Random) {
    loop {
        pause(random.between(500, 5_000)).await;
        let history = checker.history(Branch::Log);
        let Some(note) = checker.some_signed(&mut random) else {
            continue;
        };
        let size = crate::checker::Head::of(note.text()).size;
        let old = random.below(size + 1);
        let proof = if random.one_in(2) {
            history.consistency(old, size)
        } else {
            vec![NodeHash::from_bytes([9; 32]); random.index(4)]
        };
        let request = AddCheckpointRequest::new(TreeSize::new(old), proof, note).unwrap();
        let request = Request::AddCheckpoint(request.to_string().into());
        let to = random.index(network.nodes().len());
        drop(tokio::time::timeout(DEADLINE, network.send(Party::Stranger, to, request)).await);
    }
}
