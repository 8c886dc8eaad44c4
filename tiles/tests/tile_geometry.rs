//! Tiles, bundles and their paths.

mod common;

use common::naive;
use counterfoil_tiles::hash::{LeafHash, NodeHash, TreeSize, empty_root};
use counterfoil_tiles::tile::{
    BundleError, BundleId, EntryBundle, IdError, MAX_ENTRY_SIZE, Tile, TileError, TileId,
    all_bundles, all_tiles, encode_bundle, partial_width, tiles_of,
};
use proptest::prelude::*;

#[test]
fn paths_that_are_read() {
    for (path, level, index, width) in [
        ("tile/0/000", 0, 0, 256),
        ("tile/63/000", 63, 0, 256),
        ("tile/7/255.p/255", 7, 255, 255),
        ("tile/0/999.p/1", 0, 999, 1),
        ("tile/0/x001/000", 0, 1000, 256),
        ("tile/0/x001/x234/067", 0, 1_234_067, 256),
        ("tile/12/x100/x000/000.p/10", 12, 100_000_000, 10),
        ("tile/0/x018/x446/x744/x073/x709/x551/615", 0, u64::MAX, 256),
    ] {
        let id = TileId::new(level, index, width).unwrap();
        assert_eq!(TileId::parse(path), Ok(id));
        assert_eq!(id.path(), path);
        if level == 0 {
            let bundle = BundleId::new(index, width).unwrap();
            let path = path.replacen("tile/0/", "tile/entries/", 1);
            assert_eq!(BundleId::parse(&path), Ok(bundle));
            assert_eq!(bundle.path(), path);
            assert_eq!(bundle.leaf_tile(), id);
        }
    }
}

// SPEC(tlog-tiles): "`<L>` is the “level” of the tile, and MUST be a decimal ASCII integer between 0
// and 63, with no additional leading zeroes."
#[test]
fn levels_that_are_refused() {
    for level in [
        "64",
        "100",
        "00",
        "01",
        "063",
        "",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1.0",
        "0x1",
        "a",
        "٣",
        "18446744073709551616",
        "entries",
    ] {
        assert_eq!(
            TileId::parse(&format!("tile/{level}/000")),
            Err(IdError::LevelText),
            "level {level:?}"
        );
    }
    assert_eq!(TileId::new(64, 0, 1), Err(IdError::Level(64)));
}

// SPEC(tlog-tiles): "`<N>` is the index of the tile within the level. It MUST be a non-negative
// integer encoded into zero-padded 3-digit path elements. All but the last path
// element MUST begin with an `x`."
#[test]
fn indexes_that_are_refused() {
    for index in [
        "",
        "0",
        "00",
        "0000",
        "1",
        "12",
        "1000",
        "-01",
        "+01",
        " 01",
        "0 1",
        "01a",
        "a01",
        "x000",
        "x001",
        "X001/000",
        "x001/x000",
        "x000/001",
        "x000/x001/000",
        "x000/000",
        "001/000",
        "x01/000",
        "x0001/000",
        "x001/00",
        "x001//000",
        "/000",
        "000/",
        "x001/000/",
        "x001/x234/x067",
        "x1/x234/067",
        "xx01/000",
        "x-01/000",
        "٠٠٠",
        "x001\\000",
        "000\n",
        "000.p",
        "000.",
        "000.p/",
        "000p/1",
        "x018/x446/x744/x073/x709/x551/616",
        "x018/x446/x744/x073/x709/x552/000",
        "x001/x000/x000/x000/x000/x000/x000/000",
        "..",
        "../000",
        "%30%30%30",
        "000?",
        "000#",
        "000.p/1.p/1",
        "000.P/1",
    ] {
        let refused = TileId::parse(&format!("tile/0/{index}"));
        assert!(
            matches!(refused, Err(IdError::IndexText | IdError::WidthText)),
            "index {index:?}: {refused:?}"
        );
        assert!(
            BundleId::parse(&format!("tile/entries/{index}")).is_err(),
            "index {index:?}"
        );
    }
}

// SPEC(tlog-tiles): "`<W>` is the width of the tile, a decimal ASCII integer between 1 and 255, with no
// additional leading zeroes."
#[test]
fn widths_that_are_refused() {
    for width in [
        "",
        "0",
        "00",
        "01",
        "001",
        "256",
        "257",
        "1000",
        "65537",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1/",
        "/1",
        "a",
        "1a",
        "٣",
        "18446744073709551617",
    ] {
        assert_eq!(
            TileId::parse(&format!("tile/0/000.p/{width}")),
            Err(IdError::WidthText),
            "width {width:?}"
        );
        assert_eq!(
            BundleId::parse(&format!("tile/entries/000.p/{width}")),
            Err(IdError::WidthText),
            "width {width:?}"
        );
    }
    for width in [0, 257, u16::MAX] {
        assert_eq!(TileId::new(0, 0, width), Err(IdError::Width(width)));
        assert_eq!(BundleId::new(0, width), Err(IdError::Width(width)));
    }
}

