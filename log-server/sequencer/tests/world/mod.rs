//! A world for the sequencer: stores that fail on demand, a signer, crashes, and the invariants that must hold after every step.

pub(crate) mod witnesses;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use counterfoil_sequencer::head::Head;
use counterfoil_sequencer::published::{LogKeys, Published};
use counterfoil_sequencer::{
    Config, Entry, Event, Operation, Outcome, Register, Request, Sequencer, StopReason,
    SubmissionId, SubmitError, Timestamp, WriterId,
};
use counterfoil_tiles::checkpoint::{Checkpoint, Origin, assemble, keeps_signatures};
use counterfoil_tiles::cosignature::sign_as_log;
use counterfoil_tiles::frontier::Frontier;
use counterfoil_tiles::hash::{LeafHash, NodeHash, TreeSize, hash_leaf};
use counterfoil_tiles::key::{Algorithm, KeyName, KeyRing, Seed, SigningKey};
use counterfoil_tiles::note::Note;
use counterfoil_tiles::tile::{BundleId, Tile, TileId, encode_bundle, tiles_of};

use witnesses::{POLICY, Witnesses};

pub(crate) const ORIGIN: &str = "example.com/simulated";

/// How an operation goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Definitely not done.
    NotDone,
    /// Done, but reported as unknown.
    UnknownApplied,
    /// Not done, and reported as unknown.
    UnknownNotApplied,
    /// Reported as unknown; lands later, when [`World::land_delayed`] is called.
    UnknownDelayed,
    /// The process dies before it is done.
    CrashBefore,
    /// The process dies after it is done, before it learns of it.
    CrashAfter,
}

impl Fault {
    const ALL: [Self; 6] = [
        Self::NotDone,
        Self::UnknownApplied,
        Self::UnknownNotApplied,
        Self::UnknownDelayed,
        Self::CrashBefore,
        Self::CrashAfter,
    ];

    /// The ways in which this request can go wrong that differ: what only reads cannot be unknown or take effect, and after a
    /// crash nobody can tell whether it was before or after. (A signature counts as given.)
    pub(crate) fn of(request: &Request) -> &'static [Self] {
        match request {
            Request::Replace { .. } | Request::Put(_) | Request::Discard(_) => &Self::ALL,
            Request::Sign { .. } => &[Self::NotDone, Self::CrashBefore, Self::CrashAfter],
            // `UnknownApplied`: the witnesses cosigned, and the log never heard of it.
            Request::Cosign { .. } => &[
                Self::NotDone,
                Self::UnknownApplied,
                Self::CrashBefore,
                Self::CrashAfter,
            ],
            Request::AskWitnesses { .. } => &[Self::NotDone, Self::CrashBefore],
            Request::Fetch(_) | Request::Read(_) | Request::List(_) => {
                &[Self::NotDone, Self::CrashBefore]
            }
        }
    }
}

/// Everything outside of the sequencers, which survives their crashes, and what is known to be true of the log.
pub(crate) struct World {
    pub(crate) registers: BTreeMap<Register, Bytes>,
    /// What the published register holds, verified.
    pub(crate) published: Option<Published>,
    pub(crate) blobs: BTreeMap<String, Bytes>,
    delayed: Vec<Request>,
    signer: Signer,
    /// Absent for a log that publishes without them.
    pub(crate) witnesses: Option<Witnesses>,
    /// Every entry that any committed head ever had, in order.
    pub(crate) history: Vec<Bytes>,
    leaves: Vec<LeafHash>,
    /// The root of each committed size.
    frontier: Frontier,
    roots: BTreeMap<u64, NodeHash>,
    /// How often an entry may be in the log: its submissions, less those that were refused for good. Submitters try again.
    chances: BTreeMap<Bytes, u64>,
    /// How often it is in the log.
    logged: BTreeMap<Bytes, u64>,
    pub(crate) acknowledged: u64,
    pub(crate) signed: BTreeMap<u64, NodeHash>,
    checked_tiles: u64,
    /// Somebody else changed blobs or registers; what is gone or wrong is no fault of the sequencer.
    pub(crate) is_damaged: bool,
    pub(crate) stops: Vec<StopReason>,
    /// What operators were told, oldest first.
    pub(crate) told: Vec<String>,
}

#[derive(Default)]
struct Signer {
    notes: HashMap<(u64, NodeHash, usize), Bytes>,
    signatures: usize,
}

