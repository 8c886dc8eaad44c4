//! The rollback guard: databases that were restored from a backup.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use counterfoil_store::HeadStore as _;
use counterfoil_tiles::note::Note;
use counterfoil_tiles::witness_wire::AddCheckpointRequest;
use counterfoil_witness::copies::{CopySource, CopyWriter, FolderCopies, Guard, Uncovered};
use counterfoil_witness::record::register;
use counterfoil_witness::{AddAnswer, Options, OriginHash, SubtreeAnswer, Unavailable, Witness};

use crate::common::{Signer, Tree, with_bad_signature};
use crate::support::{Stores, add, assert_cosigned, name, no_limit};

const ORIGIN: &str = "example.com/log";

pub(crate) fn guarded(folder: &Path, required: bool) -> Options {
    let copies = FolderCopies::new(folder);
    copies.set_up([]).unwrap();
    Options {
        guard: Guard::new(vec![Arc::new(copies.clone())], required),
        copies: Arc::new(CopyWriter::new(vec![copies])),
        ..Options::default()
    }
}

/// A copy of what the stores hold, as a backup has it.
pub(crate) async fn backup(stores: &Stores, logs: &[&Signer]) -> Stores {
    let copy = Stores::default();
    for signer in logs {
        let name = register(signer.log().hash());
        if let Some(value) = stores.heads.fetch(&name).await.unwrap() {
            copy.heads.create(&name, value).await.unwrap();
        }
    }
    copy
}

pub(crate) async fn round(witness: &Witness) {
    Arc::clone(witness.copies()).round().await;
    assert_eq!(witness.copies().pending(), 0);
}

fn copy_of(folder: &Path, signer: &Signer) -> Vec<u8> {
    std::fs::read(
        folder
            .join(signer.log().hash().to_string())
            .join("checkpoint"),
    )
    .unwrap()
}

fn rolled_back(answer: &AddAnswer) -> bool {
    matches!(answer, AddAnswer::Unavailable(Unavailable::RolledBack(_)))
}

#[tokio::test]
async fn a_restored_backup_signs_nothing_for_any_log() {
    let (signer, other) = (Signer::new(ORIGIN), Signer::new("example.com/other"));
    let logs = [&signer, &other];
    let (tree, folder, stores) = (
        Tree::new(20),
        tempfile::tempdir().unwrap(),
        Stores::default(),
    );
    let witness = stores.witness_with(&logs, guarded(folder.path(), false));
    assert_cosigned(&add(&witness, &signer.update(&tree, 0, 5)).await);
    assert_cosigned(&add(&witness, &other.update(&tree, 0, 5)).await);
    let old = backup(&stores, &logs).await;
    assert_cosigned(&add(&witness, &signer.update(&tree, 5, 9)).await);
    round(&witness).await;
    let shown = witness
        .checkpoint(signer.log().hash())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        copy_of(folder.path(), &signer),
        shown.as_bytes(),
        "as the monitoring prefix shows it"
    );
    drop(witness);

    let restored = old.witness_with(&logs, guarded(folder.path(), false));
    // The other log's copy is covered by its record, so until something shows the rollback it goes on.
    assert_cosigned(&add(&restored, &other.update(&tree, 5, 6)).await);
    let answer = add(&restored, &signer.update(&tree, 5, 7)).await;
    assert!(rolled_back(&answer), "{answer:?}");
    assert!(
        name(&answer).contains("size 9 of example.com/log was signed, and 5 is recorded"),
        "{answer:?}"
    );
    // Now the whole witness refuses, also what needs no record.
    assert!(rolled_back(
        &add(&restored, &other.update(&tree, 6, 7)).await
    ));
    let subtree = crate::common::subtree_request(
        (0, 4),
        tree.hash(0, 4),
        tree.subtree_consistency(0, 4, 9),
        shown,
    );
    let answer = restored.sign_subtree(subtree.to_string().as_bytes(), no_limit);
    assert!(
        matches!(
            answer,
            SubtreeAnswer::Unavailable(Unavailable::RolledBack(_))
        ),
        "{answer:?}"
    );
    assert!(restored.guard().rollback().is_some());
    // Nothing was written.
    let recorded = restored
        .checkpoint(signer.log().hash())
        .await
        .unwrap()
        .unwrap();
    assert!(recorded.text().starts_with("example.com/log\n5\n"));
}

