//! A log in memory, whole and with one thing wrong at a time.

use std::collections::HashMap;

use bytes::Bytes;
use counterfoil_tiles::frontier::Frontier;
use counterfoil_tiles::hash::{hash_leaf, hash_leaves};
use counterfoil_tiles::tile::{Tile, all_bundles, all_tiles, encode_bundle};
use proptest::prelude::*;

use super::super::finding::Kind;
use super::super::tree::{Tree, settle_edge};
use super::*;

/// The files of a log whose entry i is `entry(i)`.
struct Log {
    size: TreeSize,
    leaves: Vec<LeafHash>,
    files: HashMap<String, Vec<u8>>,
}

fn entry(index: u64) -> Vec<u8> {
    index.to_string().into_bytes()
}

/// A place in memory.
fn place(index: u64) -> usize {
    usize::try_from(index).unwrap()
}

impl Log {
    fn new(size: u64) -> Self {
        let entries: Vec<Vec<u8>> = (0..size).map(entry).collect();
        let mut leaves = Vec::new();
        hash_leaves(&entries, &mut leaves);
        let mut levels: Vec<Vec<NodeHash>> =
            vec![leaves.iter().copied().map(NodeHash::from).collect()];
        while let Some(top) = levels
            .last()
            .filter(|top| top.len() >= usize::from(TILE_WIDTH))
        {
            let mut above = Vec::new();
            tile_roots(top, &mut above);
            levels.push(above);
        }
        let size = TreeSize::new(size);
        let mut files = HashMap::new();
        for id in all_tiles(size) {
            let start = place(id.index()) * 256;
            let hashes =
                levels[usize::from(id.level())][start..][..usize::from(id.width())].to_vec();
            files.insert(id.path(), Tile::new(hashes).unwrap().encode());
        }
        for id in all_bundles(size) {
            let start = place(id.index()) * 256;
            let entries = &entries[start..][..usize::from(id.width())];
            files.insert(id.path(), encode_bundle(entries).unwrap());
        }
        Self {
            size,
            leaves,
            files,
        }
    }

    fn root(&self, size: usize) -> NodeHash {
        let mut frontier = Frontier::new();
        frontier.append(&self.leaves[..size]).unwrap();
        frontier.root()
    }

    fn find(&self, resource: Resource) -> Found {
        let read = |resource: Resource| self.files.get(&resource.path()).cloned().map(Bytes::from);
        match (read(resource), resource.full().and_then(read)) {
            (Some(bytes), _) => Found::Bytes(bytes),
            (None, Some(bytes)) => Found::Full(bytes),
            (None, None) => Found::Missing,
        }
    }

    fn check_unit(&self, index: u64, cut: Option<TreeSize>) -> UnitResult {
        let mut unit = UnitCheck::new(index, self.size, cut);
        let mut entries = 0;
        for resource in unit.plan() {
            entries += unit.take(resource, self.find(resource));
        }
        let (result, rest) = unit.finish();
        let expected = (self.size.get() - index * UNIT_ENTRIES).min(UNIT_ENTRIES);
        assert_eq!(entries + rest, expected, "every entry is counted once");
        assert_eq!(result.counts.entries, expected);
        result
    }

    /// All units and the tree over them: the root, the root at the cut, and the findings below level 2.
    fn check(&self, cut: Option<u64>) -> (Option<NodeHash>, Option<NodeHash>, Vec<Finding>) {
        let mut tree = Tree::default();
        let (mut edge, mut unsettled, mut cut_root, mut findings) =
            (Edge::default(), None, None, Vec::new());
        for index in 0..self.size.get().div_ceil(UNIT_ENTRIES) {
            let cut = cut
                .map(TreeSize::new)
                .filter(|cut| cut.get() / UNIT_ENTRIES == index);
            let result = self.check_unit(index, cut);
            findings.extend(result.findings);
            if let Some(cut) = cut {
                cut_root = tree.root(cut, &result.cut.unwrap_or_default());
            }
            if UnitCheck::is_full(index, self.size) {
                tree.push(result.root);
            } else {
                edge = result.edge;
                unsettled = result.unsettled;
            }
        }
        let signed = self.root(place(self.size.get()));
        let (root, finding) = settle_edge(&tree, self.size, &signed, &edge, unsettled.as_ref());
        findings.extend(finding);
        (root, cut_root, findings)
    }

    fn file(&mut self, path: &str) -> &mut Vec<u8> {
        self.files
            .get_mut(path)
            .unwrap_or_else(|| panic!("no {path}"))
    }
}

#[test]
fn a_whole_log_has_its_root_at_every_size_and_cut() {
    for size in [
        1, 2, 255, 256, 257, 512, 4096, 4097, 65_535, 65_536, 65_537, 66_000, 131_072,
    ] {
        let log = Log::new(size);
        for cut in [0, 1, 255, 256, 257, size / 2, size - 1] {
            let cut = cut.min(size - 1);
            let (root, cut_root, findings) = log.check(Some(cut));
            assert_eq!(root, Some(log.root(place(size))), "{size}");
            assert_eq!(cut_root, Some(log.root(place(cut))), "{cut} of {size}");
            assert_eq!(findings, [], "{size}");
        }
    }
}

