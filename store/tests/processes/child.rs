//! The process under test: reads commands, one a line, and answers each with a line.
//!
//! | command | |
//! |---|---|
//! | `open-blobs FOLDER`, `open-registers FILE` | |
//! | `put NAME FILL SIZE` | one blob of SIZE bytes, all FILL |
//! | `put-many PREFIX COUNT SIZE` | `PREFIX0`, `PREFIX1`, ...: SIZE bytes each, all 1 |
//! | `put-folders PREFIX COUNT SIZE` | `PREFIX0/b`, `PREFIX1/b`, ... |
//! | `discard NAME`, `get NAME` | |
//! | `create NAME VALUE`, `replace NAME OLD NEW`, `fetch NAME` | |
//! | `create-many PREFIX COUNT VALUE`, `replace-many PREFIX COUNT OLD NEW` | `PREFIX0`, `PREFIX1`, ... at the same time; the outcome that all have |
//! | `raise NAME TIMES` | a counter, by fetch and replace until done |

use std::io::{BufRead, Write};

use bytes::Bytes;
use counterfoil_store::posix::PosixBlobStore;
use counterfoil_store::sqlite::SqliteHeadStore;
use counterfoil_store::{
    Blob, BlobName, BlobStore, DiscardError, HeadStore, PutError, ReadError, RegisterName,
    ReplaceError, Trouble,
};
use futures_util::future::join_all;

use crate::support::block_on;

#[derive(Default)]
struct Open {
    blobs: Option<PosixBlobStore>,
    registers: Option<SqliteHeadStore>,
}

pub(crate) fn run() {
    block_on(async {
        let mut open = Open::default();
        for line in std::io::stdin().lock().lines() {
            let line = line.unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            let answer = answer(&mut open, &words).await;
            // One write each, not buffered: the parent reads it before the next command.
            std::io::stdout()
                .write_all(format!("{answer}\n").as_bytes())
                .unwrap();
        }
    });
}

async fn answer(open: &mut Open, words: &[&str]) -> String {
    match (words, &open.blobs, &open.registers) {
        (["open-blobs", folder], ..) => match PosixBlobStore::open(folder) {
            Ok(store) => {
                open.blobs = Some(store);
                "done".to_owned()
            }
            Err(error) => format!("not-done {:?} {error}", error.trouble.kind),
        },
        (["open-registers", file], ..) => match SqliteHeadStore::open(file).await {
            Ok(store) => {
                open.registers = Some(store);
                "done".to_owned()
            }
            Err(error) => format!("not-done {:?} {error}", error.trouble.kind),
        },
        (["put", name, fill, size], Some(store), _) => {
            put(
                store,
                &[Blob::new(
                    blob_name(name),
                    vec![fill.parse().unwrap(); size.parse().unwrap()],
                )],
            )
            .await
        }
        (["put-many", prefix, count, size], Some(store), _) => {
            put(store, &many(count, size, |i| format!("{prefix}{i}"))).await
        }
        (["put-folders", prefix, count, size], Some(store), _) => {
            put(store, &many(count, size, |i| format!("{prefix}{i}/b"))).await
        }
        (["discard", name], Some(store), _) => match store.discard(&[blob_name(name)]).await {
            Ok(()) => "done".to_owned(),
            Err(DiscardError::NotDone { trouble, .. }) => failed("not-done", &trouble),
            Err(DiscardError::Unknown { trouble, .. }) => failed("unknown", &trouble),
        },
        (["get", name], Some(store), _) => read(store.get(&blob_name(name)).await),
        (["create", name, value], _, Some(store)) => {
            changed(store.create(&register(name), text(value)).await)
        }
        (["replace", name, old, new], _, Some(store)) => {
            changed(store.replace(&register(name), &text(old), text(new)).await)
        }
        (["create-many", prefix, count, value], _, Some(store)) => {
            changed_many(count, async |i| {
                store
                    .create(&register(&format!("{prefix}{i}")), text(value))
                    .await
            })
            .await
        }
        (["replace-many", prefix, count, old, new], _, Some(store)) => {
            changed_many(count, async |i| {
                store
                    .replace(&register(&format!("{prefix}{i}")), &text(old), text(new))
                    .await
            })
            .await
        }
        (["fetch", name], _, Some(store)) => read(store.fetch(&register(name)).await),
        (["raise", name, times], _, Some(store)) => {
            raise(store, &register(name), times.parse().unwrap()).await
        }
        _ => panic!("not a command, or nothing is open: {words:?}"),
    }
}

fn many(count: &str, size: &str, name: impl Fn(usize) -> String) -> Vec<Blob> {
    let bytes = Bytes::from(vec![1; size.parse().unwrap()]);
    (0..count.parse().unwrap())
        .map(|i| Blob::new(blob_name(&name(i)), bytes.clone()))
        .collect()
}

async fn put(store: &PosixBlobStore, blobs: &[Blob]) -> String {
    match store.put_new(blobs).await {
        Ok(()) => "done".to_owned(),
        Err(PutError::Conflict { .. }) => "conflict".to_owned(),
        Err(PutError::NotDone { trouble, .. }) => failed("not-done", &trouble),
        Err(PutError::Unknown { trouble, .. }) => failed("unknown", &trouble),
    }
}

async fn raise(store: &SqliteHeadStore, name: &RegisterName, times: u64) -> String {
    let mut done = 0;
    while done < times {
        let old = store.fetch(name).await.unwrap().unwrap();
        let count: u64 = std::str::from_utf8(&old).unwrap().parse().unwrap();
        match store
            .replace(name, &old, text(&(count + 1).to_string()))
            .await
        {
            Ok(()) => done += 1,
            Err(ReplaceError::Conflict { .. }) => {}
            outcome => return changed(outcome),
        }
    }
    "done".to_owned()
}

fn changed(outcome: Result<(), ReplaceError>) -> String {
    match outcome {
        Ok(()) => "done".to_owned(),
        Err(ReplaceError::Conflict { .. }) => "conflict".to_owned(),
        Err(ReplaceError::NotDone { trouble, .. }) => failed("not-done", &trouble),
        Err(ReplaceError::Unknown { trouble, .. }) => failed("unknown", &trouble),
    }
}

/// Makes changes at the same time. They are one group, so they have one outcome.
async fn changed_many(
    count: &str,
    change: impl AsyncFn(usize) -> Result<(), ReplaceError>,
) -> String {
    let changes = (0..count.parse().unwrap()).map(|i| change(i));
    let outcomes: Vec<String> = join_all(changes).await.into_iter().map(changed).collect();
    assert!(
        outcomes.iter().all(|outcome| *outcome == outcomes[0]),
        "{outcomes:?}"
    );
    outcomes[0].clone()
}

fn read(outcome: Result<Option<Bytes>, ReadError>) -> String {
    match outcome {
        Ok(Some(bytes)) => format!("value {}", hex::encode(bytes)),
        Ok(None) => "nothing".to_owned(),
        Err(error) => format!("unreadable {error}"),
    }
}

fn failed(word: &str, trouble: &Trouble) -> String {
    format!("{word} {:?} {trouble}", trouble.kind)
}

fn blob_name(text: &str) -> BlobName {
    BlobName::new(text).unwrap()
}

fn register(text: &str) -> RegisterName {
    RegisterName::new(text).unwrap()
}

fn text(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}