#[tokio::test]
async fn the_sweep_at_the_start_finds_logs_that_nobody_asks_about() {
    let (signer, gone) = (Signer::new(ORIGIN), Signer::new("example.com/gone"));
    let (tree, folder, stores) = (
        Tree::new(20),
        tempfile::tempdir().unwrap(),
        Stores::default(),
    );
    let witness = stores.witness_with(&[&signer, &gone], guarded(folder.path(), false));
    assert_cosigned(&add(&witness, &signer.update(&tree, 0, 5)).await);
    let old = backup(&stores, &[&signer, &gone]).await;
    assert_cosigned(&add(&witness, &gone.update(&tree, 0, 5)).await);
    round(&witness).await;
    std::fs::write(folder.path().join("notes.txt"), "not a log's folder").unwrap();

    // A log that has been removed from the lists since, and of which the old database knows nothing.
    let restored = old.witness_with(&[&signer], guarded(folder.path(), false));
    restored.sweep_copies().await;
    let rollback = restored.guard().rollback().unwrap();
    assert!(
        matches!(rollback.uncovered, Uncovered::NoRecord { .. }),
        "{rollback}"
    );
    assert!(rolled_back(
        &add(&restored, &signer.update(&tree, 5, 6)).await
    ));

    let good = stores.witness_with(&[&signer], guarded(folder.path(), false));
    good.sweep_copies().await;
    assert_eq!(good.guard().rollback(), None);
    assert_eq!(good.guard().unread(), 0);
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn what_a_copy_shows() {
    let signer = Signer::new(ORIGIN);
    let (tree, fork) = (Tree::new(20), Tree::forked(20, 3, 1));
    let stores = Stores::default();
    let cosigned = |tree: &Tree, size| {
        let (signer, tree) = (signer.clone(), tree.clone());
        async move {
            let witness = Stores::default().witness(&[&signer]);
            assert_cosigned(&add(&witness, &signer.update(&tree, 0, size)).await);
            witness
                .checkpoint(signer.log().hash())
                .await
                .unwrap()
                .unwrap()
        }
    };
    let witness = stores.witness(&[&signer]);
    assert_cosigned(&add(&witness, &signer.update(&tree, 0, 7)).await);
    let same = witness
        .checkpoint(signer.log().hash())
        .await
        .unwrap()
        .unwrap();
    let larger = cosigned(&tree, 9).await;
    let only = |note: &Note, lines: &[usize]| {
        let lines = lines.iter().map(|at| note.signatures()[*at].clone());
        Note::new(note.text(), lines.collect())
            .unwrap()
            .as_bytes()
            .to_vec()
    };
    let own_bad = {
        let own = Note::new(larger.text(), larger.signatures()[1..].to_vec()).unwrap();
        with_bad_signature(&own).as_bytes().to_vec()
    };
    let cut = larger.as_bytes()[..larger.as_bytes().len() - 1].to_vec();
    let other_log = Signer::new("example.com/other").sign(9, tree.root(9));
    // (copy, what an update gets, whether the copy counts as one that was not read)
    let rows: Vec<(&str, Option<Vec<u8>>, bool, bool)> = vec![
        ("no copy", None, true, false),
        (
            "of the recorded size",
            Some(same.as_bytes().to_vec()),
            true,
            false,
        ),
        (
            "older",
            Some(cosigned(&tree, 6).await.as_bytes().to_vec()),
            true,
            false,
        ),
        ("larger", Some(larger.as_bytes().to_vec()), false, false),
        (
            "larger, with our Ed25519 cosignature alone",
            Some(only(&larger, &[1])),
            false,
            false,
        ),
        (
            "larger, with our ML-DSA-44 cosignature alone",
            Some(only(&larger, &[2])),
            false,
            false,
        ),
        (
            "of the recorded size, of another branch",
            Some(cosigned(&fork, 7).await.as_bytes().to_vec()),
            false,
            false,
        ),
        (
            "larger and not signed by us",
            Some(only(&larger, &[0])),
            true,
            true,
        ),
        ("larger, our signature is bad", Some(own_bad), true, true),
        ("cut", Some(cut), true, true),
        ("empty", Some(vec![]), true, true),
        (
            "of another log",
            Some(other_log.as_bytes().to_vec()),
            true,
            true,
        ),
    ];
    for (row, copy, goes_on, not_read) in rows {
        for required in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            if let Some(copy) = &copy {
                let of_log = folder.path().join(signer.log().hash().to_string());
                std::fs::create_dir(&of_log).unwrap();
                std::fs::write(of_log.join("checkpoint"), copy).unwrap();
            }
            let stores = backup(&stores, &[&signer]).await;
            let witness = stores.witness_with(&[&signer], guarded(folder.path(), required));
            let answer = add(&witness, &signer.update(&tree, 7, 8)).await;
            let expected = match (goes_on, not_read && required) {
                (true, false) => "200",
                (true, true) => "503 a copy",
                (false, _) => "503 this witness's database is older",
            };
            assert!(
                name(&answer).starts_with(expected),
                "{row}, required {required}: {answer:?}"
            );
            assert_eq!(witness.guard().unread() > 0, not_read, "{row}");
            // It is not asked again for a log that was compared.
            if expected == "200" {
                let unread = witness.guard().unread();
                assert_cosigned(&add(&witness, &signer.update(&tree, 8, 9)).await);
                assert_eq!(witness.guard().unread(), unread, "{row}");
            }
        }
    }
}

