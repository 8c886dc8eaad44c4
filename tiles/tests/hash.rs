//! Each path of hashing against the definition, for every size of an entry around the edges of the blocks, and every number of entries around those of the lanes.

mod common;

use common::naive::{self, Hash};
use counterfoil_tiles::hash::{
    HashTextError, LeafHash, NodeHash, Path, empty_root, hash_leaf, hash_leaves, hash_node,
    hash_nodes, tile_roots,
};
use proptest::prelude::*;

/// Bytes without a pattern that a block or a word repeats.
fn entry(size: usize, seed: usize) -> Vec<u8> {
    (0..size)
        .map(|i| u8::try_from((i * 167 + seed * 59 + i / 251 + 13) % 256).unwrap())
        .collect()
}

fn hashes(count: usize) -> Vec<Hash> {
    (0..count).map(|i| naive::leaf(&i.to_le_bytes())).collect()
}

fn parents(children: &[Hash]) -> Vec<NodeHash> {
    naive::nodes(
        &children
            .chunks_exact(2)
            .map(|pair| naive::node(&pair[0], &pair[1]))
            .collect::<Vec<_>>(),
    )
}

fn check_leaves(path: Path, entries: &[Vec<u8>]) {
    // `out` keeps what it has.
    let mut out = vec![LeafHash::from_bytes([9; 32])];
    path.hash_leaves(entries, &mut out);
    assert_eq!(out.len(), entries.len() + 1, "{path}");
    assert_eq!(out[0], LeafHash::from_bytes([9; 32]), "{path}");
    for (place, (entry, hash)) in entries.iter().zip(&out[1..]).enumerate() {
        assert_eq!(
            hash.to_bytes(),
            naive::leaf(entry),
            "{path}: entry {place} of {}, {} bytes",
            entries.len(),
            entry.len()
        );
    }
}

fn check_nodes(path: Path, children: &[Hash]) {
    let mut out = vec![NodeHash::from_bytes([9; 32])];
    path.hash_nodes(&naive::nodes(children), &mut out);
    assert_eq!(out[0], NodeHash::from_bytes([9; 32]), "{path}");
    assert_eq!(
        out[1..],
        parents(children),
        "{path}: {} children",
        children.len()
    );
}

#[test]
fn paths_are_those_of_this_cpu() {
    let names: Vec<_> = Path::available().iter().map(|path| path.name()).collect();
    println!("paths: {names:?}, best: {}", Path::best());
    assert_eq!(names[0], "portable");
    assert_eq!(names.last(), Some(&Path::best().name()));
    #[cfg(target_arch = "x86_64")]
    for (name, has) in [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("sha-ni", is_x86_feature_detected!("sha")),
        (
            "avx512",
            is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw"),
        ),
    ] {
        assert_eq!(names.contains(&name), has, "{name}");
    }
}

#[test]
fn nodes_of_every_number_of_children() {
    let children = hashes(2 * 600 + 1);
    for path in Path::available() {
        for count in (0..=140).chain([255, 256, 257, 510, 511, 512, 513, 1_024, 1_200, 1_201]) {
            check_nodes(path, &children[..count]);
        }
        // Not only from the beginning of an allocation.
        for from in 1..40 {
            check_nodes(path, &children[from..from + 64]);
        }
    }
}

/// Every bit of both children counts.
#[test]
fn nodes_of_all_bits() {
    let mut children = vec![[0; 32]; 2 * 512];
    for (bit, pair) in children.chunks_exact_mut(2).enumerate() {
        pair[bit / 256][bit % 256 / 8] = 1 << (bit % 8);
    }
    for path in Path::available() {
        check_nodes(path, &children);
        check_nodes(path, &vec![[0xff; 32]; 64]);
    }
}

#[test]
fn leaves_of_every_number_of_digests() {
    let entries: Vec<Vec<u8>> = (0..600).map(|seed| entry(32, seed)).collect();
    for path in Path::available() {
        for count in (0..=70).chain([255, 256, 257, 511, 512, 513, 600]) {
            check_leaves(path, &entries[..count]);
        }
    }
}