/// Made once: most of the time of a schedule would go into it.
static SIGNING_KEYS: LazyLock<[SigningKey; 2]> = LazyLock::new(|| {
    let name: KeyName = ORIGIN.parse().unwrap();
    [7, 8].map(|seed| {
        SigningKey::from_seed(name.clone(), Algorithm::Ed25519, &Seed::new([seed; 32])).unwrap()
    })
});

static KEYS: LazyLock<LogKeys> =
    LazyLock::new(|| LogKeys::new(SIGNING_KEYS.iter().map(|key| key.vkey().clone())).unwrap());

pub(crate) static WITNESSED_KEYS: LazyLock<LogKeys> =
    LazyLock::new(|| KEYS.clone().with_policy(Arc::clone(&POLICY)).unwrap());

/// The log's keys and the witnesses'.
static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let witnesses = POLICY.witness_keys().iter().cloned();
    let log = SIGNING_KEYS.iter().map(|key| key.vkey().clone());
    KeyRing::new(log.chain(witnesses)).unwrap()
});

impl World {
    /// A log as `log init` leaves it.
    pub(crate) fn new() -> Self {
        let head = Head::empty(WriterId(0)).encode();
        Self {
            registers: BTreeMap::from([(Register::Head, head)]),
            blobs: BTreeMap::new(),
            delayed: Vec::new(),
            published: None,
            signer: Signer::default(),
            witnesses: None,
            history: Vec::new(),
            leaves: Vec::new(),
            frontier: Frontier::new(),
            roots: BTreeMap::from([(0, Frontier::new().root())]),
            chances: BTreeMap::new(),
            logged: BTreeMap::new(),
            acknowledged: 0,
            signed: BTreeMap::new(),
            checked_tiles: 0,
            is_damaged: false,
            stops: Vec::new(),
            told: Vec::new(),
        }
    }

    /// The same, under a policy of two of three witnesses.
    pub(crate) fn witnessed() -> Self {
        Self {
            witnesses: Some(Witnesses::default()),
            ..Self::new()
        }
    }

    /// A process as this log's operator starts it.
    pub(crate) fn process(&self, writer: u64, now: u64) -> Process {
        if self.witnesses.is_none() {
            return Process::start(writer, now);
        }
        let keys = WITNESSED_KEYS.clone();
        let mut process = Process::with_keys(keys, Process::config(), writer, now);
        process.is_let_in = false;
        process
    }

    fn witnesses(&mut self) -> &mut Witnesses {
        self.witnesses
            .as_mut()
            .expect("a log without witnesses asked them")
    }

    pub(crate) fn head(&self) -> Head {
        Head::parse(&self.registers[&Register::Head]).unwrap()
    }

    /// Carries out a request for real and checks the invariants it touches.
    fn apply(&mut self, request: &Request) -> Outcome {
        match request {
            Request::Fetch(register) => Outcome::Fetched(self.registers.get(register).cloned()),
            Request::Replace { register, old, new } => {
                if self.registers.get(register) != old.as_ref() {
                    return Outcome::Conflict("the register holds something else".into());
                }
                let before = self.registers.insert(*register, new.clone());
                match register {
                    Register::Head => self.head_replaced(before.as_ref()),
                    Register::Published => self.published_replaced(new),
                }
                Outcome::Done
            }
            Request::Put(blobs) => {
                for blob in blobs {
                    let there = self
                        .blobs
                        .entry(blob.name.clone())
                        .or_insert_with(|| blob.bytes.clone());
                    if *there != blob.bytes {
                        return Outcome::Conflict(blob.name.clone());
                    }
                }
                Outcome::Done
            }
            Request::Read(names) => self.read(names),
            Request::List(prefix) => Outcome::Listed(
                self.blobs
                    .keys()
                    .filter(|name| name.starts_with(prefix))
                    .cloned()
                    .collect(),
            ),
            Request::Discard(names) => {
                for name in names {
                    self.blobs.remove(name);
                }
                self.nothing_needed_is_gone();
                Outcome::Done
            }
            Request::Sign { size, root } => {
                assert_eq!(
                    self.roots.get(&size.get()),
                    Some(root),
                    "signed a size {} that was never committed so",
                    size.get()
                );
                assert!(*size <= self.head().size(), "signed beyond the head");
                self.signed.insert(size.get(), *root);
                Outcome::Signed(self.sign(*size, *root))
            }
            Request::Cosign { note, whom } => {
                let signed = Published::from_note(&KEYS, note.clone()).unwrap();
                assert_eq!(
                    self.roots.get(&signed.size().get()),
                    Some(&signed.root()),
                    "showed the witnesses what was never committed"
                );
                let head = self.head().size();
                self.witnesses().ask(note, head, *whom)
            }
            Request::AskWitnesses {
                published: Some(note),
                size,
                ..
            } => self.witnesses().guard(note, *size),
            // There is nothing to show.
            Request::AskWitnesses { .. } => Outcome::Done,
        }
    }

