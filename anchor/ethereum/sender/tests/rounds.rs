//! Single courses of events, told one by one.

mod world;

use counterfoil_ethereum::Address;
use counterfoil_ethereum_sender::chain::{ChainRequest, Identity, Refusal};
use counterfoil_ethereum_sender::state::Flight;
use counterfoil_ethereum_sender::{
    Event, Failure, Hold, Offer, Offered, Operation, Request, Sender, StopReason, Timestamp, Wei,
};
use world::steps::{one, start};
use world::{Disturbance, Fault, GAS, World, blocks, finish, offer, root, settle};

/// The round on its way, as it is in the register.
fn flight(world: &World) -> Flight {
    world.state().unwrap().flight().unwrap().clone()
}

/// The events, by their names.
fn names(world: &World) -> Vec<&'static str> {
    let name = |event: &Event| match event {
        Event::Superseded(_) => "superseded",
        Event::Sent { .. } => "sent",
        Event::SentAgain(_) => "sent again",
        Event::Included { .. } => "included",
        Event::Reorganised { .. } => "reorganised",
        Event::Recorded(_) => "recorded",
        Event::Failed { .. } => "failed",
        Event::Undone { .. } => "undone",
        Event::Warning(_) => "warning",
        Event::Stopped(_) => "stopped",
    };
    world.events.iter().map(name).collect()
}

#[test]
fn a_round_is_sent_once_and_recorded_when_it_is_final() {
    let (mut world, mut sender) = start();
    assert_eq!(sender.offer(offer(1)), Offered::Taken);
    assert_eq!(sender.offer(offer(1)), Offered::Known, "it waits");
    settle(&mut world, &mut sender);
    assert_eq!(sender.offer(offer(1)), Offered::Known, "it is on its way");
    blocks(&mut world, &mut sender, 3);
    assert_eq!(names(&world), ["sent", "included"], "two blocks above it");
    blocks(&mut world, &mut sender, 1);
    assert_eq!(names(&world), ["sent", "included", "recorded"]);
    assert_eq!(world.sends.len(), 1);
    assert_eq!(sender.offer(offer(1)), Offered::Known, "it is recorded");
    let status = sender.status();
    let cost = Wei::from_gwei(11 * GAS);
    assert_eq!(status.spent, cost);
    assert_eq!(status.last_record.unwrap().cost, cost);

    // So does another process.
    let mut sender = world.sender();
    settle(&mut world, &mut sender);
    assert_eq!(sender.offer(offer(1)), Offered::Known);
    finish(&mut world, &mut sender);
    assert_eq!(world.sends.len(), 1);
}

#[test]
fn a_round_that_fees_hold_back_gives_way_to_the_next() {
    let (mut world, mut sender) = start();
    world.disturb(Disturbance::Spike(60));
    sender.offer(offer(1));
    settle(&mut world, &mut sender);
    let began = world.now;
    let (hold, since) = sender.status().hold.unwrap();
    assert!(matches!(hold, Hold::Fee { .. }), "{hold}");
    blocks(&mut world, &mut sender, 2);
    assert_eq!(sender.offer(offer(2)), Offered::Taken);
    settle(&mut world, &mut sender);
    let status = sender.status();
    assert_eq!(
        status.waiting,
        Some((root(2), Timestamp::from_millis(began)))
    );
    assert_eq!(status.hold.unwrap().1, since, "held since the beginning");
    assert_eq!(world.sends.len(), 0);
    world.last = Some(offer(2));
    finish(&mut world, &mut sender);
    assert_eq!(sender.status().hold, None);
    assert_eq!(
        names(&world),
        ["superseded", "sent", "included", "recorded"]
    );
    assert!(!world.intents.contains(root(1).as_bytes()));
}

#[test]
fn a_stuck_transaction_is_replaced_under_its_nonce() {
    let (mut world, mut sender) = start();
    sender.offer(offer(1));
    settle(&mut world, &mut sender);
    world.disturb(Disturbance::Spike(24));
    blocks(&mut world, &mut sender, 3);
    let flight = flight(&world);
    let [first, second] = &flight.attempts[..] else {
        panic!("{} attempts", flight.attempts.len());
    };
    assert_eq!(first.unsigned.nonce, second.unsigned.nonce);
    assert_eq!(first.unsigned.max_fee, Wei::from_gwei(21));
    assert_eq!(second.unsigned.max_fee, Wei::new(49_125_000_000));
    assert_eq!(sender.status().on_its_way.unwrap().attempts, 2);
    finish(&mut world, &mut sender);
    assert_eq!(names(&world), ["sent", "sent", "included", "recorded"]);
    let recorded = &world.records[root(1).as_bytes()];
    assert_eq!(recorded.transaction, second.hash);
}

