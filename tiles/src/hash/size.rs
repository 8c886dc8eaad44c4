//! Sizes of trees and indexes of entries, kept apart by type.

use std::fmt;

/// The number of entries in a tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeSize(u64);

impl TreeSize {
    /// The size of the empty tree.
    pub const ZERO: Self = Self(0);

    /// A tree of `size` entries.
    pub const fn new(size: u64) -> Self {
        Self(size)
    }

    /// The number of entries.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The size of the tree with `count` more entries, or `None` beyond `u64::MAX`.
    pub const fn grown_by(self, count: u64) -> Option<Self> {
        match self.0.checked_add(count) {
            Some(size) => Some(Self(size)),
            None => None,
        }
    }
}

impl fmt::Display for TreeSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The place of an entry in a tree, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafIndex(u64);

impl LeafIndex {
    /// The place of the entry that has `index` entries before it.
    pub const fn new(index: u64) -> Self {
        Self(index)
    }

    /// The number of entries before this one.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for LeafIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
