//! What a start does about partial tiles that somebody or some disk has changed, and what a crash on the way leaves.

use crate::world::{Fault, Process, Step, World, entries, rest};
use bytes::Bytes;
use counterfoil_sequencer::{Config, StopReason};
use counterfoil_tiles::hash::TreeSize;
use counterfoil_tiles::tile::{TileId, tiles_of};

/// 70,000 would have one tile more on the edge; this has partial tiles on two levels and a partial bundle.
const SIZE: u64 = 700;

/// A log of [`SIZE`] entries, published and at rest.
fn log() -> (World, Process) {
    let mut world = World::new();
    let mut process = Process::start(1, 0);
    rest(&mut world, &mut process);
    for first in (0..SIZE).step_by(100) {
        process.submit(&mut world, &entries(first, 100));
        rest(&mut world, &mut process);
    }
    assert_eq!(
        world.published.as_ref().unwrap().size(),
        TreeSize::new(SIZE)
    );
    (world, process)
}

fn partial_tiles() -> Vec<String> {
    tiles_of(TreeSize::new(SIZE))
        .iter()
        .map(TileId::path)
        .collect()
}

/// What becomes of a blob's bytes; `None`: it is gone.
type Damage = fn(&Bytes) -> Option<Bytes>;

const DAMAGES: [(&str, Damage); 4] = [
    ("one bit flipped", |good| {
        let mut bytes = good.to_vec();
        bytes[3] ^= 1;
        Some(bytes.into())
    }),
    ("one hash short", |good| Some(good.slice(32..))),
    ("emptied", |_| Some(Bytes::new())),
    ("removed", |_| None),
];

#[test]
fn damaged_partial_tiles_are_mended_at_start_wherever_it_crashes() {
    let mut survived = 0;
    for (name, damage) in DAMAGES {
        for tile in partial_tiles() {
            // The first start crashes before its operation of this number, or after it; the second does not.
            for crash in 0.. {
                let (mut world, process) = log();
                let good = world.blobs.clone();
                world.is_damaged = true;
                match damage(&good[&tile]) {
                    Some(bytes) => world.blobs.insert(tile.clone(), bytes),
                    None => world.blobs.remove(&tile),
                };
                let fault = [Fault::CrashBefore, Fault::CrashAfter][crash % 2];
                let crashed =
                    crash_at(&mut world, Process::start(2, process.now), crash / 2, fault);
                survived += usize::from(crashed);
                let mut process = Process::start(3, process.now);
                rest(&mut world, &mut process);
                assert_eq!(world.stops, [], "{tile}, {name}, crash {crash}");
                for (blob, bytes) in &good {
                    assert_eq!(
                        world.blobs.get(blob),
                        Some(bytes),
                        "{blob} after {tile} was {name}, crash {crash}"
                    );
                }
                if !crashed {
                    break;
                }
            }
        }
    }
    assert!(survived > 100, "only {survived} crashes survived");
}

/// Works until the operation of this number; whether there was one.
fn crash_at(world: &mut World, mut process: Process, number: usize, fault: Fault) -> bool {
    for executed in 0.. {
        process.gather(world);
        if process.waiting.is_empty() {
            return false;
        }
        let fault = (executed == number).then_some(fault);
        if process.carry_out(world, 0, fault) == Step::Crashed {
            return true;
        }
    }
    false
}

#[test]
fn a_damaged_partial_bundle_is_refused_by_name() {
    let (mut world, process) = log();
    world.is_damaged = true;
    let bundle = format!("tile/entries/002.p/{}", SIZE - 512);
    assert!(world.blobs.insert(bundle.clone(), Bytes::new()).is_some());
    let mut process = Process::start(2, process.now);
    rest(&mut world, &mut process);
    match &world.stops[..] {
        [StopReason::Damaged(what)] => assert!(what.contains(&bundle), "{what}"),
        stops => panic!("{stops:?}"),
    }
}

// The interval between checkpoints is longer than it takes to gather all the bytes that may wait for the store.
#[test]
fn bytes_that_wait_for_the_store_do_not_wait_for_a_checkpoint() {
    let config = Config {
        tile_after_staged: usize::MAX,
        tile_after_bytes: 1 << 20,
        ..Config::default()
    };
    let mut world = World::new();
    let mut process = Process::with(config, 1, 0);
    for first in 0..1_000 {
        process.submit(&mut world, &[Bytes::from(format!("{first:010000}"))]);
        loop {
            process.gather(&mut world);
            if process.waiting.is_empty() {
                break;
            }
            assert_eq!(process.carry_out(&mut world, 0, None), Step::Did);
        }
    }
    assert_eq!(
        world.acknowledged, 1_000,
        "a submitter waits for a checkpoint"
    );
}

#[test]
fn closing_leaves_nothing_superseded_behind() {
    let (mut world, mut process) = log();
    process.submit(&mut world, &entries(SIZE, 200));
    process.sequencer.close();
    rest(&mut world, &mut process);
    assert_eq!(world.stops, [StopReason::Closed]);
    assert!(process.everyone_is_answered());
    assert_eq!(
        world.published.as_ref().unwrap().size(),
        TreeSize::new(SIZE + 200)
    );
    assert!(!world.blobs.keys().any(|name| name.starts_with("staged/")));
    nothing_superseded_is_left(&world);
}

/// Invariant of a log at rest: no partial tile is left of a tile that is full in the published tree.
pub(crate) fn nothing_superseded_is_left(world: &World) {
    let size = world
        .published
        .as_ref()
        .map_or(0, |published| published.size().get());
    for name in world.blobs.keys() {
        let Some((full, _)) = name.split_once(".p/") else {
            continue;
        };
        let mut steps = full.rsplit('/');
        let index: u64 = steps.next().unwrap().parse().expect("trees here are small");
        let level = steps.next().unwrap().parse().unwrap_or(0);
        assert!(
            index >= size >> (8 * (level + 1)),
            "{name} is left behind at size {size}"
        );
    }
}
