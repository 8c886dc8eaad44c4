//! An anchor's work on a chain, and what outlives its process.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use counterfoil_anchor::ethereum::{Ethereum, Mode, Plan, Status};
use counterfoil_anchor::follow::Followed;
use counterfoil_anchor::moment::{self, Moment};
use counterfoil_anchor::names::{Place, RecordName};
use counterfoil_anchor::record::BlockRecord;
use counterfoil_anchor::records::{Acknowledged, Records};
use counterfoil_anchor::worker::Clock;
use counterfoil_ethereum::{Address, Question, verify};
use counterfoil_ethereum_sender::{Ceilings, Config, Gas, Wei};
use counterfoil_service::client::{Client, ClientOptions};
use counterfoil_store::{
    Blob, BlobName, BlobStore, DiscardError, HeadStore, PutError, ReadError, RegisterName,
    ReplaceError,
};
use counterfoil_tiles::checkpoint::{Checkpoint, Origin};
use counterfoil_tiles::cosignature::{Timestamp, cosign_checkpoint, sign_as_log};
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use counterfoil_tiles::key::Algorithm;
use counterfoil_tiles::note::Note;
use counterfoil_tiles::policy::Policy;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::chain::{CHAIN_ID, FakeChain, IDENTITY};
use crate::common::tsa::FakeRecordJudge;
use crate::common::worker::Disk;
use crate::common::{key, witness_key};

/// The name of the chain.
pub(crate) const CHAIN: &str = "dev";

pub(crate) const DESTINATION: Address = Address::from_bytes([0xde; 20]);

pub(crate) struct World {
    pub(crate) disk: Disk,
    pub(crate) chain: Arc<FakeChain>,
    pub(crate) mode: Mode,
    pub(crate) max_age: Option<Duration>,
    pub(crate) clock: Clock,
    logs: Vec<(Followed, Acknowledged)>,
}

impl World {
    /// With logs of these origins, which have no checkpoint yet.
    pub(crate) fn new(origins: &[&str]) -> Self {
        let client = Client::new(&ClientOptions::default()).unwrap();
        let log = |origin: &&str| {
            let (log, witness) = (key(origin, Algorithm::Ed25519, 1), witness_key(1));
            let policy = format!(
                "log {}\nwitness w1 {}\nquorum none\n",
                log.vkey(),
                witness.vkey()
            );
            let policy = Arc::new(Policy::parse(policy.as_bytes()).unwrap());
            let deadline = Duration::from_secs(1);
            let log = Followed::new("http://127.0.0.1:1/", policy, client.clone(), deadline);
            (log.unwrap(), Acknowledged::default())
        };
        Self {
            disk: Disk::default(),
            chain: Arc::new(FakeChain::new()),
            mode: Mode::Address,
            max_age: None,
            clock: Clock::default(),
            logs: origins.iter().map(log).collect(),
        }
    }

    /// What the operator has dealt with of a log.
    pub(crate) fn acknowledged(&mut self, log: usize) -> &mut Acknowledged {
        &mut self.logs[log].1
    }

    pub(crate) async fn records(&self) -> Arc<Records> {
        let (blobs, heads) = (self.disk.blobs.clone(), self.disk.heads.clone());
        let records = Records::open(blobs, heads, Arc::new(FakeRecordJudge));
        Arc::new(records.await.unwrap())
    }

    pub(crate) async fn ethereum(&self) -> Ethereum {
        let (logs, clock) = (self.logs.clone(), self.clock.clone());
        Ethereum::new(self.plan(), logs, self.records().await, clock)
    }

    /// The work on another chain.
    pub(crate) async fn on(&self, plan: Plan) -> Running {
        let (logs, clock) = (self.logs.clone(), self.clock.clone());
        Running::start(Ethereum::new(plan, logs, self.records().await, clock))
    }

    pub(crate) fn plan(&self) -> Plan {
        let ceilings = Ceilings {
            max_fee: Wei::from_gwei(50),
            max_priority_fee: Wei::from_gwei(5),
            max_cost_per_day: Wei::from_gwei(1_000_000_000),
            max_gas: Gas::new(100_000),
        };
        let millis = Duration::from_millis;
        Plan {
            name: CHAIN.parse().unwrap(),
            sender: Config {
                observe_every: millis(5),
                replace_after: Duration::from_mins(1),
                hold_pause: millis(5),
                idle_every: millis(5),
                retry_min: millis(2),
                retry_max: millis(10),
                ..Config::new(IDENTITY, DESTINATION, ceilings)
            },
            mode: self.mode,
            every: millis(100),
            lag: Duration::ZERO,
            max_age: self.max_age,
            alarm_days: 14,
            chain: self.chain.clone(),
        }
    }

    pub(crate) async fn run(&self) -> Running {
        Running::start(self.ethereum().await)
    }

    /// The records of a log's checkpoint, each of them verified under the chain's own block.
    pub(crate) async fn recorded(&self, place: &Place) -> Vec<BlockRecord> {
        let records = self.records().await;
        let chain = CHAIN.parse().unwrap();
        let names: Vec<RecordName> = records.with_index(|index| index.blocks(place, &chain));
        let mut found = Vec::new();
        for name in names {
            let (record, _) = records.block(place, &name).await.unwrap();
            let header = counterfoil_ethereum::Header::parse(&record.block.header).unwrap();
            let judgement = verify(&Question {
                record: &record.block,
                checkpoint: Some(&record.checkpoint),
                block_hash: Some(self.chain.block(header.number).hash),
                chain_id: Some(CHAIN_ID),
                destination: Some(DESTINATION),
                at: None,
            });
            assert!(judgement.is_good(), "{:?}", judgement.checks);
            found.push(record);
        }
        found
    }
}

