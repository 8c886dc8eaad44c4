//! Real logs written by others: Tessera, Sunlight, and a CT log behind the RFC 6962 API.

mod common;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::naive::{self, Wider};
use counterfoil_tests::vectors_dir;
use counterfoil_tiles::checkpoint::{LogKey, SignedCheckpoint};
use counterfoil_tiles::frontier::Frontier;
use counterfoil_tiles::hash::{
    LeafHash, LeafIndex, NodeHash, TreeSize, hash_leaf, hash_leaves, tile_roots,
};
use counterfoil_tiles::note::Note;
use counterfoil_tiles::proof::{
    MissingTile, ProofError, ProofPlan, TileReader, root_from_tiles, verify_consistency,
    verify_inclusion,
};
use counterfoil_tiles::tile::{
    BundleId, EntryBundle, Tile, TileId, all_bundles, all_tiles, encode_bundle, tiles_of,
};

/// Reads tiles from a log's folder as a client does: the exact tile, or the full one where the partial one is gone.
struct Folder(PathBuf);

impl TileReader for Folder {
    type Error = MissingTile;

    fn tile(&self, id: TileId) -> Result<Tile, MissingTile> {
        let bytes = fs::read(self.0.join(id.path()))
            .or_else(|_| fs::read(self.0.join(id.full().path())))
            .map_err(|_| MissingTile(id))?;
        Ok(Tile::parse(&bytes).unwrap())
    }
}

impl Folder {
    fn bundle(&self, id: BundleId) -> Vec<u8> {
        let path = self.0.join(id.path());
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

/// Size and root of a checkpoint that the log with this key signed.
fn size_and_root(path: &Path, key: &LogKey) -> (TreeSize, NodeHash) {
    let note = Note::parse(&fs::read(path).unwrap()).unwrap();
    let signed = SignedCheckpoint::verify(note, [key])
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (signed.checkpoint().size(), *signed.checkpoint().root())
}

/// The key beside a log.
fn log_key(dir: &Path) -> LogKey {
    let text = fs::read_to_string(dir.join("vkey")).unwrap();
    LogKey::new(text.trim_end().parse().unwrap())
}

/// Every file under a folder, as a path relative to it.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(
                    path.strip_prefix(folder)
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned(),
                );
            }
        }
    }
    found
}

