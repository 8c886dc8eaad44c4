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
//! record 1780000000000 24000000 <block hash> <transaction> <wei>          the last record
//! failure 1780000000000 <root> nonce-taken 41 <transaction>               the last failure
//! failure 1780000000000 <root> reverted <transaction>                     ... or so
//! round <root> 42 23999990 <destination>            on its way: its nonce, unused in that final block, and where it goes
//! member <origin hash> <size> <SHA-256 of the signed checkpoint> <its leaf hash>
//! attempt 1780000000000 <max fee> <max priority fee> <gas limit> <signed transaction>
//! ```
//!
//! `spent` and `ended` are repeated, oldest first; `record` and `failure` may lack; `round` may lack, and is followed by at least
//! one `member` and one `attempt` otherwise. Each fact has one spelling.

mod lines;

use core::time::Duration;

use counterfoil_ethereum::{Address, TransactionHash};
use counterfoil_tiles::hash::NodeHash;

use crate::chain::{Block, Identity};
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

/// How many transactions of one nonce there may be: 31 replacements raise the fee 38 times.
pub const MAX_ATTEMPTS: usize = 32;

/// How many checkpoints one round may have: the register stays far below the store's limit.
pub const MAX_MEMBERS: usize = 2_048;

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

/// The last round that has a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRecord {
    /// When it was known to be final.
    pub at: Timestamp,
    /// The block of its transaction.
    pub block: Block,
    /// Its transaction.
    pub transaction: TransactionHash,
    /// What it cost.
    pub cost: Wei,
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

/// A round on its way.
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
}

impl Flight {
    /// The transaction that is sent again where the network has lost it.
    pub fn newest(&self) -> Option<&Attempt> {
        self.attempts.last()
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
    /// The last round that has a record.
    pub last_record: Option<LastRecord>,
    /// The last round that failed.
    pub last_failure: Option<LastFailure>,
    /// The round on its way.
    pub flight: Option<Flight>,
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
            last_record: None,
            last_failure: None,
            flight: None,
        }
    }

    /// What the rounds of the day before this time cost. What is from the future (the clock was set back) counts, too.
    pub fn spent_since_a_day(&self, now: Timestamp) -> Wei {
        let recent = self.spent.iter().filter(|spent| counts(spent, now));
        recent.fold(Wei::ZERO, |sum, spent| sum.plus(spent.cost))
    }

    /// True if no other round may be sent, whatever it costs.
    pub fn is_full(&self, now: Timestamp) -> bool {
        let recent = self.spent.iter().filter(|spent| counts(spent, now));
        recent.count() >= MAX_SPENT
    }

    /// True if this root was paid for or is being paid for.
    pub fn knows(&self, root: &NodeHash) -> bool {
        let on_its_way = |flight: &Flight| flight.offer.root == *root;
        self.ended.contains(root) || self.flight.as_ref().is_some_and(on_its_way)
    }

    /// The state after this one, to be changed.
    #[must_use]
    pub(crate) fn next(&self) -> Self {
        let mut next = self.clone();
        next.generation = next.generation.saturating_add(1);
        next
    }

    /// The round on its way is over, for this price.
    pub(crate) fn end(&mut self, now: Timestamp, cost: Option<Wei>) {
        let Some(flight) = self.flight.take() else {
            return;
        };
        self.next_nonce = self.next_nonce.max(flight.nonce.saturating_add(1));
        self.spent.retain(|spent| counts(spent, now));
        if let Some(cost) = cost {
            self.spent.push(Spent { at: now, cost });
            self.ended.push(flight.offer.root);
        }
        let surplus = self.ended.len().saturating_sub(MAX_ENDED);
        self.ended.drain(..surplus);
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
