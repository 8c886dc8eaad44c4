//! A proof that is changed in any way is refused.

mod common;

use common::naive::{self, Hash, Tree};
use common::verdict::{consistency_holds, inclusion_holds, subtree_consistency_holds};
use counterfoil_tiles::hash::{LeafHash, LeafIndex, NodeHash, TreeSize, empty_root};
use counterfoil_tiles::proof::{
    ProofError, Subtree, verify_consistency, verify_inclusion, verify_subtree_inclusion,
};

/// Every proof with one bit of one hash changed, a hash missing, twice or too many, or two hashes exchanged.
fn changed(proof: &[Hash]) -> Vec<(String, Vec<Hash>)> {
    let mut changes = Vec::new();
    let mut change = |name: String, make: &dyn Fn(&mut Vec<Hash>)| {
        let mut wrong = proof.to_vec();
        make(&mut wrong);
        changes.push((name, wrong));
    };
    for place in 0..proof.len() {
        for bit in 0..256 {
            change(format!("bit {bit} of hash {place} flipped"), &|proof| {
                proof[place][bit / 8] ^= 1 << (bit % 8);
            });
        }
        change(format!("hash {place} missing"), &|proof| {
            proof.remove(place);
        });
        change(format!("hash {place} twice"), &|proof| {
            proof.insert(place, proof[place]);
        });
        change(format!("hash {place} zeroed"), &|proof| {
            proof[place] = [0; 32];
        });
        if place > 0 {
            change(
                format!("hashes {} and {place} exchanged", place - 1),
                &|proof| proof.swap(place - 1, place),
            );
        }
    }
    for place in 0..=proof.len() {
        change(format!("one hash too many before hash {place}"), &|proof| {
            proof.insert(place, [7; 32]);
        });
    }
    change("two hashes too many".into(), &|proof| {
        proof.extend([[7; 32], [8; 32]]);
    });
    change("64 hashes too many".into(), &|proof| {
        proof.extend([[7; 32]; 64]);
    });
    changes
}

fn flipped(hash: Hash, bit: usize) -> Hash {
    let mut hash = hash;
    hash[bit / 8] ^= 1 << (bit % 8);
    hash
}

#[test]
fn every_change_to_an_inclusion_proof_is_refused() {
    let tree = Tree::of(300);
    for (m, size) in [
        (0, 1),
        (0, 2),
        (1, 2),
        (2, 3),
        (4, 7),
        (6, 7),
        (5, 8),
        (8, 9),
        (77, 130),
        (129, 130),
        (256, 257),
        (0, 300),
    ] {
        let (leaf, root) = (tree.leaves[m], tree.root(0, size));
        let proof = naive::path(m, &tree.leaves[..size]);
        let (m, size) = (m as u64, size as u64);
        assert!(inclusion_holds(m, size, leaf, &proof, root));
        for (change, wrong) in changed(&proof) {
            assert!(
                !inclusion_holds(m, size, leaf, &wrong, root),
                "{m} of {size}: {change}"
            );
        }
        for bit in 0..256 {
            assert!(
                !inclusion_holds(m, size, flipped(leaf, bit), &proof, root),
                "{m} of {size}: leaf bit {bit}"
            );
            assert!(
                !inclusion_holds(m, size, leaf, &proof, flipped(root, bit)),
                "{m} of {size}: root bit {bit}"
            );
        }
        for other in (0..size)
            .chain([size, size + 1, 1 << 63, u64::MAX])
            .filter(|other| *other != m)
        {
            assert!(
                !inclusion_holds(other, size, leaf, &proof, root),
                "{m} of {size}: index {other}"
            );
        }
        assert!(
            !inclusion_holds(m, 0, leaf, &proof, root),
            "{m} of {size}: size 0"
        );
    }
}

