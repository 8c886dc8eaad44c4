//! The log on its machine: the real engine over stores that survive its crashes, and a client that adds entries.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use counterfoil_log_server::engine::{
    Engine, LogSigner, Settings, Stores, WitnessGuard, WitnessSettings, initialise,
};
use counterfoil_log_server::log::{Log as _, State};
use counterfoil_log_server::witnesses::{
    self, Answer, MAX_ANSWER_SIZE, Method, Transport, TransportError,
};
use counterfoil_sequencer::published::MAGIC;
use counterfoil_store::memory::MemoryBlobStore;
use counterfoil_store::{Blob, BlobName, BlobStore as _};
use counterfoil_tiles::hash::{TreeSize, hash_leaf};
use counterfoil_tiles::policy::Policy;
use counterfoil_tiles::tile::{BundleId, EntryBundle};
use counterfoil_tiles::witness_wire::AddCheckpointRequest;

use crate::checker::{Branch, Checker, Head};
use crate::clock::{Clock, pause};
use crate::disk::{Disk, Registers};
use crate::gate::{Blobs, Gate, Heads, Switch, gate};
use crate::keys::{log_key, origin};
use crate::network::{Network, Party, Reply, Request};
use crate::random::Random;

/// How long the client waits for an acknowledgement.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Machine {
    disk: Arc<Disk>,
    blobs: Mutex<Arc<MemoryBlobStore>>,
    network: Arc<Network>,
    checker: Arc<Checker>,
    clock: Clock,
    process: Mutex<Option<Process>>,
    /// Processes that died, so that nothing of them is dropped in good order.
    dead: Mutex<Vec<Process>>,
    /// Why starts were refused, and why processes stopped.
    refusals: Mutex<Vec<String>>,
    /// The policy of the next process; the checker's until another is set.
    policy: Mutex<Arc<Policy>>,
    /// The witnesses that were asked for a cosignature, in order.
    asked: Mutex<Vec<usize>>,
}

/// Registers and blobs of a log as they were.
pub(crate) struct Backup(Registers, Vec<Blob>);

struct Process {
    switch: Switch,
    engine: Arc<Mutex<Option<Arc<Engine>>>>,
}

impl Machine {
    /// A log that was made and never started.
    pub(crate) async fn new(
        network: &Arc<Network>,
        checker: &Arc<Checker>,
        clock: Clock,
        random: Random,
    ) -> Arc<Self> {
        let seen = Arc::clone(checker);
        let disk = Disk::new(random).watched(Box::new(move |name, value| {
            if name.as_str() == "published" {
                seen.published(value.strip_prefix(MAGIC).unwrap());
            }
        }));
        initialise(&disk).await.unwrap();
        Arc::new(Self {
            disk: Arc::new(disk),
            blobs: Mutex::default(),
            network: Arc::clone(network),
            checker: Arc::clone(checker),
            clock,
            process: Mutex::default(),
            dead: Mutex::default(),
            refusals: Mutex::default(),
            policy: Mutex::new(Arc::new(checker.policy().clone())),
            asked: Mutex::default(),
        })
    }

    /// Starts a process. It may take as long as the witnesses take.
    pub(crate) fn start(self: &Arc<Self>) {
        let (switch, gate) = gate();
        let engine = Arc::new(Mutex::new(None));
        let process = Process {
            switch,
            engine: Arc::clone(&engine),
        };
        let before = self.process.lock().unwrap().replace(process);
        assert!(before.is_none(), "it runs already");
        let machine = Arc::clone(self);
        tokio::spawn(async move {
            match machine.engine(gate).await {
                Ok(started) => *engine.lock().unwrap() = Some(Arc::new(started)),
                Err(error) => machine.refusals.lock().unwrap().push(error.to_string()),
            }
        });
    }

