//! Histories of a log: which checkpoint is a prefix of which. By RFC 6962's own recursion where it proves, not by the code
//! under test.

use counterfoil_tiles::frontier::Frontier;
use counterfoil_tiles::hash::{LeafHash, NodeHash, empty_root, hash_node};

/// The leaves of a tree as it grew, and its root at each size.
#[derive(Clone)]
pub(crate) struct History {
    leaves: Vec<LeafHash>,
    roots: Vec<NodeHash>,
    frontier: Frontier,
}

impl History {
    pub(crate) fn new() -> Self {
        Self {
            leaves: Vec::new(),
            roots: vec![empty_root()],
            frontier: Frontier::new(),
        }
    }

    pub(crate) fn push(&mut self, leaf: LeafHash) {
        self.frontier.append(&[leaf]).unwrap();
        self.leaves.push(leaf);
        self.roots.push(self.frontier.root());
    }

    pub(crate) fn size(&self) -> u64 {
        self.leaves.len() as u64
    }

    pub(crate) fn leaf(&self, index: u64) -> Option<LeafHash> {
        self.leaves.get(usize::try_from(index).unwrap()).copied()
    }

    /// The root at a size; none if it has not grown so far.
    pub(crate) fn root(&self, size: u64) -> Option<NodeHash> {
        self.roots.get(usize::try_from(size).unwrap()).copied()
    }

    /// The same up to a size, from where it can go on in another way.
    pub(crate) fn until(&self, size: u64) -> Self {
        let mut prefix = Self::new();
        let leaves = &self.leaves[..usize::try_from(size).unwrap()];
        for leaf in leaves {
            prefix.push(*leaf);
        }
        prefix
    }

    /// `PROOF(old, D[size])`.
    pub(crate) fn consistency(&self, old: u64, size: u64) -> Vec<NodeHash> {
        if old == 0 {
            return Vec::new();
        }
        let leaves = &self.leaves[..usize::try_from(size).unwrap()];
        subproof(usize::try_from(old).unwrap(), leaves, true)
    }
}

fn split(n: usize) -> usize {
    n.next_power_of_two() / 2
}

fn root(leaves: &[LeafHash]) -> NodeHash {
    match leaves {
        [] => empty_root(),
        [one] => NodeHash::from(*one),
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            hash_node(&root(left), &root(right))
        }
    }
}

/// RFC 6962, 2.1.2.
fn subproof(m: usize, leaves: &[LeafHash], known: bool) -> Vec<NodeHash> {
    let n = leaves.len();
    if m == n {
        return if known {
            Vec::new()
        } else {
            vec![root(leaves)]
        };
    }
    let k = split(n);
    let (left, right) = leaves.split_at(k);
    let (mut proof, other) = if m <= k {
        (subproof(m, left, known), root(right))
    } else {
        (subproof(m - k, right, false), root(left))
    };
    proof.push(other);
    proof
}
