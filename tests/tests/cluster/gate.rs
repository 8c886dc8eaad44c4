//! The stores as one process of the log sees them: when it dies, what it was doing ends there.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use counterfoil_store::memory::MemoryBlobStore;
use counterfoil_store::{
    Blob, BlobName, BlobStore, DiscardError, HeadStore, PutError, ReadError, RegisterName,
    ReplaceError,
};
use tokio::sync::watch;

use crate::disk::Disk;

/// Lets a process reach the world as long as it lives.
#[derive(Clone)]
pub(crate) struct Gate(watch::Receiver<bool>);

/// Kills the process.
pub(crate) struct Switch(watch::Sender<bool>);

pub(crate) fn gate() -> (Switch, Gate) {
    let (switch, gate) = watch::channel(false);
    (Switch(switch), Gate(gate))
}

impl Switch {
    pub(crate) fn kill(&self) {
        self.0.send_replace(true);
    }
}

impl Gate {
    /// Does something, unless the process dies first; nobody hears of it then.
    pub(crate) async fn pass<T>(&self, work: impl Future<Output = T>) -> T {
        let mut switch = self.0.clone();
        let dead = async move { drop(switch.wait_for(|dead| *dead).await) };
        tokio::select! {
            biased;
            () = dead => std::future::pending().await,
            done = work => done,
        }
    }
}

/// The registers of one process.
pub(crate) struct Heads(pub(crate) Gate, pub(crate) Arc<Disk>);

#[async_trait]
impl HeadStore for Heads {
    async fn create(&self, name: &RegisterName, value: Bytes) -> Result<(), ReplaceError> {
        self.0.pass(self.1.create(name, value)).await
    }

    async fn fetch(&self, name: &RegisterName) -> Result<Option<Bytes>, ReadError> {
        self.0.pass(self.1.fetch(name)).await
    }

    async fn replace(
        &self,
        name: &RegisterName,
        old: &Bytes,
        new: Bytes,
    ) -> Result<(), ReplaceError> {
        self.0.pass(self.1.replace(name, old, new)).await
    }
}

/// The blobs of one process.
pub(crate) struct Blobs(pub(crate) Gate, pub(crate) Arc<MemoryBlobStore>);

#[async_trait]
impl BlobStore for Blobs {
    async fn put_new(&self, blobs: &[Blob]) -> Result<(), PutError> {
        self.0.pass(self.1.put_new(blobs)).await
    }

    async fn get(&self, name: &BlobName) -> Result<Option<Bytes>, ReadError> {
        self.0.pass(self.1.get(name)).await
    }

    async fn discard(&self, names: &[BlobName]) -> Result<(), DiscardError> {
        self.0.pass(self.1.discard(names)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<BlobName>, ReadError> {
        self.0.pass(self.1.list(prefix)).await
    }
}
