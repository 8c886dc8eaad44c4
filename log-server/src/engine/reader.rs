//! Reads tiles and bundles so that nothing is served that is not part of the published tree.
//!
//! The right edge of the published tree is in memory and known to be true. A full tile is true if it hashes to its entry one
//! level up, which is in the edge or in a true tile; a partial tile if it is the beginning of the edge or of a true full tile;
//! a bundle if its leaf hashes are a true tile. What was found true is kept in memory; what was not is named and never served.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use counterfoil_sequencer::Edge;
use counterfoil_store::{BlobName, BlobStore};
use counterfoil_tiles::hash::{LeafHash, NodeHash, TreeSize};
use counterfoil_tiles::proof::root_from_tiles;
use counterfoil_tiles::tile::{BundleId, EntryBundle, TILE_WIDTH, Tile, TileId, tiles_of};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::log::{ReadError, Resource};

/// What a cached resource takes besides its bytes, roughly.
const OVERHEAD: u64 = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Tile(TileId),
    Bundle(BundleId),
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Key, Resource> for ByBytes {
    fn weight(&self, _: &Key, resource: &Resource) -> u64 {
        resource.bytes().len() as u64 + OVERHEAD
    }
}

/// The published tree's right edge: what everything else is judged against.
#[derive(Debug)]
struct Trusted {
    size: TreeSize,
    levels: Vec<Vec<NodeHash>>,
}

impl Trusted {
    fn level(&self, level: u8) -> &[NodeHash] {
        self.levels
            .get(usize::from(level))
            .map_or(&[], Vec::as_slice)
    }

    fn has(&self, id: TileId) -> bool {
        TileId::at(id.level(), id.index(), self.size)
            .is_some_and(|there| id.width() <= there.width())
    }
}

/// The verified reader of one log.
pub(crate) struct Reader {
    blobs: Arc<dyn BlobStore>,
    trusted: ArcSwapOption<Trusted>,
    cache: Cache<Key, Resource, ByBytes>,
}

impl Reader {
    pub(crate) fn new(blobs: Arc<dyn BlobStore>, cache_bytes: usize) -> Self {
        let capacity = cache_bytes as u64;
        // A guess at the number of items, for the cache's own tables.
        let items = (cache_bytes / 8_192).max(64);
        Self {
            blobs,
            trusted: ArcSwapOption::empty(),
            cache: Cache::with_weighter(items, capacity, ByBytes),
        }
    }

    /// From now on everything is judged against this size. Without an edge, it is read from the store and must hash to the root.
    pub(crate) async fn trust(
        &self,
        size: TreeSize,
        root: NodeHash,
        edge: Option<&Edge>,
    ) -> Result<(), ReadError> {
        let levels = match edge {
            Some(edge) => edge.levels.clone(),
            None => self.read_edge(size, root).await?,
        };
        self.trusted.store(Some(Arc::new(Trusted { size, levels })));
        Ok(())
    }

    async fn read_edge(
        &self,
        size: TreeSize,
        root: NodeHash,
    ) -> Result<Vec<Vec<NodeHash>>, ReadError> {
        let mut levels = Vec::new();
        let mut read = HashMap::new();
        for id in tiles_of(size) {
            let bytes = match self.get(&id.path()).await? {
                Some(bytes) => bytes,
                None => self
                    .get(&id.full().path())
                    .await?
                    .ok_or_else(|| missing(&id.path()))?,
            };
            let tile = Tile::parse(&bytes)
                .ok()
                .and_then(|tile| tile.prefix(id.width()));
            let tile =
                tile.ok_or_else(|| damaged(&id.path(), format!("expected {} hashes", id.width())))?;
            levels.resize_with(usize::from(id.level()), Vec::new);
            levels.push(tile.hashes().to_vec());
            read.insert(id, tile);
        }
        match root_from_tiles(size, &read) {
            Ok(computed) if computed == root => Ok(levels),
            _ => {
                let names: Vec<String> = tiles_of(size).iter().map(TileId::path).collect();
                Err(damaged(
                    &names.join(", "),
                    format!("they do not hash to the published root of size {size}"),
                ))
            }
        }
    }

    /// A tile of the published tree.
    pub(crate) async fn tile(&self, id: TileId) -> Result<Option<Resource>, ReadError> {
        if let Some(found) = self.cache.get(&Key::Tile(id)) {
            return Ok(Some(found));
        }
        let Some(trusted) = self.trusted.load_full() else {
            return Ok(None);
        };
        if !trusted.has(id) {
            return Ok(None);
        }
        let Some(bytes) = self.get(&id.path()).await? else {
            return if id.is_partial() {
                Ok(None)
            } else {
                Err(missing(&id.path()))
            };
        };
        let expected = if id.is_partial() {
            // The beginning of the edge, or of the full tile that has taken its place.
            let wide = self.hashes(&trusted, id).await?;
            encode(wide.get(..usize::from(id.width())).unwrap_or(&[]))
        } else {
            self.check_full(&trusted, id, &bytes).await?;
            bytes.clone()
        };
        if bytes != expected {
            return Err(damaged(
                &id.path(),
                "its hashes are not those of the tree".into(),
            ));
        }
        let resource = Resource::new(bytes);
        self.cache.insert(Key::Tile(id), resource.clone());
        Ok(Some(resource))
    }

