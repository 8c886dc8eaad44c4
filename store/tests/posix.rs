//! What a folder of blobs does with things that it did not make.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use bytes::Bytes;
use counterfoil_store::posix::PosixBlobStore;
use counterfoil_store::{
    Blob, BlobName, BlobStore, MAX_BLOB_BYTES, PutError, ReadError, TroubleKind,
};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

fn name(text: &str) -> BlobName {
    BlobName::new(text).unwrap()
}

fn blob(text: &str, bytes: &'static [u8]) -> Blob {
    Blob::new(name(text), bytes)
}

fn open() -> (TempDir, PosixBlobStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = PosixBlobStore::open(folder.path()).unwrap();
    (folder, store)
}

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[tokio::test]
async fn blobs_are_plain_read_only_files() {
    let (folder, store) = open();
    store
        .put_new(&[blob("tile/0/x000/001", b"bytes")])
        .await
        .unwrap();
    let file = folder.path().join("tile/0/x000/001");
    assert_eq!(fs::read(&file).unwrap(), b"bytes");
    let facts = fs::metadata(&file).unwrap();
    assert_eq!(
        facts.permissions().mode() & 0o222,
        0,
        "nobody may write to a blob"
    );
    assert_eq!(facts.nlink(), 1, "the temporary name is gone");
    let own: Vec<_> = fs::read_dir(folder.path().join("~tmp")).unwrap().collect();
    assert_eq!(own.len(), 1);
    drop(store);
    assert_eq!(entries(&folder.path().join("~tmp")), 0);
}

#[tokio::test]
async fn opening() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let error = PosixBlobStore::open(&missing).unwrap_err();
    assert!(
        error.to_string().contains("missing") && !missing.exists(),
        "{error}"
    );
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    assert_eq!(
        PosixBlobStore::open(&file).unwrap_err().trouble.kind,
        TroubleKind::Damaged
    );
    // The folder itself may be reached by a symbolic link: that is the operator's choice.
    fs::create_dir(folder.path().join("data")).unwrap();
    symlink("data", folder.path().join("link")).unwrap();
    let store = PosixBlobStore::open(folder.path().join("link")).unwrap();
    store.put_new(&[blob("a", b"x")]).await.unwrap();
    assert!(folder.path().join("data/a").is_file());
}

/// A symbolic link in place of a folder leads nowhere: nothing is read, written, listed or removed behind it.
#[tokio::test]
async fn a_symbolic_link_in_place_of_a_folder() {
    for (link, target) in [
        ("tile", "blob"),
        ("tile/0", "blob"),
        ("tile/0/x000", "blob"),
    ] {
        let (folder, store) = open();
        let outside = tempfile::tempdir().unwrap();
        fs::create_dir_all(outside.path().join("0/x000")).unwrap();
        for place in ["", "0/", "0/x000/"] {
            fs::write(outside.path().join(format!("{place}{target}")), "outside").unwrap();
        }
        let path = folder.path().join(link);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(outside.path(), &path).unwrap();
        let rest = "tile/0/x000/".strip_prefix(link).unwrap();
        let wanted = format!("{link}{rest}{target}");

        match store.get(&name(&wanted)).await {
            Err(ReadError::Damaged { trouble, .. }) => {
                assert!(
                    trouble.what.contains(link) && trouble.what.contains("symbolic link"),
                    "{trouble}"
                );
            }
            outcome => panic!("{link}: read behind the link: {outcome:?}"),
        }
        for wanted in [&wanted, &format!("{link}{rest}new")] {
            match store.put_new(&[blob(wanted, b"inside")]).await {
                Err(PutError::NotDone { trouble, .. }) => {
                    assert_eq!(trouble.kind, TroubleKind::Damaged, "{trouble}");
                }
                outcome => panic!("{link}: put behind the link: {outcome:?}"),
            }
        }
        assert!(store.discard(&[name(&wanted)]).await.is_err(), "{link}");
        assert!(
            store.list("tile/").await.is_err()
                || store.list("tile/").await.unwrap() == [name(link)],
            "{link}"
        );
        assert_eq!(
            entries(&outside.path().join("0/x000")),
            1,
            "{link}: something was written behind it"
        );
        assert_eq!(
            fs::read(outside.path().join("0/x000/blob")).unwrap(),
            b"outside",
            "{link}"
        );
    }
}

/// What is not a regular file is refused, and reading it does not wait.
#[tokio::test]
async fn other_things_in_place_of_a_blob() {
    type Make = fn(&Path);
    let rows: [(&str, Make); 5] = [
        ("a symbolic link", |path| {
            symlink("/etc/hostname", path).unwrap();
        }),
        ("a symbolic link", |path| symlink("nowhere", path).unwrap()),
        ("a named pipe", |path| {
            mknodat(CWD, path, FileType::Fifo, Mode::from_bits_retain(0o644), 0).unwrap();
        }),
        ("a socket", |path| {
            drop(std::os::unix::net::UnixListener::bind(path).unwrap());
        }),
        ("an empty file", |path| fs::write(path, "").unwrap()),
    ];
    for (kind, make) in rows {
        let (folder, store) = open();
        fs::create_dir(folder.path().join("staged")).unwrap();
        make(&folder.path().join("staged/a"));
        match store.get(&name("staged/a")).await {
            Err(ReadError::Damaged { name, trouble }) => {
                assert_eq!(name, "staged/a");
                assert!(trouble.what.contains(kind), "{kind}: {trouble}");
            }
            outcome => panic!("{kind}: {outcome:?}"),
        }
        let outcome = store.put_new(&[blob("staged/a", b"bytes")]).await;
        assert!(
            matches!(outcome, Err(PutError::Conflict { .. })),
            "{kind}: {outcome:?}"
        );
        assert_eq!(
            store.list("staged/").await.unwrap(),
            [name("staged/a")],
            "{kind}"
        );
        // It can be removed by its name; what a link leads to stays.
        store.discard(&[name("staged/a")]).await.unwrap();
        assert!(Path::new("/etc/hostname").exists());
        store.put_new(&[blob("staged/a", b"bytes")]).await.unwrap();
    }
}

