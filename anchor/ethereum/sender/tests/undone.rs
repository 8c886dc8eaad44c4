//! Blocks that were final, and are not the chain's any more; or never were: an endpoint made them up.

mod world;

use std::time::Duration;

use counterfoil_ethereum::BlockHash;
use counterfoil_ethereum_sender::chain::{
    Anchor, Block, ChainOutcome, ChainRequest, Execution, Inclusion, Observation, Whereabouts,
};
use counterfoil_ethereum_sender::state::{Flight, MAX_KEPT, MAX_UNDONE};
use counterfoil_ethereum_sender::{
    Ceilings, Dealt, Event, Failure, Hold, Offered, Operation, Outcome, Request, Sender,
    StopReason, Timestamp, Wei,
};
use world::steps::{block_of, end, recorded, recorded_with, told};
use world::{Disturbance, GAS, World, blocks, finish, offer, root, settle};

/// The blocks of records that left the chain, as the sender shows them.
fn shown(sender: &Sender, dealt: Dealt) -> Vec<Block> {
    let all = sender.status().undone.into_iter();
    let of_kind = all.filter(|(_, found)| *found == dealt);
    of_kind.map(|(undone, _)| undone.block).collect()
}

#[test]
fn a_round_whose_final_block_is_undone_is_anchored_anew_with_the_same_bytes() {
    for disturbance in [Disturbance::UndoFinal(4), Disturbance::UndoFinalLosing(4)] {
        let (mut world, mut sender) = recorded(1);
        let first = block_of(&world, 1);
        world.disturb(disturbance);
        assert_eq!(sender.offer(offer(1)), Offered::Known);
        finish(&mut world, &mut sender);
        assert_eq!(told(&world), [first], "{disturbance:?}");
        assert_ne!(block_of(&world, 1), first);
        let is_sent = |event: &Event| matches!(event, Event::Sent { .. });
        assert!(!world.events.iter().any(is_sent), "it is sent again");
        assert_eq!(
            sender.status().last_record.unwrap().block,
            block_of(&world, 1)
        );
        assert!(world.sends.iter().all(|bytes| *bytes == world.sends[0]));
        assert_eq!(
            sender.status().spent,
            Wei::from_gwei(11 * GAS),
            "it is paid for once"
        );
        assert_eq!(sender.offer(offer(1)), Offered::Known);
        // It is an alarm until somebody deals with it, whatever comes after and whoever restarts.
        assert_eq!(shown(&sender, Dealt::Open), [first]);
        world.last = Some(offer(2));
        sender.offer(offer(2));
        finish(&mut world, &mut sender);
        assert_eq!(shown(&sender, Dealt::Open), [first]);
        let mut sender = world.sender();
        settle(&mut world, &mut sender);
        assert_eq!(shown(&sender, Dealt::Open), [first]);
        world.config.known_undone = vec![first.hash];
        let mut sender = world.sender();
        settle(&mut world, &mut sender);
        assert_eq!(shown(&sender, Dealt::Open), []);
        assert_eq!(shown(&sender, Dealt::Known), [first]);
    }
}

#[test]
fn several_rounds_whose_final_blocks_are_undone_come_again_in_order() {
    let (mut world, mut sender) = recorded(3);
    let all = [1, 2, 3].map(|number| block_of(&world, number));
    // One more is on its way.
    world.last = Some(offer(4));
    sender.offer(offer(4));
    settle(&mut world, &mut sender);
    world.disturb(Disturbance::UndoFinalLosing(13));
    finish(&mut world, &mut sender);
    assert_eq!(told(&world), [all[2], all[1], all[0]]);
    assert_eq!(world.records.len(), 4);
    assert_eq!(shown(&sender, Dealt::Open).len(), 3);
    let mut distinct = world.sends.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 4, "nothing new was signed");
}

