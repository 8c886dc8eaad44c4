//! A chain, a pool, a register and a shelf of records, with what can go wrong in each; and what must hold of them at every step.

#![allow(dead_code, reason = "each test uses its part")]
#![allow(unreachable_pub, reason = "it is a module of several tests")]

pub mod ledger;
pub mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use counterfoil_ethereum::{Address, TransactionHash};
use counterfoil_ethereum_sender::chain::{
    Account, Anchor, Block, Captured, ChainOutcome, ChainRequest, Identity, Observation, Refusal,
    Sent, Whereabouts,
};
use counterfoil_ethereum_sender::state::{Ending, LastFailure, State};
use counterfoil_ethereum_sender::{
    Anchored, Ceilings, Config, Event, Failure, Gas, Member, Offer, Operation, Outcome, Request,
    Sender, StopReason, Timestamp, Unsigned, Wei,
};
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use ledger::{Ledger, Tx};

pub const CHAIN: u64 = 5;
pub const GAS: u64 = 22_440;
pub const DAY: u64 = 86_400_000;
pub const BLOCK_MILLIS: u64 = 12_000;
/// The most by gas, in gwei.
pub const MAX_FEE: u64 = 50;

/// What is changed in the world right before an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// So many of the last blocks are replaced by empty ones; their transactions wait again.
    Reorganise(usize),
    /// ... or are lost.
    ReorganiseLosing(usize),
    /// So many of the last blocks are replaced, also where they are final; their transactions wait again.
    UndoFinal(usize),
    /// ... or are lost.
    UndoFinalLosing(usize),
    /// The base fee is so many gwei for the next five blocks.
    Spike(u64),
    /// The next block has somebody else's transaction of the account.
    Foreign,
    /// The pool is emptied.
    Evict,
    /// The next of our transactions that comes into a block fails there.
    Revert,
    /// A block comes in between.
    Mine,
    /// Until so many blocks have come somebody owes the account its ether.
    Drain(u32),
}

/// How an operation goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    NotDone,
    UnknownApplied,
    UnknownNotApplied,
    UnknownDelayed,
    CrashBefore,
    CrashAfter,
    CrashDelayed,
    WrongChain,
    /// The endpoint is two blocks behind.
    Lagging,
    /// Said to be accepted, and dropped.
    Lost,
    Refused,
    /// It is said that the block of the so manieth round that is asked about has left the chain, which it has not.
    Gone(usize),
    Disturbed(Disturbance),
}

use Disturbance::{
    Drain, Evict, Foreign, Mine, Reorganise, ReorganiseLosing, Revert, Spike, UndoFinal,
    UndoFinalLosing,
};
use Fault::{
    CrashAfter, CrashBefore, CrashDelayed, Disturbed, Gone, Lagging, Lost, NotDone, Refused,
    UnknownApplied, UnknownDelayed, UnknownNotApplied, WrongChain,
};

impl Fault {
    /// Those of an operation.
    pub fn of(request: &Request) -> &'static [Self] {
        match request {
            Request::FetchState => &[NotDone, CrashBefore],
            Request::ReplaceState { .. } => &[
                NotDone,
                UnknownApplied,
                UnknownNotApplied,
                UnknownDelayed,
                CrashBefore,
                CrashAfter,
                CrashDelayed,
                Disturbed(Reorganise(3)),
                Disturbed(Foreign),
            ],
            Request::StoreRecord(_) => &[
                NotDone,
                UnknownApplied,
                UnknownNotApplied,
                CrashBefore,
                CrashAfter,
                Disturbed(Reorganise(3)),
            ],
            Request::Chain(ChainRequest::Sign(_)) => &[NotDone, WrongChain, CrashBefore],
            Request::Chain(ChainRequest::Send { .. }) => &[
                NotDone,
                WrongChain,
                UnknownApplied,
                UnknownNotApplied,
                UnknownDelayed,
                CrashBefore,
                CrashAfter,
                Lost,
                Refused,
                Disturbed(Foreign),
                Disturbed(Mine),
                Disturbed(Drain(3)),
                Disturbed(Spike(30)),
            ],
            Request::Chain(ChainRequest::ReadAccount(_)) => &[
                NotDone,
                WrongChain,
                Lagging,
                CrashBefore,
                Disturbed(Spike(30)),
                Disturbed(Spike(60)),
                Disturbed(Foreign),
                Disturbed(Mine),
                Disturbed(Drain(3)),
                Disturbed(UndoFinalLosing(9)),
            ],
            Request::Chain(
                ChainRequest::Observe { .. }
                | ChainRequest::FindNonce { .. }
                | ChainRequest::Capture { .. },
            ) => &[
                NotDone,
                WrongChain,
                Lagging,
                CrashBefore,
                Gone(0),
                Gone(1),
                Disturbed(Reorganise(1)),
                Disturbed(Reorganise(2)),
                Disturbed(Reorganise(3)),
                Disturbed(ReorganiseLosing(1)),
                Disturbed(ReorganiseLosing(3)),
                Disturbed(Spike(30)),
                Disturbed(Spike(60)),
                Disturbed(Foreign),
                Disturbed(UndoFinal(6)),
                Disturbed(UndoFinalLosing(9)),
                Disturbed(Evict),
                Disturbed(Revert),
            ],
        }
    }
}