/// Around 54, 118, ... bytes the padding takes one block more; around 63, 127, ... the entry does.
#[test]
fn leaves_of_every_size() {
    for path in Path::available() {
        for size in (0..=330).chain([1_023, 1_024, 4_085, 4_096, 10_000, 65_534, 65_535]) {
            let count = if size > 4_096 { 17 } else { 40 };
            let entries: Vec<Vec<u8>> = (0..count).map(|seed| entry(size, seed)).collect();
            check_leaves(path, &entries);
        }
    }
}

#[test]
fn leaves_of_many_sizes_together() {
    for path in Path::available() {
        let rising: Vec<Vec<u8>> = (0..520).map(|size| entry(size, size)).collect();
        check_leaves(path, &rising);
        let mixed: Vec<Vec<u8>> = (0..520)
            .map(|seed| entry(seed * 7_919 % 1_500, seed))
            .collect();
        check_leaves(path, &mixed);
        // One large entry among digests, at every place of a batch.
        for place in 0..33 {
            let mut entries: Vec<Vec<u8>> = (0..33).map(|seed| entry(32, seed)).collect();
            entries[place] = entry(5_000, place);
            check_leaves(path, &entries);
        }
        for size in [0, 31, 33, 54, 55] {
            let mut entries: Vec<Vec<u8>> = (0..260).map(|seed| entry(32, seed)).collect();
            entries[258] = entry(size, 7);
            check_leaves(path, &entries);
        }
    }
}

#[test]
fn tile_roots_are_those_of_full_tiles() {
    let leaves = hashes(256 * 19 + 255);
    let expected: Vec<Hash> = leaves.chunks_exact(256).map(naive::mth).collect();
    for tiles in 0..=19 {
        for more in [0, 1, 255] {
            let mut out = vec![empty_root()];
            tile_roots(&naive::nodes(&leaves[..256 * tiles + more]), &mut out);
            assert_eq!(out[0], empty_root());
            assert_eq!(
                out[1..],
                naive::nodes(&expected[..tiles]),
                "{tiles} tiles and {more} hashes"
            );
        }
    }
}

#[test]
fn text_is_canonical_base64() {
    let root = empty_root();
    let text = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    assert_eq!(root.to_string(), text);
    assert_eq!(text.parse(), Ok(root));
    assert_eq!(format!("{root:?}"), format!("NodeHash({text})"));
    for (name, text) in [
        ("no padding", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"),
        (
            "two paddings",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU==",
        ),
        (
            "trailing bits set",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=",
        ),
        (
            "URL alphabet",
            "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
        ),
        (
            "newline after",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
        ),
        (
            "space before",
            " 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        ),
        (
            "hexadecimal",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
    ] {
        assert!(text.parse::<NodeHash>().is_err(), "{name}");
        assert!(text.parse::<LeafHash>().is_err(), "{name}");
    }
    assert_eq!("".parse::<NodeHash>(), Err(HashTextError::Size(0)));
    assert_eq!("AAAA".parse::<NodeHash>(), Err(HashTextError::Size(3)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_entries(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..80)) {
        for path in Path::available() {
            check_leaves(path, &entries);
        }
        let mut out = Vec::new();
        hash_leaves(&entries, &mut out);
        let one_by_one: Vec<_> = entries.iter().map(|entry| hash_leaf(entry)).collect();
        prop_assert_eq!(out, one_by_one);
    }

    #[test]
    fn any_nodes(children in prop::collection::vec(any::<Hash>(), 0..200)) {
        for path in Path::available() {
            check_nodes(path, &children);
        }
        let children = naive::nodes(&children);
        let mut out = Vec::new();
        hash_nodes(&children, &mut out);
        let one_by_one: Vec<_> = children.chunks_exact(2).map(|pair| hash_node(&pair[0], &pair[1])).collect();
        prop_assert_eq!(out, one_by_one);
    }

    #[test]
    fn hash_text_round_trips(bytes: Hash) {
        let node = NodeHash::from_bytes(bytes);
        prop_assert_eq!(node.to_string().parse(), Ok(node));
        let leaf = LeafHash::from_bytes(bytes);
        prop_assert_eq!(leaf.to_string().parse(), Ok(leaf));
        prop_assert_eq!(NodeHash::from(leaf), node);
    }
}
