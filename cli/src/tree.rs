//! The tree of a log, from its tiles: hashes, receipts and entries of the published size and of every smaller one.

use std::collections::HashMap;

use bytes::Bytes;
use counterfoil_tiles::checkpoint::Checkpoint;
use counterfoil_tiles::hash::{LeafHash, LeafIndex, NodeHash, TreeSize};
use counterfoil_tiles::note::Note;
use counterfoil_tiles::proof::ProofPlan;
use counterfoil_tiles::receipt::Receipt;
use counterfoil_tiles::tile::{BundleId, EntryBundle, TILE_WIDTH, Tile, TileId};

use crate::audit::{Found, Resource, tile_hashes};
use crate::exit::Failure;
use crate::place::LogReader;

/// The tree that a log has published.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tree<'a> {
    reader: &'a LogReader,
    size: TreeSize,
}

impl LogReader {
    /// The checkpoint, not verified.
    pub(crate) async fn parsed_checkpoint(&self) -> Result<(Note, Checkpoint), Failure> {
        let bytes = self.checkpoint().await?;
        let wrong =
            |error: &dyn std::fmt::Display| Failure::failed(format!("the checkpoint: {error}"));
        let note = Note::parse(&bytes).map_err(|error| wrong(&error))?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(|error| wrong(&error))?;
        Ok((note, checkpoint))
    }
}

impl<'a> Tree<'a> {
    /// The tree of the size of a log's checkpoint.
    pub(crate) fn new(reader: &'a LogReader, size: TreeSize) -> Self {
        Self { reader, size }
    }

    /// The receipt of an entry under a checkpoint of this size or a smaller one. Whether it verifies is not checked.
    pub(crate) async fn receipt(self, index: LeafIndex, note: Note) -> Result<Receipt, Failure> {
        let wrong = |error: &dyn std::fmt::Display| Failure::failed(error.to_string());
        let beyond = |error| {
            wrong(&error)
                .advice("an entry has a receipt when a checkpoint that covers it is published")
        };
        let checkpoint = Checkpoint::parse(note.text()).map_err(|error| wrong(&error))?;
        let size = checkpoint.size();
        let plan = ProofPlan::inclusion(index, size).map_err(beyond)?;
        let mut tiles = HashMap::new();
        for id in plan.tiles(size).map_err(beyond)? {
            let hashes = self.tile(id).await?;
            let tile =
                Tile::new(hashes).map_err(|error| wrong(&format!("{}: {error}", id.path())))?;
            tiles.insert(id, tile);
        }
        let proof = plan.resolve(size, &tiles).map_err(|error| wrong(&error))?;
        Receipt::new(index, proof, note).map_err(|error| wrong(&error))
    }

    /// The leaf hash of an entry.
    pub(crate) async fn leaf(self, index: LeafIndex) -> Result<LeafHash, Failure> {
        let (bundle, place) = place_of(index);
        let beyond =
            || Failure::failed(format!("entry {index} is beyond the tree of {}", self.size));
        let id = TileId::at(0, bundle, self.size).ok_or_else(beyond)?;
        let hashes = self.tile(id).await?;
        let hash = hashes.get(place).ok_or_else(beyond)?;
        Ok(LeafHash::from_bytes(hash.to_bytes()))
    }

    /// The bytes of an entry; `None` if the log does not give its bundles out.
    pub(crate) async fn entry(self, index: LeafIndex) -> Option<Bytes> {
        let (bundle, place) = place_of(index);
        let id = BundleId::at(bundle, self.size)?;
        let (bytes, width) = match self.reader.read(Resource::Bundle(id)).await {
            Found::Bytes(bytes) => (bytes, id.width()),
            Found::Full(bytes) => (bytes, TILE_WIDTH),
            Found::Oversized(_) | Found::Missing | Found::Unreadable(_) => return None,
        };
        let entries = EntryBundle::parse(&bytes, width).ok()?;
        let entry = entries.entries().get(place)?;
        Some(bytes.slice_ref(entry))
    }

    /// The hashes of a tile of this size or a smaller one. Partial tiles of smaller sizes are not kept: what is there now
    /// begins with them.
    async fn tile(self, id: TileId) -> Result<Vec<NodeHash>, Failure> {
        let there = TileId::at(id.level(), id.index(), self.size).unwrap_or(id);
        let found = self.reader.read(Resource::Tile(there)).await;
        let mut hashes = tile_hashes(there, &found).map_err(|fault| {
            let text = format!("{}: {fault}", there.path());
            if matches!(found, Found::Unreadable(_)) {
                Failure::could_not_tell(text)
            } else {
                Failure::failed(text)
            }
        })?;
        hashes.truncate(usize::from(id.width()));
        Ok(hashes)
    }
}

/// The bundle that an entry is in, and its place there.
fn place_of(index: LeafIndex) -> (u64, usize) {
    let width = u64::from(TILE_WIDTH);
    let place = usize::try_from(index.get() % width).unwrap_or(usize::MAX);
    (index.get() / width, place)
}
