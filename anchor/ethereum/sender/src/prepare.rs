//! From a round that waits, or is stuck, to a transaction whose bytes are durable.

use crate::chain::{Account, Block};
use crate::fees;
use crate::operation::Event;
use crate::sender::{Seen, Sender};
use crate::state::{Attempt, Flight, call};
use crate::task::{Purpose, Task, Then};
use crate::transaction::{Call, Unsigned};

impl Sender {
    /// What would be called.
    pub(crate) fn call(&self, purpose: Purpose) -> Option<Call> {
        match purpose {
            Purpose::First => {
                let root = self.pending.as_ref()?.offer.root;
                Some(call(root, self.config.destination))
            }
            Purpose::Replacement => Some(self.flight()?.newest()?.unsigned.call),
        }
    }

    /// The account was read.
    pub(crate) fn read(&mut self, purpose: Purpose, account: &Account) {
        self.seen = Some(Seen {
            at: self.now,
            head: account.head,
            finalized: account.finalized,
            balance: account.balance,
            base_fee: account.base_fee,
        });
        match purpose {
            Purpose::First => self.price_first(account),
            Purpose::Replacement => self.price_replacement(account),
        }
    }

    fn price_first(&mut self, account: &Account) {
        // The round may have given way to a newer one meanwhile: that one is sent.
        let (Some(stored), Some(call)) = (&self.stored, self.call(Purpose::First)) else {
            return self.go_on(Task::Rest);
        };
        let next_nonce = stored.state.next_nonce.max(self.config.known_nonce);
        if account.nonce < next_nonce {
            let found = account.nonce;
            let why = format!(
                "the endpoint says that the account's next nonce is {found}, and {next_nonce} is: it lags behind, or blocks that were final are not the chain's any more, which is looked at next"
            );
            self.watched = None;
            return self.again(Task::Rest, why);
        }
        let priced = fees::first(
            self.config.identity.chain_id,
            call,
            account,
            &stored.state,
            &self.config.ceilings,
            self.now,
        );
        self.watch_nonce(next_nonce, account);
        match priced {
            Ok(unsigned) => {
                self.hold = None;
                let until = account.finalized;
                if unsigned.nonce > next_nonce.max(self.proven_nonce) {
                    return self.go_on(Task::Prove { unsigned, until });
                }
                self.go_on(Task::Sign {
                    purpose: Purpose::First,
                    unsigned,
                    unused_in: until.number,
                });
            }
            Err(hold) => {
                self.hold_back(hold);
                self.rest(self.config.hold_pause);
            }
        }
    }

    /// The nonce before this transaction's is used in a final block, up to this one.
    pub(crate) fn proven(&mut self, unsigned: Unsigned, until: Block) {
        self.proven_nonce = unsigned.nonce;
        self.go_on(Task::Sign {
            purpose: Purpose::First,
            unsigned,
            unused_in: until.number,
        });
    }

    /// It is not known whether the nonce before this transaction's is used.
    pub(crate) fn unproven(&mut self, unsigned: &Unsigned, why: &str) {
        let nonce = unsigned.nonce;
        let why = format!(
            "the endpoint says that the account's next nonce is {nonce}, and nothing is sent before the transaction is seen that used the one before: {why}; or set known_nonce = {nonce}, once you have it from somebody you trust"
        );
        self.again(Task::Rest, why);
    }

    /// Notices that something else uses the account.
    fn watch_nonce(&mut self, next_nonce: u64, account: &Account) {
        let (nonce, pending) = (account.nonce, account.pending_nonce);
        // Before the first round it is not known what the account was used for.
        if next_nonce > 0 && nonce > next_nonce && nonce > self.told_nonce {
            self.told_nonce = nonce;
            self.tell(Event::Warning(format!(
                "the account's nonces {next_nonce} to {} were used by something else: its key must be the anchor's alone",
                nonce.saturating_sub(1)
            )));
        }
        if pending > nonce && !self.told_pool {
            self.tell(Event::Warning(format!(
                "the network has transactions of this account that are not this anchor's, from the nonce {nonce} on: its key must be the anchor's alone"
            )));
        }
        self.told_pool = pending > nonce;
    }

    fn price_replacement(&mut self, account: &Account) {
        let newest = self.flight().and_then(|flight| {
            Some((
                flight.nonce,
                flight.attempts.len(),
                flight.newest()?.unsigned,
            ))
        });
        let (Some(stored), Some((nonce, attempts, stuck))) = (&self.stored, newest) else {
            return self.go_on(Task::Rest);
        };
        if account.nonce != nonce {
            // It came into a block meanwhile, or the endpoint lags behind.
            return self.rest(self.config.observe_every);
        }
        let priced = fees::replacement(
            &stuck,
            attempts,
            account,
            &stored.state,
            &self.config.ceilings,
            self.now,
        );
        match priced {
            Ok(unsigned) => {
                self.hold = None;
                self.go_on(Task::Sign {
                    purpose: Purpose::Replacement,
                    unsigned,
                    unused_in: account.finalized.number,
                });
            }
            Err(hold) => {
                self.hold_back(hold);
                self.course.not_before = self.now.after(self.config.hold_pause);
                self.go_on(Task::Rest);
            }
        }
    }

    fn hold_back(&mut self, hold: fees::Hold) {
        let since = self.hold.as_ref().map_or(self.now, |(_, since)| *since);
        self.hold = Some((hold, since));
    }

    /// The transaction was signed.
    pub(crate) fn signed(
        &mut self,
        purpose: Purpose,
        unsigned: Unsigned,
        unused_in: u64,
        signed: Vec<u8>,
    ) {
        let hash = match unsigned.hash_signed(&signed) {
            Ok(hash) => hash,
            Err(error) => return self.again(Task::Rest, format!("the signer: {error}")),
        };
        let Some(stored) = &self.stored else {
            return self.go_on(Task::Rest);
        };
        let attempt = Attempt {
            at: self.now,
            unsigned,
            signed,
            hash,
        };
        let mut next = stored.state.next();
        let mut open = next.rounds.iter_mut().filter(|round| round.ended.is_none());
        match (purpose, &self.pending, open.next()) {
            (Purpose::Replacement, _, Some(flight)) => flight.attempts.push(attempt),
            // A newer round that came while this one was signed is read and signed for itself.
            (Purpose::First, Some(pending), None)
                if pending.offer.root == unsigned.call.calldata.root =>
            {
                next.rounds.push(Flight {
                    offer: pending.offer.clone(),
                    nonce: unsigned.nonce,
                    unused_in,
                    attempts: vec![attempt],
                    taker: None,
                    ended: None,
                });
            }
            _ => return self.go_on(Task::Rest),
        }
        self.go_on(Task::Save(Box::new(next), Then::Send));
    }
}
