//! The check of one unit: the 65,536 entries under one tile of level 1.
//!
//! Pure. A unit says what is to be read ([`UnitCheck::plan`]) and is handed what was found, in that order:
//!
//! ```text
//! tile/1/000                                  the 256 hashes that the bundles below must have
//! tile/entries/000, tile/0/000                the first 256 entries, and their leaf hashes
//! tile/entries/001, tile/0/001
//! ...
//! ```
//!
//! Each entry is hashed and compared with the tile of level 0, each root over 256 leaf hashes with the tile of level 1.
//! Bundles are hashed several at a time, because the hash path is widest with many nodes at once.
//! What is damaged is named and the check goes on, with the hash that the rest of the tree vouches for, so that one
//! bad file is one finding and not a chain of them.

use counterfoil_tiles::hash::{LeafHash, NodeHash, TreeSize, tile_roots};
use counterfoil_tiles::tile::{BundleId, EntryBundle, TILE_WIDTH, TileId, partial_width};

use super::finding::{Fault, Finding, Side};
use super::resource::{Counts, Found, Resource, bundle_hashes, tile_hashes};

/// Entries of a unit: those under one full tile of level 1.
pub(crate) const UNIT_ENTRIES: u64 = TILE_WIDTH as u64 * TILE_WIDTH as u64;

/// Bundles that are hashed together: 16 keep all lanes of the widest hash path busy up to the tile roots, and their
/// hashes (128 KiB) in the second-level cache.
const GROUP_BUNDLES: usize = 16;

/// Bytes of entries after which a group is hashed even if it has fewer bundles, so that large entries do not pile up.
const GROUP_BYTES: usize = 8 << 20;

/// What vouches for one side of a full bundle and its tile.
const TILE_ABOVE: &str = "the tile above";

/// The most findings that one unit describes; the others are counted.
const MAX_FINDINGS: usize = 100;

/// What a unit came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnitResult {
    /// Which unit: entries from `index` * 65,536.
    pub(crate) index: u64,
    /// The root over a full unit: its hash in the tile of level 2.
    pub(crate) root: Option<NodeHash>,
    /// The edge of a unit that is not full: leaf hashes of the partial bundle, and the hashes of level 1.
    pub(crate) edge: Edge,
    /// The edge at the cut that was asked for.
    pub(crate) cut: Option<Edge>,
    /// What is wrong, at most [`MAX_FINDINGS`].
    pub(crate) findings: Vec<Finding>,
    /// What else is wrong, undescribed.
    pub(crate) more_findings: u64,
    /// A partial bundle and its tile that differ; the edge has the leaf hashes of the entries.
    pub(crate) unsettled: Option<Unsettled>,
    /// What was read.
    pub(crate) counts: Counts,
}

/// A partial bundle and its tile that differ: only the root of the tree can tell which of them was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unsettled {
    /// The bundle.
    pub(crate) bundle: BundleId,
    /// How they differ.
    pub(crate) fault: Fault,
    /// The hashes of the tile.
    pub(crate) tile: Vec<NodeHash>,
}

/// The hashes of the two lowest levels at the right edge of a tree; `None` where one could not be known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Edge {
    /// Leaf hashes of the partial tile of level 0.
    pub(crate) leaves: Vec<Option<NodeHash>>,
    /// Hashes of the partial tile of level 1.
    pub(crate) roots: Vec<Option<NodeHash>>,
}

/// A unit being checked.
#[derive(Debug)]
pub(crate) struct UnitCheck {
    index: u64,
    size: TreeSize,
    cut: Option<TreeSize>,
    parents: Option<Vec<NodeHash>>,
    pending: Option<(BundleId, Found)>,
    group: Vec<Pair>,
    group_bytes: usize,
    scratch: Scratch,
    result: UnitResult,
}

/// A bundle and the tile of its leaf hashes.
#[derive(Debug)]
struct Pair {
    bundle: BundleId,
    entries: Found,
    tile: Found,
}

/// Buffers that are used again from group to group.
#[derive(Debug, Default)]
struct Scratch {
    computed: Vec<LeafHash>,
    leaves: Vec<NodeHash>,
    roots: Vec<NodeHash>,
}

