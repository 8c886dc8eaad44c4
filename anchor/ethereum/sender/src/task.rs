//! The steps of a round, one after the other: what is asked for in each, and what follows from the answer.
//!
//! ```text
//! Load ─> Rest ──── a round waits ────> Read ─> Sign ─> Save(intent) ─> Send ─┐
//!          │ ^ └─ nothing to do: Observe, seldom ^                            │
//!          │ └───────────────────────────────────│────────────────────────────┘
//!          │  └─ a round waits, and it was long not seen whether the last one stands ─> Observe ─> Read
//!          └─ on its way ─> Observe ── absent ──────────────────────────────> Send (the same bytes)
//!                              ├───── stuck ────> Read ─> Sign ─> Save(one attempt more) ─> Send
//!                              ├───── final ────> Capture ─> Store ─> Save(ended)
//!                              ├───── the nonce is used, and by none of ours ─> FindNonce ─> Save(failed)
//!                              └───── a block in which a round ended is undone ─> Save(that round is on its way again)
//! ```
//!
//! Where the account's nonce is not the one that follows the last round's, `Read` is followed by `Prove`, which looks for the transaction
//! that used the nonce before: what would be signed for a nonce that is too high could not come into the chain, and block all after it.
//!
//! Nothing is sent but what `Save` has made durable, and no other nonce is taken before `Save` has made durable how the last one
//! ended, which only final blocks say.

use counterfoil_ethereum::TransactionHash;

use crate::chain::{Block, ChainOutcome, ChainRequest, Inclusion, Refusal};
use crate::operation::{Anchored, Event, Outcome, Request, StopReason};
use crate::sender::Sender;
use crate::state::State;
use crate::transaction::Unsigned;

/// Why the account is read and a transaction signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// For a round that waits.
    First,
    /// For one that is stuck.
    Replacement,
}

/// What is done once the state is saved.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    /// The newest attempt is sent.
    Send,
    /// The round is over, or another one is on its way again.
    End(Event),
}

/// A step.
#[derive(Clone, Debug)]
pub(crate) enum Task {
    /// The register is read.
    Load,
    /// What is next depends on the state.
    Rest,
    Read(Purpose),
    /// Whether the nonce before this transaction's is used is seen for oneself.
    Prove {
        unsigned: Unsigned,
        /// A final block, in which it is.
        until: Block,
    },
    Sign {
        purpose: Purpose,
        unsigned: Unsigned,
        /// A final block in which the nonce is not used.
        unused_in: u64,
    },
    Save(Box<State>, Then),
    /// What became of a save is not known: the register is read.
    Resolve(Box<State>, Then),
    Send,
    Observe,
    FindNonce {
        until: Block,
    },
    Capture {
        transaction: TransactionHash,
        inclusion: Inclusion,
    },
    Store(Box<Anchored>),
}

impl Sender {
    /// What is to be done now.
    pub(crate) fn decide(&mut self) -> Task {
        let Some(stored) = &self.stored else {
            return Task::Load;
        };
        if stored.state.flight().is_some() {
            return Task::Observe;
        }
        let is_watched =
            (self.watched).is_some_and(|watched| self.now < watched.after(self.config.idle_every));
        let is_to_be_watched = stored.state.kept().next().is_some() && !is_watched;
        // A round that was offered before the register was read may be known.
        let known = self
            .pending
            .take_if(|pending| stored.state.knows(&pending.offer.root));
        drop(known);
        match &self.pending {
            Some(_) if !is_to_be_watched => Task::Read(Purpose::First),
            _ => Task::Observe,
        }
    }

    /// What is asked for in a step. None only where the step makes no sense, which is a defect.
    pub(crate) fn request(&self, task: &Task) -> Option<Request> {
        let stored = self.stored.as_ref();
        Some(Request::Chain(match task {
            Task::Load | Task::Resolve(..) => return Some(Request::FetchState),
            Task::Rest => return None,
            Task::Save(next, _) => {
                let old = stored.and_then(|stored| stored.bytes.clone());
                let new = next.encode();
                return Some(Request::ReplaceState { old, new });
            }
            Task::Store(anchored) => return Some(Request::StoreRecord(anchored.clone())),
            Task::Read(purpose) => ChainRequest::ReadAccount(self.call(*purpose)?),
            Task::Prove { unsigned, until } => ChainRequest::FindNonce {
                nonce: unsigned.nonce.checked_sub(1)?,
                after: 0,
                until: *until,
                taker: None,
                not: Vec::new(),
            },
            Task::Sign { unsigned, .. } => ChainRequest::Sign(*unsigned),
            Task::Send => {
                let newest = self.flight()?.newest()?;
                ChainRequest::Send {
                    hash: newest.hash,
                    bytes: newest.signed.clone(),
                }
            }
            Task::Observe => ChainRequest::Observe {
                attempts: self
                    .flight()
                    .map(crate::state::Flight::hashes)
                    .unwrap_or_default(),
                nonce: self.flight().map_or(0, |flight| flight.nonce),
                anchored: self.watch().map(|(_, ended)| ended.anchor()).collect(),
            },
            Task::FindNonce { until } => {
                let flight = self.flight()?;
                ChainRequest::FindNonce {
                    nonce: flight.nonce,
                    after: flight.unused_in,
                    until: *until,
                    taker: flight.taker,
                    not: flight.hashes(),
                }
            }
            Task::Capture {
                transaction,
                inclusion,
            } => ChainRequest::Capture {
                block: inclusion.block,
                transaction: *transaction,
            },
        }))
    }

