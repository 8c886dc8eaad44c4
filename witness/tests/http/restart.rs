//! What a restart finds: the records, and whether they are as new as what was signed.

use counterfoil_store::HeadStore as _;
use counterfoil_witness::copies::FolderCopies;
use counterfoil_witness::run::RunError;
use counterfoil_witness::{OriginHash, data, record};

use crate::history::{Signer, Tree};
use crate::service::{Home, checkpoint_path, until};

#[tokio::test]
async fn what_was_cosigned_is_remembered() {
    let log = Signer::new("example.com/log");
    let home = Home::new(&[&log]).await;
    let tree = Tree::new(9);
    let service = home.start("", "").await;
    assert_eq!(service.add(&log.update(&tree, 0, 7)).await, 200);
    // SPEC(tlog-witness): "The witness MUST persist the new checkpoint before responding."
    let latest = service.text(&checkpoint_path(&log)).await;
    service.end().await;

    let service = home.start("", "").await;
    assert_eq!(service.text(&checkpoint_path(&log)).await, latest);
    assert_eq!(service.add(&log.update(&tree, 0, 9)).await, 409);
    assert_eq!(service.add(&log.update(&tree, 7, 9)).await, 200);
    let Err(RunError::Data(second)) = home.try_start("", "").await else {
        panic!("two services on one database")
    };
    assert!(matches!(second, data::DataError::Lock(_)), "{second}");
    service.end().await;

    // A database that is gone is not made anew.
    std::fs::remove_file(home.path("data/registers.sqlite")).unwrap();
    let Err(error) = home.try_start("", "").await else {
        panic!("it starts")
    };
    assert!(
        error.to_string().contains("registers.sqlite is missing"),
        "{error}"
    );
}

/// A database from a backup does not know what was signed since; the copies do.
#[tokio::test]
async fn a_restored_backup_signs_nothing() {
    let (log, other) = (
        Signer::new("example.com/log"),
        Signer::new("example.com/other"),
    );
    let mut home = Home::new(&[&log, &other]).await;
    let tree = Tree::new(20);
    let copies = "copies = [\"copies\"]\n";
    let place = FolderCopies::new(home.path("copies"));
    assert!(place.set_up([]).unwrap());
    let service = home.start(copies, "").await;
    assert_eq!(service.add(&log.update(&tree, 0, 7)).await, 200);
    service.end().await;
    let backup = back_up(&home, &log).await;

    let service = home.start(copies, "").await;
    assert_eq!(service.add(&log.update(&tree, 7, 20)).await, 200);
    let copy_path = home
        .path("copies")
        .join(checkpoint_path(&log).trim_start_matches('/'));
    service.end().await;
    let written = std::fs::read_to_string(copy_path).unwrap();
    assert_eq!(
        written.lines().nth(1),
        Some("20"),
        "the stop wrote the last copy"
    );

    copy(backup.path(), &home.path("restored"));
    home.data = "restored";
    let service = home.start(copies, "").await;
    assert_eq!(service.add(&log.update(&tree, 7, 8)).await, 503);
    assert_eq!(
        service.add(&other.update(&tree, 0, 8)).await,
        503,
        "nor for any other log"
    );
    let readiness = until(|| service.get("/readyz"), |answer| answer.status() == 503).await;
    let reason = readiness.text().await.unwrap();
    assert!(
        reason.contains("size 20 of example.com/log was signed, and 7 is recorded"),
        "{reason}"
    );
    let page = service.text("/").await;
    assert!(
        page.contains("class=\"alarm\"><strong>This witness signs nothing"),
        "{page}"
    );
    assert!(
        service
            .text("/metrics")
            .await
            .contains("counterfoil_witness_refuses 1\n")
    );
    service.end().await;
}

/// A copy at a URL: what the witness itself published, as another server keeps it.
#[tokio::test]
async fn copies_at_a_url_guard_too() {
    let log = Signer::new("example.com/log");
    let tree = Tree::new(20);
    let keeper_home = Home::new(&[&log]).await;
    let keeper = keeper_home.start("", "").await;
    assert_eq!(keeper.add(&log.update(&tree, 0, 20)).await, 200);

    let home = Home::new(&[&log]).await;
    let copies = format!("copies = [\"{}\"]\n", keeper.url("/"));
    let service = home.start(&copies, "").await;
    assert_eq!(service.add(&log.update(&tree, 0, 7)).await, 503);
    assert_eq!(service.get("/readyz").await.status(), 503);
    service.end().await;
    keeper.end().await;

    let required = format!("{copies}copies_required = true\n");
    let service = home.start(&required, "").await;
    assert_eq!(
        service.add(&log.update(&tree, 0, 7)).await,
        503,
        "nobody answers there any more"
    );
    service.end().await;
    let service = home.start(&copies, "").await;
    assert_eq!(
        service.add(&log.update(&tree, 0, 7)).await,
        200,
        "and that alone stops nothing"
    );
    assert!(
        service
            .text("/metrics")
            .await
            .contains("counterfoil_witness_copies_unread_total 1\n")
    );
    service.end().await;
}

/// A copy of the data that holds the record of a log. (The database is closed in the background, so a copy that is taken
/// at once may miss what is in its write-ahead log.)
async fn back_up(home: &Home, log: &Signer) -> tempfile::TempDir {
    let register = record::register(OriginHash::of(&log.origin));
    let take = || async {
        let backup = tempfile::tempdir().unwrap();
        copy(&home.path("data"), backup.path());
        let checked = tempfile::tempdir().unwrap();
        copy(backup.path(), checked.path());
        let Ok(data) = data::read(checked.path()).await else {
            return (backup, None);
        };
        (backup, data.heads.fetch(&register).await.ok().flatten())
    };
    until(take, |(_, record)| record.is_some()).await.0
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            // A file that goes meanwhile is part of no backup.
            let _ = std::fs::copy(entry.path(), to.join(entry.file_name()));
        }
    }
}
