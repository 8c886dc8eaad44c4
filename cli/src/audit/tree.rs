//! The tree above the units: from the root of each unit to the root of the tree.
//!
//! Pure. The roots of units are the hashes of level 2. They are pushed in order; each tile of level 2 and above that is
//! full, and at the end each partial one, comes out with the hashes that it must have.

use counterfoil_tiles::frontier::Frontier;
use counterfoil_tiles::hash::{NodeHash, TreeSize, tile_roots};
use counterfoil_tiles::tile::{TILE_WIDTH, TileId};

use super::finding::{Finding, Side};
use super::unit::{Edge, UNIT_ENTRIES, Unsettled};

/// The lowest level above units.
const LOWEST: u8 = 2;

/// The tree over the units checked so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    units: u64,
    /// Hashes of the tiles that are not full yet, from level 2 up.
    open: Vec<Vec<Option<NodeHash>>>,
}

/// A tile and the hashes that were computed for it; `None` where something below could not be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ComputedTile {
    /// The tile.
    pub(crate) id: TileId,
    /// Its hashes, left to right.
    pub(crate) hashes: Vec<Option<NodeHash>>,
}

impl Tree {
    /// A tree over `units` full units with these open tiles from level 2 up, as [`open`](Self::open) gave them.
    /// `None` if such a tree has open tiles of other widths.
    pub(crate) fn resume(units: u64, open: Vec<Vec<NodeHash>>) -> Option<Self> {
        let mut rest = units;
        for level in &open {
            if level.len() as u64 != rest % u64::from(TILE_WIDTH) {
                return None;
            }
            rest /= u64::from(TILE_WIDTH);
        }
        let open = open
            .into_iter()
            .map(|level| level.into_iter().map(Some).collect())
            .collect();
        (rest == 0).then_some(Self { units, open })
    }

    /// The number of units.
    pub(crate) fn units(&self) -> u64 {
        self.units
    }

    /// The number of entries in them.
    pub(crate) fn entries(&self) -> u64 {
        self.units * UNIT_ENTRIES
    }

    /// The hashes of the tiles that are not full, from level 2 up; `None` if one of them is not known.
    pub(crate) fn open(&self) -> Option<Vec<Vec<NodeHash>>> {
        self.open
            .iter()
            .map(|level| level.iter().copied().collect())
            .collect()
    }

    /// Adds the root of the next unit. Gives the tiles that it filled.
    pub(crate) fn push(&mut self, root: Option<NodeHash>) -> Vec<ComputedTile> {
        let mut filled = Vec::new();
        let mut next = Some(root);
        let mut level = 0;
        self.units += 1;
        let mut count = self.units;
        while let Some(hash) = next.take() {
            if self.open.len() == level {
                self.open.push(Vec::new());
            }
            let open = &mut self.open[level];
            open.push(hash);
            if open.len() == usize::from(TILE_WIDTH) {
                let hashes = std::mem::take(open);
                count /= u64::from(TILE_WIDTH);
                next = Some(root_of(&hashes));
                filled.extend(computed(level, count - 1, hashes));
            }
            level += 1;
        }
        filled
    }

    /// The partial tiles above the units.
    pub(crate) fn partial_tiles(&self) -> Vec<ComputedTile> {
        let mut index = self.units;
        let mut tiles = Vec::new();
        for (level, hashes) in self.open.iter().enumerate() {
            index /= u64::from(TILE_WIDTH);
            if !hashes.is_empty() {
                tiles.extend(computed(level, index, hashes.clone()));
            }
        }
        tiles
    }

    /// The root of the tree of `size`, which ends within the unit after these, at `edge`.
    ///
    /// `None` if something in it is not known, or if `size` is not there.
    pub(crate) fn root(&self, size: TreeSize, edge: &Edge) -> Option<NodeHash> {
        let low = [&edge.leaves, &edge.roots];
        let levels = low.into_iter().chain(&self.open);
        let edge: Option<Vec<Vec<NodeHash>>> = levels
            .map(|level| level.iter().copied().collect())
            .collect();
        Frontier::from_tile_edge(size, &edge?)
            .ok()
            .map(|frontier| frontier.root())
    }
}

