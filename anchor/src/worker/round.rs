//! The checkpoint of a round, the tokens over it that are kept, and who counts by them.
//!
//! Every good token is kept, whoever else has vouched: whom a verifier trusts is not known here. How many count is another
//! question, and is answered as the verifier does ([`Matching`]): by the most pairs of an authority and a signer's key of which no
//! two share either. Tokens that turned out to prove nothing are left out whenever it is asked.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use counterfoil_evidence::matching::Matching;
use counterfoil_tiles::checkpoint::WitnessedCheckpoint;
use counterfoil_tiles::note::Note;
use tokio::sync::OnceCell;

use crate::judge::GoodToken;
use crate::moment::Moment;
use crate::names::RecordName;
use crate::schedule::Authority;
use crate::state::State;

/// The checkpoint of a round, and whether it is kept.
#[derive(Debug)]
pub(super) struct RoundData {
    pub(super) note: Note,
    pub(super) begun: OnceCell<State>,
    tokens: Mutex<Vec<Vouching>>,
}

/// A token that is kept, and was good when it was.
#[derive(Debug, Clone)]
pub(super) struct Vouching {
    pub(super) authority: Authority,
    pub(super) name: RecordName,
    /// SHA-256 of the signer's public key.
    signer: [u8; 32],
    /// By when the checkpoint existed, as it says, and not later than when it came: what a clock says that is ahead is no news.
    by: Moment,
}

impl Vouching {
    pub(super) fn new(
        authority: Authority,
        name: RecordName,
        token: &GoodToken,
        received: Moment,
    ) -> Self {
        Self {
            authority,
            name,
            signer: token.signer(),
            by: token.latest.min(received),
        }
    }
}

/// An authority that counts, and by when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) authority: Authority,
    pub(super) by: Moment,
}

/// The authorities that count, in the order of the times by which they do.
pub(super) fn counted(mut vouching: Vec<Vouching>) -> Vec<Counted> {
    vouching.sort_by_key(|one| one.by);
    let mut matching = Matching::default();
    let counts = vouching.into_iter().filter_map(|one| {
        let authority = matching.add(one.authority, one.signer)?;
        Some(Counted {
            authority,
            by: one.by,
        })
    });
    counts.collect()
}

/// By when so many say that something existed, by their newest tokens: the same bytes may have been stamped over and over.
pub(super) fn newest(mut vouching: Vec<Vouching>, required: usize) -> Option<Moment> {
    vouching.sort_by_key(|one| std::cmp::Reverse(one.by));
    let mut matching = Matching::default();
    let enough = vouching.iter().position(|one| {
        matching.add(one.authority, one.signer);
        matching.count() >= required
    })?;
    vouching.truncate(enough + 1);
    when(&counted(vouching), required)
}

/// By when so many say that something existed.
pub(super) fn when(counted: &[Counted], required: usize) -> Option<Moment> {
    Some(counted.get(required.checked_sub(1)?)?.by)
}

impl RoundData {
    /// A round about a checkpoint that the policy admits.
    pub(super) fn new(witnessed: &WitnessedCheckpoint) -> Self {
        Self {
            note: witnessed.note().clone(),
            begun: OnceCell::new(),
            tokens: Mutex::default(),
        }
    }

    /// The round of an earlier process, whose checkpoint the policy admits, and what was kept of it.
    pub(super) fn resumed(state: State, tokens: Vec<Vouching>) -> Self {
        Self {
            note: state.note().clone(),
            begun: OnceCell::new_with(Some(state)),
            tokens: Mutex::new(tokens),
        }
    }

    fn tokens(&self) -> MutexGuard<'_, Vec<Vouching>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a token that was kept.
    pub(super) fn keep(&self, token: Vouching) {
        self.tokens().push(token);
    }

    /// The tokens that are kept, without those that prove nothing, as `fallen` says.
    fn standing(&self, fallen: impl Fn(&RecordName) -> bool) -> Vec<Vouching> {
        let tokens = self.tokens();
        let standing = tokens.iter().filter(|one| !fallen(&one.name));
        standing.cloned().collect()
    }

    /// Whether an authority has vouched by this key already.
    pub(super) fn has(
        &self,
        authority: Authority,
        token: &GoodToken,
        fallen: impl Fn(&RecordName) -> bool,
    ) -> bool {
        let mut standing = self.standing(fallen).into_iter();
        standing.any(|one| one.authority == authority && one.signer == token.signer())
    }

    /// Who counts.
    pub(super) fn counted(&self, fallen: impl Fn(&RecordName) -> bool) -> Vec<Counted> {
        counted(self.standing(fallen))
    }
}

/// Those of whom something is counted.
pub(super) fn authorities(counted: &[Counted]) -> BTreeSet<Authority> {
    counted.iter().map(|one| one.authority).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of an authority, by a key, at a time, that came at a time.
    fn vouching(authority: usize, key: u8, latest: u64, received: u64) -> Vouching {
        let time = Moment::from_millis(latest);
        let token = GoodToken {
            token: Vec::new(),
            gen_time: time,
            earliest: time,
            latest: time,
            chain: Vec::new(),
            keys: vec![[key; 32], [99; 32]],
        };
        let name = RecordName::token(format!("tsa{authority}").parse().unwrap(), 1);
        let authority = Authority::new(authority);
        Vouching::new(authority, name, &token, Moment::from_millis(received))
    }

    #[test]
    fn as_many_count_as_can_whoever_came_first() {
        // The first one has a key in common with the second; by its other token both count.
        let all = vec![
            vouching(0, 1, 10, 10),
            vouching(1, 1, 20, 20),
            vouching(0, 2, 30, 30),
        ];
        let found = counted(all.clone());
        let found: Vec<_> = found
            .iter()
            .map(|one| (one.authority.index(), one.by.millis()))
            .collect();
        assert_eq!(found, [(0, 10), (1, 30)]);
        let of_two = counted(all[..2].to_vec());
        assert_eq!(of_two.len(), 1, "one key counts once");
    }

    #[test]
    fn a_time_that_was_not_yet_when_the_token_came_is_none() {
        let ahead = vouching(0, 1, 1_000_000, 50);
        assert_eq!(
            when(&counted(vec![ahead]), 1),
            Some(Moment::from_millis(50))
        );
    }

    #[test]
    fn of_bytes_that_were_stamped_over_and_over_the_newest_tokens_say_the_time() {
        let all = vec![
            vouching(0, 1, 10, 10),
            vouching(1, 2, 11, 11),
            vouching(0, 1, 70, 70),
            vouching(1, 3, 71, 71),
        ];
        let at = |required| newest(all.clone(), required).map(Moment::millis);
        assert_eq!(at(1), Some(71));
        assert_eq!(at(2), Some(71));
        assert_eq!(at(3), None);
    }
}