#[test]
fn the_days_budget_counts_all_rounds_that_are_on_their_way_again() {
    let (mut world, _) = recorded(2);
    world.disturb(Disturbance::UndoFinalLosing(13));
    // Each may cost 21 gwei by gas, and one that is replaced has to offer 31.
    world.config.ceilings.max_cost_per_day = Wei::from_gwei(41 * GAS);
    let mut sender = world.sender();
    for _ in 0..12 {
        world.ledger.spike(30);
        blocks(&mut world, &mut sender, 1);
    }
    let is_open = |round: &&Flight| round.ended.is_none();
    assert_eq!(
        world.state().unwrap().rounds.iter().filter(is_open).count(),
        2
    );
    assert_eq!(sender.status().spent, Wei::ZERO);
    let hold = sender.status().hold;
    assert!(matches!(hold, Some((Hold::Budget { .. }, _))), "{hold:?}");
    assert_eq!(sender.status().on_its_way.unwrap().attempts, 1);
    finish(&mut world, &mut sender);
}

#[test]
fn a_block_is_watched_while_another_round_waits() {
    let (mut world, mut sender) = recorded(1);
    let first = block_of(&world, 1);
    world.ledger.spike(60);
    sender.offer(offer(2));
    settle(&mut world, &mut sender);
    assert!(matches!(sender.status().hold, Some((Hold::Fee { .. }, _))));
    world.disturb(Disturbance::UndoFinalLosing(4));
    for _ in 0..6 {
        world.ledger.spike(60);
        blocks(&mut world, &mut sender, 1);
    }
    assert_eq!(told(&world), [first]);
    world.last = Some(offer(2));
    finish(&mut world, &mut sender);
    assert_eq!(world.records.len(), 2);
}

#[test]
fn no_nonce_is_taken_before_it_is_seen_that_the_last_block_stands() {
    let (mut world, mut sender) = recorded(1);
    // Long enough that nobody has looked.
    world.now += 600_000;
    world.disturb(Disturbance::UndoFinalLosing(4));
    let sent = world.sends.len();
    sender.offer(offer(2));
    settle(&mut world, &mut sender);
    assert_eq!(
        world.sends[sent..],
        [world.sends[0].clone()],
        "the first round's, again"
    );
    world.last = Some(offer(2));
    finish(&mut world, &mut sender);
}

#[test]
fn a_nonce_that_is_unused_again_has_the_last_block_looked_at() {
    let (mut world, mut sender) = recorded_with(1, Duration::from_hours(1));
    let first = block_of(&world, 1);
    // It was looked at a moment ago.
    sender.offer(offer(2));
    world.ledger.spike(60);
    settle(&mut world, &mut sender);
    world.disturb(Disturbance::UndoFinalLosing(4));
    blocks(&mut world, &mut sender, 2);
    assert_eq!(told(&world), [first]);
}

#[test]
fn a_block_that_is_the_chains_again_is_no_alarm() {
    let (mut world, mut sender) = recorded(1);
    let first = block_of(&world, 1);
    let at = usize::try_from(first.number).unwrap();
    world.ledger.broke_its_word = true;
    world.ledger.blocks[at].hash = BlockHash::from_bytes([9; 32]);
    world.records.clear();
    // The endpoint shows another block, until it is seen once.
    while told(&world).is_empty() {
        world.mine();
        sender.tick(Timestamp::from_millis(world.now));
        while let Some(operation) = sender.poll() {
            world.carry_out(&mut sender, operation, None);
            if !told(&world).is_empty() {
                break;
            }
        }
    }
    assert_eq!(shown(&sender, Dealt::Open), [first]);
    world.ledger.blocks[at].hash = first.hash;
    finish(&mut world, &mut sender);
    assert_eq!(block_of(&world, 1), first);
    assert_eq!(shown(&sender, Dealt::Open), []);
    assert_eq!(
        sender.status().spent,
        Wei::from_gwei(11 * GAS),
        "it is paid for once"
    );
    assert_eq!(world.sends.len(), 1);
}

#[test]
fn a_round_that_failed_in_a_block_that_is_undone_comes_again() {
    let mut world = World::new();
    let mut sender = world.sender();
    sender.offer(offer(1));
    world.disturb(Disturbance::Revert);
    settle(&mut world, &mut sender);
    blocks(&mut world, &mut sender, 4);
    assert!(matches!(
        world.failures[0].failure,
        Failure::Reverted { .. }
    ));
    world.disturb(Disturbance::UndoFinal(4));
    world.last = Some(offer(1));
    finish(&mut world, &mut sender);
    assert_eq!(told(&world).len(), 1);
    assert_eq!(shown(&sender, Dealt::Open), [], "there was no record");
    assert_eq!(world.records.len(), 1);
}

