//! Optional deduplication: an entry that is in the log, or on its way, is answered with that entry's index.
//!
//! Two places are asked. The lookup index is asked first, without a lock, since it reads from the disk. What it does not cover
//! yet is known here: the entries on their way (whose outcome is shared) and those committed since. That is looked up, and added
//! to, under one lock, so that two equal entries never both pass. What the index covers is forgotten here, but not while an
//! older question to the index is still being answered: what it did not find must still be known.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use counterfoil_sequencer::Entry;
use counterfoil_tiles::hash::{LeafHash, LeafIndex, NodeHash};
use counterfoil_tiles::tile::{TILE_WIDTH, TileId};
use tokio::sync::watch;

use super::Engine;
use super::index::Index;
use crate::log::{AddError, Run};

type Outcome = Option<Result<LeafIndex, AddError>>;

/// How many entries may be known that the index does not cover; more are refused until it catches up. About 600 MB.
const MAX_KNOWN: usize = 4 << 20;

enum State {
    /// On its way, at this offset of a submission whose first index everybody who sent it hears.
    Pending(watch::Receiver<Outcome>, u64),
    /// Committed, perhaps not in the index yet.
    Logged(LeafIndex),
}

#[derive(Default)]
struct Known {
    entries: HashMap<LeafHash, State>,
    /// The committed ones of them, by index.
    logged: BTreeMap<u64, LeafHash>,
    /// Entries below this index have been forgotten: the index covers them.
    forgotten: u64,
    /// Questions to the index that are being answered, by what was forgotten when they began.
    asking: BTreeMap<u64, usize>,
}

impl Known {
    fn forget_below(&mut self, indexed: u64) {
        let oldest = self.asking.first_key_value().map(|(began, _)| *began);
        let until = oldest.map_or(indexed, |began| began.min(indexed));
        if until <= self.forgotten {
            return;
        }
        let kept = self.logged.split_off(&until);
        for leaf in std::mem::replace(&mut self.logged, kept).into_values() {
            self.entries.remove(&leaf);
        }
        self.forgotten = until;
    }

    fn log(&mut self, leaf: LeafHash, index: LeafIndex) {
        self.entries.insert(leaf, State::Logged(index));
        self.logged.insert(index.get(), leaf);
    }
}

#[derive(Clone, Default)]
struct SharedKnown(Arc<Mutex<Known>>);

impl SharedKnown {
    fn locked(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until the guard is dropped nothing is forgotten that the index does not cover now.
    fn ask(&self) -> Asking {
        let mut known = self.locked();
        let began = known.forgotten;
        *known.asking.entry(began).or_default() += 1;
        Asking {
            known: self.clone(),
            began,
        }
    }
}

struct Asking {
    known: SharedKnown,
    began: u64,
}

impl Drop for Asking {
    fn drop(&mut self) {
        let mut known = self.known.locked();
        if let Some(count) = known.asking.get_mut(&self.began) {
            *count -= 1;
            if *count == 0 {
                known.asking.remove(&self.began);
            }
        }
    }
}

pub(crate) struct Deduplication {
    index: Index,
    known: SharedKnown,
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
            known: SharedKnown::default(),
        }
    }

    /// Logs those entries that are new and answers for all.
    pub(crate) async fn add(
        &self,
        engine: &Engine,
        entries: Vec<Entry>,
    ) -> Result<Vec<Run>, AddError> {
        let (announce, outcome) = watch::channel(None);
        let asking = self.known.ask();
        let old = self.look_up(engine, &entries).await?;
        let indexed = engine.shared.indexed.load(Ordering::Acquire);
        let (places, new) = self.place(entries, &old, &outcome, indexed)?;
        drop(asking);
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
                    let shared = shared_outcome(outcome).await;
                    let shared = shared.map_err(|error| not_all(error, first.is_some()))?;
                    LeafIndex::new(shared.get() + offset)
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
        Ok(runs)
    }

    /// Which of the entries the lookup index has, and where.
    async fn look_up(
        &self,
        engine: &Engine,
        entries: &[Entry],
    ) -> Result<HashMap<LeafHash, LeafIndex>, AddError> {
        let (index, leaves) = (self.index.clone(), leaves(entries));
        let found = tokio::task::spawn_blocking(move || {
            let mut found = HashMap::new();
            for leaf in leaves {
                if let Some(index) = index.look_up(&leaf, None, 1)?.first() {
                    found.insert(leaf, *index);
                }
            }
            Ok::<_, super::IndexError>(found)
        });
        let found = found
            .await
            .map_err(|error| not_durable(&error))?
            .map_err(|error| not_durable(&error))?;
        self.check_index(engine, &found).await?;
        Ok(found)
    }

    /// The index is derived, the tree has the last word: the tiles are asked as well.
    async fn check_index(
        &self,
        engine: &Engine,
        found: &HashMap<LeafHash, LeafIndex>,
    ) -> Result<(), AddError> {
        let mut by_index: Vec<_> = found
            .iter()
            .map(|(leaf, index)| (index.get(), *leaf))
            .collect();
        by_index.sort_unstable_by_key(|(index, _)| *index);
        let (width, size) = (u64::from(TILE_WIDTH), engine.shared.published_size());
        for in_one_tile in by_index.chunk_by(|(a, _), (b, _)| a / width == b / width) {
            let number = in_one_tile.first().map_or(0, |(index, _)| index / width);
            let tile = match TileId::at(0, number, size) {
                Some(id) => Some(engine.shared.reader.tile_hashes(id).await),
                None => None,
            };
            let tile = tile.transpose().map_err(|error| not_durable(&error))?;
            for (index, leaf) in in_one_tile {
                let place = usize::try_from(index % width).unwrap_or(usize::MAX);
                let there = tile.as_ref().and_then(|tile| tile.hashes().get(place));
                if there != Some(&NodeHash::from(*leaf)) {
                    return Err(not_durable(&format!(
                        "the lookup index says that entry {index} is the same, the tree says otherwise: `counterfoil log reindex`"
                    )));
                }
            }
        }
        Ok(())
    }

    /// Submits new entries; whoever shares their outcome hears it, even if the requester goes away.
    async fn submit(
        &self,
        engine: &Engine,
        new: Vec<Entry>,
        announce: watch::Sender<Outcome>,
    ) -> Result<LeafIndex, AddError> {
        let announcement = Announcement {
            known: self.known.clone(),
            leaves: leaves(&new),
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
        old: &HashMap<LeafHash, LeafIndex>,
        outcome: &watch::Receiver<Outcome>,
        indexed: u64,
    ) -> Result<(Vec<Place>, Vec<Entry>), AddError> {
        let mut known = self.known.locked();
        known.forget_below(indexed);
        if known.entries.len() + entries.len() > MAX_KNOWN {
            return Err(AddError::Overloaded {
                queued: known.entries.len() as u64,
                retry_after: super::RETRY_AFTER,
            });
        }
        let (mut places, mut new) = (Vec::with_capacity(entries.len()), Vec::new());
        let mut positions: HashMap<LeafHash, usize> = HashMap::new();
        for entry in entries {
            let leaf = entry.leaf_hash();
            let old = old.get(&leaf).map(|index| Place::Old(*index));
            let place = old.or_else(|| positions.get(&leaf).map(|position| Place::New(*position)));
            let place = place.or_else(|| {
                Some(match known.entries.get(&leaf)? {
                    State::Logged(index) => Place::Old(*index),
                    State::Pending(outcome, offset) => Place::Shared(outcome.clone(), *offset),
                })
            });
            places.push(place.unwrap_or_else(|| {
                positions.insert(leaf, new.len());
                new.push(entry);
                Place::New(new.len() - 1)
            }));
        }
        for (leaf, position) in positions {
            let pending = State::Pending(outcome.clone(), position as u64);
            known.entries.insert(leaf, pending);
        }
        Ok((places, new))
    }
}

