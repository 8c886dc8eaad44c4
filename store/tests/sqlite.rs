//! What a register store does with files that are not what it wrote.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use counterfoil_store::sqlite::{OpenError, SqliteHeadStore};
use counterfoil_store::{HeadStore, ReadError, RegisterName, ReplaceError, TroubleKind};
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

fn head() -> RegisterName {
    RegisterName::new("head").unwrap()
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// A file with one register, `head` = "a value to look for", closed and without a `-wal` file.
async fn written() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("registers.sqlite");
    let store = SqliteHeadStore::open(&file).await.unwrap();
    store
        .create(&head(), bytes("a value to look for"))
        .await
        .unwrap();
    closed(store, &file).await;
    (folder, file)
}

/// The connection closes in the background; SQLite removes its `-wal` file last.
async fn closed(store: SqliteHeadStore, file: &Path) {
    drop(store);
    while beside(file, "-wal").exists() {
        tokio::task::yield_now().await;
    }
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", file.display()))
}

async fn sql(file: &Path, statement: &'static str) {
    let mut connection: SqliteConnection = SqliteConnectOptions::new()
        .filename(file)
        .connect()
        .await
        .unwrap();
    sqlx::query(statement)
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

async fn refused(file: &Path) -> OpenError {
    let error = SqliteHeadStore::open(file)
        .await
        .expect_err("a bad file was opened");
    assert!(
        error.to_string().contains(file.to_str().unwrap()),
        "{error}"
    );
    error
}

#[tokio::test]
async fn values_survive_and_the_header_is_ours() {
    let (_folder, file) = written().await;
    let header = fs::read(&file).unwrap();
    assert_eq!(&header[68..72], b"CFoi");
    assert_eq!(&header[60..64], [0, 0, 0, 1]);
    let store = SqliteHeadStore::open(&file).await.unwrap();
    assert_eq!(
        store.fetch(&head()).await.unwrap().unwrap(),
        "a value to look for"
    );
}

#[tokio::test]
async fn files_that_are_not_registers() {
    type Change = fn(&mut Vec<u8>);
    let rows: [(&str, Change, &str); 8] = [
        ("empty", |file| file.clear(), "0 bytes"),
        ("cut in the header", |file| file.truncate(99), "99 bytes"),
        ("cut after the first page", |file| file.truncate(4096), ""),
        ("all zero", |file| file.fill(0), "other bytes"),
        ("first bit flipped", |file| file[0] ^= 1, "other bytes"),
        (
            "application id flipped",
            |file| file[70] ^= 1,
            "application id",
        ),
        ("newer format version", |file| file[63] = 2, "found 2"),
        (
            "text",
            |file| *file = b"# configuration\n".repeat(20),
            "other bytes",
        ),
    ];
    for (mutation, change, expected) in rows {
        let (_folder, file) = written().await;
        let mut contents = fs::read(&file).unwrap();
        change(&mut contents);
        fs::write(&file, &contents).unwrap();
        let error = refused(&file).await;
        assert_eq!(
            error.trouble.kind,
            TroubleKind::Damaged,
            "{mutation}: {error}"
        );
        assert!(error.to_string().contains(expected), "{mutation}: {error}");
        assert_eq!(
            fs::read(&file).unwrap(),
            contents,
            "{mutation}: the file was changed"
        );
    }
}

#[tokio::test]
async fn other_databases() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.sqlite");
    {
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        sqlx::query("CREATE TABLE theirs (x)")
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    }
    let before = fs::read(&file).unwrap();
    assert!(refused(&file).await.to_string().contains("other software"));
    assert_eq!(
        fs::read(&file).unwrap(),
        before,
        "another's database was changed"
    );

    let (_folder, file) = written().await;
    sql(&file, "CREATE TABLE more (x)").await;
    assert!(
        refused(&file)
            .await
            .to_string()
            .contains("CREATE TABLE more")
    );
    let (_folder, file) = written().await;
    sql(&file, "DROP TABLE register").await;
    refused(&file).await;
}