/// What came of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Done,
    Crashed,
}

pub fn root(number: u8) -> NodeHash {
    NodeHash::from_bytes([number; 32])
}

pub fn offer(number: u8) -> Offer {
    offer_of(number, 1)
}

/// A round of so many checkpoints.
pub fn offer_of(number: u8, members: usize) -> Offer {
    let member = Member {
        origin: "ab".repeat(32).parse().unwrap(),
        size: TreeSize::new(number.into()),
        checkpoint: [number; 32],
        leaf: root(number),
    };
    Offer {
        root: root(number),
        members: vec![member; members],
    }
}

pub fn identity() -> Identity {
    Identity {
        chain_id: CHAIN,
        account: Address::from_bytes([2; 20]),
    }
}

pub struct World {
    pub now: u64,
    pub config: Config,
    pub register: Option<Bytes>,
    delayed: Vec<(Option<Bytes>, Bytes)>,
    pub ledger: Ledger,
    delayed_sends: Vec<Tx>,
    /// What the signer signed, by its hash.
    signed: BTreeMap<TransactionHash, Unsigned>,
    /// A signer that changes what it is asked to sign.
    pub crooked: bool,
    /// So many transactions of the account wait in the pool that are somebody else's.
    pub foreign_pool: u64,
    /// What is said of the account's next nonce, if it is a lie.
    pub nonce_said: Option<u64>,
    /// For which nonces somebody asked who used them.
    pub sought: Vec<u64>,
    /// Which transactions were to be looked for first.
    pub takers: Vec<TransactionHash>,
    /// Records are kept of what is on no chain.
    pub believes: bool,
    /// What the network says of everything that is sent.
    pub refuses: Option<Refusal>,
    /// The rounds whose intent was durable at any time.
    pub intents: BTreeSet<[u8; 32]>,
    pub failures: Vec<LastFailure>,
    pub records: BTreeMap<[u8; 32], Anchored>,
    /// The root and the block of each record there ever was.
    all_records: BTreeSet<([u8; 32], [u8; 32])>,
    /// The bytes that were sent, in order.
    pub sends: Vec<Vec<u8>>,
    pub events: Vec<Event>,
    /// The last round offered.
    pub last: Option<Offer>,
}

impl World {
    pub fn new() -> Self {
        let ceilings = Ceilings {
            max_fee: Wei::from_gwei(MAX_FEE),
            max_priority_fee: Wei::from_gwei(5),
            max_cost_per_day: Wei::from_gwei(70 * GAS),
            max_gas: Gas::new(100_000),
        };
        let mut config = Config::new(identity(), Address::from_bytes([9; 20]), ceilings);
        config.replace_after = Duration::from_secs(36);
        config.hold_pause = Duration::from_secs(12);
        config.idle_every = Duration::from_mins(1);
        config.retry_max = Duration::from_secs(12);
        Self {
            now: 1_000_000,
            config,
            register: None,
            delayed: Vec::new(),
            ledger: Ledger::new(),
            delayed_sends: Vec::new(),
            signed: BTreeMap::new(),
            crooked: false,
            foreign_pool: 0,
            nonce_said: None,
            sought: Vec::new(),
            takers: Vec::new(),
            believes: false,
            refuses: None,
            intents: BTreeSet::new(),
            failures: Vec::new(),
            records: BTreeMap::new(),
            all_records: BTreeSet::new(),
            sends: Vec::new(),
            events: Vec::new(),
            last: None,
        }
    }

