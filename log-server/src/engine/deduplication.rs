//! Optional deduplication: an entry that is in the log, or on its way, is answered with that entry's index.
//!
//! Three places are asked, under one lock so that two equal entries never both pass: the entries on their way (whose outcome is
//! shared), those committed but not yet in the lookup index, and the index.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use counterfoil_sequencer::Entry;
use counterfoil_tiles::hash::{LeafHash, LeafIndex};
use tokio::sync::watch;

use super::Engine;
use super::index::Index;
use crate::log::{AddError, Run};

type Outcome = Option<Result<LeafIndex, AddError>>;

enum Known {
    /// On its way, at this offset of a submission whose first index everybody who sent it hears.
    Pending(watch::Receiver<Outcome>, u64),
    /// Committed, perhaps not in the index yet.
    Logged(LeafIndex),
}

pub(crate) struct Deduplication {
    index: Index,
    known: Arc<Mutex<HashMap<LeafHash, Known>>>,
}

enum Place {
    Old(LeafIndex),
    Shared(watch::Receiver<Outcome>, u64),
    /// The position among the new entries.
    New(usize),
}

impl Deduplication {
    pub(crate) fn new(index: Index) -> Self {
        Self {
            index,
            known: Arc::default(),
        }
    }

    /// Logs those entries that are new and answers for all.
    pub(crate) async fn add(
        &self,
        engine: &Engine,
        entries: Vec<Entry>,
    ) -> Result<Vec<Run>, AddError> {
        let (announce, outcome) = watch::channel(None);
        let (places, new) = self.place(entries, &outcome)?;
        let first = if new.is_empty() {
            None
        } else {
            Some(self.submit(engine, new, announce).await?)
        };
        let mut runs: Vec<Run> = Vec::new();
        for place in places {
            let index = match place {
                Place::Old(index) => index,
                Place::New(position) => {
                    LeafIndex::new(first.map_or(0, LeafIndex::get) + position as u64)
                }
                Place::Shared(outcome, offset) => {
                    LeafIndex::new(shared_outcome(outcome).await?.get() + offset)
                }
            };
            match runs.last_mut() {
                Some(run) if run.first.get() + run.count == index.get() => run.count += 1,
                _ => runs.push(Run {
                    first: index,
                    count: 1,
                }),
            }
        }
        self.forget_what_is_indexed();
        Ok(runs)
    }

    /// Submits new entries; whoever shares their outcome hears it, even if the requester goes away.
    async fn submit(
        &self,
        engine: &Engine,
        new: Vec<Entry>,
        announce: watch::Sender<Outcome>,
    ) -> Result<LeafIndex, AddError> {
        let leaves: Vec<LeafHash> = new.iter().map(Entry::leaf_hash).collect();
        let announcement = Announcement {
            known: Arc::clone(&self.known),
            leaves,
            announce,
            told: false,
        };
        let shared = Arc::clone(&engine.shared);
        let settled = tokio::spawn(async move {
            let answer = super::submit(&shared, new).await;
            announcement.tell(answer)
        });
        settled.await.unwrap_or_else(|error| {
            Err(AddError::OutcomeUnknown {
                reason: error.to_string().into(),
                retry_after: super::RETRY_AFTER,
            })
        })
    }

    fn place(
        &self,
        entries: Vec<Entry>,
        outcome: &watch::Receiver<Outcome>,
    ) -> Result<(Vec<Place>, Vec<Entry>), AddError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut places, mut new) = (Vec::with_capacity(entries.len()), Vec::new());
        let mut positions: HashMap<LeafHash, usize> = HashMap::new();
        for entry in entries {
            let leaf = entry.leaf_hash();
            if let Some(position) = positions.get(&leaf) {
                places.push(Place::New(*position));
                continue;
            }
            places.push(match known.get(&leaf) {
                Some(Known::Logged(index)) => Place::Old(*index),
                Some(Known::Pending(outcome, offset)) => Place::Shared(outcome.clone(), *offset),
                None => match self.index.look_up(&leaf, None, 1) {
                    Ok(found) if !found.is_empty() => Place::Old(found[0]),
                    Ok(_) => {
                        positions.insert(leaf, new.len());
                        new.push(entry);
                        Place::New(new.len() - 1)
                    }
                    Err(error) => {
                        let reason = error.to_string().into();
                        return Err(AddError::NotDurable {
                            reason,
                            retry_after: super::RETRY_AFTER,
                        });
                    }
                },
            });
        }
        for (leaf, position) in positions {
            known.insert(leaf, Known::Pending(outcome.clone(), position as u64));
        }
        Ok((places, new))
    }

    /// The index has taken over for these.
    fn forget_what_is_indexed(&self) {
        let Ok(indexed) = self.index.indexed() else {
            return;
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() > 4_096 {
            known.retain(
                |_, known| !matches!(known, Known::Logged(index) if index.get() < indexed.get()),
            );
        }
    }
}

async fn shared_outcome(mut outcome: watch::Receiver<Outcome>) -> Result<LeafIndex, AddError> {
    let settled = outcome
        .wait_for(Option::is_some)
        .await
        .map(|settled| settled.clone());
    settled.ok().flatten().unwrap_or_else(|| {
        Err(AddError::OutcomeUnknown {
            reason: "the entry's first submission was abandoned".into(),
            retry_after: super::RETRY_AFTER,
        })
    })
}

/// Tells everybody who shares an outcome, also if it is dropped on the way.
struct Announcement {
    known: Arc<Mutex<HashMap<LeafHash, Known>>>,
    leaves: Vec<LeafHash>,
    announce: watch::Sender<Outcome>,
    told: bool,
}

impl Announcement {
    fn tell(mut self, answer: Result<LeafIndex, AddError>) -> Result<LeafIndex, AddError> {
        self.settle(&answer);
        answer
    }

    fn settle(&mut self, answer: &Result<LeafIndex, AddError>) {
        self.told = true;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for (leaf, offset) in self.leaves.iter().zip(0..) {
            match answer {
                Ok(first) => {
                    known.insert(*leaf, Known::Logged(LeafIndex::new(first.get() + offset)))
                }
                Err(_) => known.remove(leaf),
            };
        }
        self.announce.send_replace(Some(answer.clone()));
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        if !self.told {
            let reason = "the log stopped while it was being logged".into();
            self.settle(&Err(AddError::OutcomeUnknown {
                reason,
                retry_after: super::RETRY_AFTER,
            }));
        }
    }
}