#[test]
fn every_change_to_a_consistency_proof_is_refused() {
    let tree = Tree::of(300);
    for (old, new) in [
        (1, 1),
        (1, 2),
        (2, 3),
        (3, 4),
        (3, 7),
        (4, 7),
        (6, 8),
        (7, 7),
        (64, 130),
        (77, 130),
        (129, 130),
        (256, 300),
        (257, 300),
    ] {
        let (old_root, new_root) = (tree.root(0, old), tree.root(0, new));
        let proof = naive::proof(old, &tree.leaves[..new]);
        let (old, new) = (old as u64, new as u64);
        assert!(consistency_holds(old, new, old_root, new_root, &proof));
        for (change, wrong) in changed(&proof) {
            assert!(
                !consistency_holds(old, new, old_root, new_root, &wrong),
                "{old} to {new}: {change}"
            );
        }
        for bit in 0..256 {
            assert!(
                !consistency_holds(old, new, flipped(old_root, bit), new_root, &proof),
                "{old} to {new}: old root bit {bit}"
            );
            assert!(
                !consistency_holds(old, new, old_root, flipped(new_root, bit), &proof),
                "{old} to {new}: new root bit {bit}"
            );
        }
        for other in (0..=new + 2)
            .chain([1 << 63, u64::MAX])
            .filter(|other| *other != old)
        {
            assert!(
                !consistency_holds(other, new, old_root, new_root, &proof),
                "{old} to {new}: old size {other}"
            );
        }
        for other in 0..old {
            assert!(
                !consistency_holds(old, other, old_root, new_root, &proof),
                "{old} to {new}: new size {other}"
            );
        }
    }
}

// SPEC(subtrees): "If either do not hold, fail proof verification."
// SPEC(subtrees): "If `proof` is an empty array, stop and fail verification."
// SPEC(subtrees): "If `tn` is `0`, then stop the iteration and fail the proof verification."
// SPEC(subtrees): "If any are not equal, fail the proof verification."
#[test]
fn every_change_to_a_subtree_proof_is_refused() {
    let tree = Tree::of(130);
    for (start, end, size) in [
        (4, 8, 14),
        (8, 13, 14),
        (0, 5, 14),
        (8, 14, 14),
        (12, 13, 14),
        (48, 52, 130),
        (96, 101, 130),
        (128, 130, 130),
    ] {
        let (node, root) = (tree.root(start, end), tree.root(0, size));
        let proof = naive::subtree_proof(start, end, &tree.leaves[..size]);
        let (start, end, size) = (start as u64, end as u64, size as u64);
        assert!(subtree_consistency_holds(
            start, end, size, node, root, &proof
        ));
        for (change, wrong) in changed(&proof) {
            assert!(
                !subtree_consistency_holds(start, end, size, node, root, &wrong),
                "[{start}, {end}) of {size}: {change}"
            );
        }
        for bit in 0..256 {
            assert!(
                !subtree_consistency_holds(start, end, size, flipped(node, bit), root, &proof),
                "subtree bit {bit}"
            );
            assert!(
                !subtree_consistency_holds(start, end, size, node, flipped(root, bit), &proof),
                "root bit {bit}"
            );
        }
        for (other_start, other_end) in
            (0..=size).flat_map(|start| (start..=size).map(move |end| (start, end)))
        {
            if (other_start, other_end) != (start, end) {
                assert!(
                    !subtree_consistency_holds(other_start, other_end, size, node, root, &proof),
                    "[{other_start}, {other_end})"
                );
            }
        }
        for shorter in 0..end {
            assert!(
                !subtree_consistency_holds(start, end, shorter, node, root, &proof),
                "size {shorter}"
            );
        }
    }
}

#[test]
fn consistency_from_the_empty_tree() {
    let tree = Tree::of(3);
    let (empty, root) = (naive::mth(&[]), tree.root(0, 3));
    // SPEC(tlog-witness): "If the old size is zero, the consistency proof MUST be empty, because the empty
    // tree is consistent with any tree, so no proof is necessary."
    assert!(consistency_holds(0, 3, empty, root, &[]));
    assert!(
        !consistency_holds(0, 3, empty, root, &[root]),
        "a proof that is not empty"
    );
    assert!(
        !consistency_holds(0, 3, root, root, &[]),
        "an old root that is not the empty one"
    );
    // SPEC(tlog-witness): "A checkpoint of size zero MUST have the root hash of the empty tree, which
    // [RFC 6962][], Section 2.1 defines as the hash of the empty string."
    assert!(consistency_holds(0, 0, empty, empty, &[]));
    assert!(
        !consistency_holds(0, 0, empty, root, &[]),
        "a new root that is not the empty one"
    );
    assert!(
        !consistency_holds(0, 0, root, root, &[]),
        "equal roots, neither the empty one"
    );
    assert_eq!(NodeHash::from_bytes(empty), empty_root());
}

