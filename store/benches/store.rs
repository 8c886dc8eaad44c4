//! What durability costs: `cargo bench -p counterfoil-store`.
//!
//! Writes below `COUNTERFOIL_BENCH_DIR` (default: the system's folder for temporary files; one in memory measures
//! nothing). Each line is shown beside bare system calls that make the same bytes durable, in the same run.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use counterfoil_store::posix::PosixBlobStore;
use counterfoil_store::sqlite::SqliteHeadStore;
use counterfoil_store::{Blob, BlobName, BlobStore, HeadStore, RegisterName};
use futures_util::future::join_all;

/// Durations of single calls.
struct Samples(Vec<Duration>);

impl Samples {
    fn show(mut self, what: &str, items: u32) {
        self.0.sort();
        let each = self.0.iter().sum::<Duration>()
            / u32::try_from(self.0.len()).unwrap_or(u32::MAX)
            / items;
        let rate = 1.0 / each.as_secs_f64();
        let at = |percent: usize| self.0[(self.0.len() - 1) * percent / 100].as_secs_f64() * 1e3;
        println!(
            "{what:<62} {rate:>9.0}/s   p50 {:>8.3} ms   p99 {:>8.3} ms",
            at(50),
            at(99)
        );
    }
}

async fn measure(calls: usize, mut call: impl AsyncFnMut(usize)) -> Samples {
    let mut samples = Vec::with_capacity(calls);
    for n in 0..calls {
        let started = Instant::now();
        call(n).await;
        samples.push(started.elapsed());
    }
    Samples(samples)
}

fn name(text: &str) -> BlobName {
    BlobName::new(text).expect("a constant name")
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `cargo test --all-targets` starts this without the flag: then a few calls show that it works.
    let scale = if std::env::args().any(|argument| argument == "--bench") {
        1
    } else {
        100
    };
    let folder = match std::env::var_os("COUNTERFOIL_BENCH_DIR") {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    tokio::runtime::Runtime::new()?.block_on(run(folder.path(), scale))
}

async fn run(folder: &Path, scale: usize) -> Result<(), Box<dyn std::error::Error>> {
    println!("in {}", folder.display());
    bare(folder, scale).await?;
    let store = PosixBlobStore::open(folder)?;
    let registers = SqliteHeadStore::open(folder.join("registers.sqlite")).await?;
    let head = RegisterName::new("head")?;
    let value = |n: usize| -> Bytes { [&n.to_be_bytes()[..], &[7; 3000]].concat().into() };
    let small = Bytes::from(vec![7; 100]);
    let tile = Bytes::from(vec![7; 8192]);

    store
        .put_new(&[Blob::new(name("staged/first"), small.clone())])
        .await?;
    registers.create(&head, value(0)).await?;

    measure(3000 / scale, async |n| {
        let blob = Blob::new(name(&format!("staged/{n}")), small.clone());
        store.put_new(&[blob]).await.expect("a put");
    })
    .await
    .show("put_new, one blob of 100 bytes (2 flushes)", 1);

    measure(3000 / scale, async |n| {
        registers
            .replace(&head, &value(n), value(n + 1))
            .await
            .expect("a replace");
    })
    .await
    .show("replace, 3 KB (1 flush)", 1);
    registers
        .replace(&head, &value(3000 / scale), value(0))
        .await?;

    groups(&registers, scale).await?;

    measure(3000 / scale, async |n| {
        let blob = Blob::new(name(&format!("staged/add-{n}")), small.clone());
        store.put_new(&[blob]).await.expect("a put");
        registers
            .replace(&head, &value(n), value(n + 1))
            .await
            .expect("a replace");
    })
    .await
    .show("both, one after the other: a lone add (3 flushes)", 1);

    for count in [2_u32, 3, 4, 8, 16, 64, 512] {
        measure((2000 / count as usize / scale).clamp(1, 200), async |n| {
            let blobs: Vec<Blob> = (0..count)
                .map(|i| Blob::new(name(&format!("tile/0/{count}/{n}-{i}")), tile.clone()))
                .collect();
            store.put_new(&blobs).await.expect("a put");
        })
        .await
        .show(
            &format!("put_new, {count} blobs of 8 KB in one folder: blobs"),
            count,
        );
    }

    let wanted: Vec<BlobName> = (0..512)
        .map(|i| name(&format!("tile/0/512/0-{i}")))
        .collect();
    measure(20_000 / scale, async |n| {
        let bytes = store.get(&wanted[n % wanted.len()]).await.expect("a get");
        assert_eq!(bytes.map(|bytes| bytes.len()), Some(8192));
    })
    .await
    .show("get, 8 KB, from the page cache", 1);
    measure(20_000 / scale, async |_| {
        registers.fetch(&head).await.expect("a fetch");
    })
    .await
    .show("fetch, 3 KB", 1);
    Ok(())
}

/// Changes of many registers at the same time, which share a flush: what a witness of as many logs does.
async fn groups(
    registers: &SqliteHeadStore,
    scale: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    for count in [8_u32, 50, 200] {
        let value = |n: usize| -> Bytes { [&n.to_be_bytes()[..], &[7; 600]].concat().into() };
        let names = (0..count).map(|i| RegisterName::new(&format!("of-{count}/{i}")));
        let names: Vec<RegisterName> = names.collect::<Result<_, _>>()?;
        for name in &names {
            registers.create(name, value(0)).await?;
        }
        measure((40_000 / count as usize / scale).max(1), async |n| {
            let (old, new) = (value(n), value(n + 1));
            let changes = names
                .iter()
                .map(|name| registers.replace(name, &old, new.clone()));
            for outcome in join_all(changes).await {
                outcome.expect("a replace");
            }
        })
        .await
        .show(
            &format!("replace, 600 bytes, {count} registers at the same time (1 flush)"),
            count,
        );
    }
    Ok(())
}

/// The machine's own limit: the same flushes by bare system calls.
async fn bare(folder: &Path, scale: usize) -> std::io::Result<()> {
    let bare = folder.join("bare");
    fs::create_dir(&bare)?;
    let directory = File::open(&bare)?;
    let mut log = File::create(folder.join("bare-log"))?;
    let create = |n: usize, bytes: &[u8]| -> std::io::Result<()> {
        let mut file = File::create(bare.join(n.to_string()))?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    measure(1000 / scale, async |_| {
        log.write_all(&[7; 4096])
            .and_then(|()| log.sync_all())
            .expect("a flush");
    })
    .await
    .show("bare: append 4 KB, fsync (1 flush)", 1);
    measure(1000 / scale, async |n| {
        create(n, &[7; 100])
            .and_then(|()| directory.sync_all())
            .expect("two flushes");
    })
    .await
    .show(
        "bare: create 100 bytes, fsync it and its folder (2 flushes)",
        1,
    );
    measure(1000 / scale, async |n| {
        create(5000 + n, &[7; 100])
            .and_then(|()| directory.sync_all())
            .expect("two flushes");
        log.write_all(&[7; 4096])
            .and_then(|()| log.sync_all())
            .expect("a flush");
    })
    .await
    .show("bare: both (3 flushes)", 1);
    measure((4 / scale).max(1), async |n| {
        for i in 0..512 {
            create(10_000 + n * 512 + i, &[7; 8192]).expect("a flush");
        }
        directory.sync_all().expect("a flush");
    })
    .await
    .show(
        "bare: create 512 of 8 KB, fsync each, then the folder: files",
        512,
    );
    Ok(())
}
