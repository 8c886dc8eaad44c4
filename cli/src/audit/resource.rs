//! What a log serves, what is found of it, and the hashes that it says.

use bytes::Bytes;
use counterfoil_tiles::hash::NodeHash;
use counterfoil_tiles::tile::{
    BundleId, EntryBundle, MAX_ENTRY_SIZE, TILE_SIZE, TILE_WIDTH, Tile, TileId,
};
use serde::{Deserialize, Serialize};

use super::finding::Fault;

/// Something that a log serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Resource {
    /// A tile of hashes.
    Tile(TileId),
    /// A bundle of entries.
    Bundle(BundleId),
}

impl Resource {
    /// The path below the log's prefix.
    pub(crate) fn path(self) -> String {
        match self {
            Self::Tile(id) => id.path(),
            Self::Bundle(id) => id.path(),
        }
    }

    /// The full resource at the same place, for a partial one.
    pub(crate) fn full(self) -> Option<Self> {
        match self {
            Self::Tile(id) => id.is_partial().then(|| Self::Tile(id.full())),
            Self::Bundle(id) => id.is_partial().then(|| Self::Bundle(id.full())),
        }
    }

    /// The most bytes that it can have.
    pub(crate) fn limit(self) -> usize {
        match self {
            Self::Tile(_) => TILE_SIZE,
            Self::Bundle(id) => usize::from(id.width()) * (2 + MAX_ENTRY_SIZE),
        }
    }
}

/// What was found of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// Its bytes.
    Bytes(Bytes),
    /// The bytes of the full resource at its place, where the partial one is gone.
    Full(Bytes),
    /// More bytes than such a resource can have.
    Oversized(usize),
    /// The log has no such resource.
    Missing,
    /// It could not be read, which says nothing about what it is.
    Unreadable(String),
}

/// How much was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counts {
    /// Entries hashed.
    pub(crate) entries: u64,
    /// Bundles read.
    pub(crate) bundles: u64,
    /// Tiles read.
    pub(crate) tiles: u64,
    /// Bytes read.
    pub(crate) bytes: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.entries += other.entries;
        self.bundles += other.bundles;
        self.tiles += other.tiles;
        self.bytes += other.bytes;
    }
}

/// The hashes that a file says, or what is wrong with it.
pub(super) type Hashes = Result<Vec<NodeHash>, Fault>;

/// The leaf hashes of the entries of a bundle.
pub(super) fn bundle_hashes(id: BundleId, found: &Found) -> Hashes {
    let (bytes, width) = match found {
        Found::Bytes(bytes) => (bytes, id.width()),
        Found::Full(bytes) => (bytes, TILE_WIDTH),
        Found::Oversized(limit) => {
            return Err(Fault::Malformed(format!(
                "it has more than the {limit} bytes that it can have"
            )));
        }
        Found::Missing => return Err(Fault::Missing),
        Found::Unreadable(reason) => return Err(Fault::Unreadable(reason.clone())),
    };
    let bundle =
        EntryBundle::parse(bytes, width).map_err(|error| Fault::Malformed(error.to_string()))?;
    let mut leaves = Vec::with_capacity(usize::from(width));
    bundle.hash_leaves(&mut leaves);
    Ok(leaves
        .into_iter()
        .take(usize::from(id.width()))
        .map(NodeHash::from)
        .collect())
}

/// The hashes of a tile.
pub(crate) fn tile_hashes(id: TileId, found: &Found) -> Hashes {
    let (bytes, width) = match found {
        Found::Bytes(bytes) => (bytes, id.width()),
        Found::Full(bytes) => (bytes, TILE_WIDTH),
        Found::Oversized(limit) => {
            return Err(Fault::Malformed(format!(
                "it has more than the {limit} bytes that it can have"
            )));
        }
        Found::Missing => return Err(Fault::Missing),
        Found::Unreadable(reason) => return Err(Fault::Unreadable(reason.clone())),
    };
    let tile = Tile::parse(bytes).map_err(|error| Fault::Malformed(error.to_string()))?;
    if tile.width() != width {
        return Err(Fault::Malformed(format!(
            "expected {width} hashes, found {}",
            tile.width()
        )));
    }
    Ok(tile
        .hashes()
        .iter()
        .take(usize::from(id.width()))
        .copied()
        .collect())
}
