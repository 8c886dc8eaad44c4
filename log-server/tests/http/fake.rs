//! A log in memory that fails, or waits, when it is told to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use counterfoil_log_server::log::{
    AddError, Log, LogStatus, Lookup, ProofError, Published, ReadError, Resource, Run, State,
    WitnessStatus,
};
use counterfoil_tiles::hash::{LeafHash, LeafIndex, NodeHash, TreeSize, empty_root, hash_leaf};
use counterfoil_tiles::key::{Algorithm, KeyName, Seed, SigningKey, Vkey};
use counterfoil_tiles::tile::{BundleId, TileId, encode_bundle};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use tokio::sync::{Semaphore, watch};

pub(crate) struct FakeLog {
    origin: String,
    vkeys: Vec<Vkey>,
    state: Mutex<FakeState>,
    size: watch::Sender<u64>,
    /// Adds that may pass; closed gates hold them.
    gate: Semaphore,
    /// One permit for each add that came to the gate.
    pub(crate) arrived: Semaphore,
    /// Calls of `add`.
    pub(crate) adds: AtomicU64,
}

#[derive(Default)]
pub(crate) struct FakeState {
    pub(crate) entries: Vec<Bytes>,
    /// Published entries; `None`: all.
    pub(crate) published: Option<u64>,
    /// Entries in the lookup index; `None`: all.
    pub(crate) indexed: Option<u64>,
    pub(crate) add_error: Option<AddError>,
    pub(crate) read_error: Option<ReadError>,
    pub(crate) nothing_published: bool,
    pub(crate) state: Option<State>,
}

