//! Generation: which ranges a proof consists of, which tiles they are in, and their hashes.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{ProofError, Subtree};
use crate::frontier::subtree_root;
use crate::hash::{LeafIndex, NodeHash, TreeSize, empty_root, hash_node};
use crate::tile::{TILE_HEIGHT, TILE_WIDTH, Tile, TileId};

/// Where a plan gets its tiles from.
pub trait TileReader {
    /// Why a tile cannot be had.
    type Error;

    /// The tile with this name, or a wider one at the same place.
    fn tile(&self, id: TileId) -> Result<Tile, Self::Error>;
}

/// A tile that was not among those at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is not at hand", .0.path())]
pub struct MissingTile(pub TileId);

/// Tiles at hand, each under the name that was asked for.
impl<S: std::hash::BuildHasher> TileReader for HashMap<TileId, Tile, S> {
    type Error = MissingTile;

    fn tile(&self, id: TileId) -> Result<Tile, MissingTile> {
        self.get(&id).cloned().ok_or(MissingTile(id))
    }
}

/// Why a proof's hashes could not be computed from tiles.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError<E> {
    /// The plan does not fit the tree.
    #[error(transparent)]
    Plan(#[from] ProofError),
    /// A tile could not be read.
    #[error("{} could not be read", tile.path())]
    Read {
        /// The tile.
        tile: TileId,
        /// Why.
        source: E,
    },
    /// The reader gave a tile with fewer hashes than the tree's size says.
    #[error("{} has only {found} hashes", tile.path())]
    TooNarrow {
        /// The tile.
        tile: TileId,
        /// The number of its hashes.
        found: u16,
    },
}

/// The ranges of entries whose roots make up a proof, in the proof's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofPlan {
    subtrees: Vec<Subtree>,
}

impl ProofPlan {
    /// The proof that entry `index` is in the tree of this size: `PATH(index, D[0:size])`, RFC 9162 section 2.1.3.1.
    pub fn inclusion(index: LeafIndex, size: TreeSize) -> Result<Self, ProofError> {
        let outside = ProofError::IndexOutsideTree { index, size };
        let end = index
            .get()
            .checked_add(1)
            .filter(|end| *end <= size.get())
            .ok_or(outside)?;
        // SPEC(subtrees): "When `end = start + 1`, this computes a Merkle inclusion proof:"
        Ok(Self::subproof(index.get(), end, Subtree::whole(size)))
    }

    /// The proof that the tree of size `new` begins with that of size `old`: `PROOF(old, D[0:new])`, RFC 9162 section 2.1.4.1.
    ///
    /// Empty for an old size of 0 and for equal sizes.
    pub fn consistency(old: TreeSize, new: TreeSize) -> Result<Self, ProofError> {
        if old > new {
            return Err(ProofError::SizesNotOrdered { old, new });
        }
        Self::subtree_consistency(Subtree::whole(old), new)
    }

    /// The proof that the subtree is part of the tree of this size: `SUBTREE_PROOF(start, end, D[0:size])`.
    pub fn subtree_consistency(subtree: Subtree, size: TreeSize) -> Result<Self, ProofError> {
        if subtree.end() > size.get() {
            return Err(ProofError::SubtreeOutsideTree { subtree, size });
        }
        // SPEC(subtrees): "If `start = end`, the consistency proof is empty:"
        if subtree.size() == 0 {
            return Ok(Self {
                subtrees: Vec::new(),
            });
        }
        Ok(Self::subproof(
            subtree.start(),
            subtree.end(),
            Subtree::whole(size),
        ))
    }

    /// The proof that entry `index` is in the subtree: `PATH(index - start, D[start:end])`.
    pub fn subtree_inclusion(index: LeafIndex, subtree: Subtree) -> Result<Self, ProofError> {
        let outside = ProofError::IndexOutsideSubtree { index, subtree };
        let end = index
            .get()
            .checked_add(1)
            .filter(|end| index.get() >= subtree.start() && *end <= subtree.end())
            .ok_or(outside)?;
        Ok(Self::subproof(index.get(), end, subtree))
    }

    /// The ranges, in the order of the proof.
    pub fn subtrees(&self) -> &[Subtree] {
        &self.subtrees
    }

    /// The tiles from which [`ProofPlan::resolve`] computes the hashes, each once, as wide as they are in a tree of this size, in the order of [`TileId`].
    ///
    /// Fails if a range is not within such a tree.
    pub fn tiles(&self, size: TreeSize) -> Result<Vec<TileId>, ProofError> {
        let mut tiles = Vec::new();
        for subtree in &self.subtrees {
            tiles.extend(full_nodes(*subtree, size)?.iter().map(|node| node.tile));
        }
        tiles.sort_unstable();
        tiles.dedup();
        Ok(tiles)
    }