/// The system's clock, and by how many milliseconds it is set forward or back.
pub(crate) fn set_clock() -> (Clock, Arc<AtomicI64>) {
    let by = Arc::new(AtomicI64::new(0));
    let read = Arc::clone(&by);
    let (began, since) = (moment::now(), Instant::now());
    let clock = Clock::new(move || {
        let now = began.after(since.elapsed()).millis();
        Moment::from_millis(now.saturating_add_signed(read.load(Ordering::SeqCst)))
    });
    (clock, by)
}

/// What is kept under this name is damaged.
pub(crate) async fn damage(disk: &Disk, name: BlobName) {
    let blobs = &disk.blobs;
    blobs.discard(std::slice::from_ref(&name)).await.unwrap();
    blobs.put_new(&[Blob::new(name, "nonsense")]).await.unwrap();
}

/// Begins the round of a log of this size, as stamping does; cosigned at this time.
pub(crate) async fn begin(records: &Records, origin: &str, size: u64, time: u64) -> Place {
    let note = note(origin, size, time);
    let log = Origin::new(origin).unwrap();
    let hash = counterfoil_tiles::checkpoint::OriginHash::of(&log);
    let begun = records.begin(hash, &note, Moment::from_seconds(time)).await;
    begun.unwrap().place()
}

pub(crate) fn note(origin: &str, size: u64, time: u64) -> Note {
    let log = Origin::new(origin).unwrap();
    let root = NodeHash::from_bytes([size.to_be_bytes()[7]; 32]);
    let checkpoint = Checkpoint::new(log, TreeSize::new(size), root);
    let time = Timestamp::new(time).unwrap();
    let lines = vec![
        sign_as_log(&key(origin, Algorithm::Ed25519, 1), &checkpoint).unwrap(),
        cosign_checkpoint(&witness_key(1), &checkpoint, time).unwrap(),
    ];
    Note::new(&checkpoint.to_string(), lines).unwrap()
}

/// The work while it goes on.
pub(crate) struct Running {
    pub(crate) ethereum: Arc<Ethereum>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(ethereum: Ethereum) -> Self {
        let ethereum = Arc::new(ethereum);
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(Arc::clone(&ethereum).run(stopped));
        Self {
            ethereum,
            stop,
            task,
        }
    }

    pub(crate) async fn end(self) {
        self.stop.send_replace(true);
        self.task.await.unwrap();
    }

    /// As a crash ends it.
    pub(crate) async fn die(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }

    /// Waits until it is so.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Status) -> bool) -> Status {
        let waiting = async {
            loop {
                let status = self.ethereum.status();
                if is_so(&status) {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(30), waiting).await;
        waited.unwrap_or_else(|_| panic!("never {what}: {:#?}", self.ethereum.status()))
    }

    /// Waits until the chain was looked at so often again.
    pub(crate) async fn looks(&self, count: u64) {
        let head = |status: &Status| {
            let sender = status.sender.as_ref();
            sender
                .and_then(|sender| sender.seen)
                .map_or(0, |seen| seen.head.number)
        };
        let start = head(&self.ethereum.status());
        self.until("looked at", |status| head(status) >= start + count)
            .await;
    }
}

pub(crate) fn count(status: &Status, word: &str) -> u64 {
    status.events.get(word).copied().unwrap_or(0)
}

/// A store at whose writes about chains a process may die.
pub(crate) struct Gated<S> {
    pub(crate) inner: S,
    pub(crate) chain: Arc<FakeChain>,
}

#[async_trait]
impl<S: HeadStore> HeadStore for Gated<S> {
    async fn create(&self, name: &RegisterName, value: Bytes) -> Result<(), ReplaceError> {
        let is_ours = name.as_str().starts_with("ethereum/");
        if is_ours {
            self.chain.gate.pass().await;
        }
        let done = self.inner.create(name, value).await;
        if is_ours {
            self.chain.gate.pass().await;
        }
        done
    }

    async fn fetch(&self, name: &RegisterName) -> Result<Option<Bytes>, ReadError> {
        self.inner.fetch(name).await
    }

    async fn replace(
        &self,
        name: &RegisterName,
        old: &Bytes,
        new: Bytes,
    ) -> Result<(), ReplaceError> {
        let is_ours = name.as_str().starts_with("ethereum/");
        if is_ours {
            self.chain.gate.pass().await;
        }
        let done = self.inner.replace(name, old, new).await;
        if is_ours {
            self.chain.gate.pass().await;
        }
        done
    }
}

#[async_trait]
impl<S: BlobStore> BlobStore for Gated<S> {
    async fn put_new(&self, blobs: &[Blob]) -> Result<(), PutError> {
        if !blobs
            .iter()
            .all(|blob| blob.name.as_str().contains("/ethereum-"))
        {
            return self.inner.put_new(blobs).await;
        }
        // One after the other: a process may die between them.
        for blob in blobs {
            self.chain.gate.pass().await;
            self.inner.put_new(std::slice::from_ref(blob)).await?;
        }
        self.chain.gate.pass().await;
        Ok(())
    }

    async fn get(&self, name: &BlobName) -> Result<Option<Bytes>, ReadError> {
        self.inner.get(name).await
    }

    async fn discard(&self, names: &[BlobName]) -> Result<(), DiscardError> {
        self.inner.discard(names).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<BlobName>, ReadError> {
        self.inner.list(prefix).await
    }
}
