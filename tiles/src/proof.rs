//! Inclusion, consistency and subtree proofs: which nodes they are made of, and whether they hold.
//!
//! RFC 6962 sections 2.1.1 and 2.1.2, RFC 9162 section 2.1.3 and 2.1.4, and section "Subtrees" of draft-ietf-plants-merkle-tree-certs.
//! A proof is a list of node hashes, each the root of a range of the entries; a [`ProofPlan`] names those ranges, the tiles they come from,
//! and computes the hashes from the tiles.
//!
//! ```
//! use std::collections::HashMap;
//! use counterfoil_tiles::hash::{LeafIndex, TreeSize, hash_leaf};
//! use counterfoil_tiles::proof::{ProofPlan, root_from_tiles, verify_inclusion};
//! use counterfoil_tiles::tile::{Tile, TileId};
//!
//! let leaves: Vec<_> = (0..5).map(|i| hash_leaf(i.to_string().as_bytes())).collect();
//! let tile = Tile::new(leaves.iter().copied().map(Into::into).collect())?;
//! let tiles = HashMap::from([(TileId::new(0, 0, 5)?, tile)]);
//!
//! let (index, size) = (LeafIndex::new(2), TreeSize::new(5));
//! let plan = ProofPlan::inclusion(index, size)?;
//! let ranges: Vec<_> = plan.subtrees().iter().map(|range| (range.start(), range.end())).collect();
//! assert_eq!(ranges, [(3, 4), (0, 2), (4, 5)]); // the sibling of entry 2, then upwards
//! assert_eq!(plan.tiles(size)?, [TileId::new(0, 0, 5)?]);
//!
//! let proof = plan.resolve(size, &tiles)?;
//! let root = root_from_tiles(size, &tiles)?;
//! verify_inclusion(index, size, &leaves[2], &proof, &root)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod plan;
mod subtree;
mod verify;

pub use plan::{MissingTile, ProofPlan, ResolveError, TileReader, root_from_tiles};
pub use subtree::Subtree;
pub use verify::{
    verify_consistency, verify_inclusion, verify_subtree_consistency, verify_subtree_inclusion,
};

use crate::hash::{LeafIndex, NodeHash, TreeSize};

/// Why there is no such proof, or why a proof does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The interval does not form a subtree.
    #[error(
        "[{start}, {end}) is not a subtree: expected start <= end, and start a multiple of the smallest power of two that is at least end - start"
    )]
    NotASubtree {
        /// The first index.
        start: u64,
        /// The index after the last.
        end: u64,
    },
    /// The tree has no entry of that index.
    #[error("a tree of size {size} has no entry {index}")]
    IndexOutsideTree {
        /// The index of the entry.
        index: LeafIndex,
        /// The size of the tree.
        size: TreeSize,
    },
    /// The subtree has no entry of that index.
    #[error("the subtree {subtree} has no entry {index}")]
    IndexOutsideSubtree {
        /// The index of the entry.
        index: LeafIndex,
        /// The subtree.
        subtree: Subtree,
    },
    /// The subtree ends after the tree.
    #[error("the subtree {subtree} is not within a tree of size {size}")]
    SubtreeOutsideTree {
        /// The subtree.
        subtree: Subtree,
        /// The size of the tree.
        size: TreeSize,
    },
    /// The older tree is larger than the newer one.
    #[error("the older tree, of size {old}, is larger than the newer one, of size {new}")]
    SizesNotOrdered {
        /// The size of the older tree.
        old: TreeSize,
        /// The size of the newer tree.
        new: TreeSize,
    },
    /// The proof has too few hashes.
    #[error("the proof is too short: {found} hashes do not reach the root")]
    TooShort {
        /// The number of hashes in the proof.
        found: usize,
    },
    /// The proof has too many hashes.
    #[error("the proof is too long: {used} of its {found} hashes reach the root")]
    TooLong {
        /// The number of hashes that were enough.
        used: usize,
        /// The number of hashes in the proof.
        found: usize,
    },
    /// The proof does not lead to the root of the (newer) tree, or of the subtree that an entry is to be in.
    #[error("the proof leads to the root {computed}, expected {expected}")]
    WrongRoot {
        /// The root to be reached.
        expected: NodeHash,
        /// The root that the proof leads to.
        computed: NodeHash,
    },
    /// The proof does not lead to the root of the older tree, or of the subtree.
    #[error("the proof leads to the older root or subtree {computed}, expected {expected}")]
    WrongOldRoot {
        /// The hash to be reached.
        expected: NodeHash,
        /// The hash that the proof leads to.
        computed: NodeHash,
    },
    /// The root of a tree or subtree of size 0 is not SHA-256 of nothing.
    #[error("a tree of size 0 has another root than the empty one: {found}")]
    NotEmptyRoot {
        /// The root given.
        found: NodeHash,
    },
}
