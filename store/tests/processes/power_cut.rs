//! Power cuts: after each acknowledged write, what the disk holds is copied, and a store opened on the copy.
//!
//! The disk is an ext4 image behind a loop device. What the file system has not written to the device is only in memory
//! and not in the image, so a missing flush shows as a blob or value that is not there. What this cannot show is a disk
//! that has a cache of its own and loses that.

use std::collections::BTreeMap;

use bytes::Bytes;
use counterfoil_store::posix::PosixBlobStore;
use counterfoil_store::sqlite::SqliteHeadStore;
use counterfoil_store::{Blob, BlobName, BlobStore, HeadStore, RegisterName};

use crate::disk::Mounted;

fn blobs(names: impl IntoIterator<Item = String>, size: usize) -> Vec<Blob> {
    names
        .into_iter()
        .map(|name| Blob::new(BlobName::new(&name).unwrap(), vec![3; size]))
        .collect()
}

/// The calls: lone blobs, in old folders and new; the same again; a few; many in one folder; many in many.
fn calls() -> Vec<Vec<Blob>> {
    let lone = [
        "staged/a",
        "staged/b",
        "staged/b",
        "tile/0/x000/001",
        "tile/0/x000/002",
        "tile/entries/000.p/7",
    ];
    let mut calls: Vec<_> = lone
        .into_iter()
        .map(|name| blobs([name.to_owned()], 700))
        .collect();
    calls.push(blobs((0..3).map(|n| format!("few/{n}")), 8192));
    calls.push(blobs((0..40).map(|n| format!("many/{n}")), 8192));
    calls.push(blobs((0..20).map(|n| format!("folders/{n}/{n}")), 100));
    calls.push(blobs((0..20).map(|n| format!("folders/{n}/{n}")), 100));
    calls.push(blobs(["tile/0/x000/003".to_owned()], 8192));
    calls
}

pub(crate) async fn nothing_acknowledged_is_lost() {
    let disk = Mounted::ext4(16, 1024);
    let store = PosixBlobStore::open(disk.path()).unwrap();
    let mut acknowledged: BTreeMap<BlobName, Bytes> = BTreeMap::new();
    for call in calls() {
        store.put_new(&call).await.unwrap();
        acknowledged.extend(call.into_iter().map(|blob| (blob.name, blob.bytes)));
        let after = disk.after_power_cut();
        let found = PosixBlobStore::open(after.path()).unwrap();
        for (name, bytes) in &acknowledged {
            assert_eq!(
                found.get(name).await.unwrap().as_ref(),
                Some(bytes),
                "{name} was acknowledged and is lost"
            );
        }
        assert_eq!(found.list("").await.unwrap().len(), acknowledged.len());
    }

    let head = RegisterName::new("head").unwrap();
    let value = |n: u32| Bytes::from(n.to_be_bytes().repeat(700));
    let registers = SqliteHeadStore::open(disk.path().join("registers.sqlite"))
        .await
        .unwrap();
    registers.create(&head, value(0)).await.unwrap();
    for n in 0..12 {
        let after = disk.after_power_cut();
        let found = SqliteHeadStore::open(after.path().join("registers.sqlite"))
            .await
            .unwrap();
        assert_eq!(
            found.fetch(&head).await.unwrap(),
            Some(value(n)),
            "change {n} was acknowledged and is lost"
        );
        registers
            .replace(&head, &value(n), value(n + 1))
            .await
            .unwrap();
    }

    // The other way round: what is not flushed is not there, or the test would show nothing.
    std::fs::write(disk.path().join("unflushed"), "x").unwrap();
    assert!(
        !disk.after_power_cut().path().join("unflushed").exists(),
        "this test cannot tell what is flushed"
    );
}
