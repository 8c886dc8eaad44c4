//! What became of a save, what is in the register and what is not; and pauses, and the clock that they are measured by.

mod world;

use std::time::Duration;

use counterfoil_ethereum::Address;
use counterfoil_ethereum_sender::chain::{ChainRequest, Identity};
use counterfoil_ethereum_sender::state::{MAX_KEPT_MEMBERS, MAX_MEMBERS};
use counterfoil_ethereum_sender::{
    Event, Hold, Offered, Operation, Outcome, Request, Sender, Timestamp, Wei,
};
use world::steps::{after_pause, end, next, recorded, recorded_with, start, until, warnings};
use world::{Disturbance, Fault, World, blocks, finish, offer, offer_of, root, settle};

fn is_save(request: &Request) -> bool {
    matches!(request, Request::ReplaceState { .. })
}

fn is_read(request: &Request) -> bool {
    matches!(request, Request::Chain(ChainRequest::ReadAccount(_)))
}

fn is_send(request: &Request) -> bool {
    matches!(request, Request::Chain(ChainRequest::Send { .. }))
}

fn is_observe(request: &Request) -> bool {
    matches!(request, Request::Chain(ChainRequest::Observe { .. }))
}

/// A round up to the save of its intent.
fn before_intent() -> (World, Sender, Operation) {
    let (mut world, mut sender) = start();
    world.last = Some(offer(1));
    sender.offer(offer(1));
    let save = until(&mut world, &mut sender, is_save);
    (world, sender, save)
}

/// A round up to the save of its end; its nonce is its own, or somebody else's.
fn before_end(is_taken: bool) -> (World, Sender, Operation) {
    let (mut world, mut sender) = start();
    world.last = Some(offer(1));
    sender.offer(offer(1));
    settle(&mut world, &mut sender);
    if is_taken {
        world.disturb(Disturbance::Foreign);
    }
    let save = until(&mut world, &mut sender, is_save);
    assert_eq!(world.records.is_empty(), is_taken);
    (world, sender, save)
}

/// Carries out an operation without a fault, and gives the next one.
fn go_on(world: &mut World, sender: &mut Sender, operation: Operation) -> Operation {
    world.carry_out(sender, operation, None);
    next(world, sender)
}

#[test]
fn the_register_goes_on_for_another_account_and_another_chain() {
    let (mut world, mut sender) = recorded(1);
    world.disturb(Disturbance::UndoFinal(4));
    finish(&mut world, &mut sender);
    let mut before = world.state().unwrap();
    assert_eq!((before.spent.len(), before.undone.len()), (1, 1));
    let account = Address::from_bytes([3; 20]);
    let another = |chain_id| Identity { chain_id, account };
    let chain_id = before.identity.chain_id;
    for (number, identity) in [(2, another(chain_id)), (3, another(chain_id + 1))] {
        world.config.identity = identity;
        world.last = Some(offer(number));
        let mut sender = world.sender();
        let save = until(&mut world, &mut sender, is_save);
        world.carry_out(&mut sender, save, None);
        let after = world.state().unwrap();
        assert_eq!(after.identity, identity);
        assert_eq!(after.generation, before.generation + 1);
        assert_eq!(after.spent, before.spent);
        assert_eq!(after.undone, before.undone);
        assert_eq!((after.ended.len(), after.rounds.len()), (0, 1));
        finish(&mut world, &mut sender);
        before = world.state().unwrap();
    }
}

#[test]
fn the_last_block_is_looked_at_again_where_somebody_else_wrote_the_register() {
    let (mut world, mut sender) = recorded_with(1, Duration::from_hours(1));
    world.last = Some(offer(2));
    sender.offer(offer(2));
    let read = next(&world, &mut sender);
    assert!(is_read(&read.request), "it was looked at a moment ago");
    let sign = go_on(&mut world, &mut sender, read);
    let save = go_on(&mut world, &mut sender, sign);
    let mut other = world.state().unwrap();
    other.generation += 1;
    world.register = Some(other.encode());
    let fetch = go_on(&mut world, &mut sender, save);
    assert_eq!(fetch.request, Request::FetchState);
    let look = go_on(&mut world, &mut sender, fetch);
    assert!(is_observe(&look.request), "{look:?}");
    let read = go_on(&mut world, &mut sender, look);
    assert!(is_read(&read.request), "{read:?}");
    world.carry_out(&mut sender, read, None);
    finish(&mut world, &mut sender);
}

