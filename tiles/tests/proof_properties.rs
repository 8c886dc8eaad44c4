//! Proofs against the definitions of the RFC and the draft, and against `rs_merkle`.

mod common;

use std::cell::RefCell;
use std::collections::BTreeSet;

use common::naive::{self, Hash, Tree, Wider};
use common::verdict::{
    consistency_holds, inclusion_holds, subtree_consistency_holds, subtree_inclusion_holds,
};
use counterfoil_tiles::hash::{LeafIndex, NodeHash, TreeSize, empty_root};
use counterfoil_tiles::proof::{
    ProofError, ProofPlan, ResolveError, Subtree, TileReader, root_from_tiles,
};
use counterfoil_tiles::tile::{Tile, TileId};
use proptest::prelude::*;

fn index(index: usize) -> LeafIndex {
    LeafIndex::new(index as u64)
}

fn subtree(start: usize, end: usize) -> Subtree {
    Subtree::new(start as u64, end as u64).unwrap()
}

fn is_subtree(start: usize, end: usize) -> bool {
    naive::is_subtree(start as u64, end as u64)
}

/// Whether the definition of `PATH` accepts.
fn naive_inclusion_holds(
    m: u64,
    start: u64,
    end: u64,
    leaf: Hash,
    proof: &[Hash],
    root: Hash,
) -> bool {
    naive::is_subtree(start, end)
        && (start..end).contains(&m)
        && naive::root_of_path(m - start, end - start, leaf, proof) == Some(root)
}

/// Whether the definition of `SUBTREE_PROOF` accepts.
fn naive_consistency_holds(
    start: u64,
    end: u64,
    n: u64,
    subtree: Hash,
    root: Hash,
    proof: &[Hash],
) -> bool {
    if !naive::is_subtree(start, end) || end > n {
        return false;
    }
    if start == end {
        return proof.is_empty() && subtree == naive::mth(&[]);
    }
    naive::roots_of_subtree_proof(start, end, n, subtree, true, proof) == Some((subtree, root))
}

#[test]
fn every_inclusion_proof_up_to_300_entries_is_the_rfcs_and_holds() {
    let tree = Tree::of(300);
    for size in (1..=130).chain([255, 256, 257, 300]) {
        let root = tree.root(0, size);
        for m in 0..size {
            let proof = tree.resolve(
                &ProofPlan::inclusion(index(m), naive::size(size)).unwrap(),
                size,
            );
            assert_eq!(
                proof,
                naive::path(m, &tree.leaves[..size]),
                "entry {m} of {size}"
            );
            assert!(
                inclusion_holds(m as u64, size as u64, tree.leaves[m], &proof, root),
                "entry {m} of {size}"
            );
        }
    }
}

#[test]
fn every_consistency_proof_up_to_130_entries_is_the_rfcs_and_holds() {
    let tree = Tree::of(130);
    for new in 0..=130 {
        for old in 0..=new {
            let proof = tree.resolve(
                &ProofPlan::consistency(naive::size(old), naive::size(new)).unwrap(),
                new,
            );
            // RFC 6962 defines PROOF(m, D[n]) for 0 < m.
            let expected = if old == 0 {
                vec![]
            } else {
                naive::proof(old, &tree.leaves[..new])
            };
            assert_eq!(proof, expected, "{old} to {new}");
            assert!(
                consistency_holds(
                    old as u64,
                    new as u64,
                    tree.root(0, old),
                    tree.root(0, new),
                    &proof
                ),
                "{old} to {new}"
            );
        }
    }
}

// SPEC(subtrees): "`start` is a multiple of `BIT_CEIL(end - start)`"
#[test]
fn every_subtree_proof_up_to_48_entries_is_the_drafts_and_holds() {
    let tree = Tree::of(48);
    for size in 0..=48 {
        let root = tree.root(0, size);
        for (start, end) in (0..=size).flat_map(|start| (start..=size).map(move |end| (start, end)))
        {
            let name = format!("[{start}, {end}) of {size}");
            assert_eq!(
                Subtree::new(start as u64, end as u64).is_ok(),
                is_subtree(start, end),
                "{name}"
            );
            if !is_subtree(start, end) {
                continue;
            }
            let node = tree.root(start, end);
            let plan =
                ProofPlan::subtree_consistency(subtree(start, end), naive::size(size)).unwrap();
            let proof = tree.resolve(&plan, size);
            assert_eq!(
                proof,
                naive::subtree_proof(start, end, &tree.leaves[..size]),
                "{name}"
            );
            assert!(
                subtree_consistency_holds(
                    start as u64,
                    end as u64,
                    size as u64,
                    node,
                    root,
                    &proof
                ),
                "{name}"
            );
            // SPEC(subtrees): "When `start` is zero, this computes a Merkle consistency proof:"
            if start == 0 {
                assert_eq!(
                    plan,
                    ProofPlan::consistency(naive::size(end), naive::size(size)).unwrap(),
                    "{name}"
                );
            }
            for m in start..end {
                let proof = tree.resolve(
                    &ProofPlan::subtree_inclusion(index(m), subtree(start, end)).unwrap(),
                    size,
                );
                assert_eq!(
                    proof,
                    naive::path(m - start, &tree.leaves[start..end]),
                    "{m} in {name}"
                );
                assert!(
                    subtree_inclusion_holds(
                        m as u64,
                        start as u64,
                        end as u64,
                        tree.leaves[m],
                        &proof,
                        node
                    ),
                    "{m} in {name}"
                );
            }
        }
    }
}

