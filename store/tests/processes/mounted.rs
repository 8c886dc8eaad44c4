//! Full and read-only disks.

use std::path::Path;

use bytes::Bytes;
use counterfoil_store::posix::PosixBlobStore;
use counterfoil_store::sqlite::SqliteHeadStore;
use counterfoil_store::{
    Blob, BlobName, BlobStore, DiscardError, HeadStore, PutError, RegisterName, ReplaceError,
    TroubleKind,
};

use crate::disk::{Mounted, in_namespace, path};
use crate::power_cut;
use crate::support::block_on;

pub(crate) fn full_tmpfs() -> Option<String> {
    in_namespace("full_tmpfs", false)
}

pub(crate) fn full_ext4() -> Option<String> {
    in_namespace("full_ext4", true)
}

pub(crate) fn read_only() -> Option<String> {
    in_namespace("read_only", false)
}

pub(crate) fn read_only_by_the_kernel() -> Option<String> {
    in_namespace("read_only_by_the_kernel", true)
}

pub(crate) fn power_cut() -> Option<String> {
    in_namespace("power_cut", true)
}

pub(crate) fn run_in_namespace(case: &str) {
    block_on(async {
        match case {
            "full_tmpfs" => {
                full_of_bytes(&|| Mounted::tmpfs("size=1m")).await;
                full_of_bytes_for_registers(&|| Mounted::tmpfs("size=1m")).await;
                full_of_inodes(
                    &|inodes| Mounted::tmpfs(&format!("size=1m,nr_inodes={inodes}")),
                    1,
                )
                .await;
            }
            "full_ext4" => {
                full_of_bytes(&|| Mounted::ext4(3, 256)).await;
                full_of_bytes_for_registers(&|| Mounted::ext4(3, 256)).await;
                // The first 11 are the file system's own.
                full_of_inodes(&|inodes| Mounted::ext4(3, inodes), 16).await;
            }
            "read_only" => remounted_read_only().await,
            "read_only_by_the_kernel" => kernel_made_it_read_only().await,
            "power_cut" => power_cut::nothing_acknowledged_is_lost().await,
            case => panic!("no such case: {case}"),
        }
    });
}

fn blob(name: &str, size: usize) -> Blob {
    Blob::new(BlobName::new(name).unwrap(), vec![5; size])
}

#[track_caller]
fn assert_full(outcome: Result<(), PutError>) {
    match outcome {
        Err(PutError::NotDone { trouble, .. }) if trouble.kind == TroubleKind::Full => {}
        outcome => panic!("expected the disk to be full, got {outcome:?}"),
    }
}

fn no_temporary_files(folder: &Path) {
    for own in std::fs::read_dir(folder.join("~tmp")).unwrap() {
        let files = std::fs::read_dir(own.unwrap().path()).unwrap().count();
        assert_eq!(files, 0, "temporary files stayed behind");
    }
}

/// Puts blobs of `size` until one is refused; returns how many fitted.
async fn fill(store: &PosixBlobStore, prefix: &str, size: usize) -> usize {
    for n in 0..5000 {
        let blob = blob(&format!("{prefix}{n}"), size);
        if let Err(error) = store.put_new(std::slice::from_ref(&blob)).await {
            assert_full(Err(error));
            assert_eq!(
                store.get(&blob.name).await.unwrap(),
                None,
                "refused and there"
            );
            return n;
        }
        assert_eq!(store.get(&blob.name).await.unwrap(), Some(blob.bytes));
    }
    panic!("the disk does not get full");
}

async fn full_of_bytes(mount: &dyn Fn() -> Mounted) {
    let disk = mount();
    let store = PosixBlobStore::open(disk.path()).unwrap();
    let large = fill(&store, "large/", 50_000).await;
    let small = fill(&store, "small/", 1_000).await;
    no_temporary_files(disk.path());
    assert!(large >= 5, "{large} of 50,000 bytes fitted");
    for (prefix, count, size) in [("large/", large, 50_000), ("small/", small, 1_000)] {
        let names = store.list(prefix).await.unwrap();
        assert_eq!(names.len(), count);
        for name in names {
            assert_eq!(
                store.get(&name).await.unwrap().unwrap(),
                vec![5; size],
                "{name}"
            );
        }
    }
    // Room again.
    store
        .discard(&[blob("large/0", 1).name, blob("large/1", 1).name])
        .await
        .unwrap();
    store.put_new(&[blob("large/again", 50_000)]).await.unwrap();

    // A call of many that does not fit: none of them is under its name, and one that fits works.
    let disk = mount();
    let store = PosixBlobStore::open(disk.path()).unwrap();
    let many: Vec<Blob> = (0..80)
        .map(|n| blob(&format!("many/{n}"), 40_000))
        .collect();
    assert_full(store.put_new(&many).await);
    assert_eq!(store.list("").await.unwrap(), []);
    no_temporary_files(disk.path());
    store.put_new(&many[..10]).await.unwrap();

    // A copy that does not fit leaves the copy before it.
    let name = BlobName::new("checkpoint").unwrap();
    store
        .write_copy(&name, Bytes::from_static(b"first"))
        .await
        .unwrap();
    assert_full(store.write_copy(&name, vec![1; 4 << 20].into()).await);
    assert_eq!(store.get(&name).await.unwrap().unwrap(), "first");
    store
        .write_copy(&name, Bytes::from_static(b"second"))
        .await
        .unwrap();
    assert_eq!(store.get(&name).await.unwrap().unwrap(), "second");
}

