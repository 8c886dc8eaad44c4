//! What is to be anchored: the newest round of each log, as far as it is new.

use std::collections::BTreeMap;

use counterfoil_ethereum::{Round, RoundError};
use counterfoil_ethereum_sender::state::MAX_MEMBERS;
use counterfoil_ethereum_sender::{Member, Offer};
use counterfoil_tiles::checkpoint::Origin;
use counterfoil_tiles::hash::hash_leaf;

use super::status::Block;
use crate::moment::Moment;
use crate::names::Place;
use crate::state::State;

/// A log's newest round, and what the chain has of the log.
#[derive(Debug)]
pub(super) struct Candidate {
    /// The log.
    pub(super) origin: Origin,
    /// Its newest round.
    pub(super) state: State,
    /// The newest block that has something of it.
    pub(super) newest: Option<Block>,
    /// Whether a block has these very bytes.
    pub(super) recorded: Recorded,
}

/// Whether a record says that a block has a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recorded {
    /// One does.
    Whole,
    /// One did, and is damaged: it proves nothing any more.
    Damaged,
    /// There is none.
    None,
}

/// What is new enough.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// The time now.
    pub(super) now: Moment,
    /// A tree that was anchored before is anchored again when that is so long ago; none: never.
    pub(super) max_age: Option<std::time::Duration>,
}

impl Candidate {
    /// Whether it is worth a transaction. The same bytes are not, whenever they were anchored: their earlier time says more.
    fn is_due(&self, terms: Terms) -> bool {
        let is_old = |block: &Block| {
            let age = terms.now.since(block.time);
            terms.max_age.is_some_and(|max_age| age >= max_age)
        };
        let is_new = |block: &Block| block.place.size != self.place().size || is_old(block);
        self.recorded != Recorded::Whole && self.newest.as_ref().is_none_or(is_new)
    }

    pub(super) fn place(&self) -> Place {
        self.state.place()
    }
}

/// The round of all that is due; none if nothing is. Where that is more than a round holds, those come first whose last anchor
/// is oldest.
pub(super) fn offer(
    mut candidates: Vec<Candidate>,
    terms: Terms,
) -> Result<Option<Offer>, RoundError> {
    candidates.retain(|candidate| candidate.is_due(terms));
    if candidates.is_empty() {
        return Ok(None);
    }
    candidates.sort_by_key(|candidate| candidate.newest.map(|block| block.time));
    candidates.truncate(MAX_MEMBERS);
    let round: BTreeMap<Origin, State> = candidates
        .into_iter()
        .map(|candidate| (candidate.origin, candidate.state))
        .collect();
    let member = |state: &State| {
        let place = state.place();
        Member {
            origin: place.origin,
            size: place.size,
            checkpoint: *place.checkpoint.as_bytes(),
            leaf: hash_leaf(state.note().as_bytes()).into(),
        }
    };
    let members: Vec<Member> = round.values().map(member).collect();
    let leaves = members.iter().map(|member| member.leaf);
    let root = *Round::new(leaves.collect())?.root();
    Ok(Some(Offer { root, members }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use counterfoil_ethereum::TransactionHash;
    use counterfoil_tiles::checkpoint::{Checkpoint, OriginHash};
    use counterfoil_tiles::cosignature::sign_as_log;
    use counterfoil_tiles::hash::{NodeHash, TreeSize, hash_node};
    use counterfoil_tiles::key::{Algorithm, KeyName, Seed, SigningKey};
    use counterfoil_tiles::note::Note;

    use super::*;

    const NOW: Moment = Moment::from_millis(1_000_000_000);
    const TERMS: Terms = Terms {
        now: NOW,
        max_age: Some(Duration::from_secs(100)),
    };

    fn candidate(name: &str, size: u64) -> Candidate {
        let origin = Origin::new(name).unwrap();
        let checkpoint = Checkpoint::new(
            origin.clone(),
            TreeSize::new(size),
            NodeHash::from_bytes([7; 32]),
        );
        let key = KeyName::new(name).unwrap();
        let key = SigningKey::from_seed(key, Algorithm::Ed25519, &Seed::new([1; 32])).unwrap();
        let lines = vec![sign_as_log(&key, &checkpoint).unwrap()];
        let note = Note::new(&checkpoint.to_string(), lines).unwrap();
        Candidate {
            origin,
            state: State::after(None, note, NOW).unwrap(),
            newest: None,
            recorded: Recorded::None,
        }
    }

    fn anchored(mut candidate: Candidate, size: u64, seconds_ago: u64) -> Candidate {
        candidate.newest = Some(Block {
            place: Place {
                size: TreeSize::new(size),
                ..candidate.place()
            },
            number: 1,
            time: Moment::from_millis(NOW.millis() - seconds_ago * 1_000),
            transaction: TransactionHash::from_bytes([1; 32]),
        });
        candidate
    }

    #[test]
    fn what_is_new_or_was_anchored_long_ago_is_due() {
        let recorded = |recorded, candidate: Candidate| Candidate {
            recorded,
            ..candidate
        };
        let rows = [
            ("never anchored", candidate("a", 7), true),
            ("it grew", anchored(candidate("a", 7), 6, 1), true),
            ("the same tree", anchored(candidate("a", 7), 7, 99), false),
            (
                "the same tree, long ago",
                anchored(candidate("a", 7), 7, 100),
                true,
            ),
            (
                "the same bytes, long ago",
                recorded(Recorded::Whole, anchored(candidate("a", 7), 7, 100)),
                false,
            ),
            (
                "the same bytes, whose record is damaged",
                recorded(Recorded::Damaged, anchored(candidate("a", 7), 6, 1)),
                true,
            ),
        ];
        for (name, candidate, due) in rows {
            let found = offer(vec![candidate], TERMS).unwrap();
            assert_eq!(found.is_some(), due, "{name}");
        }
        let never = Terms {
            max_age: None,
            ..TERMS
        };
        let old = anchored(candidate("a", 7), 7, 100_000);
        assert_eq!(offer(vec![old], never), Ok(None));
        assert_eq!(offer(Vec::new(), TERMS), Ok(None));
    }

    #[test]
    fn the_root_is_over_what_is_due_in_the_order_of_the_origins() {
        let (b, a) = (candidate("b", 3), candidate("a", 4));
        let leaf = |one: &Candidate| hash_leaf(one.state.note().as_bytes()).into();
        let root = hash_node(&leaf(&a), &leaf(&b));
        let places = [a.place(), b.place()];
        let known = anchored(candidate("0", 9), 9, 1);
        let found = offer(vec![b, known, a], TERMS).unwrap().unwrap();
        assert_eq!(found.root, root);
        let members = found.members.iter();
        let found: Vec<(OriginHash, u64)> = members
            .map(|member| (member.origin, member.size.get()))
            .collect();
        assert_eq!(found, places.map(|place| (place.origin, place.size.get())));
    }

    #[test]
    fn where_there_are_too_many_the_oldest_come_first() {
        let count = MAX_MEMBERS as u64 + 1;
        let candidates = (0..count).map(|number| {
            // The first one has the newest anchor.
            anchored(candidate(&format!("log{number}"), 7), 6, 1 + number)
        });
        let found = offer(candidates.collect(), TERMS).unwrap().unwrap();
        assert_eq!(found.members.len(), MAX_MEMBERS);
        let newest = OriginHash::of(&Origin::new("log0").unwrap());
        assert!(found.members.iter().all(|member| member.origin != newest));
    }
}
