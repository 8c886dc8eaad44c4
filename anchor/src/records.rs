//! The records of an anchor in a store: what was anchored, and every token.
//!
//! - A checkpoint is durable before its round begins, and a record only after its checkpoint.
//! - A token counts when its record is durable, and not before. A crash before that loses a token that nobody counted.
//! - What is read is judged: what a disk gives back need not be what was kept.
//! - Nothing is replaced, but for a checkpoint that is not the one of its name any more. Where a record is found under the name
//!   that a token would have (a crash came between the write and its answer), it stays, and the token has the next number.

mod binding;
mod blocks;
mod examine;
mod forks;
mod index;
mod read;
mod sent;
mod whole;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;
use counterfoil_store::{Blob, BlobName, BlobStore, HeadStore, PutError, ReadError, ReplaceError};
use counterfoil_tiles::checkpoint::{Checkpoint, OriginHash};
use counterfoil_tiles::hash::TreeSize;
use counterfoil_tiles::note::Note;

use crate::judge::RecordJudge;
use crate::moment::Moment;
use crate::names::{AuthorityName, Blobs as _, CheckpointHash, MAX_NUMBER, Place, RecordName};
use crate::record::{RecordError, RevocationRecord, TokenRecord};
use crate::state::{self, State, StateError};

pub use binding::BindingError;
pub use examine::Examination;
pub use forks::{Acknowledged, MAX_FORKS};
pub use index::Index;
pub use whole::{Damage, MAX_DAMAGED};

/// Why something was not kept or not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeepError {
    /// A blob or register could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A blob was not stored, or may not have been.
    #[error(transparent)]
    Put(#[from] PutError),
    /// The state was not changed, or may not have been.
    #[error(transparent)]
    Replace(#[from] ReplaceError),
    /// The state is none.
    #[error("register {register}: {error}")]
    State {
        /// The register.
        register: String,
        /// Why.
        error: StateError,
    },
    /// A record cannot be written.
    #[error("{name}: {error}")]
    Record {
        /// Its name.
        name: String,
        /// Why.
        error: RecordError,
    },
    /// What is kept under a name is not what was kept.
    #[error("{name} is damaged: {damage}; restore it from a backup")]
    Damaged {
        /// The name.
        name: BlobName,
        /// What is wrong.
        damage: Damage,
    },
    /// What blobs could not be removed.
    #[error(transparent)]
    Discard(#[from] counterfoil_store::DiscardError),
    /// A later round has begun meanwhile.
    #[error("a later round, of {0} entries, has begun meanwhile")]
    Superseded(TreeSize),
    /// There are too many under one name.
    #[error(
        "{0}: there are {MAX_NUMBER} of this kind already, which is the most. Nothing is lost: what is kept stands, and the next \
         checkpoint that the log signs has room of its own"
    )]
    Full(String),
}

impl KeepError {
    /// Whether another try to read may succeed: what is kept may be whole.
    pub(crate) fn may_pass(&self) -> bool {
        let (Self::Read(error)
        | Self::Damaged {
            damage: Damage::Unreadable(error),
            ..
        }) = self
        else {
            return false;
        };
        matches!(error, ReadError::Failed { .. })
    }
}

/// The records of all logs.
pub struct Records {
    blobs: Arc<dyn BlobStore>,
    heads: Arc<dyn HeadStore>,
    judge: Arc<dyn RecordJudge>,
    index: RwLock<Index>,
    known: Arc<whole::Known>,
    seen: forks::Seen,
    /// Why the last write failed; none if it did not.
    unwritable: Mutex<Option<String>>,
}

impl Records {
    /// Opens the records, which are judged when they are read. Takes time and memory in their number.
    pub async fn open(
        blobs: Arc<dyn BlobStore>,
        heads: Arc<dyn HeadStore>,
        judge: Arc<dyn RecordJudge>,
    ) -> Result<Self, ReadError> {
        let mut index = Index::default();
        for name in blobs.list("").await? {
            index.take(name.as_str());
        }
        Ok(Self {
            blobs,
            heads,
            judge,
            index: RwLock::new(index),
            known: Arc::default(),
            seen: forks::Seen::default(),
            unwritable: Mutex::default(),
        })
    }