    pub fn sender(&self) -> Sender {
        let mut sender = Sender::new(self.config.clone(), Timestamp::from_millis(self.now));
        // Whoever offers rounds does so at every start.
        if let Some(last) = &self.last {
            sender.offer(last.clone());
        }
        sender
    }

    pub fn state(&self) -> Option<State> {
        let bytes = self.register.as_ref()?;
        Some(State::parse(bytes).expect("what the sender writes is a state"))
    }

    /// Twelve seconds and a block.
    pub fn mine(&mut self) {
        self.now += BLOCK_MILLIS;
        self.ledger.mine(self.now);
        self.check_chain();
    }

    /// Writes and transactions that were under way arrive.
    pub fn land_delayed(&mut self) {
        for (old, new) in core::mem::take(&mut self.delayed) {
            if self.register == old {
                self.write(new);
            }
        }
        for tx in core::mem::take(&mut self.delayed_sends) {
            let _ = self.ledger.take(tx);
        }
    }

    pub fn disturb(&mut self, disturbance: Disturbance) {
        match disturbance {
            Reorganise(depth) => self.ledger.reorganise(depth, true, self.now),
            ReorganiseLosing(depth) => self.ledger.reorganise(depth, false, self.now),
            UndoFinal(depth) => self.ledger.undo_final(depth, true, self.now),
            UndoFinalLosing(depth) => self.ledger.undo_final(depth, false, self.now),
            Spike(gwei) => self.ledger.spike(gwei),
            Foreign => self.ledger.foreign_next = true,
            Evict => self.ledger.pool.clear(),
            Revert => self.ledger.revert_next = true,
            Mine => self.mine(),
            Drain(blocks) => self.ledger.drained = blocks,
        }
        self.check_chain();
    }

    fn write(&mut self, new: Bytes) {
        let before = self.state();
        self.register = Some(new);
        let state = self.state().expect("it was just written");
        for flight in &state.rounds {
            self.intents.insert(*flight.offer.root.as_bytes());
            self.check_attempts(
                &flight
                    .attempts
                    .iter()
                    .map(|a| a.unsigned)
                    .collect::<Vec<_>>(),
            );
        }
        let old = before.as_ref().and_then(|state| state.last_failure.clone());
        if let Some(failure) = state.last_failure.filter(|new| Some(new) != old.as_ref()) {
            self.check_failure(&failure.failure);
            self.failures.push(failure);
        }
        let before = before.iter().flat_map(|state| &state.rounds);
        for flight in before.filter(|flight| flight.ended.is_none()) {
            let root = flight.offer.root;
            let mut rounds = state.rounds.iter();
            let now = rounds.find(|now| now.nonce == flight.nonce);
            let Some(now) = now else {
                let last = self.failures.last().expect("a round on its way vanished");
                assert_eq!(last.root, root, "a round on its way vanished");
                assert!(matches!(last.failure, Failure::Paid { .. }));
                continue;
            };
            assert_eq!(now.offer.root, root, "another round has its nonce");
            let Some(ended) = now.ended else {
                continue;
            };
            let is_named = match ended.ending {
                Ending::Recorded => {
                    let record = (*root.as_bytes(), *ended.block.hash.as_bytes());
                    self.all_records.contains(&record)
                }
                Ending::Reverted | Ending::Untimely | Ending::Taken => {
                    let failure = self.failures.last();
                    failure.is_some_and(|last| last.root == root && last.at == ended.at)
                }
            };
            assert!(
                is_named,
                "a round ended with neither a record nor a failure"
            );
        }
    }

