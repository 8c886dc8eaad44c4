//! The right edge of a growing tree: all that is needed to append to it and to know its root.
//!
//! A tree of size n is the sum of full subtrees, one for each bit set in n (RFC 6962 section 2.1: k is a power of two at every split).
//! Their roots, largest subtree first, are the frontier.
//!
//! ```
//! use counterfoil_tiles::frontier::Frontier;
//! use counterfoil_tiles::hash::hash_leaf;
//!
//! let mut frontier = Frontier::new();
//! let leaves: Vec<_> = (0..300).map(|i| hash_leaf(i.to_string().as_bytes())).collect();
//! let completed = frontier.append(&leaves)?;
//! assert_eq!(frontier.size().get(), 300);
//! assert_eq!(frontier.nodes().len(), 4); // 256 + 32 + 8 + 4
//! assert_eq!(completed.level(1), &frontier.nodes()[..1]); // the tile of level 1 gained the root of the first full tile
//! assert_eq!(frontier.root().to_string(), "hOE+weA3FVrmGXV1mbLNIa2lpWXg/ZsxOcDDxsG4rak=");
//! # Ok::<(), counterfoil_tiles::frontier::FrontierError>(())
//! ```

use crate::hash::{LeafHash, NodeHash, TreeSize, empty_root, hash_node, hash_nodes};
use crate::tile::{LEVELS, TILE_HEIGHT, partial_width};

/// Why something is not a frontier, or cannot grow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// The size has another number of full subtrees.
    #[error("a tree of size {size} has {expected} full subtrees at its edge, found {found} hashes")]
    WrongCount {
        /// The size of the tree.
        size: TreeSize,
        /// The number of bits set in `size`.
        expected: usize,
        /// The number of hashes given.
        found: usize,
    },
    /// The partial tile of a level has another width.
    #[error(
        "the partial tile of level {level} of a tree of size {size} has {expected} hashes, found {found}"
    )]
    WrongWidth {
        /// The size of the tree.
        size: TreeSize,
        /// The level of the tile.
        level: usize,
        /// The width that the size gives.
        expected: usize,
        /// The number of hashes given.
        found: usize,
    },
    /// The size would exceed 2^64 - 1.
    #[error("a tree of size {size} cannot grow by {count} entries: the size would exceed 2^64 - 1")]
    TooLarge {
        /// The size of the tree.
        size: TreeSize,
        /// The number of leaves to append.
        count: usize,
    },
}

/// The roots of the full subtrees of a tree, from which it can grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: TreeSize,
    /// Largest subtree first; as many as `size` has bits set.
    nodes: Vec<NodeHash>,
}

/// What one call of [`Frontier::append`] completed above the leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completed {
    /// The new nodes at heights 8, 16, 24, ...
    levels: Vec<Vec<NodeHash>>,
}

impl Completed {
    /// The hashes that the tiles of `level` gained, left to right: new full subtrees of height 8 * `level`.
    ///
    /// Level 0 gained the appended leaf hashes themselves, which are not kept here: it is always empty.
    pub fn level(&self, level: u8) -> &[NodeHash] {
        usize::from(level)
            .checked_sub(1)
            .and_then(|above| self.levels.get(above))
            .map_or(&[], Vec::as_slice)
    }
}

impl Frontier {
    /// The frontier of the empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// The frontier of a tree of `size` entries with these roots of full subtrees, largest first.
    pub fn from_parts(size: TreeSize, nodes: Vec<NodeHash>) -> Result<Self, FrontierError> {
        let expected = size.get().count_ones() as usize;
        if nodes.len() != expected {
            return Err(FrontierError::WrongCount {
                size,
                expected,
                found: nodes.len(),
            });
        }
        Ok(Self { size, nodes })
    }

    /// The frontier from the partial tiles of a tree: `edge[level]` has the hashes of the partial tile of that level, none where there is no such tile.
    ///
    /// Levels above the last one given count as empty.
    pub fn from_tile_edge(size: TreeSize, edge: &[Vec<NodeHash>]) -> Result<Self, FrontierError> {
        let mut nodes = Vec::new();
        for level in (0..edge.len().max(usize::from(LEVELS))).rev() {
            let hashes = edge.get(level).map_or(&[][..], Vec::as_slice);
            let expected =
                u8::try_from(level).map_or(0, |level| usize::from(partial_width(level, size)));
            if hashes.len() != expected {
                return Err(FrontierError::WrongWidth {
                    size,
                    level,
                    expected,
                    found: hashes.len(),
                });
            }
            append_full_subtrees(hashes, &mut nodes);
        }
        Self::from_parts(size, nodes)
    }

    /// The number of entries in the tree.
    pub fn size(&self) -> TreeSize {
        self.size
    }

    /// The roots of the full subtrees, largest first: one for each bit set in the size.
    pub fn nodes(&self) -> &[NodeHash] {
        &self.nodes
    }

    /// The root of the tree.
    pub fn root(&self) -> NodeHash {
        self.nodes
            .iter()
            .rev()
            .copied()
            .reduce(|right, left| hash_node(&left, &right))
            .unwrap_or_else(empty_root)
    }

    /// Appends leaves on the right.
    ///
    /// Hashes level by level, many nodes at once: about one node hash for each leaf. On an error nothing has changed.
    pub fn append(&mut self, leaves: &[LeafHash]) -> Result<Completed, FrontierError> {
        let size = u64::try_from(leaves.len())
            .ok()
            .and_then(|count| self.size.grown_by(count))
            .ok_or(FrontierError::TooLarge {
                size: self.size,
                count: leaves.len(),
            })?;

        let mut levels = Vec::new();
        // What the edge keeps of each height, smallest subtree first.
        let mut kept = Vec::new();
        let mut height: u32 = 0;
        let mut new: Vec<NodeHash> = leaves.iter().copied().map(NodeHash::from).collect();
        let mut parents = Vec::new();
        while !new.is_empty() {
            if height > 0 && height.is_multiple_of(TILE_HEIGHT) {
                levels.push(new.clone());
            }
            // The edge's node of this height, if it has one, is the left neighbour of the first new one.
            let has_left = self
                .size
                .get()
                .checked_shr(height)
                .is_some_and(|rest| rest & 1 == 1);
            if has_left && let Some(left) = self.nodes.pop() {
                new.insert(0, left);
            }
            if let ([.., last], true) = (new.as_slice(), new.len() % 2 == 1) {
                kept.push(*last);
            }
            parents.clear();
            hash_nodes(&new, &mut parents);
            std::mem::swap(&mut new, &mut parents);
            height = height.saturating_add(1);
        }
        self.nodes.extend(kept.iter().rev());
        self.size = size;
        Ok(Completed { levels })
    }
}

/// Appends the roots of the full subtrees, largest first, of the hashes of a partial tile.
fn append_full_subtrees(mut hashes: &[NodeHash], nodes: &mut Vec<NodeHash>) {
    while let Some(height) = hashes.len().checked_ilog2() {
        let Some((full, rest)) = 1_usize
            .checked_shl(height)
            .and_then(|width| hashes.split_at_checked(width))
        else {
            return;
        };
        nodes.extend(subtree_root(full));
        hashes = rest;
    }
}

/// The root of a full subtree from its hashes, whose number is a power of two; `None` for none.
pub(crate) fn subtree_root(hashes: &[NodeHash]) -> Option<NodeHash> {
    let mut level = hashes.to_vec();
    let mut above = Vec::new();
    while level.len() > 1 {
        above.clear();
        hash_nodes(&level, &mut above);
        std::mem::swap(&mut level, &mut above);
    }
    level.first().copied()
}