struct Unreachable;

#[async_trait]
impl CopySource for Unreachable {
    fn place(&self) -> &'static str {
        "https://copies.example"
    }

    async fn fetch(&self, _: OriginHash) -> Result<Option<Bytes>, String> {
        Err("connection refused".to_owned())
    }

    async fn list(&self) -> Result<Option<Vec<OriginHash>>, String> {
        Ok(None)
    }
}

/// The place where a witness is published, which signs on while its copy is fetched.
#[derive(Default)]
struct Busy {
    witness: OnceLock<(Arc<Witness>, OriginHash, AddCheckpointRequest)>,
}

#[async_trait]
impl CopySource for Busy {
    fn place(&self) -> &'static str {
        "https://witness.example/"
    }

    async fn fetch(&self, _: OriginHash) -> Result<Option<Bytes>, String> {
        let Some((witness, log, update)) = self.witness.get() else {
            return Ok(None);
        };
        assert_cosigned(&add(witness, update).await);
        let note = witness.checkpoint(*log).await.unwrap().unwrap();
        Ok(Some(note.as_bytes().to_vec().into()))
    }

    async fn list(&self) -> Result<Option<Vec<OriginHash>>, String> {
        Ok(self.witness.get().map(|(_, log, _)| vec![*log]))
    }
}

#[tokio::test]
async fn what_is_signed_while_the_copies_are_swept_is_no_rollback() {
    let (signer, tree, busy) = (Signer::new(ORIGIN), Tree::new(9), Arc::<Busy>::default());
    let options = Options {
        guard: Guard::new(vec![busy.clone()], false),
        ..Options::default()
    };
    let witness = Arc::new(Stores::default().witness_with(&[&signer], options));
    assert_cosigned(&add(&witness, &signer.update(&tree, 0, 5)).await);
    let update = signer.update(&tree, 5, 9);
    let started = (Arc::clone(&witness), signer.log().hash(), update);
    assert!(busy.witness.set(started).is_ok());
    witness.sweep_copies().await;
    assert_eq!(witness.guard().rollback(), None);
    assert_cosigned(&add(&witness, &signer.update(&tree, 9, 9)).await);
}

#[tokio::test]
async fn a_copy_that_shows_a_rollback_counts_though_another_is_unreachable() {
    let (signer, other) = (Signer::new(ORIGIN), Signer::new("example.com/other"));
    let (tree, folder) = (Tree::new(9), tempfile::tempdir().unwrap());
    let before = Stores::default().witness_with(&[&signer], guarded(folder.path(), false));
    assert_cosigned(&add(&before, &signer.update(&tree, 0, 9)).await);
    round(&before).await;
    for first in [true, false] {
        let mut sources: Vec<Arc<dyn CopySource>> = vec![
            Arc::new(Unreachable),
            Arc::new(FolderCopies::new(folder.path())),
        ];
        if first {
            sources.reverse();
        }
        let options = Options {
            guard: Guard::new(sources, true),
            ..Options::default()
        };
        let restored = Stores::default().witness_with(&[&signer, &other], options);
        assert!(
            rolled_back(&add(&restored, &signer.update(&tree, 0, 5)).await),
            "{first}"
        );
        assert!(
            rolled_back(&add(&restored, &other.update(&tree, 0, 5)).await),
            "{first}"
        );
    }
}

#[tokio::test]
async fn an_unreachable_copy_alarms_and_refuses_only_where_it_is_required() {
    let (signer, tree) = (Signer::new(ORIGIN), Tree::new(20));
    for (required, expected) in [(false, "200"), (true, "503 a copy")] {
        let options = Options {
            guard: Guard::new(vec![Arc::new(Unreachable)], required),
            ..Options::default()
        };
        let witness = Stores::default().witness_with(&[&signer], options);
        let answer = add(&witness, &signer.update(&tree, 0, 5)).await;
        assert!(name(&answer).starts_with(expected), "{answer:?}");
        assert_eq!(witness.guard().unread(), 1);
        assert_eq!(witness.guard().rollback(), None);
    }
}