    /// What there is.
    pub fn with_index<T>(&self, look: impl FnOnce(&Index) -> T) -> T {
        look(&self.index.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What judges records.
    pub fn judge(&self) -> &Arc<dyn RecordJudge> {
        &self.judge
    }

    /// What was found to be damaged since this process began, of what it read: at most [`MAX_DAMAGED`].
    pub fn damaged(&self) -> BTreeMap<BlobName, Damage> {
        self.known.damaged()
    }

    /// Why nothing can be stored, as the last write showed; `None` if it could.
    pub fn unwritable(&self) -> Option<String> {
        self.last_write().clone()
    }

    fn last_write(&self) -> MutexGuard<'_, Option<String>> {
        self.unwritable
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of whether a write was done. One that met what somebody else had written was.
    fn written<E: ToString>(
        &self,
        result: Result<(), E>,
        is_conflict: fn(&E) -> bool,
    ) -> Result<(), E> {
        let trouble = result.as_ref().err().filter(|error| !is_conflict(error));
        *self.last_write() = trouble.map(ToString::to_string);
        result
    }

    async fn put_all(&self, blobs: &[Blob]) -> Result<(), PutError> {
        let put = self.blobs.put_new(blobs).await;
        self.written(put, |error| matches!(error, PutError::Conflict { .. }))
    }

    /// The newest round of a log.
    pub async fn state(&self, log: OriginHash) -> Result<Option<State>, KeepError> {
        Ok(self.register(log).await?.map(|(state, _)| state))
    }

    async fn register(&self, log: OriginHash) -> Result<Option<(State, Bytes)>, KeepError> {
        let register = state::register(log);
        let Some(value) = self.heads.fetch(&register).await? else {
            return Ok(None);
        };
        match State::parse(&value, log) {
            Ok(state) => Ok(Some((state, value))),
            Err(error) => Err(KeepError::State {
                register: register.to_string(),
                error,
            }),
        }
    }

    /// Begins a round: keeps the signed checkpoint, and then that it is the newest. Where this fails no authority may be
    /// asked.
    pub async fn begin(
        &self,
        log: OriginHash,
        note: &Note,
        now: Moment,
    ) -> Result<State, KeepError> {
        let before = self.register(log).await?;
        let register = state::register(log);
        if let Some((state, _)) = &before
            && Checkpoint::parse(note.text())
                .is_ok_and(|ours| ours.size() < state.checkpoint().size())
        {
            return Err(KeepError::Superseded(state.checkpoint().size()));
        }
        let next = State::after(before.as_ref().map(|(state, _)| state), note.clone(), now);
        let next = next.map_err(|error| KeepError::State {
            register: register.to_string(),
            error,
        })?;
        self.put_checkpoint(&next.place(), note.as_bytes()).await?;
        let replaced = match before {
            None => self.heads.create(&register, next.encode()).await,
            Some((_, old)) => self.heads.replace(&register, &old, next.encode()).await,
        };
        self.written(replaced, |error| {
            matches!(error, ReplaceError::Conflict { .. })
        })?;
        Ok(next)
    }

    /// The tokens of the newest round that are kept, of each authority in the order in which they came. They are made
    /// durable: what a crash left need not be. What is damaged is left out.
    pub async fn resume(&self, state: &State) -> Result<Vec<(RecordName, TokenRecord)>, KeepError> {
        let place = state.place();
        self.put_checkpoint(&place, state.note().as_bytes()).await?;
        let names = self.with_index(|index| index.tokens(&place));
        let mut resumed: Vec<(RecordName, TokenRecord)> = Vec::new();
        for name in names {
            let Ok((record, bytes)) = self.token(&place, &name).await else {
                continue;
            };
            if record.received < state.began() {
                continue;
            }
            self.put(Blob::new(place.record(&name), bytes)).await?;
            resumed.push((name, record));
        }
        Ok(resumed)
    }

    /// Keeps a token and gives its record's name. When this is done the token counts.
    pub async fn keep(&self, place: &Place, record: &TokenRecord) -> Result<RecordName, KeepError> {
        let first = RecordName::token(record.authority.clone(), 1);
        let bytes = record.encode().map_err(|error| KeepError::Record {
            name: place.record(&first).to_string(),
            error,
        })?;
        if CheckpointHash::of(&record.checkpoint) != place.checkpoint {
            return Err(KeepError::Damaged {
                name: place.checkpoint(),
                damage: Damage::OtherCheckpoint,
            });
        }
        self.put_checkpoint(place, &record.checkpoint).await?;
        let free = self.with_index(|index| index.next_token(place, &record.authority));
        self.put_numbered(place, bytes.into(), free, |number| RecordName {
            number,
            ..first.clone()
        })
        .await
    }

    /// Whether another token of an authority over a checkpoint can be kept.
    pub fn room_for_token(
        &self,
        place: &Place,
        authority: &AuthorityName,
    ) -> Result<(), KeepError> {
        let free = self.with_index(|index| index.next_token(place, authority));
        if free <= MAX_NUMBER {
            return Ok(());
        }
        let name = RecordName::token(authority.clone(), 1);
        Err(KeepError::Full(place.record(&name).to_string()))
    }

    /// Keeps revocation data for a token, and gives the record's name.
    pub async fn add(
        &self,
        place: &Place,
        record: &RevocationRecord,
    ) -> Result<RecordName, KeepError> {
        let bytes = record.encode().map_err(|error| KeepError::Record {
            name: place.record(&record.token).to_string(),
            error,
        })?;
        let free = self.with_index(|index| index.next_added(place, &record.token));
        self.put_numbered(place, bytes.into(), free, |number| {
            record.token.added(number)
        })
        .await
    }

    /// Puts a record under the first free number.
    async fn put_numbered(
        &self,
        place: &Place,
        bytes: Bytes,
        first: u16,
        name: impl Fn(u16) -> RecordName,
    ) -> Result<RecordName, KeepError> {
        for number in first..=MAX_NUMBER {
            let name = name(number);
            match self
                .put(Blob::new(place.record(&name), bytes.clone()))
                .await
            {
                Ok(()) => return Ok(name),
                // Something is there that a crash or a late write left: it is whole, and it stays.
                Err(PutError::Conflict { name, .. }) => self.found(&name),
                Err(error) => return Err(error.into()),
            }
        }
        Err(KeepError::Full(place.record(&name(first)).to_string()))
    }

    /// Puts a checkpoint. One that is not what its name says any more is put anew: its bytes are known, and it is what its
    /// records are about.
    async fn put_checkpoint(&self, place: &Place, bytes: &[u8]) -> Result<(), KeepError> {
        let blob = Blob::new(place.checkpoint(), Bytes::copy_from_slice(bytes));
        let Err(error) = self.put(blob.clone()).await else {
            return Ok(());
        };
        let is_damaged = matches!(error, PutError::Conflict { .. })
            && whole::check_checkpoint(place, bytes).is_ok();
        if !is_damaged {
            return Err(error.into());
        }
        tracing::error!(name = %blob.name, "a checkpoint was damaged on the disk, and is written anew");
        self.blobs.discard(std::slice::from_ref(&blob.name)).await?;
        Ok(self.put(blob).await?)
    }

    async fn put(&self, blob: Blob) -> Result<(), PutError> {
        let name = blob.name.clone();
        self.put_all(&[blob]).await?;
        self.found(&name);
        Ok(())
    }

    fn found(&self, name: &BlobName) {
        let mut index = self.index.write();
        let index = index.as_mut().unwrap_or_else(|broken| broken.get_mut());
        index.take(name.as_str());
    }
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").finish_non_exhaustive()
    }
}
