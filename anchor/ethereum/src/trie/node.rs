//! Nodes, read strictly: what is not on the way is looked at too.

use super::MAX_INLINE;
use super::path::{End, PathError, decode};
use crate::rlp::{Item, RlpError};

/// The items of a branch: sixteen children and a value.
const BRANCH_ITEMS: usize = 17;

/// The size of a hash.
const HASH_SIZE: usize = 32;

/// Why bytes are no node of a block's tries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// Not RLP.
    #[error("it is not RLP: {0}")]
    Rlp(#[from] RlpError),
    /// Neither a pair nor a branch.
    #[error("expected a list of 2 or {BRANCH_ITEMS} items, found {0}")]
    Items(usize),
    /// A path in another spelling.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A child that is neither nothing, a hash nor a node.
    #[error("expected a child of 0 or {HASH_SIZE} bytes, found {0}")]
    Child(usize),
    /// A node within its parent that must be there by its hash.
    #[error(
        "a node of {0} bytes stands within its parent; from {HASH_SIZE} on it is there by its hash"
    )]
    InlineTooLong(usize),
    /// A branch that is no branching.
    #[error("a branch with {0} children; it has at least two")]
    Narrow(usize),
    /// A branch with a value.
    #[error("a branch has a value of {0} bytes; no key of a block's tries begins another")]
    BranchValue(usize),
    /// An extension without nibbles, or to something else than a branch.
    #[error("an extension of no nibbles, or to something else than a branch")]
    Extension,
    /// A leaf without a value.
    #[error("a leaf has no value")]
    NoValue,
}

/// A node.
pub(super) enum Node<'a> {
    Branch(Vec<Child<'a>>),
    Extension { path: Vec<u8>, child: Child<'a> },
    Leaf { path: Vec<u8>, value: &'a [u8] },
}

/// What is below a node.
pub(super) enum Child<'a> {
    None,
    Hash([u8; HASH_SIZE]),
    Node(Box<Node<'a>>),
}

impl<'a> Node<'a> {
    /// Reads a node and all that is within it. Its RLP must have been checked.
    pub(super) fn read(item: &Item<'a>) -> Result<Self, NodeError> {
        let items = item.items(BRANCH_ITEMS)?;
        match &items[..] {
            [path, end] => Self::pair(path, end),
            [children @ .., value] if items.len() == BRANCH_ITEMS => Self::branch(children, value),
            other => Err(NodeError::Items(other.len())),
        }
    }

    fn pair(path: &Item<'a>, end: &Item<'a>) -> Result<Self, NodeError> {
        match decode(path.bytes()?)? {
            (path, End::Value) => match end.bytes()? {
                [] => Err(NodeError::NoValue),
                value => Ok(Self::Leaf { path, value }),
            },
            (path, End::Child) => {
                let child = Child::read(end)?;
                let to_branch = match &child {
                    Child::None => false,
                    Child::Hash(_) => true,
                    Child::Node(node) => matches!(**node, Node::Branch(_)),
                };
                if path.is_empty() || !to_branch {
                    return Err(NodeError::Extension);
                }
                Ok(Self::Extension { path, child })
            }
        }
    }

    fn branch(children: &[Item<'a>], value: &Item<'a>) -> Result<Self, NodeError> {
        let children: Vec<_> = children.iter().map(Child::read).collect::<Result<_, _>>()?;
        let value = value.bytes()?.len();
        if value != 0 {
            return Err(NodeError::BranchValue(value));
        }
        let empty = |child: &&Child<'_>| matches!(child, Child::None);
        let found = children.len() - children.iter().filter(empty).count();
        if found < 2 {
            return Err(NodeError::Narrow(found));
        }
        Ok(Self::Branch(children))
    }
}

impl<'a> Child<'a> {
    fn read(item: &Item<'a>) -> Result<Self, NodeError> {
        if item.is_list() {
            // Shorter than 32 bytes, so that few nodes fit into one another.
            let size = item.encoding().len();
            if size > MAX_INLINE {
                return Err(NodeError::InlineTooLong(size));
            }
            return Ok(Self::Node(Box::new(Node::read(item)?)));
        }
        match item.bytes()? {
            [] => Ok(Self::None),
            other => {
                let hash = other
                    .try_into()
                    .map_err(|_| NodeError::Child(other.len()))?;
                Ok(Self::Hash(hash))
            }
        }
    }
}