impl FakeLog {
    pub(crate) fn new(origin: &str) -> Arc<Self> {
        let name = KeyName::new(origin).unwrap();
        let key = SigningKey::from_seed(name, Algorithm::Ed25519, &Seed::new([7; 32])).unwrap();
        Arc::new(Self {
            origin: origin.to_owned(),
            vkeys: vec![key.vkey().clone()],
            state: Mutex::default(),
            size: watch::Sender::new(0),
            gate: Semaphore::new(Semaphore::MAX_PERMITS >> 1),
            arrived: Semaphore::new(0),
            adds: AtomicU64::new(0),
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, FakeState> {
        self.state.lock().unwrap()
    }

    pub(crate) fn fill(&self, entries: impl IntoIterator<Item = Vec<u8>>) {
        self.state()
            .entries
            .extend(entries.into_iter().map(Bytes::from));
    }

    /// Holds adds until [`FakeLog::open`].
    pub(crate) fn shut(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn open(&self) {
        self.gate.add_permits(1000);
    }

    /// Waits until an add has come to the gate.
    pub(crate) async fn arrival(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }

    pub(crate) fn publish(&self, size: u64) {
        self.state().published = Some(size);
        self.size.send_replace(size);
    }

    fn read_error(&self) -> Result<(), ReadError> {
        self.state().read_error.clone().map_or(Ok(()), Err)
    }

    fn published_size(&self) -> u64 {
        let state = self.state();
        state.published.unwrap_or(state.entries.len() as u64)
    }

    /// The entries of a tile or bundle, if it is one of the published size.
    fn span(&self, index: u64, width: u16) -> Option<Vec<Bytes>> {
        let size = self.published_size();
        let (start, width) = (index.checked_mul(256)?, u64::from(width));
        let exact = start + 256 <= size || start + width == size;
        let span = place(start)..place(start + width);
        exact
            .then(|| self.state().entries.get(span).map(<[Bytes]>::to_vec))
            .flatten()
    }
}

#[async_trait]
impl Log for FakeLog {
    fn origin(&self) -> &str {
        &self.origin
    }

    fn vkeys(&self) -> &[Vkey] {
        &self.vkeys
    }

    fn policy(&self) -> Arc<str> {
        Arc::from(format!("log {}\nquorum none\n", self.vkeys[0]))
    }

    async fn add(&self, entries: Vec<Bytes>) -> Result<Vec<Run>, AddError> {
        self.adds.fetch_add(1, Ordering::Relaxed);
        self.arrived.add_permits(1);
        self.gate.acquire().await.unwrap().forget();
        let mut state = self.state();
        if let Some(error) = &state.add_error {
            return Err(error.clone());
        }
        let first = LeafIndex::new(state.entries.len() as u64);
        let count = entries.len() as u64;
        state.entries.extend(entries);
        Ok(vec![Run { first, count }])
    }

    fn published(&self) -> Option<Arc<Published>> {
        if self.state().nothing_published {
            return None;
        }
        let size = self.published_size();
        let note = format!(
            "{}\n{size}\n{}\n\n\u{2014} fake\n",
            self.origin,
            empty_root()
        );
        Some(Arc::new(Published {
            note: Resource::new(Bytes::from(note)),
            size: TreeSize::new(size),
            root: empty_root(),
            time: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000),
        }))
    }

    async fn wait_published(&self, size: TreeSize, deadline: Instant) -> Option<Arc<Published>> {
        let mut published = self.size.subscribe();
        let reached = async {
            while self.published_size() < size.get() {
                published.changed().await.unwrap();
            }
        };
        tokio::time::timeout_at(deadline.into(), reached)
            .await
            .ok()?;
        self.published()
    }

    async fn tile(&self, id: TileId) -> Result<Option<Resource>, ReadError> {
        self.read_error()?;
        if id.level() > 0 {
            return Ok(None);
        }
        let hashes = self.span(id.index(), id.width()).map(|entries| {
            entries
                .iter()
                .flat_map(|entry| hash_leaf(entry).to_bytes())
                .collect::<Vec<u8>>()
        });
        Ok(hashes.map(|hashes| Resource::new(Bytes::from(hashes))))
    }

    async fn bundle(&self, id: BundleId) -> Result<Option<Resource>, ReadError> {
        self.read_error()?;
        let entries = self.span(id.index(), id.width());
        Ok(entries.map(|entries| Resource::new(Bytes::from(encode_bundle(&entries).unwrap()))))
    }

    async fn receipt(&self, index: LeafIndex, size: Option<TreeSize>) -> Result<Bytes, ProofError> {
        self.read_error()?;
        if self.state().nothing_published {
            return Err(ProofError::NothingPublished);
        }
        let published = TreeSize::new(self.published_size());
        let size = size.unwrap_or(published);
        if size > published {
            return Err(ProofError::BeyondPublished { size, published });
        }
        if size.get() % 2 == 1 && size != published {
            return Err(ProofError::NotKept { size });
        }
        if index.get() >= size.get() {
            return Err(ProofError::BeyondTree { index, size });
        }
        Ok(Bytes::from(format!("receipt of {index} in {size}\n")))
    }

    async fn receipt_under(&self, _: LeafIndex, _: Bytes) -> Result<Bytes, ProofError> {
        self.read_error()?;
        let reason = "a log of a test signs nothing".to_owned();
        Err(ProofError::Foreign { reason })
    }

    async fn consistency(&self, from: TreeSize, to: TreeSize) -> Result<Vec<NodeHash>, ProofError> {
        self.read_error()?;
        let published = TreeSize::new(self.published_size());
        if to > published {
            return Err(ProofError::BeyondPublished {
                size: to,
                published,
            });
        }
        if from > to {
            return Err(ProofError::Backwards { from, to });
        }
        Ok(vec![
            NodeHash::from_bytes([1; 32]),
            NodeHash::from_bytes([2; 32]),
        ])
    }

    async fn lookup(
        &self,
        leaf: LeafHash,
        after: Option<LeafIndex>,
        limit: usize,
    ) -> Result<Lookup, ReadError> {
        self.read_error()?;
        let state = self.state();
        let size = state.indexed.unwrap_or(state.entries.len() as u64);
        let mut indexes: Vec<LeafIndex> = (0..size)
            .map(LeafIndex::new)
            .filter(|index| after.is_none_or(|after| *index > after))
            .filter(|index| hash_leaf(&state.entries[place(index.get())]) == leaf)
            .collect();
        let more = indexes.len() > limit;
        indexes.truncate(limit);
        Ok(Lookup {
            indexes,
            more,
            indexed: TreeSize::new(size),
        })
    }

    fn status(&self) -> LogStatus {
        let state = self.state();
        let size = state.entries.len() as u64;
        LogStatus {
            origin: self.origin.clone(),
            state: state.state.unwrap_or(State::Running),
            explanation: "a log of a test".to_owned(),
            since: 1_000,
            size,
            published_size: Some(state.published.unwrap_or(size)),
            published_root: Some(empty_root().to_string()),
            published_at: Some(1_000),
            unpublished_entries: 0,
            unpublished_seconds: 0.5,
            indexed_size: size,
            queued_entries: 0,
            queued_bytes: 0,
            staged_blobs: 0,
            last_error: None,
            no_quorum_since: Some(900),
            witnesses: vec![WitnessStatus {
                name: "w1".to_owned(),
                answer: "no connection".to_owned(),
                cosigns: false,
                cosigned_size: Some(7),
                cosigned_at: Some(800),
                since: 900,
            }],
        }
    }

    fn register_metrics(&self, registry: &mut Registry) {
        registry.register("fake", "Registered by the log", Counter::<u64>::default());
    }
}

fn place(index: u64) -> usize {
    usize::try_from(index).unwrap()
}
