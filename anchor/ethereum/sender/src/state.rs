//! What the sender knows from start to start: one register, written before anything is sent.
//!
//! Text, one fact a line, in this order:
//!
//! ```text
//! counterfoil/ethereum/1
//! generation 17
//! chain 1
//! account 0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed
//! next-nonce 42
//! spent 1780000000000 44880002244000                what rounds of the last day cost, in wei, and when they ended
//! ended <root>                                      the last roots that were paid for: they are never paid for again
//! undone 1780000000000 24000000 <block hash> <transaction>                a record whose block left the chain
//! failure 1780000000000 <root> nonce-taken 41 <transaction>               the last failure
//! failure 1780000000000 <root> reverted <transaction>                     ... or so
//! failure 1780000000000 <root> paid 40 <transaction>
//! failure 1780000000000 <root> untimely <transaction> 24000000 <block hash> <its time> <when it was signed>
//! round <root> 42 23999990 <destination>            a round: its nonce, unused in that final block, and where it goes
//! member <origin hash> <size> <SHA-256 of the signed checkpoint> <its leaf hash>
//! attempt 1780000000000 <max fee> <max priority fee> <gas limit> <signed transaction>
//! taker <transaction>                               whose the nonce was, in a block that left the chain
//! final 1780000000000 recorded 24000000 <block hash> <its time> <transaction> <wei>    how it ended, if it did
//! ```
//!
//! `spent`, `ended` and `undone` are repeated, oldest first; `failure` may lack. Rounds are in the order of their nonces; each has at
//! least one `member` and one `attempt`. Each fact has one spelling.

mod lines;

use core::time::Duration;

use counterfoil_ethereum::{Address, BlockHash, TransactionHash};
use counterfoil_tiles::hash::NodeHash;

use crate::chain::{Anchor, Block, Identity};
use crate::offer::Offer;
use crate::operation::Failure;
use crate::time::Timestamp;
use crate::transaction::{Call, Unsigned};
use crate::wei::Wei;

pub use lines::StateError;

/// How many roots that were paid for are remembered. An offer is made of the newest checkpoints of logs that grow, so that an older
/// root does not come again; the last one does, whenever no log has changed.
pub const MAX_ENDED: usize = 256;

/// How many rounds of one day are remembered; when there are so many no other is sent until the oldest is a day old.
pub const MAX_SPENT: usize = 2_048;

/// How many transactions of one nonce there may be. Fifteen replacements raise the fee six times, and more where the chain asks for
/// more; each has to be looked for once the nonce is used.
pub const MAX_ATTEMPTS: usize = 16;

/// How many checkpoints one round may have: the register stays below the store's limit, a MiB.
pub const MAX_MEMBERS: usize = 1_024;

/// How many rounds that ended are kept, so that they can be on their way again should their blocks leave the chain.
pub const MAX_KEPT: usize = 16;

/// ... and how many checkpoints they may have together, for the register's limit. The last round is kept in any case.
pub const MAX_KEPT_MEMBERS: usize = 2_048;

/// How many records whose blocks left the chain are remembered.
pub const MAX_UNDONE: usize = 64;

/// What is spent counts for so long.
pub const DAY: Duration = Duration::from_hours(24);

/// What one round cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// When it was known to be final.
    pub at: Timestamp,
    /// How much.
    pub cost: Wei,
}

/// In which block a round ended, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When it was known to be final.
    pub at: Timestamp,
    /// How.
    pub ending: Ending,
    /// The block of its transaction.
    pub block: Block,
    /// The time of the block.
    pub time: Timestamp,
    /// Its transaction; somebody else's, where that took the nonce.
    pub transaction: TransactionHash,
    /// What it cost.
    pub cost: Wei,
}

impl Ended {
    /// The block, as it is watched.
    pub(crate) fn anchor(&self) -> Anchor {
        Anchor {
            block: self.block,
            time: self.time,
        }
    }
}

/// What the block that used a round's nonce came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A record.
    Recorded,
    /// [`Failure::Reverted`].
    Reverted,
    /// [`Failure::Untimely`].
    Untimely,
    /// [`Failure::NonceTaken`]: nothing of the round was paid for.
    Taken,
}

/// A record whose block left the chain though it was final: it proves nothing, unless the chain comes back to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undone {
    /// When that was seen.
    pub at: Timestamp,
    /// The block.
    pub block: Block,
    /// The transaction that it had.
    pub transaction: TransactionHash,
}

/// The last round that was sent and has no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastFailure {
    /// When it ended.
    pub at: Timestamp,
    /// Its root.
    pub root: NodeHash,
    /// Why.
    pub failure: Failure,
}

