//! The tree that every log of the suite has, its proofs, and its forks: the definitions of RFC 6962 section 2.1 and of the
//! subtree draft, written down as they stand.
//!
//! Entry `i` is the text `counterfoil conformance entry <i>`, so that a tree of any size can be continued by whoever
//! knows its size. The cost is linear in the size; trees here are small.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// A tree that holds as many leaf hashes as were asked for until now.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    leaves: Vec<Hash>,
}

impl Tree {
    /// The root of the first `size` entries.
    pub fn root(&mut self, size: u64) -> Hash {
        mth(self.first(size))
    }

    /// The root of a tree that differs from the first `size` entries in its last one; the empty tree's differs too.
    pub fn forked_root(&mut self, size: u64) -> Hash {
        let mut leaves = self.first(size).to_vec();
        match leaves.last_mut() {
            Some(last) => *last = leaf(b"another entry"),
            None => leaves.push(leaf(b"another entry")),
        }
        mth(&leaves)
    }

    /// The consistency proof from the first `old` to the first `new` entries; empty for `old` 0.
    pub fn consistency(&mut self, old: u64, new: u64) -> Vec<Hash> {
        self.subtree_consistency(0, old, new)
    }

    /// The root of the entries from `start` to `end`.
    pub fn subtree_root(&mut self, start: u64, end: u64) -> Hash {
        mth(self.first(end).get(index(start)..).unwrap_or_default())
    }

    /// The proof that the subtree from `start` to `end` is in the tree of `size` entries.
    pub fn subtree_consistency(&mut self, start: u64, end: u64, size: u64) -> Vec<Hash> {
        if start == end {
            return Vec::new();
        }
        subproof(index(start), index(end), self.first(size), true)
    }

    fn first(&mut self, size: u64) -> &[Hash] {
        while self.leaves.len() < index(size) {
            let entry = format!("counterfoil conformance entry {}", self.leaves.len());
            self.leaves.push(leaf(entry.as_bytes()));
        }
        self.leaves.get(..index(size)).unwrap_or_default()
    }
}

/// The largest tree that the suite continues.
pub const LARGEST: u64 = 1 << 20;

/// How many hashes the consistency proof has from one size, which is not 0, to a larger one.
pub fn consistency_length(old: u64, new: u64) -> usize {
    fn length(old: usize, new: usize, known: bool) -> usize {
        if old == new {
            return usize::from(!known);
        }
        let k = k(new);
        1 + if old <= k {
            length(old, k, known)
        } else {
            length(old - k, new - k, false)
        }
    }
    if old == 0 || old > new {
        return 0;
    }
    length(index(old), index(new), true)
}

/// A hash as the formats write it.
pub fn encode(hash: &Hash) -> String {
    STANDARD.encode(hash)
}

/// Sizes are at most [`LARGEST`].
fn index(size: u64) -> usize {
    usize::try_from(size.min(2 * LARGEST)).unwrap_or_default()
}

/// RFC 6962 2.1: "MTH({d(0)}) = SHA-256(0x00 || d(0))."
fn leaf(entry: &[u8]) -> Hash {
    Sha256::digest([&[0], entry].concat()).into()
}

/// RFC 6962 2.1: `SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n]))`.
fn node(left: &Hash, right: &Hash) -> Hash {
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
fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [only] => *only,
        _ => {
            let (left, right) = leaves.split_at(k(leaves.len()));
            node(&mth(left), &mth(right))
        }
    }
}

/// `SUBTREE_SUBPROOF(start, end, D_n, b)` of the subtree draft, which is `SUBPROOF(m, D[n], b)` of RFC 6962 for `start` 0.
fn subproof(start: usize, end: usize, leaves: &[Hash], known: bool) -> Vec<Hash> {
    if start == 0 && end == leaves.len() {
        return if known { vec![] } else { vec![mth(leaves)] };
    }
    let k = k(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut below, other) = if end <= k {
        (subproof(start, end, left, known), mth(right))
    } else if k <= start {
        (subproof(start - k, end - k, right, known), mth(left))
    } else {
        // By the definition of a subtree, start is 0 here.
        (subproof(0, end - k, right, false), mth(left))
    };
    below.push(other);
    below
}

#[cfg(test)]
mod tests {
    use counterfoil_tiles::hash::{NodeHash, TreeSize};
    use counterfoil_tiles::proof::{Subtree, verify_consistency, verify_subtree_consistency};

    use super::*;

    fn nodes(hashes: &[Hash]) -> Vec<NodeHash> {
        hashes
            .iter()
            .map(|hash| NodeHash::from_bytes(*hash))
            .collect()
    }

    #[test]
    fn proofs_lead_from_root_to_root() {
        let mut tree = Tree::default();
        for new in 1..40 {
            for old in 1..=new {
                assert_eq!(
                    tree.consistency(old, new).len(),
                    consistency_length(old, new)
                );
                verify_consistency(
                    TreeSize::new(old),
                    TreeSize::new(new),
                    &NodeHash::from_bytes(tree.root(old)),
                    &NodeHash::from_bytes(tree.root(new)),
                    &nodes(&tree.consistency(old, new)),
                )
                .unwrap_or_else(|error| panic!("{old} to {new}: {error}"));
            }
        }
    }

    #[test]
    fn subtrees_are_proved_part_of_the_tree() {
        let mut tree = Tree::default();
        for (start, end, size) in [(8, 13, 14), (4, 8, 13), (0, 5, 5), (6, 7, 30), (16, 32, 40)] {
            verify_subtree_consistency(
                Subtree::new(start, end).expect("a subtree"),
                TreeSize::new(size),
                &NodeHash::from_bytes(tree.subtree_root(start, end)),
                &NodeHash::from_bytes(tree.root(size)),
                &nodes(&tree.subtree_consistency(start, end, size)),
            )
            .unwrap_or_else(|error| panic!("[{start}, {end}) of {size}: {error}"));
        }
    }

    #[test]
    fn forks_have_other_roots() {
        let mut tree = Tree::default();
        for size in 0..10 {
            assert_ne!(tree.root(size), tree.forked_root(size), "size {size}");
        }
    }
}