    async fn engine(
        self: &Arc<Self>,
        gate: Gate,
    ) -> Result<Engine, counterfoil_log_server::engine::EngineError> {
        let now = self.clock;
        let witnesses = WitnessSettings {
            policy: Arc::clone(&self.policy.lock().unwrap()),
            monitoring: Vec::new(),
            transport: Arc::new(Wire {
                gate: gate.clone(),
                machine: Arc::clone(self),
            }),
            clock: witnesses::Clock::new(move || now.now(0)),
            deadline: Duration::from_secs(10),
            refresh_interval: Duration::from_mins(1),
            guard: WitnessGuard::On,
        };
        let settings = Settings {
            checkpoint_interval: Duration::from_secs(1),
            checkpoint_history: Duration::from_hours(1),
            max_queue_entries: 10_000,
            max_queue_bytes: 1 << 20,
            cache_bytes: 1 << 20,
            index: None,
            deduplicate: false,
            checkpoint_copy: None,
            witnesses: Some(witnesses),
        };
        let stores = Stores {
            blobs: Arc::new(Blobs(gate.clone(), self.blobs())),
            heads: Arc::new(Heads(gate, Arc::clone(&self.disk))),
        };
        let signer = LogSigner::new(origin(), vec![log_key()]).unwrap();
        Engine::start(settings, signer, stores).await
    }

    /// The process dies in the middle of what it does.
    pub(crate) fn crash(&self) {
        if let Some(process) = self.process.lock().unwrap().take() {
            process.switch.kill();
            self.dead.lock().unwrap().push(process);
        }
    }

    pub(crate) fn restart(self: &Arc<Self>) {
        self.crash();
        self.start();
    }

    /// The operator writes another policy: the next process reads it.
    pub(crate) fn set_policy(&self, policy: Policy) {
        *self.policy.lock().unwrap() = Arc::new(policy);
    }

    /// The witnesses that were asked for a cosignature since the last call, in order.
    pub(crate) fn take_asked(&self) -> Vec<usize> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// A backup of everything: what it does not know, only the witnesses can tell.
    pub(crate) async fn back_up(&self) -> Backup {
        let mut blobs = Vec::new();
        for name in self.blobs().list("").await.unwrap() {
            if let Some(bytes) = self.blobs().get(&name).await.unwrap() {
                blobs.push(Blob::new(name, bytes));
            }
        }
        Backup(self.disk.back_up(), blobs)
    }

    /// Comes back with what a backup holds.
    pub(crate) async fn restore(self: &Arc<Self>, Backup(registers, saved): Backup) {
        self.crash();
        let blobs = MemoryBlobStore::new();
        for blob in saved {
            blobs.put_new(&[blob]).await.unwrap();
        }
        *self.blobs.lock().unwrap() = Arc::new(blobs);
        self.disk.restore(registers);
        self.start();
    }

    fn blobs(&self) -> Arc<MemoryBlobStore> {
        Arc::clone(&self.blobs.lock().unwrap())
    }

    pub(crate) fn engine_now(&self) -> Option<Arc<Engine>> {
        self.process
            .lock()
            .unwrap()
            .as_ref()?
            .engine
            .lock()
            .unwrap()
            .clone()
    }

    pub(crate) fn state(&self) -> Option<State> {
        Some(self.engine_now()?.status().state)
    }

    /// Why starts were refused, and why the process that runs now has stopped, if it has.
    pub(crate) fn refusals(&self) -> Vec<String> {
        let mut refusals = self.refusals.lock().unwrap().clone();
        if let Some(engine) = self.engine_now()
            && engine.status().state == State::Stopped
        {
            refusals.push(format!("{:?}", engine.status().last_error));
        }
        refusals
    }

    /// Adds entries; how many were acknowledged.
    pub(crate) async fn add(&self, entries: Vec<Bytes>) -> u64 {
        let Some(engine) = self.engine_now() else {
            pause(500).await;
            return 0;
        };
        let Ok(Ok(runs)) = tokio::time::timeout(PATIENCE, engine.add(entries.clone())).await else {
            pause(500).await;
            return 0;
        };
        let indexes = runs
            .iter()
            .flat_map(|run| (0..run.count).map(|more| run.first.get() + more));
        let mut count = 0;
        for (index, entry) in indexes.zip(&entries) {
            self.checker.acknowledged(index, entry);
            count += 1;
        }
        count
    }

