//! The work on a chain, as `/status` shows it. Times are milliseconds since 1970, amounts gwei with all their digits.

#![expect(
    missing_docs,
    reason = "they are the keys of /status, which docs/anchor.md explains"
)]

use std::collections::BTreeMap;

use counterfoil_ethereum::TransactionHash;
use counterfoil_ethereum_sender as sender;
use counterfoil_ethereum_sender::state::Undone;
use counterfoil_ethereum_sender::{Hold, Timestamp};
use serde::{Deserialize, Serialize};

use super::Endpoint;
use super::status::{Block, LogBlocks, Lost, Status};
use crate::moment::Moment;

/// The words by which a hold is known.
pub(crate) const HOLD_WORDS: [&str; 9] = [
    "fee",
    "priority-fee",
    "budget",
    "too-many-rounds",
    "not-final",
    "balance",
    "gas",
    "would-fail",
    "attempts",
];

/// What holds a round back, in a word.
pub(crate) fn hold_word(hold: &Hold) -> &'static str {
    match hold {
        Hold::Fee { .. } => "fee",
        Hold::PriorityFee { .. } => "priority-fee",
        Hold::Budget { .. } => "budget",
        Hold::TooManyRounds => "too-many-rounds",
        Hold::NotFinal => "not-final",
        Hold::Balance { .. } => "balance",
        Hold::Gas { .. } => "gas",
        Hold::WouldFail(_) => "would-fail",
        Hold::Attempts => "attempts",
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub struct View {
    pub name: String,
    pub chain_id: u64,
    pub account: String,
    pub destination: String,
    pub mode: String,
    pub max_fee_gwei: String,
    pub max_priority_fee_gwei: String,
    pub max_cost_per_day_gwei: String,
    pub max_gas: u64,
    pub waiting: Option<WaitingView>,
    pub on_its_way: Option<OnItsWayView>,
    pub hold: Option<HoldView>,
    pub trouble: Option<ReasonView>,
    /// Why nothing is sent any more.
    pub stopped: Option<String>,
    pub last_record: Option<RecordView>,
    pub last_failure: Option<FailureView>,
    /// The last round that became final, if nothing of it could be recorded.
    pub lost: Option<LostView>,
    /// Records whose blocks are not the chain's any more, until they are dealt with.
    pub undone: Vec<UndoneView>,
    pub spent_gwei: String,
    pub cost_gwei: Option<String>,
    pub seen: Option<SeenView>,
    pub balance_days: Option<f64>,
    pub balance_is_low: bool,
    pub next_look_at: Option<u64>,
    pub events: BTreeMap<String, u64>,
    pub endpoints: Vec<EndpointView>,
    pub logs: Vec<LogView>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct WaitingView {
    pub root: String,
    pub since: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct OnItsWayView {
    pub root: String,
    pub since: u64,
    pub nonce: u64,
    pub transaction: String,
    pub attempts: usize,
    pub most_gwei: String,
    pub expected_gwei: String,
    pub block: Option<u64>,
    pub block_hash: Option<String>,
    pub refusal: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct HoldView {
    pub word: String,
    pub reason: String,
    pub since: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ReasonView {
    pub reason: String,
    pub since: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct RecordView {
    pub at: u64,
    pub block: u64,
    pub block_hash: String,
    pub transaction: String,
    pub cost_gwei: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct UndoneView {
    pub at: u64,
    pub block: u64,
    pub block_hash: String,
    pub transaction: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct LostView {
    pub block: u64,
    pub block_hash: String,
    pub transaction: String,
    /// The paths of what it had.
    pub checkpoints: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct FailureView {
    pub at: u64,
    pub root: String,
    pub reason: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct SeenView {
    pub at: u64,
    pub head: u64,
    pub finalized: u64,
    pub balance_gwei: String,
    pub base_fee_gwei: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct EndpointView {
    pub name: String,
    pub trouble: Option<String>,
    pub failures: u64,
    /// It answered last.
    pub is_used: bool,
    /// Its newest block, and how old that was, when it was seen last.
    pub head: Option<u64>,
    pub head_age_seconds: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct LogView {
    pub origin: String,
    pub newest: Option<BlockView>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct BlockView {
    pub size: u64,
    pub block: u64,
    pub time: u64,
    pub age_seconds: u64,
    pub transaction: String,
    pub path: String,
}

impl View {
    /// Where things stand, at this time.
    pub fn of(status: &Status, now: Moment) -> Self {
        let sender = status.sender.as_ref();
        let lost = status.lost.as_ref();
        let is_lost = |last: &TransactionHash| lost.is_some_and(|lost| lost.transaction == *last);
        Self {
            name: status.name.to_string(),
            chain_id: status.chain_id,
            account: status.account.to_string(),
            destination: status.destination.to_string(),
            mode: status.mode.to_string(),
            max_fee_gwei: status.ceilings.max_fee.gwei(),
            max_priority_fee_gwei: status.ceilings.max_priority_fee.gwei(),
            max_cost_per_day_gwei: status.ceilings.max_cost_per_day.gwei(),
            max_gas: status.ceilings.max_gas.get(),
            waiting: sender
                .and_then(|sender| sender.waiting)
                .map(|(root, since)| WaitingView {
                    root: root.to_string(),
                    since: since.as_millis(),
                }),
            on_its_way: sender
                .and_then(|sender| sender.on_its_way.as_ref())
                .map(on_its_way),
            hold: sender.and_then(|sender| sender.hold.as_ref()).map(hold),
            trouble: sender
                .and_then(|sender| sender.trouble.as_ref())
                .map(|(why, since)| ReasonView {
                    reason: why.clone(),
                    since: since.as_millis(),
                }),
            stopped: sender.and_then(|sender| Some(sender.stopped.as_ref()?.to_string())),
            last_record: sender
                .and_then(|sender| sender.last_record)
                .filter(|last| !is_lost(&last.transaction))
                .map(|last| RecordView {
                    at: last.at.as_millis(),
                    block: last.block.number,
                    block_hash: last.block.hash.to_string(),
                    transaction: last.transaction.to_string(),
                    cost_gwei: last.cost.gwei(),
                }),
            last_failure: sender
                .and_then(|sender| sender.last_failure.as_ref())
                .map(|last| FailureView {
                    at: last.at.as_millis(),
                    root: last.root.to_string(),
                    reason: last.failure.to_string(),
                }),
            lost: lost.map(lost_view),
            undone: status.undone().map(undone).collect(),
            spent_gwei: sender
                .map_or(sender::Wei::ZERO, |sender| sender.spent)
                .gwei(),
            cost_gwei: status.cost().map(sender::Wei::gwei),
            seen: sender.and_then(|sender| sender.seen).map(|seen| SeenView {
                at: seen.at.as_millis(),
                head: seen.head.number,
                finalized: seen.finalized.number,
                balance_gwei: seen.balance.gwei(),
                base_fee_gwei: seen.base_fee.gwei(),
            }),
            balance_days: status.days_left(),
            balance_is_low: status.is_low(),
            next_look_at: status.next.map(Moment::millis),
            events: (status.events.iter())
                .map(|(word, count)| ((*word).to_owned(), *count))
                .collect(),
            endpoints: status.endpoints.iter().map(EndpointView::from).collect(),
            logs: status.logs.iter().map(|log| log_view(log, now)).collect(),
        }
    }
}

fn undone(undone: &Undone) -> UndoneView {
    UndoneView {
        at: undone.at.as_millis(),
        block: undone.block.number,
        block_hash: undone.block.hash.to_string(),
        transaction: undone.transaction.to_string(),
    }
}

fn lost_view(lost: &Lost) -> LostView {
    let places = lost.checkpoints.iter();
    LostView {
        block: lost.block.number,
        block_hash: lost.block.hash.to_string(),
        transaction: lost.transaction.to_string(),
        checkpoints: places.map(|place| format!("/{place}")).collect(),
    }
}

fn on_its_way(round: &sender::OnItsWay) -> OnItsWayView {
    let block = round.included.map(|(_, inclusion)| inclusion.block);
    OnItsWayView {
        root: round.root.to_string(),
        since: round.since.as_millis(),
        nonce: round.nonce,
        transaction: round.transaction.to_string(),
        attempts: round.attempts,
        most_gwei: round.most.gwei(),
        expected_gwei: round.expected.gwei(),
        block: block.map(|block| block.number),
        block_hash: block.map(|block| block.hash.to_string()),
        refusal: round.refusal.clone(),
    }
}

fn hold((hold, since): &(Hold, Timestamp)) -> HoldView {
    HoldView {
        word: hold_word(hold).to_owned(),
        reason: hold.to_string(),
        since: since.as_millis(),
    }
}

impl From<&Endpoint> for EndpointView {
    fn from(endpoint: &Endpoint) -> Self {
        Self {
            name: endpoint.name.clone(),
            trouble: endpoint.trouble.clone(),
            failures: endpoint.failures,
            is_used: endpoint.is_used,
            head: endpoint.head.map(|head| head.number),
            head_age_seconds: endpoint.head.map(|head| head.age.as_secs()),
        }
    }
}

fn log_view(log: &LogBlocks, now: Moment) -> LogView {
    let newest = log.newest.map(|block: Block| BlockView {
        size: block.place.size.get(),
        block: block.number,
        time: block.time.millis(),
        age_seconds: now.since(block.time).as_secs(),
        transaction: block.transaction.to_string(),
        path: format!("/{}", block.place),
    });
    LogView {
        origin: log.origin.to_string(),
        newest,
    }
}