fn leaves(entries: &[Entry]) -> Vec<LeafHash> {
    entries.iter().map(Entry::leaf_hash).collect()
}

fn not_durable(reason: &dyn std::fmt::Display) -> AddError {
    AddError::NotDurable {
        reason: reason.to_string().into(),
        retry_after: super::RETRY_AFTER,
    }
}

/// "Nothing was logged" would be wrong where only the entries that others had sent as well were not.
fn not_all(error: AddError, some_are_logged: bool) -> AddError {
    if !some_are_logged {
        return error;
    }
    AddError::OutcomeUnknown {
        reason: format!("some of the entries are logged; of those that another request had sent already: {error}").into(),
        retry_after: super::RETRY_AFTER,
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
    known: SharedKnown,
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
        let mut known = self.known.locked();
        for (leaf, offset) in self.leaves.iter().zip(0..) {
            match answer {
                Ok(first) => known.log(*leaf, LeafIndex::new(first.get() + offset)),
                Err(_) => drop(known.entries.remove(leaf)),
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(number: u8) -> LeafHash {
        LeafHash::from_bytes([number; 32])
    }

    #[test]
    fn what_the_index_covers_is_forgotten_unless_an_older_question_is_open() {
        let known = SharedKnown::default();
        for number in 0..10 {
            known
                .locked()
                .log(leaf(number), LeafIndex::new(u64::from(number)));
        }
        let has = |number| known.locked().entries.contains_key(&leaf(number));
        let first = known.ask();
        known.locked().forget_below(5);
        assert!(
            has(0),
            "the index may not have covered it when it was asked"
        );
        drop(first);
        known.locked().forget_below(5);
        assert!(!has(0) && !has(4) && has(5));
        let second = known.ask();
        let third = known.ask();
        drop(second);
        known.locked().forget_below(10);
        assert!(has(5), "the third question is still open");
        drop(third);
        known.locked().forget_below(10);
        let known = known.locked();
        assert!(known.entries.is_empty() && known.logged.is_empty() && known.asking.is_empty());
    }

    #[test]
    fn a_batch_that_is_logged_in_part_is_not_said_to_be_not_logged() {
        let failed = not_durable(&"the disk is full");
        assert_eq!(not_all(failed.clone(), false), failed);
        assert!(matches!(
            not_all(failed, true),
            AddError::OutcomeUnknown { .. }
        ));
    }
}
