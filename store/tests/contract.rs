//! The contract suite over every backend.

use std::path::Path;
use std::sync::{Arc, Mutex};

use counterfoil_store::contract::{check_blob_store, check_head_store};
use counterfoil_store::faulty::{FaultyBlobStore, FaultyHeadStore, Plan};
use counterfoil_store::memory::{MemoryBlobStore, MemoryHeadStore};
use counterfoil_store::posix::PosixBlobStore;
use counterfoil_store::sqlite::SqliteHeadStore;
use counterfoil_store::{BlobStore, HeadStore};
use tempfile::TempDir;

/// Folders that live until the test ends.
#[derive(Default)]
struct Folders(Mutex<Vec<TempDir>>);

impl Folders {
    fn fresh(&self) -> std::path::PathBuf {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        self.0.lock().unwrap().push(folder);
        path
    }
}

async fn sqlite(folder: &Path) -> Arc<dyn HeadStore> {
    Arc::new(
        SqliteHeadStore::open(folder.join("registers.sqlite"))
            .await
            .unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_blobs() {
    check_blob_store(async || Arc::new(MemoryBlobStore::new()) as Arc<dyn BlobStore>).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_registers() {
    check_head_store(async || Arc::new(MemoryHeadStore::new()) as Arc<dyn HeadStore>).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn posix_blobs() {
    let folders = Folders::default();
    check_blob_store(async || {
        Arc::new(PosixBlobStore::open(folders.fresh()).unwrap()) as Arc<dyn BlobStore>
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_registers() {
    let folders = Folders::default();
    check_head_store(async || sqlite(&folders.fresh()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faulty_blobs_without_faults() {
    check_blob_store(async || {
        Arc::new(FaultyBlobStore::new(MemoryBlobStore::new(), Plan::none())) as Arc<dyn BlobStore>
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faulty_registers_without_faults() {
    check_head_store(async || {
        Arc::new(FaultyHeadStore::new(MemoryHeadStore::new(), Plan::none())) as Arc<dyn HeadStore>
    })
    .await;
}