/// With one more inode at a time each step of a put meets a disk without inodes: the temporary folders, the file, the
/// blob's folders, its name.
async fn full_of_inodes(mount: &dyn Fn(u32) -> Mounted, fewest: u32) {
    for (refused, inodes) in (fewest..fewest + 24).enumerate() {
        let disk = mount(inodes);
        let store = PosixBlobStore::open(disk.path()).unwrap();
        let wanted = blob("a/b/c", 100);
        let mut fitted = 0;
        loop {
            let blob = if fitted == 0 {
                wanted.clone()
            } else {
                blob(&format!("a/{fitted}/c"), 100)
            };
            match store.put_new(std::slice::from_ref(&blob)).await {
                Ok(()) => {
                    assert_eq!(store.get(&blob.name).await.unwrap(), Some(blob.bytes));
                }
                Err(error) => {
                    assert_full(Err(error));
                    assert_eq!(
                        store.get(&blob.name).await.unwrap(),
                        None,
                        "refused and there"
                    );
                    break;
                }
            }
            fitted += 1;
            assert!(fitted < 5000, "the disk does not get full");
        }
        if fitted > 2 {
            assert!(refused >= 2, "too few steps met a full disk");
            store
                .discard(std::slice::from_ref(&wanted.name))
                .await
                .unwrap();
            store.put_new(&[wanted]).await.unwrap();
            return;
        }
    }
    panic!("nothing ever fitted");
}

async fn full_of_bytes_for_registers(mount: &dyn Fn() -> Mounted) {
    let head = RegisterName::new("head").unwrap();
    let disk = mount();
    let file = disk.path().join("registers.sqlite");
    // No room to make the file: nothing is left, and with room it works.
    let room = disk.path().join("room");
    let used = fill_file(&room);
    let error = SqliteHeadStore::open(&file).await.unwrap_err();
    assert_eq!(error.trouble.kind, TroubleKind::Full, "{error}");
    assert!(!file.exists(), "a half-made file was left");
    std::fs::remove_file(&room).unwrap();
    let store = SqliteHeadStore::open(&file).await.unwrap();

    let mut old = Bytes::from_static(b"0");
    store.create(&head, old.clone()).await.unwrap();
    // Values that grow until one does not fit.
    let refused = loop {
        let new = Bytes::from(vec![7; old.len() + 3_000]);
        match store.replace(&head, &old, new.clone()).await {
            Ok(()) => old = new,
            Err(error) => break error,
        }
        assert!(old.len() < used, "the disk does not get full");
    };
    match refused {
        ReplaceError::NotDone { trouble, .. } => {
            assert_eq!(trouble.kind, TroubleKind::Full, "{trouble}");
        }
        error => panic!("expected the disk to be full, got {error}"),
    }
    assert_eq!(store.fetch(&head).await.unwrap(), Some(old.clone()));
    // A value that fits into what is left of the file's pages, or is refused; then the truth is still the old one.
    match store
        .replace(&head, &old, Bytes::from_static(b"small"))
        .await
    {
        Ok(()) => old = Bytes::from_static(b"small"),
        Err(ReplaceError::NotDone { .. }) => {}
        Err(error) => panic!("{error}"),
    }
    assert_eq!(store.fetch(&head).await.unwrap(), Some(old));

    // The same with room that comes back.
    let disk = mount();
    let file = disk.path().join("registers.sqlite");
    let store = SqliteHeadStore::open(&file).await.unwrap();
    store.create(&head, Bytes::from_static(b"0")).await.unwrap();
    let room = disk.path().join("room");
    fill_file(&room);
    let large = Bytes::from(vec![7; 100_000]);
    match store
        .replace(&head, &Bytes::from_static(b"0"), large.clone())
        .await
    {
        Err(ReplaceError::NotDone { trouble, .. }) => {
            assert_eq!(trouble.kind, TroubleKind::Full, "{trouble}");
        }
        outcome => panic!("expected the disk to be full, got {outcome:?}"),
    }
    assert_eq!(store.fetch(&head).await.unwrap().unwrap(), "0");
    std::fs::remove_file(&room).unwrap();
    store
        .replace(&head, &Bytes::from_static(b"0"), large.clone())
        .await
        .unwrap();
    drop(store);
    let store = SqliteHeadStore::open(&file).await.unwrap();
    assert_eq!(store.fetch(&head).await.unwrap(), Some(large));
}

