//! Stores in memory: for tests, and for a demonstration that keeps nothing.
//!
//! Nothing survives the process; within it, both keep the whole contract.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use crate::blob::{check_discard, check_put, difference};
use crate::register::check_value;
use crate::{
    Blob, BlobName, BlobStore, DiscardError, HeadStore, PutError, ReadError, RegisterName,
    ReplaceError,
};

/// Blobs in a map.
#[derive(Debug, Default)]
pub struct MemoryBlobStore {
    blobs: Mutex<BTreeMap<BlobName, Bytes>>,
}

impl MemoryBlobStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

/// Registers in a map.
#[derive(Debug, Default)]
pub struct MemoryHeadStore {
    registers: Mutex<BTreeMap<RegisterName, Bytes>>,
}

impl MemoryHeadStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

/// No code panics while it holds these locks, and each change is a single map operation.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl BlobStore for MemoryBlobStore {
    async fn put_new(&self, blobs: &[Blob]) -> Result<(), PutError> {
        check_put(blobs)?;
        let mut stored = lock(&self.blobs);
        for blob in blobs {
            match stored.entry(blob.name.clone()) {
                Entry::Vacant(vacant) => {
                    vacant.insert(blob.bytes.clone());
                }
                Entry::Occupied(occupied) if *occupied.get() == blob.bytes => {}
                Entry::Occupied(occupied) => {
                    let found = difference(occupied.get(), &blob.bytes);
                    return Err(PutError::Conflict {
                        name: blob.name.clone(),
                        found,
                    });
                }
            }
        }
        Ok(())
    }

    async fn get(&self, name: &BlobName) -> Result<Option<Bytes>, ReadError> {
        Ok(lock(&self.blobs).get(name).cloned())
    }

    async fn discard(&self, names: &[BlobName]) -> Result<(), DiscardError> {
        check_discard(names)?;
        let mut stored = lock(&self.blobs);
        for name in names {
            stored.remove(name);
        }
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<BlobName>, ReadError> {
        let stored = lock(&self.blobs);
        let from = stored.keys().skip_while(|name| name.as_str() < prefix);
        Ok(from
            .take_while(|name| name.as_str().starts_with(prefix))
            .cloned()
            .collect())
    }
}

#[async_trait]
impl HeadStore for MemoryHeadStore {
    async fn create(&self, name: &RegisterName, value: Bytes) -> Result<(), ReplaceError> {
        check_value(name, &value)?;
        match lock(&self.registers).entry(name.clone()) {
            Entry::Vacant(vacant) => {
                vacant.insert(value);
                Ok(())
            }
            Entry::Occupied(_) => Err(ReplaceError::Conflict { name: name.clone() }),
        }
    }

    async fn fetch(&self, name: &RegisterName) -> Result<Option<Bytes>, ReadError> {
        Ok(lock(&self.registers).get(name).cloned())
    }

    async fn replace(
        &self,
        name: &RegisterName,
        old: &Bytes,
        new: Bytes,
    ) -> Result<(), ReplaceError> {
        check_value(name, &new)?;
        match lock(&self.registers).get_mut(name) {
            Some(value) if *value == *old => {
                *value = new;
                Ok(())
            }
            _ => Err(ReplaceError::Conflict { name: name.clone() }),
        }
    }
}