#[test]
fn examples_of_the_draft() {
    let ranges = |plan: ProofPlan| -> Vec<(u64, u64)> {
        plan.subtrees()
            .iter()
            .map(|range| (range.start(), range.end()))
            .collect()
    };
    // SPEC(subtrees): "The inclusion proof for entry 10 of subtree `[8, 13)` contains the hashes `MTH({d[11]})`, `MTH(D[8:10])`, and `MTH({d[12]})`"
    let plan = ProofPlan::subtree_inclusion(index(10), subtree(8, 13)).unwrap();
    assert_eq!(ranges(plan), [(11, 12), (8, 10), (12, 13)]);
    // SPEC(subtrees): "The subtree consistency proof for `[4, 8)` and a tree of size 14 contains `MTH(D[0:4])` and `MTH(D[8:14])`"
    let plan = ProofPlan::subtree_consistency(subtree(4, 8), TreeSize::new(14)).unwrap();
    assert_eq!(ranges(plan), [(0, 4), (8, 14)]);
    // SPEC(subtrees): "The subtree consistency proof for `[8, 13)` and a tree of size 14 contains `MTH({d[12]})`, `MTH({d[13]})`, `MTH(D[8:12])`, and `MTH(D[0:8])`"
    let plan = ProofPlan::subtree_consistency(subtree(8, 13), TreeSize::new(14)).unwrap();
    assert_eq!(ranges(plan), [(12, 13), (13, 14), (8, 12), (0, 8)]);
}

/// The hasher of RFC 6962 for `rs_merkle`, which promotes a lone node: the same tree.
#[derive(Clone)]
struct Rfc6962;

impl rs_merkle::Hasher for Rfc6962 {
    type Hash = Hash;

    fn hash(data: &[u8]) -> Hash {
        naive::leaf(data)
    }

    fn concat_and_hash(left: &Hash, right: Option<&Hash>) -> Hash {
        right.map_or(*left, |right| naive::node(left, right))
    }
}

#[test]
fn rs_merkle_agrees_on_roots_and_inclusion_proofs() {
    let tree = Tree::of(600);
    for size in (1..=100).chain([127, 128, 129, 255, 256, 257, 511, 512, 513, 600]) {
        let theirs = rs_merkle::MerkleTree::<Rfc6962>::from_leaves(&tree.leaves[..size]);
        let root = theirs.root().unwrap();
        assert_eq!(
            root_from_tiles(naive::size(size), &tree.tiles),
            Ok(NodeHash::from_bytes(root)),
            "size {size}"
        );
        for m in (0..size).step_by(1 + size / 50) {
            let proof = theirs.proof(&[m]).proof_hashes().to_vec();
            assert_eq!(
                tree.resolve(
                    &ProofPlan::inclusion(index(m), naive::size(size)).unwrap(),
                    size
                ),
                proof,
                "{m} of {size}"
            );
            assert!(
                inclusion_holds(m as u64, size as u64, tree.leaves[m], &proof, root),
                "{m} of {size}"
            );
        }
    }
}

#[test]
fn subtrees_near_the_end_of_the_numbers() {
    const HALF: u64 = 1 << 63;
    for (start, end, valid) in [
        (0, HALF + 1, true), // the draft's example: BIT_CEIL is 2^64
        (0, u64::MAX, true),
        (0, HALF, true),
        (1, u64::MAX, false),
        (1, HALF + 2, false),
        (HALF, HALF + 1, true),
        (HALF, u64::MAX, true), // size 2^63 - 1, BIT_CEIL 2^63
        (HALF - 1, u64::MAX, false),
        (1 << 62, u64::MAX, false),
        (u64::MAX, u64::MAX, true),
        (u64::MAX - 1, u64::MAX, true),
        (u64::MAX - 2, u64::MAX, false),
        (u64::MAX, 0, false),
        (u64::MAX, u64::MAX - 1, false),
        (5, 4, false),
        (0, 0, true),
    ] {
        assert_eq!(Subtree::new(start, end).is_ok(), valid, "[{start}, {end})");
        assert_eq!(naive::is_subtree(start, end), valid, "[{start}, {end})");
    }
}

