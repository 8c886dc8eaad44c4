//! Which tiles and bundles a tree of a given size has.

use super::{BundleId, TILE_HEIGHT, TILE_WIDTH, TileId};
use crate::hash::TreeSize;

/// The levels on which a tree of at most 2^64 - 1 entries can have hashes: level 8 would need 256^8 = 2^64.
pub(crate) const LEVELS: u8 = 8;

/// The width of the partial tile of `level`: 0 where there is none.
///
/// SPEC(tlog-tiles): "The partial tile at level *l* for a tree of size *s* has `floor(s / 256**l) mod 256` entries."
pub fn partial_width(level: u8, size: TreeSize) -> u16 {
    u16::from(hashes_on(level, size).to_le_bytes()[0])
}

/// The partial tiles of a tree, lowest level first: what its right edge is read from.
pub fn tiles_of(size: TreeSize) -> Vec<TileId> {
    (0..LEVELS)
        .filter_map(|level| TileId::at(level, hashes_on(level, size) >> TILE_HEIGHT, size))
        .collect()
}

/// Every tile of a tree, full and partial, level by level from the lowest, left to right.
pub fn all_tiles(size: TreeSize) -> impl Iterator<Item = TileId> {
    (0..LEVELS).flat_map(move |level| {
        (0..hashes_on(level, size).div_ceil(u64::from(TILE_WIDTH)))
            .filter_map(move |index| TileId::at(level, index, size))
    })
}

/// Every bundle of a log of this size, left to right; the last one may be partial.
pub fn all_bundles(size: TreeSize) -> impl Iterator<Item = BundleId> {
    (0..size.get().div_ceil(u64::from(TILE_WIDTH)))
        .filter_map(move |index| BundleId::at(index, size))
}

impl TileId {
    /// The tile number `index` of `level`, as wide as it is in a tree of `size` entries; `None` if that tree has no such tile.
    pub fn at(level: u8, index: u64, size: TreeSize) -> Option<Self> {
        // A width of 0 is not a tile's.
        Self::new(level, index, width_at(hashes_on(level, size), index)?).ok()
    }
}

impl BundleId {
    /// The bundle number `index`, as wide as it is in a log of `size` entries; `None` if that log has no such bundle.
    pub fn at(index: u64, size: TreeSize) -> Option<Self> {
        Self::new(index, width_at(size.get(), index)?).ok()
    }
}

/// The number of full subtrees of 256^`level` entries.
fn hashes_on(level: u8, size: TreeSize) -> u64 {
    u32::from(level)
        .checked_mul(TILE_HEIGHT)
        .and_then(|height| size.get().checked_shr(height))
        .unwrap_or(0)
}

/// How many of `count` things fall to place `index` when each place takes 256 of them; `None` for places after the last.
fn width_at(count: u64, index: u64) -> Option<u16> {
    let left = count.checked_sub(index.checked_mul(u64::from(TILE_WIDTH))?)?;
    Some(u16::try_from(left).unwrap_or(TILE_WIDTH).min(TILE_WIDTH))
}
