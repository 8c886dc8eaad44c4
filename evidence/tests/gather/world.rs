//! A log of fewer than 256 entries, anchors that serve what they are told to, and authorities whose tokens are real.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use counterfoil_evidence::gather::{Anchor, Ask, Failed, MAX_LIST_BYTES, NoReceipt};
use counterfoil_evidence::names::{Named, Place, RecordName};
use counterfoil_tiles::checkpoint::{Checkpoint, Origin, OriginHash};
use counterfoil_tiles::cosignature::{Timestamp, cosign_checkpoint, sign_as_log};
use counterfoil_tiles::hash::{LeafIndex, NodeHash, TreeSize, hash_leaf};
use counterfoil_tiles::key::{Algorithm, KeyName, Seed, SigningKey};
use counterfoil_tiles::note::Note;
use counterfoil_tiles::proof::{ProofPlan, root_from_tiles};
use counterfoil_tiles::receipt::Receipt;
use counterfoil_tiles::tile::{Tile, TileId};
use tokio::sync::{Barrier, oneshot};

use crate::kept::{Authority, Blobs, keep, listed, place_of};

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
    cosigned(size, branch, &[])
}

/// The same, cosigned at these times.
pub(crate) fn cosigned(size: u64, branch: u8, times: &[u64]) -> Note {
    let root = root_from_tiles(TreeSize::new(size), &tile(size, branch)).unwrap();
    let checkpoint = Checkpoint::new(origin(), TreeSize::new(size), root);
    let name = KeyName::new(ORIGIN).unwrap();
    let key = SigningKey::from_seed(name, Algorithm::Ed25519, &Seed::new([1; 32])).unwrap();
    let mut lines = vec![sign_as_log(&key, &checkpoint).unwrap()];
    for time in times {
        let name = KeyName::new("witness.example").unwrap();
        let key = SigningKey::from_seed(name, Algorithm::CosignatureV1, &Seed::new([2; 32]));
        let time = Timestamp::new(*time).unwrap();
        lines.push(cosign_checkpoint(&key.unwrap(), &checkpoint, time).unwrap());
    }
    Note::new(&checkpoint.to_string(), lines).unwrap()
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
    place_of(log(), note.as_bytes())
}

/// An anchor that serves what it is told to.
#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) blobs: Blobs,
    pub(crate) instead: BTreeMap<String, Result<Option<Bytes>, Failed>>,
    pub(crate) asked: Mutex<Vec<String>>,
    /// Where it waits for others before it gives a record.
    pub(crate) meeting: Option<Arc<Barrier>>,
    /// After how many records it gives no more.
    pub(crate) hangs_after: Option<usize>,
    /// Is dropped when it does.
    pub(crate) hanging: Mutex<Option<oneshot::Sender<()>>>,
    pub(crate) forgotten: Mutex<Vec<String>>,
}

impl Anchor for Fake {
    async fn read(&self, ask: &Ask, limit: usize) -> Result<Option<Bytes>, Failed> {
        let path = ask.path();
        if let Ask::List(_) = ask {
            assert_eq!(limit, MAX_LIST_BYTES);
        }
        if let (Ask::Record(_), Some(meeting)) = (ask, &self.meeting) {
            meeting.wait().await;
        }
        if let (Ask::Record(_), Some(after)) = (ask, self.hangs_after)
            && self.asked("/rfc3161-") >= after
        {
            self.hanging.lock().unwrap().take();
            std::future::pending::<()>().await;
        }
        self.asked.lock().unwrap().push(path.to_owned());
        let (folder, query) = path.split_once('?').unwrap_or((path, ""));
        if let Some(instead) = self.instead.get(folder) {
            return instead.clone();
        }
        if let Ask::Checkpoint(_) | Ask::Record(_) = ask {
            return Ok(self.blobs.get(path).cloned().map(Bytes::from));
        }
        Ok(listed(&self.blobs, folder, query).map(Bytes::from))
    }

    fn forget(&self, ask: &Ask) {
        self.forgotten.lock().unwrap().push(ask.path().to_owned());
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
        for authority in authorities {
            keep(&mut self.blobs, log(), note.as_bytes(), authority);
        }
    }

    pub(crate) fn asked(&self, what: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|path| path.contains(what)).count()
    }
}
