//! The Merkle-Patricia tries of a block: its transactions and its receipts, by their index.
//!
//! Yellow Paper, appendix D. A key is cut into nibbles. A node is the RLP of one of
//!
//! ```text
//! [child 0, ..., child f, ""]    a branch, by the next nibble
//! [hex-prefix(nibbles, 0), child]   an extension: the next nibbles, shared by all below
//! [hex-prefix(nibbles, 1), value]   a leaf: the last nibbles
//! ```
//!
//! A child is nothing (the empty string), the node itself if its RLP is shorter than 32 bytes, and Keccak-256 of its RLP otherwise.
//! The root of the trie is Keccak-256 of its first node. In a block's tries the key is the RLP of the index and the value is the
//! transaction or receipt (EIP-2718). No such key begins another, so that no branch has a value.
//!
//! A proof is the nodes on the way from the root to the value, without those that are within another.
//!
//! ```
//! use counterfoil_ethereum::trie::{Trie, index_key, verify};
//!
//! let receipts: Vec<Vec<u8>> = (0..200).map(|number| vec![number; 40]).collect();
//! let trie = Trie::of_block(&receipts)?;
//! let proof = trie.proof(&index_key(130)).unwrap();
//! assert_eq!(proof.len(), 5); // branches for the nibbles 8, 1, 8 and 2, and the leaf
//! verify(&trie.root(), &index_key(130), &receipts[130], &proof)?;
//! assert!(verify(&trie.root(), &index_key(131), &receipts[130], &proof).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod build;
mod node;
mod path;
mod verify;

pub use build::{BuildError, Trie};
pub use node::NodeError;
pub use path::PathError;
pub use verify::{ProofError, verify};

use crate::rlp::encode_integer;

/// The longest encoding of a node that stands within its parent: one byte less than a hash.
const MAX_INLINE: usize = 31;

/// The key of a transaction, and of its receipt, in the tries of its block.
pub fn index_key(index: u64) -> Vec<u8> {
    encode_integer(index)
}
