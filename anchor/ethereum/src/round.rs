//! A round: the checkpoints of all logs under one root, and the calldata that carries it.
//!
//! The root is that of the RFC 6962 tree whose entries are the signed checkpoints, byte for byte, in the order of their origins.
//! The calldata is that of a call of `anchor(bytes32)` in Solidity's ABI, 36 bytes, so that it means the same whether it goes to a
//! contract or to a plain address:
//!
//! ```text
//! ee cd f9 27    the first 4 bytes of keccak256("anchor(bytes32)")
//! 32 bytes       the root
//! ```

use std::collections::HashMap;

use counterfoil_tiles::hash::{LeafIndex, NodeHash, TreeSize, hash_leaf, tile_roots};
use counterfoil_tiles::proof::{
    MissingTile, ProofError, ProofPlan, ResolveError, root_from_tiles, verify_inclusion,
};
use counterfoil_tiles::tile::{TILE_WIDTH, Tile, TileId};

/// The selector of `anchor(bytes32)`.
pub const SELECTOR: [u8; 4] = [0xee, 0xcd, 0xf9, 0x27];

/// The size of the calldata of an anchor.
pub const CALLDATA_SIZE: usize = 36;

/// Why there is no such round, or no path in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoundError {
    /// No checkpoints.
    #[error("a round has at least one checkpoint")]
    Empty,
    /// The tree could not be computed.
    #[error("the tree of the round: {0}")]
    Tree(String),
}

impl From<ProofError> for RoundError {
    fn from(error: ProofError) -> Self {
        Self::Tree(error.to_string())
    }
}

impl From<ResolveError<MissingTile>> for RoundError {
    fn from(error: ResolveError<MissingTile>) -> Self {
        Self::Tree(error.to_string())
    }
}

/// The tree over the signed checkpoints of a round.
#[derive(Debug, Clone)]
pub struct Round {
    size: TreeSize,
    tiles: HashMap<TileId, Tile>,
    root: NodeHash,
}

impl Round {
    /// The round of the signed checkpoints with these leaf hashes (RFC 6962), in the order of the origins of their logs.
    pub fn new(leaves: Vec<NodeHash>) -> Result<Self, RoundError> {
        if leaves.is_empty() {
            return Err(RoundError::Empty);
        }
        let size = TreeSize::new(leaves.len() as u64);
        let tiles = tiles(leaves)?;
        Ok(Self {
            size,
            root: root_from_tiles(size, &tiles)?,
            tiles,
        })
    }

    /// The root: what the transaction carries.
    pub fn root(&self) -> &NodeHash {
        &self.root
    }

    /// The way from the checkpoint at this place to the root.
    pub fn path(&self, index: LeafIndex) -> Result<Path, RoundError> {
        let hashes = ProofPlan::inclusion(index, self.size)?.resolve(self.size, &self.tiles)?;
        Ok(Path {
            index,
            size: self.size,
            hashes,
        })
    }
}

/// The tiles over the leaf hashes.
fn tiles(mut level: Vec<NodeHash>) -> Result<HashMap<TileId, Tile>, RoundError> {
    let wrong = |error: &dyn std::error::Error| RoundError::Tree(error.to_string());
    let mut tiles = HashMap::new();
    for height in 0.. {
        for (hashes, number) in level.chunks(usize::from(TILE_WIDTH)).zip(0..) {
            let tile = Tile::new(hashes.to_vec()).map_err(|error| wrong(&error))?;
            let width = u16::try_from(hashes.len()).map_err(|error| wrong(&error))?;
            let id = TileId::new(height, number, width).map_err(|error| wrong(&error))?;
            tiles.insert(id, tile);
        }
        let mut above = Vec::new();
        tile_roots(&level, &mut above);
        if above.is_empty() {
            break;
        }
        level = above;
    }
    Ok(tiles)
}

/// The way from one checkpoint to the root of its round: an inclusion proof (RFC 6962 section 2.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// The place of the checkpoint.
    pub index: LeafIndex,
    /// How many checkpoints the round has.
    pub size: TreeSize,
    /// The hashes beside the way, from the bottom.
    pub hashes: Vec<NodeHash>,
}

impl Path {
    /// Whether it leads from this signed checkpoint to this root.
    pub fn verify(&self, checkpoint: &[u8], root: &NodeHash) -> Result<(), ProofError> {
        let leaf = hash_leaf(checkpoint);
        verify_inclusion(self.index, self.size, &leaf, &self.hashes, root)
    }
}