#[test]
fn the_first_of_several_transactions_makes_the_record_where_it_is_the_one_that_is_final() {
    let (mut world, mut sender) = start();
    sender.offer(offer(1));
    settle(&mut world, &mut sender);
    let old = world.ledger.pool.clone();
    world.disturb(Disturbance::Spike(24));
    blocks(&mut world, &mut sender, 3);
    // The block's proposer has never heard of the second one.
    world.ledger.pool = old;
    world.ledger.calm();
    finish(&mut world, &mut sender);
    let flight = &world.records[root(1).as_bytes()];
    assert_eq!(flight.inclusion.cost, Wei::from_gwei(11 * GAS));
    assert_eq!(world.sends.len(), 2);
}

#[test]
fn a_reorganisation_is_noticed_and_the_same_bytes_are_sent_again() {
    for keeps in [true, false] {
        let (mut world, mut sender) = start();
        sender.offer(offer(1));
        settle(&mut world, &mut sender);
        blocks(&mut world, &mut sender, 2);
        world.disturb(if keeps {
            Disturbance::Reorganise(2)
        } else {
            Disturbance::ReorganiseLosing(2)
        });
        finish(&mut world, &mut sender);
        let again: &[&str] = if keeps { &[] } else { &["sent again"] };
        let expected = [
            &["sent", "included", "reorganised"][..],
            again,
            &["included", "recorded"],
        ]
        .concat();
        assert_eq!(names(&world), expected);
        assert!(world.sends.iter().all(|bytes| *bytes == world.sends[0]));
        assert_eq!(world.sends.len(), if keeps { 1 } else { 2 });
    }
}

#[test]
fn an_endpoint_that_lags_behind_is_no_reorganisation() {
    let (mut world, mut sender) = start();
    sender.offer(offer(1));
    settle(&mut world, &mut sender);
    blocks(&mut world, &mut sender, 1);
    assert_eq!(names(&world), ["sent", "included"]);
    world.now += 12_000;
    one(&mut world, &mut sender, Fault::Lagging);
    let (trouble, _) = sender.status().trouble.unwrap();
    assert!(trouble.contains("lags behind"), "{trouble}");
    finish(&mut world, &mut sender);
    assert_eq!(names(&world), ["sent", "included", "recorded"]);
    assert_eq!(world.sends.len(), 1, "it was not sent again");
}

#[test]
fn after_a_crash_the_same_bytes_are_sent() {
    for fault in [Fault::CrashBefore, Fault::CrashAfter] {
        let (mut world, mut sender) = start();
        world.last = Some(offer(1));
        sender.offer(offer(1));
        loop {
            sender.tick(Timestamp::from_millis(world.now));
            let operation = sender.poll().unwrap();
            let is_send = matches!(
                &operation.request,
                Request::Chain(ChainRequest::Send { .. })
            );
            world.carry_out(&mut sender, operation, is_send.then_some(fault));
            if is_send {
                break;
            }
        }
        let bytes = flight(&world).attempts[0].signed.clone();
        let mut sender = world.sender();
        finish(&mut world, &mut sender);
        assert_eq!(world.sends, [bytes]);
    }
}

#[test]
fn another_nonce_is_taken_only_once_somebody_elses_transaction_is_final() {
    let (mut world, mut sender) = start();
    sender.offer(offer(1));
    settle(&mut world, &mut sender);
    world.disturb(Disturbance::Foreign);
    blocks(&mut world, &mut sender, 3);
    assert_eq!(names(&world), ["sent", "warning"]);
    assert_eq!(world.sends.len(), 1);
    world.last = Some(offer(1));
    finish(&mut world, &mut sender);
    let all = ["sent", "warning", "failed", "sent", "included", "recorded"];
    assert_eq!(names(&world), all);
    let failure = &world.failures[0].failure;
    assert!(
        matches!(failure, Failure::NonceTaken { nonce: 0, .. }),
        "{failure}"
    );
    assert_eq!(sender.status().last_failure.unwrap().root, root(1));
}

#[test]
fn somebody_elses_transaction_that_is_undone_costs_nothing() {
    let (mut world, mut sender) = start();
    world.last = Some(offer(1));
    sender.offer(offer(1));
    settle(&mut world, &mut sender);
    world.disturb(Disturbance::Foreign);
    blocks(&mut world, &mut sender, 2);
    world.disturb(Disturbance::ReorganiseLosing(2));
    blocks(&mut world, &mut sender, 1);
    finish(&mut world, &mut sender);
    let all = ["sent", "warning", "sent again", "included", "recorded"];
    assert_eq!(names(&world), all);
}