#[test]
fn errors_say_what_is_wrong_with_an_inclusion_proof() {
    let leaves = naive::decimal_leaves(7);
    let (index, size) = (LeafIndex::new(4), TreeSize::new(7));
    let leaf = LeafHash::from_bytes(leaves[4]);
    let root = NodeHash::from_bytes(naive::mth(&leaves));
    let proof = naive::nodes(&naive::path(4, &leaves));
    let verify = |index, proof: &[NodeHash], root: &NodeHash| {
        verify_inclusion(index, size, &leaf, proof, root)
    };
    assert_eq!(verify(index, &proof, &root), Ok(()));

    let after = LeafIndex::new(7);
    assert_eq!(
        verify(after, &proof, &root),
        Err(ProofError::IndexOutsideTree { index: after, size })
    );
    assert_eq!(
        verify(index, &proof[..2], &root),
        Err(ProofError::TooShort { found: 2 })
    );
    let long = [&proof[..], &proof[..2]].concat();
    assert_eq!(
        verify(index, &long, &root),
        Err(ProofError::TooLong { used: 3, found: 5 })
    );
    assert_eq!(
        verify(index, &proof, &proof[0]),
        Err(ProofError::WrongRoot {
            expected: proof[0],
            computed: root
        })
    );

    let subtree = Subtree::new(4, 7).unwrap();
    let before = LeafIndex::new(3);
    let outside = verify_subtree_inclusion(before, subtree, &leaf, &proof, &root);
    assert_eq!(
        outside,
        Err(ProofError::IndexOutsideSubtree {
            index: before,
            subtree
        })
    );
}

#[test]
fn errors_say_what_is_wrong_with_a_consistency_proof() {
    let leaves = naive::decimal_leaves(7);
    let (old, new) = (TreeSize::new(3), TreeSize::new(7));
    let old_root = NodeHash::from_bytes(naive::mth(&leaves[..3]));
    let new_root = NodeHash::from_bytes(naive::mth(&leaves));
    let proof = naive::nodes(&naive::proof(3, &leaves));
    assert_eq!(proof.len(), 4);
    let verify = |proof: &[NodeHash]| verify_consistency(old, new, &old_root, &new_root, proof);
    assert_eq!(verify(&proof), Ok(()));

    let swapped = verify_consistency(new, old, &new_root, &old_root, &proof);
    assert_eq!(
        swapped,
        Err(ProofError::SizesNotOrdered { old: new, new: old })
    );
    assert_eq!(verify(&[]), Err(ProofError::TooShort { found: 0 }));
    assert_eq!(verify(&proof[..3]), Err(ProofError::TooShort { found: 3 }));
    let long = [&proof[..], &proof[..1]].concat();
    assert_eq!(
        verify(&long),
        Err(ProofError::TooLong { used: 4, found: 5 })
    );
    let other = verify_consistency(old, new, &new_root, &new_root, &proof);
    assert_eq!(
        other,
        Err(ProofError::WrongOldRoot {
            expected: new_root,
            computed: old_root
        })
    );
    let other = verify_consistency(old, new, &old_root, &old_root, &proof);
    assert_eq!(
        other,
        Err(ProofError::WrongRoot {
            expected: old_root,
            computed: new_root
        })
    );
    let from_empty = |root: &NodeHash, proof: &[NodeHash]| {
        verify_consistency(TreeSize::ZERO, new, root, &new_root, proof)
    };
    assert_eq!(
        from_empty(&old_root, &[]),
        Err(ProofError::NotEmptyRoot { found: old_root })
    );
    assert_eq!(
        from_empty(&empty_root(), &proof),
        Err(ProofError::TooLong { used: 0, found: 4 })
    );
}
