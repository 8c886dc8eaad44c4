//! A round on its way: from the first bytes that are sent to final blocks.

use core::time::Duration;

use counterfoil_ethereum::TransactionHash;

use crate::chain::{Anchor, Block, Execution, Inclusion, Observation, Refusal, Sent, Whereabouts};
use crate::fees::expected;
use crate::offer::Offer;
use crate::operation::{Anchored, Event, Failure, StopReason};
use crate::sender::{Course, Pending, Refused, Seen, Sender};
use crate::state::{Ended, Ending, Flight, LastFailure, State};
use crate::task::{Purpose, Task, Then};
use crate::time::{CLOCK_TOLERANCE, Timestamp};
use crate::wei::Wei;

/// The longest rest of a round whose blocks leave the chain over and over.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

impl Sender {
    /// The newest attempt was sent, or not.
    pub(crate) fn sent(&mut self, sent: Sent) {
        match sent {
            Sent::Accepted | Sent::AlreadyKnown => {
                self.tell_of_sending();
                if self.course.refusal.take().is_some() {
                    // It waits for a block only since the network has it.
                    self.course.waits_since = self.now;
                }
                self.rest(self.config.observe_every);
            }
            Sent::Refused { refusal, reason } => self.refused(refusal, reason),
            Sent::Unknown(why) => self.again(Task::Rest, why),
        }
    }

    /// Nobody took the newest attempt. The same bytes are offered again, ever more seldom.
    pub(crate) fn refused(&mut self, refusal: Refusal, reason: String) {
        let same = (self.course.refusal.take()).filter(|before| before.refusal == refusal);
        // It is in a block already, or another is: the next look tells, or contradicts.
        let is_quiet = same.is_none() && refusal == Refusal::NonceTooLow;
        let is_told = same.is_some_and(|before| before.is_told);
        let why = format!("the transaction was not taken: {reason}");
        self.course.refusal = Some(Refused {
            refusal,
            reason,
            is_told: is_told || !is_quiet,
        });
        if is_quiet {
            return self.rest(self.config.observe_every);
        }
        if !is_told {
            self.tell(Event::Warning(format!("{why}; it is offered again")));
        }
        self.again(Task::Rest, why);
    }

    fn tell_of_sending(&mut self) {
        let Some((flight, newest)) =
            (self.flight()).and_then(|flight| Some((flight, flight.newest()?)))
        else {
            return;
        };
        let transaction = newest.hash;
        let base_fee = self
            .seen
            .map_or(newest.unsigned.max_fee, |seen| seen.base_fee);
        let event = if self.course.told == Some(transaction) {
            Event::SentAgain(transaction)
        } else {
            Event::Sent {
                offer: flight.offer.clone(),
                nonce: flight.nonce,
                transaction,
                most: newest.unsigned.most(),
                expected: expected(&newest.unsigned, base_fee),
                attempt: flight.attempts.len(),
            }
        };
        self.course.told = Some(transaction);
        self.tell(event);
    }

    /// The chain was looked at.
    pub(crate) fn observed(&mut self, observation: &Observation) {
        self.seen = Some(Seen {
            at: self.now,
            head: observation.head,
            finalized: observation.finalized,
            balance: observation.balance,
            base_fee: observation.base_fee,
        });
        let watched: Vec<u64> = self.watch().map(|(nonce, _)| nonce).collect();
        if watched.len() != observation.stand.len() {
            let why = "an observation of another number of blocks";
            return self.stop(StopReason::Internal(why.to_owned()));
        }
        self.looks = self.looks.wrapping_add(1);
        let mut all = watched.into_iter().zip(&observation.stand);
        if let Some((nonce, _)) = all.find(|(_, stands)| !**stands) {
            return self.undone(nonce);
        }
        self.watched = Some(self.now);
        let Some(flight) = self.flight() else {
            if self.pending.is_some() {
                return self.go_on(Task::Read(Purpose::First));
            }
            return self.rest(self.config.idle_every);
        };
        let (nonce, hashes) = (flight.nonce, flight.hashes());
        if hashes.len() != observation.attempts.len() {
            let why = "an observation of another number of transactions";
            return self.stop(StopReason::Internal(why.to_owned()));
        }
        let places = hashes.into_iter().zip(&observation.attempts);
        let mut included = places.filter_map(|(hash, whereabouts)| match whereabouts {
            Whereabouts::Included(inclusion) => Some((hash, *inclusion)),
            _ => None,
        });
        match (included.next(), included.next()) {
            (None, _) => self.seen_nowhere(nonce, observation),
            (Some((hash, inclusion)), None) => self.seen_included(hash, inclusion, observation),
            (Some(_), Some(_)) => {
                let why = "the endpoint says that two transactions of one nonce are in the chain";
                self.again(Task::Rest, why.to_owned());
            }
        }
    }