#[test]
fn a_transaction_that_fails_is_named_and_not_paid_for_again() {
    let (mut world, mut sender) = start();
    world.last = Some(offer(1));
    sender.offer(offer(1));
    world.disturb(Disturbance::Revert);
    settle(&mut world, &mut sender);
    finish(&mut world, &mut sender);
    assert_eq!(names(&world), ["sent", "included", "failed"]);
    assert!(matches!(
        world.failures[0].failure,
        Failure::Reverted { .. }
    ));
    assert_eq!(sender.status().spent, Wei::from_gwei(11 * GAS));
    assert_eq!(sender.offer(offer(1)), Offered::Known);
    assert_eq!(world.records.len(), 0);
}

#[test]
fn the_days_budget_holds_back_until_what_was_spent_is_a_day_old() {
    let (mut world, mut sender) = start();
    for number in 1..=6 {
        sender.offer(offer(number));
        settle(&mut world, &mut sender);
        blocks(&mut world, &mut sender, 5);
    }
    assert_eq!(sender.status().last_record.unwrap().transaction, {
        world.records[root(6).as_bytes()].transaction
    });
    // 70 times the gas, of which 66 are spent.
    sender.offer(offer(7));
    blocks(&mut world, &mut sender, 3);
    let (hold, _) = sender.status().hold.unwrap();
    assert!(matches!(hold, Hold::Budget { .. }), "{hold}");
    assert!(!world.intents.contains(root(7).as_bytes()));
    world.last = Some(offer(7));
    world.now += world::DAY;
    finish(&mut world, &mut sender);
}

#[test]
fn nothing_is_sent_while_an_endpoint_is_of_another_chain() {
    let (mut world, mut sender) = start();
    sender.offer(offer(1));
    sender.tick(Timestamp::from_millis(world.now));
    let operation = sender.poll().unwrap();
    world.carry_out(&mut sender, operation, None);
    for _ in 0..5 {
        one(&mut world, &mut sender, Fault::WrongChain);
        let (trouble, _) = sender.status().trouble.unwrap();
        assert!(
            trouble.contains("is of chain 1, and the configuration says 5"),
            "{trouble}"
        );
        world.mine();
    }
    assert_eq!((world.register.as_ref(), world.sends.len()), (None, 0));
    world.last = Some(offer(1));
    finish(&mut world, &mut sender);
}

#[test]
fn a_signer_that_signs_something_else_is_caught_before_anything_is_saved() {
    let (mut world, mut sender) = start();
    world.crooked = true;
    world.last = Some(offer(1));
    sender.offer(offer(1));
    blocks(&mut world, &mut sender, 3);
    let (trouble, _) = sender.status().trouble.unwrap();
    assert!(trouble.contains("changed the field nonce"), "{trouble}");
    assert_eq!(world.register, None);
    world.crooked = false;
    finish(&mut world, &mut sender);
}

#[test]
fn a_step_that_fails_over_and_over_is_tried_ever_more_seldom() {
    let (mut world, mut sender) = start();
    world.crooked = true;
    sender.offer(offer(1));
    let (began, mut tries) = (world.now, Vec::new());
    for _ in 0..60 {
        sender.tick(Timestamp::from_millis(world.now));
        while let Some(operation) = sender.poll() {
            // The account is read, which goes well, before each signature.
            if matches!(operation.request, Request::Chain(ChainRequest::Sign(_))) {
                tries.push((world.now - began) / 1_000);
            }
            world.carry_out(&mut sender, operation, None);
        }
        let (_, since) = sender.status().trouble.unwrap();
        assert_eq!(since, Timestamp::from_millis(began), "it never went well");
        world.now += 1_000;
    }
    assert_eq!(tries, [0, 1, 3, 7, 15, 27, 39, 51]);
}