    fn check_attempts(&self, attempts: &[Unsigned]) {
        for unsigned in attempts {
            let ceilings = &self.config.ceilings;
            assert!(
                unsigned.max_fee <= ceilings.max_fee,
                "above the fee ceiling"
            );
            assert!(
                unsigned.gas_limit <= ceilings.max_gas,
                "above the gas ceiling"
            );
            assert!(unsigned.max_priority_fee <= unsigned.max_fee);
            assert!(
                unsigned.max_priority_fee <= ceilings.max_priority_fee,
                "above the ceiling of the priority fee"
            );
            assert!(unsigned.most() <= ceilings.max_cost_per_day);
            assert_eq!(unsigned.chain_id, self.config.identity.chain_id);
        }
        for pair in attempts.windows(2) {
            let eighth_more = |old: Wei, new: Wei| new.get() * 8 >= old.get() * 9;
            assert!(eighth_more(pair[0].max_fee, pair[1].max_fee));
            assert!(eighth_more(
                pair[0].max_priority_fee,
                pair[1].max_priority_fee
            ));
            assert_eq!(pair[0].nonce, pair[1].nonce, "another nonce for one round");
        }
    }

    fn check_failure(&self, failure: &Failure) {
        let last = ledger::finalized(self.ledger.head());
        let (Failure::NonceTaken { transaction, .. }
        | Failure::Reverted { transaction }
        | Failure::Paid { transaction, .. }
        | Failure::Untimely { transaction, .. }) = failure;
        let Some((_, tx)) = self.ledger.find(*transaction, last) else {
            // A write that was under way may come after the block has left the chain.
            let may_be_gone = self.ledger.broke_its_word || self.believes;
            assert!(may_be_gone, "it is in no final block");
            return;
        };
        match failure {
            Failure::NonceTaken { nonce, .. } => {
                assert!(tx.unsigned.is_none(), "it is our own");
                assert_eq!(tx.nonce, *nonce);
            }
            // In another block the same transaction may do well.
            Failure::Reverted { .. } => {
                assert!(tx.reverted || self.ledger.broke_its_word, "it did not fail");
            }
            Failure::Paid { nonce, .. } => assert_eq!(tx.nonce, *nonce),
            Failure::Untimely { .. } => {
                assert!(self.believes, "no block here is from another time");
            }
        }
    }

    /// What must hold of the chain whatever happens.
    fn check_chain(&self) {
        let mut roots = BTreeSet::new();
        let mut costs = Vec::new();
        for (block, tx) in self.ledger.transactions() {
            let Some(unsigned) = &tx.unsigned else {
                continue;
            };
            let root = unsigned.call.calldata.root;
            assert!(roots.insert(*root.as_bytes()), "a root is paid for twice");
            costs.push((block.time, tx.cost(block.base_fee).get()));
        }
        if self.ledger.broke_its_word {
            // What was paid for on different days may be paid for again on one.
            return;
        }
        let ceiling = self.config.ceilings.max_cost_per_day.get();
        for (begin, _) in &costs {
            let day = costs
                .iter()
                .filter(|(time, _)| (*begin..*begin + DAY).contains(time));
            let sum: u128 = day.map(|(_, cost)| cost).sum();
            assert!(sum <= ceiling, "above the day's ceiling: {sum}");
        }
        for anchored in self.records.values() {
            let place = self.ledger.find(anchored.transaction, self.ledger.head());
            let stands =
                place.is_some_and(|(at, _)| self.ledger.block(at) == anchored.inclusion.block);
            assert!(stands, "a record's block is not on the chain");
        }
    }

    /// Carries out an operation, with a fault or without.
    pub fn carry_out(
        &mut self,
        sender: &mut Sender,
        operation: Operation,
        fault: Option<Fault>,
    ) -> Step {
        if let Some(Disturbed(disturbance)) = fault {
            self.disturb(disturbance);
        }
        let Operation { id, request } = operation;
        if fault == Some(CrashBefore) {
            return Step::Crashed;
        }
        let outcome = match request {
            Request::FetchState if fault == Some(NotDone) => not_done(),
            Request::FetchState => Outcome::Fetched(self.register.clone()),
            Request::ReplaceState { old, new } => self.replace(old, new, fault),
            Request::StoreRecord(anchored) => self.store(&anchored, fault),
            Request::Chain(request) => Outcome::Chain(self.chain(request, fault)),
        };
        if matches!(fault, Some(CrashAfter | CrashDelayed)) {
            return Step::Crashed;
        }
        sender.complete(id, outcome);
        self.events
            .extend(core::iter::from_fn(|| sender.poll_event()));
        Step::Done
    }