#[test]
fn paths_of_other_things_are_refused() {
    for path in [
        "",
        "tile",
        "/tile/0/000",
        "tiles/0/000",
        "Tile/0/000",
        "checkpoint",
        "tile//000",
        "tile/0",
        "tile/0/",
    ] {
        assert!(TileId::parse(path).is_err(), "{path:?}");
        assert!(BundleId::parse(path).is_err(), "{path:?}");
    }
    assert_eq!(TileId::parse("tile/entries/000"), Err(IdError::LevelText));
    assert!(BundleId::parse("tile/0/000").is_err());
    assert!(BundleId::parse("tile/data/000").is_err());
}

#[test]
fn tiles_of_256_and_of_no_entries() {
    // SPEC(tlog-tiles): "Note that a tree of size 256 will be represented by a full level 0 tile and a partial level 1 tile of width 1."
    let paths: Vec<String> = all_tiles(TreeSize::new(256)).map(|id| id.path()).collect();
    assert_eq!(paths, ["tile/0/000", "tile/1/000.p/1"]);
    // SPEC(tlog-tiles): "Empty tiles MUST NOT be served."
    assert_eq!(all_tiles(TreeSize::ZERO).count(), 0);
    assert_eq!(all_bundles(TreeSize::ZERO).count(), 0);
    assert_eq!(tiles_of(TreeSize::ZERO), []);
}

#[test]
fn geometry_of_the_largest_tree() {
    let size = TreeSize::new(u64::MAX);
    let edge = tiles_of(size);
    assert_eq!(edge.len(), 8);
    for (level, id) in (0_u8..).zip(edge) {
        assert_eq!(partial_width(level, size), 255);
        assert_eq!(
            id,
            TileId::new(
                level,
                u64::MAX >> (8 * (u32::from(level) + 1)).min(63) >> u32::from(level == 7),
                255
            )
            .unwrap()
        );
    }
    for level in 8..=u8::MAX {
        assert_eq!(
            partial_width(level, size),
            0,
            "256^{level} entries are more than 2^64 - 1"
        );
        assert_eq!(TileId::at(level, 0, size), None);
    }
    assert_eq!(TileId::at(0, u64::MAX, size), None);
    assert_eq!(BundleId::at(u64::MAX, size), None);
    assert_eq!(
        BundleId::at(u64::MAX >> 8, size),
        BundleId::new(u64::MAX >> 8, 255).into_iter().next()
    );
    assert_eq!(all_tiles(size).next(), TileId::new(0, 0, 256).ok());
}

// SPEC(tlog-tiles): "Full tiles MUST be exactly 256 hashes wide, or 8,192 bytes."
#[test]
fn tiles_that_are_refused() {
    for size in [0, 1, 31, 33, 63, 8_191, 8_193, 8_192 + 32, 2 * 8_192] {
        assert_eq!(Tile::parse(&vec![0; size]), Err(TileError::Size(size)));
    }
    assert_eq!(Tile::new(vec![]), Err(TileError::Width(0)));
    assert_eq!(
        Tile::new(vec![empty_root(); 257]),
        Err(TileError::Width(257))
    );
    assert_eq!(Tile::parse(&[0; 8_192]).unwrap().width(), 256);
    assert_eq!(Tile::parse(&[0; 32]).unwrap().width(), 1);
}

// SPEC(tlog-tiles): "A partial
// tile contains between 1 and 255 hashes, and MUST NOT be hashed into a tile at
// the level above."
#[test]
fn only_a_full_tile_has_a_root() {
    let leaves = naive::decimal_leaves(256);
    let full = Tile::new(naive::nodes(&leaves)).unwrap();
    assert_eq!(full.root(), Some(NodeHash::from_bytes(naive::mth(&leaves))));
    for width in 1..256 {
        let partial = full.prefix(width).unwrap();
        assert_eq!(partial.hashes(), &full.hashes()[..usize::from(width)]);
        assert_eq!(partial.root(), None, "width {width}");
        assert_eq!(partial.prefix(width + 1), None, "no prefix is wider");
    }
    assert_eq!(full.prefix(256).as_ref(), Some(&full));
    assert_eq!(full.prefix(0), None);
    assert_eq!(full.prefix(257), None);
}