#[test]
fn partial_files_that_are_gone_are_read_from_the_full_ones() {
    let larger = Log::new(66_048);
    let mut log = Log::new(66_000);
    for (partial, full) in [
        ("tile/0/257.p/208", "tile/0/257"),
        ("tile/entries/257.p/208", "tile/entries/257"),
    ] {
        log.files.remove(partial).unwrap();
        log.files
            .insert(full.to_owned(), larger.files[full].clone());
    }
    let (root, _, findings) = log.check(None);
    assert_eq!((root, findings), (Some(log.root(66_000)), vec![]));
}

/// One thing wrong: its name, the change, the file that must be named, the kind, and whether the root is still known.
struct Row {
    name: &'static str,
    change: fn(&mut Log),
    resource: &'static str,
    kind: Kind,
    root: Root,
}

#[derive(Debug, PartialEq, Eq)]
enum Root {
    /// The damage is told apart from the truth, so the root is that of the log.
    Right,
    /// The tree computed from what is there has another root.
    Wrong,
    /// The tree cannot be computed.
    Unknown,
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "a table of damages, and the loop over it"
)]
fn each_damage_is_one_finding_that_names_its_file() {
    let rows = [
        Row {
            name: "a byte of an entry",
            change: |log| *log.file("tile/entries/003").last_mut().unwrap() ^= 1,
            resource: "tile/entries/003",
            kind: Kind::WrongEntry,
            root: Root::Right,
        },
        Row {
            name: "a byte of an entry of the partial bundle",
            change: |log| *log.file("tile/entries/257.p/208").last_mut().unwrap() ^= 1,
            resource: "tile/entries/257.p/208",
            kind: Kind::WrongEntry,
            root: Root::Right,
        },
        Row {
            name: "a byte of the partial tile",
            change: |log| *log.file("tile/0/257.p/208").last_mut().unwrap() ^= 1,
            resource: "tile/0/257.p/208",
            kind: Kind::WrongTile,
            root: Root::Right,
        },
        Row {
            name: "a partial bundle and its tile, each in another way",
            change: |log| {
                *log.file("tile/0/257.p/208").last_mut().unwrap() ^= 1;
                *log.file("tile/entries/257.p/208").last_mut().unwrap() ^= 1;
            },
            resource: "tile/entries/257.p/208",
            kind: Kind::WrongEntry,
            root: Root::Wrong,
        },
        Row {
            name: "a byte of a leaf hash",
            change: |log| log.file("tile/0/200")[100] ^= 1,
            resource: "tile/0/200",
            kind: Kind::WrongTile,
            root: Root::Right,
        },
        Row {
            name: "a byte of a hash of level 1",
            change: |log| log.file("tile/1/000")[8191] ^= 1,
            resource: "tile/1/000",
            kind: Kind::WrongParent,
            root: Root::Right,
        },
        Row {
            name: "bundle missing",
            change: |log| drop(log.files.remove("tile/entries/000")),
            resource: "tile/entries/000",
            kind: Kind::Missing,
            root: Root::Right,
        },
        Row {
            name: "tile missing",
            change: |log| drop(log.files.remove("tile/0/255")),
            resource: "tile/0/255",
            kind: Kind::Missing,
            root: Root::Right,
        },
        Row {
            name: "partial bundle missing",
            change: |log| drop(log.files.remove("tile/entries/257.p/208")),
            resource: "tile/entries/257.p/208",
            kind: Kind::Missing,
            root: Root::Right,
        },
        Row {
            name: "partial tile missing",
            change: |log| drop(log.files.remove("tile/0/257.p/208")),
            resource: "tile/0/257.p/208",
            kind: Kind::Missing,
            root: Root::Right,
        },
        Row {
            name: "tile of level 1 missing",
            change: |log| drop(log.files.remove("tile/1/000")),
            resource: "tile/1/000",
            kind: Kind::Missing,
            root: Root::Right,
        },
        Row {
            name: "bundle cut short",
            change: |log| {
                log.file("tile/entries/007").pop();
            },
            resource: "tile/entries/007",
            kind: Kind::Malformed,
            root: Root::Right,
        },
        Row {
            name: "bundle with a byte more",
            change: |log| log.file("tile/entries/007").push(0),
            resource: "tile/entries/007",
            kind: Kind::Malformed,
            root: Root::Right,
        },
        Row {
            name: "tile cut by a hash",
            change: |log| log.file("tile/0/007").truncate(8160),
            resource: "tile/0/007",
            kind: Kind::Malformed,
            root: Root::Right,
        },
        Row {
            name: "tile cut by a byte",
            change: |log| log.file("tile/0/007").truncate(8191),
            resource: "tile/0/007",
            kind: Kind::Malformed,
            root: Root::Right,
        },
        Row {
            name: "tile of level 1 empty",
            change: |log| log.file("tile/1/001.p/1").clear(),
            resource: "tile/1/001.p/1",
            kind: Kind::Malformed,
            root: Root::Right,
        },
        Row {
            name: "two tiles exchanged",
            change: |log| {
                let other = log.files["tile/0/009"].clone();
                *log.file("tile/0/008") = other;
            },
            resource: "tile/0/008",
            kind: Kind::WrongTile,
            root: Root::Right,
        },
        Row {
            name: "an entry forged along with its tile",
            change: |log| {
                let forged =
                    encode_bundle(&(0..256).map(|place| entry(place + 1)).collect::<Vec<_>>())
                        .unwrap();
                let hashes = (0..256)
                    .map(|place| hash_leaf(&entry(place + 1)).into())
                    .collect();
                *log.file("tile/entries/000") = forged;
                *log.file("tile/0/000") = Tile::new(hashes).unwrap().encode();
            },
            resource: "tile/1/000",
            kind: Kind::WrongParent,
            root: Root::Wrong,
        },
    ];
    for row in rows {
        let mut log = Log::new(66_000);
        let expected = log.root(66_000);
        (row.change)(&mut log);
        let (root, _, findings) = log.check(None);
        let named: Vec<(&str, Kind)> = findings
            .iter()
            .map(|finding| (finding.resource.as_str(), finding.kind))
            .collect();
        assert_eq!(
            named,
            [(row.resource, row.kind)],
            "{}: {findings:?}",
            row.name
        );
        let root = match root {
            Some(root) if root == expected => Root::Right,
            Some(_) => Root::Wrong,
            None => Root::Unknown,
        };
        assert_eq!(root, row.root, "{}", row.name);
    }
}