    /// The rounds of whose blocks the chain is asked: the last that ended, and of the others one after the other. A chain that has the last
    /// one's block has those before it, too; but an endpoint may have lied about one of them.
    pub(crate) fn watch(&self) -> impl Iterator<Item = (u64, Ended)> {
        let kept = || self.stored.iter().flat_map(|stored| stored.state.kept());
        let others = kept().count().saturating_sub(1);
        let turn = self.looks.checked_rem(others);
        let other = turn.and_then(|turn| kept().skip(1).nth(turn));
        kept().take(1).chain(other)
    }

    /// The block in which a round ended is not the chain's: the round is on its way again, with the very transactions that it
    /// had, of which at most one can be in a chain. Where one of them is in another block it gets that block's record.
    fn undone(&mut self, nonce: u64) {
        let Some(stored) = &self.stored else {
            return self.go_on(Task::Rest);
        };
        let mut next = stored.state.next();
        let is_record =
            |(kept, ended): (u64, Ended)| kept == nonce && ended.ending == Ending::Recorded;
        let has_record = next.kept().any(is_record);
        if has_record && !next.make_room_for_undone(&self.config.known_undone) {
            return self.stop(StopReason::Undone);
        }
        let reopened = next.reopen(nonce, self.now);
        let Some((flight, ended)) = reopened.and_then(|flight| Some((flight.offer, flight.ended?)))
        else {
            let why = "an observation of a block that was not asked for";
            return self.stop(StopReason::Internal(why.to_owned()));
        };
        let then = Then::End(Event::Undone {
            offer: flight,
            transaction: ended.transaction,
            block: ended.block,
        });
        self.go_on(Task::Save(Box::new(next), then));
    }

    fn seen_included(
        &mut self,
        transaction: TransactionHash,
        inclusion: Inclusion,
        observation: &Observation,
    ) {
        if let Some(why) = self.why_not_yet(inclusion.block, inclusion.time) {
            return self.again(Task::Rest, why);
        }
        let now = Some((transaction, inclusion));
        if self.course.included != now {
            self.tell_of_undoing();
            self.course.included = now;
            self.tell(Event::Included {
                transaction,
                inclusion,
            });
        }
        self.course.refusal = None;
        self.course.nonce_is_used = false;
        self.hold = None;
        if inclusion.block.number > observation.finalized.number {
            return self.rest(self.config.observe_every);
        }
        if let Some(signed) = self.untimely(transaction, inclusion) {
            let failure = Failure::Untimely {
                transaction,
                block: inclusion.block,
                time: inclusion.time,
                signed,
            };
            let ended = self.ended_in(Ending::Untimely, transaction, inclusion);
            return self.fail(failure, ended);
        }
        match inclusion.execution {
            Execution::Succeeded => self.go_on(Task::Capture {
                transaction,
                inclusion,
            }),
            Execution::Reverted => {
                let ended = self.ended_in(Ending::Reverted, transaction, inclusion);
                self.fail(Failure::Reverted { transaction }, ended);
            }
        }
    }

    /// Why a block cannot be believed, if it is of a time that has not come.
    fn why_not_yet(&self, block: Block, time: Timestamp) -> Option<String> {
        let number = block.number;
        (time > self.now.after(CLOCK_TOLERANCE)).then(|| format!(
            "block {number}, which has the transaction, is from the future: this machine's clock is wrong, or the endpoint made the block up"
        ))
    }

    /// When the transaction was signed, if the block says that it was made before that.
    fn untimely(&self, transaction: TransactionHash, inclusion: Inclusion) -> Option<Timestamp> {
        let mut attempts = self.flight()?.attempts.iter();
        let signed = attempts.find(|attempt| attempt.hash == transaction)?.at;
        (inclusion.time.after(CLOCK_TOLERANCE) < signed).then_some(signed)
    }

