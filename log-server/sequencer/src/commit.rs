//! The commit track: stage a round's entries as one blob, then replace the head. When the head is replaced the entries are
//! durable and have their indexes; only then are the submitters answered.
//!
//! A replacement whose outcome is unknown may still land later. It is settled by replacing again *with the very same bytes*
//! from the very same head: whichever try lands, the head becomes those bytes, and every other try is then a conflict that a
//! fetch explains. Until it is settled nothing is discarded and nothing else is committed.

use bytes::Bytes;
use counterfoil_tiles::hash::LeafIndex;

use crate::head::{Head, MAX_STAGED};
use crate::operation::{
    Entry, Event, NewBlob, Outcome, Register, Request, StopReason, SubmitError, Timestamp,
};
use crate::queue::Submission;
use crate::sequencer::{Backoff, CommittedHead, Sequencer, Track};
use crate::staged::{self, StagedBlob};
use crate::tree::Growth;

#[derive(Debug)]
pub(crate) enum Commit {
    Idle,
    /// The round's blob is being stored.
    Staging {
        round: Round,
        blob: StagedBlob,
    },
    /// The head is being replaced.
    Replacing(Replacement),
    /// A conflict or an unknown outcome is being explained by a fetch.
    Resolving(Replacement),
    /// A pause before the same replacement is tried again.
    Pausing {
        replacement: Replacement,
        until: Timestamp,
    },
}

/// Submissions that are committed together.
#[derive(Debug)]
pub(crate) struct Round {
    submissions: Vec<Submission>,
    growth: Growth,
}

impl Round {
    fn entries(&self) -> impl Iterator<Item = &Entry> + Clone {
        self.submissions
            .iter()
            .flat_map(|submission| submission.entries.iter())
    }
}

#[derive(Debug)]
pub(crate) struct Replacement {
    /// Absent where only sizes and staged blobs change.
    round: Option<Round>,
    next: Head,
    bytes: Bytes,
    started: Timestamp,
    /// A try may have landed or may still land: since when, and what was said.
    uncertain: Option<(Timestamp, String)>,
    /// The submitters were told that the outcome is unknown.
    answered: bool,
    backoff: Backoff,
}

impl Commit {
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self, Self::Idle)
    }

    fn replacement(&self) -> Option<&Replacement> {
        match self {
            Self::Replacing(replacement)
            | Self::Resolving(replacement)
            | Self::Pausing { replacement, .. } => Some(replacement),
            Self::Idle | Self::Staging { .. } => None,
        }
    }

    pub(crate) fn uncertain_since(&self) -> Option<Timestamp> {
        self.replacement()?
            .uncertain
            .as_ref()
            .map(|(since, _)| *since)
    }
}

impl Sequencer {
    pub(crate) fn commit_wakeup(&self) -> Option<Timestamp> {
        let pause = match &self.commit {
            Commit::Pausing { until, .. } => Some(*until),
            _ => None,
        };
        let deadline = self
            .commit
            .replacement()
            .filter(|replacement| !replacement.answered && replacement.round.is_some())
            .map(|replacement| replacement.started.after(self.config.commit_deadline));
        pause.into_iter().chain(deadline).min()
    }

    pub(crate) fn advance_commit(&mut self) {
        self.answer_overdue();
        match core::mem::replace(&mut self.commit, Commit::Idle) {
            Commit::Idle => self.start_round(),
            Commit::Pausing { replacement, until } if until <= self.now => {
                self.replace_head(replacement);
            }
            other => self.commit = other,
        }
    }

    pub(crate) fn complete_commit(&mut self, outcome: Outcome) {
        match core::mem::replace(&mut self.commit, Commit::Idle) {
            Commit::Staging { round, blob } => self.staged(round, blob, outcome),
            Commit::Replacing(replacement) => self.replaced(replacement, outcome),
            Commit::Resolving(replacement) => self.resolved(replacement, outcome),
            other @ (Commit::Idle | Commit::Pausing { .. }) => {
                self.commit = other;
                self.unexpected("a commit that was not waiting", &outcome);
            }
        }
    }

