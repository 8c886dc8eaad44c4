//! A log of fewer than 256 entries, anchors that serve what they are told to, and authorities whose tokens are real.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;

use bytes::Bytes;
use counterfoil_dev_tsa::{DevTsa, Options};
use counterfoil_evidence::gather::{Anchor, Ask, Failed, NoReceipt};
use counterfoil_evidence::moment::Moment;
use counterfoil_evidence::names::{CheckpointHash, Named, Place, RecordName};
use counterfoil_evidence::record::TokenRecord;
use counterfoil_rfc3161::Token;
use counterfoil_tiles::checkpoint::{Checkpoint, Origin, OriginHash};
use counterfoil_tiles::cosignature::sign_as_log;
use counterfoil_tiles::hash::{LeafIndex, NodeHash, TreeSize, hash_leaf};
use counterfoil_tiles::key::{Algorithm, KeyName, Seed, SigningKey};
use counterfoil_tiles::note::Note;
use counterfoil_tiles::proof::{ProofPlan, root_from_tiles};
use counterfoil_tiles::receipt::Receipt;
use counterfoil_tiles::tile::{Tile, TileId};

pub(crate) const ORIGIN: &str = "example.com/log";
pub(crate) const PUBLISHED: u64 = 200;

pub(crate) fn origin() -> Origin {
    Origin::new(ORIGIN).unwrap()
}

pub(crate) fn log() -> OriginHash {
    OriginHash::of(&origin())
}

/// The only tile of a tree of fewer than 256 entries; those of a branch differ from entry 10 on.
pub(crate) fn tile(size: u64, branch: u8) -> HashMap<TileId, Tile> {
    let branch = |index: u64| if index < 10 { 0 } else { branch };
    let leaf =
        |index: u64| NodeHash::from(hash_leaf(&[branch(index), u8::try_from(index).unwrap()]));
    let id = TileId::at(0, 0, TreeSize::new(size)).unwrap();
    HashMap::from([(id, Tile::new((0..size).map(leaf).collect()).unwrap())])
}

/// A checkpoint of a branch, signed.
pub(crate) fn note(size: u64, branch: u8) -> Note {
    let root = root_from_tiles(TreeSize::new(size), &tile(size, branch)).unwrap();
    let checkpoint = Checkpoint::new(origin(), TreeSize::new(size), root);
    let name = KeyName::new(ORIGIN).unwrap();
    let key = SigningKey::from_seed(name, Algorithm::Ed25519, &Seed::new([1; 32])).unwrap();
    let line = sign_as_log(&key, &checkpoint).unwrap();
    Note::new(&checkpoint.to_string(), vec![line]).unwrap()
}

/// The log's receipt, as it itself would give it.
pub(crate) async fn receipt(
    index: LeafIndex,
    note: Note,
) -> Result<Receipt, NoReceipt<&'static str>> {
    let size = Checkpoint::parse(note.text()).unwrap().size();
    let plan = ProofPlan::inclusion(index, size).unwrap();
    let proof = plan.resolve(size, &tile(size.get(), 0)).unwrap();
    let receipt = Receipt::new(index, proof, note).unwrap();
    let leaf = hash_leaf(&[0, u8::try_from(index.get()).unwrap()]);
    match receipt.check_inclusion(&leaf) {
        Ok(()) => Ok(receipt),
        Err(_) => Err(NoReceipt::Foreign("another history".to_owned())),
    }
}

pub(crate) fn place(note: &Note) -> Place {
    Place {
        origin: log(),
        size: Checkpoint::parse(note.text()).unwrap().size(),
        checkpoint: CheckpointHash::of(note.as_bytes()),
    }
}

/// An anchor that serves what it is told to.
#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) blobs: BTreeMap<String, Vec<u8>>,
    pub(crate) instead: BTreeMap<String, Result<Option<Bytes>, Failed>>,
    pub(crate) asked: Mutex<Vec<String>>,
}

impl Anchor for Fake {
    async fn read(&self, ask: &Ask) -> Result<Option<Bytes>, Failed> {
        let path = ask.path();
        self.asked.lock().unwrap().push(path.to_owned());
        let (folder, query) = path.split_once('?').unwrap_or((path, ""));
        if let Some(instead) = self.instead.get(folder) {
            return instead.clone();
        }
        if let Ask::Checkpoint(_) | Ask::Record(_) = ask {
            return Ok(self.blobs.get(path).cloned().map(Bytes::from));
        }
        let within = |blob: &String| {
            let rest = blob.strip_prefix(folder)?.strip_prefix('/')?;
            rest.split('/').next().map(ToOwned::to_owned)
        };
        let lines: BTreeSet<String> = self.blobs.keys().filter_map(within).collect();
        let mut lines: Vec<String> = lines.into_iter().collect();
        lines.sort_by_key(|line| line.parse::<u64>().ok());
        if let Some(after) = query.strip_prefix("after=") {
            let after: u64 = after.parse().unwrap();
            lines.retain(|line| line.parse::<u64>().unwrap() > after);
        }
        if let Some(last) = query.strip_prefix("last=") {
            let last: usize = last.parse().unwrap();
            lines = lines.split_off(lines.len().saturating_sub(last));
        }
        let found = !lines.is_empty() || !query.is_empty();
        let text: String = lines
            .iter()
            .flat_map(|line| [line.as_str(), "\n"])
            .collect();
        Ok(found.then(|| Bytes::from(text)))
    }
}

impl Fake {
    pub(crate) fn checkpoint(&mut self, note: &Note) -> Place {
        let place = place(note);
        let path = place.path(&Named::Checkpoint);
        self.blobs.insert(path, note.as_bytes().to_vec());
        place
    }

    pub(crate) fn record(&mut self, place: Place, name: &str, bytes: Vec<u8>) {
        let name: RecordName = name.parse().unwrap();
        self.blobs.insert(place.path(&Named::Record(name)), bytes);
    }

    /// Anchors a checkpoint by these authorities.
    pub(crate) fn anchors(&mut self, note: &Note, authorities: &[&Authority]) {
        let place = self.checkpoint(note);
        for authority in authorities {
            let name = format!("rfc3161-{}", authority.name);
            let record = authority.record(note.as_bytes());
            self.record(place, &name, record.encode().unwrap());
        }
    }

    pub(crate) fn asked(&self, what: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|path| path.contains(what)).count()
    }
}

pub(crate) struct Authority {
    name: &'static str,
    pub(crate) tsa: DevTsa,
}

impl Authority {
    pub(crate) async fn start(name: &'static str) -> Self {
        let options = Options {
            name: name.to_owned(),
            ..Options::default()
        };
        let tsa = DevTsa::start(options).await.unwrap();
        Self { name, tsa }
    }

    pub(crate) fn record(&self, checkpoint: &[u8]) -> TokenRecord {
        let token = self.tsa.stamp(checkpoint).unwrap();
        let time = Token::parse(&token).unwrap().info().gen_time;
        let time = Moment::from_seconds(u64::try_from(time.seconds()).unwrap());
        let chain = [self.tsa.signer(), self.tsa.intermediate(), self.tsa.root()];
        TokenRecord {
            authority: self.name.parse().unwrap(),
            url: self.tsa.tsr_url(),
            checkpoint: checkpoint.to_vec(),
            token,
            certificates: chain.map(<[u8]>::to_vec).to_vec(),
            gen_time: time,
            received: time,
            revocation: Vec::new(),
        }
    }
}
