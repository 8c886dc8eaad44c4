//! The fuzz target of proofs: a small tree, its proofs, and edits to them.

use std::collections::HashMap;
use std::sync::OnceLock;

use counterfoil_tiles::frontier::Frontier;
use counterfoil_tiles::hash::{LeafHash, LeafIndex, NodeHash, TreeSize, empty_root, hash_leaf};
use counterfoil_tiles::proof::{
    ProofPlan, Subtree, verify_consistency, verify_inclusion, verify_subtree_consistency,
    verify_subtree_inclusion,
};
use counterfoil_tiles::tile::{Tile, TileId};

/// Proofs over a small tree, edited: what verifies against a true root is true, and there is one proof of it. The input is
/// five numbers, then edits.
pub fn proof(data: &[u8]) {
    let mut numbers = data
        .iter()
        .copied()
        .map(u64::from)
        .chain(std::iter::repeat(0));
    let mut number = |below: u64| numbers.next().unwrap_or(0) % below;
    let (old, new) = (number(LEAVES + 1), number(LEAVES + 1));
    let (index, claimed, width) = (number(LEAVES), number(LEAVES), number(18));
    let edits = data.get(5..).unwrap_or_default();

    inclusion_proof(index, claimed, new, edits);
    consistency_proof(old, claimed, new, edits);
    // The start is where a subtree of that width may begin.
    let start = claimed - claimed % width.next_power_of_two();
    let subtree = Subtree::new(start, (start + width).min(LEAVES)).expect("aligned");
    subtree_consistency_proof(subtree, old, new, edits);
    subtree_inclusion_proof(subtree, index, edits);
}

fn inclusion_proof(index: u64, claimed: u64, new: u64, edits: &[u8]) {
    let size = TreeSize::new(new);
    let Ok(plan) = ProofPlan::inclusion(LeafIndex::new(index), size) else {
        return;
    };
    let (good, hashes) = resolved(&plan, size, edits);
    for (at, leaf) in [index, claimed, u64::MAX - claimed]
        .into_iter()
        .flat_map(|at| [(at, index), (at, claimed)])
    {
        let verify = |size| {
            verify_inclusion(
                LeafIndex::new(at),
                size,
                leaf_of(leaf),
                &hashes,
                root_of(new),
            )
        };
        if verify(size).is_ok() {
            assert_eq!(leaf_of(at), leaf_of(leaf), "index {at}");
            assert!(at != index || hashes == good);
        }
        let _ = verify(TreeSize::new(u64::MAX - claimed));
    }
}

fn consistency_proof(old: u64, claimed: u64, new: u64, edits: &[u8]) {
    let (old_size, size) = (TreeSize::new(old), TreeSize::new(new));
    let Ok(plan) = ProofPlan::consistency(old_size, size) else {
        return;
    };
    let (good, hashes) = resolved(&plan, size, edits);
    for old_root in [root_of(old), root_of(claimed)] {
        if verify_consistency(old_size, size, old_root, root_of(new), &hashes).is_ok() {
            assert_eq!((old_root, &hashes), (root_of(old), &good));
        }
        let far = TreeSize::new(u64::MAX - claimed);
        let _ = verify_consistency(old_size, far, old_root, root_of(new), &hashes);
    }
}

fn subtree_consistency_proof(subtree: Subtree, old: u64, new: u64, edits: &[u8]) {
    let size = TreeSize::new(new);
    let Ok(plan) = ProofPlan::subtree_consistency(subtree, size) else {
        return;
    };
    let (good, hashes) = resolved(&plan, size, edits);
    let node = subtree_root(subtree);
    for claimed in [&node, root_of(old)] {
        if verify_subtree_consistency(subtree, size, claimed, root_of(new), &hashes).is_ok() {
            assert_eq!((claimed, &hashes), (&node, &good));
        }
    }
}