    fn start_round(&mut self) {
        let Some(committed) = &self.head else { return };
        // SPEC(design 2.4): "A new log publishes size 0 through its quorum before it takes entries."
        let max_full_bytes = self.config.tile_after_bytes.saturating_mul(4);
        let room =
            committed.head.staged.len() < MAX_STAGED && self.tree.full_bytes() < max_full_bytes;
        if self.queue.is_empty() || self.published.is_none() || !room {
            if self.head_is_stale() {
                let next = self.next_head(None);
                self.replace_head(Replacement::new(None, next, self.now));
            }
            return;
        }
        let submissions = self
            .queue
            .take_round(self.config.max_round_entries, self.config.max_round_bytes);
        let leaves = submissions
            .iter()
            .flat_map(|submission| submission.entries.iter().map(Entry::leaf_hash))
            .collect();
        let growth = match self.tree.grow(leaves) {
            Ok(growth) => growth,
            Err(error) => {
                return self.refuse(
                    submissions,
                    &SubmitError::NotDurable {
                        reason: error.to_string(),
                    },
                );
            }
        };
        let round = Round {
            submissions,
            growth,
        };
        let (bytes, sha256) = staged::encode(round.entries());
        let blob = StagedBlob {
            generation: committed.head.generation.saturating_add(1),
            writer: self.writer,
            sha256,
            first: self.tree.size().get(),
            count: u32::try_from(round.entries().count()).unwrap_or(u32::MAX),
        };
        self.request(
            Track::Commit,
            Request::Put(vec![NewBlob {
                name: blob.name(),
                bytes,
            }]),
        );
        self.commit = Commit::Staging { round, blob };
    }

    /// The committed head lags behind what is in tiles or published, and no publication is about to change that again.
    fn head_is_stale(&self) -> bool {
        let Some(committed) = &self.head else {
            return false;
        };
        let published = self
            .published
            .as_ref()
            .is_some_and(|published| published.size() > committed.head.published);
        self.publication.is_at_rest()
            && self.full_tiles.is_idle()
            && (published || self.tiled > committed.head.tiled)
    }

    fn next_head(&self, added: Option<(&Round, StagedBlob)>) -> Head {
        let (generation, mut staged) = match &self.head {
            Some(committed) => (committed.head.generation, committed.head.staged.clone()),
            None => (0, Vec::new()),
        };
        staged.retain(|blob| blob.end().is_none_or(|end| end > self.tiled.get()));
        staged.extend(added.map(|(_, blob)| blob));
        let size = self.tree.size();
        Head {
            generation: generation.saturating_add(1),
            writer: self.writer,
            frontier: added.map_or_else(
                || self.tree.frontier().clone(),
                |(round, _)| round.growth.frontier.clone(),
            ),
            tiled: self.tiled,
            published: self
                .published
                .as_ref()
                .map_or(counterfoil_tiles::hash::TreeSize::new(0), |p| {
                    p.size().min(size)
                }),
            staged,
        }
    }

    fn staged(&mut self, round: Round, blob: StagedBlob, outcome: Outcome) {
        match outcome {
            Outcome::Done => {
                let next = self.next_head(Some((&round, blob)));
                self.replace_head(Replacement::new(Some(round), next, self.now));
            }
            // No head names the blob, so whether it is there or not, its entries are not logged.
            Outcome::Conflict(reason) | Outcome::NotDone(reason) | Outcome::Unknown(reason) => {
                self.discards.add_orphan(blob.generation, blob.name());
                self.refuse(round.submissions, &SubmitError::NotDurable { reason });
            }
            other => self.unexpected("staging", &other),
        }
    }

    fn replace_head(&mut self, replacement: Replacement) {
        let old = self.head.as_ref().map(|committed| committed.bytes.clone());
        self.request(
            Track::Commit,
            Request::Replace {
                register: Register::Head,
                old,
                new: replacement.bytes.clone(),
            },
        );
        self.commit = Commit::Replacing(replacement);
    }

    fn replaced(&mut self, mut replacement: Replacement, outcome: Outcome) {
        match outcome {
            Outcome::Done => self.committed(replacement),
            Outcome::Conflict(_) => {
                self.request(Track::Commit, Request::Fetch(Register::Head));
                self.commit = Commit::Resolving(replacement);
            }
            Outcome::NotDone(reason) if replacement.uncertain.is_none() => {
                self.not_committed(replacement, reason);
            }
            Outcome::NotDone(_) => self.pause_commit(replacement),
            Outcome::Unknown(reason) => {
                replacement.uncertain.get_or_insert((self.now, reason));
                self.pause_commit(replacement);
            }
            other => self.unexpected("replacing the head", &other),
        }
    }

    fn pause_commit(&mut self, mut replacement: Replacement) {
        let until = self.now.after(replacement.backoff.next(&self.config));
        self.commit = Commit::Pausing { replacement, until };
    }