#[test]
fn a_round_whose_intent_was_not_saved_gives_way_to_a_newer_one() {
    let (mut world, mut sender, save) = before_intent();
    world.carry_out(&mut sender, save, Some(Fault::NotDone));
    assert_eq!(sender.offer(offer(2)), Offered::Taken);
    let read = after_pause(&mut world, &mut sender);
    let Request::Chain(ChainRequest::ReadAccount(call)) = &read.request else {
        panic!("{read:?}");
    };
    assert_eq!(call.calldata.root, root(2));
    world.carry_out(&mut sender, read, None);
    world.last = Some(offer(2));
    finish(&mut world, &mut sender);
    assert!(!world.intents.contains(root(1).as_bytes()));
}

#[test]
fn an_end_that_was_not_saved_is_saved_again_and_nothing_else_is_done() {
    let (mut world, mut sender, save) = before_end(false);
    let request = save.request.clone();
    world.carry_out(&mut sender, save, Some(Fault::NotDone));
    assert_eq!(sender.offer(offer(2)), Offered::Taken);
    let again = after_pause(&mut world, &mut sender);
    assert_eq!(again.request, request);
    world.carry_out(&mut sender, again, None);
    assert!(matches!(world.events.last(), Some(Event::Recorded(_))));
    world.last = Some(offer(2));
    finish(&mut world, &mut sender);
}

#[test]
fn a_save_that_was_done_though_nobody_knew_is_not_done_again() {
    let (mut world, mut sender, save) = before_intent();
    world.carry_out(&mut sender, save, Some(Fault::UnknownApplied));
    let fetch = after_pause(&mut world, &mut sender);
    assert_eq!(fetch.request, Request::FetchState);
    let send = go_on(&mut world, &mut sender, fetch);
    assert!(is_send(&send.request), "{send:?}");
    world.carry_out(&mut sender, send, None);
    assert_eq!(sender.status().trouble, None);
    assert_eq!(warnings(&world), [""; 0]);
    finish(&mut world, &mut sender);
}

#[test]
fn a_save_that_was_not_done_is_done_again_with_the_same_value() {
    for arrives in [false, true] {
        let (mut world, mut sender, save) = before_intent();
        let request = save.request.clone();
        world.carry_out(&mut sender, save, Some(Fault::UnknownDelayed));
        let fetch = after_pause(&mut world, &mut sender);
        assert_eq!(fetch.request, Request::FetchState);
        world.carry_out(&mut sender, fetch, None);
        let again = after_pause(&mut world, &mut sender);
        assert_eq!(again.request, request);
        if arrives {
            // The first one is done after all, which the second one finds.
            world.land_delayed();
            let fetch = go_on(&mut world, &mut sender, again);
            assert_eq!(fetch.request, Request::FetchState);
            world.carry_out(&mut sender, fetch, None);
        } else {
            world.carry_out(&mut sender, again, None);
        }
        let send = next(&world, &mut sender);
        assert!(is_send(&send.request), "{send:?}");
        world.carry_out(&mut sender, send, None);
        assert_eq!(warnings(&world), [""; 0]);
        finish(&mut world, &mut sender);
    }
}

/// While this sender saves how a round ended, another process does that, later; then this one goes on from there.
fn overtaken(is_taken: bool, meanwhile: Option<u8>) -> (World, Sender) {
    let (mut world, mut sender, save) = before_end(is_taken);
    if let Some(number) = meanwhile {
        world.last = Some(offer(number));
        assert_eq!(sender.offer(offer(number)), Offered::Taken);
    }
    world.mine();
    let mut other = world.sender();
    let saves = until(&mut world, &mut other, is_save);
    world.carry_out(&mut other, saves, None);
    assert_eq!(world.state().unwrap().flight(), None);
    world.events.clear();
    let fetch = go_on(&mut world, &mut sender, save);
    assert_eq!(fetch.request, Request::FetchState);
    world.carry_out(&mut sender, fetch, None);
    let [warning] = warnings(&world)[..] else {
        panic!("{:?}", world.events);
    };
    assert!(warning.contains("goes on from there"), "{warning}");
    assert_eq!(world.events.len(), 1, "nothing else is told");
    (world, sender)
}

#[test]
fn a_round_that_another_process_ended_unpaid_is_offered_again() {
    let (mut world, mut sender) = overtaken(true, None);
    let status = sender.status();
    assert_eq!(status.on_its_way, None);
    assert_eq!(status.waiting.map(|(root, _)| root), Some(root(1)));
    finish(&mut world, &mut sender);
}