/// Answers an operation, with what an endpoint makes of what it sees: at this time, of so many transactions.
fn answered(
    world: &mut World,
    sender: &mut Sender,
    operation: Operation,
    lie: impl FnOnce(u64, usize, &mut Observation),
) {
    let outcome = match &operation.request {
        Request::Chain(ChainRequest::Observe {
            attempts, anchored, ..
        }) => {
            let mut observation = world.observed(world.ledger.head());
            observation.stand = vec![true; anchored.len()];
            lie(world.now, attempts.len(), &mut observation);
            ChainOutcome::Observed(observation)
        }
        Request::Chain(ChainRequest::Capture { .. }) => {
            ChainOutcome::Captured(world::captured(world.ledger.block(0)))
        }
        _ => {
            world.carry_out(sender, operation, None);
            return;
        }
    };
    end(world, sender, &operation, Outcome::Chain(outcome));
}

/// Does what is to be done, where an endpoint says this of transactions, and of the final block.
fn lied_to(world: &mut World, sender: &mut Sender, lie: impl Fn(&mut Observation)) {
    for _ in 0..20 {
        sender.tick(Timestamp::from_millis(world.now));
        let Some(operation) = sender.poll() else {
            return;
        };
        answered(world, sender, operation, |_, _, observation| {
            lie(observation);
        });
    }
}

/// A block that an endpoint made up, with a transaction of the account.
fn made_up(number: u64, time: u64) -> Inclusion {
    let mut hash = [0xbd; 32];
    hash[..8].copy_from_slice(&number.to_be_bytes());
    Inclusion {
        block: Block {
            number,
            hash: BlockHash::from_bytes(hash),
        },
        time: Timestamp::from_millis(time),
        execution: Execution::Succeeded,
        cost: Wei::from_gwei(11 * GAS),
    }
}

/// A round was sent to an endpoint that is believed, and whose network never learns of it.
fn withheld() -> (World, Sender) {
    let mut world = World::new();
    let mut sender = world.sender();
    world.believes = true;
    world.ledger.broke_its_word = true;
    sender.offer(offer(1));
    settle(&mut world, &mut sender);
    world.disturb(Disturbance::Evict);
    world.mine();
    (world, sender)
}

#[test]
fn a_record_of_a_block_that_an_endpoint_made_up_does_not_stop_the_sender() {
    // At a number that the chain comes to, and at one that it never comes to.
    for ahead in [1, 1_000_000] {
        let (mut world, mut sender) = withheld();
        let inclusion = made_up(world.ledger.head() as u64 + ahead, world.now);
        lied_to(&mut world, &mut sender, |observation| {
            observation.attempts = vec![Whereabouts::Included(inclusion)];
            observation.finalized = inclusion.block;
            observation.head = inclusion.block;
        });
        assert_eq!(sender.status().last_record.unwrap().block, inclusion.block);
        world.believes = false;
        // From now on an honest endpoint answers.
        world.last = Some(offer(2));
        sender.offer(offer(2));
        finish(&mut world, &mut sender);
        assert_eq!(told(&world), [inclusion.block], "{ahead}");
        assert_eq!(world.records.len(), 2, "{ahead}");
        assert_eq!(shown(&sender, Dealt::Open), [inclusion.block]);
    }
}

#[test]
fn a_block_from_before_the_transaction_gives_no_record() {
    const TOLERANCE: i64 = 300_000;
    for (apart, is_recorded) in [
        (-TOLERANCE - 1, false),
        (-TOLERANCE, true),
        (TOLERANCE, true),
    ] {
        let (mut world, mut sender) = recorded(0);
        world.believes = true;
        sender.offer(offer(1));
        settle(&mut world, &mut sender);
        let time = world.now.checked_add_signed(apart).unwrap();
        world.now += 12_000;
        let inclusion = made_up(7, time);
        lied_to(&mut world, &mut sender, |observation| {
            observation.attempts = vec![Whereabouts::Included(inclusion)];
            observation.finalized = inclusion.block;
        });
        let status = sender.status();
        assert_eq!(status.last_record.is_some(), is_recorded, "{apart}");
        assert_eq!(status.on_its_way, None, "{apart}");
        let failure = status.last_failure.map(|last| last.failure);
        let is_untimely = matches!(failure, Some(Failure::Untimely { .. }));
        assert_eq!(is_untimely, !is_recorded, "{apart}");
        assert_eq!(status.spent, inclusion.cost, "{apart}");
    }
}