// SPEC(tlog-tiles): "Entry bundles are sequences of big-endian uint16 length-prefixed log entries."
#[test]
fn bundles_that_are_refused() {
    let good = encode_bundle(&[b"one".as_slice(), b"", b"three"]).unwrap();
    assert_eq!(good, b"\0\x03one\0\0\0\x05three");
    assert_eq!(
        EntryBundle::parse(&good, 3).unwrap().entries(),
        [b"one".as_slice(), b"", b"three"]
    );

    assert_eq!(
        EntryBundle::parse(&good, 2),
        Err(BundleError::TooLong {
            expected: 2,
            rest: 7
        }),
        "an entry too many"
    );
    assert_eq!(
        EntryBundle::parse(&good, 4),
        Err(BundleError::TooShort {
            expected: 4,
            found: 3,
            rest: 0
        }),
        "an entry missing"
    );
    for end in 0..good.len() {
        assert!(
            matches!(
                EntryBundle::parse(&good[..end], 3),
                Err(BundleError::TooShort { .. })
            ),
            "cut at {end}"
        );
    }
    for tail in [&b"\0"[..], b"\0\0", b"\n"] {
        let long = [&good, tail].concat();
        assert_eq!(
            EntryBundle::parse(&long, 3),
            Err(BundleError::TooLong {
                expected: 3,
                rest: tail.len()
            })
        );
    }
    for width in [0, 257, u16::MAX] {
        assert_eq!(
            EntryBundle::parse(&good, width),
            Err(BundleError::Width(usize::from(width)))
        );
    }
    assert_eq!(encode_bundle::<&[u8]>(&[]), Err(BundleError::Width(0)));
    assert_eq!(encode_bundle(&[[]; 257]), Err(BundleError::Width(257)));
    let (largest, larger) = (vec![7; MAX_ENTRY_SIZE], vec![7; MAX_ENTRY_SIZE + 1]);
    assert_eq!(
        encode_bundle(&[b"x".as_slice(), &larger]),
        Err(BundleError::EntrySize {
            place: 1,
            size: 65_536
        })
    );
    let bytes = encode_bundle(&[&largest]).unwrap();
    assert_eq!(EntryBundle::parse(&bytes, 1).unwrap().entries(), [&largest]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn paths_round_trip(level in 0_u8..=63, index: u64, shift in 0_u32..64, width in 1_u16..=256) {
        let index = index >> shift;
        let tile = TileId::new(level, index, width).unwrap();
        prop_assert_eq!(TileId::parse(&tile.path()), Ok(tile));
        let bundle = BundleId::new(index, width).unwrap();
        prop_assert_eq!(BundleId::parse(&bundle.path()), Ok(bundle));
    }

    /// What is read is written back as it was: there is one path for each tile.
    #[test]
    fn paths_are_canonical(path in "tile/(entries|[0-9]{1,2})/(x[0-9]{3}/){0,7}[0-9]{3}(\\.p/[0-9]{1,3})?") {
        if let Ok(tile) = TileId::parse(&path) {
            prop_assert_eq!(tile.path(), path);
        } else if let Ok(bundle) = BundleId::parse(&path) {
            prop_assert_eq!(bundle.path(), path);
        }
    }

    #[test]
    fn tiles_round_trip(bytes in prop::collection::vec(any::<[u8; 32]>(), 1..=256)) {
        let tile = Tile::new(naive::nodes(&bytes)).unwrap();
        prop_assert_eq!(tile.encode(), bytes.concat());
        prop_assert_eq!(Tile::parse(&tile.encode()), Ok(tile));
    }

    #[test]
    fn bundles_round_trip(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..=256)) {
        let bytes = encode_bundle(&entries).unwrap();
        let width = u16::try_from(entries.len()).unwrap();
        let bundle = EntryBundle::parse(&bytes, width).unwrap();
        prop_assert_eq!(bundle.entries(), &entries);
        let mut hashes: Vec<LeafHash> = Vec::new();
        bundle.hash_leaves(&mut hashes);
        let expected: Vec<_> = entries.iter().map(|entry| naive::leaf(entry)).collect();
        prop_assert_eq!(hashes, naive::leaf_hashes(&expected));
    }

    /// Any bytes either are the bundle that they encode to, or are refused.
    #[test]
    fn bundles_are_canonical(bytes in prop::collection::vec(0_u8..4, 0..60), width in 0_u16..=20) {
        if let Ok(bundle) = EntryBundle::parse(&bytes, width) {
            prop_assert_eq!(bundle.entries().len(), usize::from(width));
            prop_assert_eq!(encode_bundle(bundle.entries()), Ok(bytes));
        }
    }

    // SPEC(tlog-tiles): "The partial tile at level *l* for a tree of size *s* has `floor(s / 256**l) mod 256` entries."
    #[test]
    fn geometry_is_that_of_the_naive_tiles(size in 0_usize..70_000) {
        let size64 = TreeSize::new(size as u64);
        let mut expected = Vec::new();
        let mut count = size;
        for level in 0.. {
            if count == 0 {
                break;
            }
            for index in 0..count.div_ceil(256) {
                let width = u16::try_from((count - index * 256).min(256)).unwrap();
                expected.push(TileId::new(level, index as u64, width).unwrap());
            }
            count /= 256;
        }
        let all: Vec<TileId> = all_tiles(size64).collect();
        prop_assert_eq!(&all, &expected);
        let partial: Vec<TileId> = expected.iter().copied().filter(TileId::is_partial).collect();
        for id in &partial {
            prop_assert_eq!(partial_width(id.level(), size64), id.width());
        }
        prop_assert_eq!(tiles_of(size64), partial);
        let bundles: Vec<TileId> = all_bundles(size64).map(|id| id.leaf_tile()).collect();
        prop_assert_eq!(bundles, expected.into_iter().filter(|id| id.level() == 0).collect::<Vec<_>>());
    }
}
