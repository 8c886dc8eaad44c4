//! The right edge of a growing tree, and the tiles that it is the memory of.

mod common;

use common::naive;
use counterfoil_tiles::frontier::{Completed, Frontier, FrontierError};
use counterfoil_tiles::hash::{NodeHash, TreeSize, empty_root, hash_leaf};
use proptest::prelude::*;

#[test]
fn frontiers_that_are_refused() {
    let size = TreeSize::new(0b1011);
    let hash = empty_root();
    for found in [0, 1, 2, 4, 11, 64] {
        let refused = Frontier::from_parts(size, vec![hash; found]);
        assert_eq!(
            refused,
            Err(FrontierError::WrongCount {
                size,
                expected: 3,
                found
            })
        );
    }
    assert!(Frontier::from_parts(size, vec![hash; 3]).is_ok());
    assert!(Frontier::from_parts(TreeSize::ZERO, vec![hash]).is_err());

    let size = TreeSize::new(2 * 256 + 3);
    let refused = |edge: &[Vec<NodeHash>], level, expected, found| {
        assert_eq!(
            Frontier::from_tile_edge(size, edge),
            Err(FrontierError::WrongWidth {
                size,
                level,
                expected,
                found
            })
        );
    };
    refused(&[], 1, 2, 0);
    refused(&[vec![hash; 3]], 1, 2, 0);
    refused(&[vec![hash; 3], vec![hash; 3]], 1, 2, 3);
    refused(&[vec![hash; 2], vec![hash; 2]], 0, 3, 2);
    refused(&[vec![hash; 3], vec![hash; 2], vec![hash]], 2, 0, 1);
    let mut far = vec![vec![]; 301];
    (far[0], far[1], far[300]) = (vec![hash; 3], vec![hash; 2], vec![hash]);
    refused(&far, 300, 0, 1);
    far.truncate(300);
    assert!(Frontier::from_tile_edge(size, &far).is_ok());
    assert!(Frontier::from_tile_edge(size, &[vec![hash; 3], vec![hash; 2]]).is_ok());
    assert!(Frontier::from_tile_edge(size, &[vec![hash; 3], vec![hash; 2], vec![]]).is_ok());
    assert_eq!(
        Frontier::from_tile_edge(TreeSize::ZERO, &[]),
        Ok(Frontier::new())
    );
}

#[test]
fn a_frontier_grows_up_to_the_largest_size_and_no_further() {
    let leaf = hash_leaf(b"leaf");
    let size = TreeSize::new(u64::MAX - 1);
    let mut frontier = Frontier::from_parts(size, vec![empty_root(); 63]).unwrap();
    let before = frontier.clone();
    assert_eq!(
        frontier.append(&[leaf; 2]),
        Err(FrontierError::TooLarge { size, count: 2 })
    );
    assert_eq!(frontier, before, "an error changes nothing");
    frontier.append(&[leaf]).unwrap();
    assert_eq!(frontier.size().get(), u64::MAX);
    assert_eq!(frontier.nodes().len(), 64);
    assert_eq!(frontier.nodes().last(), Some(&leaf.into()));
    assert!(frontier.append(&[leaf]).is_err());
    assert_eq!(frontier.append(&[]), Ok(Completed::default()));
}

#[test]
fn appending_completes_every_level_at_once() {
    // 2^40 - 1 entries: one more completes the tiles of level 1 to 5 up to their next hash.
    let mut frontier =
        Frontier::from_parts(TreeSize::new((1 << 40) - 1), vec![empty_root(); 40]).unwrap();
    let completed = frontier.append(&[hash_leaf(b"last")]).unwrap();
    for level in 1..=5 {
        assert_eq!(completed.level(level).len(), 1, "level {level}");
    }
    assert_eq!(completed.level(5), frontier.nodes());
    assert_eq!(completed.level(6), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// Growing in any steps gives the tree of the definition, and what was completed is what the tiles gained.
    #[test]
    fn a_frontier_grows_as_the_tree_does(steps in prop::collection::vec(0_usize..700, 0..6)) {
        let leaves = naive::decimal_leaves(steps.iter().sum());
        let mut frontier = Frontier::new();
        let mut edge: Vec<Vec<NodeHash>> = vec![Vec::new(); 8];
        let mut at = 0;
        for step in steps {
            let new = &leaves[at..at + step];
            let completed = frontier.append(&naive::leaf_hashes(new)).unwrap();
            at += step;
            edge[0].extend(naive::nodes(new));
            for level in 1..8 {
                edge[usize::from(level)].extend(completed.level(level));
            }
            prop_assert_eq!(frontier.size().get(), at as u64);
            prop_assert_eq!(frontier.root(), NodeHash::from_bytes(naive::mth(&leaves[..at])));
            let level_one: Vec<_> = leaves[..at].chunks_exact(256).map(naive::mth).collect();
            prop_assert_eq!(&edge[1], &naive::nodes(&level_one));
            let partial: Vec<Vec<NodeHash>> = edge.iter().map(|hashes| hashes[hashes.len() / 256 * 256..].to_vec()).collect();
            prop_assert_eq!(Frontier::from_tile_edge(frontier.size(), &partial), Ok(frontier.clone()));
            prop_assert_eq!(Frontier::from_parts(frontier.size(), frontier.nodes().to_vec()), Ok(frontier.clone()));
        }
    }
}
