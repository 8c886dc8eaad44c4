//! Whether a proof holds.

use super::MAX_INLINE;
use super::node::{Child, Node, NodeError};
use super::path::nibbles;
use crate::keccak::{TrieRoot, keccak256};
use crate::rlp::Item;

/// Why a proof does not show that a trie has a value under a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The nodes end before the value.
    #[error("the proof ends after {found} nodes, before the value")]
    TooShort {
        /// How many there are.
        found: usize,
    },
    /// There are more nodes than are on the way.
    #[error("the proof has {found} nodes, of which {used} lead to the value")]
    TooLong {
        /// How many are on the way.
        used: usize,
        /// How many there are.
        found: usize,
    },
    /// A node is not the one that is named above it.
    #[error("node {place} is not the one that is named {}", if *place == 0 { "as the root" } else { "above it" })]
    Hash {
        /// Its place, from 0.
        place: usize,
    },
    /// A node that belongs into the one above it.
    #[error("node {place} has only {size} bytes: it belongs into the one above it")]
    NotInline {
        /// Its place, from 0.
        place: usize,
        /// The size of its encoding.
        size: usize,
    },
    /// A node is malformed.
    #[error("node {place}: {error}")]
    Node {
        /// Its place, from 0.
        place: usize,
        /// Why.
        error: NodeError,
    },
    /// An extension leads to something else than a branch.
    #[error("node {place} is not a branch, but an extension leads to it")]
    AfterExtension {
        /// Its place, from 0.
        place: usize,
    },
    /// The trie has no such key, or nothing shows that it has.
    #[error("node {place} does not lead to the key")]
    OtherKey {
        /// Its place, from 0.
        place: usize,
    },
    /// The trie has another value under the key.
    #[error("the value under the key is another, of {found} bytes (expected {expected})")]
    OtherValue {
        /// How long the value is that was asked for.
        expected: usize,
        /// How long that in the trie is.
        found: usize,
    },
}

/// Whether the trie with this root has this value under this key, and the proof is the one that shows it.
///
/// The root is a block's: of transactions or receipts by [`index_key`](super::index_key).
pub fn verify<N: AsRef<[u8]>>(
    root: &TrieRoot,
    key: &[u8],
    value: &[u8],
    proof: &[N],
) -> Result<(), ProofError> {
    let key = nibbles(key);
    let mut way = Way {
        rest: &key,
        hash: *root.as_bytes(),
        after_extension: false,
    };
    for (place, node) in proof.iter().enumerate() {
        let Some(found) = way.through(place, node.as_ref())? else {
            continue;
        };
        if found != value {
            return Err(ProofError::OtherValue {
                expected: value.len(),
                found: found.len(),
            });
        }
        let used = place.saturating_add(1);
        let found = proof.len();
        return if used == found {
            Ok(())
        } else {
            Err(ProofError::TooLong { used, found })
        };
    }
    let found = proof.len();
    Err(ProofError::TooShort { found })
}

/// The way to a key, as far as it has been gone.
struct Way<'k> {
    /// What is left of the key.
    rest: &'k [u8],
    /// The hash of the next node.
    hash: [u8; 32],
    /// The last node was an extension.
    after_extension: bool,
}

impl Way<'_> {
    /// Goes through a node and what is within it, to the value or to the next node.
    fn through<'a>(
        &mut self,
        place: usize,
        encoded: &'a [u8],
    ) -> Result<Option<&'a [u8]>, ProofError> {
        if keccak256(encoded) != self.hash {
            return Err(ProofError::Hash { place });
        }
        let size = encoded.len();
        if place > 0 && size <= MAX_INLINE {
            return Err(ProofError::NotInline { place, size });
        }
        let wrong = |error| ProofError::Node { place, error };
        let item = Item::parse(encoded).map_err(|error| wrong(error.into()))?;
        let mut node = Node::read(&item).map_err(wrong)?;
        if self.after_extension && !matches!(node, Node::Branch(_)) {
            return Err(ProofError::AfterExtension { place });
        }
        let other_key = ProofError::OtherKey { place };
        loop {
            self.after_extension = matches!(node, Node::Extension { .. });
            let child = match node {
                Node::Leaf { path, value } if path == self.rest => return Ok(Some(value)),
                Node::Leaf { .. } => return Err(other_key),
                Node::Extension { path, child } => {
                    let rest = self.rest.strip_prefix(&path[..]);
                    self.rest = rest.ok_or_else(|| other_key.clone())?;
                    child
                }
                Node::Branch(children) => {
                    let Some((nibble, rest)) = self.rest.split_first() else {
                        return Err(other_key);
                    };
                    self.rest = rest;
                    let child = children.into_iter().nth(usize::from(*nibble));
                    child.unwrap_or(Child::None)
                }
            };
            match child {
                Child::None => return Err(other_key),
                Child::Hash(hash) => {
                    self.hash = hash;
                    return Ok(None);
                }
                Child::Node(inner) => node = *inner,
            }
        }
    }
}
