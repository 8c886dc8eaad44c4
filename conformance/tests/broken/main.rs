//! The control of the suite: a witness that is right passes every row, and one that has one thing wrong fails the rows that
//! are about it. No row is left that nothing makes fail.

mod fake;
mod fault;
mod judge;
mod subtree;

use std::collections::BTreeSet;

use counterfoil_conformance::{Report, Target, TestLog, Verdict, run};
use counterfoil_tiles::key::{Algorithm, KeyName, PrivateKey, Seed};
use futures_util::StreamExt as _;
use futures_util::stream;

use fake::Fake;
use fault::{FAULTS, Fault};

/// A private key that is always the same.
fn private_key(name: &str, algorithm: Algorithm, seed: u8) -> PrivateKey {
    let name = KeyName::new(name).expect("a name");
    PrivateKey::new(name, algorithm, Seed::new([seed; 32])).expect("a key")
}

/// Two keys for the first three logs, one for the others.
fn log_keys() -> Vec<(String, Vec<PrivateKey>)> {
    (1..=6_u8)
        .map(|number| {
            let origin = format!("example.com/log/{number}");
            let mut keys = vec![private_key(&origin, Algorithm::Ed25519, number)];
            if number <= 3 {
                keys.push(private_key(&origin, Algorithm::MlDsa44, 100 + number));
            }
            (origin, keys)
        })
        .collect()
}

/// Tries everything on a witness with a fault.
async fn report_of(fault: Fault) -> Report {
    let folder = tempfile::tempdir().expect("a folder");
    let marker = folder.path().join("restart");
    let fake = Fake::start(fault, &log_keys(), marker.clone()).await;
    let logs = log_keys()
        .into_iter()
        .map(|(origin, keys)| TestLog::new(&origin, keys).expect("a log"))
        .collect();
    let target = Target {
        submission: fake.url(),
        monitoring: None,
        logs,
        vkeys: fake.vkeys(),
        restart: Some(format!("touch '{}'", marker.display())),
    };
    let report = run(target)
        .await
        .unwrap_or_else(|error| panic!("{fault:?}: {error}"));
    fake.stop().await;
    report
}

fn not_passing(report: &Report) -> BTreeSet<&'static str> {
    report
        .rows
        .iter()
        .filter(|row| matches!(row.verdict, Verdict::Fail | Verdict::Warn))
        .map(|row| row.id)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_keeps_the_specification_passes_every_row() {
    let report = report_of(Fault::None).await;
    for row in &report.rows {
        assert_eq!(row.verdict, Verdict::Pass, "{row:?}");
    }
    let ids: BTreeSet<_> = report.rows.iter().map(|row| row.id).collect();
    assert_eq!(
        ids.len(),
        report.rows.len(),
        "each row has a name of its own"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_found_and_every_row_can_fail() {
    let reports: Vec<_> = stream::iter(FAULTS)
        .map(|(fault, rows)| async move { (*fault, *rows, report_of(*fault).await) })
        .buffered(8)
        .collect()
        .await;
    let mut missed = Vec::new();
    let mut everything: BTreeSet<&str> = BTreeSet::new();
    let mut found: BTreeSet<&str> = BTreeSet::new();
    for (fault, expected, report) in &reports {
        let bad = not_passing(report);
        let ids: BTreeSet<_> = report.rows.iter().map(|row| row.id).collect();
        for name in *expected {
            let meant: Vec<_> = ids
                .iter()
                .filter(|id| **id == *name || name.ends_with(['.', '-']) && id.starts_with(name))
                .collect();
            assert!(!meant.is_empty(), "no row is named {name}");
            for id in meant {
                let row = report.rows.iter().find(|row| row.id == *id);
                if !bad.contains(id) {
                    missed.push(format!("{fault:?}: {row:?}"));
                }
            }
        }
        everything.extend(ids);
        found.extend(bad);
    }
    assert!(missed.is_empty(), "not found:\n{}", missed.join("\n"));
    let never: Vec<_> = everything.difference(&found).collect();
    assert!(never.is_empty(), "rows that nothing makes fail: {never:?}");
}