    /// A checkpoint signed by the log's keys, whatever it says.
    pub(crate) fn sign(&mut self, size: TreeSize, root: NodeHash) -> Bytes {
        self.signer.sign(size, root)
    }

    /// As a store on files: an empty blob is what a disk leaves that lied.
    fn read(&self, names: &[String]) -> Outcome {
        let blobs: Vec<_> = names.iter().map(|name| self.blobs.get(name)).collect();
        match names
            .iter()
            .zip(&blobs)
            .find(|(_, blob)| blob.is_some_and(Bytes::is_empty))
        {
            Some((name, _)) => Outcome::Damaged(format!("{name} is empty")),
            None => Outcome::Read(blobs.into_iter().map(Option::<&Bytes>::cloned).collect()),
        }
    }

    /// Delayed writes land now, if they still can.
    pub(crate) fn land_delayed(&mut self) {
        for request in core::mem::take(&mut self.delayed) {
            self.apply(&request);
        }
    }

    /// Invariant: the committed tree only grows, each committed entry is stored, and the head tells its root.
    fn head_replaced(&mut self, before: Option<&Bytes>) {
        let head = self.head();
        let before = Head::parse(before.expect("a head is never created by a sequencer")).unwrap();
        assert!(head.generation > before.generation, "generations grow");
        assert!(head.size() >= before.size(), "the committed size shrank");
        assert!(head.tiled >= before.tiled, "the tiled size shrank");
        for staged in &head.staged {
            let bytes = self
                .blobs
                .get(&staged.name())
                .unwrap_or_else(|| panic!("the head names {} which is not stored", staged.name()));
            for (entry, index) in staged.parse(bytes).unwrap().into_iter().zip(staged.first..) {
                if index == self.history.len() as u64 {
                    *self.logged.entry(entry.clone()).or_default() += 1;
                    self.nothing_refused_is_logged(&entry);
                    self.leaves.push(hash_leaf(&entry));
                    self.history.push(entry);
                } else {
                    assert_eq!(
                        self.history[usize::try_from(index).unwrap()],
                        entry,
                        "entry {index} changed"
                    );
                }
            }
        }
        let known = usize::try_from(self.frontier.size().get()).unwrap();
        self.frontier.append(&self.leaves[known..]).unwrap();
        assert!(
            head.frontier == self.frontier || self.is_damaged,
            "the head's root is not that of its entries"
        );
        self.roots.insert(head.size().get(), self.frontier.root());
        self.tiles_are_complete(head.tiled.get());
        self.nothing_needed_is_gone();
    }

    /// Invariant: what was refused for good is not logged, however often it is tried again.
    fn nothing_refused_is_logged(&self, entry: &Bytes) {
        let count = |of: &BTreeMap<Bytes, u64>| of.get(entry).copied().unwrap_or(0);
        assert!(
            count(&self.logged) <= count(&self.chances),
            "{entry:?} was refused for good and is logged all the same"
        );
    }

    fn submitted(&mut self, entries: &[Bytes]) {
        for entry in entries {
            *self.chances.entry(entry.clone()).or_default() += 1;
        }
    }

    fn refuse(&mut self, entries: &[Bytes]) {
        for entry in entries {
            *self.chances.get_mut(entry).expect("it was submitted") -= 1;
            self.nothing_refused_is_logged(entry);
        }
    }