/// Checks every tile and bundle file of a log against the leaf hashes of its largest tree, and returns how many tiles and bundles there were.
fn check_every_file(log: &Path, leaves: &[LeafHash]) -> (usize, usize) {
    let hashes: Vec<naive::Hash> = leaves.iter().map(|leaf| leaf.to_bytes()).collect();
    let expected = Wider(naive::tiles(&hashes));
    let (mut tiles, mut bundles) = (0, 0);
    for path in files(log) {
        if let Ok(id) = BundleId::parse(&path) {
            assert_eq!(id.path(), path);
            let bytes = fs::read(log.join(&path)).unwrap();
            let bundle = EntryBundle::parse(&bytes, id.width()).unwrap();
            let mut found = Vec::new();
            bundle.hash_leaves(&mut found);
            let first = usize::try_from(id.index() * 256).unwrap();
            assert_eq!(
                found,
                leaves[first..first + usize::from(id.width())],
                "{path}"
            );
            assert_eq!(encode_bundle(bundle.entries()).unwrap(), bytes, "{path}");
            bundles += 1;
        } else if path.starts_with("tile/") {
            let id = TileId::parse(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            assert_eq!(id.path(), path);
            let bytes = fs::read(log.join(&path)).unwrap();
            let tile = Tile::parse(&bytes).unwrap();
            assert_eq!(tile.width(), id.width(), "{path}");
            assert_eq!(
                tile,
                expected.tile(id).unwrap().prefix(id.width()).unwrap(),
                "{path}"
            );
            assert_eq!(tile.encode(), bytes, "{path}");
            tiles += 1;
        }
    }
    (tiles, bundles)
}

#[test]
fn tessera_66000_from_its_bundles() {
    let Some(dir) = vectors_dir() else { return };
    let dir = dir.join("tlog/tessera-66000");
    let (log, key) = (Folder(dir.join("log")), log_key(&dir));
    let mut checkpoints: Vec<_> = files(&dir.join("checkpoints"))
        .iter()
        .map(|name| size_and_root(&dir.join("checkpoints").join(name), &key))
        .collect();
    assert_eq!(checkpoints.len(), 10);
    checkpoints.push(size_and_root(&dir.join("log/checkpoint"), &key));
    checkpoints.sort_unstable_by_key(|(size, _)| *size);
    let (largest, _) = *checkpoints.last().unwrap();

    let mut leaves = Vec::new();
    let mut number = 0_u64;
    for id in all_bundles(largest) {
        let bytes = log.bundle(id);
        let bundle = EntryBundle::parse(&bytes, id.width()).unwrap();
        for entry in bundle.entries() {
            assert_eq!(*entry, number.to_string().as_bytes());
            number += 1;
        }
        bundle.hash_leaves(&mut leaves);
    }
    assert_eq!(number, largest.get());

    for (size, root) in &checkpoints {
        let mut frontier = Frontier::new();
        frontier
            .append(&leaves[..usize::try_from(size.get()).unwrap()])
            .unwrap();
        assert_eq!(frontier.root(), *root, "size {size}, from entries");
        assert_eq!(
            root_from_tiles(*size, &log),
            Ok(*root),
            "size {size}, from tiles"
        );
        let edge = edge(*size, &log);
        assert_eq!(
            Frontier::from_tile_edge(*size, &edge),
            Ok(frontier),
            "size {size}, from the edge"
        );
        for id in all_tiles(*size) {
            assert!(log.tile(id).is_ok(), "size {size}: {} is there", id.path());
        }
    }

    let (tiles, bundles) = check_every_file(&dir.join("log"), &leaves);
    assert_eq!(tiles, 277, "all tile files were read");
    assert_eq!(bundles, 268, "all bundle files were read");

    for (old, old_root) in &checkpoints {
        for (new, new_root) in checkpoints.iter().filter(|(new, _)| new >= old) {
            let proof = ProofPlan::consistency(*old, *new)
                .unwrap()
                .resolve(*new, &log)
                .unwrap();
            assert_eq!(
                verify_consistency(*old, *new, old_root, new_root, &proof),
                Ok(()),
                "{old} to {new}"
            );
        }
        for index in (0..old.get()).step_by(997) {
            let index = LeafIndex::new(index);
            let proof = ProofPlan::inclusion(index, *old)
                .unwrap()
                .resolve(*old, &log)
                .unwrap();
            let leaf = hash_leaf(index.to_string().as_bytes());
            assert_eq!(
                verify_inclusion(index, *old, &leaf, &proof, old_root),
                Ok(()),
                "{index} in {old}"
            );
        }
    }
}

/// The hashes of the partial tiles of a tree, by level.
fn edge(size: TreeSize, log: &impl TileReader<Error = MissingTile>) -> Vec<Vec<NodeHash>> {
    let mut edge = vec![Vec::new(); 8];
    for id in tiles_of(size) {
        let tile = log.tile(id).unwrap().prefix(id.width()).unwrap();
        edge[usize::from(id.level())] = tile.hashes().to_vec();
    }
    edge
}

#[test]
fn tessera_66000_frontier_gives_the_tiles_of_each_level() {
    let Some(dir) = vectors_dir() else { return };
    let log = Folder(dir.join("tlog/tessera-66000/log"));
    let leaves = naive::leaf_hashes(&naive::decimal_leaves(66_000));
    for step in [1, 255, 256, 257, 4_096, 65_536, 66_000] {
        let mut frontier = Frontier::new();
        let mut gained: HashMap<u8, Vec<NodeHash>> = HashMap::new();
        for some in leaves.chunks(step) {
            let completed = frontier.append(some).unwrap();
            assert_eq!(completed.level(0), [], "the leaves themselves");
            for level in 1..=u8::MAX {
                gained
                    .entry(level)
                    .or_default()
                    .extend(completed.level(level));
            }
        }
        for level in 1..=u8::MAX {
            let on_level: Vec<NodeHash> = all_tiles(TreeSize::new(66_000))
                .filter(|id| id.level() == level)
                .flat_map(|id| log.tile(id).unwrap().hashes().to_vec())
                .collect();
            assert_eq!(gained[&level], on_level, "level {level} in steps of {step}");
        }
    }
}

#[test]
fn tessera_testdata() {
    let Some(dir) = vectors_dir() else { return };
    let dir = dir.join("tlog/tessera-testdata");
    let (log, key) = (Folder(dir.join("log")), log_key(&dir));
    let mut all = Vec::new();
    for number in 0..=15_u16 {
        let (size, root) = size_and_root(&log.0.join(format!("checkpoint.{number}")), &key);
        assert_eq!(size.get(), u64::from(number));
        let mut leaves = Vec::new();
        for id in all_bundles(size) {
            let bytes = log.bundle(id);
            EntryBundle::parse(&bytes, id.width())
                .unwrap()
                .hash_leaves(&mut leaves);
        }
        let mut frontier = Frontier::new();
        frontier.append(&leaves).unwrap();
        assert_eq!(frontier.root(), root, "size {size}, from entries");
        assert_eq!(
            root_from_tiles(size, &log),
            Ok(root),
            "size {size}, from tiles"
        );
        all = leaves;
    }
    assert_eq!(check_every_file(&log.0, &all), (15, 15));
}

#[test]
fn sunlight_navigli2025h2() {
    let Some(dir) = vectors_dir() else { return };
    let log = Folder(dir.join("tlog/sunlight-navigli2025h2"));
    let size = TreeSize::new(778);
    // The folder has no checkpoint and no tile of level 1: the root is that of the vectors' README, the tile is made from those below.
    let root: NodeHash = "+WnHOMRZl/LG1669oeskbdK9bcO4nkrY1cfVyknC52U="
        .parse()
        .unwrap();
    let mut tiles = HashMap::new();
    let mut leaves = Vec::new();
    for id in all_tiles(size).filter(|id| id.level() == 0) {
        let tile = log.tile(id).unwrap();
        leaves.extend_from_slice(tile.hashes());
        tiles.insert(id, tile);
    }
    let mut roots = Vec::new();
    tile_roots(&leaves, &mut roots);
    assert_eq!(
        roots,
        (0..3)
            .map(|index| tiles[&TileId::new(0, index, 256).unwrap()].root().unwrap())
            .collect::<Vec<_>>()
    );
    tiles.insert(TileId::new(1, 0, 3).unwrap(), Tile::new(roots).unwrap());
    assert_eq!(root_from_tiles(size, &tiles), Ok(root));

    // static-ct-api, "Log Entries": the data tiles have the Merkle tree leaves, without their two first bytes.
    let data: Vec<u8> = ["000", "001", "002", "003.p/10"]
        .iter()
        .flat_map(|name| fs::read(log.0.join("tile/data").join(name)).unwrap())
        .collect();
    let entries = static_ct_leaves(&data);
    let mut hashes = Vec::new();
    hash_leaves(&entries, &mut hashes);
    assert_eq!(
        hashes
            .iter()
            .copied()
            .map(NodeHash::from)
            .collect::<Vec<_>>(),
        leaves
    );
}

/// The `MerkleTreeLeaf` structures of the entries of data tiles: 0x00 0x00, then timestamp, type, certificate and extensions as they stand.
fn static_ct_leaves(mut data: &[u8]) -> Vec<Vec<u8>> {
    fn take<'a>(data: &mut &'a [u8], count: usize) -> &'a [u8] {
        let (taken, rest) = data.split_at(count);
        *data = rest;
        taken
    }
    fn take_sized<'a>(data: &mut &'a [u8], size_bytes: usize) -> Vec<&'a [u8]> {
        let size = take(data, size_bytes);
        let count = size
            .iter()
            .fold(0, |count, byte| count << 8 | usize::from(*byte));
        vec![size, take(data, count)]
    }
    let mut leaves = Vec::new();
    while !data.is_empty() {
        let mut parts = vec![&[0_u8, 0][..], take(&mut data, 8)];
        let kind = take(&mut data, 2);
        parts.push(kind);
        let is_precertificate = kind == [0, 1];
        if is_precertificate {
            parts.push(take(&mut data, 32));
        }
        parts.extend(take_sized(&mut data, 3));
        parts.extend(take_sized(&mut data, 2));
        leaves.push(parts.concat());
        if is_precertificate {
            take_sized(&mut data, 3);
        }
        take_sized(&mut data, 2);
    }
    leaves
}

