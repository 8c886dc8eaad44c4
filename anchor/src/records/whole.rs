//! Whether what is kept is as it was kept. Stores give back what the medium has, and media lie.
//!
//! A checkpoint is told by its name. A record has no checksum and needs none: its token was signed, and so were its lists, and a
//! block's header commits to its transactions, so that they are judged, by what is in the record alone. That is done once a process for each record, and its hash is
//! remembered.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use counterfoil_ethereum::Question;
use counterfoil_store::{BlobName, ReadError};
use counterfoil_tiles::checkpoint::{Checkpoint, OriginHash};
use counterfoil_tiles::note::Note;
use sha2::{Digest as _, Sha256};

use crate::judge::{RecordJudge, RevocationStatus};
use crate::moment::Moment;
use crate::names::{CheckpointHash, Place, RecordName};
use crate::record::{BlockRecord, RecordError, Revocation, TokenRecord};

/// Records that are remembered to be whole; some 300 bytes each.
const REMEMBERED: usize = 10_000;

/// Records that are known to be damaged, at most: a number that large says that the disk is gone.
pub const MAX_DAMAGED: usize = 1_000;

/// What is wrong with something that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// It was there, and is not any more.
    Missing,
    /// The medium does not give it back.
    Unreadable(ReadError),
    /// A checkpoint that is not the one of its name.
    OtherCheckpoint,
    /// No checkpoint of the log under whose forks it stands.
    OtherLog,
    /// No record.
    NoRecord(RecordError),
    /// A record about something else than its name says.
    OtherRecord,
    /// Its token does not hold.
    Token(String),
    /// Its revocation data are none about its chain.
    Revocation(String),
    /// Its block does not hold its checkpoint.
    Block(String),
    /// It holds, and is another than this process read before.
    Changed,
    /// This program breaks on it.
    Broke(String),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("it is not there any more"),
            Self::Unreadable(error) => write!(f, "it cannot be read: {error}"),
            Self::OtherCheckpoint => f.write_str("its SHA-256 is not that of its name"),
            Self::OtherLog => f.write_str("it is no checkpoint of this log"),
            Self::NoRecord(error) => error.fmt(f),
            Self::OtherRecord => {
                f.write_str("it is about another checkpoint, authority or token than its name says")
            }
            Self::Token(why) => write!(f, "its token does not hold: {why}"),
            Self::Revocation(why) => write!(f, "its revocation data do not hold: {why}"),
            Self::Block(why) => write!(f, "its block does not hold its checkpoint: {why}"),
            Self::Changed => f.write_str("it is another than was read before"),
            Self::Broke(why) => why.fmt(f),
        }
    }
}

/// What was found of what is kept.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// SHA-256 of what was found to be whole.
    whole: Mutex<HashMap<BlobName, [u8; 32]>>,
    damaged: Mutex<BTreeMap<BlobName, Damage>>,
}

impl Known {
    fn whole(&self) -> MutexGuard<'_, HashMap<BlobName, [u8; 32]>> {
        self.whole.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn damaged_ones(&self) -> MutexGuard<'_, BTreeMap<BlobName, Damage>> {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known to be damaged.
    pub(super) fn damaged(&self) -> BTreeMap<BlobName, Damage> {
        self.damaged_ones().clone()
    }

    /// Judges these bytes, unless they were found to be whole before.
    pub(super) fn judge(
        &self,
        name: &BlobName,
        bytes: &Bytes,
        judge: impl FnOnce() -> Result<(), Damage>,
    ) -> Result<(), Damage> {
        let hash: [u8; 32] = Sha256::digest(bytes).into();
        let before = self.whole().get(name).copied();
        if before == Some(hash) {
            return Ok(());
        }
        judge()?;
        if before.is_some() {
            return Err(Damage::Changed);
        }
        let mut whole = self.whole();
        if whole.len() >= REMEMBERED {
            whole.clear();
        }
        whole.insert(name.clone(), hash);
        Ok(())
    }

