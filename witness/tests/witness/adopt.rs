//! Taking over what the copies show.

use std::path::Path;
use std::sync::Arc;

use counterfoil_store::HeadStore as _;
use counterfoil_store::memory::MemoryHeadStore;
use counterfoil_tiles::hash::TreeSize;
use counterfoil_tiles::note::Note;
use counterfoil_witness::copies::{AdoptError, CopySource, FolderCopies, adopt};
use counterfoil_witness::record::register;
use counterfoil_witness::{Logs, Recorded};

use crate::common::{Signer, Tree, signers};
use crate::copies::{backup, guarded, round};
use crate::support::{NOW, Stores, add, add_at, assert_cosigned, name};

const ORIGIN: &str = "example.com/log";

/// Runs `adopt` and says what it reported.
async fn adopted(stores: &Stores, logs: &[&Signer], folders: &[&Path]) -> Vec<String> {
    let logs = Logs::new(logs.iter().map(|signer| signer.log())).unwrap();
    let sources: Vec<Arc<dyn CopySource>> = folders
        .iter()
        .map(|folder| Arc::new(FolderCopies::new(*folder)) as Arc<dyn CopySource>)
        .collect();
    let mut reports = Vec::new();
    adopt(
        &*stores.heads,
        &logs,
        signers().ring(),
        &sources,
        |report| {
            reports.push(match report {
                Ok(Ok(adoption)) => format!(
                    "{} from {:?} to {}",
                    adoption.origin,
                    adoption.from.map(TreeSize::get),
                    adoption.to.get()
                ),
                Ok(Err(AdoptError::NotByLog { .. })) => "not by the log".to_owned(),
                Ok(Err(AdoptError::TwoRoots { .. })) => "two roots".to_owned(),
                Ok(Err(AdoptError::UnknownLog(_))) => "unknown log".to_owned(),
                Ok(Err(other)) => panic!("{other}"),
                Err(unreadable) => format!("unreadable: {}", unreadable.log.is_some()),
            });
        },
    )
    .await;
    reports
}

#[tokio::test]
async fn adopt_takes_the_copies_over_and_the_witness_goes_on_from_there() {
    let (signer, lost, gone) = (
        Signer::new(ORIGIN),
        Signer::new("example.com/lost"),
        Signer::new("example.com/gone"),
    );
    let all = [&signer, &lost, &gone];
    let (tree, folder, stores) = (
        Tree::new(20),
        tempfile::tempdir().unwrap(),
        Stores::default(),
    );
    let witness = stores.witness_with(&all, guarded(folder.path(), false));
    assert_cosigned(&add(&witness, &signer.update(&tree, 0, 5)).await);
    let old = backup(&stores, &all).await;
    assert_cosigned(&add(&witness, &signer.update(&tree, 5, 9)).await);
    assert_cosigned(&add(&witness, &lost.update(&tree, 0, 4)).await);
    assert_cosigned(&add(&witness, &gone.update(&tree, 0, 4)).await);
    round(&witness).await;

    let mut reports = adopted(&old, &[&signer, &lost], &[folder.path()]).await;
    reports.sort();
    assert_eq!(
        reports,
        [
            "example.com/log from Some(5) to 9",
            "example.com/lost from None to 4",
            "unknown log"
        ]
    );
    assert_eq!(
        adopted(&old, &all, &[folder.path()]).await,
        ["example.com/gone from None to 4"]
    );
    assert_eq!(
        adopted(&old, &all, &[folder.path()]).await,
        Vec::<String>::new(),
        "nothing more to take over"
    );
    for signer in all {
        let name = register(signer.log().hash());
        assert_eq!(
            old.heads.fetch(&name).await,
            stores.heads.fetch(&name).await
        );
    }
    let restored = old.witness_with(&all, guarded(folder.path(), true));
    restored.sweep_copies().await;
    assert_eq!(restored.guard().rollback(), None);
    assert_eq!(
        name(&add(&restored, &signer.update(&tree, 5, 10)).await),
        "409 9"
    );
    assert_cosigned(&add_at(&restored, &signer.update(&tree, 9, 10), NOW + 1).await);
}

#[tokio::test]
async fn adopt_takes_the_largest_and_nothing_that_it_cannot_verify() {
    let signer = Signer::new(ORIGIN);
    let (tree, fork) = (Tree::new(20), Tree::forked(20, 3, 1));
    let hash = signer.log().hash();
    let cosigned = async |tree: &Tree, size| {
        let witness = Stores::default().witness(&[&signer]);
        assert_cosigned(&add(&witness, &signer.update(tree, 0, size)).await);
        witness.checkpoint(hash).await.unwrap().unwrap()
    };
    let (five, nine) = (cosigned(&tree, 5).await, cosigned(&tree, 9).await);
    let fork_nine = cosigned(&fork, 9).await;
    let not_by_log = Note::new(nine.text(), nine.signatures()[1..].to_vec()).unwrap();
    let by_log_only = Note::new(nine.text(), nine.signatures()[..1].to_vec()).unwrap();
    let rows = [
        (
            "the larger of two",
            None,
            [&five, &nine],
            vec!["example.com/log from None to 9"],
        ),
        (
            "whatever their order",
            None,
            [&nine, &five],
            vec!["example.com/log from None to 9"],
        ),
        (
            "both older than the record",
            Some(&nine),
            [&five, &nine],
            vec![],
        ),
        (
            "two roots in the copies",
            None,
            [&nine, &fork_nine],
            vec!["two roots"],
        ),
        (
            "another root than the record's",
            Some(&fork_nine),
            [&five, &nine],
            vec!["two roots"],
        ),
        (
            "not signed by the log",
            None,
            [&five, &not_by_log],
            vec!["not by the log"],
        ),
        (
            "not signed by us",
            None,
            [&five, &by_log_only],
            vec!["unreadable: true", "example.com/log from None to 5"],
        ),
    ];
    for (row, recorded, copies, expected) in rows {
        let stores = Stores {
            heads: Arc::new(MemoryHeadStore::new()),
            ..Stores::default()
        };
        let before = recorded.map(|note| Recorded::new(note.clone()).unwrap().encode());
        if let Some(value) = &before {
            stores
                .heads
                .create(&register(hash), value.clone())
                .await
                .unwrap();
        }
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        for (folder, copy) in folders.iter().zip(copies) {
            let copy = copy.as_bytes().to_vec().into();
            let place = FolderCopies::new(folder.path());
            assert!(place.set_up([(hash, copy)]).unwrap());
        }
        let paths = [folders[0].path(), folders[1].path()];
        assert_eq!(
            adopted(&stores, &[&signer], &paths).await,
            expected,
            "{row}"
        );
        if !expected.iter().any(|report| report.contains(" to ")) {
            assert_eq!(
                stores.heads.fetch(&register(hash)).await.unwrap(),
                before,
                "{row}"
            );
        }
    }
}