/// The database is restored, and the disk with the copies is not mounted: an empty directory is in its place.
#[tokio::test]
async fn a_place_that_is_not_there_is_not_one_without_copies() {
    let (signer, tree) = (Signer::new(ORIGIN), Tree::new(20));
    for (required, expected) in [(false, "200"), (true, "503 a copy")] {
        let mountpoint = tempfile::tempdir().unwrap();
        let copies = FolderCopies::new(mountpoint.path());
        let options = Options {
            guard: Guard::new(vec![Arc::new(copies.clone())], required),
            copies: Arc::new(CopyWriter::new(vec![copies.clone()])),
            ..Options::default()
        };
        let witness = Stores::default().witness_with(&[&signer], options);
        witness.sweep_copies().await;
        assert_eq!(witness.guard().unread(), 1, "the list");
        let answer = add(&witness, &signer.update(&tree, 0, 5)).await;
        assert!(name(&answer).starts_with(expected), "{answer:?}");
        assert_eq!(witness.guard().unread(), 2);
        Arc::clone(witness.copies()).round().await;
        let below = mountpoint.path().read_dir().unwrap();
        assert_eq!(below.count(), 0, "nothing is written below the mount point");
        // It is a new place after all; the operator says so.
        assert!(copies.set_up([]).unwrap());
        assert!(!copies.set_up([]).unwrap(), "it is there already");
        let answer = add(
            &witness,
            &signer.update(&tree, if required { 0 } else { 5 }, 9),
        )
        .await;
        assert_cosigned(&answer);
        round(&witness).await;
        assert!(copy_of(mountpoint.path(), &signer).starts_with(b"example.com/log\n9\n"));
    }
}

#[tokio::test]
async fn a_new_place_gets_what_was_signed_before() {
    let (signer, tree) = (Signer::new(ORIGIN), Tree::new(20));
    let (stores, folder) = (Stores::default(), tempfile::tempdir().unwrap());
    let before = stores.witness(&[&signer]);
    assert_cosigned(&add(&before, &signer.update(&tree, 0, 5)).await);
    let hash = signer.log().hash();
    let note = before.checkpoint(hash).await.unwrap().unwrap();
    let place = folder.path().join("new/place");
    let copies = [(hash, note.as_bytes().to_vec().into())];
    assert!(FolderCopies::new(&place).set_up(copies).unwrap());
    let restored = Stores::default().witness_with(&[&signer], guarded(&place, true));
    let answer = add(&restored, &signer.update(&tree, 0, 4)).await;
    assert!(rolled_back(&answer), "{answer:?}");
}

#[tokio::test]
async fn copies_are_written_at_most_once_a_second_and_at_the_end() {
    let (signer, tree) = (Signer::new(ORIGIN), Tree::new(20));
    let folder = tempfile::tempdir().unwrap();
    let witness = Stores::default().witness_with(&[&signer], guarded(folder.path(), false));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let writer = tokio::spawn(Arc::clone(witness.copies()).run(async {
        stopped.await.ok();
    }));
    for (old, size) in [(0, 3), (3, 5), (5, 9)] {
        assert_cosigned(&add(&witness, &signer.update(&tree, old, size)).await);
    }
    assert_eq!(
        witness.copies().pending(),
        1,
        "three updates of one log are one copy"
    );
    let path = folder
        .path()
        .join(signer.log().hash().to_string())
        .join("checkpoint");
    assert!(!path.exists(), "not beside the answers");
    while !path.exists() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(copy_of(folder.path(), &signer).starts_with(b"example.com/log\n9\n"));
    assert_cosigned(&add(&witness, &signer.update(&tree, 9, 11)).await);
    stop.send(()).unwrap();
    writer.await.unwrap();
    assert!(copy_of(folder.path(), &signer).starts_with(b"example.com/log\n11\n"));
    let of_log = path.parent().unwrap().read_dir().unwrap();
    assert_eq!(of_log.count(), 1, "no temporary file is left");
}

#[tokio::test]
async fn a_copy_that_cannot_be_written_is_tried_again() {
    let (signer, tree) = (Signer::new(ORIGIN), Tree::new(20));
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("copies");
    std::fs::write(&place, "a file where the folder should be").unwrap();
    let options = Options {
        copies: Arc::new(CopyWriter::new(vec![FolderCopies::new(&place)])),
        ..Options::default()
    };
    let witness = Stores::default().witness_with(&[&signer], options);
    assert_cosigned(&add(&witness, &signer.update(&tree, 0, 3)).await);
    Arc::clone(witness.copies()).round().await;
    assert_eq!(
        (witness.copies().failures(), witness.copies().pending()),
        (1, 1)
    );
    std::fs::remove_file(&place).unwrap();
    FolderCopies::new(&place).set_up([]).unwrap();
    round(&witness).await;
    assert!(copy_of(&place, &signer).starts_with(b"example.com/log\n3\n"));
}