#[test]
fn what_is_lost_on_both_sides_leaves_the_root_to_the_tile_above_or_unknown() {
    let mut log = Log::new(66_000);
    log.files.remove("tile/0/004");
    log.files.remove("tile/entries/004");
    let (root, _, findings) = log.check(None);
    assert_eq!((root, findings.len()), (Some(log.root(66_000)), 2));
    log.files.remove("tile/1/000");
    let (root, _, findings) = log.check(None);
    assert_eq!((root, findings.len()), (None, 3));

    let mut log = Log::new(66_000);
    log.files.remove("tile/0/257.p/208");
    log.files.remove("tile/entries/257.p/208");
    let (root, _, findings) = log.check(None);
    assert_eq!((root, findings.len()), (None, 2));
}

#[test]
fn findings_are_described_up_to_a_limit_and_counted_beyond() {
    let mut log = Log::new(65_536);
    for bundle in 0..256 {
        log.file(&format!("tile/entries/{bundle:03}")).push(0);
    }
    let result = log.check_unit(0, None);
    assert_eq!(
        (result.findings.len(), result.more_findings),
        (MAX_FINDINGS, 256 - MAX_FINDINGS as u64)
    );
}

#[test]
fn a_file_that_cannot_be_read_is_no_damage() {
    let log = Log::new(300);
    let mut unit = UnitCheck::new(0, log.size, None);
    for resource in unit.plan() {
        let found = match resource {
            Resource::Bundle(id) if id.index() == 0 => Found::Unreadable("no route".to_owned()),
            other => log.find(other),
        };
        unit.take(resource, found);
    }
    let (result, _) = unit.finish();
    assert_eq!(result.findings.len(), 1);
    assert!(!result.findings[0].kind.is_damage());
}

#[test]
fn a_large_bundle_does_not_wait_for_its_group() {
    let entries: Vec<Vec<u8>> = (0..=255_u8).map(|byte| vec![byte; 65_535]).collect();
    let bytes = Bytes::from(encode_bundle(&entries).unwrap());
    let size = TreeSize::new(512);
    let mut unit = UnitCheck::new(0, size, None);
    let checked: Vec<u64> = unit
        .plan()
        .map(|resource| match resource {
            Resource::Bundle(_) => unit.take(resource, Found::Bytes(bytes.clone())),
            Resource::Tile(_) => unit.take(resource, Found::Missing),
        })
        .collect();
    assert_eq!(checked, [0, 0, 256, 0, 256]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever bit is flipped in whatever file below level 2, that file is the first one named.
    #[test]
    fn no_bit_flip_goes_unnoticed(size in 1..3000_u64, file: prop::sample::Index, bit: prop::sample::Index) {
        let mut log = Log::new(size);
        let mut paths: Vec<String> = log.files.keys().filter(|path| !path.starts_with("tile/2/")).cloned().collect();
        paths.sort();
        let path = file.get(&paths).clone();
        let bytes = log.file(&path);
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let (_, _, findings) = log.check(None);
        prop_assert!(!findings.is_empty());
        prop_assert_eq!(&findings[0].resource, &path);
    }
}
