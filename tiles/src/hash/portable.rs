//! Hashing one by one by the `sha2` crate: runs everywhere, and is what the other paths are tested against.
//!
//! The crate takes the CPU's SHA instructions where it finds them.

use sha2::block_api::compress256;

use super::message::{
    INITIAL, Message, NODE_BITS, NODE_PREFIX, PADDING, ZERO_BLOCK, hash_of_state,
};
use super::{LeafHash, NodeHash};

pub(super) fn hash_leaf(entry: &[u8]) -> LeafHash {
    let mut state = INITIAL;
    let mut message = Message::of_leaf(entry);
    let mut scratch = ZERO_BLOCK;
    for _ in 0..Message::blocks_of_leaf(entry.len()) {
        let block = message.next_block(&mut scratch);
        compress256(&mut state, std::slice::from_ref(block));
    }
    LeafHash::from_bytes(hash_of_state(state))
}

pub(super) fn hash_node(left: &NodeHash, right: &NodeHash) -> NodeHash {
    let mut state = INITIAL;
    let mut blocks = [ZERO_BLOCK; 2];
    let [first, second] = &mut blocks;
    let (left, right) = (left.as_bytes(), right.as_bytes());
    first[0] = NODE_PREFIX;
    first[1..33].copy_from_slice(left);
    first[33..].copy_from_slice(&right[..31]);
    second[0] = right[31];
    second[1] = PADDING;
    second[56..].copy_from_slice(&u64::from(NODE_BITS).to_be_bytes());
    compress256(&mut state, &blocks);
    NodeHash::from_bytes(hash_of_state(state))
}

pub(super) fn hash_leaves<E: AsRef<[u8]>>(entries: &[E], out: &mut Vec<LeafHash>) {
    out.extend(entries.iter().map(|entry| hash_leaf(entry.as_ref())));
}

pub(super) fn hash_nodes(children: &[NodeHash], out: &mut Vec<NodeHash>) {
    let (pairs, _odd) = children.as_chunks::<2>();
    out.extend(pairs.iter().map(|[left, right]| hash_node(left, right)));
}