    /// Takes note of how something was found. New damage is told.
    pub(super) fn found<T>(&self, name: &BlobName, found: &Result<T, Damage>) {
        let mut damaged = self.damaged_ones();
        match found {
            Ok(_) => {
                if damaged.remove(name).is_some() {
                    tracing::info!(%name, "it was damaged, and is whole again");
                }
            }
            Err(damage) => {
                let is_new = damaged.get(name) != Some(damage);
                if is_new && (damaged.len() < MAX_DAMAGED || damaged.contains_key(name)) {
                    tracing::error!(
                        %name,
                        "damaged, and not used nor served: {damage}. Restore it from a backup; everything else goes on"
                    );
                    damaged.insert(name.clone(), damage.clone());
                }
            }
        }
    }
}

/// A checkpoint, under its name.
pub(super) fn check_checkpoint(place: &Place, bytes: &[u8]) -> Result<(), Damage> {
    if CheckpointHash::of(bytes) == place.checkpoint {
        Ok(())
    } else {
        Err(Damage::OtherCheckpoint)
    }
}

/// A checkpoint of a fork: it is one of the log.
pub(super) fn check_fork(log: Option<OriginHash>, bytes: &[u8]) -> Result<(), Damage> {
    let note = Note::parse(bytes).ok();
    let checkpoint = note.and_then(|note| Checkpoint::parse(note.text()).ok());
    let found = checkpoint.map(|checkpoint| OriginHash::of(checkpoint.origin()));
    if found.is_some() && found == log {
        Ok(())
    } else {
        Err(Damage::OtherLog)
    }
}

/// The record of a token, under its name.
pub(super) fn read_token(
    place: &Place,
    name: &RecordName,
    bytes: &[u8],
) -> Result<TokenRecord, Damage> {
    let record = TokenRecord::parse(bytes).map_err(Damage::NoRecord)?;
    let its_own = CheckpointHash::of(&record.checkpoint) == place.checkpoint
        && record.authority == name.authority;
    if its_own {
        Ok(record)
    } else {
        Err(Damage::OtherRecord)
    }
}

/// A token and what is beside it.
pub(super) fn check_token(judge: &dyn RecordJudge, record: &TokenRecord) -> Result<(), Damage> {
    let token = judge.token(record);
    token.map_err(|rejection| Damage::Token(rejection.reason))?;
    check_revocation(
        judge,
        &record.certificates,
        &record.revocation,
        record.gen_time,
    )
}

/// The record of a block: from its header, by its transaction, to its checkpoint. That the header is one of the chain is for its
/// reader to ask the chain.
pub(super) fn check_block(record: &BlockRecord) -> Result<(), Damage> {
    let judgement = counterfoil_ethereum::verify(&Question {
        record: &record.block,
        checkpoint: Some(&record.checkpoint),
        block_hash: None,
        chain_id: None,
        destination: None,
        at: None,
    });
    match judgement.first_failure() {
        None => Ok(()),
        Some(failed) => Err(Damage::Block(format!("{}: {}", failed.name, failed.reason))),
    }
}

/// Revocation data about certificates of a chain. They were verified when they were kept.
pub(super) fn check_revocation(
    judge: &dyn RecordJudge,
    chain: &[Vec<u8>],
    kept: &[Revocation],
    gen_time: Moment,
) -> Result<(), Damage> {
    for revocation in kept {
        let wrong = |why: String| Damage::Revocation(format!("{}: {why}", revocation.url));
        let hash = |certificate: &Vec<u8>| <[u8; 32]>::from(Sha256::digest(certificate));
        let certificate = chain
            .iter()
            .position(|one| hash(one) == revocation.certificate);
        let certificate = certificate
            .ok_or_else(|| wrong("they are about no certificate of its chain".to_owned()))?;
        let Revocation { kind, data, .. } = revocation;
        let told = judge.revocation(chain, certificate, *kind, data, gen_time);
        if let RevocationStatus::Nothing(why) = told.status {
            return Err(wrong(why));
        }
    }
    Ok(())
}