#[test]
fn plans_outside_the_tree_are_refused() {
    let (three, five) = (TreeSize::new(3), TreeSize::new(5));
    assert_eq!(
        ProofPlan::inclusion(index(3), three),
        Err(ProofError::IndexOutsideTree {
            index: index(3),
            size: three
        })
    );
    assert!(ProofPlan::inclusion(LeafIndex::new(u64::MAX), TreeSize::new(u64::MAX)).is_err());
    assert!(ProofPlan::inclusion(index(0), TreeSize::ZERO).is_err());
    assert_eq!(
        ProofPlan::consistency(five, three),
        Err(ProofError::SizesNotOrdered {
            old: five,
            new: three
        })
    );
    assert!(ProofPlan::subtree_consistency(subtree(4, 5), TreeSize::new(4)).is_err());
    for (m, start, end) in [(3, 4, 8), (8, 4, 8), (4, 4, 4)] {
        let refused = ProofPlan::subtree_inclusion(index(m), subtree(start, end));
        assert_eq!(
            refused,
            Err(ProofError::IndexOutsideSubtree {
                index: index(m),
                subtree: subtree(start, end)
            })
        );
    }
    let plan = ProofPlan::inclusion(index(0), five).unwrap();
    assert!(
        matches!(
            plan.tiles(TreeSize::new(4)),
            Err(ProofError::SubtreeOutsideTree { .. })
        ),
        "a smaller tree than planned for"
    );
}

/// Records what is read.
struct Recorder<'a> {
    tiles: &'a Wider,
    read: RefCell<Vec<TileId>>,
}

impl TileReader for Recorder<'_> {
    type Error = String;

    fn tile(&self, id: TileId) -> Result<Tile, String> {
        self.read.borrow_mut().push(id);
        self.tiles.tile(id)
    }
}

#[test]
fn a_plan_reads_each_of_its_tiles_once_and_no_other() {
    let tree = Tree::of(70_000);
    let size = TreeSize::new(70_000);
    for plan in [
        ProofPlan::inclusion(index(0), size).unwrap(),
        ProofPlan::inclusion(index(65_535), size).unwrap(),
        ProofPlan::inclusion(index(69_999), size).unwrap(),
        ProofPlan::consistency(TreeSize::new(66_000), size).unwrap(),
        ProofPlan::consistency(TreeSize::new(1), size).unwrap(),
        ProofPlan::consistency(size, size).unwrap(),
        ProofPlan::subtree_consistency(subtree(65_536, 69_999), size).unwrap(),
    ] {
        let recorder = Recorder {
            tiles: &tree.tiles,
            read: RefCell::default(),
        };
        plan.resolve(size, &recorder).unwrap();
        let read = recorder.read.into_inner();
        let named = plan.tiles(size).unwrap();
        let distinct: BTreeSet<TileId> = read.iter().copied().collect();
        assert_eq!(read.len(), distinct.len(), "no tile twice");
        assert_eq!(distinct.into_iter().collect::<Vec<_>>(), named);
        for missing in named {
            let mut fewer = tree.tiles.0.clone();
            fewer.remove(&missing);
            let Err(ResolveError::Read { tile, .. }) = plan.resolve(size, &fewer) else {
                panic!("{} is needed", missing.path());
            };
            assert_eq!(tile, missing);
            fewer.insert(
                missing,
                tree.tiles.0[&missing]
                    .prefix(missing.width() - 1)
                    .unwrap_or_else(|| Tile::new(vec![empty_root()]).unwrap()),
            );
            if missing.width() > 1 {
                let narrow = ResolveError::TooNarrow {
                    tile: missing,
                    found: missing.width() - 1,
                };
                assert_eq!(plan.resolve(size, &fewer), Err(narrow));
            }
        }
    }
}

fn hash() -> impl Strategy<Value = Hash> {
    any::<Hash>()
}

