//! The state machine's public face: what drives it and what it tells.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use counterfoil_ethereum::{Address, BlockHash, TransactionHash};
use counterfoil_tiles::hash::NodeHash;

use crate::chain::{Block, Identity, Inclusion, Refusal};
use crate::fees::{Ceilings, Hold, expected};
use crate::offer::Offer;
use crate::operation::{Event, Operation, OperationId, StopReason};
use crate::state::{Ended, LastFailure, MAX_MEMBERS, State, Undone};
use crate::task::Task;
use crate::time::Timestamp;
use crate::wei::Wei;

/// What an operator may set.
#[derive(Clone, Debug)]
pub struct Config {
    /// On which chain, from which account.
    pub identity: Identity,
    /// Where the calls go.
    pub destination: Address,
    /// What may be paid.
    pub ceilings: Ceilings,
    /// Blocks that left the chain though they had records, and that somebody has dealt with.
    pub known_undone: Vec<BlockHash>,
    /// Somebody knows that the account's nonces below are used.
    pub known_nonce: u64,
    /// While a transaction is on its way, the chain is asked this often where it is. A block takes 12 s.
    pub observe_every: Duration,
    /// A transaction that is in no block for so long is replaced.
    pub replace_after: Duration,
    /// While fees or money hold a round back, the chain is asked this often whether they still do.
    pub hold_pause: Duration,
    /// While nothing is on its way, the chain is asked this often for balance, fees, and whether the blocks stand in which rounds ended.
    pub idle_every: Duration,
    /// The first pause before a failed operation is tried again; it doubles.
    pub retry_min: Duration,
    /// The longest such pause.
    pub retry_max: Duration,
}

impl Config {
    /// With the pauses that suit Ethereum's blocks of 12 seconds.
    pub fn new(identity: Identity, destination: Address, ceilings: Ceilings) -> Self {
        Self {
            identity,
            destination,
            ceilings,
            known_undone: Vec::new(),
            known_nonce: 0,
            observe_every: Duration::from_secs(12),
            replace_after: Duration::from_mins(3),
            hold_pause: Duration::from_mins(1),
            idle_every: Duration::from_mins(10),
            retry_min: Duration::from_secs(1),
            retry_max: Duration::from_mins(1),
        }
    }
}

/// What became of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It waits to be sent.
    Taken,
    /// Its root was paid for, or is on its way, or waits already.
    Known,
    /// It has no checkpoint, or too many.
    Refused,
}

/// A round that waits to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) offer: Offer,
    pub(crate) since: Timestamp,
}

/// The state as it is in the register, with the very bytes; none, if the register is not there yet.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) state: State,
    pub(crate) bytes: Option<Bytes>,
}

/// What is known of the round on its way by this process alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Course {
    /// Since when it waits for a block: since it was signed, this process began, or its block was undone.
    pub(crate) waits_since: Timestamp,
    /// It is not replaced before.
    pub(crate) not_before: Timestamp,
    /// Which of its transactions this process has told of.
    pub(crate) told: Option<TransactionHash>,
    /// In which block it was seen last.
    pub(crate) included: Option<(TransactionHash, Inclusion)>,
    /// Another transaction was seen to have its nonce.
    pub(crate) nonce_is_used: bool,
    /// Why nobody took the newest of its transactions, when it was offered last.
    pub(crate) refusal: Option<Refused>,
}

/// A transaction was not taken.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) refusal: Refusal,
    pub(crate) reason: String,
    /// This refusal was told of.
    pub(crate) is_told: bool,
}

/// What the chain said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When.
    pub at: Timestamp,
    /// The head.
    pub head: Block,
    /// The newest final block.
    pub finalized: Block,
    /// What the account has.
    pub balance: Wei,
    /// The base fee of the block after the head, by gas.
    pub base_fee: Wei,
}

/// A round on its way, for status pages and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnItsWay {
    /// The root of the round.
    pub root: NodeHash,
    /// When its first transaction was signed.
    pub since: Timestamp,
    /// Their nonce.
    pub nonce: u64,
    /// The newest of its transactions.
    pub transaction: TransactionHash,
    /// How many there are.
    pub attempts: usize,
    /// The most that it may cost.
    pub most: Wei,
    /// What it costs at the base fee seen last.
    pub expected: Wei,
    /// Which of its transactions is in which block, as far as known.
    pub included: Option<(TransactionHash, Inclusion)>,
    /// What the network said when it did not take it.
    pub refusal: Option<String>,
}

