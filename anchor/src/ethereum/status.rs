//! What is known of the work on a chain: for the page, `/status` and metrics.

use std::collections::BTreeMap;

use counterfoil_ethereum::{Address, Header, Transaction, TransactionHash};
use counterfoil_ethereum_sender as sender;
use counterfoil_ethereum_sender::state::Undone;
use counterfoil_ethereum_sender::{Dealt, Hold, Wei};
use counterfoil_tiles::checkpoint::{Origin, OriginHash};

use super::{Endpoint, Mode, Plan, events};
use crate::follow::Followed;
use crate::moment::Moment;
use crate::names::{AuthorityName, Place};

/// What is known of the work on a chain.
#[derive(Debug, Clone)]
pub struct Status {
    /// What records call the chain.
    pub name: AuthorityName,
    /// The chain.
    pub chain_id: u64,
    /// The account that pays.
    pub account: Address,
    /// Where transactions go.
    pub destination: Address,
    /// What is there.
    pub mode: Mode,
    /// What may be paid.
    pub ceilings: sender::Ceilings,
    /// The balance is to last for so many days.
    pub alarm_days: u64,
    /// Where the sender stands; none before it began.
    pub sender: Option<sender::Status>,
    /// Why the blocks that have something of the logs are not read yet; none when they are.
    pub unread: Option<String>,
    /// The logs, in the order of the configuration.
    pub logs: Vec<LogBlocks>,
    /// The last round that became final, if nothing of it could be recorded.
    pub lost: Option<Lost>,
    /// When it is looked at next whether there is something new.
    pub next: Option<Moment>,
    /// What happened how often, by [`Status::WORDS`].
    pub events: BTreeMap<&'static str, u64>,
    /// How each endpoint is.
    pub endpoints: Vec<Endpoint>,
}

/// What a chain has of a log.
#[derive(Debug, Clone)]
pub struct LogBlocks {
    /// The log.
    pub origin: Origin,
    /// How records name it.
    pub hash: OriginHash,
    /// The newest block that has something of it.
    pub newest: Option<Block>,
}

/// A round that is final and has no record, since all its checkpoints were lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Its block.
    pub block: sender::chain::Block,
    /// Its transaction.
    pub transaction: TransactionHash,
    /// What it had.
    pub checkpoints: Vec<Place>,
}

/// A block that has a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// The checkpoint.
    pub place: Place,
    /// The number of the block.
    pub number: u64,
    /// The time of the block.
    pub time: Moment,
    /// The transaction.
    pub transaction: TransactionHash,
}

impl Block {
    /// The block with this header and this transaction; none if they are none.
    pub(crate) fn of(place: Place, header: &[u8], transaction: &[u8]) -> Option<Self> {
        let header = Header::parse(header).ok()?;
        Some(Self {
            place,
            number: header.number,
            time: Moment::from_seconds(header.timestamp),
            transaction: Transaction::parse(transaction).ok()?.hash,
        })
    }
}

impl Status {
    /// The words by which events are counted, for metrics that begin at 0.
    pub const WORDS: [&'static str; 11] = events::WORDS;

    pub(super) fn new<'a>(plan: &Plan, logs: impl Iterator<Item = &'a Followed>) -> Self {
        let log = |log: &Followed| LogBlocks {
            origin: log.origin().clone(),
            hash: log.hash(),
            newest: None,
        };
        let identity = plan.sender.identity;
        Self {
            name: plan.name.clone(),
            chain_id: identity.chain_id,
            account: identity.account,
            destination: plan.sender.destination,
            mode: plan.mode,
            ceilings: plan.sender.ceilings,
            alarm_days: plan.alarm_days,
            sender: None,
            unread: Some("its records are not read yet".to_owned()),
            logs: logs.map(log).collect(),
            lost: None,
            next: None,
            events: BTreeMap::new(),
            endpoints: Vec::new(),
        }
    }

    /// Why this work cannot be done; none if it can. That the chain does not answer, or asks too much, is no reason.
    pub fn not_ready(&self) -> Option<String> {
        let name = &self.name;
        let sender = self.sender.as_ref();
        if let Some(reason) = sender.and_then(|sender| sender.stopped.as_ref()) {
            return Some(format!("nothing is sent to {name} any more: {reason}"));
        }
        if !sender.is_some_and(|sender| sender.is_loaded) {
            return Some(format!("starting: {name}: what was sent is not read yet"));
        }
        let why = self.unread.as_ref()?;
        Some(format!("starting: {name}: {why}"))
    }

    /// Records whose blocks left the chain, of which nobody has said that it is dealt with.
    pub fn undone(&self) -> impl Iterator<Item = &Undone> {
        let all = self.sender.iter().flat_map(|sender| &sender.undone);
        all.filter_map(|(undone, dealt)| (*dealt == Dealt::Open).then_some(undone))
    }

    /// What a round costs: the last one that was paid for, or the one on its way.
    pub fn cost(&self) -> Option<Wei> {
        let sender = self.sender.as_ref()?;
        let last = sender.last_record.map(|record| record.cost);
        last.or_else(|| Some(sender.on_its_way.as_ref()?.expected))
    }

    /// For how many days the balance lasts at what the last 24 hours cost, and at the least a round: none where it does not suffice
    /// for the next round. None if nothing is known.
    pub fn days_left(&self) -> Option<f64> {
        let sender = self.sender.as_ref()?;
        let balance = sender.seen?.balance;
        let is_short = matches!(sender.hold, Some((Hold::Balance { .. }, _)));
        if is_short || balance == Wei::ZERO {
            return Some(0.0);
        }
        let a_day = sender.spent.max(self.cost()?);
        (a_day > Wei::ZERO).then(|| ether(balance) / ether(a_day))
    }

    /// Whether the balance does not last as long as it is to.
    pub fn is_low(&self) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "days are few")]
        let alarm = self.alarm_days as f64;
        self.days_left().is_some_and(|days| days < alarm)
    }
}

/// In ether, about.
#[expect(
    clippy::cast_precision_loss,
    reason = "a float has enough digits for a share, and for a gauge"
)]
fn ether(amount: Wei) -> f64 {
    amount.get() as f64 / 1e18
}