    /// The hashes of the proof, computed from the tiles of a tree of this size, each read once.
    pub fn resolve<R: TileReader>(
        &self,
        size: TreeSize,
        reader: &R,
    ) -> Result<Vec<NodeHash>, ResolveError<R::Error>> {
        let mut tiles = HashMap::new();
        self.subtrees
            .iter()
            .map(|subtree| subtree_hash(*subtree, size, reader, &mut tiles))
            .collect()
    }

    /// `SUBTREE_SUBPROOF(start, end, D[tree], true)` of section "Generating a Subtree Consistency Proof", from the root down.
    ///
    /// Needs `start < end`, both within the tree, and a subtree of it.
    fn subproof(mut start: u64, end: u64, tree: Subtree) -> Self {
        let (mut low, mut high) = (tree.start(), tree.end());
        let mut known = true;
        let mut subtrees = Vec::new();
        while (start, end) != (low, high) {
            let Some(middle) = split(low, high) else {
                break;
            };
            if end <= middle {
                subtrees.push(Subtree::part(middle, high));
                high = middle;
            } else {
                subtrees.push(Subtree::part(low, middle));
                low = middle;
                if start < middle {
                    start = middle;
                    known = false;
                }
            }
        }
        if !known {
            subtrees.push(Subtree::part(low, high));
        }
        subtrees.reverse();
        Self { subtrees }
    }
}

/// The root of the tree of this size, from its tiles.
pub fn root_from_tiles<R: TileReader>(
    size: TreeSize,
    reader: &R,
) -> Result<NodeHash, ResolveError<R::Error>> {
    subtree_hash(Subtree::whole(size), size, reader, &mut HashMap::new())
}

/// `low` plus the largest power of two smaller than `high - low`; `None` for fewer than two entries.
fn split(low: u64, high: u64) -> Option<u64> {
    let height = high.checked_sub(low)?.checked_sub(1)?.checked_ilog2()?;
    low.checked_add(1_u64.checked_shl(height)?)
}

/// A full subtree of 2^h entries: the root over some of the hashes of a tile.
struct FullNode {
    tile: TileId,
    /// The place of the first hash in the tile.
    first: usize,
    /// The number of hashes, a power of two from 1 to 128.
    count: usize,
}

/// The full subtrees that a range consists of, largest first.
fn full_nodes(subtree: Subtree, size: TreeSize) -> Result<Vec<FullNode>, ProofError> {
    let outside = || ProofError::SubtreeOutsideTree { subtree, size };
    if subtree.end() > size.get() {
        return Err(outside());
    }
    let mut nodes = Vec::new();
    let mut start = subtree.start();
    while let Some(height) = subtree
        .end()
        .checked_sub(start)
        .and_then(u64::checked_ilog2)
    {
        let (node, end) = full_node(start, height, size).ok_or_else(outside)?;
        nodes.push(node);
        start = end;
    }
    Ok(nodes)
}

/// The full subtree of 2^`height` entries from `start`, a multiple of 2^`height`, and the index after it; `None` if it is not in the tree.
fn full_node(start: u64, height: u32, size: TreeSize) -> Option<(FullNode, u64)> {
    let level = height.checked_div(TILE_HEIGHT)?;
    let place = start.checked_shr(level.checked_mul(TILE_HEIGHT)?)?;
    let width = u64::from(TILE_WIDTH);
    let tile = TileId::at(u8::try_from(level).ok()?, place.checked_div(width)?, size)?;
    let node = FullNode {
        tile,
        first: usize::try_from(place.checked_rem(width)?).ok()?,
        count: 1_usize.checked_shl(height.checked_rem(TILE_HEIGHT)?)?,
    };
    Some((node, start.checked_add(1_u64.checked_shl(height)?)?))
}

fn subtree_hash<R: TileReader>(
    subtree: Subtree,
    size: TreeSize,
    reader: &R,
    tiles: &mut HashMap<TileId, Tile>,
) -> Result<NodeHash, ResolveError<R::Error>> {
    let mut hashes = Vec::new();
    for FullNode { tile, first, count } in full_nodes(subtree, size)? {
        let read = match tiles.entry(tile) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(
                reader
                    .tile(tile)
                    .map_err(|source| ResolveError::Read { tile, source })?,
            ),
        };
        let read = read.hashes();
        let too_narrow = || ResolveError::TooNarrow {
            tile,
            found: u16::try_from(read.len()).unwrap_or(u16::MAX),
        };
        if read.len() < usize::from(tile.width()) {
            return Err(too_narrow());
        }
        let end = first.saturating_add(count);
        hashes.push(
            read.get(first..end)
                .and_then(subtree_root)
                .ok_or_else(too_narrow)?,
        );
    }
    let root = hashes
        .into_iter()
        .rev()
        .reduce(|right, left| hash_node(&left, &right));
    Ok(root.unwrap_or_else(empty_root))
}