    /// At least `id.width()` true hashes of a tile, whether or not the store has exactly this partial tile.
    pub(crate) async fn tile_hashes(&self, id: TileId) -> Result<Tile, ReadError> {
        let trusted = self
            .trusted
            .load_full()
            .ok_or_else(|| missing(&id.path()))?;
        let hashes = self.hashes(&trusted, id).await?;
        hashes
            .get(..usize::from(id.width()))
            .and_then(|hashes| Tile::new(hashes.to_vec()).ok())
            .ok_or_else(|| {
                damaged(
                    &id.path(),
                    "the published tree has fewer hashes there".into(),
                )
            })
    }

    async fn hashes(&self, trusted: &Trusted, id: TileId) -> Result<Vec<NodeHash>, ReadError> {
        match TileId::at(id.level(), id.index(), trusted.size) {
            Some(there) if there.is_partial() => Ok(trusted.level(id.level()).to_vec()),
            Some(there) => {
                let bytes = self.full_tile(trusted, there).await?;
                Ok(bytes
                    .as_chunks::<32>()
                    .0
                    .iter()
                    .copied()
                    .map(NodeHash::from_bytes)
                    .collect())
            }
            None => Err(missing(&id.path())),
        }
    }

    async fn full_tile(&self, trusted: &Trusted, id: TileId) -> Result<Bytes, ReadError> {
        if let Some(found) = self.cache.get(&Key::Tile(id)) {
            return Ok(found.bytes().clone());
        }
        let bytes = self
            .get(&id.path())
            .await?
            .ok_or_else(|| missing(&id.path()))?;
        self.check_full(trusted, id, &bytes).await?;
        self.cache
            .insert(Key::Tile(id), Resource::new(bytes.clone()));
        Ok(bytes)
    }

    /// A full tile hashes to its entry one level up.
    async fn check_full(
        &self,
        trusted: &Trusted,
        id: TileId,
        bytes: &Bytes,
    ) -> Result<(), ReadError> {
        let root = Tile::parse(bytes).ok().and_then(|tile| tile.root());
        let root = root.ok_or_else(|| {
            damaged(
                &id.path(),
                format!("expected 256 hashes, found {} bytes", bytes.len()),
            )
        })?;
        let expected = self.parent_hash(trusted, id).await?;
        if root == expected {
            Ok(())
        } else {
            Err(damaged(
                &id.path(),
                format!("it hashes to {root}, the tree has {expected} in its place"),
            ))
        }
    }

    async fn parent_hash(&self, trusted: &Trusted, id: TileId) -> Result<NodeHash, ReadError> {
        let (level, index) = (id.level() + 1, id.index() / u64::from(TILE_WIDTH));
        let place = usize::try_from(id.index() % u64::from(TILE_WIDTH)).unwrap_or(0);
        let parent = TileId::at(level, index, trusted.size).ok_or_else(|| missing(&id.path()))?;
        let hash = if parent.is_partial() {
            trusted.level(level).get(place).copied()
        } else {
            let bytes = Box::pin(self.full_tile(trusted, parent)).await?;
            bytes
                .as_chunks::<32>()
                .0
                .get(place)
                .copied()
                .map(NodeHash::from_bytes)
        };
        hash.ok_or_else(|| missing(&parent.path()))
    }

    /// A bundle of the published tree.
    pub(crate) async fn bundle(&self, id: BundleId) -> Result<Option<Resource>, ReadError> {
        if let Some(found) = self.cache.get(&Key::Bundle(id)) {
            return Ok(Some(found));
        }
        let Some(trusted) = self.trusted.load_full() else {
            return Ok(None);
        };
        if !trusted.has(id.leaf_tile()) {
            return Ok(None);
        }
        let Some(bytes) = self.get(&id.path()).await? else {
            return if id.is_partial() {
                Ok(None)
            } else {
                Err(missing(&id.path()))
            };
        };
        let bundle = EntryBundle::parse(&bytes, id.width())
            .map_err(|error| damaged(&id.path(), error.to_string()))?;
        let mut leaves: Vec<LeafHash> = Vec::with_capacity(usize::from(id.width()));
        bundle.hash_leaves(&mut leaves);
        let expected = self.hashes(&trusted, id.leaf_tile()).await?;
        let same = leaves
            .iter()
            .zip(&expected)
            .all(|(leaf, hash)| NodeHash::from(*leaf) == *hash);
        if !same || leaves.len() > expected.len() {
            return Err(damaged(
                &id.path(),
                "its entries do not hash to the tree's leaves".into(),
            ));
        }
        let resource = Resource::new(bytes);
        self.cache.insert(Key::Bundle(id), resource.clone());
        Ok(Some(resource))
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>, ReadError> {
        let unavailable = |reason: String| ReadError::Unavailable { reason };
        let name = BlobName::new(name).map_err(|error| unavailable(error.to_string()))?;
        self.blobs.get(&name).await.map_err(|error| match error {
            counterfoil_store::ReadError::Damaged { name, trouble } => {
                damaged(&name, trouble.to_string())
            }
            error @ counterfoil_store::ReadError::Failed { .. } => unavailable(error.to_string()),
        })
    }
}

fn encode(hashes: &[NodeHash]) -> Bytes {
    hashes
        .iter()
        .flat_map(|hash| hash.to_bytes())
        .collect::<Vec<u8>>()
        .into()
}

fn missing(name: &str) -> ReadError {
    damaged(name, "it is missing from the store".into())
}

fn damaged(name: &str, reason: String) -> ReadError {
    tracing::error!(
        blob = name,
        reason,
        "damaged: not served. Restore it from a copy; `counterfoil log check` lists all damage"
    );
    ReadError::Damaged {
        blob: name.to_owned(),
        reason,
    }
}
