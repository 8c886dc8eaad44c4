//! Group commit: changes that wait for the connection at the same time share one statement, and so one transaction and
//! one flush; each has an outcome of its own.
//!
//! No change waits for a group to fill: the first is committed at once, and those that come while its flush is under way
//! are the next group. Changes of one group are of one kind and of different registers; two changes of one register
//! go into two groups, in the order in which they came.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::{RegisterName, ReplaceError};

/// The most changes in a group. Beyond a few hundred, a flush is a small part of what a change costs.
pub(super) const MAX_GROUP_CHANGES: usize = 256;

/// The most bytes in a group, unless its first change alone has more: four of the largest registers. What a statement
/// binds is copied and held until the flush.
const MAX_GROUP_BYTES: usize = 4 << 20;

/// What is asked for, in the bytes that are stored.
#[derive(Debug)]
pub(super) enum Change {
    Create { value: Vec<u8> },
    Replace { old: Vec<u8>, new: Vec<u8> },
}

impl Change {
    fn bytes(&self) -> usize {
        match self {
            Self::Create { value } => value.len(),
            Self::Replace { old, new } => old.len().saturating_add(new.len()),
        }
    }

    /// Bytes that it writes.
    pub(super) fn written(&self) -> usize {
        match self {
            Self::Create { value: new } | Self::Replace { new, .. } => new.len(),
        }
    }

    fn same_kind(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// A change, and who waits for its outcome. Dropped without one, the outcome is unknown to whoever waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) name: RegisterName,
    pub(super) change: Change,
    pub(super) outcome: oneshot::Sender<Result<(), ReplaceError>>,
}

/// Changes that wait.
#[derive(Debug, Default)]
pub(super) struct Queue(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// Whether there is a [`Turn`].
    taken: bool,
}

impl Queue {
    /// Adds a change. Whoever is given the turn commits groups until none is left.
    pub(super) fn push(self: &Arc<Self>, waiting: Waiting) -> Option<Turn> {
        let mut state = self.state();
        state.waiting.push_back(waiting);
        let taken = std::mem::replace(&mut state.taken, true);
        (!taken).then(|| Turn {
            queue: Arc::clone(self),
            over: false,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in this module leaves the state half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes out the changes that can share a statement with the first.
    fn next_group(&mut self) -> Option<Vec<Waiting>> {
        let first = self.waiting.pop_front()?;
        let mut bytes = first.change.bytes();
        let mut names = HashSet::from([first.name.clone()]);
        let mut group = vec![first];
        let mut at = 0;
        while let (Some(next), Some(first)) = (self.waiting.get(at), group.first()) {
            if group.len() == MAX_GROUP_CHANGES {
                break;
            }
            let fits = bytes.saturating_add(next.change.bytes()) <= MAX_GROUP_BYTES;
            // A change that stays keeps those of the same register that came after it.
            let is_new = names.insert(next.name.clone());
            if fits && is_new && next.change.same_kind(&first.change) {
                bytes = bytes.saturating_add(next.change.bytes());
                group.extend(self.waiting.remove(at));
            } else {
                at = at.saturating_add(1);
            }
        }
        Some(group)
    }
}

/// The right to commit groups; only one at a time.
#[derive(Debug)]
pub(super) struct Turn {
    queue: Arc<Queue>,
    over: bool,
}

impl Turn {
    /// The next group, not empty. `None` ends the turn: whoever adds a change after it gets the next one.
    pub(super) fn next_group(&mut self) -> Option<Vec<Waiting>> {
        let mut state = self.queue.state();
        let group = state.next_group();
        if group.is_none() {
            state.taken = false;
            self.over = true;
        }
        group
    }
}

impl Drop for Turn {
    /// A turn that was cut off (its runtime ended) must leave nobody waiting for it.
    fn drop(&mut self) {
        if !self.over {
            let mut state = self.queue.state();
            state.taken = false;
            state.waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(name: &str, size: usize) -> (&str, Change) {
        (
            name,
            Change::Create {
                value: vec![0; size],
            },
        )
    }

    fn replace(name: &str, size: usize) -> (&str, Change) {
        (
            name,
            Change::Replace {
                old: vec![0; size],
                new: vec![1; size],
            },
        )
    }

    /// The names in each group that these changes make.
    fn groups(changes: Vec<(&str, Change)>) -> Vec<Vec<String>> {
        let queue = Arc::new(Queue::default());
        let mut turns = Vec::new();
        for (name, change) in changes {
            let (outcome, _) = oneshot::channel();
            turns.extend(queue.push(Waiting {
                name: name.parse().unwrap(),
                change,
                outcome,
            }));
        }
        assert_eq!(turns.len(), 1, "the first one only gets the turn");
        let groups = std::iter::from_fn(|| turns[0].next_group());
        groups
            .map(|group| group.iter().map(|change| change.name.to_string()).collect())
            .collect()
    }

    #[test]
    fn what_shares_a_group() {
        let rows = [
            (
                "different registers",
                vec![replace("a", 1), replace("b", 1), replace("c", 1)],
                vec![vec!["a", "b", "c"]],
            ),
            (
                "one register: in the order in which they came",
                vec![
                    replace("a", 1),
                    replace("a", 2),
                    replace("b", 1),
                    replace("a", 3),
                ],
                vec![vec!["a", "b"], vec!["a"], vec!["a"]],
            ),
            (
                "kinds are apart",
                vec![
                    replace("a", 1),
                    create("b", 1),
                    replace("c", 1),
                    create("d", 1),
                ],
                vec![vec!["a", "c"], vec!["b", "d"]],
            ),
            (
                "a change stays behind an earlier one of its register and of another kind",
                vec![replace("a", 1), create("b", 1), replace("b", 1)],
                vec![vec!["a"], vec!["b"], vec!["b"]],
            ),
            (
                "bytes are bounded, but for a change that is larger alone",
                vec![
                    create("a", MAX_GROUP_BYTES + 1),
                    create("b", MAX_GROUP_BYTES - 1),
                    create("c", 2),
                    create("d", 1),
                ],
                vec![vec!["a"], vec!["b", "d"], vec!["c"]],
            ),
        ];
        for (row, changes, expected) in rows {
            assert_eq!(groups(changes), expected, "{row}");
        }
    }

    #[test]
    fn groups_are_bounded() {
        let names: Vec<String> = (0..=MAX_GROUP_CHANGES).map(|i| i.to_string()).collect();
        let found = groups(names.iter().map(|name| replace(name, 1)).collect());
        assert_eq!(
            found,
            [&names[..MAX_GROUP_CHANGES], &names[MAX_GROUP_CHANGES..]]
        );
    }

    #[test]
    fn a_turn_that_is_cut_off_leaves_nobody_waiting() {
        let queue = Arc::new(Queue::default());
        let waiting = |outcome| Waiting {
            name: "a".parse().unwrap(),
            change: create("a", 1).1,
            outcome,
        };
        let (first, mut heard) = oneshot::channel();
        let turn = queue.push(waiting(first));
        assert_eq!(heard.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        drop(turn);
        assert_eq!(heard.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        let (second, _) = oneshot::channel();
        assert!(
            queue.push(waiting(second)).is_some(),
            "nobody gets the next turn"
        );
    }
}
