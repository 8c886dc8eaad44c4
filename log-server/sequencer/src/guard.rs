//! The startup guard: before it acknowledges or signs, a log asks its witnesses whether it stands where it stood.
//!
//! Registers cannot tell whether they are old: a restored backup takes them all back together. The witnesses can. What their
//! answers mean is the driver's to judge; here a recovered log waits for that judgement, as long as it takes.

use crate::operation::{Event, Outcome, Request, StopReason, Timestamp};
use crate::published::Published;
use crate::sequencer::{Backoff, Phase, Progress, Sequencer, Track};

#[derive(Debug, Default)]
pub(crate) struct Guard {
    in_flight: bool,
    pub(crate) retry_at: Option<Timestamp>,
    backoff: Backoff,
    /// What it waits for, as it was told last.
    waits_for: Option<String>,
}

impl Sequencer {
    pub(crate) fn advance_guard(&mut self) -> Progress {
        let (now, closing) = (self.now, self.closing);
        let Phase::Guarding(guard) = &mut self.phase else {
            return Progress::None;
        };
        if closing && !guard.in_flight {
            self.stop(StopReason::Closed);
            return Progress::None;
        }
        if guard.in_flight || guard.retry_at.is_some_and(|at| at > now) {
            return Progress::None;
        }
        guard.in_flight = true;
        guard.retry_at = None;
        let request = Request::AskWitnesses {
            published: self.published.as_ref().map(Published::note).cloned(),
            size: self.tree.size(),
            root: self.tree.frontier().root(),
        };
        self.request(Track::Guard, request);
        Progress::None
    }

    pub(crate) fn complete_guard(&mut self, outcome: Outcome) {
        let Phase::Guarding(guard) = &mut self.phase else {
            return self.unexpected("a question to the witnesses that was not asked", &outcome);
        };
        guard.in_flight = false;
        match outcome {
            Outcome::Done => {
                if guard.waits_for.is_some() {
                    self.tell(Event::Warning(
                        "the witnesses have answered: the log goes on".into(),
                    ));
                }
                self.phase = Phase::Running;
            }
            Outcome::Contradicted(what) => self.stop(StopReason::Contradicted(what)),
            Outcome::NotDone(reason) => {
                guard.retry_at = Some(self.now.after(guard.backoff.next(&self.config)));
                if guard.waits_for.as_ref() != Some(&reason) {
                    guard.waits_for = Some(reason.clone());
                    self.tell(Event::WaitsForWitnesses(reason));
                }
            }
            other => self.unexpected("asking the witnesses", &other),
        }
    }
}
