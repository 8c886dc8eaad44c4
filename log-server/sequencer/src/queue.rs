//! Submissions that wait for a round.

use std::collections::VecDeque;

use crate::operation::{Entry, SubmissionId};

/// A submission: its entries get consecutive indexes or none.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) id: SubmissionId,
    pub(crate) entries: Vec<Entry>,
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Submission>,
    entries: usize,
    bytes: usize,
}

impl Queue {
    pub(crate) fn entries(&self) -> usize {
        self.entries
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn push(&mut self, submission: Submission) {
        self.entries = self.entries.saturating_add(submission.entries.len());
        self.bytes = self.bytes.saturating_add(size(&submission));
        self.waiting.push_back(submission);
    }

    /// The submissions of the next round: as many as fit, at least one.
    pub(crate) fn take_round(&mut self, max_entries: usize, max_bytes: usize) -> Vec<Submission> {
        let mut round = Vec::new();
        let (mut entries, mut bytes) = (0usize, 0usize);
        while let Some(next) = self.waiting.front() {
            entries = entries.saturating_add(next.entries.len());
            bytes = bytes.saturating_add(size(next));
            if !round.is_empty() && (entries > max_entries || bytes > max_bytes) {
                break;
            }
            round.extend(self.pop());
        }
        round
    }

    pub(crate) fn pop(&mut self) -> Option<Submission> {
        let submission = self.waiting.pop_front()?;
        self.entries = self.entries.saturating_sub(submission.entries.len());
        self.bytes = self.bytes.saturating_sub(size(&submission));
        Some(submission)
    }
}

fn size(submission: &Submission) -> usize {
    submission
        .entries
        .iter()
        .fold(0, |sum, entry| sum.saturating_add(entry.bytes().len()))
}