/// Numbers of every magnitude, often near a power of two.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        (0_u32..64, -2_i64..=2).prop_map(|(bit, by)| (1_u64 << bit).saturating_add_signed(by)),
        (any::<u64>(), 0_u32..64).prop_map(|(number, shift)| number >> shift),
        Just(u64::MAX),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn proofs_of_larger_trees_are_the_rfcs(size in 1_usize..700, some in any::<[prop::sample::Index; 2]>()) {
        let tree = Tree::of(size);
        let (m, old) = (some[0].index(size), some[1].index(size) + 1);
        let root = tree.root(0, size);

        let path = tree.resolve(&ProofPlan::inclusion(index(m), naive::size(size)).unwrap(), size);
        prop_assert_eq!(&path, &naive::path(m, &tree.leaves));
        prop_assert!(inclusion_holds(m as u64, size as u64, tree.leaves[m], &path, root));

        let proof = tree.resolve(&ProofPlan::consistency(naive::size(old), naive::size(size)).unwrap(), size);
        prop_assert_eq!(&proof, &naive::proof(old, &tree.leaves));
        prop_assert!(consistency_holds(old as u64, size as u64, tree.root(0, old), root, &proof));
    }

    /// With numbers of any size and proofs of any length, verification and the definition agree, and nothing panics.
    #[test]
    fn verification_agrees_with_the_definition(
        (m, start, end, n) in (number(), number(), number(), number()),
        aligned in any::<bool>(),
        hashes in prop::collection::vec(hash(), 0..70),
        leaf in hash(),
        cut in any::<prop::sample::Index>(),
    ) {
        let (mut start, end) = (start, end);
        if aligned {
            // Make [start, end) a subtree: the largest power of two in start bounds its size.
            start &= u64::MAX << (64 - end.saturating_sub(start).max(1).leading_zeros()).min(63);
        }
        // The right number of hashes is rare by chance, so that number is found by the definition.
        for count in [cut.index(hashes.len() + 1), hashes.len()].into_iter().chain(0..hashes.len()) {
            let proof = &hashes[..count];
            let path = (start < end && m >= start && m < end && naive::is_subtree(start, end))
                .then(|| naive::root_of_path(m - start, end - start, leaf, proof)).flatten();
            let root = path.unwrap_or(leaf);
            prop_assert_eq!(
                subtree_inclusion_holds(m, start, end, leaf, proof, root),
                naive_inclusion_holds(m, start, end, leaf, proof, root)
            );
            if start == 0 {
                prop_assert_eq!(inclusion_holds(m, end, leaf, proof, root), naive_inclusion_holds(m, 0, end, leaf, proof, root));
            }
            let roots = (start < end && end <= n && naive::is_subtree(start, end))
                .then(|| naive::roots_of_subtree_proof(start, end, n, leaf, true, proof)).flatten();
            let (node, root) = roots.unwrap_or((leaf, leaf));
            prop_assert_eq!(
                subtree_consistency_holds(start, end, n, node, root, proof),
                naive_consistency_holds(start, end, n, node, root, proof)
            );
        }
    }

    /// A proof's ranges and the entry (or the subtree) are the whole tree, also for sizes that no tree has.
    #[test]
    fn ranges_of_a_plan_are_a_partition((m, n) in (number(), number())) {
        let (m, n) = (m.min(n), m.max(n));
        let size = TreeSize::new(n);
        if m < n {
            let plan = ProofPlan::inclusion(LeafIndex::new(m), size).unwrap();
            prop_assert!(plan.subtrees().len() <= 64);
            let mut ranges: Vec<_> = plan.subtrees().iter().map(|range| (range.start(), range.end())).collect();
            ranges.push((m, m + 1));
            prop_assert!(is_partition(ranges, n));
            check_tiles(&plan, size)?;
        }
        let plan = ProofPlan::consistency(TreeSize::new(m), size).unwrap();
        // SPEC(tlog-witness): "The client MUST NOT send more than 63 consistency proof lines." No tree of up to 2^62 entries needs more.
        let most = if n <= 1 << 62 { 63 } else { 65 };
        prop_assert!(plan.subtrees().len() <= most);
        if m > 0 && m < n {
            let mut ranges: Vec<_> = plan.subtrees().iter().map(|range| (range.start(), range.end())).collect();
            // The older tree's root is a node of the newer tree: the proof does not say it again.
            if m.is_power_of_two() {
                ranges.push((0, m));
            }
            prop_assert!(is_partition(ranges, n));
        }
        check_tiles(&plan, size)?;
    }
}

fn is_partition(mut ranges: Vec<(u64, u64)>, end: u64) -> bool {
    ranges.sort_unstable();
    let mut at = 0;
    for (start, next) in ranges {
        if start != at || next <= start || !naive::is_subtree(start, next) {
            return false;
        }
        at = next;
    }
    at == end
}

fn check_tiles(plan: &ProofPlan, size: TreeSize) -> Result<(), TestCaseError> {
    for tile in plan.tiles(size).unwrap() {
        prop_assert_eq!(
            TileId::at(tile.level(), tile.index(), size),
            Some(tile),
            "as wide as in the tree"
        );
    }
    Ok(())
}