    /// Invariant: a published checkpoint is a committed one, never shrinks, drops no signature, and has its tiles.
    fn published_replaced(&mut self, new: &Bytes) {
        let after = Published::from_register(&KEYS, new).unwrap();
        assert_eq!(
            self.roots.get(&after.size().get()),
            Some(&after.root()),
            "published a root that was never committed"
        );
        if let Some(before) = &self.published {
            assert!(
                after.size() >= before.size(),
                "the published size shrank from {:?} to {:?}",
                before.size(),
                after.size()
            );
            if after.size() == before.size() {
                let note = |published: &Published| Note::parse(published.note()).unwrap();
                assert!(
                    keeps_signatures(&note(&after), &note(before), &RING),
                    "a republication dropped a signature"
                );
            }
        }
        if self.witnesses.is_some() {
            let verified =
                |published: &Published| POLICY.verify(Note::parse(published.note()).unwrap());
            let witnessed = verified(&after);
            // Under an earlier policy the same tree may have been published without it.
            let same = self
                .published
                .as_ref()
                .filter(|it| it.size() == after.size());
            assert!(
                witnessed.is_ok() || same.is_some_and(|before| verified(before).is_err()),
                "published without the quorum: {witnessed:?}"
            );
        }
        let size = after.size().get();
        self.published = Some(after);
        self.tiles_are_complete(size);
        self.edge_is_complete(size);
    }

    /// All full tiles and bundles below a size are stored and right.
    fn tiles_are_complete(&mut self, size: u64) {
        let full = size / 256;
        for index in self.checked_tiles..full {
            let range =
                usize::try_from(index * 256).unwrap()..usize::try_from(index * 256 + 256).unwrap();
            let tile = self.stored_tile(TileId::new(0, index, 256).unwrap());
            let expected: Vec<NodeHash> = self.leaves[range.clone()]
                .iter()
                .copied()
                .map(NodeHash::from)
                .collect();
            assert_eq!(tile.hashes(), expected, "tile/0/{index} is wrong");
            let bundle = BundleId::new(index, 256).unwrap();
            assert_eq!(
                self.blobs[&bundle.path()],
                encode_bundle(&self.history[range]).unwrap(),
                "bundle {index} is wrong"
            );
        }
        self.checked_tiles = self.checked_tiles.max(full);
        if !size.is_multiple_of(256) {
            self.edge_is_complete(size);
        }
    }

    fn stored_tile(&self, id: TileId) -> Tile {
        let bytes = self
            .blobs
            .get(&id.path())
            .unwrap_or_else(|| panic!("{} is not stored", id.path()));
        Tile::parse(bytes).unwrap()
    }

    /// The partial tiles and the partial bundle of a size are stored, or the full ones are.
    fn edge_is_complete(&self, size: u64) {
        if self.is_damaged {
            return;
        }
        let first = usize::try_from(size - size % 256).unwrap();
        let end = usize::try_from(size).unwrap();
        for id in tiles_of(TreeSize::new(size)) {
            let full = TileId::new(id.level(), id.index(), 256).unwrap();
            let tile = if self.blobs.contains_key(&id.path()) {
                self.stored_tile(id)
            } else {
                self.stored_tile(full)
            };
            if id.level() == 0 {
                let expected: Vec<NodeHash> = self.leaves[first..end]
                    .iter()
                    .copied()
                    .map(NodeHash::from)
                    .collect();
                assert_eq!(
                    &tile.hashes()[..expected.len()],
                    expected,
                    "{} is wrong",
                    id.path()
                );
            }
        }
        if first < end {
            let id = BundleId::new(size / 256, u16::try_from(end - first).unwrap()).unwrap();
            let full = BundleId::new(size / 256, 256).unwrap();
            match self.blobs.get(&id.path()) {
                Some(bytes) => assert_eq!(
                    *bytes,
                    encode_bundle(&self.history[first..end]).unwrap(),
                    "{} is wrong",
                    id.path()
                ),
                None => assert!(
                    self.blobs.contains_key(&full.path()),
                    "{} is not stored",
                    id.path()
                ),
            }
        }
    }

    /// Invariant: what the head names is stored, and the published checkpoint can be proved.
    fn nothing_needed_is_gone(&self) {
        for staged in &self.head().staged {
            assert!(
                self.blobs.contains_key(&staged.name()),
                "{} was discarded while the head names it",
                staged.name()
            );
        }
        if let Some(published) = &self.published {
            self.edge_is_complete(published.size().get());
        }
    }