/// Calldata is not that of an anchor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalldataError {
    /// Of another length.
    #[error("expected {CALLDATA_SIZE} bytes of calldata, found {0}")]
    Size(usize),
    /// For another function.
    #[error("expected the selector 0x{} of anchor(bytes32), found 0x{}", hex::encode(SELECTOR), hex::encode(.0))]
    Selector([u8; 4]),
}

/// The calldata of an anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calldata {
    /// The root of the round.
    pub root: NodeHash,
}

impl Calldata {
    /// Reads the root out of calldata that are an anchor's and nothing else.
    pub fn parse(bytes: &[u8]) -> Result<Self, CalldataError> {
        let wrong_size = || CalldataError::Size(bytes.len());
        let (selector, root) = bytes.split_first_chunk().ok_or_else(wrong_size)?;
        let root = root.try_into().map_err(|_| wrong_size())?;
        if *selector != SELECTOR {
            return Err(CalldataError::Selector(*selector));
        }
        let root = NodeHash::from_bytes(root);
        Ok(Self { root })
    }

    /// The bytes.
    pub fn encode(&self) -> [u8; CALLDATA_SIZE] {
        let mut bytes = [0; CALLDATA_SIZE];
        let (selector, root) = bytes.split_at_mut(SELECTOR.len());
        selector.copy_from_slice(&SELECTOR);
        root.copy_from_slice(self.root.as_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use counterfoil_tiles::frontier::Frontier;

    use super::*;
    use crate::keccak256;

    fn checkpoint(number: usize) -> Vec<u8> {
        format!("checkpoint {number}").into_bytes()
    }

    fn round(count: usize) -> Round {
        let leaves = (0..count).map(|n| hash_leaf(&checkpoint(n)).into());
        Round::new(leaves.collect()).unwrap()
    }

    #[test]
    fn the_selector_is_that_of_its_function() {
        assert_eq!(SELECTOR[..], keccak256(b"anchor(bytes32)")[..4]);
    }

    #[test]
    fn every_checkpoint_of_a_round_is_under_its_root() {
        for count in [1, 2, 3, 7, 255, 256, 257, 600] {
            let round = round(count);
            let mut frontier = Frontier::new();
            let leaves = (0..count).map(|n| hash_leaf(&checkpoint(n)));
            frontier.append(&leaves.collect::<Vec<_>>()).unwrap();
            assert_eq!(*round.root(), frontier.root(), "{count}");
            for place in 0..count {
                let index = LeafIndex::new(place as u64);
                let path = round.path(index).unwrap();
                assert_eq!((path.index, path.size.get()), (index, count as u64));
                assert_eq!(path.verify(&checkpoint(place), round.root()), Ok(()));
                let other = path.verify(b"another checkpoint", round.root());
                assert!(matches!(other, Err(ProofError::WrongRoot { .. })));
            }
        }
    }

    #[test]
    fn the_order_is_as_given() {
        let leaves = [b"first given", b"other given"].map(|one| NodeHash::from(hash_leaf(one)));
        let round = Round::new(leaves.to_vec()).unwrap();
        let root = counterfoil_tiles::hash::hash_node(&leaves[0], &leaves[1]);
        assert_eq!(*round.root(), root);
    }

    #[test]
    fn there_is_no_round_of_nothing_and_no_path_from_beyond_it() {
        assert_eq!(Round::new(Vec::new()).map(|_| ()), Err(RoundError::Empty));
        let beyond = round(3).path(LeafIndex::new(3));
        assert!(matches!(beyond, Err(RoundError::Tree(_))), "{beyond:?}");
    }

    #[test]
    fn calldata_are_36_bytes_and_no_others() {
        let root = hash_leaf(b"").into();
        let bytes = Calldata { root }.encode();
        assert_eq!(bytes[..4], SELECTOR);
        assert_eq!(Calldata::parse(&bytes), Ok(Calldata { root }));
        for wrong in [&bytes[..35], &[&bytes[..], &[0]].concat(), &[]] {
            assert_eq!(
                Calldata::parse(wrong),
                Err(CalldataError::Size(wrong.len()))
            );
        }
        for place in 0..4 {
            let mut other = bytes;
            other[place] ^= 1;
            assert!(matches!(
                Calldata::parse(&other),
                Err(CalldataError::Selector(_))
            ));
        }
    }
}
