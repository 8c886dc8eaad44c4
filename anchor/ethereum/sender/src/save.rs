//! The register: what is durable, and what may be.

use bytes::Bytes;

use crate::operation::{Event, Outcome, StopReason};
use crate::sender::{Course, Sender, Stored};
use crate::state::State;
use crate::task::{Task, Then};

impl Sender {
    /// The register was read at the start.
    pub(crate) fn loaded(&mut self, value: Option<Bytes>) {
        if self.adopt(value) {
            self.went_well();
            self.go_on(Task::Rest);
        }
    }

    /// Takes what is in the register; false if that cannot be.
    fn adopt(&mut self, value: Option<Bytes>) -> bool {
        let identity = self.config.identity;
        let state = match &value {
            None => Ok(State::new(identity)),
            Some(bytes) => State::parse(bytes),
        };
        let mut state = match state {
            Ok(state) => state,
            Err(error) => {
                self.stop(StopReason::Damaged(error.to_string()));
                return false;
            }
        };
        if state.identity != identity {
            if state.flight().is_some() {
                self.stop(StopReason::OtherIdentity(state.identity));
                return false;
            }
            // The ceiling of a day is the operator's, and not an account's; and no record counts again because another account pays.
            state = State {
                generation: state.generation,
                spent: state.spent,
                undone: state.undone,
                ..State::new(identity)
            };
        }
        self.course = Course {
            waits_since: self.began,
            ..Course::default()
        };
        self.watched = None;
        self.pending
            .take_if(|pending| state.knows(&pending.offer.root));
        self.stored = Some(Stored {
            state,
            bytes: value,
        });
        true
    }

    /// A replacement of the register ended.
    pub(crate) fn save_ended(&mut self, next: Box<State>, then: Then, outcome: Outcome) {
        match (outcome, &then) {
            (Outcome::Done, _) => self.saved(*next, then),
            // Nobody knows of a transaction that is not saved: another look at the chain, and a newer round, are welcome.
            (Outcome::NotDone(why), Then::Send) => self.again(Task::Rest, why),
            (Outcome::NotDone(why), Then::End(_)) => self.again(Task::Save(next, then), why),
            (Outcome::Unknown(why), _) => self.again(Task::Resolve(next, then), why),
            // An earlier try, or an earlier process's, was done after all; or there is another process.
            (Outcome::Conflict, _) => self.go_on(Task::Resolve(next, then)),
            (outcome, _) => self.unexpected(&Task::Save(next, then), &outcome),
        }
    }

    /// The register was read, since nobody knew whether it had been replaced.
    pub(crate) fn resolved(&mut self, next: Box<State>, then: Then, value: Option<Bytes>) {
        let old = self
            .stored
            .as_ref()
            .and_then(|stored| stored.bytes.as_ref());
        if value.as_ref() == Some(&next.encode()) {
            return self.saved(*next, then);
        }
        if value.as_ref() == old {
            // It may still be replaced later; by the same value, so that this cannot do harm.
            let why = "it is not known whether the register was replaced, and it was not yet";
            return self.again(Task::Save(next, then), why.to_owned());
        }
        self.tell(Event::Warning(
            "the register was changed by an earlier process, or by another one; this one goes on from there"
                .to_owned(),
        ));
        let before = self.flight().map(|flight| flight.offer.clone());
        self.loaded(value);
        // What was on its way may have ended without being paid for.
        if let Some(offer) = before
            && self.pending.is_none()
        {
            self.offer(offer);
        }
    }

    fn saved(&mut self, next: State, then: Then) {
        self.went_well();
        self.pending
            .take_if(|pending| next.knows(&pending.offer.root));
        self.stored = Some(Stored {
            bytes: Some(next.encode()),
            state: next,
        });
        match then {
            Then::Send => {
                self.course.waits_since = self.now;
                self.go_on(Task::Send);
            }
            Then::End(event) => self.ended(event),
        }
    }
}
