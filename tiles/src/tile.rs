//! Tiles and entry bundles of a tiled log: their bytes, their paths, and which of them a tree has.
//!
//! C2SP tlog-tiles, sections "Merkle Tree" and "Log entries". A tile is up to 256 consecutive hashes of one level, 32 bytes each, without anything between;
//! a bundle is up to 256 consecutive entries, each after its size as two bytes, big-endian.
//!
//! ```
//! use counterfoil_tiles::hash::TreeSize;
//! use counterfoil_tiles::tile::{EntryBundle, TileId, all_tiles, encode_bundle, tiles_of};
//!
//! // SPEC(tlog-tiles): "For example, a tree of size 70,000 will be represented by 273 full level 0
//! // tiles, one partial level 0 tile of width 112, one full level 1 tile, one partial
//! // level 1 tile of width 17, and one partial level 2 tile of width 1."
//! let size = TreeSize::new(70_000);
//! let edge: Vec<String> = tiles_of(size).iter().map(TileId::path).collect();
//! assert_eq!(edge, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
//! assert_eq!(all_tiles(size).count(), 273 + 1 + 1 + 1 + 1);
//!
//! let bytes = encode_bundle(&[b"first".as_slice(), b"second"])?;
//! assert_eq!(bytes, b"\x00\x05first\x00\x06second");
//! assert_eq!(EntryBundle::parse(&bytes, 2)?.entries(), [b"first".as_slice(), b"second"]);
//! # Ok::<(), counterfoil_tiles::tile::BundleError>(())
//! ```

mod bundle;
mod geometry;
mod path;

pub use bundle::{BundleError, EntryBundle, MAX_ENTRY_SIZE, encode_bundle};
pub(crate) use geometry::LEVELS;
pub use geometry::{all_bundles, all_tiles, partial_width, tiles_of};
pub use path::{BundleId, IdError, MAX_LEVEL, TileId};

use crate::frontier::subtree_root;
use crate::hash::{HASH_SIZE, NodeHash};

/// The number of hashes in a full tile, and of entries in a full bundle.
///
/// SPEC(tlog-tiles): "Full tiles MUST be exactly 256 hashes wide, or 8,192 bytes."
pub const TILE_WIDTH: u16 = 256;

/// The number of tree levels from a tile's hashes to the root over them: `TILE_WIDTH` = 2^8.
pub const TILE_HEIGHT: u32 = 8;

/// The size of a full tile in bytes.
pub const TILE_SIZE: usize = TILE_WIDTH as usize * HASH_SIZE;

/// Why something is not a tile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// A tile has 1 to 256 hashes.
    #[error("a tile has 1 to 256 hashes, found {0}")]
    Width(usize),
    /// A tile's bytes are a whole number of hashes, 1 to 256.
    #[error("a tile is 1 to 256 times 32 bytes, found {0} bytes")]
    Size(usize),
}

/// A full or partial tile: 1 to 256 consecutive hashes of one level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    hashes: Vec<NodeHash>,
}

impl Tile {
    /// The tile of these hashes, left to right.
    pub fn new(hashes: Vec<NodeHash>) -> Result<Self, TileError> {
        // SPEC(tlog-tiles): "Empty tiles MUST NOT be served."
        if hashes.is_empty() || hashes.len() > usize::from(TILE_WIDTH) {
            return Err(TileError::Width(hashes.len()));
        }
        Ok(Self { hashes })
    }

    /// Reads a tile of any width. Whether it is as wide as asked for is for the caller to see ([`Tile::prefix`]).
    pub fn parse(bytes: &[u8]) -> Result<Self, TileError> {
        let (hashes, rest) = bytes.as_chunks::<HASH_SIZE>();
        if !rest.is_empty() || hashes.is_empty() || bytes.len() > TILE_SIZE {
            return Err(TileError::Size(bytes.len()));
        }
        Ok(Self {
            hashes: hashes.iter().copied().map(NodeHash::from_bytes).collect(),
        })
    }

    /// The bytes of the tile, as served.
    pub fn encode(&self) -> Vec<u8> {
        self.hashes
            .iter()
            .flat_map(|hash| hash.to_bytes())
            .collect()
    }

    /// The hashes, left to right.
    pub fn hashes(&self) -> &[NodeHash] {
        &self.hashes
    }

    /// The number of hashes: 1 to 256.
    pub fn width(&self) -> u16 {
        // `new` and `parse` admit no more than 256.
        u16::try_from(self.hashes.len()).unwrap_or(TILE_WIDTH)
    }

    /// The root over the hashes of a full tile, which is its entry one level up; `None` for a partial tile.
    pub fn root(&self) -> Option<NodeHash> {
        // SPEC(tlog-tiles): "A partial tile contains between 1 and 255 hashes, and MUST NOT be hashed into a tile at the level above."
        (self.width() == TILE_WIDTH)
            .then(|| subtree_root(&self.hashes))
            .flatten()
    }

    /// The partial tile of the first `width` hashes; `None` if there are fewer, or for width 0.
    ///
    /// A log may have deleted a partial tile when the full one was there, so a reader may find a wider tile than it asked for.
    pub fn prefix(&self, width: u16) -> Option<Self> {
        let hashes = self.hashes.get(..usize::from(width))?;
        Self::new(hashes.to_vec()).ok()
    }
}
