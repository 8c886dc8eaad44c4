//! Anchoring on an Ethereum chain: one transaction a round for all logs.
//!
//! ```text
//! Slots ── it is time ──> due: the newest round of each log, as far as it is new ──> Sender::offer
//! Sender::poll ──> the register, the chain, or records to keep ──> Sender::complete
//! Sender::poll_event ──> the log, counters
//! ```
//!
//! What is anchored is what the authorities stamped, byte for byte, so that one file of evidence has both; and nothing is anchored
//! that was not compared with what was anchored before. A log that is down or late has the checkpoint that it had; one that
//! forked is left out until the operator has dealt with that. Neither holds anybody back.

mod chain;
mod driver;
mod due;
mod events;
mod keep;
mod probe;
mod rpc;
mod slots;
mod status;
pub mod view;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use counterfoil_ethereum_sender as sender;
use tokio::sync::Notify;

use crate::follow::Followed;
use crate::names::AuthorityName;
use crate::records::{Acknowledged, Records};
use crate::worker::Clock;

pub use chain::{Chain, Endpoint, Head, Mode};
pub use probe::Probed;
pub use rpc::{OpenError, PASSWORD_VARIABLE, create_key, plan};
pub use status::{Block, LogBlocks, Lost, Status};
pub use view::View;
pub(crate) use view::{HOLD_WORDS, hold_word};

/// How an anchor works on a chain.
#[derive(Debug)]
pub struct Plan {
    /// What records call the chain.
    pub name: AuthorityName,
    /// On which chain, from which account, to where, for how much.
    pub sender: sender::Config,
    /// What is at the destination.
    pub mode: Mode,
    /// At most one round in so long.
    pub every: Duration,
    /// How much later than at a multiple of that: the logs have been looked at by then.
    pub lag: Duration,
    /// A log that does not change is anchored again when its last anchor is so old; none: never.
    pub max_age: Option<Duration>,
    /// The balance is to last for so many days.
    pub alarm_days: u64,
    /// The chain.
    pub chain: Arc<dyn Chain>,
}

/// An anchor's work on a chain.
#[derive(Debug)]
pub struct Ethereum {
    plan: Plan,
    /// The logs, and what the operator has dealt with of each.
    logs: Vec<(Followed, Acknowledged)>,
    records: Arc<Records>,
    clock: Clock,
    status: Mutex<Status>,
    /// An operator wants a round now.
    wanted: Notify,
}

impl Ethereum {
    /// The work on the chain for these logs, kept in these records.
    pub fn new(
        plan: Plan,
        logs: Vec<(Followed, Acknowledged)>,
        records: Arc<Records>,
        clock: Clock,
    ) -> Self {
        let followed = logs.iter().map(|(log, _)| log);
        Self {
            status: Mutex::new(Status::new(&plan, followed)),
            plan,
            logs,
            records,
            clock,
            wanted: Notify::new(),
        }
    }

    /// Where things stand.
    pub fn status(&self) -> Status {
        Status {
            endpoints: self.plan.chain.endpoints(),
            ..self.shown().clone()
        }
    }

    fn shown(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a round now, also about trees that were anchored.
    pub fn want(&self) {
        self.wanted.notify_one();
    }
}
