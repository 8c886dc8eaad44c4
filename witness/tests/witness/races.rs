//! Tasks of one process that race: the race of tlog-witness, N against N+K.

use std::sync::Arc;

use counterfoil_store::HeadStore;
use counterfoil_store::memory::MemoryHeadStore;
use counterfoil_store::sqlite::SqliteHeadStore;
use counterfoil_witness::Options;

use crate::common::Signer;
use crate::common::race::{Step, assert_one_history, contend};
use crate::support::{Stores, witness_over};

const LOGS: usize = 5;
const GOAL: u64 = 120;

/// Tasks over as many witnesses as `witnesses` says, half of them on another branch.
async fn race(heads: Arc<dyn HeadStore>, witnesses: usize) {
    let signers: Arc<Vec<Signer>> = Arc::new(
        (0..LOGS)
            .map(|i| Signer::new(&format!("example.com/{i}")))
            .collect(),
    );
    let stores = Stores::default();
    let all: Vec<&Signer> = signers.iter().collect();
    let witnesses: Vec<_> = (0..witnesses)
        .map(|_| {
            Arc::new(witness_over(
                heads.clone(),
                &stores,
                &all,
                Options::default(),
            ))
        })
        .collect();
    let (report, mut reports) = tokio::sync::mpsc::unbounded_channel::<Step>();
    let tasks: Vec<_> = (0..12_u8)
        .map(|task| {
            let witness = Arc::clone(&witnesses[usize::from(task) % witnesses.len()]);
            let (signers, report) = (Arc::clone(&signers), report.clone());
            tokio::spawn(async move {
                contend(
                    &witness,
                    &signers,
                    (GOAL, task % 2, u64::from(task)),
                    |step| {
                        report.send(step).unwrap();
                    },
                )
                .await;
            })
        })
        .collect();
    drop(report);
    let mut steps = Vec::new();
    while let Some(step) = reports.recv().await {
        steps.push(step);
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_one_history(&steps, LOGS, Some(GOAL));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tasks_of_one_witness_in_memory() {
    race(Arc::new(MemoryHeadStore::new()), 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tasks_of_several_witnesses_in_memory() {
    race(Arc::new(MemoryHeadStore::new()), 4).await;
}

// SPEC(tlog-witness): "Note that checking the old size against the latest checkpoint and persisting the new
// checkpoint must be performed atomically, otherwise the following race can occur:"
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tasks_of_several_witnesses_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let heads = SqliteHeadStore::open(folder.path().join("registers.sqlite"))
        .await
        .unwrap();
    race(Arc::new(heads), 3).await;
}
