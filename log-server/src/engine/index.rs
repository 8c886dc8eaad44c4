//! The lookup index: from leaf hash to indexes. Derived from the tiles, never on the path of an acknowledgement, and rebuilt at will.
//!
//! An LSM store (fjall) in `index/` of the data directory. Keyspace `leaves`: key = leaf hash (32 bytes) ‖ index (8, big-endian),
//! no value. Keyspace `state`: `format`, `origin`, and `indexed`, the size of the tree whose leaves are all in; it changes in the
//! same atomic batch as the leaves, so that after a crash the index goes on where it was.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use counterfoil_tiles::hash::{LeafHash, LeafIndex, NodeHash, TreeSize};
use fjall::{Database, Keyspace, KeyspaceCreateOptions};

/// The version of this layout; another one is rebuilt from the tiles.
const FORMAT: &[u8] = b"counterfoil/index/1";

/// Memory for blocks of the index.
const CACHE_BYTES: u64 = 32 << 20;

/// Journals at their largest (the store allows no less): a start reads them, and must not take longer for a larger log.
const JOURNAL_BYTES: u64 = 64 << 20;

/// Leaves in memory before they go into a table.
const MEMTABLE_BYTES: u64 = 16 << 20;

/// Why the index cannot answer. It can always be removed and rebuilt: `counterfoil log reindex`.
#[derive(Debug, thiserror::Error)]
#[error("the lookup index in {}: {source}; it is derived from the tiles: rebuild it with `counterfoil log reindex`", path.display())]
pub struct IndexError {
    path: PathBuf,
    source: fjall::Error,
}

/// The index of one log.
#[derive(Clone)]
pub(crate) struct Index {
    path: Arc<Path>,
    database: Database,
    leaves: Keyspace,
    state: Keyspace,
}

impl Index {
    /// Opens the index, or begins a new one where there is none, or one of another format or log.
    pub(crate) fn open(path: &Path, origin: &str) -> Result<Self, IndexError> {
        let index = Self::open_any(path)?;
        let matches = |key: &str, value: &[u8]| {
            Ok(index
                .state
                .get(key)?
                .is_some_and(|stored| *stored == *value))
        };
        let ours = matches("format", FORMAT)
            .and_then(|format| Ok(format && matches("origin", origin.as_bytes())?));
        if ours.map_err(|source| index.error(source))? {
            return Ok(index);
        }
        index.begin_anew(origin)?;
        Ok(index)
    }

    fn open_any(path: &Path) -> Result<Self, IndexError> {
        let open = || {
            let database = Database::builder(path)
                .cache_size(CACHE_BYTES)
                .max_journaling_size(JOURNAL_BYTES)
                .open()?;
            let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
            let leaves = database.keyspace("leaves", options)?;
            let state = database.keyspace("state", options)?;
            Ok(Self {
                path: path.into(),
                database,
                leaves,
                state,
            })
        };
        open().map_err(|source| IndexError {
            path: path.to_owned(),
            source,
        })
    }

    /// Forgets everything.
    pub(crate) fn begin_anew(&self, origin: &str) -> Result<(), IndexError> {
        let begin = || {
            self.state.clear()?;
            self.leaves.clear()?;
            self.state.insert("origin", origin.as_bytes())?;
            self.state.insert("format", FORMAT)
        };
        begin().map_err(|source| self.error(source))
    }

    fn error(&self, source: fjall::Error) -> IndexError {
        IndexError {
            path: self.path.to_path_buf(),
            source,
        }
    }

    /// The size of the tree whose leaves are all in.
    pub(crate) fn indexed(&self) -> Result<TreeSize, IndexError> {
        let stored = self
            .state
            .get("indexed")
            .map_err(|source| self.error(source))?;
        let size = stored
            .and_then(|bytes| <[u8; 8]>::try_from(&*bytes).ok())
            .map_or(0, u64::from_be_bytes);
        Ok(TreeSize::new(size))
    }

    /// Adds the leaves from `first` on, which must be the indexed size.
    pub(crate) fn add(&self, first: TreeSize, hashes: &[NodeHash]) -> Result<TreeSize, IndexError> {
        let mut batch = self.database.batch();
        let mut next = first.get();
        for hash in hashes {
            batch.insert(&self.leaves, key(hash.as_bytes(), next).to_vec(), []);
            next += 1;
        }
        batch.insert(&self.state, "indexed", next.to_be_bytes());
        batch.commit().map_err(|source| self.error(source))?;
        Ok(TreeSize::new(next))
    }

    /// At most `limit` indexes of a leaf, ascending, only those above `after`.
    pub(crate) fn look_up(
        &self,
        leaf: &LeafHash,
        after: Option<LeafIndex>,
        limit: usize,
    ) -> Result<Vec<LeafIndex>, IndexError> {
        let Some(first) = after.map_or(Some(0), |after| after.get().checked_add(1)) else {
            return Ok(Vec::new());
        };
        let range = key(leaf.as_bytes(), first)..=key(leaf.as_bytes(), u64::MAX);
        let found = self.leaves.range(range).take(limit).map(|item| {
            let stored = item.key().map_err(|source| self.error(source))?;
            let number = stored
                .last_chunk::<8>()
                .map_or(u64::MAX, |bytes| u64::from_be_bytes(*bytes));
            Ok(LeafIndex::new(number))
        });
        found.collect()
    }
}

fn key(leaf: &[u8; 32], index: u64) -> [u8; 40] {
    let mut key = [0; 40];
    key[..32].copy_from_slice(leaf);
    key[32..].copy_from_slice(&index.to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_goes_on_where_it_was_and_pages_through_duplicates() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (NodeHash::from_bytes([1; 32]), NodeHash::from_bytes([2; 32]));
        {
            let index = Index::open(dir.path(), "log.example").unwrap();
            assert_eq!(index.indexed().unwrap(), TreeSize::new(0));
            index.add(TreeSize::new(0), &[a, b, a]).unwrap();
            assert_eq!(index.add(TreeSize::new(3), &[a]).unwrap(), TreeSize::new(4));
        }
        let index = Index::open(dir.path(), "log.example").unwrap();
        assert_eq!(index.indexed().unwrap(), TreeSize::new(4));
        let leaf = LeafHash::from_bytes([1; 32]);
        let all: Vec<u64> = index
            .look_up(&leaf, None, 10)
            .unwrap()
            .iter()
            .map(|index| index.get())
            .collect();
        assert_eq!(all, [0, 2, 3]);
        let page = index.look_up(&leaf, Some(LeafIndex::new(0)), 1).unwrap();
        assert_eq!(page, [LeafIndex::new(2)]);
        assert!(
            index
                .look_up(&leaf, Some(LeafIndex::new(u64::MAX)), 1)
                .unwrap()
                .is_empty()
        );
        assert!(
            index
                .look_up(&LeafHash::from_bytes([3; 32]), None, 10)
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn the_index_of_another_log_is_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        {
            let index = Index::open(dir.path(), "log.example").unwrap();
            index
                .add(TreeSize::new(0), &[NodeHash::from_bytes([1; 32])])
                .unwrap();
        }
        let index = Index::open(dir.path(), "other.example").unwrap();
        assert_eq!(index.indexed().unwrap(), TreeSize::new(0));
        assert!(
            index
                .look_up(&LeafHash::from_bytes([1; 32]), None, 10)
                .unwrap()
                .is_empty()
        );
    }
}