#[test]
fn a_newer_round_does_not_give_way_to_one_that_another_process_ended() {
    let (mut world, mut sender) = overtaken(true, Some(2));
    let waiting = sender.status().waiting;
    assert_eq!(waiting.map(|(root, _)| root), Some(root(2)));
    finish(&mut world, &mut sender);
    assert_eq!(world.records.len(), 1);
}

#[test]
fn a_round_that_another_process_recorded_is_not_offered_again() {
    let (mut world, mut sender) = overtaken(false, None);
    let status = sender.status();
    assert_eq!((status.on_its_way, status.waiting), (None, None));
    let last = world.state().unwrap().rounds.last().unwrap().ended;
    assert_eq!(status.last_record, last);
    finish(&mut world, &mut sender);
    assert_eq!(world.sends.len(), 1);
}

#[test]
fn a_round_has_a_checkpoint_at_the_least_and_so_many_at_the_most() {
    let (mut world, mut sender) = start();
    for members in [0, MAX_MEMBERS + 1] {
        assert_eq!(sender.offer(offer_of(1, members)), Offered::Refused);
    }
    assert_eq!(sender.status().waiting, None);
    world.last = Some(offer_of(1, MAX_MEMBERS));
    let offered = sender.offer(offer_of(1, MAX_MEMBERS));
    assert_eq!(offered, Offered::Taken);
    finish(&mut world, &mut sender);
    assert_eq!(world.records.len(), 1);
}

#[test]
fn rounds_are_kept_as_far_as_their_checkpoints_have_room() {
    let (mut world, mut sender) = start();
    let rest = MAX_KEPT_MEMBERS - MAX_MEMBERS;
    let rows: [(usize, &[u8]); 4] = [
        (1, &[1]),
        (rest, &[1, 2]),
        (MAX_MEMBERS, &[2, 3]),
        (1, &[3, 4]),
    ];
    for (number, (members, kept)) in (1..).zip(rows) {
        world.last = Some(offer_of(number, members));
        sender.offer(offer_of(number, members));
        finish(&mut world, &mut sender);
        let rounds = world.state().unwrap().rounds;
        let roots: Vec<_> = rounds.iter().map(|round| round.offer.root).collect();
        let expected: Vec<_> = kept.iter().map(|number| root(*number)).collect();
        assert_eq!(roots, expected, "after {number}");
    }
}

#[test]
fn an_outcome_of_something_else_is_ignored() {
    let (mut world, mut sender) = start();
    world.last = Some(offer(1));
    sender.offer(offer(1));
    let first = next(&world, &mut sender);
    let read = go_on(&mut world, &mut sender, first.clone());
    let register = world.register.clone();
    end(&mut world, &mut sender, &first, Outcome::Fetched(register));
    assert_eq!(sender.status().stopped, None);
    assert_eq!(sender.poll(), None, "the account is still being read");
    world.carry_out(&mut sender, read, None);
    // Nor is one that was ended already.
    end(&mut world, &mut sender, &first, Outcome::Fetched(None));
    finish(&mut world, &mut sender);
}

/// The pause after an operation that fails, in seconds.
fn pause(world: &mut World, sender: &mut Sender) -> u64 {
    let operation = after_pause(world, sender);
    let before = world.now;
    world.carry_out(sender, operation, Some(Fault::NotDone));
    (sender.next_wakeup().unwrap().as_millis() - before) / 1_000
}

#[test]
fn after_a_success_the_pause_begins_anew() {
    let (mut world, mut sender) = start();
    world.last = Some(offer(1));
    sender.offer(offer(1));
    let three = |world: &mut World, sender: &mut Sender| {
        let all = [(); 3].map(|()| pause(world, sender));
        assert_eq!(all, [1, 2, 4]);
    };
    // The register is read ...
    three(&mut world, &mut sender);
    let load = after_pause(&mut world, &mut sender);
    world.carry_out(&mut sender, load, None);
    // ... and replaced ...
    three(&mut world, &mut sender);
    let save = until(&mut world, &mut sender, is_save);
    world.carry_out(&mut sender, save, None);
    three(&mut world, &mut sender);
    // ... and there is nothing to do but wait.
    settle(&mut world, &mut sender);
    blocks(&mut world, &mut sender, 1);
    three(&mut world, &mut sender);
    finish(&mut world, &mut sender);
}

/// A round is on its way that pays too little, and what it would have to pay is above the ceiling.
fn held_back() -> (World, Sender) {
    let (mut world, mut sender) = start();
    world.last = Some(offer(1));
    sender.offer(offer(1));
    settle(&mut world, &mut sender);
    world.ledger.spike(49);
    blocks(&mut world, &mut sender, 4);
    assert!(sender.status().hold.is_some());
    (world, sender)
}