    /// Invariant: an acknowledged entry is where it was acknowledged.
    fn acknowledge(&mut self, first: u64, entries: &[Bytes]) {
        for (entry, index) in entries.iter().zip(first..) {
            let there = self.history.get(usize::try_from(index).unwrap());
            assert_eq!(
                there,
                Some(entry),
                "entry {index} was acknowledged before it was committed"
            );
            self.acknowledged += 1;
        }
    }
}

impl Signer {
    /// Signs with one key and with both in turn, as during a rotation: what is published must keep what it has.
    fn sign(&mut self, size: TreeSize, root: NodeHash) -> Bytes {
        self.signatures += 1;
        let count = 1 + self.signatures % 2;
        let keys = &SIGNING_KEYS[..count];
        let sign = || {
            let checkpoint = Checkpoint::new(Origin::new(ORIGIN).unwrap(), size, root);
            let lines = keys
                .iter()
                .map(|key| sign_as_log(key, &checkpoint).unwrap());
            Bytes::copy_from_slice(assemble(&checkpoint, lines, &RING).unwrap().as_bytes())
        };
        self.notes
            .entry((size.get(), root, count))
            .or_insert_with(sign)
            .clone()
    }
}

/// One process: a sequencer, what it was handed and what it waits for.
pub(crate) struct Process {
    pub(crate) sequencer: Sequencer,
    pub(crate) waiting: Vec<Operation>,
    submitted: BTreeMap<SubmissionId, Vec<Bytes>>,
    /// Submissions that were refused for good, for their submitters to try again.
    pub(crate) refused: Vec<Vec<Bytes>>,
    pub(crate) now: u64,
    /// The witnesses, if there are any, had their say.
    pub(crate) is_let_in: bool,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something was carried out.
    Did,
    /// The process died.
    Crashed,
}

impl Process {
    fn config() -> Config {
        Config {
            max_round_entries: 200,
            tile_after_staged: 3,
            tile_after_blobs: 2,
            ..Config::default()
        }
    }

    pub(crate) fn start(writer: u64, now: u64) -> Self {
        Self::with(Self::config(), writer, now)
    }

    pub(crate) fn with(config: Config, writer: u64, now: u64) -> Self {
        Self::with_keys(KEYS.clone(), config, writer, now)
    }

    fn with_keys(keys: LogKeys, config: Config, writer: u64, now: u64) -> Self {
        let sequencer = Sequencer::new(config, keys, WriterId(writer), Timestamp::from_millis(now));
        Self {
            sequencer,
            waiting: Vec::new(),
            submitted: BTreeMap::new(),
            refused: Vec::new(),
            now,
            is_let_in: true,
        }
    }

    pub(crate) fn submit(&mut self, world: &mut World, entries: &[Bytes]) {
        world.submitted(entries);
        match self
            .sequencer
            .submit(entries.iter().cloned().map(Entry::new).collect())
        {
            Ok(id) => {
                self.submitted.insert(id, entries.to_vec());
            }
            Err(_) => world.refuse(entries),
        }
    }

    pub(crate) fn advance_clock(&mut self, millis: u64) {
        self.now += millis;
        self.sequencer.tick(Timestamp::from_millis(self.now));
    }

    /// Takes all operations that the sequencer offers now.
    pub(crate) fn gather(&mut self, world: &mut World) {
        if let Some(witnesses) = &mut world.witnesses {
            for late in witnesses.late.drain(..) {
                self.sequencer.cosigned_late(late);
            }
        }
        while let Some(operation) = self.sequencer.poll() {
            self.waiting.push(operation);
        }
        self.hear(world);
    }

    /// Carries out the waiting operation at `position`, with a fault or without.
    pub(crate) fn carry_out(
        &mut self,
        world: &mut World,
        position: usize,
        fault: Option<Fault>,
    ) -> Step {
        let operation = self.waiting.remove(position);
        if matches!(
            operation.request,
            Request::Sign { .. } | Request::Cosign { .. }
        ) {
            assert!(self.is_let_in, "signed before the witnesses had their say");
        }
        let guards = matches!(operation.request, Request::AskWitnesses { .. });
        let outcome = match fault {
            None => world.apply(&operation.request),
            Some(Fault::NotDone) => Outcome::NotDone("injected".into()),
            Some(Fault::UnknownApplied) => {
                world.apply(&operation.request);
                unknown(&operation.request)
            }
            Some(Fault::UnknownNotApplied) => unknown(&operation.request),
            Some(Fault::UnknownDelayed) => {
                world.delayed.push(operation.request.clone());
                unknown(&operation.request)
            }
            Some(Fault::CrashBefore) => return Step::Crashed,
            Some(Fault::CrashAfter) => {
                world.apply(&operation.request);
                return Step::Crashed;
            }
        };
        self.is_let_in |= guards && outcome == Outcome::Done;
        self.sequencer.complete(operation.id, outcome);
        self.hear(world);
        Step::Did
    }

