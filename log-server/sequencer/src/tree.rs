//! The committed tree as its writer holds it: the frontier, the partial tile of each level, the partial bundle, and the full
//! tiles and bundles that are not yet stored.

use bytes::Bytes;
use counterfoil_tiles::frontier::{Completed, Frontier, FrontierError};
use counterfoil_tiles::hash::{LeafHash, NodeHash, TreeSize};
use counterfoil_tiles::tile::{BundleId, IdError, TILE_HEIGHT, TILE_WIDTH, TileId, encode_bundle};

use crate::operation::{Entry, NewBlob};

/// The right edge of a tree of some size: for each level the hashes of its partial tile, and the entries of the partial
/// bundle. What is read from the store is judged against it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    /// The size of the tree.
    pub size: u64,
    /// For each level from 0, the 0 to 255 hashes of the partial tile.
    pub levels: Vec<Vec<NodeHash>>,
    /// The 0 to 255 entries of the partial bundle.
    pub bundle: Vec<Bytes>,
}

impl Edge {
    /// How many full tiles a level has, which is the index of its partial tile.
    pub fn full_tiles(&self, level: u8) -> u64 {
        full_tiles(self.size, level)
    }

    /// The partial tiles and the partial bundle as blobs.
    pub fn partial_blobs(&self) -> Vec<NewBlob> {
        let size = TreeSize::new(self.size);
        let tiles = (0..).zip(&self.levels).filter_map(|(level, hashes)| {
            let id = TileId::at(level, self.full_tiles(level), size)?;
            Some(NewBlob {
                name: id.path(),
                bytes: encode_hashes(hashes),
            })
        });
        let bundle = BundleId::at(self.full_tiles(0), size).map(|id| NewBlob {
            name: id.path(),
            bytes: encode_entries(&self.bundle),
        });
        tiles.chain(bundle).collect()
    }
}

/// What a batch of entries makes of a tree, before it is committed.
#[derive(Debug)]
pub(crate) struct Growth {
    pub(crate) frontier: Frontier,
    leaves: Vec<LeafHash>,
    completed: Completed,
}

#[derive(Debug)]
pub(crate) struct Tree {
    frontier: Frontier,
    edge: Edge,
    /// Full tiles and bundles not yet handed to the store, and their bytes.
    full: Vec<NewBlob>,
    full_bytes: usize,
}

impl Tree {
    pub(crate) fn new() -> Self {
        Self {
            frontier: Frontier::new(),
            edge: Edge::default(),
            full: Vec::new(),
            full_bytes: 0,
        }
    }

    /// A tree from the stored edge of a size; `None` if the edge is not one of that size.
    pub(crate) fn from_edge(edge: Edge) -> Option<Self> {
        let frontier = Frontier::from_tile_edge(TreeSize::new(edge.size), &edge.levels).ok()?;
        Some(Self {
            frontier,
            edge,
            full: Vec::new(),
            full_bytes: 0,
        })
    }

    pub(crate) fn size(&self) -> TreeSize {
        self.frontier.size()
    }

    pub(crate) fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    pub(crate) fn edge(&self) -> &Edge {
        &self.edge
    }

    pub(crate) fn full_bytes(&self) -> usize {
        self.full_bytes
    }

    pub(crate) fn full_count(&self) -> usize {
        self.full.len()
    }

    /// Hashes what the entries add, without adding them.
    pub(crate) fn grow(&self, leaves: Vec<LeafHash>) -> Result<Growth, FrontierError> {
        let mut frontier = self.frontier.clone();
        let completed = frontier.append(&leaves)?;
        Ok(Growth {
            frontier,
            leaves,
            completed,
        })
    }

    /// Adds entries whose growth was computed from this very tree.
    pub(crate) fn apply<'a>(&mut self, entries: impl Iterator<Item = &'a Entry>, growth: Growth) {
        let Growth {
            frontier,
            leaves,
            completed,
        } = growth;
        let mut bundle = self.edge.full_tiles(0);
        for entry in entries {
            self.edge.bundle.push(entry.bytes().clone());
            if self.edge.bundle.len() == usize::from(TILE_WIDTH) {
                let bytes = encode_entries(&self.edge.bundle);
                self.edge.bundle.clear();
                self.push_full(BundleId::new(bundle, TILE_WIDTH).map(|id| id.path()), bytes);
                bundle = bundle.saturating_add(1);
            }
        }
        self.extend_level(0, leaves.into_iter().map(NodeHash::from));
        for level in 1..=u8::MAX {
            let hashes = completed.level(level);
            if hashes.is_empty() {
                break;
            }
            self.extend_level(level, hashes.iter().copied());
        }
        self.edge.size = frontier.size().get();
        self.frontier = frontier;
    }

    /// Adds hashes to a level; tiles that fill are queued for the store.
    fn extend_level(&mut self, level: u8, hashes: impl Iterator<Item = NodeHash>) {
        let place = usize::from(level);
        if self.edge.levels.len() <= place {
            self.edge
                .levels
                .resize_with(place.saturating_add(1), Vec::new);
        }
        let mut tile = self.edge.full_tiles(level);
        for hash in hashes {
            let Some(partial) = self.edge.levels.get_mut(place) else {
                return;
            };
            partial.push(hash);
            if partial.len() == usize::from(TILE_WIDTH) {
                let bytes = encode_hashes(partial);
                partial.clear();
                self.push_full(
                    TileId::new(level, tile, TILE_WIDTH).map(|id| id.path()),
                    bytes,
                );
                tile = tile.saturating_add(1);
            }
        }
    }

    fn push_full(&mut self, name: Result<String, IdError>, bytes: Bytes) {
        // Every level and index of a tree of 64-bit size has a name; a tile without one could not be stored under any.
        if let Ok(name) = name {
            self.full_bytes = self.full_bytes.saturating_add(bytes.len());
            self.full.push(NewBlob { name, bytes });
        }
    }

    /// Takes the full tiles and bundles, for the store.
    pub(crate) fn take_full(&mut self) -> Vec<NewBlob> {
        self.full_bytes = 0;
        core::mem::take(&mut self.full)
    }
}

/// How many full tiles a level of a tree of this size has.
pub(crate) fn full_tiles(size: u64, level: u8) -> u64 {
    let height = u32::from(level)
        .saturating_add(1)
        .saturating_mul(TILE_HEIGHT);
    size.checked_shr(height).unwrap_or(0)
}

fn encode_hashes(hashes: &[NodeHash]) -> Bytes {
    let mut bytes = Vec::with_capacity(hashes.len().saturating_mul(32));
    for hash in hashes {
        bytes.extend_from_slice(hash.as_bytes());
    }
    bytes.into()
}

/// The bundle of 1 to 256 entries that the queue has let in.
fn encode_entries(entries: &[Bytes]) -> Bytes {
    encode_bundle(entries).unwrap_or_default().into()
}