#[test]
fn a_replacement_pays_the_base_fee_at_the_least() {
    let (mut world, mut sender) = held_back();
    let (hold, _) = sender.status().hold.unwrap();
    let ceiling = Wei::from_gwei(world::MAX_FEE);
    // An eighth more than before would be 23.6 gwei.
    let needed = Wei::new(50_125_000_000);
    assert_eq!(hold, Hold::Fee { needed, ceiling });
    assert_eq!(world.sends.len(), 1);
    finish(&mut world, &mut sender);
}

#[test]
fn what_held_a_round_back_ends_with_it() {
    let (mut world, mut sender) = held_back();
    world.disturb(Disturbance::Foreign);
    let save = until(&mut world, &mut sender, is_save);
    assert!(sender.status().hold.is_some());
    world.carry_out(&mut sender, save, None);
    assert!(matches!(world.events.last(), Some(Event::Failed { .. })));
    assert_eq!(sender.status().hold, None);
    finish(&mut world, &mut sender);
}

#[test]
fn of_a_round_that_comes_again_no_block_is_known_that_does_not_use_its_nonce() {
    let (mut world, mut sender) = recorded(1);
    assert_ne!(world.state().unwrap().rounds[0].unused_in, 0);
    world.disturb(Disturbance::UndoFinalLosing(7));
    world.disturb(Disturbance::Foreign);
    let save = until(&mut world, &mut sender, is_save);
    world.carry_out(&mut sender, save, None);
    let find = until(&mut world, &mut sender, |request| {
        matches!(request, Request::Chain(ChainRequest::FindNonce { .. }))
    });
    let Request::Chain(ChainRequest::FindNonce { nonce, after, .. }) = find.request else {
        unreachable!("it was looked for");
    };
    assert_eq!((nonce, after), (0, 0));
    world.carry_out(&mut sender, find, None);
    finish(&mut world, &mut sender);
}

/// Sets the clock back, by less than what a block and a transaction may be apart.
fn set_back(world: &mut World, sender: &mut Sender) {
    world.now -= 240_000;
    sender.tick(Timestamp::from_millis(world.now));
}

/// Whether something is asked for within so many seconds, while no block comes.
fn is_asked_within(
    world: &mut World,
    sender: &mut Sender,
    seconds: u64,
    is_wanted: impl Fn(&Request) -> bool,
) -> bool {
    let until = world.now + seconds * 1_000;
    while sender.next_wakeup().unwrap().as_millis() <= until {
        let operation = after_pause(world, sender);
        let is_it = is_wanted(&operation.request);
        world.carry_out(sender, operation, None);
        if is_it {
            return true;
        }
    }
    world.now = until;
    false
}

#[test]
fn a_transaction_is_replaced_in_time_though_the_clock_was_set_back() {
    let (mut world, mut sender) = start();
    world.last = Some(offer(1));
    sender.offer(offer(1));
    settle(&mut world, &mut sender);
    set_back(&mut world, &mut sender);
    assert!(!is_asked_within(&mut world, &mut sender, 35, is_read));
    assert!(is_asked_within(&mut world, &mut sender, 1, is_read));
    finish(&mut world, &mut sender);
}

#[test]
fn so_is_one_of_another_process_that_wrote_the_register() {
    let (mut world, mut sender, save) = before_intent();
    set_back(&mut world, &mut sender);
    let mut other = world.sender();
    settle(&mut world, &mut other);
    let fetch = go_on(&mut world, &mut sender, save);
    assert_eq!(fetch.request, Request::FetchState);
    world.carry_out(&mut sender, fetch, None);
    assert!(sender.status().on_its_way.is_some());
    assert!(is_asked_within(&mut world, &mut sender, 36, is_read));
    finish(&mut world, &mut sender);
}

#[test]
fn so_is_one_whose_replacement_was_held_back() {
    let (mut world, mut sender) = held_back();
    set_back(&mut world, &mut sender);
    assert!(is_asked_within(&mut world, &mut sender, 36, is_read));
    finish(&mut world, &mut sender);
}

#[test]
fn the_last_block_is_looked_at_in_time_though_the_clock_was_set_back() {
    let (mut world, mut sender) = recorded(1);
    set_back(&mut world, &mut sender);
    world.last = Some(offer(2));
    sender.offer(offer(2));
    world.ledger.spike(60);
    assert!(!is_asked_within(&mut world, &mut sender, 59, is_observe));
    assert!(sender.status().hold.is_some());
    assert!(is_asked_within(&mut world, &mut sender, 1, is_observe));
    finish(&mut world, &mut sender);
}