#[test]
fn a_refusal_is_told_of_once_and_no_reason_to_pay_more() {
    for refusal in [
        Refusal::Other,
        Refusal::InsufficientFunds,
        Refusal::NonceTooLow,
    ] {
        let (mut world, mut sender) = start();
        world.last = Some(offer(1));
        world.refuses = Some(refusal);
        sender.offer(offer(1));
        blocks(&mut world, &mut sender, 30);
        assert_eq!(names(&world), ["warning"], "{refusal:?}");
        let status = sender.status();
        let (trouble, _) = status.trouble.unwrap();
        let reason = format!("{refusal:?}");
        assert!(trouble.ends_with(&format!("was not taken: {reason}")));
        let round = status.on_its_way.unwrap();
        assert_eq!((round.refusal, round.attempts), (Some(reason), 1));
        assert!(world.sends.len() > 20, "it is offered again and again");
        // It waits for a block from then on that it is taken.
        world.refuses = None;
        blocks(&mut world, &mut sender, 1);
        assert_eq!(sender.status().trouble, None, "{refusal:?}");
        world.disturb(Disturbance::Spike(24));
        blocks(&mut world, &mut sender, 2);
        assert_eq!(sender.status().on_its_way.unwrap().attempts, 1);
        finish(&mut world, &mut sender);
        assert_eq!(names(&world), ["warning", "sent", "included", "recorded"]);
        assert!(world.sends.iter().all(|bytes| *bytes == world.sends[0]));
    }
}

#[test]
fn a_transaction_that_pays_too_little_is_replaced() {
    let (mut world, mut sender) = start();
    world.refuses = Some(Refusal::Underpriced);
    sender.offer(offer(1));
    blocks(&mut world, &mut sender, 3);
    assert_eq!(sender.status().on_its_way.unwrap().attempts, 1);
    blocks(&mut world, &mut sender, 1);
    assert_eq!(sender.status().on_its_way.unwrap().attempts, 2);
    assert_eq!(names(&world), ["warning"]);
    world.refuses = None;
    finish(&mut world, &mut sender);
    assert_eq!(names(&world), ["warning", "sent", "included", "recorded"]);
}

#[test]
fn what_no_endpoint_was_reached_with_is_not_replaced() {
    let (mut world, mut sender) = start();
    world.last = Some(offer(1));
    sender.offer(offer(1));
    for _ in 0..10 {
        world.mine();
        sender.tick(Timestamp::from_millis(world.now));
        while let Some(operation) = sender.poll() {
            let is_send = matches!(operation.request, Request::Chain(ChainRequest::Send { .. }));
            world.carry_out(&mut sender, operation, is_send.then_some(Fault::NotDone));
        }
    }
    assert_eq!(names(&world), ["warning"]);
    assert_eq!(sender.status().on_its_way.unwrap().attempts, 1);
    finish(&mut world, &mut sender);
}

#[test]
fn a_damaged_register_stops_the_sender() {
    let (mut world, _) = start();
    world.register = Some("counterfoil/ethereum/2\n".into());
    let mut sender = world.sender();
    sender.offer(offer(1));
    settle_stopped(&mut world, &mut sender);
    assert!(matches!(world.stopped(), Some(StopReason::Damaged(_))));
    assert_eq!(sender.next_wakeup(), None);
}

#[test]
fn another_account_waits_for_what_is_on_its_way() {
    let (mut world, mut sender) = start();
    sender.offer(offer(1));
    settle(&mut world, &mut sender);
    let own = world.config.identity;
    let other = Identity {
        account: Address::from_bytes([3; 20]),
        ..own
    };
    world.config.identity = other;
    let mut sender = world.sender();
    settle_stopped(&mut world, &mut sender);
    assert_eq!(world.stopped(), Some(&StopReason::OtherIdentity(own)));
    // Once that has ended nothing of it matters to the other.
    world.config.identity = own;
    world.events.clear();
    let mut sender = world.sender();
    finish(&mut world, &mut sender);
    world.config.identity = other;
    let mut sender = world.sender();
    settle_stopped(&mut world, &mut sender);
    assert_eq!(world.stopped(), None);
    assert_eq!(sender.status().last_record, None);
}

#[test]
fn a_round_of_nothing_is_refused_and_one_operation_is_handed_out_at_a_time() {
    let (mut world, mut sender) = start();
    let nothing = Offer {
        members: Vec::new(),
        ..offer(1)
    };
    assert_eq!(sender.offer(nothing), Offered::Refused);
    let Operation { id, request } = sender.poll().unwrap();
    assert_eq!(request, Request::FetchState);
    assert_eq!(sender.poll(), None);
    assert_eq!(sender.next_wakeup(), None);
    world.carry_out(&mut sender, Operation { id, request }, None);
    assert!(sender.next_wakeup().is_some());
}

/// As `settle`, where the sender may have stopped.
fn settle_stopped(world: &mut World, sender: &mut Sender) {
    settle(world, sender);
    sender.tick(Timestamp::from_millis(world.now));
    assert_eq!(sender.poll(), None);
}
