//! Tiles of a tree, and what is computed from them: their paths, their bytes, and the hashes of proofs, some from tiles that were changed.
//!
//! The tree has [`SIZE`] entries; entry i is the decimal digits of i, so that nobody has to be told more.

use std::collections::HashMap;
use std::error::Error;

use counterfoil_tiles::hash::{
    LeafIndex, NodeHash, TreeSize, empty_root, hash_leaf, hash_node, tile_roots,
};
use counterfoil_tiles::proof::{
    MissingTile, ProofPlan, ResolveError, Subtree, TileReader, root_from_tiles,
};
use counterfoil_tiles::tile::{BundleId, EntryBundle, Tile, TileId, encode_bundle, tiles_of};
use serde_json::{Value, json};

use crate::edits::{self, Random};
use crate::write::Corpus;

/// As many as have a third level of tiles.
pub(crate) const SIZE: u64 = 66_000;

const WIDTH: usize = 256;

/// The rows of hashes of the tree, level by level of tiles.
pub(crate) struct Tree {
    levels: Vec<Vec<NodeHash>>,
}

impl Tree {
    pub(crate) fn new() -> Self {
        let entries = (0..SIZE).map(|entry| entry.to_string());
        let mut row: Vec<NodeHash> = entries
            .map(|entry| NodeHash::from(hash_leaf(entry.as_bytes())))
            .collect();
        let mut levels = Vec::new();
        while row.len() >= WIDTH {
            let mut above = Vec::new();
            tile_roots(&row[..row.len() / WIDTH * WIDTH], &mut above);
            levels.push(std::mem::replace(&mut row, above));
        }
        levels.push(row);
        Self { levels }
    }

    pub(crate) fn root(&self, size: u64) -> NodeHash {
        root_from_tiles(TreeSize::new(size), &self.whole()).expect("the tree has its tiles")
    }

    /// The hash of a part of the tree: that of a tree of its own.
    pub(crate) fn hash(&self, subtree: Subtree) -> NodeHash {
        let [start, end] = [subtree.start(), subtree.end()].map(|at| usize::try_from(at).unwrap());
        over(&self.levels[0][start..end])
    }

    pub(crate) fn leaf(&self, index: u64) -> NodeHash {
        self.levels[0][usize::try_from(index).unwrap()]
    }

    pub(crate) fn proof(&self, plan: &ProofPlan, size: u64) -> Vec<NodeHash> {
        plan.resolve(TreeSize::new(size), &self.whole())
            .expect("the tree has its tiles")
    }

    fn whole(&self) -> Damaged<'_> {
        Damaged {
            tree: self,
            changed: HashMap::new(),
        }
    }

    /// The tile as wide as it is asked for.
    fn tile(&self, id: TileId) -> Option<Vec<NodeHash>> {
        let first = usize::try_from(id.index()).ok()?.checked_mul(WIDTH)?;
        let row = self.levels.get(usize::from(id.level()))?;
        Some(row.get(first..first + usize::from(id.width()))?.to_vec())
    }
}

/// The root over these, by the definition.
fn over(hashes: &[NodeHash]) -> NodeHash {
    match hashes {
        [] => empty_root(),
        [one] => *one,
        _ => {
            let (left, right) = hashes.split_at(hashes.len().next_power_of_two() / 2);
            hash_node(&over(left), &over(right))
        }
    }
}

/// What is wrong with a tile.
#[derive(Clone, Copy)]
enum Damage {
    Missing,
    /// One hash too few.
    Narrow,
    /// One bit of its last hash.
    Flipped,
}

impl Damage {
    const ALL: [Self; 3] = [Self::Missing, Self::Narrow, Self::Flipped];

    fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Narrow => "narrow",
            Self::Flipped => "flipped",
        }
    }

    fn apply(self, mut hashes: Vec<NodeHash>) -> Option<Vec<NodeHash>> {
        let last = hashes.pop()?;
        match self {
            Self::Missing => None,
            Self::Narrow => Some(hashes),
            Self::Flipped => {
                let mut bytes = *last.as_bytes();
                bytes[31] ^= 1;
                hashes.push(NodeHash::from_bytes(bytes));
                Some(hashes)
            }
        }
    }
}

/// The tree's tiles, some of them changed.
struct Damaged<'a> {
    tree: &'a Tree,
    changed: HashMap<TileId, Damage>,
}

