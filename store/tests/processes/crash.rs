//! Processes that are killed while they write.

use std::collections::HashSet;

use counterfoil_store::posix::PosixBlobStore;
use counterfoil_store::{BlobName, BlobStore};

use crate::support::{Outcome, Process, block_on};

const KILLS: usize = 15;

/// Large blobs, so that most kills come while bytes are written. The process answers one command and is killed during
/// one of those already sent.
pub(crate) fn killed_while_putting() -> Option<String> {
    const SIZE: usize = 3_000_000;
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = HashSet::new();
    for kill in 0..KILLS {
        let mut process = Process::start();
        process.open_blobs(folder.path());
        let names: Vec<String> = (0..6).map(|n| format!("staged/{kill}-{n}")).collect();
        for name in &names {
            process.send(&format!("put {name} 9 {SIZE}"));
        }
        for name in &names[..=kill % 4] {
            assert_eq!(process.answer(), Some(Outcome::Done));
            acknowledged.insert(name.clone());
        }
        process.kill();
    }
    let store = PosixBlobStore::open(folder.path()).unwrap();
    let leftovers = std::fs::read_dir(folder.path().join("~tmp"))
        .unwrap()
        .count();
    assert_eq!(
        leftovers, 0,
        "temporary files of killed processes are still there"
    );
    let names = block_on(store.list("staged/")).unwrap();
    for name in &names {
        let bytes = block_on(store.get(name)).unwrap().unwrap();
        assert!(
            bytes.len() == SIZE && bytes.iter().all(|byte| *byte == 9),
            "{name} is not whole"
        );
    }
    let names: HashSet<String> = names.iter().map(BlobName::to_string).collect();
    assert!(
        acknowledged.is_subset(&names),
        "acknowledged and gone: {:?}",
        acknowledged.difference(&names)
    );
    None
}

pub(crate) fn killed_while_replacing() -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("registers.sqlite");
    let mut process = Process::start();
    process.open_registers(&file);
    process.must("create count 0");
    process.kill();
    let mut acknowledged = 0;
    for kill in 0..KILLS {
        let mut process = Process::start();
        process.open_registers(&file);
        let Outcome::Value(Some(found)) = process.ask("fetch count") else {
            panic!("the register is gone")
        };
        let found: usize = String::from_utf8(hex::decode(found).unwrap())
            .unwrap()
            .parse()
            .unwrap();
        // The replace that was cut off may be there or not.
        assert!(
            found >= acknowledged,
            "{acknowledged} was acknowledged, {found} is there"
        );
        for n in found..found + 30 {
            process.send(&format!("replace count {n} {}", n + 1));
        }
        for n in found..found + 1 + kill {
            assert_eq!(process.answer(), Some(Outcome::Done));
            acknowledged = n + 1;
        }
        process.kill();
    }
    None
}