/// The root of the tree of `size` over the units of `tree` and the last unit's edge, and what is wrong at the edge.
///
/// Where a partial bundle and its tile differ, the one that leads to the `signed` root is right.
pub(crate) fn settle_edge(
    tree: &Tree,
    size: TreeSize,
    signed: &NodeHash,
    edge: &Edge,
    unsettled: Option<&Unsettled>,
) -> (Option<NodeHash>, Option<Finding>) {
    const ROOT: &str = "the signed root";
    let root = tree.root(size, edge);
    let Some(Unsettled {
        bundle,
        fault,
        tile,
    }) = unsettled
    else {
        return (root, None);
    };
    if root == Some(*signed) {
        let fault = fault.clone().vouched(Side::Entries, ROOT);
        return (root, Some(Finding::new(bundle.leaf_tile().path(), &fault)));
    }
    let by_tile = Edge {
        leaves: tile.iter().copied().map(Some).collect(),
        roots: edge.roots.clone(),
    };
    let root_by_tile = tree.root(size, &by_tile);
    if root_by_tile == Some(*signed) {
        let fault = fault.clone().vouched(Side::Tile, ROOT);
        return (root_by_tile, Some(Finding::new(bundle.path(), &fault)));
    }
    (root, Some(Finding::new(bundle.path(), fault)))
}

fn computed(level: usize, index: u64, hashes: Vec<Option<NodeHash>>) -> Option<ComputedTile> {
    let level = LOWEST.checked_add(u8::try_from(level).ok()?)?;
    let id = TileId::new(level, index, u16::try_from(hashes.len()).ok()?).ok()?;
    Some(ComputedTile { id, hashes })
}

fn root_of(hashes: &[Option<NodeHash>]) -> Option<NodeHash> {
    let hashes: Vec<NodeHash> = hashes.iter().copied().collect::<Option<_>>()?;
    let mut root = Vec::with_capacity(1);
    tile_roots(&hashes, &mut root);
    root.first().copied()
}

#[cfg(test)]
mod tests {
    use counterfoil_tiles::hash::{LeafHash, hash_leaf};
    use proptest::prelude::*;

    use super::*;

    fn hash(number: u64) -> NodeHash {
        hash_leaf(&number.to_be_bytes()).into()
    }

    /// A tree whose units' roots are `hash(i)` has the same root as a tree of level 2 hashes taken for leaves.
    fn expected_root(units: u64) -> NodeHash {
        let mut frontier = Frontier::new();
        let leaves: Vec<LeafHash> = (0..units)
            .map(|unit| LeafHash::from_bytes(hash(unit).to_bytes()))
            .collect();
        frontier.append(&leaves).unwrap();
        frontier.root()
    }

    #[test]
    fn a_tile_comes_out_when_it_is_full_and_its_root_goes_up() {
        let mut tree = Tree::default();
        for unit in 0..255 {
            assert_eq!(tree.push(Some(hash(unit))), []);
        }
        let filled = tree.push(Some(hash(255)));
        assert_eq!(filled.len(), 1);
        assert_eq!(filled[0].id.path(), "tile/2/000");
        assert_eq!(
            filled[0].hashes,
            (0..256).map(|unit| Some(hash(unit))).collect::<Vec<_>>()
        );
        let partial: Vec<String> = tree
            .partial_tiles()
            .iter()
            .map(|tile| tile.id.path())
            .collect();
        assert_eq!(partial, ["tile/3/000.p/1"]);
        tree.push(Some(hash(256)));
        let partial: Vec<String> = tree
            .partial_tiles()
            .iter()
            .map(|tile| tile.id.path())
            .collect();
        assert_eq!(partial, ["tile/2/001.p/1", "tile/3/000.p/1"]);
    }

    #[test]
    fn a_hash_that_is_not_known_leaves_the_root_unknown() {
        let mut tree = Tree::default();
        for unit in 0..257 {
            tree.push((unit != 3).then(|| hash(unit)));
        }
        assert_eq!(
            tree.root(TreeSize::new(257 * UNIT_ENTRIES), &Edge::default()),
            None
        );
        assert_eq!(tree.open(), None);
    }

    #[test]
    fn what_is_no_edge_is_not_resumed() {
        assert!(Tree::resume(1, vec![]).is_none());
        assert!(Tree::resume(0, vec![vec![hash(0)]]).is_none());
        assert!(Tree::resume(256, vec![vec![], vec![]]).is_none());
        assert!(Tree::resume(256, vec![vec![], vec![hash(0)]]).is_some());
        assert_eq!(Tree::resume(0, vec![]), Some(Tree::default()));
    }

    proptest! {
        #[test]
        fn the_root_is_that_of_the_definition(units in 0..1500_u64, stop in 0..1500_u64) {
            let mut tree = Tree::default();
            for unit in 0..units {
                tree.push(Some(hash(unit)));
                if unit == stop {
                    // Stopping and going on changes nothing.
                    let resumed = Tree::resume(tree.units(), tree.open().unwrap()).unwrap();
                    prop_assert_eq!(&resumed, &tree);
                    tree = resumed;
                }
            }
            let size = TreeSize::new(units * UNIT_ENTRIES);
            prop_assert_eq!(tree.entries(), size.get());
            prop_assert_eq!(tree.root(size, &Edge::default()), Some(expected_root(units)));
        }
    }
}
