//! A faulty blob store.

use async_trait::async_trait;
use bytes::Bytes;

use crate::blob::{check_discard, check_put};
use crate::{Blob, BlobName, BlobStore, DiscardError, PutError, ReadError};

use super::{Injector, Plan, ReadFault, WriteFault, injected};

/// A blob store around another, with faults.
#[derive(Debug)]
pub struct FaultyBlobStore<S> {
    inner: S,
    injector: Injector<Write>,
}

#[derive(Debug)]
enum Write {
    Put(Vec<Blob>),
    Discard(Vec<BlobName>),
}

impl<S: BlobStore> FaultyBlobStore<S> {
    /// Puts faults before a store.
    pub fn new(inner: S, plan: Plan) -> Self {
        Self {
            inner,
            injector: Injector::new(plan),
        }
    }

    /// The store without the faults.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// How many calls were given a fault so far.
    pub fn injected(&self) -> u64 {
        self.injector.state().injected
    }

    /// Lets every delayed write land now.
    pub async fn settle(&self) {
        self.land(self.injector.take_all()).await;
    }

    async fn land(&self, writes: Vec<Write>) {
        for write in writes {
            // Whoever asked for it was told `Unknown` long ago.
            match write {
                Write::Put(blobs) => drop(self.inner.put_new(&blobs).await),
                Write::Discard(names) => drop(self.inner.discard(&names).await),
            }
        }
    }
}

#[async_trait]
impl<S: BlobStore> BlobStore for FaultyBlobStore<S> {
    async fn put_new(&self, blobs: &[Blob]) -> Result<(), PutError> {
        check_put(blobs)?;
        let Some(first) = blobs.first() else {
            return Ok(());
        };
        let unknown = |what| {
            Err(PutError::Unknown {
                name: first.name.clone(),
                trouble: injected(what),
            })
        };
        let not_done = |blob: &Blob, what| {
            Err(PutError::NotDone {
                name: blob.name.clone(),
                trouble: injected(what),
            })
        };
        let (fault, due) = self.injector.begin_write();
        self.land(due).await;
        match fault {
            WriteFault::None => self.inner.put_new(blobs).await,
            WriteFault::Refuse => not_done(first, "refused"),
            WriteFault::Lose => unknown("lost"),
            WriteFault::Hide => {
                drop(self.inner.put_new(blobs).await);
                unknown("the answer is lost")
            }
            WriteFault::Delay { calls } => {
                self.injector.delay(calls, Write::Put(blobs.to_vec()));
                unknown("delayed")
            }
            WriteFault::Duplicate => {
                let outcome = self.inner.put_new(blobs).await;
                drop(self.inner.put_new(blobs).await);
                outcome
            }
            WriteFault::Part => {
                let (some, rest) = blobs.split_at(blobs.len() / 2);
                self.inner.put_new(some).await?;
                not_done(rest.first().unwrap_or(first), "done in part")
            }
        }
    }

    async fn get(&self, name: &BlobName) -> Result<Option<Bytes>, ReadError> {
        let (fault, due) = self.injector.begin_read();
        self.land(due).await;
        match fault {
            ReadFault::None => self.inner.get(name).await,
            ReadFault::Fail => Err(ReadError::Failed {
                name: name.to_string(),
                trouble: injected("read failed"),
            }),
            ReadFault::Corrupt => Ok(self.inner.get(name).await?.map(|bytes| flip_a_bit(&bytes))),
        }
    }

    async fn discard(&self, names: &[BlobName]) -> Result<(), DiscardError> {
        check_discard(names)?;
        let Some(first) = names.first() else {
            return Ok(());
        };
        let unknown = |what| {
            Err(DiscardError::Unknown {
                name: first.clone(),
                trouble: injected(what),
            })
        };
        let not_done = |name: &BlobName, what| {
            Err(DiscardError::NotDone {
                name: name.clone(),
                trouble: injected(what),
            })
        };
        let (fault, due) = self.injector.begin_write();
        self.land(due).await;
        match fault {
            WriteFault::None => self.inner.discard(names).await,
            WriteFault::Refuse => not_done(first, "refused"),
            WriteFault::Lose => unknown("lost"),
            WriteFault::Hide => {
                drop(self.inner.discard(names).await);
                unknown("the answer is lost")
            }
            WriteFault::Delay { calls } => {
                self.injector.delay(calls, Write::Discard(names.to_vec()));
                unknown("delayed")
            }
            WriteFault::Duplicate => {
                let outcome = self.inner.discard(names).await;
                drop(self.inner.discard(names).await);
                outcome
            }
            WriteFault::Part => {
                let (some, rest) = names.split_at(names.len() / 2);
                self.inner.discard(some).await?;
                not_done(rest.first().unwrap_or(first), "done in part")
            }
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<BlobName>, ReadError> {
        let (fault, due) = self.injector.begin_read();
        self.land(due).await;
        match fault {
            ReadFault::None => self.inner.list(prefix).await,
            ReadFault::Fail | ReadFault::Corrupt => Err(ReadError::Failed {
                name: prefix.to_owned(),
                trouble: injected("list failed"),
            }),
        }
    }
}

/// Flips a bit in the middle.
fn flip_a_bit(bytes: &Bytes) -> Bytes {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 0x10;
    }
    bytes.into()
}