    fn resolved(&mut self, replacement: Replacement, outcome: Outcome) {
        match outcome {
            Outcome::Fetched(Some(bytes)) if bytes == replacement.bytes => {
                self.committed(replacement);
            }
            Outcome::Fetched(Some(bytes))
                if self
                    .head
                    .as_ref()
                    .is_some_and(|committed| committed.bytes == bytes) =>
            {
                self.pause_commit(replacement);
            }
            Outcome::Fetched(Some(bytes)) => {
                let reason = match Head::parse(&bytes) {
                    Ok(head) => StopReason::AnotherWriter {
                        writer: head.writer.0,
                        generation: head.generation,
                    },
                    Err(error) => StopReason::Damaged(format!("the head register: {error}")),
                };
                self.commit = Commit::Replacing(replacement);
                self.stop(reason);
            }
            Outcome::Fetched(None) => {
                self.commit = Commit::Replacing(replacement);
                self.stop(StopReason::Damaged(
                    "the head register is empty; it was not when this log started".into(),
                ));
            }
            Outcome::NotDone(_) => self.pause_commit(replacement),
            other => self.unexpected("fetching the head", &other),
        }
    }

    /// A definite failure: the head is as it was.
    fn not_committed(&mut self, replacement: Replacement, reason: String) {
        let Replacement {
            round,
            next,
            answered,
            ..
        } = replacement;
        match round {
            Some(round) => {
                if let Some(blob) = next.staged.last() {
                    self.discards.add_orphan(blob.generation, blob.name());
                }
                if !answered {
                    self.refuse(round.submissions, &SubmitError::NotDurable { reason });
                }
            }
            // Nobody waits for it, but trying again at once would spin.
            None => self.pause_commit(Replacement::new(None, next, self.now)),
        }
    }

    fn refuse(&mut self, submissions: Vec<Submission>, error: &SubmitError) {
        for submission in submissions {
            self.tell(Event::Answer {
                id: submission.id,
                result: Err(error.clone()),
            });
        }
    }

    fn committed(&mut self, replacement: Replacement) {
        let Replacement {
            round,
            next,
            bytes,
            answered,
            ..
        } = replacement;
        let Some(committed) = self.head.replace(CommittedHead {
            head: next.clone(),
            bytes,
        }) else {
            return;
        };
        let dropped = committed
            .head
            .staged
            .iter()
            .filter(|blob| !next.staged.contains(blob));
        self.discards.add_ready(dropped.map(StagedBlob::name));
        self.discards.release_orphans(&next);
        let Some(round) = round else { return };
        let mut index = self.tree.size().get();
        self.tree.apply(
            round
                .submissions
                .iter()
                .flat_map(|submission| submission.entries.iter()),
            round.growth,
        );
        for submission in round.submissions {
            if !answered {
                self.tell(Event::Answer {
                    id: submission.id,
                    result: Ok(LeafIndex::new(index)),
                });
            }
            index =
                index.saturating_add(u64::try_from(submission.entries.len()).unwrap_or(u64::MAX));
        }
    }

    /// Submitters whose outcome stays unsettled for too long are told so.
    fn answer_overdue(&mut self) {
        let deadline = self.config.commit_deadline;
        let (Commit::Replacing(replacement)
        | Commit::Resolving(replacement)
        | Commit::Pausing { replacement, .. }) = &mut self.commit
        else {
            return;
        };
        if replacement.answered || replacement.started.after(deadline) > self.now {
            return;
        }
        replacement.answered = true;
        let reason = replacement
            .uncertain
            .as_ref()
            .map_or("the store does not answer", |(_, reason)| reason)
            .to_owned();
        let ids: Vec<_> = replacement
            .round
            .iter()
            .flat_map(|round| round.submissions.iter().map(|submission| submission.id))
            .collect();
        for id in ids {
            self.tell(Event::Answer {
                id,
                result: Err(SubmitError::OutcomeUnknown {
                    reason: reason.clone(),
                }),
            });
        }
    }

    /// The sequencer stops: the round in hand has failed, or nobody can know.
    pub(crate) fn fail_round_on_stop(&mut self, reason: &StopReason) {
        let stopped = SubmitError::Stopped {
            reason: reason.to_string(),
        };
        match core::mem::replace(&mut self.commit, Commit::Idle) {
            Commit::Idle => {}
            Commit::Staging { round, .. } => self.refuse(round.submissions, &stopped),
            Commit::Replacing(replacement)
            | Commit::Resolving(replacement)
            | Commit::Pausing { replacement, .. } => {
                if let Some(round) = replacement.round.filter(|_| !replacement.answered) {
                    self.refuse(
                        round.submissions,
                        &SubmitError::OutcomeUnknown {
                            reason: reason.to_string(),
                        },
                    );
                }
            }
        }
    }
}

impl Replacement {
    fn new(round: Option<Round>, next: Head, started: Timestamp) -> Self {
        let bytes = next.encode();
        Self {
            round,
            next,
            bytes,
            started,
            uncertain: None,
            answered: false,
            backoff: Backoff::default(),
        }
    }
}
