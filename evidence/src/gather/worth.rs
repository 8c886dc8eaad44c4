//! What one checkpoint is worth beside others.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use counterfoil_tiles::hash::TreeSize;

use super::asker::Found;
use super::lists::Listed;
use super::records::Root;
use super::{By, COUNTED_ROOTS};
use crate::matching::Matching;

/// The more, the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Worth {
    /// The trusted authorities that stand behind it, as far as the verifier asks for so many; none where nobody is known to be trusted.
    trusted: usize,
    /// Those that have a token or a block that holds.
    anchors: usize,
    /// The first of these, as they were named.
    named: Reverse<usize>,
    /// Those that these lead to, as far as they count.
    roots: usize,
    size: Reverse<TreeSize>,
    /// The first.
    time: Reverse<u64>,
}

impl Worth {
    /// Of what each anchor has of it, by the place at which the anchor was named.
    pub(super) fn of<'a>(found: impl Iterator<Item = (usize, &'a Found)>, by: &By) -> Option<Self> {
        let found: Vec<(usize, &Found)> = found.collect();
        let each = || found.iter().map(|(_, found)| *found);
        let roots: BTreeSet<&Root> = each().flat_map(Found::roots).collect();
        let mut trusted = Matching::default();
        for (authority, key) in each().flat_map(Found::vouching) {
            trusted.add(authority.as_str(), key);
        }
        let (named, first) = found.first()?;
        Some(Self {
            trusted: trusted.count().min(needed(by)),
            anchors: found.len(),
            named: Reverse(*named),
            roots: roots.len().min(COUNTED_ROOTS),
            size: Reverse(first.receipt.checkpoint().size()),
            time: Reverse(each().flat_map(Found::times).min()?),
        })
    }

    /// The most that one anchor can have, by what it lists.
    pub(super) fn at_most(listed: &Listed, by: &By) -> Self {
        Self {
            trusted: listed.authorities().min(needed(by)),
            anchors: 1,
            named: Reverse(0),
            roots: listed.authorities().min(COUNTED_ROOTS),
            size: Reverse(listed.place.size),
            time: Reverse(0),
        }
    }
}

/// How many authorities the verifier asks for.
fn needed(by: &By) -> usize {
    by.trust.as_ref().map_or(0, |trust| trust.min_anchors())
}
