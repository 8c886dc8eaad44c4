//! Hashes of an RFC 6962 Merkle tree: one at a time, and many at once.
//!
//! RFC 6962 section 2.1 (the same in RFC 9162 section 2.1.1), with SHA-256:
//!
//! ```text
//! MTH({})        = SHA-256()                                    the root of the empty tree
//! MTH({d(0)})    = SHA-256(0x00 || d(0))                        a leaf hash
//! MTH(D[n])      = SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n]))  a node hash; k = the largest power of two smaller than n
//! ```
//!
//! ```
//! use counterfoil_tiles::hash::{empty_root, hash_leaf, hash_node};
//!
//! assert_eq!(empty_root().to_string(), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
//! let zero = hash_leaf(b"0");
//! assert_eq!(zero.to_string(), "2zQm6HgGjSjSabbIcXIyLOU3K2V1bQeJAB00g19gHAM=");
//! let root = hash_node(&zero.into(), &hash_leaf(b"1").into());
//! assert_eq!(root.to_string(), "ywCYnZSlacCmeK4EK2Pc1GJduWRAUX83put5duok7Us=");
//! ```

#[cfg(target_arch = "x86_64")]
mod batch;
mod digest;
mod message;
mod path;
mod portable;
#[cfg(target_arch = "x86_64")]
mod simd;
mod size;
#[cfg(target_arch = "x86_64")]
mod wide;

use crate::tile::TILE_HEIGHT;
pub use digest::{HASH_SIZE, HashTextError, LeafHash, NodeHash};
pub use path::Path;
pub use size::{LeafIndex, TreeSize};

/// The root of the empty tree: SHA-256 of nothing.
pub const fn empty_root() -> NodeHash {
    NodeHash::from_bytes([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9,
        0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52,
        0xb8, 0x55,
    ])
}

/// The hash of one leaf: SHA-256(0x00 || `entry`).
pub fn hash_leaf(entry: &[u8]) -> LeafHash {
    portable::hash_leaf(entry)
}

/// The hash of one inner node: SHA-256(0x01 || `left` || `right`).
pub fn hash_node(left: &NodeHash, right: &NodeHash) -> NodeHash {
    portable::hash_node(left, right)
}

/// Appends the leaf hash of each entry to `out`, in order.
pub fn hash_leaves<E: AsRef<[u8]>>(entries: &[E], out: &mut Vec<LeafHash>) {
    Path::best().hash_leaves(entries, out);
}

/// Appends the parents of `children` to `out`: of the first two, of the next two, and so on.
///
/// An odd last child has no parent yet and is ignored.
pub fn hash_nodes(children: &[NodeHash], out: &mut Vec<NodeHash>) {
    Path::best().hash_nodes(children, out);
}

/// Appends the root of each full tile to `out`: of the first 256 hashes, of the next 256, and so on.
///
/// A last run of fewer than 256 hashes is a partial tile, which has no entry in the level above, and is ignored.
/// Many tiles in one call are faster than one tile in each: they share the lanes on the way up.
pub fn tile_roots(hashes: &[NodeHash], out: &mut Vec<NodeHash>) {
    /// Enough to fill the widest lanes at the last level.
    const TILES_TOGETHER: usize = 16;
    const WIDTH: usize = crate::tile::TILE_WIDTH as usize;
    let (tiles, _partial) = hashes.as_chunks::<WIDTH>();
    let mut level = Vec::new();
    let mut above = Vec::new();
    for tiles in tiles.chunks(TILES_TOGETHER) {
        level.clear();
        hash_nodes(tiles.as_flattened(), &mut level);
        for _ in 1..TILE_HEIGHT {
            above.clear();
            hash_nodes(&level, &mut above);
            std::mem::swap(&mut level, &mut above);
        }
        out.extend_from_slice(&level);
    }
}
