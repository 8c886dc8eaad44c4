//! Whether a proof holds, for hashes and numbers as the naive definitions have them.

use counterfoil_tiles::hash::{LeafHash, LeafIndex, NodeHash, TreeSize};
use counterfoil_tiles::proof::{
    Subtree, verify_consistency, verify_inclusion, verify_subtree_consistency,
    verify_subtree_inclusion,
};

use super::naive::{self, Hash};

pub fn inclusion_holds(m: u64, n: u64, leaf: Hash, proof: &[Hash], root: Hash) -> bool {
    let proof = naive::nodes(proof);
    let root = NodeHash::from_bytes(root);
    verify_inclusion(
        LeafIndex::new(m),
        TreeSize::new(n),
        &LeafHash::from_bytes(leaf),
        &proof,
        &root,
    )
    .is_ok()
}

pub fn subtree_inclusion_holds(
    m: u64,
    start: u64,
    end: u64,
    leaf: Hash,
    proof: &[Hash],
    root: Hash,
) -> bool {
    let proof = naive::nodes(proof);
    let root = NodeHash::from_bytes(root);
    Subtree::new(start, end).is_ok_and(|subtree| {
        verify_subtree_inclusion(
            LeafIndex::new(m),
            subtree,
            &LeafHash::from_bytes(leaf),
            &proof,
            &root,
        )
        .is_ok()
    })
}

pub fn consistency_holds(
    old: u64,
    new: u64,
    old_root: Hash,
    new_root: Hash,
    proof: &[Hash],
) -> bool {
    let (old_root, new_root) = (
        NodeHash::from_bytes(old_root),
        NodeHash::from_bytes(new_root),
    );
    verify_consistency(
        TreeSize::new(old),
        TreeSize::new(new),
        &old_root,
        &new_root,
        &naive::nodes(proof),
    )
    .is_ok()
}

pub fn subtree_consistency_holds(
    start: u64,
    end: u64,
    n: u64,
    subtree: Hash,
    root: Hash,
    proof: &[Hash],
) -> bool {
    let (node, root) = (NodeHash::from_bytes(subtree), NodeHash::from_bytes(root));
    Subtree::new(start, end).is_ok_and(|subtree| {
        verify_subtree_consistency(
            subtree,
            TreeSize::new(n),
            &node,
            &root,
            &naive::nodes(proof),
        )
        .is_ok()
    })
}