/// Writes a file until the disk is full; returns its size.
fn fill_file(path: &Path) -> usize {
    use std::io::Write;
    let mut file = std::fs::File::create(path).unwrap();
    let mut size = 0;
    while let Ok(written) = file.write(&[1; 512]) {
        size += written;
    }
    // Delayed allocation: now it has its blocks.
    let _ = file.sync_all();
    size
}

async fn remounted_read_only() {
    let disk = Mounted::tmpfs("size=4m");
    let store = PosixBlobStore::open(disk.path()).unwrap();
    let (there, wanted) = (blob("staged/there", 1000), blob("staged/wanted", 1000));
    store.put_new(std::slice::from_ref(&there)).await.unwrap();
    let file = disk.path().join("registers.sqlite");
    drop(SqliteHeadStore::open(&file).await.unwrap());
    // SQLite closes in the background, and a file open for writing keeps the file system writable.
    while std::fs::exists(format!("{}-shm", file.display())).unwrap() {
        tokio::task::yield_now().await;
    }
    disk.remount("ro");

    let many: Vec<Blob> = (0..20).map(|n| blob(&format!("many/{n}"), 100)).collect();
    for call in [std::slice::from_ref(&wanted), &many] {
        match store.put_new(call).await {
            Err(PutError::NotDone { trouble, .. }) => {
                assert_eq!(trouble.kind, TroubleKind::ReadOnly);
            }
            outcome => panic!("expected a read-only disk, got {outcome:?}"),
        }
    }
    match store.discard(std::slice::from_ref(&there.name)).await {
        Err(DiscardError::NotDone { trouble, .. }) => {
            assert_eq!(trouble.kind, TroubleKind::ReadOnly);
        }
        outcome => panic!("expected a read-only disk, got {outcome:?}"),
    }
    // What is there can be read, by a store opened now as well.
    for store in [store.clone(), PosixBlobStore::open(disk.path()).unwrap()] {
        assert_eq!(
            store.get(&there.name).await.unwrap(),
            Some(there.bytes.clone())
        );
        assert_eq!(store.get(&wanted.name).await.unwrap(), None);
        assert_eq!(
            store.list("staged/").await.unwrap(),
            std::slice::from_ref(&there.name)
        );
    }
    let error = SqliteHeadStore::open(&file).await.unwrap_err();
    assert!(
        matches!(
            error.trouble.kind,
            TroubleKind::ReadOnly | TroubleKind::Denied
        ),
        "{error}"
    );

    disk.remount("rw");
    store.put_new(&[wanted]).await.unwrap();
    SqliteHeadStore::open(&file).await.unwrap();
}

/// What ext4 does by itself after an error: the file system turns read-only under files that are open for writing.
async fn kernel_made_it_read_only() {
    let head = RegisterName::new("head").unwrap();
    let disk = Mounted::ext4(3, 256);
    let store = PosixBlobStore::open(disk.path()).unwrap();
    let registers = SqliteHeadStore::open(disk.path().join("registers.sqlite"))
        .await
        .unwrap();
    let there = blob("staged/there", 1000);
    store.put_new(std::slice::from_ref(&there)).await.unwrap();
    registers
        .create(&head, Bytes::from_static(b"0"))
        .await
        .unwrap();

    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let device = mounts
        .lines()
        .find(|line| line.contains(path(disk.path())))
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    let device = device.strip_prefix("/dev/").unwrap();
    std::fs::write(format!("/sys/fs/ext4/{device}/trigger_fs_error"), "1").unwrap();

    let wanted = blob("staged/wanted", 1000);
    match store.put_new(std::slice::from_ref(&wanted)).await {
        Err(PutError::NotDone { trouble, .. }) => {
            assert_eq!(trouble.kind, TroubleKind::ReadOnly);
        }
        outcome => panic!("expected a read-only disk, got {outcome:?}"),
    }
    assert_eq!(store.get(&wanted.name).await.unwrap(), None);
    assert_eq!(store.get(&there.name).await.unwrap(), Some(there.bytes));
    match registers
        .replace(&head, &Bytes::from_static(b"0"), Bytes::from_static(b"1"))
        .await
    {
        Err(ReplaceError::NotDone { .. } | ReplaceError::Unknown { .. }) => {}
        outcome => panic!("expected a read-only disk, got {outcome:?}"),
    }
    assert!(
        registers
            .replace(&head, &Bytes::from_static(b"0"), Bytes::from_static(b"2"))
            .await
            .is_err()
    );
}