#[test]
fn a_block_from_the_future_ends_nothing_and_is_not_waited_for() {
    // By less than is tolerated and by a century, final and not, at a number that the chain never comes to.
    for ahead in [299_000, 300_001, 3_000_000_000_000] {
        for is_final in [true, false] {
            let (mut world, mut sender) = withheld();
            let inclusion = made_up(100_000_000_000, world.now + ahead);
            lied_to(&mut world, &mut sender, |observation| {
                observation.attempts = vec![Whereabouts::Included(inclusion)];
                observation.head = inclusion.block;
                if is_final {
                    observation.finalized = inclusion.block;
                }
            });
            let status = sender.status();
            assert_eq!(status.last_failure, None, "{ahead} {is_final}");
            if ahead > 300_000 {
                let (trouble, _) = status.trouble.unwrap();
                assert!(trouble.contains("is from the future"), "{trouble}");
                assert_eq!(status.on_its_way.unwrap().included, None);
            }
            // From now on an honest endpoint answers, and its chain grows.
            world.believes = false;
            world.now += 300_000;
            world.last = Some(offer(1));
            finish(&mut world, &mut sender);
            assert_ne!(block_of(&world, 1), inclusion.block);
            let was_recorded = is_final && ahead < 300_000;
            assert_eq!(told(&world).len(), usize::from(was_recorded));
        }
    }
}

/// What an endpoint brings about in this time that shows a round in one final block after another, and says of each that it has left the
/// chain: the records.
fn undone_over_and_over(world: &mut World, sender: &mut Sender, minutes: u64) -> usize {
    let until = world.now + minutes * 60_000;
    let mut number = 1_000 + world.now;
    while world.now < until {
        world.now += 12_000;
        sender.tick(Timestamp::from_millis(world.now));
        let mut calls = 0;
        while let Some(operation) = sender.poll() {
            calls += 1;
            assert!(calls < 20, "it does not come to rest");
            answered(world, sender, operation, |now, attempts, observation| {
                number += 1;
                let inclusion = made_up(number, now);
                observation.attempts = vec![Whereabouts::Included(inclusion); attempts];
                observation.stand.fill(false);
                observation.finalized = inclusion.block;
                observation.head = inclusion.block;
            });
        }
    }
    let is_record = |event: &&Event| matches!(event, Event::Recorded(_));
    world.events.iter().filter(is_record).count()
}

#[test]
fn a_round_that_is_undone_over_and_over_is_looked_at_ever_more_seldom() {
    let mut world = World::new();
    let mut sender = world.sender();
    world.believes = true;
    sender.offer(offer(1));
    settle(&mut world, &mut sender);
    let in_an_hour = undone_over_and_over(&mut world, &mut sender, 60);
    assert!((4..=12).contains(&in_an_hour), "{in_an_hour}");
    let in_a_day = undone_over_and_over(&mut world, &mut sender, 23 * 60);
    assert!((20..=40).contains(&in_a_day), "{in_a_day}");
    // None of them is forgotten, since its record would count again: rather it stops.
    undone_over_and_over(&mut world, &mut sender, 7 * 24 * 60);
    assert_eq!(world.stopped(), Some(&StopReason::Undone));
    let all = shown(&sender, Dealt::Open);
    assert_eq!(all.len(), MAX_UNDONE);
    // What the operator has dealt with makes room.
    world.config.known_undone = vec![all[3].hash];
    let mut sender = world.sender();
    undone_over_and_over(&mut world, &mut sender, 24 * 60);
    let left = shown(&sender, Dealt::Open);
    assert_eq!(left.len(), MAX_UNDONE);
    assert!(!left.contains(&all[3]));
    assert!(all[..3].iter().all(|block| left.contains(block)));
    assert_eq!(sender.status().stopped, Some(StopReason::Undone));
}