impl UnitCheck {
    /// The unit `index` of a tree of `size`, which must have at least one entry in it.
    ///
    /// With `cut`, a size within the unit, the result has the edge of the tree of that size too.
    pub(crate) fn new(index: u64, size: TreeSize, cut: Option<TreeSize>) -> Self {
        let result = UnitResult {
            index,
            root: None,
            edge: Edge::default(),
            cut: None,
            findings: Vec::new(),
            more_findings: 0,
            unsettled: None,
            counts: Counts::default(),
        };
        Self {
            index,
            size,
            cut,
            parents: None,
            pending: None,
            group: Vec::with_capacity(GROUP_BUNDLES),
            group_bytes: 0,
            scratch: Scratch::default(),
            result,
        }
    }

    /// What is to be read, in the order in which it is to be handed in.
    pub(crate) fn plan(&self) -> impl Iterator<Item = Resource> + use<> {
        let (index, size) = (self.index, self.size);
        let width = u64::from(TILE_WIDTH);
        let pairs = (index * width..(index + 1) * width)
            .map_while(move |bundle| BundleId::at(bundle, size))
            .flat_map(|bundle| [Resource::Bundle(bundle), Resource::Tile(bundle.leaf_tile())]);
        TileId::at(1, index, size)
            .map(Resource::Tile)
            .into_iter()
            .chain(pairs)
    }

    /// Takes in what was found of the next resource of the plan. Gives the number of entries that were checked by it.
    pub(crate) fn take(&mut self, resource: Resource, found: Found) -> u64 {
        if let Found::Bytes(bytes) | Found::Full(bytes) = &found {
            self.result.counts.bytes += bytes.len() as u64;
        }
        match (resource, self.pending.take()) {
            (Resource::Bundle(id), _) => {
                self.result.counts.bundles += 1;
                self.pending = Some((id, found));
                return 0;
            }
            (Resource::Tile(id), None) => {
                self.result.counts.tiles += 1;
                self.parents = self.read_parents(id, &found);
                return 0;
            }
            (Resource::Tile(_), Some((bundle, entries))) => {
                self.result.counts.tiles += 1;
                if let Found::Bytes(bytes) | Found::Full(bytes) = &entries {
                    self.group_bytes += bytes.len();
                }
                self.group.push(Pair {
                    bundle,
                    entries,
                    tile: found,
                });
            }
        }
        if self.group.len() >= GROUP_BUNDLES || self.group_bytes >= GROUP_BYTES {
            self.check_group()
        } else {
            0
        }
    }

    /// Finishes the unit. Gives the result, and the number of entries checked since the last [`take`](Self::take).
    pub(crate) fn finish(mut self) -> (UnitResult, u64) {
        let entries = self.check_group();
        self.compare_with_parents();
        let full = self.result.edge.roots.len() == usize::from(TILE_WIDTH);
        if full {
            let hashes: Option<Vec<NodeHash>> = self.result.edge.roots.iter().copied().collect();
            let mut root = Vec::with_capacity(1);
            if let Some(hashes) = hashes {
                tile_roots(&hashes, &mut root);
            }
            self.result.root = root.first().copied();
        }
        if let (Some(cut), Some(edge)) = (self.cut, &mut self.result.cut) {
            let roots = (cut.get() % UNIT_ENTRIES / u64::from(TILE_WIDTH)) as usize;
            edge.roots = self.result.edge.roots.iter().take(roots).copied().collect();
        }
        if full {
            self.result.edge = Edge::default();
        }
        (self.result, entries)
    }

    /// Whether a unit of this index is full in a tree of this size.
    pub(crate) fn is_full(index: u64, size: TreeSize) -> bool {
        size.get() / UNIT_ENTRIES > index
    }

    fn read_parents(&mut self, id: TileId, found: &Found) -> Option<Vec<NodeHash>> {
        match tile_hashes(id, found) {
            Ok(hashes) => Some(hashes),
            Err(fault) => {
                self.found(Finding::new(id.path(), &fault));
                None
            }
        }
    }

