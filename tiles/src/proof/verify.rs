//! Verification: from a proof back to the roots.

use super::{ProofError, Subtree};
use crate::hash::{LeafHash, LeafIndex, NodeHash, TreeSize, empty_root, hash_node};

/// Whether the entry with this leaf hash is entry `index` of the tree with this size and root.
///
/// RFC 9162 section 2.1.3.2.
pub fn verify_inclusion(
    index: LeafIndex,
    size: TreeSize,
    leaf: &LeafHash,
    proof: &[NodeHash],
    root: &NodeHash,
) -> Result<(), ProofError> {
    if index.get() >= size.get() {
        return Err(ProofError::IndexOutsideTree { index, size });
    }
    verify_subtree_inclusion(index, Subtree::whole(size), leaf, proof, root)
}

/// Whether the entry with this leaf hash is entry `index` of the tree, and lies in the subtree with the root `node`.
///
/// Section "Verifying a Subtree Inclusion Proof" of draft-ietf-plants-merkle-tree-certs. The steps are quoted from "Evaluating a Subtree Inclusion Proof".
pub fn verify_subtree_inclusion(
    index: LeafIndex,
    subtree: Subtree,
    leaf: &LeafHash,
    proof: &[NodeHash],
    node: &NodeHash,
) -> Result<(), ProofError> {
    // SPEC(subtrees): "Check that `[start, end)` is a valid subtree ({{definition-of-a-subtree}}), and that `start <= index < end`."
    let outside = ProofError::IndexOutsideSubtree { index, subtree };
    let (Some(mut first), Some(mut last)) = (
        index.get().checked_sub(subtree.start()),
        subtree.size().checked_sub(1),
    ) else {
        return Err(outside);
    };
    if first > last {
        return Err(outside);
    }
    let mut computed = NodeHash::from(*leaf);
    for (used, hash) in proof.iter().enumerate() {
        // SPEC(subtrees): "If `sn` is 0, then stop the iteration and fail proof evaluation."
        if last == 0 {
            return Err(ProofError::TooLong {
                used,
                found: proof.len(),
            });
        }
        // SPEC(subtrees): "If `LSB(fn)` is set, or if `fn` is equal to `sn`, then:"
        if first & 1 == 1 || first == last {
            computed = hash_node(hash, &computed);
            // SPEC(subtrees): "Until `LSB(fn)` is set, right-shift `fn` and `sn` equally."
            let zeros = first.trailing_zeros(); // below 64: `first` is odd, or equal to `last`, which is not 0
            first >>= zeros;
            last >>= zeros;
        } else {
            computed = hash_node(&computed, hash);
        }
        first >>= 1;
        last >>= 1;
    }
    // SPEC(subtrees): "If `sn` is not zero, fail proof evaluation."
    if last != 0 {
        return Err(ProofError::TooShort { found: proof.len() });
    }
    if computed != *node {
        return Err(ProofError::WrongRoot {
            expected: *node,
            computed,
        });
    }
    Ok(())
}

/// Whether the newer tree is the older one with entries appended.
///
/// RFC 9162 section 2.1.4.2, and at the ends of its range:
/// for equal sizes the roots are the same and the proof is empty;
/// the empty tree is the beginning of every tree: for an old size of 0 the old root is the empty one and the proof is empty.
pub fn verify_consistency(
    old: TreeSize,
    new: TreeSize,
    old_root: &NodeHash,
    new_root: &NodeHash,
    proof: &[NodeHash],
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::SizesNotOrdered { old, new });
    }
    if new == TreeSize::ZERO && *new_root != empty_root() {
        return Err(ProofError::NotEmptyRoot { found: *new_root });
    }
    // SPEC(subtrees): "When `start` is zero, this computes a Merkle consistency proof:"
    verify_subtree_consistency(Subtree::whole(old), new, old_root, new_root, proof)
}