impl TileReader for Damaged<'_> {
    type Error = MissingTile;

    fn tile(&self, id: TileId) -> Result<Tile, MissingTile> {
        let hashes = self
            .tree
            .tile(id)
            .and_then(|hashes| match self.changed.get(&id) {
                Some(damage) => damage.apply(hashes),
                None => Some(hashes),
            });
        // A tile of no hashes is none.
        let tile = hashes.and_then(|hashes| Tile::new(hashes).ok());
        tile.ok_or(MissingTile(id))
    }
}

/// All cases.
pub(crate) fn write(
    tree: &Tree,
    random: &mut Random,
    corpus: &mut Corpus,
) -> Result<(), Box<dyn Error>> {
    paths(random, corpus)?;
    bytes(tree, random, corpus)?;
    plans(tree, random, corpus)
}

fn paths(random: &mut Random, corpus: &mut Corpus) -> Result<(), Box<dyn Error>> {
    let rows = [
        "tile/0/000",
        "tile/0/000.p/1",
        "tile/0/000.p/255",
        "tile/0/000.p/256",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/x001/x234/067.p/8",
        "tile/0/x000/067",
        "tile/63/x018/x446/x744/x073/x709/x551/615",
        "tile/63/x018/x446/x744/x073/x709/x551/616",
        "tile/64/000",
        "tile/00/000",
        "tile/-1/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x001",
        "tile/0/001/067",
        "tile/0/١٢٣",
        "tile/0/000/",
        "/tile/0/000",
        "tile/entries/000",
        "tile/entries/x012/345.p/17",
        "tile/entries/x012/345.p/",
        "tile/entries/x012/345.q/17",
        "tile/data/000",
        "tile/entries",
        "tile//000",
        "",
    ];
    for path in rows {
        corpus.add_path(path, path)?;
        for number in 0..if path.is_empty() { 0 } else { 40 } {
            let splice = edits::splice(path.as_bytes(), random);
            let text = edits::spliced(path.as_bytes(), &splice);
            if let Ok(text) = String::from_utf8(text) {
                corpus.add_path(&format!("{path}: {number}"), &text)?;
            }
        }
    }
    Ok(())
}

impl Corpus {
    fn add_path(&mut self, name: &str, path: &str) -> Result<(), Box<dyn Error>> {
        let read = if path.starts_with("tile/entries/") {
            BundleId::parse(path).map(|id| json!(["entries", id.index().to_string(), id.width()]))
        } else {
            TileId::parse(path).map(|id| json!([id.level(), id.index().to_string(), id.width()]))
        };
        // The words of what is wrong differ: the other side has one for all of it.
        let expect = read.map_or(
            json!({"error": true}),
            |id| json!({"error": null, "id": id}),
        );
        self.put("path", name, path.as_bytes(), json!({}), expect)
    }

    fn add_tile(&mut self, name: &str, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
        let expect = match Tile::parse(bytes) {
            Ok(tile) => json!({
                "error": null,
                "hashes": tile.hashes().iter().map(ToString::to_string).collect::<Vec<_>>(),
                "root": tile.root().map(|root| root.to_string()),
            }),
            Err(error) => json!({"error": error.to_string()}),
        };
        self.put("tile", name, bytes, json!({}), expect)
    }

    fn add_bundle(&mut self, name: &str, bytes: &[u8], width: u16) -> Result<(), Box<dyn Error>> {
        let expect = match EntryBundle::parse(bytes, width) {
            Ok(bundle) => {
                let mut leaves = Vec::new();
                bundle.hash_leaves(&mut leaves);
                let leaves = leaves.into_iter().map(NodeHash::from);
                json!({"error": null, "leaves": leaves.map(|leaf| leaf.to_string()).collect::<Vec<_>>()})
            }
            Err(error) => json!({"error": error.to_string()}),
        };
        self.put("bundle", name, bytes, json!({"width": width}), expect)
    }
}