#[tokio::test]
async fn no_file_to_open() {
    let folder = tempfile::tempdir().unwrap();
    refused(&folder.path().join("missing/registers.sqlite")).await;
    refused(folder.path()).await;
    // SQLite gives these names a meaning of their own; here they are file names.
    let file = folder.path().join(":memory:");
    drop(SqliteHeadStore::open(&file).await.unwrap());
    assert!(file.is_file());
}

/// Whichever bit of a stored value flips, the value is never served as true.
#[tokio::test]
async fn a_flipped_bit_in_a_value() {
    let (_folder, file) = written().await;
    let contents = fs::read(&file).unwrap();
    let text = b"a value to look for";
    let at = contents
        .windows(text.len())
        .position(|window| window == text)
        .expect("the value is in the file");
    // From the format byte over the checksum to the last byte of the value.
    for byte in at - 33..at + text.len() {
        let mut flipped = contents.clone();
        flipped[byte] ^= 0x20;
        fs::write(&file, &flipped).unwrap();
        let store = SqliteHeadStore::open(&file).await.unwrap();
        match store.fetch(&head()).await {
            Err(ReadError::Damaged { name, trouble }) => {
                assert_eq!(
                    (name.as_str(), trouble.kind),
                    ("head", TroubleKind::Damaged)
                );
            }
            outcome => panic!("byte {byte}: expected damage, got {outcome:?}"),
        }
        // A writer who remembers the value cannot write over the damage either.
        let outcome = store
            .replace(&head(), &bytes("a value to look for"), bytes("new"))
            .await;
        assert!(
            matches!(outcome, Err(ReplaceError::Conflict { .. })),
            "byte {byte}: {outcome:?}"
        );
        closed(store, &file).await;
    }
}

/// A register whose name is damaged must not look as if it had never been: a log would start afresh.
#[tokio::test]
async fn a_flipped_bit_in_a_name() {
    let (_folder, file) = written().await;
    let contents = fs::read(&file).unwrap();
    let places: Vec<usize> = (0..=contents.len() - 4)
        .filter(|at| &contents[*at..at + 4] == b"head")
        .collect();
    assert_eq!(places.len(), 2, "once in the table, once in its index");
    for byte in places.iter().flat_map(|at| *at..at + 4) {
        let mut flipped = contents.clone();
        flipped[byte] ^= 0x01;
        fs::write(&file, &flipped).unwrap();
        assert_eq!(
            refused(&file).await.trouble.kind,
            TroubleKind::Damaged,
            "byte {byte}"
        );
    }
}

/// A flipped bit anywhere in the file: opened or not, a value that is returned is the true one.
#[tokio::test]
async fn a_flipped_bit_anywhere() {
    let (_folder, file) = written().await;
    let contents = fs::read(&file).unwrap();
    let mut noticed = 0;
    for byte in (0..contents.len()).step_by(23).chain(0..100) {
        let mut flipped = contents.clone();
        flipped[byte] ^= 0x01;
        fs::write(&file, &flipped).unwrap();
        let Ok(store) = SqliteHeadStore::open(&file).await else {
            noticed += 1;
            continue;
        };
        match store.fetch(&head()).await {
            Ok(Some(value)) => assert_eq!(value, "a value to look for", "byte {byte}"),
            Ok(None) => panic!("byte {byte}: the register is gone and nobody noticed"),
            Err(_) => noticed += 1,
        }
        closed(store, &file).await;
    }
    assert!(noticed > 20, "only {noticed} flipped bits were noticed");
}