/// A name cannot be a blob and the folder of another. It is refused and nothing is harmed.
#[tokio::test]
async fn a_blob_and_a_folder_of_one_name() {
    let (_folder, store) = open();
    store
        .put_new(&[blob("a", b"blob"), blob("b/c", b"blob")])
        .await
        .unwrap();
    let below = store.put_new(&[blob("a/b", b"x")]).await;
    assert!(
        matches!(below, Err(PutError::NotDone { ref trouble, .. }) if trouble.what.contains("regular file")),
        "{below:?}"
    );
    let above = store.put_new(&[blob("b", b"x")]).await;
    assert!(
        matches!(above, Err(PutError::Conflict { ref found, .. }) if found.contains("folder")),
        "{above:?}"
    );
    assert!(store.discard(&[name("b")]).await.is_err());
    assert_eq!(store.get(&name("a")).await.unwrap().unwrap(), "blob");
    assert_eq!(store.get(&name("b/c")).await.unwrap().unwrap(), "blob");
}

#[tokio::test]
async fn a_file_larger_than_any_blob() {
    let (folder, store) = open();
    let file = fs::File::create(folder.path().join("a")).unwrap();
    file.set_len(MAX_BLOB_BYTES as u64 + 1).unwrap();
    assert!(matches!(
        store.get(&name("a")).await,
        Err(ReadError::Damaged { .. })
    ));
}

/// Files that others keep in the folder are neither listed (if their names are no blob's) nor in the way.
#[tokio::test]
async fn files_of_others() {
    let (folder, store) = open();
    for other in ["README", "~lock", "lost+found", ".DS_Store"] {
        fs::write(folder.path().join(other), "x").unwrap();
    }
    store.put_new(&[blob("a/b", b"x")]).await.unwrap();
    assert_eq!(store.list("").await.unwrap(), [name("a/b")]);
}

/// An operator who removes the temporary folder, or everything, while the store is open.
#[tokio::test]
async fn folders_removed_while_open() {
    let (folder, store) = open();
    store.put_new(&[blob("tile/0/000", b"x")]).await.unwrap();
    fs::remove_dir_all(folder.path().join("~tmp")).unwrap();
    store.put_new(&[blob("tile/0/001", b"x")]).await.unwrap();
    // The folder that the store remembers is another one now.
    fs::remove_dir_all(folder.path().join("tile")).unwrap();
    assert_eq!(store.get(&name("tile/0/001")).await.unwrap(), None);
    store
        .put_new(&[blob("tile/0/001", b"again")])
        .await
        .unwrap();
    assert_eq!(
        fs::read(folder.path().join("tile/0/001")).unwrap(),
        b"again"
    );
    let many: Vec<Blob> = (0..20)
        .map(|n| blob(&format!("tile/{n}/001"), b"y"))
        .collect();
    fs::remove_dir_all(folder.path().join("tile")).unwrap();
    store.put_new(&many).await.unwrap();
    assert_eq!(store.list("tile/").await.unwrap().len(), 20);
    let path = folder.path().to_owned();
    drop(folder);
    assert!(!path.exists());
    let outcome = store.put_new(&[blob("tile/0/002", b"x")]).await;
    assert!(
        matches!(outcome, Err(PutError::NotDone { .. })),
        "{outcome:?}"
    );
}

/// Folders that become empty go, but not the outermost, which are used all the time.
#[tokio::test]
async fn empty_folders_are_removed() {
    let (folder, store) = open();
    store
        .put_new(&[
            blob("tile/0/000.p/1", b"x"),
            blob("tile/1/000", b"x"),
            blob("staged/a", b"x"),
        ])
        .await
        .unwrap();
    store
        .discard(&[name("tile/0/000.p/1"), name("staged/a")])
        .await
        .unwrap();
    assert!(!folder.path().join("tile/0").exists());
    assert!(folder.path().join("tile/1/000").exists());
    assert!(folder.path().join("staged").is_dir());
}

#[tokio::test]
async fn copies_are_replaced_whole() {
    let (folder, store) = open();
    let checkpoint = name("checkpoint");
    for text in ["first", "second, longer", "3rd"] {
        store
            .write_copy(&checkpoint, Bytes::from_static(text.as_bytes()))
            .await
            .unwrap();
        assert_eq!(
            fs::read(folder.path().join("checkpoint")).unwrap(),
            text.as_bytes()
        );
    }
    let own = fs::read_dir(folder.path().join("~tmp"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    assert_eq!(entries(&own), 0);
    // Not through a symbolic link: the link itself is replaced.
    let outside = folder.path().join("outside");
    fs::write(&outside, "outside").unwrap();
    fs::remove_file(folder.path().join("checkpoint")).unwrap();
    symlink(&outside, folder.path().join("checkpoint")).unwrap();
    store
        .write_copy(&checkpoint, Bytes::from_static(b"new"))
        .await
        .unwrap();
    assert_eq!(fs::read(&outside).unwrap(), b"outside");
    assert_eq!(store.get(&checkpoint).await.unwrap().unwrap(), "new");
}
