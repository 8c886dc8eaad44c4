//! Subtrees: the intervals of entries that a proof can be about.

use std::fmt;

use super::ProofError;
use crate::hash::TreeSize;

/// The interval [start, end) of a tree's entries, such that start is a multiple of the smallest power of two that is at least end - start.
///
/// Section "Definition of a Subtree" of draft-ietf-plants-merkle-tree-certs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subtree {
    start: u64,
    end: u64,
}

impl Subtree {
    /// The subtree of the entries from `start` up to and without `end`.
    pub fn new(start: u64, end: u64) -> Result<Self, ProofError> {
        let subtree = Self { start, end };
        let aligned = end.checked_sub(start).is_some_and(|size| {
            // SPEC(subtrees): "`start` is a multiple of `BIT_CEIL(end - start)`"
            match size.checked_next_power_of_two() {
                Some(width) => start.is_multiple_of(width),
                None => start == 0, // the power of two is 2^64
            }
        });
        aligned
            .then_some(subtree)
            .ok_or(ProofError::NotASubtree { start, end })
    }

    /// The whole of a tree.
    pub const fn whole(size: TreeSize) -> Self {
        Self {
            start: 0,
            end: size.get(),
        }
    }

    /// A node on the way from a tree's root to one of its subtrees, which is a subtree by construction.
    pub(super) const fn part(start: u64, end: u64) -> Self {
        Self { start, end }
    }

    /// The index of the first entry.
    pub const fn start(&self) -> u64 {
        self.start
    }

    /// The index after that of the last entry.
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// The number of entries.
    pub const fn size(&self) -> u64 {
        self.end.saturating_sub(self.start) // start <= end
    }
}

/// As the specification writes it: `[4, 8)`.
impl fmt::Display for Subtree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.start, self.end)
    }
}