    fn replace(&mut self, old: Option<Bytes>, new: Bytes, fault: Option<Fault>) -> Outcome {
        match fault {
            Some(NotDone) => return not_done(),
            Some(UnknownNotApplied) => return Outcome::Unknown("injected".to_owned()),
            Some(UnknownDelayed | CrashDelayed) => {
                self.delayed.push((old, new));
                return Outcome::Unknown("injected".to_owned());
            }
            _ => {}
        }
        if self.register != old {
            return Outcome::Conflict;
        }
        self.write(new);
        match fault {
            Some(UnknownApplied) => Outcome::Unknown("injected".to_owned()),
            _ => Outcome::Done,
        }
    }

    fn store(&mut self, anchored: &Anchored, fault: Option<Fault>) -> Outcome {
        match fault {
            Some(NotDone) => return not_done(),
            Some(UnknownNotApplied) => return Outcome::Unknown("injected".to_owned()),
            _ => {}
        }
        let root = *anchored.offer.root.as_bytes();
        let block = *anchored.inclusion.block.hash.as_bytes();
        self.all_records.insert((root, block));
        if self.believes {
            self.records.insert(root, anchored.clone());
            return Outcome::Done;
        }
        let last = ledger::finalized(self.ledger.head());
        let found = self.ledger.find(anchored.transaction, last);
        let (at, tx) = found.expect("a record of what is in no final block");
        assert_eq!(self.ledger.block(at), anchored.inclusion.block);
        let unsigned = tx
            .unsigned
            .expect("a record of somebody else's transaction");
        assert_eq!(unsigned.call.calldata.root, anchored.offer.root);
        assert!(!tx.reverted, "a record of a transaction that failed");
        let cost = tx.cost(self.ledger.blocks[at].base_fee);
        assert_eq!(cost, anchored.inclusion.cost);
        let before = self.records.insert(root, anchored.clone());
        // There may be another one where the first one's block is gone.
        let is_another =
            |before: &Anchored| before != anchored && self.ledger.has(before.inclusion.block);
        assert!(
            !before.as_ref().is_some_and(is_another),
            "two records of a root"
        );
        match fault {
            Some(UnknownApplied) => Outcome::Unknown("injected".to_owned()),
            _ => Outcome::Done,
        }
    }