/// The value of a JSON field that is a list of hashes.
fn hashes(value: &serde_json::Value) -> Vec<NodeHash> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap().parse().unwrap())
        .collect()
}

#[test]
fn azul_answers_of_a_ct_log_of_961_984_011_entries() {
    let Some(dir) = vectors_dir() else { return };
    let answer = |name: &str| -> serde_json::Value {
        let path = dir.join("tlog/azul-rfc6962-http").join(name);
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    };
    let head = answer("get-sth");
    let size = TreeSize::new(head["tree_size"].as_u64().unwrap());
    let root: NodeHash = head["sha256_root_hash"].as_str().unwrap().parse().unwrap();

    let entries = answer("get-entries-start-10000-end-10000");
    let leaf_input = STANDARD
        .decode(entries["entries"][0]["leaf_input"].as_str().unwrap())
        .unwrap();
    let leaf = hash_leaf(&leaf_input);
    let inclusion = answer(
        "get-proof-by-hash-tree-size-961984011-hash-nCs3mfIydh9x4CKyQ-2Bu2xtmpxmFggA5MLymHwNQSlLg-3D",
    );
    let index = LeafIndex::new(inclusion["leaf_index"].as_u64().unwrap());
    assert_eq!(index.get(), 10_000);
    let proof = hashes(&inclusion["audit_path"]);
    assert_eq!(verify_inclusion(index, size, &leaf, &proof, &root), Ok(()));
    assert_eq!(
        ProofPlan::inclusion(index, size).unwrap().subtrees().len(),
        proof.len()
    );
    for other in [9_999, 10_001] {
        assert!(verify_inclusion(LeafIndex::new(other), size, &leaf, &proof, &root).is_err());
    }

    // The older root is not among the answers. The proof determines it; that it leads to the newer root as well is what is tested.
    let old = TreeSize::new(3_654_490);
    let proof =
        hashes(&answer("get-sth-consistency-first-3654490-second-961984011")["consistency"]);
    let Err(ProofError::WrongOldRoot {
        computed: old_root, ..
    }) = verify_consistency(old, size, &root, &root, &proof)
    else {
        panic!("the older tree has another root than the newer one");
    };
    assert_eq!(
        verify_consistency(old, size, &old_root, &root, &proof),
        Ok(())
    );
    assert_eq!(
        ProofPlan::consistency(old, size).unwrap().subtrees().len(),
        proof.len()
    );
    for place in 0..proof.len() {
        let mut wrong = proof.clone();
        wrong.remove(place);
        assert!(
            verify_consistency(old, size, &old_root, &root, &wrong).is_err(),
            "without hash {place}"
        );
    }
}

#[test]
fn path_example_of_the_specification() {
    let Some(dir) = vectors_dir() else { return };
    let text = fs::read_to_string(dir.join("specs/tile-path.txt")).unwrap();
    let (index, element) = text.trim_end().split_once('\t').unwrap();
    let index: u64 = index.parse().unwrap();
    assert_eq!(
        TileId::new(0, index, 256).unwrap().path(),
        format!("tile/0/{element}")
    );
    assert_eq!(
        TileId::parse(&format!("tile/0/{element}")).unwrap().index(),
        index
    );
    assert_eq!(
        BundleId::parse(&format!("tile/entries/{element}"))
            .unwrap()
            .index(),
        index
    );
}