    /// Hashes the bundles of the group and compares them with their tiles.
    fn check_group(&mut self) -> u64 {
        let group = std::mem::take(&mut self.group);
        self.group_bytes = 0;
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.leaves.clear();
        scratch.roots.clear();
        let mut entries = 0;
        for pair in &group {
            entries += u64::from(pair.bundle.width());
            let start = scratch.leaves.len();
            if agree(pair, &mut scratch) {
                scratch
                    .leaves
                    .extend(scratch.computed.iter().copied().map(NodeHash::from));
            } else if let Some(hashes) = self.settle(pair) {
                scratch.leaves.extend(hashes);
            }
            self.keep_edges(pair.bundle, &scratch.leaves[start..]);
            let known = scratch.leaves.len() > start;
            if pair.bundle.is_partial() {
                scratch.leaves.truncate(start);
            } else if !known {
                // The roots so far are settled first, to keep the order.
                self.settle_roots(&mut scratch);
                let root = self.parent_of(pair.bundle);
                self.result.edge.roots.push(root);
            }
        }
        self.settle_roots(&mut scratch);
        self.result.counts.entries += entries;
        self.scratch = scratch;
        self.group = group;
        self.group.clear();
        entries
    }

    /// Appends the roots of the full bundles whose leaf hashes are gathered.
    fn settle_roots(&mut self, scratch: &mut Scratch) {
        scratch.roots.clear();
        tile_roots(&scratch.leaves, &mut scratch.roots);
        self.result
            .edge
            .roots
            .extend(scratch.roots.iter().copied().map(Some));
        scratch.leaves.clear();
    }

    /// Keeps the leaf hashes that an edge needs: of the partial bundle, and of the bundle that the cut goes through.
    fn keep_edges(&mut self, bundle: BundleId, leaves: &[NodeHash]) {
        let edge = |width: u16| -> Vec<Option<NodeHash>> {
            if leaves.is_empty() {
                vec![None; usize::from(width)]
            } else {
                leaves
                    .iter()
                    .take(usize::from(width))
                    .copied()
                    .map(Some)
                    .collect()
            }
        };
        if bundle.is_partial() {
            self.result.edge.leaves = edge(bundle.width());
        }
        if let Some(cut) = self.cut {
            let width = u64::from(TILE_WIDTH);
            let rest = partial_width(0, cut);
            let kept = self.result.cut.get_or_insert_with(Edge::default);
            if cut.get() / width == bundle.index() && rest > 0 {
                kept.leaves = edge(rest);
            }
        }
    }

    /// The leaf hashes of a pair whose sides are not both good and equal: names what is damaged, and takes the side
    /// that the tile above vouches for, else the entries, else the tile.
    fn settle(&mut self, pair: &Pair) -> Option<Vec<NodeHash>> {
        let tile_id = pair.bundle.leaf_tile();
        let entries = bundle_hashes(pair.bundle, &pair.entries);
        let tile = tile_hashes(tile_id, &pair.tile);
        match (entries, tile) {
            // Equal after all: one of them was read from the full file at its place.
            (Ok(entries), Ok(tile)) if entries == tile => Some(entries),
            (Ok(entries), Ok(tile)) => Some(self.settle_conflict(pair.bundle, entries, tile)),
            (Ok(entries), Err(fault)) => {
                self.found(Finding::new(tile_id.path(), &fault));
                Some(entries)
            }
            (Err(fault), Ok(tile)) => {
                self.found(Finding::new(pair.bundle.path(), &fault));
                Some(tile)
            }
            (Err(bundle_fault), Err(tile_fault)) => {
                self.found(Finding::new(pair.bundle.path(), &bundle_fault));
                self.found(Finding::new(tile_id.path(), &tile_fault));
                None
            }
        }
    }

