//! The definitions of RFC 6962 section 2.1 and of the subtree draft, written down as they stand: slow, and independent of the code under test.

use std::collections::HashMap;

use counterfoil_tiles::hash::{LeafHash, NodeHash, TreeSize};
use counterfoil_tiles::proof::{ProofPlan, TileReader};
use counterfoil_tiles::tile::{Tile, TileId};
use sha2::{Digest, Sha256};

pub type Hash = [u8; 32];

/// RFC 6962 2.1: "MTH({d(0)}) = SHA-256(0x00 || d(0))."
pub fn leaf(entry: &[u8]) -> Hash {
    Sha256::digest([&[0], entry].concat()).into()
}

/// RFC 6962 2.1: "SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n]))"
pub fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::digest([&[1], left.as_slice(), right.as_slice()].concat()).into()
}

/// RFC 6962 2.1: "let k be the largest power of two smaller than n"
fn k(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

/// `MTH(D[n])`, from the leaf hashes.
pub fn mth(d: &[Hash]) -> Hash {
    match d {
        [] => Sha256::digest([]).into(),
        [only] => *only,
        _ => node(&mth(&d[..k(d.len())]), &mth(&d[k(d.len())..])),
    }
}

/// `PATH(m, D[n])`, RFC 6962 2.1.1.
pub fn path(m: usize, d: &[Hash]) -> Vec<Hash> {
    let n = d.len();
    if n == 1 {
        return vec![];
    }
    let (mut path_below, sibling) = if m < k(n) {
        (path(m, &d[..k(n)]), mth(&d[k(n)..]))
    } else {
        (path(m - k(n), &d[k(n)..]), mth(&d[..k(n)]))
    };
    path_below.push(sibling);
    path_below
}

/// `PROOF(m, D[n])`, RFC 6962 2.1.2, for 0 < m <= n.
pub fn proof(m: usize, d: &[Hash]) -> Vec<Hash> {
    subproof(m, d, true)
}

fn subproof(m: usize, d: &[Hash], b: bool) -> Vec<Hash> {
    let n = d.len();
    if m == n {
        return if b { vec![] } else { vec![mth(d)] };
    }
    let (mut below, other) = if m <= k(n) {
        (subproof(m, &d[..k(n)], b), mth(&d[k(n)..]))
    } else {
        (subproof(m - k(n), &d[k(n)..], false), mth(&d[..k(n)]))
    };
    below.push(other);
    below
}

/// `SUBTREE_PROOF(start, end, D_n)` of the subtree draft.
pub fn subtree_proof(start: usize, end: usize, d: &[Hash]) -> Vec<Hash> {
    if start == end {
        return vec![];
    }
    subtree_subproof(start, end, d, true)
}

fn subtree_subproof(start: usize, end: usize, d: &[Hash], b: bool) -> Vec<Hash> {
    let n = d.len();
    if start == 0 && end == n {
        return if b { vec![] } else { vec![mth(d)] };
    }
    let k = k(n);
    let (mut below, other) = if end <= k {
        (subtree_subproof(start, end, &d[..k], b), mth(&d[k..]))
    } else if k <= start {
        (
            subtree_subproof(start - k, end - k, &d[k..], b),
            mth(&d[..k]),
        )
    } else {
        assert_eq!(start, 0, "implied by the definition of a subtree");
        (subtree_subproof(0, end - k, &d[k..], false), mth(&d[..k]))
    };
    below.push(other);
    below
}

/// Whether [start, end) is a subtree, by the definition, on numbers that do not overflow.
pub fn is_subtree(start: u64, end: u64) -> bool {
    if start > end {
        return false;
    }
    let mut bit_ceil: u128 = 1;
    while bit_ceil < u128::from(end - start) {
        bit_ceil *= 2;
    }
    u128::from(start) % bit_ceil == 0
}

/// Every tile of a tree, from its leaf hashes: tlog-tiles, "`MTH(D[(n * 256 + i) * 256**l : (n * 256 + i + 1) * 256**l])`".
pub fn tiles(leaves: &[Hash]) -> HashMap<TileId, Tile> {
    let mut tiles = HashMap::new();
    let mut hashes = leaves.to_vec();
    for level in 0.. {
        if hashes.is_empty() {
            break;
        }
        for (index, tile) in hashes.chunks(256).enumerate() {
            let id = TileId::new(level, index as u64, u16::try_from(tile.len()).unwrap()).unwrap();
            tiles.insert(id, Tile::new(nodes(tile)).unwrap());
        }
        hashes = hashes.chunks_exact(256).map(mth).collect();
    }
    tiles
}

/// Gives the tile at the place asked for, or a wider one where a smaller tree had that: as a log does that has deleted its partial tiles.
pub struct Wider(pub HashMap<TileId, Tile>);

impl TileReader for Wider {
    type Error = String;

    fn tile(&self, id: TileId) -> Result<Tile, String> {
        (id.width()..=256)
            .filter_map(|width| TileId::new(id.level(), id.index(), width).ok())
            .find_map(|wider| self.0.get(&wider).cloned())
            .ok_or_else(|| id.path())
    }
}

/// A tree with its tiles, and the naive way beside it.
pub struct Tree {
    pub leaves: Vec<Hash>,
    pub tiles: Wider,
}

impl Tree {
    pub fn of(count: usize) -> Self {
        let leaves = decimal_leaves(count);
        let tiles = Wider(tiles(&leaves));
        Self { leaves, tiles }
    }

    pub fn resolve(&self, plan: &ProofPlan, size: usize) -> Vec<Hash> {
        let hashes = plan.resolve(self::size(size), &self.tiles).unwrap();
        hashes.into_iter().map(NodeHash::to_bytes).collect()
    }

    pub fn root(&self, start: usize, end: usize) -> Hash {
        mth(&self.leaves[start..end])
    }
}

/// The leaf hashes of the entries "0", "1", "2", ...
pub fn decimal_leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|i| leaf(i.to_string().as_bytes())).collect()
}