/// A snapshot for status pages and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// False until the register was read.
    pub is_loaded: bool,
    /// The round that waits to be sent: its root, and since when one waits.
    pub waiting: Option<(NodeHash, Timestamp)>,
    /// The round on its way.
    pub on_its_way: Option<OnItsWay>,
    /// What holds a round, or a replacement, back, and since when.
    pub hold: Option<(Hold, Timestamp)>,
    /// What went wrong last, and since when something does; none once there is nothing to do but wait, or a step of the round is durable.
    pub trouble: Option<(String, Timestamp)>,
    /// The last round that has a record.
    pub last_record: Option<Ended>,
    /// The last round that failed.
    pub last_failure: Option<LastFailure>,
    /// Records whose blocks left the chain, and whether somebody has dealt with that.
    pub undone: Vec<(Undone, Dealt)>,
    /// What rounds cost in the last 24 hours.
    pub spent: Wei,
    /// What the chain said last.
    pub seen: Option<Seen>,
    /// Why it has stopped.
    pub stopped: Option<StopReason>,
}

/// Whether somebody has dealt with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dealt {
    /// The configuration names the block.
    Known,
    /// Not yet.
    Open,
}

/// Sends each root once.
#[derive(Debug)]
pub struct Sender {
    pub(crate) config: Config,
    pub(crate) now: Timestamp,
    /// When this process began.
    pub(crate) began: Timestamp,
    /// None until the register was read.
    pub(crate) stored: Option<Stored>,
    pub(crate) pending: Option<Pending>,
    pub(crate) course: Course,
    pub(crate) hold: Option<(Hold, Timestamp)>,
    pub(crate) seen: Option<Seen>,
    /// When the chain was last asked whether the block stands in which the last round ended.
    pub(crate) watched: Option<Timestamp>,
    /// How often it was asked: that decides of which earlier round's block it is asked as well.
    pub(crate) looks: usize,
    /// The nonces below are used, as was seen in a block.
    pub(crate) proven_nonce: u64,
    /// How often the block of each kept round left the chain, by the round's nonce.
    pub(crate) undoings: BTreeMap<u64, u32>,
    /// Up to this nonce foreign use was told.
    pub(crate) told_nonce: u64,
    pub(crate) told_pool: bool,
    task: Task,
    due: Timestamp,
    waiting: Option<OperationId>,
    pause: Duration,
    trouble: Option<(String, Timestamp)>,
    stopped: Option<StopReason>,
    events: VecDeque<Event>,
    next_operation: u64,
}

impl Sender {
    /// A sender that begins by reading its register.
    pub fn new(config: Config, now: Timestamp) -> Self {
        Self {
            config,
            now,
            began: now,
            stored: None,
            pending: None,
            course: Course::default(),
            hold: None,
            seen: None,
            watched: None,
            looks: 0,
            proven_nonce: 0,
            undoings: BTreeMap::new(),
            told_nonce: 0,
            told_pool: false,
            task: Task::Load,
            due: now,
            waiting: None,
            pause: Duration::ZERO,
            trouble: None,
            stopped: None,
            events: VecDeque::new(),
            next_operation: 0,
        }
    }

    /// Offers a round. One that waits already gives way to it; one on its way does not, and is waited for.
    pub fn offer(&mut self, offer: Offer) -> Offered {
        if offer.members.is_empty() || offer.members.len() > MAX_MEMBERS {
            return Offered::Refused;
        }
        let root = offer.root;
        let waits = (self.pending.as_ref()).is_some_and(|pending| pending.offer.root == root);
        let is_known = |stored: &Stored| stored.state.knows(&root);
        if waits || self.stored.as_ref().is_some_and(is_known) {
            return Offered::Known;
        }
        let since = self.pending.as_ref().map_or(self.now, |old| old.since);
        let old = self.pending.replace(Pending { offer, since });
        if let Some(old) = old {
            self.tell(Event::Superseded(old.offer));
        }
        if matches!(self.task, Task::Rest) && self.flight().is_none() {
            self.due = self.due.min(self.now);
        }
        Offered::Taken
    }

    /// Tells the time. Pauses are judged at the next `poll`.
    pub fn tick(&mut self, now: Timestamp) {
        // Where the clock was set back nobody waits until it shows the old time again.
        if now < self.now {
            let times = [
                &mut self.due,
                &mut self.began,
                &mut self.course.waits_since,
                &mut self.course.not_before,
            ];
            for time in times.into_iter().chain(&mut self.watched) {
                *time = now.min(*time);
            }
        }
        self.now = now;
    }