/// A transaction that was sent, or is about to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it was signed.
    pub at: Timestamp,
    /// Its fields.
    pub unsigned: Unsigned,
    /// Its bytes.
    pub signed: Vec<u8>,
    /// Its hash.
    pub hash: TransactionHash,
}

/// A round that was sent, or is about to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flight {
    /// The round.
    pub offer: Offer,
    /// The nonce of all its transactions.
    pub nonce: u64,
    /// A final block in which the nonce was not used.
    pub unused_in: u64,
    /// Its transactions, oldest first: each replaces those before it, and at most one can ever be in the chain.
    pub attempts: Vec<Attempt>,
    /// Somebody else's transaction that had the nonce, in a block that left the chain; none, once the round has ended again.
    pub taker: Option<TransactionHash>,
    /// Which block it ended in; none while it is on its way.
    pub ended: Option<Ended>,
}

impl Flight {
    /// The transaction that is sent again where the network has lost it.
    pub fn newest(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// Somebody else's transaction has its nonce.
    fn is_taken(&self) -> bool {
        self.ended
            .is_some_and(|ended| ended.ending == Ending::Taken)
    }

    /// The hashes of its transactions.
    pub fn hashes(&self) -> Vec<TransactionHash> {
        self.attempts.iter().map(|attempt| attempt.hash).collect()
    }
}

/// The value of the register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Counts the replacements: no value comes back.
    pub generation: u64,
    /// On which chain, from which account.
    pub identity: Identity,
    /// Nonces below are used up by rounds that ended.
    pub next_nonce: u64,
    /// What rounds cost, oldest first.
    pub spent: Vec<Spent>,
    /// The last roots that were paid for, oldest first.
    pub ended: Vec<NodeHash>,
    /// Records whose blocks left the chain, oldest first.
    pub undone: Vec<Undone>,
    /// The last round that failed.
    pub last_failure: Option<LastFailure>,
    /// The last rounds, by their nonces. Of those on their way only the first is worked on; there is more than one of these, or one
    /// before a round that ended, only after blocks left the chain that were final.
    pub rounds: Vec<Flight>,
}

impl State {
    /// Nothing was ever sent.
    pub fn new(identity: Identity) -> Self {
        Self {
            generation: 0,
            identity,
            next_nonce: 0,
            spent: Vec::new(),
            ended: Vec::new(),
            undone: Vec::new(),
            last_failure: None,
            rounds: Vec::new(),
        }
    }

    /// The round on its way.
    pub fn flight(&self) -> Option<&Flight> {
        self.rounds.iter().find(|round| round.ended.is_none())
    }

    /// The nonces of the rounds that ended, newest first, and the blocks in which they did.
    pub(crate) fn kept(&self) -> impl Iterator<Item = (u64, Ended)> {
        let all = self.rounds.iter().rev();
        all.filter_map(|round| Some((round.nonce, round.ended?)))
    }

    /// The last record.
    pub fn last_record(&self) -> Option<Ended> {
        let mut all = self.kept().map(|(_, ended)| ended);
        all.find(|ended| ended.ending == Ending::Recorded)
    }

    /// What the rounds of the day before this time cost. What is from the future (the clock was set back) counts, too.
    pub fn spent_since_a_day(&self, now: Timestamp) -> Wei {
        let recent = self.spent.iter().filter(|spent| counts(spent, now));
        recent.fold(Wei::ZERO, |sum, spent| sum.plus(spent.cost))
    }

    /// The most that the rounds on their way may cost, but for the one of this nonce.
    pub(crate) fn others_may_cost(&self, nonce: u64) -> Wei {
        let is_other = |round: &&Flight| round.ended.is_none() && round.nonce != nonce;
        let most = |round: &Flight| {
            let all = round.attempts.iter();
            all.map(|attempt| attempt.unsigned.most()).max()
        };
        let others = self.rounds.iter().filter(is_other).filter_map(most);
        others.fold(Wei::ZERO, Wei::plus)
    }

    /// True if no other round may be sent, whatever it costs.
    pub fn is_full(&self, now: Timestamp) -> bool {
        let recent = self.spent.iter().filter(|spent| counts(spent, now));
        recent.count() >= MAX_SPENT
    }

    /// True if this root was paid for or is being paid for.
    pub fn knows(&self, root: &NodeHash) -> bool {
        let is_paid = |round: &Flight| round.offer.root == *root && !round.is_taken();
        self.ended.contains(root) || self.rounds.iter().any(is_paid)
    }

    /// Another round about the same root, of which something was or may be paid for. There is one only where somebody else took the nonce of
    /// one of both. If there are several, one that ended.
    pub(crate) fn twin(&self, flight: &Flight) -> Option<&Flight> {
        let is = |round: &&Flight| {
            round.offer.root == flight.offer.root
                && round.nonce != flight.nonce
                && !round.is_taken()
        };
        let all = self.rounds.iter().filter(is);
        all.max_by_key(|round| round.ended.is_some())
    }

