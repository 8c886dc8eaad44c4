//! Beginnings and single steps that several tests have.

use std::time::Duration;

use counterfoil_ethereum_sender::chain::Block;
use counterfoil_ethereum_sender::{Event, Operation, Outcome, Request, Sender, Timestamp, Wei};

use super::{Fault, World, blocks, offer, root, settle};

pub fn start() -> (World, Sender) {
    let world = World::new();
    let sender = world.sender();
    (world, sender)
}

/// Rounds of the numbers from 1 to this one are recorded.
pub fn recorded(count: u8) -> (World, Sender) {
    recorded_with(count, Duration::from_mins(1))
}

/// ... where nobody looks at the chain for so long.
pub fn recorded_with(count: u8, idle_every: Duration) -> (World, Sender) {
    let mut world = World::new();
    world.config.idle_every = idle_every;
    world.config.ceilings.max_cost_per_day = Wei::from_gwei(1_000_000_000);
    let mut sender = world.sender();
    for number in 1..=count {
        world.last = Some(offer(number));
        sender.offer(offer(number));
        settle(&mut world, &mut sender);
        blocks(&mut world, &mut sender, 4);
    }
    assert_eq!(world.records.len(), usize::from(count));
    world.events.clear();
    (world, sender)
}

/// The warnings, in order.
pub fn warnings(world: &World) -> Vec<&str> {
    let warning = world.events.iter().filter_map(|event| match event {
        Event::Warning(warning) => Some(&warning[..]),
        _ => None,
    });
    warning.collect()
}

/// The blocks that were told to have left the chain.
pub fn told(world: &World) -> Vec<Block> {
    let undone = |event: &Event| match event {
        Event::Undone { block, .. } => Some(*block),
        _ => None,
    };
    world.events.iter().filter_map(undone).collect()
}

/// The block in which a round is recorded.
pub fn block_of(world: &World, number: u8) -> Block {
    world.records[root(number).as_bytes()].inclusion.block
}

/// What is to be done at this time.
pub fn next(world: &World, sender: &mut Sender) -> Operation {
    sender.tick(Timestamp::from_millis(world.now));
    sender.poll().expect("there is something to do")
}

/// What is to be done once the pause is over, if there is one.
pub fn after_pause(world: &mut World, sender: &mut Sender) -> Operation {
    let due = sender.next_wakeup().expect("it goes on").as_millis();
    world.now = world.now.max(due);
    next(world, sender)
}

/// Carries out one operation at this time, with a fault.
pub fn one(world: &mut World, sender: &mut Sender, fault: Fault) {
    let operation = next(world, sender);
    world.carry_out(sender, operation, Some(fault));
}

/// Carries out what is to be done, with pauses and blocks, up to such an operation, and gives that.
pub fn until(
    world: &mut World,
    sender: &mut Sender,
    is_wanted: impl Fn(&Request) -> bool,
) -> Operation {
    for _ in 0..200 {
        sender.tick(Timestamp::from_millis(world.now));
        match sender.poll() {
            Some(operation) if is_wanted(&operation.request) => return operation,
            Some(operation) => {
                world.carry_out(sender, operation, None);
            }
            None => world.mine(),
        }
    }
    panic!("it does not come to that: {:?}", sender.status());
}

/// Ends an operation in a way of the test's own.
pub fn end(world: &mut World, sender: &mut Sender, operation: &Operation, outcome: Outcome) {
    sender.complete(operation.id, outcome);
    world
        .events
        .extend(core::iter::from_fn(|| sender.poll_event()));
}