    fn chain(&mut self, request: ChainRequest, fault: Option<Fault>) -> ChainOutcome {
        match fault {
            Some(NotDone) => return ChainOutcome::NotDone("injected".to_owned()),
            Some(WrongChain) => {
                return ChainOutcome::WrongChain {
                    found: 1,
                    endpoint: "injected".to_owned(),
                };
            }
            _ => {}
        }
        let behind = if fault == Some(Lagging) { 2 } else { 0 };
        let head = self.ledger.head().saturating_sub(behind);
        let finalized = ledger::finalized(head);
        let block = |ledger: &Ledger, at| ledger.block(at);
        match request {
            ChainRequest::ReadAccount(call) => {
                let nonce_at = |at| self.nonce_said.unwrap_or_else(|| self.ledger.nonce(at));
                ChainOutcome::Account(Account {
                    head: block(&self.ledger, head),
                    finalized: block(&self.ledger, finalized),
                    nonce: nonce_at(head),
                    finalized_nonce: nonce_at(finalized),
                    pending_nonce: nonce_at(head) + self.foreign_pool,
                    balance: self.ledger.balance(),
                    base_fee: self.ledger.base_fee(),
                    priority_fee: Wei::from_gwei(1),
                    gas: Ok(call.floor()),
                })
            }
            ChainRequest::Sign(unsigned) => {
                let signed = if self.crooked {
                    let nonce = unsigned.nonce + 1;
                    Unsigned { nonce, ..unsigned }
                } else {
                    unsigned
                };
                let bytes = signed.encode_signed(0, &[1], &[1]);
                let hash = signed.hash_signed(&bytes).unwrap();
                self.signed.insert(hash, signed);
                ChainOutcome::Signed(bytes)
            }
            ChainRequest::Send { hash, bytes } => ChainOutcome::Sent(self.send(hash, bytes, fault)),
            ChainRequest::Observe {
                attempts,
                nonce,
                anchored,
            } => {
                let nonces = self.signed.iter();
                let of = |(hash, unsigned): (&TransactionHash, &Unsigned)| {
                    (attempts.contains(hash)).then_some(unsigned.nonce)
                };
                assert!(nonces.filter_map(of).all(|found| found == nonce));
                let stand = anchored.iter();
                let stand = stand.map(|anchor| self.ledger.stands(*anchor, finalized));
                let stand: Option<Vec<bool>> = stand.collect();
                let Some(mut stand) = stand else {
                    return ChainOutcome::NotDone("it lags behind".to_owned());
                };
                if let Some(Gone(which)) = fault
                    && let Some(stands) = stand.get_mut(which)
                {
                    *stands = false;
                    self.ledger.broke_its_word = true;
                }
                let place = |hash: &TransactionHash| self.ledger.whereabouts(*hash, head);
                ChainOutcome::Observed(Observation {
                    attempts: attempts.iter().map(place).collect(),
                    stand,
                    ..self.observed(head)
                })
            }
            ChainRequest::FindNonce {
                nonce,
                after,
                until,
                taker,
                ..
            } => {
                self.sought.push(nonce);
                self.takers.extend(taker);
                self.find_nonce(nonce, after, until.number, head)
            }
            ChainRequest::Capture { block, transaction } => {
                match self.ledger.whereabouts(transaction, head) {
                    Whereabouts::Included(inclusion) if inclusion.block == block => {
                        ChainOutcome::Captured(captured(block))
                    }
                    _ => ChainOutcome::NotDone("it is not there".to_owned()),
                }
            }
        }
    }

    /// What an endpoint sees that has this head, but for what it is asked for.
    pub fn observed(&self, head: usize) -> Observation {
        let finalized = ledger::finalized(head);
        Observation {
            finalized: self.ledger.block(finalized),
            head: self.ledger.block(head),
            nonce: self.ledger.nonce(head),
            finalized_nonce: self.ledger.nonce(finalized),
            attempts: Vec::new(),
            stand: Vec::new(),
            balance: self.ledger.balance(),
            base_fee: self.ledger.base_fee(),
        }
    }

    fn find_nonce(&self, nonce: u64, after: u64, until: u64, head: usize) -> ChainOutcome {
        let after_index = usize::try_from(after).unwrap();
        assert!(
            self.ledger.nonce(after_index) <= nonce,
            "it is used in {after}"
        );
        let range = after + 1..=until;
        let mut all = self.ledger.transactions();
        let found = all.find(|(block, tx)| tx.nonce == nonce && range.contains(&block.number));
        match found {
            Some((block, tx)) if block.number <= head as u64 => ChainOutcome::NonceUsed {
                transaction: tx.hash,
                anchor: Anchor {
                    block: self.ledger.block(usize::try_from(block.number).unwrap()),
                    time: Timestamp::from_millis(block.time),
                },
            },
            _ => ChainOutcome::NotDone("no transaction has this nonce".to_owned()),
        }
    }

    fn send(&mut self, hash: TransactionHash, bytes: Vec<u8>, fault: Option<Fault>) -> Sent {
        let state = self.state().expect("nothing is sent without an intent");
        // An earlier process's write may have ended the round meanwhile.
        let mut attempts = state.rounds.iter().flat_map(|round| &round.attempts);
        let durable = attempts.any(|attempt| attempt.signed == bytes);
        assert!(durable, "bytes were sent that were not durable");
        let unsigned = self.signed.get(&hash).copied();
        let tx = Tx::ours(hash, unsigned.expect("it was signed"));
        self.sends.push(bytes);
        let unknown = || Sent::Unknown("injected".to_owned());
        match fault {
            Some(UnknownNotApplied) => return unknown(),
            Some(UnknownDelayed) => {
                self.delayed_sends.push(tx);
                return unknown();
            }
            Some(Lost) => return Sent::Accepted,
            Some(Refused) => {
                return Sent::Refused {
                    refusal: Refusal::Other,
                    reason: "injected".to_owned(),
                };
            }
            _ => {}
        }
        if let Some(refusal) = self.refuses {
            let reason = format!("{refusal:?}");
            return Sent::Refused { refusal, reason };
        }
        let sent = self.ledger.take(tx);
        if fault == Some(UnknownApplied) {
            return unknown();
        }
        sent
    }

