//! Seeded random schedules, with several writers on one log at once: crashes, paused writers that wake up late, writes that land
//! long after they were reported as unknown, operations that end out of order.
//!
//! `COUNTERFOIL_SEEDS=n` runs n seeds (default 300); `COUNTERFOIL_SEED=s` runs one, as a failure prints it.

mod world;

use counterfoil_sequencer::StopReason;
use world::{Fault, Step, World, entries, finish};

/// xorshift64*: all that is needed is that a seed repeats itself.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }
}

const STEPS: usize = 400;

fn simulate(seed: u64) -> World {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
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

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn random_schedules_with_several_writers_keep_the_invariants() {
    let seeds = match number("COUNTERFOIL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("COUNTERFOIL_SEEDS").unwrap_or(300),
    };
    let (mut logged, mut stops) = (0, 0);
    for seed in seeds.clone() {
        let world = std::panic::catch_unwind(|| simulate(seed)).unwrap_or_else(|panic| {
            eprintln!("failing seed: COUNTERFOIL_SEED={seed}");
            std::panic::resume_unwind(panic)
        });
        logged += world.acknowledged;
        stops += world.stops.len();
    }
    println!(
        "{} seeds: {logged} entries acknowledged, {stops} writers fenced off",
        seeds.count()
    );
    assert!(logged > 0, "the simulation logs nothing");
}