    /// The next thing to do, if there is one now.
    pub fn poll(&mut self) -> Option<Operation> {
        if self.waiting.is_some() || self.stopped.is_some() || self.now < self.due {
            return None;
        }
        if matches!(self.task, Task::Rest) {
            self.task = self.decide();
        }
        let request = self.request(&self.task)?;
        let id = OperationId(self.next_operation);
        self.next_operation = self.next_operation.saturating_add(1);
        self.waiting = Some(id);
        Some(Operation { id, request })
    }

    /// Reports how an operation ended.
    pub fn complete(&mut self, id: OperationId, outcome: crate::operation::Outcome) {
        if self.waiting != Some(id) {
            return;
        }
        self.waiting = None;
        let task = core::mem::replace(&mut self.task, Task::Rest);
        if self.stopped.is_none() {
            self.completed(task, outcome);
        }
    }

    /// What happened since the last call, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When `tick` and `poll` are due if nothing else happens before; none while an operation is under way, or after a stop.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        let rests = self.waiting.is_none() && self.stopped.is_none();
        rests.then_some(self.due)
    }

    /// Where things stand.
    pub fn status(&self) -> Status {
        let state = self.stored.as_ref().map(|stored| &stored.state);
        Status {
            is_loaded: state.is_some(),
            waiting: (self.pending.as_ref()).map(|pending| (pending.offer.root, pending.since)),
            on_its_way: self.on_its_way(),
            hold: self.hold.clone(),
            trouble: self.trouble.clone(),
            last_record: state.and_then(State::last_record),
            last_failure: state.and_then(|state| state.last_failure.clone()),
            undone: state.map_or_else(Vec::new, |state| self.dealt_with(state)),
            spent: state.map_or(Wei::ZERO, |state| state.spent_since_a_day(self.now)),
            seen: self.seen,
            stopped: self.stopped.clone(),
        }
    }

    fn dealt_with(&self, state: &State) -> Vec<(Undone, Dealt)> {
        let known = &self.config.known_undone;
        let dealt = |undone: &Undone| {
            if known.contains(&undone.block.hash) {
                Dealt::Known
            } else {
                Dealt::Open
            }
        };
        let all = state.undone.iter();
        all.map(|undone| (*undone, dealt(undone))).collect()
    }

    fn on_its_way(&self) -> Option<OnItsWay> {
        let flight = self.flight()?;
        let (first, newest) = (flight.attempts.first()?, flight.newest()?);
        let base_fee = self
            .seen
            .map_or(newest.unsigned.max_fee, |seen| seen.base_fee);
        Some(OnItsWay {
            root: flight.offer.root,
            since: first.at,
            nonce: flight.nonce,
            transaction: newest.hash,
            attempts: flight.attempts.len(),
            most: newest.unsigned.most(),
            expected: expected(&newest.unsigned, base_fee),
            included: self.course.included,
            refusal: (self.course.refusal.as_ref()).map(|refused| refused.reason.clone()),
        })
    }

    pub(crate) fn flight(&self) -> Option<&crate::state::Flight> {
        self.stored.as_ref()?.state.flight()
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Goes on with this at once.
    pub(crate) fn go_on(&mut self, task: Task) {
        self.task = task;
        self.due = self.now;
    }

    /// Nothing is wrong: looks again after a pause.
    pub(crate) fn rest(&mut self, pause: Duration) {
        self.went_well();
        self.task = Task::Rest;
        self.due = self.now.after(pause);
    }

    /// Something went wrong: goes on with this after a pause that doubles.
    pub(crate) fn again(&mut self, task: Task, why: String) {
        let config = &self.config;
        self.pause = (self.pause.saturating_mul(2)).clamp(config.retry_min, config.retry_max);
        self.task = task;
        self.due = self.now.after(self.pause);
        let since = self.trouble.as_ref().map_or(self.now, |(_, since)| *since);
        self.trouble = Some((why, since));
    }

    /// Something went well: the register was read or replaced, or there is nothing to do but wait. A step that only leads to another
    /// says nothing, since that one may be what fails, over and over.
    pub(crate) fn went_well(&mut self) {
        self.pause = Duration::ZERO;
        self.trouble = None;
    }

    /// Stops for good.
    pub(crate) fn stop(&mut self, reason: StopReason) {
        self.tell(Event::Stopped(reason.clone()));
        self.stopped = Some(reason);
    }
}