#[test]
fn what_left_the_chain_stays_known_for_another_account() {
    let (mut world, mut sender) = recorded(1);
    let first = block_of(&world, 1);
    world.disturb(Disturbance::UndoFinal(4));
    finish(&mut world, &mut sender);
    assert_eq!(shown(&sender, Dealt::Open), [first]);
    world.config.identity.account = counterfoil_ethereum::Address::from_bytes([3; 20]);
    let mut sender = Sender::new(world.config.clone(), Timestamp::from_millis(world.now));
    settle(&mut world, &mut sender);
    assert_eq!(shown(&sender, Dealt::Open), [first]);
}

#[test]
fn no_more_rounds_are_kept_than_there_is_room_for() {
    let (world, _) = recorded(20);
    let state = world.state().unwrap();
    assert_eq!(state.rounds.len(), MAX_KEPT);
    assert_eq!(state.rounds.last().unwrap().offer.root, root(20));
    assert_eq!(state.rounds[0].offer.root, root(5));
}

#[test]
fn where_more_rounds_are_undone_than_are_kept_that_is_said() {
    let (mut world, mut sender) = recorded(18);
    world.disturb(Disturbance::UndoFinalLosing(80));
    blocks(&mut world, &mut sender, 12);
    let (trouble, _) = sender.status().trouble.unwrap();
    assert!(trouble.contains("than rounds are kept for"), "{trouble}");
    assert_eq!(told(&world).len(), MAX_KEPT);
    assert!(
        world.sends.len() <= 18 + 1,
        "nothing is sent that cannot come into the chain"
    );
}

#[test]
fn an_observation_that_answers_what_was_not_asked_stops_the_sender() {
    type Lie = fn(&mut Observation);
    let lies: [Lie; 2] = [
        |observation| observation.stand.push(false),
        |observation| observation.attempts.push(Whereabouts::Absent),
    ];
    for lie in lies {
        let mut world = World::new();
        let mut sender = world.sender();
        sender.offer(offer(1));
        settle(&mut world, &mut sender);
        world.now += 12_000;
        lied_to(&mut world, &mut sender, |observation| {
            observation.attempts = vec![Whereabouts::Pending];
            lie(observation);
        });
        let stopped = sender.status().stopped;
        let is_internal = matches!(stopped, Some(StopReason::Internal(_)));
        assert!(is_internal, "{stopped:?}");
    }
}

#[test]
fn two_transactions_of_a_nonce_in_the_chain_are_a_lie() {
    let mut world = World::new();
    let mut sender = world.sender();
    sender.offer(offer(1));
    settle(&mut world, &mut sender);
    world.ledger.spike(24);
    blocks(&mut world, &mut sender, 3);
    assert_eq!(sender.status().on_its_way.unwrap().attempts, 2);
    world.now += 12_000;
    let inclusion = made_up(7, world.now);
    lied_to(&mut world, &mut sender, |observation| {
        observation.attempts = vec![Whereabouts::Included(inclusion); 2];
    });
    let status = sender.status();
    let (trouble, _) = status.trouble.unwrap();
    assert!(
        trouble.contains("two transactions of one nonce"),
        "{trouble}"
    );
    assert_eq!(status.on_its_way.unwrap().included, None);
}

#[test]
fn the_days_ceiling_holds_for_another_account_and_another_chain_too() {
    let (mut world, mut sender) = recorded(6);
    world.config.ceilings = Ceilings {
        max_cost_per_day: Wei::from_gwei(70 * GAS),
        ..world.config.ceilings
    };
    let spent = sender.status().spent;
    assert_eq!(spent, Wei::from_gwei(66 * GAS));
    world.config.identity.account = counterfoil_ethereum::Address::from_bytes([3; 20]);
    sender = Sender::new(world.config.clone(), Timestamp::from_millis(world.now));
    sender.offer(offer(7));
    settle(&mut world, &mut sender);
    assert_eq!(sender.status().spent, spent);
    let hold = sender.status().hold;
    assert!(matches!(hold, Some((Hold::Budget { .. }, _))), "{hold:?}");
}

#[test]
fn an_endpoint_that_lags_behind_the_last_block_undoes_nothing() {
    let (world, sender) = recorded(1);
    let last = sender.status().last_record.unwrap();
    let anchor = Anchor {
        block: last.block,
        time: last.time,
    };
    let at = usize::try_from(last.block.number).unwrap();
    assert_eq!(world.ledger.stands(anchor, at), Some(true));
    assert_eq!(world.ledger.stands(anchor, at - 1), None);
}