    /// What follows from the answer.
    pub(crate) fn completed(&mut self, task: Task, outcome: Outcome) {
        match (task, outcome) {
            (Task::Load, Outcome::Fetched(value)) => self.loaded(value),
            (Task::Load, Outcome::NotDone(why)) => self.again(Task::Load, why),
            (Task::Save(next, then), outcome) => self.save_ended(next, then, outcome),
            (Task::Resolve(next, then), Outcome::Fetched(value)) => {
                self.resolved(next, then, value);
            }
            (Task::Resolve(next, then), Outcome::NotDone(why)) => {
                self.again(Task::Resolve(next, then), why);
            }
            (Task::Store(anchored), Outcome::Done) => self.recorded(anchored),
            // What is stored already stays: the whole way from the observation on can be gone again.
            (Task::Store(_), Outcome::NotDone(why) | Outcome::Unknown(why)) => {
                self.again(Task::Rest, why);
            }
            (Task::Send, Outcome::Chain(ChainOutcome::NotDone(why))) => {
                self.refused(Refusal::Other, why);
            }
            (Task::Prove { unsigned, .. }, Outcome::Chain(ChainOutcome::NotDone(why))) => {
                self.unproven(&unsigned, &why);
            }
            (_, Outcome::Chain(ChainOutcome::NotDone(why))) => self.again(Task::Rest, why),
            (_, Outcome::Chain(ChainOutcome::WrongChain { found, endpoint })) => {
                let expected = self.config.identity.chain_id;
                let why = format!(
                    "{endpoint} is of chain {found}, and the configuration says {expected}: nothing is sent until it is of that chain"
                );
                self.again(Task::Rest, why);
            }
            (task, Outcome::Chain(outcome)) => self.answered(task, outcome),
            (task, outcome) => self.unexpected(&task, &outcome),
        }
    }

    fn answered(&mut self, task: Task, outcome: ChainOutcome) {
        match (task, outcome) {
            (Task::Read(purpose), ChainOutcome::Account(account)) => self.read(purpose, &account),
            (
                Task::Sign {
                    purpose,
                    unsigned,
                    unused_in,
                },
                ChainOutcome::Signed(bytes),
            ) => self.signed(purpose, unsigned, unused_in, bytes),
            (Task::Send, ChainOutcome::Sent(sent)) => self.sent(sent),
            (Task::Observe, ChainOutcome::Observed(observation)) => self.observed(&observation),
            (Task::Prove { unsigned, until }, ChainOutcome::NonceUsed { .. }) => {
                self.proven(unsigned, until);
            }
            (
                Task::FindNonce { .. },
                ChainOutcome::NonceUsed {
                    transaction,
                    anchor,
                },
            ) => {
                self.nonce_used(transaction, anchor);
            }
            (
                Task::Capture {
                    transaction,
                    inclusion,
                },
                ChainOutcome::Captured(captured),
            ) => {
                let Some(flight) = self.flight() else {
                    return self.stop(StopReason::Internal("captured without a round".into()));
                };
                let offer = flight.offer.clone();
                self.go_on(Task::Store(Box::new(Anchored {
                    offer,
                    transaction,
                    inclusion,
                    captured,
                })));
            }
            (task, outcome) => self.unexpected(&task, &Outcome::Chain(outcome)),
        }
    }

    /// An outcome that does not answer what was asked: the driver is broken, and going on would be guessing.
    pub(crate) fn unexpected(&mut self, task: &Task, outcome: &Outcome) {
        self.stop(StopReason::Internal(format!(
            "{task:?} ended with {outcome:?}"
        )));
    }
}