    fn settle_conflict(
        &mut self,
        bundle: BundleId,
        entries: Vec<NodeHash>,
        tile: Vec<NodeHash>,
    ) -> Vec<NodeHash> {
        let differing = entries
            .iter()
            .zip(&tile)
            .filter(|(entry, hash)| entry != hash)
            .count();
        let place = entries
            .iter()
            .zip(&tile)
            .position(|(entry, hash)| entry != hash)
            .unwrap_or_default();
        let fault = Fault::Entry {
            index: bundle.index() * u64::from(TILE_WIDTH) + place as u64,
            computed: entries[place],
            tile: bundle.leaf_tile().path(),
            found: tile[place],
            differing,
        };
        let parent = self.parent_of(bundle);
        let vouched = |hashes: &[NodeHash]| parent.is_some() && root_of(hashes) == parent;
        if vouched(&tile) {
            let fault = fault.vouched(Side::Tile, TILE_ABOVE);
            self.found(Finding::new(bundle.path(), &fault));
            tile
        } else if vouched(&entries) {
            let fault = fault.vouched(Side::Entries, TILE_ABOVE);
            self.found(Finding::new(bundle.leaf_tile().path(), &fault));
            entries
        } else if bundle.is_partial() {
            // Only the root is above it, and the root is not known yet.
            self.result.unsettled = Some(Unsettled {
                bundle,
                fault,
                tile,
            });
            entries
        } else {
            self.found(Finding::new(bundle.path(), &fault));
            entries
        }
    }

    /// What the tile of level 1 says the root of a full bundle is.
    fn parent_of(&self, bundle: BundleId) -> Option<NodeHash> {
        let place = usize::try_from(bundle.index() % u64::from(TILE_WIDTH)).ok()?;
        self.parents.as_ref()?.get(place).copied()
    }

    /// Compares the roots with the tile of level 1.
    fn compare_with_parents(&mut self) {
        let Some(parents) = self.parents.take() else {
            return;
        };
        let Some(id) = TileId::at(1, self.index, self.size) else {
            return;
        };
        if let Some(fault) = compare(&self.result.edge.roots, &parents, id) {
            self.found(Finding::new(id.path(), &fault));
        }
    }

    fn found(&mut self, finding: Finding) {
        if self.result.findings.len() < MAX_FINDINGS {
            self.result.findings.push(finding);
        } else {
            self.result.more_findings += 1;
        }
    }
}

/// Whether the computed hashes are those of the tile above; those that are not known are left out.
pub(crate) fn compare(
    computed: &[Option<NodeHash>],
    tile: &[NodeHash],
    id: TileId,
) -> Option<Fault> {
    let differs =
        |place: &usize| computed[*place].is_some_and(|hash| tile.get(*place) != Some(&hash));
    let differing: Vec<usize> = (0..computed.len()).filter(differs).collect();
    let place = *differing.first()?;
    Some(Fault::Children {
        place,
        child: TileId::new(
            id.level() - 1,
            id.index() * u64::from(TILE_WIDTH) + place as u64,
            TILE_WIDTH,
        )
        .map(|child| child.path())
        .unwrap_or_default(),
        computed: computed[place]?,
        found: *tile.get(place)?,
        differing: differing.len(),
    })
}

/// Whether bundle and tile are there, well-formed and say the same; leaves the leaf hashes in `scratch.computed`.
fn agree(pair: &Pair, scratch: &mut Scratch) -> bool {
    scratch.computed.clear();
    let (Found::Bytes(entries), Found::Bytes(tile)) = (&pair.entries, &pair.tile) else {
        return false;
    };
    let Ok(bundle) = EntryBundle::parse(entries, pair.bundle.width()) else {
        return false;
    };
    bundle.hash_leaves(&mut scratch.computed);
    let (hashes, rest) = tile.as_chunks::<32>();
    rest.is_empty()
        && hashes.len() == scratch.computed.len()
        && hashes
            .iter()
            .zip(&scratch.computed)
            .all(|(hash, leaf)| hash == leaf.as_bytes())
}

fn root_of(hashes: &[NodeHash]) -> Option<NodeHash> {
    let mut root = Vec::with_capacity(1);
    tile_roots(hashes, &mut root);
    root.first().copied()
}

#[cfg(test)]
#[path = "unit_tests.rs"]
mod tests;
