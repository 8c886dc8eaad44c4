//! All schedules of faults up to a bound, and seeded random schedules beyond it.
//!
//! Each operation of a scenario may go wrong in every way of [`Fault`]; the invariants of [`World`] are checked at every step, and
//! at the end a run without faults must find everything in order.

mod damage;
mod refusals;
mod witnesses;
mod world;

use std::sync::atomic::{AtomicUsize, Ordering};

use world::{Fault, Process, Step, World, entries, finish};

/// What happens to the process from outside.
#[derive(Clone, Copy)]
enum Act {
    /// This many new entries are submitted at once.
    Submit(u64),
    /// So many milliseconds pass.
    Wait(u64),
    /// Delayed writes land.
    Land,
}

/// Publishes in the middle of a tile, then exactly at its end, and goes on from there.
const SCENARIO: &[Act] = &[
    Act::Submit(3),
    Act::Wait(1_100),
    Act::Submit(163),
    Act::Submit(90),
    Act::Land,
    Act::Wait(1_100),
    Act::Submit(1),
    Act::Wait(1_100),
];

/// Which operations of a run go wrong, by their number in the order of execution.
type Plan = Vec<(usize, Fault)>;

struct Runner<'a> {
    world: World,
    process: Process,
    writers: u64,
    next_entry: u64,
    /// How each operation that was carried out could have gone wrong.
    executed: Vec<&'static [Fault]>,
    plan: &'a [(usize, Fault)],
}

impl<'a> Runner<'a> {
    fn new(world: fn() -> World, plan: &'a [(usize, Fault)]) -> Self {
        let world = world();
        Self {
            process: world.process(1, 0),
            world,
            writers: 1,
            next_entry: 0,
            executed: Vec::new(),
            plan,
        }
    }

    fn restart(&mut self) {
        self.writers += 1;
        self.process = self.world.process(self.writers, self.process.now);
    }

    /// Carries out operations until none is left at this time.
    fn settle(&mut self) {
        loop {
            self.process.gather(&mut self.world);
            let Some(next) = self.process.waiting.first() else {
                return;
            };
            let fault = self
                .plan
                .iter()
                .find(|(at, _)| *at == self.executed.len())
                .map(|(_, fault)| *fault);
            self.executed.push(Fault::of(&next.request));
            if self.process.carry_out(&mut self.world, 0, fault) == Step::Crashed {
                self.restart();
            }
            // Whoever was told "not logged" sends the very same again.
            for again in core::mem::take(&mut self.process.refused) {
                self.process.submit(&mut self.world, &again);
            }
        }
    }

    fn run(mut self) -> Vec<&'static [Fault]> {
        self.settle();
        for act in SCENARIO {
            match *act {
                Act::Submit(count) => {
                    let new = entries(self.next_entry, count);
                    self.next_entry += count;
                    self.process.submit(&mut self.world, &new);
                }
                Act::Wait(millis) => self.process.advance_clock(millis),
                Act::Land => self.world.land_delayed(),
            }
            self.settle();
        }
        self.world.land_delayed();
        assert_eq!(
            self.world.stops,
            [],
            "the log stopped, though nobody else wrote"
        );
        finish(&mut self.world, &mut self.process, self.writers);
        // A write that lands after all puts back what was discarded.
        if self
            .plan
            .iter()
            .all(|(_, fault)| *fault != Fault::UnknownDelayed)
        {
            damage::nothing_superseded_is_left(&self.world);
        }
        assert_eq!(
            self.world.stops,
            [],
            "the log stopped, though nobody else wrote"
        );
        self.executed
    }
}

/// Every plan that goes on from `plan` with one fault more, given what can go wrong in its run.
fn extensions(plan: &[(usize, Fault)], run: &[&'static [Fault]]) -> Vec<Plan> {
    let first = plan.last().map_or(0, |(at, _)| at + 1);
    let faults = run.iter().enumerate().skip(first);
    let faults = faults.flat_map(|(at, faults)| faults.iter().map(move |fault| (at, *fault)));
    faults.map(|fault| [plan, &[fault]].concat()).collect()
}

/// Runs a plan and all that go on from it with up to `faults_left` faults more; gives how many.
fn explore(world: fn() -> World, plan: &[(usize, Fault)], faults_left: usize) -> usize {
    let run = Runner::new(world, plan).run();
    if faults_left == 0 {
        return 1;
    }
    let further = extensions(plan, &run);
    1 + further
        .iter()
        .map(|plan| explore_reporting(world, plan, faults_left - 1))
        .sum::<usize>()
}

fn explore_reporting(world: fn() -> World, plan: &[(usize, Fault)], faults_left: usize) -> usize {
    struct Report<'a>(&'a [(usize, Fault)]);
    impl Drop for Report<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("failing schedule of faults: {:?}", self.0);
            }
        }
    }
    let _report = Report(plan);
    explore(world, plan, faults_left)
}

/// As [`explore`] from the run without faults, each first fault by whichever core is free.
fn explore_on_all_cores(world: fn() -> World, faults: usize) -> usize {
    let run = Runner::new(world, &[]).run();
    let firsts = if faults == 0 {
        Vec::new()
    } else {
        extensions(&[], &run)
    };
    let (next, runs) = (AtomicUsize::new(0), AtomicUsize::new(1));
    let work = || {
        while let Some(plan) = firsts.get(next.fetch_add(1, Ordering::Relaxed)) {
            runs.fetch_add(
                explore_reporting(world, plan, faults - 1),
                Ordering::Relaxed,
            );
        }
    };
    std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    runs.into_inner()
}

/// How many faults one run may have: `COUNTERFOIL_FAULTS`, otherwise 2. Three take a long time (`make soak`).
fn bound() -> usize {
    std::env::var("COUNTERFOIL_FAULTS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(2)
}

// SPEC(tlog-checkpoint): "A log MUST not sign any checkpoint which is inconsistent with any checkpoint it previously signed."
// The world signs nothing but the root of a prefix of the entries committed, which only grow.
#[test]
fn every_schedule_of_faults_up_to_the_bound_keeps_the_invariants() {
    let runs = explore_on_all_cores(World::new, bound());
    println!("{runs} schedules of at most {} faults", bound());
    assert!(
        runs > 80,
        "only {runs} schedules: the scenario does nothing"
    );
}

#[test]
fn every_schedule_of_faults_keeps_the_invariants_under_a_quorum_of_witnesses() {
    // Each run signs and verifies cosignatures: one fault fewer, or the test takes minutes.
    let faults = bound().saturating_sub(1).max(1);
    let runs = explore_on_all_cores(World::witnessed, faults);
    println!("{runs} schedules of at most {faults} faults");
    assert!(
        runs > 80,
        "only {runs} schedules: the scenario does nothing"
    );
}