/// Whether the subtree with the root `node` is part of the tree with this size and root.
///
/// Section "Verifying a Subtree Consistency Proof" of draft-ietf-plants-merkle-tree-certs.
pub fn verify_subtree_consistency(
    subtree: Subtree,
    size: TreeSize,
    node: &NodeHash,
    root: &NodeHash,
    proof: &[NodeHash],
) -> Result<(), ProofError> {
    // SPEC(subtrees): "Check that `[start, end)` is a valid subtree ({{definition-of-a-subtree}}), and that `end <= n`."
    if subtree.end() > size.get() {
        return Err(ProofError::SubtreeOutsideTree { subtree, size });
    }
    let too_long = |used| ProofError::TooLong {
        used,
        found: proof.len(),
    };
    // SPEC(subtrees): "If `start` equals `end`, check the following conditions:"
    // "`proof` is an empty array." "`node_hash` is equal to `HASH()`, the hash of the empty string."
    if subtree.size() == 0 {
        if !proof.is_empty() {
            return Err(too_long(0));
        }
        return (*node == empty_root())
            .then_some(())
            .ok_or(ProofError::NotEmptyRoot { found: *node });
    }
    let mut walk = Walk::start(subtree, size);
    let (seed, rest, taken) = if walk.first == walk.last {
        (*node, proof, 0)
    } else {
        // SPEC(subtrees): "Remove the first value of the `proof` array and set `fr` and `sr` to the removed value."
        let Some((seed, rest)) = proof.split_first() else {
            return Err(ProofError::TooShort { found: 0 });
        };
        (*seed, rest, 1_usize)
    };
    let (mut node_computed, mut root_computed) = (seed, seed);
    for (used, hash) in rest.iter().enumerate() {
        // SPEC(subtrees): "If `tn` is `0`, then stop the iteration and fail the proof verification."
        if walk.tree == 0 {
            return Err(too_long(used.saturating_add(taken)));
        }
        // SPEC(subtrees): "If `LSB(sn)` is set, or if `sn` is equal to `tn`, then:"
        if walk.last & 1 == 1 || walk.last == walk.tree {
            if walk.first < walk.last {
                node_computed = hash_node(hash, &node_computed);
            }
            root_computed = hash_node(hash, &root_computed);
            // SPEC(subtrees): "Until `LSB(sn)` is set, right-shift `fn`, `sn`, and `tn` equally."
            walk.up(walk.last.trailing_zeros());
        } else {
            root_computed = hash_node(&root_computed, hash);
        }
        // SPEC(subtrees): "Right-shift `fn`, `sn`, and `tn` once more."
        walk.up(1);
    }
    // SPEC(subtrees): "Compare `tn` to `0`, `fr` to `node_hash`, and `sr` to `root_hash`. If any are not equal, fail the proof verification."
    if walk.tree != 0 {
        return Err(ProofError::TooShort { found: proof.len() });
    }
    if node_computed != *node {
        return Err(ProofError::WrongOldRoot {
            expected: *node,
            computed: node_computed,
        });
    }
    if root_computed != *root {
        return Err(ProofError::WrongRoot {
            expected: *root,
            computed: root_computed,
        });
    }
    Ok(())
}

/// Where the subtree's first and last entry and the tree's last one are on the way up: `fn`, `sn` and `tn` of the specification.
struct Walk {
    first: u64,
    last: u64,
    tree: u64,
}

impl Walk {
    /// At the height of the node that the proof starts from. The subtree is not empty and within the tree.
    fn start(subtree: Subtree, size: TreeSize) -> Self {
        // SPEC(subtrees): "Set `fn` to `start`, `sn` to `end - 1`, and `tn` to `n - 1`."
        let mut walk = Self {
            first: subtree.start(),
            last: subtree.end().saturating_sub(1),
            tree: size.get().saturating_sub(1),
        };
        // The height at which first and last meet: the number of bits up to the highest one in which they differ.
        let meet = u64::BITS.saturating_sub((walk.first ^ walk.last).leading_zeros());
        let up = if walk.last == walk.tree {
            // SPEC(subtrees): "Until `fn` is `sn`, right-shift `fn`, `sn`, and `tn` equally."
            meet
        } else {
            // SPEC(subtrees): "Until `fn` is `sn` or `LSB(sn)` is not set, right-shift `fn`, `sn`, and `tn` equally."
            meet.min(walk.last.trailing_ones())
        };
        walk.up(up);
        walk
    }

    fn up(&mut self, levels: u32) {
        let shift = |value: u64| value.checked_shr(levels).unwrap_or(0);
        (self.first, self.last, self.tree) =
            (shift(self.first), shift(self.last), shift(self.tree));
    }
}