/// A backup restored over a running service, or a `-wal` file that somebody cleaned up.
#[tokio::test]
async fn files_replaced_underneath() {
    type Change = fn(&Path);
    let rows: [(&str, Change); 4] = [
        ("another file in its place", |file| {
            fs::copy(file, beside(file, ".backup")).unwrap();
            fs::rename(beside(file, ".backup"), file).unwrap();
        }),
        ("removed", |file| fs::remove_file(file).unwrap()),
        ("moved away", |file| {
            fs::rename(file, beside(file, ".old")).unwrap();
        }),
        ("write-ahead log removed", |file| {
            fs::remove_file(beside(file, "-wal")).unwrap();
        }),
    ];
    for (mutation, change) in rows {
        let (_folder, file) = written().await;
        let store = SqliteHeadStore::open(&file).await.unwrap();
        store
            .replace(&head(), &bytes("a value to look for"), bytes("1"))
            .await
            .unwrap();
        change(&file);
        match store.replace(&head(), &bytes("1"), bytes("2")).await {
            Err(ReplaceError::NotDone { trouble, .. }) => {
                assert!(
                    trouble.what.contains("replaced or removed"),
                    "{mutation}: {trouble}"
                );
            }
            outcome => panic!("{mutation}: expected a refusal, got {outcome:?}"),
        }
        assert!(store.fetch(&head()).await.is_err(), "{mutation}");
        assert!(
            store
                .create(&RegisterName::new("new").unwrap(), bytes("1"))
                .await
                .is_err(),
            "{mutation}"
        );
    }
}

/// The `-wal` file is moved into the main file now and then, so it stays small.
#[tokio::test]
async fn the_write_ahead_log_stays_small() {
    let (_folder, file) = written().await;
    let store = SqliteHeadStore::open(&file).await.unwrap();
    let value = |n: u32| Bytes::from(n.to_be_bytes().repeat(20_000));
    store
        .replace(&head(), &bytes("a value to look for"), value(0))
        .await
        .unwrap();
    for n in 0..500 {
        store
            .replace(&head(), &value(n), value(n + 1))
            .await
            .unwrap();
    }
    let size = fs::metadata(beside(&file, "-wal")).unwrap().len();
    assert!(
        size < 12 << 20,
        "40 MB written, {size} bytes in the write-ahead log"
    );
}

/// Another process (here: another connection) that holds the file for too long.
#[tokio::test]
async fn a_file_that_is_held_by_another() {
    let (_folder, file) = written().await;
    let store = SqliteHeadStore::open(&file).await.unwrap();
    let mut other = SqliteConnectOptions::new()
        .filename(&file)
        .connect()
        .await
        .unwrap();
    let transaction = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    match store
        .replace(&head(), &bytes("a value to look for"), bytes("new"))
        .await
    {
        Err(ReplaceError::NotDone { trouble, .. }) => {
            assert_eq!(trouble.kind, TroubleKind::Busy, "{trouble}");
        }
        outcome => panic!("expected it to be busy, got {outcome:?}"),
    }
    assert_eq!(
        store.fetch(&head()).await.unwrap().unwrap(),
        "a value to look for"
    );
    transaction.rollback().await.unwrap();
    store
        .replace(&head(), &bytes("a value to look for"), bytes("new"))
        .await
        .unwrap();
}

/// A caller that goes away while its change is under way: the change is done or not, and the store goes on.
#[tokio::test]
async fn a_caller_that_goes_away() {
    let (_folder, file) = written().await;
    let store = SqliteHeadStore::open(&file).await.unwrap();
    let mut value = bytes("a value to look for");
    for n in 0..50 {
        let new = bytes(&format!("value {n}"));
        let register = head();
        let waiting = store.replace(&register, &value, new.clone());
        tokio::select! {
            biased;
            outcome = waiting => outcome.unwrap(),
            () = tokio::task::yield_now() => {}
        }
        // Waits for its turn, so after the change.
        let found = store.fetch(&head()).await.unwrap().unwrap();
        assert!(found == value || found == new, "{found:?}");
        value = store.fetch(&head()).await.unwrap().unwrap();
    }
}
