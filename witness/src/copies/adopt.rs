//! Taking over what the copies show into a database that is older: with the service stopped, by its operator.

use std::collections::BTreeSet;
use std::sync::Arc;

use counterfoil_store::{HeadStore, ReadError, ReplaceError};
use counterfoil_tiles::checkpoint::{CheckpointError, Origin, SignedCheckpoint};
use counterfoil_tiles::hash::TreeSize;
use counterfoil_tiles::key::KeyRing;
use counterfoil_tiles::note::{Note, SignatureLine};

use super::{CopySource, OwnCheckpoint, uncovered};
use crate::OriginHash;
use crate::logs::{Log, Logs};
use crate::record::{RecordError, Recorded, register};

/// Why copies are not taken over. Nothing was changed for this log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdoptError {
    /// A key of the log did not sign the copy.
    #[error("the copy of size {} is not signed by {origin}: {error}", size.get())]
    NotByLog {
        /// The log.
        origin: Origin,
        /// The size of the copy.
        size: TreeSize,
        /// What is wrong.
        error: CheckpointError,
    },
    /// This witness signed two roots of one size.
    #[error(
        "this witness has signed two roots of {origin} at size {}: it must not sign for that log again; compare the copies and the record",
        size.get()
    )]
    TwoRoots {
        /// The log.
        origin: Origin,
        /// The size.
        size: TreeSize,
    },
    /// The witness does not know the log any more, so nothing shows that the copy is by it.
    #[error("the log {0} is not in the witness's lists: add it, adopt, and remove it again")]
    UnknownLog(Origin),
    /// The record cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The record is none.
    #[error("the record: {0}")]
    Record(#[from] RecordError),
    /// The record was not written, or may not have been.
    #[error(transparent)]
    Replace(#[from] ReplaceError),
}

/// What is to be recorded for a log, by the copies of its checkpoint: the largest, if the record does not cover it.
///
/// The copies are known to be signed by this witness; that the log has signed them too is verified here. Two roots of one
/// size are never chosen between.
pub fn adoption(
    recorded: Option<&Recorded>,
    copies: &[OwnCheckpoint],
    log: &Log,
    own: &KeyRing,
) -> Result<Option<Recorded>, AdoptError> {
    let Some(largest) = copies.iter().max_by_key(|copy| copy.checkpoint().size()) else {
        return Ok(None);
    };
    let (size, root) = (largest.checkpoint().size(), largest.checkpoint().root());
    let known = copies.iter().map(OwnCheckpoint::checkpoint);
    let mut known = known.chain(recorded.map(Recorded::checkpoint));
    if known.any(|other| other.size() == size && other.root() != root) {
        let origin = log.origin().clone();
        return Err(AdoptError::TwoRoots { origin, size });
    }
    if uncovered(recorded, largest).is_none() {
        return Ok(None);
    }
    let not_by_log = |error| AdoptError::NotByLog {
        origin: log.origin().clone(),
        size,
        error,
    };
    let signed = SignedCheckpoint::verify(largest.note().clone(), log.keys())
        .and_then(|signed| Ok(signed.without_others()?))
        .map_err(not_by_log)?;
    let is_own = |line: &&SignatureLine| own.find(line.name(), line.key_id()).is_some();
    let own_lines = largest.note().signatures().iter().filter(is_own);
    let lines = signed.note().signatures().iter().chain(own_lines);
    let note = Note::new(largest.note().text(), lines.cloned().collect())
        .map_err(|error| not_by_log(error.into()))?;
    Ok(Some(Recorded::new(note)?))
}

/// What was taken over for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// The log.
    pub origin: Origin,
    /// The size recorded before, if any.
    pub from: Option<TreeSize>,
    /// The size recorded now.
    pub to: TreeSize,
}

/// A place, or a copy in it, that was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The place.
    pub place: String,
    /// The log; none if the place's list was not read.
    pub log: Option<OriginHash>,
    /// Why.
    pub why: String,
}

/// Takes over the copies in all places, for every log of which there is one; the service must be stopped. `report` hears of
/// each log that was changed or could not be, and of each copy that was not read. A log that fails does not stop the others.
pub async fn adopt(
    heads: &dyn HeadStore,
    logs: &Logs,
    own: &KeyRing,
    sources: &[Arc<dyn CopySource>],
    mut report: impl FnMut(Result<Result<Adoption, AdoptError>, Unreadable>),
) {
    let mut hashes: BTreeSet<OriginHash> = logs.iter().map(|log| log.hash()).collect();
    for source in sources {
        match source.list().await {
            Ok(listed) => hashes.extend(listed.unwrap_or_default()),
            Err(why) => report(Err(Unreadable {
                place: source.place().to_owned(),
                log: None,
                why,
            })),
        }
    }
    for hash in hashes {
        let mut copies = Vec::new();
        for source in sources {
            let copy = match source.fetch(hash).await {
                Ok(None) => continue,
                Ok(Some(bytes)) => {
                    OwnCheckpoint::verify(&bytes, hash, own).map_err(|error| error.to_string())
                }
                Err(why) => Err(why),
            };
            match copy {
                Ok(copy) => copies.push(copy),
                Err(why) => report(Err(Unreadable {
                    place: source.place().to_owned(),
                    log: Some(hash),
                    why,
                })),
            }
        }
        match adopt_one(heads, logs, own, hash, &copies).await {
            Ok(None) => {}
            Ok(Some(adoption)) => report(Ok(Ok(adoption))),
            Err(error) => report(Ok(Err(error))),
        }
    }
}

async fn adopt_one(
    heads: &dyn HeadStore,
    logs: &Logs,
    own: &KeyRing,
    hash: OriginHash,
    copies: &[OwnCheckpoint],
) -> Result<Option<Adoption>, AdoptError> {
    let Some(any) = copies.first() else {
        return Ok(None);
    };
    let register = register(hash);
    let value = heads.fetch(&register).await?;
    let recorded = value.as_ref().map(|value| Recorded::parse(value, hash));
    let recorded = recorded.transpose()?;
    let Some(log) = logs.get(hash) else {
        let covered = |copy| uncovered(recorded.as_ref(), copy).is_none();
        if copies.iter().all(covered) {
            return Ok(None);
        }
        return Err(AdoptError::UnknownLog(any.checkpoint().origin().clone()));
    };
    let Some(new) = adoption(recorded.as_ref(), copies, log, own)? else {
        return Ok(None);
    };
    match &value {
        None => heads.create(&register, new.encode()).await?,
        Some(old) => heads.replace(&register, old, new.encode()).await?,
    }
    Ok(Some(Adoption {
        origin: log.origin().clone(),
        from: recorded.map(|recorded| recorded.checkpoint().size()),
        to: new.checkpoint().size(),
    }))
}
