//! All schedules of faults up to a bound, and seeded random schedules beyond it.
//!
//! Each operation of a scenario may go wrong in every way of [`Fault`], which counts what happens to the chain at that moment:
//! reorganisations of each depth, fee spikes, somebody else's transactions, eviction. The invariants of [`World`] are checked at
//! every step, and at the end a run without faults must find everything in order.

mod world;

use std::sync::atomic::{AtomicUsize, Ordering};

use counterfoil_ethereum_sender::{Sender, Timestamp};
use counterfoil_tests::{Random, each_seed};
use world::{Fault, Step, World, finish, offer};

#[derive(Clone, Copy)]
enum Act {
    /// A round is offered.
    Offer(u8),
    /// So many blocks come.
    Blocks(usize),
    /// What is under way arrives.
    Land,
}

/// Two rounds that follow each other, and one between them that gives way.
const SCENARIO: &[Act] = &[
    Act::Offer(1),
    Act::Blocks(2),
    Act::Offer(2),
    Act::Offer(3),
    Act::Land,
    Act::Blocks(5),
];

type Plan = Vec<(usize, Fault)>;

struct Runner<'a> {
    world: World,
    sender: Sender,
    /// How each operation that was carried out could have gone wrong.
    executed: Vec<&'static [Fault]>,
    plan: &'a [(usize, Fault)],
}

impl Runner<'_> {
    fn settle(&mut self) {
        for _ in 0..200 {
            self.sender.tick(Timestamp::from_millis(self.world.now));
            let Some(operation) = self.sender.poll() else {
                return;
            };
            let now = self.executed.len();
            let fault = self.plan.iter().find(|(at, _)| *at == now);
            let fault = fault.map(|(_, fault)| *fault);
            self.executed.push(Fault::of(&operation.request));
            let step = self.world.carry_out(&mut self.sender, operation, fault);
            if step == Step::Crashed {
                self.sender = self.world.sender();
            }
        }
        panic!("it does not come to rest: {:?}", self.sender.status());
    }
}

fn run(plan: &[(usize, Fault)]) -> Vec<&'static [Fault]> {
    let world = World::new();
    let mut runner = Runner {
        sender: world.sender(),
        world,
        executed: Vec::new(),
        plan,
    };
    runner.settle();
    for act in SCENARIO {
        match *act {
            Act::Offer(number) => {
                runner.world.last = Some(offer(number));
                runner.sender.offer(offer(number));
                runner.settle();
            }
            Act::Blocks(count) => {
                for _ in 0..count {
                    runner.world.mine();
                    runner.settle();
                }
            }
            Act::Land => runner.world.land_delayed(),
        }
    }
    finish(&mut runner.world, &mut runner.sender);
    assert_eq!(runner.world.stopped(), None);
    runner.executed
}

/// Every plan that goes on from `plan` with one fault more, given what can go wrong in its run.
fn extensions(plan: &[(usize, Fault)], run: &[&'static [Fault]]) -> Vec<Plan> {
    let first = plan.last().map_or(0, |(at, _)| at + 1);
    let faults = run.iter().enumerate().skip(first);
    let faults = faults.flat_map(|(at, faults)| faults.iter().map(move |fault| (at, *fault)));
    faults.map(|fault| [plan, &[fault]].concat()).collect()
}

fn explore(plan: &[(usize, Fault)], faults_left: usize) -> usize {
    struct Report<'a>(&'a [(usize, Fault)]);
    impl Drop for Report<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("failing schedule of faults: {:?}", self.0);
            }
        }
    }
    let _report = Report(plan);
    let executed = run(plan);
    if faults_left == 0 {
        return 1;
    }
    let further = extensions(plan, &executed);
    1 + further
        .iter()
        .map(|plan| explore(plan, faults_left - 1))
        .sum::<usize>()
}

/// How many faults one run may have: `COUNTERFOIL_FAULTS`, otherwise 2.
fn bound() -> usize {
    let text = std::env::var("COUNTERFOIL_FAULTS").ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(2)
}

#[test]
fn every_schedule_of_faults_up_to_the_bound_keeps_the_invariants() {
    let firsts = extensions(&[], &run(&[]));
    let (next, runs) = (AtomicUsize::new(0), AtomicUsize::new(1));
    let work = || {
        while let Some(plan) = firsts.get(next.fetch_add(1, Ordering::Relaxed)) {
            runs.fetch_add(explore(plan, bound() - 1), Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    let runs = runs.into_inner();
    println!("{runs} schedules of at most {} faults", bound());
    // One operation or more of some twenty goes wrong in about ten ways.
    let least = if bound() < 2 { 100 } else { 10_000 };
    assert!(
        runs > least,
        "only {runs} schedules: the scenario does nothing"
    );
}

fn simulate(seed: u64) -> World {
    let mut random = Random::new(seed);
    let mut world = World::new();
    let mut sender = world.sender();
    // Some seeds are calm, in others everything breaks.
    let trouble = 3 + random.below(30);
    let mut rounds = 0;
    for _ in 0..250 {
        match random.below(8) {
            0 if rounds < 200 && random.below(4) == 0 => {
                rounds += 1;
                world.last = Some(offer(rounds));
                sender.offer(offer(rounds));
            }
            1 | 2 => world.mine(),
            3 if random.below(10) == 0 => world.land_delayed(),
            4 if random.below(100) == 0 => world.now += world::DAY / 2,
            _ => {
                sender.tick(Timestamp::from_millis(world.now));
                let Some(operation) = sender.poll() else {
                    world.mine();
                    continue;
                };
                let faults = Fault::of(&operation.request);
                let which = usize::try_from(random.below(faults.len() as u64)).unwrap();
                let fault = (random.below(trouble) == 0).then(|| faults[which]);
                if world.carry_out(&mut sender, operation, fault) == Step::Crashed {
                    sender = world.sender();
                }
            }
        }
    }
    finish(&mut world, &mut sender);
    assert_eq!(world.stopped(), None);
    world
}

#[test]
fn random_schedules_keep_the_invariants() {
    let (mut records, mut failures) = (0, 0);
    let count = each_seed(2_000, |seed| {
        let world = simulate(seed);
        records += world.records.len();
        failures += world.failures.len();
    });
    println!("{count} seeds: {records} records, {failures} named failures");
    assert!(records as u64 > count, "the simulation anchors nothing");
    assert!(failures > 0, "nothing fails in it");
}