    /// The state after this one, to be changed.
    #[must_use]
    pub(crate) fn next(&self) -> Self {
        let mut next = self.clone();
        next.generation = next.generation.saturating_add(1);
        next
    }

    /// The round on its way is over.
    pub(crate) fn end(&mut self, now: Timestamp, ended: Ended) {
        let mut rounds = self.rounds.iter_mut();
        let Some(round) = rounds.find(|round| round.ended.is_none()) else {
            return;
        };
        round.ended = Some(ended);
        round.taker = None;
        let (root, nonce) = (round.offer.root, round.nonce);
        self.next_nonce = self.next_nonce.max(nonce.saturating_add(1));
        self.spent.retain(|spent| counts(spent, now));
        if ended.ending != Ending::Taken {
            self.spent.push(Spent {
                at: ended.at,
                cost: ended.cost,
            });
            self.ended.retain(|known| *known != root);
            self.ended.push(root);
        }
        let surplus = self.ended.len().saturating_sub(MAX_ENDED);
        self.ended.drain(..surplus);
        // The chain has come back to it.
        self.undone.retain(|undone| undone.block != ended.block);
        self.forget();
    }

    /// The round on its way is given up, and its nonce is as good as unused; false if there are later ones, which would wait for it.
    pub(crate) fn give_up(&mut self) -> bool {
        let is_last = self.rounds.last().is_some_and(|last| last.ended.is_none());
        let open = self.rounds.iter().filter(|round| round.ended.is_none());
        is_last && open.count() == 1 && self.rounds.pop().is_some()
    }

    /// Forgets the oldest rounds that ended, as far as they are too many.
    fn forget(&mut self) {
        let (mut kept, mut members, mut is_full) = (0_usize, 0_usize, false);
        let mut is_kept = |round: &Flight| {
            if round.ended.is_none() {
                return true;
            }
            members = members.saturating_add(round.offer.members.len());
            is_full |= kept == MAX_KEPT || kept > 0 && members > MAX_KEPT_MEMBERS;
            kept = kept.saturating_add(1);
            !is_full
        };
        self.rounds.reverse();
        self.rounds.retain(&mut is_kept);
        self.rounds.reverse();
    }

    /// Forgets, for another block, the oldest of those that the operator has dealt with; false if none can be forgotten.
    pub(crate) fn make_room_for_undone(&mut self, known: &[BlockHash]) -> bool {
        if self.undone.len() < MAX_UNDONE {
            return true;
        }
        let mut all = self.undone.iter();
        let Some(place) = all.position(|undone| known.contains(&undone.block.hash)) else {
            return false;
        };
        self.undone.remove(place);
        true
    }

    /// The block in which the round of this nonce ended has left the chain: it is on its way again. Gives it as it had ended.
    pub(crate) fn reopen(&mut self, nonce: u64, now: Timestamp) -> Option<Flight> {
        let mut rounds = self.rounds.iter_mut();
        let round = rounds.find(|round| round.nonce == nonce)?;
        let before = round.clone();
        let ended = round.ended.take()?;
        // Which blocks of this chain do not use the nonce is not known.
        round.unused_in = 0;
        round.taker = (ended.ending == Ending::Taken).then_some(ended.transaction);
        // Of the nonces those are used up that the newest round that stands has, and those before it.
        let after = self.rounds.iter().rev();
        let after = after.take_while(|round| round.ended.is_none());
        if let Some(first) = after.last() {
            self.next_nonce = self.next_nonce.min(first.nonce);
        }
        if ended.ending != Ending::Taken {
            let twin = self.twin(&before);
            if twin.is_none_or(|twin| twin.ended.is_none()) {
                self.ended.retain(|root| *root != before.offer.root);
            }
            let is_its = |spent: &Spent| spent.at == ended.at && spent.cost == ended.cost;
            if let Some(place) = self.spent.iter().rposition(is_its) {
                self.spent.remove(place);
            }
        }
        if ended.ending == Ending::Recorded {
            self.undone.push(Undone {
                at: now,
                block: ended.block,
                transaction: ended.transaction,
            });
        }
        Some(before)
    }
}

/// True if it is part of the last day.
fn counts(spent: &Spent, now: Timestamp) -> bool {
    spent.at.after(DAY) > now
}

/// The call of a round.
pub(crate) fn call(root: NodeHash, to: Address) -> Call {
    let calldata = counterfoil_ethereum::Calldata { root };
    Call { to, calldata }
}