fn subtree_inclusion_proof(subtree: Subtree, other: u64, edits: &[u8]) {
    let index = subtree.start() + other % subtree.size().max(1);
    let Ok(plan) = ProofPlan::subtree_inclusion(LeafIndex::new(index), subtree) else {
        return;
    };
    let (good, hashes) = resolved(&plan, TreeSize::new(LEAVES), edits);
    let node = subtree_root(subtree);
    for (at, leaf) in [(index, index), (index, other), (other, other)] {
        let at = LeafIndex::new(at);
        if verify_subtree_inclusion(at, subtree, leaf_of(leaf), &hashes, &node).is_ok() {
            assert_eq!(leaf_of(at.get()), leaf_of(leaf));
            assert!(at.get() != index || hashes == good);
        }
    }
}

/// The hashes of a plan, and the same edited.
fn resolved(plan: &ProofPlan, size: TreeSize, edits: &[u8]) -> (Vec<NodeHash>, Vec<NodeHash>) {
    let good = plan
        .resolve(size, &tree().tiles)
        .expect("all tiles are there");
    let edited = edited_hashes(&good, edits);
    (good, edited)
}

/// Changes a list of hashes. Three bytes are one edit: a position, what to do there, and with which byte.
fn edited_hashes(hashes: &[NodeHash], edits: &[u8]) -> Vec<NodeHash> {
    let mut hashes = hashes.to_vec();
    for edit in edits.chunks_exact(3).take(4) {
        let [at, what, byte] = edit else { continue };
        let at = usize::from(*at) % (hashes.len() + 1);
        match what % 5 {
            0 => hashes.insert(at, NodeHash::from_bytes([*byte; 32])),
            1 => hashes.truncate(at),
            2 if at < hashes.len() => drop(hashes.remove(at)),
            3 if at < hashes.len() => hashes.swap(0, at),
            _ if at < hashes.len() => {
                let mut bytes = hashes[at].to_bytes();
                bytes[usize::from(byte / 8)] ^= 1 << (byte % 8);
                hashes[at] = NodeHash::from_bytes(bytes);
            }
            _ => {}
        }
    }
    hashes
}

const LEAVES: u64 = 80;

/// A tree, all its roots, and its tiles (whole tiles of fewer entries are prefixes of the last).
pub struct Tree {
    pub leaves: Vec<LeafHash>,
    pub roots: Vec<NodeHash>,
    pub tiles: HashMap<TileId, Tile>,
}

pub fn tree() -> &'static Tree {
    static TREE: OnceLock<Tree> = OnceLock::new();
    TREE.get_or_init(|| {
        let leaves: Vec<LeafHash> = (0..LEAVES)
            .map(|number| hash_leaf(&number.to_be_bytes()))
            .collect();
        let mut frontier = Frontier::new();
        let (mut roots, mut tiles) = (vec![empty_root()], HashMap::new());
        for (leaf, width) in leaves.iter().zip(1_u16..) {
            frontier.append(&[*leaf]).expect("a small tree");
            roots.push(frontier.root());
            let hashes = leaves
                .iter()
                .take(usize::from(width))
                .copied()
                .map(NodeHash::from)
                .collect();
            tiles.insert(
                TileId::new(0, 0, width).expect("a tile"),
                Tile::new(hashes).expect("a tile"),
            );
        }
        Tree {
            leaves,
            roots,
            tiles,
        }
    })
}

fn root_of(size: u64) -> &'static NodeHash {
    &tree().roots[usize::try_from(size).expect("small")]
}

fn leaf_of(index: u64) -> &'static LeafHash {
    &tree().leaves[usize::try_from(index).expect("small")]
}

fn subtree_root(subtree: Subtree) -> NodeHash {
    let at = |index: u64| usize::try_from(index).expect("small");
    let mut frontier = Frontier::new();
    frontier
        .append(&tree().leaves[at(subtree.start())..at(subtree.end())])
        .expect("a small tree");
    frontier.root()
}