pub fn nodes(hashes: &[Hash]) -> Vec<NodeHash> {
    hashes.iter().copied().map(NodeHash::from_bytes).collect()
}

pub fn leaf_hashes(hashes: &[Hash]) -> Vec<LeafHash> {
    hashes.iter().copied().map(LeafHash::from_bytes).collect()
}

pub fn size(count: usize) -> TreeSize {
    TreeSize::new(count as u64)
}

/// The largest power of two smaller than n, for n > 1.
fn k64(n: u64) -> u64 {
    let mut k = 1;
    while k <= (n - 1) / 2 {
        k *= 2;
    }
    k
}

/// The root that a proof of `PATH(m, D[n])` leads to, if it has the right number of hashes: the definition of `PATH`, read backwards.
pub fn root_of_path(m: u64, n: u64, leaf: Hash, proof: &[Hash]) -> Option<Hash> {
    if n == 1 {
        return proof.is_empty().then_some(leaf);
    }
    let (sibling, below) = proof.split_last()?;
    if m < k64(n) {
        Some(node(&root_of_path(m, k64(n), leaf, below)?, sibling))
    } else {
        Some(node(
            sibling,
            &root_of_path(m - k64(n), n - k64(n), leaf, below)?,
        ))
    }
}

/// The roots of the subtree [start, end) and of the tree of n > 0 that a proof of `SUBTREE_SUBPROOF(start, end, D_n, known)` leads to,
/// if it has the right number of hashes: the definition, read backwards.
pub fn roots_of_subtree_proof(
    start: u64,
    end: u64,
    n: u64,
    subtree: Hash,
    known: bool,
    proof: &[Hash],
) -> Option<(Hash, Hash)> {
    if start == 0 && end == n {
        return match (known, proof) {
            (true, []) => Some((subtree, subtree)),
            (false, [only]) => Some((*only, *only)),
            _ => None,
        };
    }
    let (other, below) = proof.split_last()?;
    let k = k64(n);
    if end <= k {
        let (old, new) = roots_of_subtree_proof(start, end, k, subtree, known, below)?;
        Some((old, node(&new, other)))
    } else if k <= start {
        let (old, new) = roots_of_subtree_proof(start - k, end - k, n - k, subtree, known, below)?;
        Some((old, node(other, &new)))
    } else {
        let (old, new) = roots_of_subtree_proof(0, end - k, n - k, subtree, false, below)?;
        Some((node(other, &old), node(other, &new)))
    }
}