    fn ended_in(
        &self,
        ending: Ending,
        transaction: TransactionHash,
        inclusion: Inclusion,
    ) -> Ended {
        Ended {
            at: self.now,
            ending,
            block: inclusion.block,
            time: inclusion.time,
            transaction,
            cost: inclusion.cost,
        }
    }

    fn tell_of_undoing(&mut self) {
        if let Some((transaction, inclusion)) = self.course.included.take() {
            self.course.waits_since = self.now;
            self.tell(Event::Reorganised {
                transaction,
                inclusion,
            });
        }
    }

    fn seen_nowhere(&mut self, nonce: u64, observation: &Observation) {
        // By its number alone an endpoint lags behind for ever, if another made a block of a high one up.
        if let Some((_, inclusion)) = self.course.included
            && observation.head.number < inclusion.block.number
            && self.now <= inclusion.time.after(CLOCK_TOLERANCE)
        {
            let why = "the endpoint lags behind the block that has the transaction";
            return self.again(Task::Rest, why.to_owned());
        }
        self.tell_of_undoing();
        if observation.finalized_nonce > nonce {
            let until = observation.finalized;
            return self.go_on(Task::FindNonce { until });
        }
        if observation.nonce > nonce {
            if !self.course.nonce_is_used {
                self.tell(Event::Warning(format!(
                    "another transaction of this account has the nonce {nonce}, which this anchor's transaction has; once it is final, the round takes another nonce"
                )));
            }
            self.course.nonce_is_used = true;
            return self.rest(self.config.observe_every);
        }
        if core::mem::take(&mut self.course.nonce_is_used) {
            // The other transaction was undone: this one begins to wait anew.
            self.course.waits_since = self.now;
        }
        if observation.nonce < nonce {
            let found = observation.nonce;
            let why = format!(
                "the endpoint says that the account's next nonce is {found}, and {nonce} is: it lags behind, or more blocks that were final have left the chain than rounds are kept for: then the transactions of the nonces before {nonce} have to come into the chain first"
            );
            return self.again(Task::Rest, why);
        }
        let newest = observation.attempts.last();
        if let Some((other, ended)) = self.twin() {
            return self.seen_nowhere_beside(other, ended, nonce, newest);
        }
        if newest == Some(&Whereabouts::Pending) && self.course.refusal.take().is_some() {
            self.course.waits_since = self.now;
        }
        // What is refused for another reason would be so at any price.
        let may_pay_more = (self.course.refusal.as_ref())
            .is_none_or(|refused| refused.refusal == Refusal::Underpriced);
        let stuck_at = (self.course.waits_since).after(self.config.replace_after);
        if may_pay_more && self.now >= stuck_at.max(self.course.not_before) {
            self.go_on(Task::Read(Purpose::Replacement));
        } else if newest == Some(&Whereabouts::Absent) {
            self.go_on(Task::Send);
        } else {
            self.rest(self.config.observe_every);
        }
    }

    /// Another round about the root of the one on its way: its nonce, and how it ended.
    fn twin(&self) -> Option<(u64, Option<Ended>)> {
        let state = &self.stored.as_ref()?.state;
        let twin = state.twin(state.flight()?)?;
        Some((twin.nonce, twin.ended))
    }

    /// Nothing is sent of a round whose root went out under another nonce as well, or it would be paid for twice.
    fn seen_nowhere_beside(
        &mut self,
        other: u64,
        ended: Option<Ended>,
        nonce: u64,
        newest: Option<&Whereabouts>,
    ) {
        let stuck_at = (self.course.waits_since).after(self.config.replace_after);
        let is_pooled = newest == Some(&Whereabouts::Pending);
        if is_pooled && self.now < stuck_at {
            return self.rest(self.config.observe_every);
        }
        // Where the other one stands this one's nonce is the next round's, which pays more than what is stuck in a pool.
        if let (Some(ended), Some(stored)) = (ended, &self.stored) {
            let mut next = stored.state.next();
            if next.give_up() {
                let failure = Failure::Paid {
                    nonce: other,
                    transaction: ended.transaction,
                };
                return self.fail_as(next, failure);
            }
        }
        if is_pooled {
            return self.rest(self.config.observe_every);
        }
        let why = format!(
            "the transaction that had the account's nonce {nonce} has left the chain with its block, which was final; this anchor sends nothing under it, since the same root was sent under the nonce {other}, and would be paid for twice: whoever uses the anchor's key has to send that transaction, or another one of the nonce {nonce}, again"
        );
        self.again(Task::Rest, why);
    }

