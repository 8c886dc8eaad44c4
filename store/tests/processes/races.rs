//! Processes that race.

use std::path::Path;

use counterfoil_store::posix::PosixBlobStore;
use counterfoil_store::{BlobName, BlobStore};

use crate::support::{Outcome, Process, block_on};

const RACERS: usize = 6;
const RACES: usize = 10;

/// Sends each process its command, all of them before any answer is read.
fn race(processes: &mut [Process], command: impl Fn(usize) -> String) -> Vec<Outcome> {
    for (i, process) in processes.iter_mut().enumerate() {
        assert!(process.send(&command(i)));
    }
    processes
        .iter_mut()
        .map(|process| process.answer().expect("a racer died"))
        .collect()
}

fn with_blobs(folder: &Path) -> Vec<Process> {
    (0..RACERS)
        .map(|_| {
            let mut process = Process::start();
            process.open_blobs(folder);
            process
        })
        .collect()
}

#[track_caller]
fn only_winner(outcomes: &[Outcome]) -> usize {
    let winners: Vec<usize> = (0..outcomes.len())
        .filter(|i| outcomes[*i] == Outcome::Done)
        .collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Done | Outcome::Conflict)),
        "{outcomes:?}"
    );
    winners[0]
}

pub(crate) fn one_winner_on_a_blob() -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let mut processes = with_blobs(folder.path());
    let store = PosixBlobStore::open(folder.path()).unwrap();
    for n in 0..RACES {
        // Each race in a new folder: making that is raced for too.
        let name = format!("race/{n}/blob");
        let outcomes = race(&mut processes, |i| format!("put {name} {} 100000", i + 1));
        let winner = only_winner(&outcomes);
        let found = block_on(store.get(&BlobName::new(&name).unwrap()))
            .unwrap()
            .unwrap();
        assert_eq!(found, vec![u8::try_from(winner + 1).unwrap(); 100_000]);
    }
    None
}

pub(crate) fn same_bytes_all_win() -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let mut processes = with_blobs(folder.path());
    for n in 0..RACES {
        let outcomes = race(&mut processes, |_| format!("put race/{n}/blob 7 100000"));
        assert!(
            outcomes.iter().all(|outcome| *outcome == Outcome::Done),
            "{outcomes:?}"
        );
        let outcomes = race(&mut processes, |_| {
            format!("put-many race/{n}/many- 20 1000")
        });
        assert!(
            outcomes.iter().all(|outcome| *outcome == Outcome::Done),
            "{outcomes:?}"
        );
        let outcomes = race(&mut processes, |_| format!("discard race/{n}/blob"));
        assert!(
            outcomes.iter().all(|outcome| *outcome == Outcome::Done),
            "{outcomes:?}"
        );
    }
    None
}

pub(crate) fn one_winner_on_a_register() -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("registers.sqlite");
    let mut processes: Vec<Process> = (0..RACERS).map(|_| Process::start()).collect();
    // They race to make the file, too.
    let outcomes = race(&mut processes, |_| {
        format!("open-registers {}", file.display())
    });
    assert!(
        outcomes.iter().all(|outcome| *outcome == Outcome::Done),
        "{outcomes:?}"
    );
    let leftovers: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains('~'))
        .collect();
    assert_eq!(leftovers, Vec::<String>::new());

    let mut head = format!(
        "racer-{}",
        only_winner(&race(&mut processes, |i| format!("create head racer-{i}")))
    );
    for n in 0..RACES * 5 {
        let outcomes = race(&mut processes, |i| {
            format!("replace head {head} round-{n}-racer-{i}")
        });
        head = format!("round-{n}-racer-{}", only_winner(&outcomes));
        let fetched = race(&mut processes, |_| "fetch head".to_owned());
        assert!(
            fetched
                .iter()
                .all(|value| *value == Outcome::Value(Some(hex::encode(&head)))),
            "{fetched:?}"
        );
    }
    None
}

pub(crate) fn a_counter() -> Option<String> {
    const TIMES: usize = 40;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("registers.sqlite");
    let mut processes: Vec<Process> = (0..RACERS).map(|_| Process::start()).collect();
    for process in &mut processes {
        process.open_registers(&file);
    }
    processes[0].must("create count 0");
    let outcomes = race(&mut processes, |_| format!("raise count {TIMES}"));
    assert!(
        outcomes.iter().all(|outcome| *outcome == Outcome::Done),
        "{outcomes:?}"
    );
    assert_eq!(
        processes[0].ask("fetch count"),
        Outcome::Value(Some(hex::encode((RACERS * TIMES).to_string())))
    );
    None
}

/// A store that opens removes the temporary files of the dead, and none of the living.
pub(crate) fn opening_sweeps_only_the_dead() -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let temporary = folder.path().join("~tmp");
    let (mut alive, mut dead) = (Process::start(), Process::start());
    for process in [&mut alive, &mut dead] {
        process.open_blobs(folder.path());
        process.must("put a 1 10");
    }
    dead.kill();
    let folders = || std::fs::read_dir(&temporary).unwrap().count();
    assert_eq!(folders(), 2);
    for entry in std::fs::read_dir(&temporary).unwrap() {
        std::fs::write(entry.unwrap().path().join("leftover"), "half").unwrap();
    }
    let opened = PosixBlobStore::open(folder.path()).unwrap();
    assert_eq!(folders(), 1);
    alive.must("put b 1 10");
    let left = std::fs::read_dir(&temporary)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    assert!(
        left.join("leftover").exists(),
        "a file of a living process was removed"
    );
    drop(opened);
    None
}