    fn hear(&mut self, world: &mut World) {
        while let Some(event) = self.sequencer.poll_event() {
            match event {
                Event::Answer { id, result } => {
                    let entries = self
                        .submitted
                        .remove(&id)
                        .expect("each submission is answered once");
                    match result {
                        Ok(first) => {
                            assert!(
                                self.is_let_in,
                                "acknowledged before the witnesses had their say"
                            );
                            assert!(
                                world.published.is_some(),
                                "acknowledged before anything was published"
                            );
                            world.acknowledge(first.get(), &entries);
                        }
                        Err(SubmitError::OutcomeUnknown { .. }) => {}
                        Err(_) => {
                            world.refuse(&entries);
                            self.refused.push(entries);
                        }
                    }
                }
                Event::Stopped(reason) => world.stops.push(reason),
                Event::Published(publication) => {
                    assert_eq!(
                        world.roots.get(&publication.size.get()),
                        Some(&publication.root)
                    );
                    assert!(
                        world
                            .published
                            .as_ref()
                            .is_some_and(|published| published.size() >= publication.size),
                        "told that {} is published before it is",
                        publication.size
                    );
                }
                Event::Warning(what) | Event::WaitsForWitnesses(what) => world.told.push(what),
                Event::Recovered { .. } => {}
            }
        }
    }

    pub(crate) fn everyone_is_answered(&self) -> bool {
        self.submitted.is_empty()
    }
}

/// Reads and signatures cannot be unknown: they have no effect.
fn unknown(request: &Request) -> Outcome {
    match request {
        Request::Replace { .. } | Request::Put(_) | Request::Discard(_) => {
            Outcome::Unknown("injected".into())
        }
        Request::Fetch(_)
        | Request::Read(_)
        | Request::List(_)
        | Request::Sign { .. }
        | Request::Cosign { .. }
        | Request::AskWitnesses { .. } => Outcome::NotDone("injected".into()),
    }
}

/// Whatever happened before: without faults everything comes to rest in order, woken by nothing but its own timers.
pub(crate) fn finish(world: &mut World, process: &mut Process, writers: u64) {
    rest(world, process);
    assert!(
        process.everyone_is_answered(),
        "a submitter was never answered"
    );
    // A fresh start finds nothing to mend, takes entries and publishes them.
    let mut process = world.process(writers + 1, process.now);
    rest(world, &mut process);
    let last = entries(1_000_000 + writers, 1);
    process.submit(world, &last);
    rest(world, &mut process);
    assert_eq!(
        world.history.last(),
        last.first(),
        "the last entry was not logged"
    );
    let head = world.head();
    let published = world.published.as_ref().expect("something is published");
    assert_eq!(published.size(), head.size(), "something stays unpublished");
    assert_eq!(head.staged, [], "something stays staged");
    assert!(
        !world.blobs.keys().any(|name| name.starts_with("staged/")),
        "staged blobs are left behind"
    );
}

/// The refresh of an idle log is no unrest.
const SOON_MILLIS: u64 = 60_000;

/// Works until there is nothing to do and no timer runs but that of a refresh.
pub(crate) fn rest(world: &mut World, process: &mut Process) {
    for _ in 0..10_000 {
        process.gather(world);
        if !process.waiting.is_empty() {
            assert_eq!(process.carry_out(world, 0, None), Step::Did);
        } else if let Some(wakeup) = process.sequencer.next_wakeup() {
            let pause = wakeup.as_millis().saturating_sub(process.now).max(1);
            if pause > SOON_MILLIS {
                return;
            }
            process.advance_clock(pause);
        } else {
            return;
        }
    }
    panic!("it does not come to rest: {:?}", process.sequencer.status());
}

/// Distinct entries, so that each can be recognised.
pub(crate) fn entries(from: u64, count: u64) -> Vec<Bytes> {
    (from..from + count)
        .map(|number| Bytes::from(format!("entry {number}")))
        .collect()
}