    /// Somebody's transaction has the nonce, in a final block.
    pub(crate) fn nonce_used(&mut self, transaction: TransactionHash, anchor: Anchor) {
        let Some(flight) = self.flight() else {
            return self.go_on(Task::Rest);
        };
        if flight.hashes().contains(&transaction) {
            let why = "the endpoint did not find a transaction that it has in a final block";
            return self.again(Task::Rest, why.to_owned());
        }
        let nonce = flight.nonce;
        if let Some(why) = self.why_not_yet(anchor.block, anchor.time) {
            return self.again(Task::Rest, why);
        }
        let ended = Ended {
            at: self.now,
            ending: Ending::Taken,
            block: anchor.block,
            time: anchor.time,
            transaction,
            cost: Wei::ZERO,
        };
        self.fail(Failure::NonceTaken { nonce, transaction }, ended);
    }

    /// The records are durable.
    pub(crate) fn recorded(&mut self, anchored: Box<Anchored>) {
        let Some(stored) = &self.stored else {
            return self.go_on(Task::Rest);
        };
        let mut next = stored.state.next();
        let ended = self.ended_in(Ending::Recorded, anchored.transaction, anchored.inclusion);
        next.end(self.now, ended);
        let then = Then::End(Event::Recorded(anchored));
        self.go_on(Task::Save(Box::new(next), then));
    }

    fn fail(&mut self, failure: Failure, ended: Ended) {
        let Some(stored) = &self.stored else {
            return self.go_on(Task::Rest);
        };
        let mut next = stored.state.next();
        next.end(self.now, ended);
        self.fail_as(next, failure);
    }

    /// The round on its way has failed, and this is the state after it.
    fn fail_as(&mut self, mut next: State, failure: Failure) {
        let Some(flight) = self.flight() else {
            return self.go_on(Task::Rest);
        };
        let offer = flight.offer.clone();
        next.last_failure = Some(LastFailure {
            at: self.now,
            root: offer.root,
            failure: failure.clone(),
        });
        let then = Then::End(Event::Failed { offer, failure });
        self.go_on(Task::Save(Box::new(next), then));
    }

    /// How the round ended is durable, or that another one is on its way again.
    pub(crate) fn ended(&mut self, event: Event) {
        let pause = self.pause_after(&event);
        // One that is on its way again was sent before.
        let newest = self.flight().and_then(|flight| flight.newest());
        self.course = Course {
            waits_since: self.now,
            told: newest.map(|newest| newest.hash),
            ..Course::default()
        };
        self.hold = None;
        if let Event::Failed {
            offer,
            failure: Failure::NonceTaken { .. },
        } = &event
            && self.pending.is_none()
            && self.is_newest(offer)
        {
            // Nothing of it can come into the chain any more: it is sent with another nonce.
            self.pending = Some(Pending {
                offer: offer.clone(),
                since: self.now,
            });
        }
        self.tell(event);
        self.rest(pause);
    }

    /// No round came after this one.
    fn is_newest(&self, offer: &Offer) -> bool {
        let stored = self.stored.as_ref();
        let last = stored.and_then(|stored| stored.state.rounds.last());
        last.is_none_or(|last| last.offer.root == offer.root)
    }

    /// How long to rest after the end of a round. An endpoint that shows a round in one final block after another, and says of each that
    /// it has left the chain, is asked ever more seldom: each of them costs a record.
    fn pause_after(&mut self, event: &Event) -> Duration {
        let (Event::Undone { offer, .. }, Some(stored)) = (event, &self.stored) else {
            return Duration::ZERO;
        };
        let is_it = |round: &&Flight| round.ended.is_none() && round.offer.root == offer.root;
        let Some(flight) = stored.state.rounds.iter().find(is_it) else {
            return Duration::ZERO;
        };
        let is_kept = |nonce: u64| stored.state.rounds.iter().any(|round| round.nonce == nonce);
        self.undoings.retain(|nonce, _| is_kept(*nonce));
        let count = self.undoings.entry(flight.nonce).or_insert(0);
        *count = count.saturating_add(1);
        let factor = 1_u32
            .checked_shl(count.saturating_sub(2))
            .unwrap_or(u32::MAX);
        let pause = self.config.observe_every.saturating_mul(factor);
        if *count == 1 {
            Duration::ZERO
        } else {
            pause.min(LONGEST_PAUSE)
        }
    }
}
