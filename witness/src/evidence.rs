//! Proof that logs misbehaved (docs/misbehaviour.md), kept as blobs `evidence/<origin hash>/<SHA-256 of the file>`.
//!
//! At most [`MAX_FILES`] a log, and each act once: the first says it all, and a log must not be able to fill the disk.

use core::fmt;
use core::str::FromStr;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use counterfoil_store::{Blob, BlobName, BlobStore, NameError, PutError, ReadError};
use counterfoil_tiles::misbehaviour::{Act, Misbehaviour, ProvedMisbehaviour};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use crate::OriginHash;

/// Most files that are kept for a log.
pub const MAX_FILES: usize = 16;

/// The SHA-256 of a file of evidence, in 64 lowercase hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EvidenceId(String);

impl EvidenceId {
    fn of(file: &[u8]) -> Self {
        Self(hex::encode(Sha256::digest(file)))
    }
}

impl fmt::Display for EvidenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text is no SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a file of evidence is named by 64 lowercase hexadecimal digits")]
pub struct NoEvidenceId;

impl FromStr for EvidenceId {
    type Err = NoEvidenceId;

    fn from_str(text: &str) -> Result<Self, NoEvidenceId> {
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 64 && text.bytes().all(digit) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NoEvidenceId)
        }
    }
}

/// Why evidence was not kept or not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// It could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It could not be stored, or may not have been.
    #[error(transparent)]
    Put(#[from] PutError),
    /// The store takes no such name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// What is stored has another SHA-256 than its name.
    #[error("{0} is damaged: its bytes are not those of its name; restore it from a backup")]
    Damaged(BlobName),
}

/// What became of a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It is stored.
    New(EvidenceId),
    /// The same act is stored already.
    Known,
    /// [`MAX_FILES`] are stored already.
    Full,
}

/// The evidence of all logs.
pub(crate) struct Evidence {
    blobs: Arc<dyn BlobStore>,
    /// Of the logs that were asked about since the start; held while a file is stored, which is rare.
    known: Mutex<HashMap<OriginHash, Known>>,
}

#[derive(Debug, Default, Clone)]
struct Known {
    files: usize,
    acts: Vec<Act>,
}

impl Evidence {
    pub(crate) fn new(blobs: Arc<dyn BlobStore>) -> Self {
        Self {
            blobs,
            known: Mutex::new(HashMap::new()),
        }
    }

    /// Keeps a proof, if it says something new and there is room.
    pub(crate) async fn keep(
        &self,
        log: OriginHash,
        proved: &ProvedMisbehaviour,
    ) -> Result<Kept, EvidenceError> {
        let mut all = self.known.lock().await;
        let known = match all.get(&log) {
            Some(known) => known.clone(),
            None => self.load(log).await?,
        };
        let known = all.entry(log).or_insert(known);
        if known.acts.contains(&proved.act()) {
            return Ok(Kept::Known);
        }
        if known.files >= MAX_FILES {
            return Ok(Kept::Full);
        }
        let file = proved.to_string();
        let id = EvidenceId::of(file.as_bytes());
        let blob = Blob::new(blob_name(log, &id)?, file.into_bytes());
        self.blobs.put_new(&[blob]).await?;
        known.files = known.files.saturating_add(1);
        known.acts.push(proved.act());
        Ok(Kept::New(id))
    }

    /// True if a file is kept for the log.
    pub(crate) async fn any(&self, log: OriginHash) -> Result<bool, EvidenceError> {
        let mut all = self.known.lock().await;
        if let Some(known) = all.get(&log) {
            return Ok(known.files > 0);
        }
        let known = self.load(log).await?;
        Ok(all.entry(log).or_insert(known).files > 0)
    }

    /// The files that are kept for a log, in ascending order.
    pub(crate) async fn list(&self, log: OriginHash) -> Result<Vec<EvidenceId>, EvidenceError> {
        let prefix = format!("evidence/{log}/");
        let names = self.blobs.list(&prefix).await?;
        let ids = names.iter().filter_map(|name| {
            let id = name.as_str().strip_prefix(&prefix)?;
            id.parse().ok()
        });
        Ok(ids.collect())
    }

    /// One of the files; none if there is no such file.
    pub(crate) async fn get(
        &self,
        log: OriginHash,
        id: &EvidenceId,
    ) -> Result<Option<Bytes>, EvidenceError> {
        let name = blob_name(log, id)?;
        match self.blobs.get(&name).await? {
            Some(file) if EvidenceId::of(&file) != *id => Err(EvidenceError::Damaged(name)),
            file => Ok(file),
        }
    }

    async fn load(&self, log: OriginHash) -> Result<Known, EvidenceError> {
        let mut known = Known::default();
        for id in self.list(log).await? {
            known.files = known.files.saturating_add(1);
            let file = match self.get(log, &id).await {
                Ok(file) => file.unwrap_or_default(),
                // It still counts; the act may be stored once more.
                Err(EvidenceError::Damaged(_)) => continue,
                Err(error) => return Err(error),
            };
            known
                .acts
                .extend(Misbehaviour::parse(&file).map(|claim| claim.act()));
        }
        Ok(known)
    }
}

fn blob_name(log: OriginHash, id: &EvidenceId) -> Result<BlobName, NameError> {
    BlobName::new(&format!("evidence/{log}/{id}"))
}