    /// Adds entries until it is dropped.
    pub(crate) async fn client(self: Arc<Self>, number: u64, mut random: Random) {
        for round in 0.. {
            let count = random.between(1, 9);
            let entry =
                |entry| Bytes::from(format!("client {number}, round {round}, entry {entry}"));
            self.add((0..count).map(entry).collect()).await;
            pause(random.between(10, 2_000)).await;
        }
    }

    /// Waits until all that was acknowledged by now is published; false if that takes longer.
    pub(crate) async fn catches_up(&self, within: Duration) -> bool {
        let size = self.checker.acknowledged_size();
        let covers = |published| published >= size;
        let published = async {
            while !self.checker.published_size().is_some_and(covers) {
                pause(100).await;
            }
        };
        tokio::time::timeout(within, published).await.is_ok()
    }

    /// Reads what the log has stored, up to a size, as the checker's history of it.
    async fn show_history(&self, size: u64) {
        let mut history = self.checker.history(Branch::Log);
        while history.size() < size {
            let index = history.size() / 256;
            let Some(id) = BundleId::at(index, TreeSize::new(size)) else {
                return;
            };
            let (width, bundle) = match self.bundle(&id.path()).await {
                Some(bundle) => (id.width(), bundle),
                None => match self.bundle(&id.full().path()).await {
                    Some(bundle) => (256, bundle),
                    None => return,
                },
            };
            let bundle = EntryBundle::parse(&bundle, width).unwrap();
            let skip = usize::try_from(history.size() % 256).unwrap();
            for entry in &bundle.entries()[skip..] {
                history.push(hash_leaf(entry));
            }
        }
        self.checker.grew(Branch::Log, &history);
    }

    async fn bundle(&self, path: &str) -> Option<Bytes> {
        self.blobs()
            .get(&BlobName::new(path).unwrap())
            .await
            .unwrap()
    }
}

/// What the log's HTTP client would do, over the network of this world.
struct Wire {
    gate: Gate,
    machine: Arc<Machine>,
}

#[async_trait]
impl Transport for Wire {
    async fn send(&self, request: witnesses::Request) -> Result<Answer, TransportError> {
        let host = request.url.strip_prefix("https://w").unwrap();
        let (number, rest) = host.split_once(".example/submit/").unwrap();
        let asked = match request.method {
            Method::Post => {
                assert_eq!(rest, "add-checkpoint");
                let shown = AddCheckpointRequest::parse(&request.body).unwrap();
                let text = shown.note().text();
                self.machine.show_history(Head::of(text).size).await;
                self.machine.checker.signed(text);
                Request::AddCheckpoint(request.body)
            }
            Method::Get => {
                let hash = rest.strip_suffix("/checkpoint").unwrap();
                Request::Checkpoint(hash.to_owned())
            }
        };
        let (network, number) = (&self.machine.network, number.parse().unwrap());
        let sent = network.send(Party::Log, number, asked);
        let sent = tokio::time::timeout(request.deadline, sent);
        let sent = self.gate.pass(sent).await;
        if request.method == Method::Post {
            self.machine.asked.lock().unwrap().push(number);
        }
        match sent {
            Ok(Ok(reply)) => read(reply),
            Ok(Err(_)) => Err(TransportError::NotReached("refused".into())),
            Err(_) => Err(TransportError::Deadline(request.deadline)),
        }
    }
}

fn read(reply: Reply) -> Result<Answer, TransportError> {
    if reply.body.len() > MAX_ANSWER_SIZE {
        let limit = MAX_ANSWER_SIZE;
        return Err(TransportError::TooLarge { limit });
    }
    Ok(Answer {
        status: reply.status,
        content_type: Some(reply.content_type.to_owned()),
        body: reply.body,
    })
}
