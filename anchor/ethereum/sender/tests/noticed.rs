//! What is noticed of the account, and told once; and what is shown while it lasts and no longer.

mod world;

use std::time::Duration;

use counterfoil_ethereum_sender::chain::{Anchor, ChainOutcome, ChainRequest, Refusal};
use counterfoil_ethereum_sender::{Event, Hold, Outcome, Request, Sender, Timestamp, Wei};
use world::steps::{start, warnings};
use world::{Disturbance, World, blocks, finish, offer, settle};

#[test]
fn somebody_elses_use_of_the_account_is_told_of_once() {
    let (mut world, mut sender) = start();
    world.last = Some(offer(1));
    sender.offer(offer(1));
    finish(&mut world, &mut sender);
    let foreign = |world: &mut World, sender: &mut Sender| {
        world.disturb(Disturbance::Foreign);
        blocks(world, sender, 4);
    };
    foreign(&mut world, &mut sender);
    // The account is read again and again.
    world.ledger.spike(60);
    sender.offer(offer(2));
    settle(&mut world, &mut sender);
    blocks(&mut world, &mut sender, 3);
    let [warning] = warnings(&world)[..] else {
        panic!("{:?}", warnings(&world));
    };
    assert!(warning.contains("nonces 1 to 1 were used"), "{warning}");
    // What is new is told of.
    foreign(&mut world, &mut sender);
    let last = warnings(&world)[1];
    assert!(last.contains("nonces 1 to 2 were used"), "{last}");
    assert_eq!(warnings(&world).len(), 2);
    world.last = Some(offer(2));
    finish(&mut world, &mut sender);
}

#[test]
fn what_the_account_was_used_for_before_the_first_round_is_nothing_to_tell() {
    let (mut world, mut sender) = start();
    world.disturb(Disturbance::Foreign);
    blocks(&mut world, &mut sender, 4);
    world.last = Some(offer(1));
    sender.offer(offer(1));
    finish(&mut world, &mut sender);
    assert_eq!(warnings(&world), [""; 0]);
}

#[test]
fn somebody_elses_transactions_in_the_pool_are_told_of_when_they_come() {
    let (mut world, mut sender) = start();
    world.foreign_pool = 1;
    world.ledger.spike(60);
    sender.offer(offer(1));
    settle(&mut world, &mut sender);
    blocks(&mut world, &mut sender, 2);
    assert_eq!(warnings(&world).len(), 1);
    assert!(warnings(&world)[0].contains("from the nonce 0 on"));
    world.foreign_pool = 0;
    blocks(&mut world, &mut sender, 1);
    world.foreign_pool = 1;
    world.ledger.spike(60);
    blocks(&mut world, &mut sender, 1);
    assert_eq!(warnings(&world).len(), 2);
    world.last = Some(offer(1));
    finish(&mut world, &mut sender);
}

#[test]
fn what_held_a_round_back_is_shown_until_it_is_sent() {
    let (mut world, mut sender) = start();
    world.last = Some(offer(1));
    world.ledger.spike(60);
    sender.offer(offer(1));
    settle(&mut world, &mut sender);
    assert!(sender.status().hold.is_some());
    world.ledger.calm();
    world.now += 12_000;
    settle(&mut world, &mut sender);
    let status = sender.status();
    assert!(status.on_its_way.is_some());
    assert_eq!(status.hold, None);
    // Blocks above the final one may be undone, and the nonce used in others.
    let final_block = world.observed(world.ledger.head()).finalized.number;
    let state = world.state().unwrap();
    assert_eq!(state.flight().unwrap().unused_in, final_block);
    finish(&mut world, &mut sender);
}

#[test]
fn a_nonce_that_is_too_low_once_is_nothing_to_tell() {
    let (mut world, mut sender) = start();
    world.last = Some(offer(1));
    world.refuses = Some(Refusal::NonceTooLow);
    sender.offer(offer(1));
    settle(&mut world, &mut sender);
    world.refuses = None;
    finish(&mut world, &mut sender);
    assert_eq!(warnings(&world), [""; 0]);
    assert_eq!(world.sends.len(), 2);
}

#[test]
fn what_held_a_replacement_back_is_shown_until_it_is_made() {
    let (mut world, mut sender) = start();
    world.last = Some(offer(1));
    sender.offer(offer(1));
    settle(&mut world, &mut sender);
    world.ledger.spike(60);
    blocks(&mut world, &mut sender, 4);
    let (hold, since) = sender.status().hold.unwrap();
    assert!(matches!(hold, Hold::Fee { .. }), "{hold}");
    assert!(since < Timestamp::from_millis(world.now));
    assert_eq!(sender.status().on_its_way.unwrap().attempts, 1);
    // Where the first one comes into a block after all nothing is held back.
    let pool = world.ledger.pool.clone();
    world.ledger.calm();
    blocks(&mut world, &mut sender, 1);
    assert!(sender.status().on_its_way.unwrap().included.is_some());
    assert_eq!(sender.status().hold, None);
    world.disturb(Disturbance::Reorganise(1));
    world.ledger.pool = pool;
    world.ledger.spike(60);
    blocks(&mut world, &mut sender, 4);
    assert!(sender.status().hold.is_some());
    // Above what the first one pays, and below the ceiling.
    world.ledger.spike(30);
    while sender.status().on_its_way.unwrap().attempts == 1 {
        world.now += 12_000;
        settle(&mut world, &mut sender);
    }
    assert_eq!(sender.status().hold, None);
    finish(&mut world, &mut sender);
}

