//! Seeded random schedules, with several writers on one log at once: crashes, paused writers that wake up late, writes that land
//! long after they were reported as unknown, operations that end out of order.
//!
//! `COUNTERFOIL_SEEDS=n` runs n seeds (default 300); `COUNTERFOIL_SEED=s` runs one, as a failure prints it.

mod world;

use counterfoil_sequencer::StopReason;
use counterfoil_tests::{Random, each_seed};
use world::{Fault, Step, World, entries, finish};

const STEPS: usize = 400;

fn simulate(seed: u64) -> World {
    let mut random = Random::new(seed);
    // Every other seed has witnesses.
    let mut world = if seed.is_multiple_of(2) {
        World::new()
    } else {
        World::witnessed()
    };
    let (mut now, mut writers, mut next_entry) = (0, 1, 0);
    let mut processes = vec![world.process(1, 0)];
    // A process that is paused (a long collection, a frozen machine) does nothing until this step.
    let mut paused = vec![0];
    // Some seeds are calm, so that trees grow large; in others everything breaks.
    let trouble = 4 + random.below(40);
    for step in 0..STEPS {
        let which = usize::try_from(random.below(processes.len() as u64)).unwrap();
        match random.below(12) {
            0 | 1 => {
                let most = if random.one_in(4) { 190 } else { 5 };
                // Sizes at the border of a tile are where mistakes live.
                let to_border = 256 - world.history.len() as u64 % 256;
                let count = if random.one_in(5) {
                    to_border
                } else {
                    1 + random.below(most)
                };
                processes[which].submit(&mut world, &entries(next_entry, count));
                next_entry += count;
            }
            2 => {
                now += random.below(1_500);
            }
            3 if random.one_in(4) => world.land_delayed(),
            // A second writer starts beside the first, as after a failover that came too early.
            4 if random.one_in(10) && processes.len() < 3 => {
                writers += 1;
                processes.push(world.process(writers, now));
                paused.push(0);
            }
            5 if random.one_in(6) => paused[which] = step + 100,
            _ if paused[which] > step => {}
            _ => {
                let process = &mut processes[which];
                process.advance_clock(now.saturating_sub(process.now));
                process.gather(&mut world);
                if process.waiting.is_empty() {
                    continue;
                }
                let position = usize::try_from(random.below(process.waiting.len() as u64)).unwrap();
                let faults = Fault::of(&process.waiting[position].request);
                let fault = random
                    .one_in(trouble)
                    .then(|| faults[usize::try_from(random.below(faults.len() as u64)).unwrap()]);
                if process.carry_out(&mut world, position, fault) == Step::Crashed {
                    writers += 1;
                    processes[which] = world.process(writers, now);
                }
                let process = &mut processes[which];
                for again in core::mem::take(&mut process.refused) {
                    if random.one_in(2) {
                        process.submit(&mut world, &again);
                    }
                }
            }
        }
    }
    world.land_delayed();
    // The others are gone; one process is started last and must bring everything to rest.
    let others = world.stops.len();
    let mut last = world.process(writers + 1, now);
    finish(&mut world, &mut last, writers + 1);
    assert_eq!(world.stops.len(), others, "a writer that is alone stopped");
    for reason in &world.stops {
        assert!(
            matches!(
                reason,
                StopReason::AnotherWriter { .. }
                    | StopReason::PublishedAhead { .. }
                    | StopReason::Contradicted(_)
            ),
            "stopped for another reason than another writer: {reason}"
        );
    }
    world
}

#[test]
fn random_schedules_with_several_writers_keep_the_invariants() {
    let (mut logged, mut stops) = (0, 0);
    let count = each_seed(300, |seed| {
        let world = simulate(seed);
        logged += world.acknowledged;
        stops += world.stops.len();
    });
    println!("{count} seeds: {logged} entries acknowledged, {stops} writers fenced off");
    assert!(logged > 0, "the simulation logs nothing");
}