fn bytes(tree: &Tree, random: &mut Random, corpus: &mut Corpus) -> Result<(), Box<dyn Error>> {
    for width in [1, 2, 3, 100, 255, 256] {
        let id = TileId::new(0, 7, width)?;
        let tile = Tile::new(tree.tile(id).ok_or("no such tile")?)?.encode();
        corpus.add_tile(&format!("{width} hashes"), &tile)?;
        let entries: Vec<String> = (0..width)
            .map(|entry| "e".repeat(usize::from(entry)))
            .collect();
        let bundle = encode_bundle(&entries)?;
        for said in [0, 1, width - 1, width, width.saturating_add(1), 257] {
            corpus.add_bundle(&format!("{width} entries as {said}"), &bundle, said)?;
        }
        for number in 0..20 {
            let splice = edits::splice(&tile, random);
            let name = format!("{width} hashes: change {number}");
            corpus.add_tile(&name, &edits::spliced(&tile, &splice))?;
            let splice = edits::splice(&bundle, random);
            let name = format!("{width} entries: change {number}");
            corpus.add_bundle(&name, &edits::spliced(&bundle, &splice), width)?;
        }
    }
    for size in [0, 31, 33, 8_192 + 32, 8_191] {
        corpus.add_tile(&format!("{size} bytes"), &vec![7; size])?;
    }
    let largest = encode_bundle(&[vec![1; 65_535]])?;
    corpus.add_bundle("the largest entry", &largest, 1)?;
    corpus.add_bundle("no bytes", &[], 1)?;
    Ok(())
}

/// What is to be computed from tiles.
enum Wanted {
    Root,
    Inclusion(u64),
    Consistency(u64),
}

fn plans(tree: &Tree, random: &mut Random, corpus: &mut Corpus) -> Result<(), Box<dyn Error>> {
    let sizes = [
        0, 1, 2, 3, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 65_792, SIZE,
    ];
    for size in sizes {
        let mut wanted = vec![
            Wanted::Root,
            Wanted::Inclusion(size),
            Wanted::Consistency(0),
        ];
        let ends = [0, 1, 255, 256, 511, 65_535, size.saturating_sub(1)];
        wanted.extend(ends.map(Wanted::Inclusion));
        wanted.extend([1, 2, 256, 257, 65_536, size, size + 1].map(Wanted::Consistency));
        for _ in 0..6 {
            let below = random.below(usize::try_from(size)? + 1) as u64;
            wanted.extend([Wanted::Inclusion(below), Wanted::Consistency(below)]);
        }
        for wanted in wanted {
            plan(tree, size, &wanted, random, corpus)?;
        }
    }
    Ok(())
}

/// What is computed from the tiles as they are, and with one of them changed in each way.
fn plan(
    tree: &Tree,
    size: u64,
    wanted: &Wanted,
    random: &mut Random,
    corpus: &mut Corpus,
) -> Result<(), Box<dyn Error>> {
    let whole = TreeSize::new(size);
    let (name, wanted, plan) = match *wanted {
        Wanted::Root => (format!("the root of {size}"), json!({"root": true}), None),
        Wanted::Inclusion(index) => (
            format!("entry {index} of {size}"),
            json!({"index": index.to_string()}),
            Some(ProofPlan::inclusion(LeafIndex::new(index), whole)),
        ),
        Wanted::Consistency(old) => (
            format!("{old} in {size}"),
            json!({"old": old.to_string()}),
            Some(ProofPlan::consistency(TreeSize::new(old), whole)),
        ),
    };
    let case = |changed: Option<(TileId, Damage)>| {
        let mut case = wanted.clone();
        case["size"] = json!(size.to_string());
        case["changed"] = changed.map_or(Value::Null, |(id, damage)| {
            json!([id.path(), damage.word()])
        });
        case
    };
    let tiles = match &plan {
        None => tiles_of(whole),
        Some(Ok(plan)) => plan.tiles(whole)?,
        Some(Err(error)) => {
            let expect = json!({"error": error.to_string()});
            return corpus.put("plan", &name, &[], case(None), expect);
        }
    };
    let mut changes = vec![None];
    if !tiles.is_empty() {
        let tile = tiles[random.below(tiles.len())];
        changes.extend(Damage::ALL.map(|damage| Some((tile, damage))));
    }
    for changed in changes {
        let reader = Damaged {
            tree,
            changed: changed.into_iter().collect(),
        };
        let computed = match &plan {
            Some(Ok(plan)) => plan.resolve(whole, &reader),
            _ => root_from_tiles(whole, &reader).map(|root| vec![root]),
        };
        let expect = match computed {
            Ok(hashes) => json!({
                "error": null,
                "hashes": hashes.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "tiles": tiles.iter().map(TileId::path).collect::<Vec<_>>(),
            }),
            Err(ResolveError::Read { tile, .. }) => json!({"error": format!("no {}", tile.path())}),
            Err(error) => json!({"error": error.to_string()}),
        };
        let damage = changed.map_or("as it is", |(_, damage)| damage.word());
        corpus.put(
            "plan",
            &format!("{name}: {damage}"),
            &[],
            case(changed),
            expect,
        )?;
    }
    Ok(())
}