#[test]
fn what_the_last_round_came_to_is_known_after_a_restart() {
    let (mut world, mut sender) = start();
    world.last = Some(offer(1));
    world.disturb(Disturbance::Revert);
    sender.offer(offer(1));
    finish(&mut world, &mut sender);
    let before = sender.status();
    assert!(before.last_failure.is_some());
    assert!(before.spent > Wei::ZERO);
    let mut sender = world.sender();
    settle(&mut world, &mut sender);
    let after = sender.status();
    assert_eq!(after.last_failure, before.last_failure);
    assert_eq!(after.spent, before.spent);
}

#[test]
fn a_refusal_of_another_kind_is_told_of_too_and_none_is_shown_of_what_is_in_a_block() {
    let (mut world, mut sender) = start();
    world.last = Some(offer(1));
    sender.offer(offer(1));
    settle(&mut world, &mut sender);
    let pool = core::mem::take(&mut world.ledger.pool);
    for (refusal, count) in [(Refusal::Other, 1), (Refusal::InsufficientFunds, 2)] {
        world.refuses = Some(refusal);
        blocks(&mut world, &mut sender, 2);
        assert_eq!(warnings(&world).len(), count, "{refusal:?}");
        assert!(sender.status().on_its_way.unwrap().refusal.is_some());
    }
    // Another node has it.
    world.ledger.pool = pool.clone();
    world.now += 12_000;
    settle(&mut world, &mut sender);
    assert_eq!(sender.status().on_its_way.unwrap().refusal, None);
    world.ledger.pool.clear();
    world.now += 12_000;
    settle(&mut world, &mut sender);
    assert!(sender.status().on_its_way.unwrap().refusal.is_some());
    world.ledger.pool = pool;
    blocks(&mut world, &mut sender, 1);
    let round = sender.status().on_its_way.unwrap();
    assert!(round.included.is_some());
    assert_eq!(round.refusal, None);
    finish(&mut world, &mut sender);
}

#[test]
fn a_nonce_that_is_used_again_by_another_is_told_of_again() {
    let (mut world, mut sender) = start();
    world.last = Some(offer(1));
    sender.offer(offer(1));
    settle(&mut world, &mut sender);
    let pool = world.ledger.pool.clone();
    world.disturb(Disturbance::Foreign);
    blocks(&mut world, &mut sender, 1);
    assert_eq!(warnings(&world).len(), 1);
    // Its own transaction comes into the chain instead, and then the other one again.
    world.ledger.blocks.pop();
    world.ledger.pool = pool;
    blocks(&mut world, &mut sender, 1);
    assert!(sender.status().on_its_way.unwrap().included.is_some());
    world.ledger.blocks.pop();
    world.disturb(Disturbance::Foreign);
    blocks(&mut world, &mut sender, 1);
    assert_eq!(warnings(&world).len(), 2);
    finish(&mut world, &mut sender);
}

#[test]
fn another_block_of_the_same_number_is_a_reorganisation_and_no_lag() {
    let (mut world, mut sender) = start();
    world.last = Some(offer(1));
    sender.offer(offer(1));
    settle(&mut world, &mut sender);
    blocks(&mut world, &mut sender, 1);
    world.disturb(Disturbance::Reorganise(1));
    world.now += 12_000;
    settle(&mut world, &mut sender);
    let last = world.events.last();
    assert!(matches!(last, Some(Event::Reorganised { .. })), "{last:?}");
    finish(&mut world, &mut sender);
}

#[test]
fn while_a_round_is_held_back_the_last_block_is_looked_at_no_more_often_than_otherwise() {
    let mut world = World::new();
    world.config.idle_every = Duration::from_hours(1);
    let mut sender = world.sender();
    world.last = Some(offer(1));
    sender.offer(offer(1));
    finish(&mut world, &mut sender);
    sender.offer(offer(2));
    let (mut looks, mut reads) = (0, 0);
    for _ in 0..20 {
        world.ledger.spike(60);
        world.mine();
        sender.tick(Timestamp::from_millis(world.now));
        while let Some(operation) = sender.poll() {
            match operation.request {
                Request::Chain(ChainRequest::Observe { .. }) => looks += 1,
                Request::Chain(ChainRequest::ReadAccount(_)) => reads += 1,
                _ => {}
            }
            world.carry_out(&mut sender, operation, None);
        }
    }
    assert!(looks <= 1, "{looks}");
    assert!(reads >= 15, "{reads}");
}

#[test]
fn an_endpoint_that_finds_our_own_transaction_only_by_its_nonce_contradicts_itself() {
    let (mut world, mut sender) = start();
    world.last = Some(offer(1));
    sender.offer(offer(1));
    settle(&mut world, &mut sender);
    let transaction = sender.status().on_its_way.unwrap().transaction;
    world.disturb(Disturbance::Foreign);
    for _ in 0..4 {
        world.mine();
    }
    sender.tick(Timestamp::from_millis(world.now));
    while let Some(operation) = sender.poll() {
        if matches!(
            operation.request,
            Request::Chain(ChainRequest::FindNonce { .. })
        ) {
            let anchor = Anchor {
                block: world.ledger.block(6),
                time: Timestamp::from_millis(world.now),
            };
            let found = ChainOutcome::NonceUsed {
                transaction,
                anchor,
            };
            sender.complete(operation.id, Outcome::Chain(found));
            break;
        }
        world.carry_out(&mut sender, operation, None);
    }
    let status = sender.status();
    let (trouble, _) = status.trouble.unwrap();
    assert!(trouble.contains("did not find a transaction"), "{trouble}");
    assert!(status.on_its_way.is_some(), "it has not failed");
    finish(&mut world, &mut sender);
}