    /// What must hold once everything has come to rest.
    pub fn check_end(&self, sender: &Sender) {
        let status = sender.status();
        assert_eq!(status.stopped, None);
        assert_eq!(
            (&status.on_its_way, status.waiting),
            (&None, None),
            "{status:?}"
        );
        for root in &self.intents {
            let failed = self
                .failures
                .iter()
                .any(|failure| failure.root.as_bytes() == root);
            let ended = self.records.contains_key(root) || failed;
            assert!(ended, "a round has neither a record nor a named failure");
        }
        let Some(last) = &self.last else {
            return;
        };
        let root = last.root;
        let is_revert = |failure: &LastFailure| {
            failure.root == root && matches!(failure.failure, Failure::Reverted { .. })
        };
        let ended =
            self.records.contains_key(root.as_bytes()) || self.failures.iter().any(is_revert);
        assert!(ended, "the last round was not anchored: {status:?}");
        for (root, anchored) in &self.records {
            // What is undone, and comes again, may fail then.
            let failed = (self.failures.iter()).any(|failure| failure.root.as_bytes() == root);
            assert!(
                failed || self.ledger.has(anchored.inclusion.block),
                "a record's block is not on the chain, and its round was not anchored anew"
            );
        }
        for (block, tx) in self.ledger.transactions() {
            if let Some(unsigned) = tx.unsigned
                && !tx.reverted
            {
                let root = unsigned.call.calldata.root;
                assert!(
                    self.records.contains_key(root.as_bytes()),
                    "{} has no record",
                    block.number
                );
            }
        }
    }

    pub fn stopped(&self) -> Option<&StopReason> {
        self.events.iter().find_map(|event| match event {
            Event::Stopped(reason) => Some(reason),
            _ => None,
        })
    }
}

/// A proof that nobody here looks at.
pub fn captured(block: Block) -> Captured {
    Captured {
        header: block.hash.as_bytes().to_vec(),
        index: 0,
        transaction: Vec::new(),
        transaction_proof: Vec::new(),
        receipt: Vec::new(),
        receipt_proof: Vec::new(),
    }
}

fn not_done() -> Outcome {
    Outcome::NotDone("injected".to_owned())
}

/// Carries out what is to be done now, without faults.
pub fn settle(world: &mut World, sender: &mut Sender) {
    for _ in 0..100 {
        sender.tick(Timestamp::from_millis(world.now));
        let Some(operation) = sender.poll() else {
            return;
        };
        world.carry_out(sender, operation, None);
    }
    panic!("it does not come to rest: {:?}", sender.status());
}

/// Blocks, and what is to be done after each.
pub fn blocks(world: &mut World, sender: &mut Sender, count: usize) {
    for _ in 0..count {
        world.mine();
        settle(world, sender);
    }
}

/// Blocks without faults until nothing is left to do; days, where the budget is used up.
pub fn finish(world: &mut World, sender: &mut Sender) {
    world.land_delayed();
    world.ledger.send_lost();
    world.ledger.calm();
    let mut calm = 0;
    for round in 0..300 {
        let status = sender.status();
        let rests = status.is_loaded && status.waiting.is_none() && status.on_its_way.is_none();
        // It has looked whether the last block stands.
        calm = if rests { calm + 1 } else { 0 };
        if calm > 6 || rests && !world.ledger.broke_its_word {
            break;
        }
        if round % 60 == 59 {
            world.now += DAY;
        }
        blocks(world, sender, 1);
    }
    world.check_end(sender);
}
