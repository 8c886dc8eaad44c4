//! Hashing by the `sha2` crate: runs everywhere, and is what the other paths are tested against.

use sha2::{Digest, Sha256};

use super::{LeafHash, NodeHash};

/// RFC 6962 section 2.1: the byte before the data of a leaf.
const LEAF_PREFIX: [u8; 1] = [0x00];
/// RFC 6962 section 2.1: the byte before the two hashes of a node.
const NODE_PREFIX: [u8; 1] = [0x01];

pub(super) fn empty_root() -> NodeHash {
    NodeHash::from_bytes(Sha256::new().finalize().into())
}

pub(super) fn hash_leaf(entry: &[u8]) -> LeafHash {
    let hasher = Sha256::new_with_prefix(LEAF_PREFIX).chain_update(entry);
    LeafHash::from_bytes(hasher.finalize().into())
}

pub(super) fn hash_node(left: &NodeHash, right: &NodeHash) -> NodeHash {
    let hasher = Sha256::new_with_prefix(NODE_PREFIX)
        .chain_update(left.as_bytes())
        .chain_update(right.as_bytes());
    NodeHash::from_bytes(hasher.finalize().into())
}

pub(super) fn hash_leaves<E: AsRef<[u8]>>(entries: &[E], out: &mut Vec<LeafHash>) {
    out.extend(entries.iter().map(|entry| hash_leaf(entry.as_ref())));
}

pub(super) fn hash_nodes(children: &[NodeHash], out: &mut Vec<NodeHash>) {
    let (pairs, _odd) = children.as_chunks::<2>();
    out.extend(pairs.iter().map(|[left, right]| hash_node(left, right)));
}
