//! Nonces that somebody else used: before the first round, during one, and in blocks that leave the chain.

mod world;

use counterfoil_ethereum::{BlockHash, TransactionHash};
use counterfoil_ethereum_sender::chain::{Anchor, Block, ChainOutcome, ChainRequest};
use counterfoil_ethereum_sender::state::{Attempt, Ending};
use counterfoil_ethereum_sender::{Failure, Offered, Outcome, Request, Sender, Timestamp};
use world::ledger::Tx;
use world::steps::{block_of, end, recorded, start, told, until};
use world::{Disturbance, Fault, World, blocks, finish, offer, root, settle};

/// Somebody else's transaction has the nonce of round 1, in a final block.
fn taken() -> (World, Sender) {
    let (mut world, mut sender) = start();
    world.last = Some(offer(1));
    sender.offer(offer(1));
    settle(&mut world, &mut sender);
    world.disturb(Disturbance::Foreign);
    blocks(&mut world, &mut sender, 4);
    let failure = &world.failures[0].failure;
    assert!(matches!(failure, Failure::NonceTaken { nonce: 0, .. }));
    (world, sender)
}

#[test]
fn a_round_whose_nonce_was_taken_is_kept_with_the_block_that_did() {
    let (world, sender) = taken();
    let state = world.state().unwrap();
    let round = &state.rounds[0];
    assert_eq!((round.offer.root, round.nonce), (root(1), 0));
    let ended = round.ended.unwrap();
    assert_eq!(ended.ending, Ending::Taken);
    let (block, tx) = world.ledger.transactions().next().unwrap();
    assert_eq!(ended.transaction, tx.hash);
    assert_eq!(ended.block.hash, block.hash);
    assert_eq!(ended.time.as_millis(), block.time);
    // Nobody paid for it: it is sent under another nonce.
    assert_eq!(sender.status().spent.get(), 0);
    assert!(!state.ended.contains(&root(1)));
    assert_eq!(sender.status().on_its_way.unwrap().nonce, 1);
    assert_eq!(state.rounds.len(), 2);
}

#[test]
fn where_the_block_that_took_a_nonce_leaves_the_chain_no_root_comes_twice() {
    // The other transaction comes back by itself, or is sent again after a while.
    for (disturbance, is_lost) in [
        (Disturbance::UndoFinal(30), false),
        (Disturbance::UndoFinalLosing(30), true),
    ] {
        for is_recorded in [true, false] {
            let (mut world, mut sender) = taken();
            if is_recorded {
                finish(&mut world, &mut sender);
                assert_eq!(world.records.len(), 1);
            }
            let sent = world.sends.clone();
            let taker = world.state().unwrap().rounds[0].ended.unwrap().transaction;
            world.disturb(disturbance);
            blocks(&mut world, &mut sender, 12);
            let again = &world.sends[sent.len()..];
            assert!(!again.contains(&sent[0]), "the root was sent under both");
            if is_lost {
                let (trouble, _) = sender.status().trouble.unwrap();
                assert!(trouble.contains("would be paid for twice"), "{trouble}");
                // Nor does a restart forget it.
                sender = world.sender();
                blocks(&mut world, &mut sender, 12);
                assert_eq!(sender.status().on_its_way.unwrap().nonce, 0);
                assert!(!world.sends[sent.len()..].contains(&sent[0]));
            }
            finish(&mut world, &mut sender);
            assert_eq!(world.records.len(), 1);
            let is_told = told(&world).len();
            assert_eq!(is_told, if is_recorded { 2 } else { 1 });
            assert_eq!(world.takers, [taker], "it is looked for by name");
            let state = world.state().unwrap();
            assert_eq!(state.next_nonce, 2);
            assert!(state.rounds.iter().all(|round| round.ended.is_some()));
        }
    }
}

#[test]
fn a_round_whose_root_was_paid_for_under_another_nonce_is_given_up_by_name() {
    let (mut world, mut sender) = taken();
    let state = world.state().unwrap();
    let [first, second] = [0, 1].map(|place| state.rounds[place].attempts[0].clone());
    world.disturb(Disturbance::UndoFinalLosing(30));
    world.disturb(Disturbance::Evict);
    // Somebody still has the first transaction, and it comes into a block; the second one waits in a pool.
    let pool = |attempt: &Attempt| Tx::ours(attempt.hash, attempt.unsigned);
    world.ledger.pool.insert(0, pool(&first));
    world.mine();
    world.disturb(Disturbance::Drain(12));
    world.ledger.pool.insert(1, pool(&second));
    blocks(&mut world, &mut sender, 9);
    let failure = sender.status().last_failure.unwrap().failure;
    let transaction = first.hash;
    assert_eq!(
        failure,
        Failure::Paid {
            nonce: 0,
            transaction
        }
    );
    let record = &world.records[root(1).as_bytes()];
    assert_eq!(record.transaction, transaction);
    assert_eq!(sender.offer(offer(1)), Offered::Known);
    world.disturb(Disturbance::Evict);
    world.ledger.drained = 0;
    // The next round takes the nonce, so that what was given up cannot come any more.
    world.last = Some(offer(2));
    sender.offer(offer(2));
    settle(&mut world, &mut sender);
    assert_eq!(sender.status().on_its_way.unwrap().nonce, 1);
    finish(&mut world, &mut sender);
}

#[test]
fn an_old_round_whose_nonce_is_taken_again_is_not_sent_anew() {
    let (mut world, mut sender) = start();
    // Round 2 takes the place of round 1, and has its nonce taken as well.
    for number in [1, 2] {
        sender.offer(offer(number));
        settle(&mut world, &mut sender);
        world.disturb(Disturbance::Foreign);
        world.last = Some(offer(2));
        sender.offer(offer(2));
        blocks(&mut world, &mut sender, 4);
    }
    finish(&mut world, &mut sender);
    assert_eq!(world.failures.len(), 2);
    world.disturb(Disturbance::UndoFinal(40));
    finish(&mut world, &mut sender);
    assert!(world.failures.len() > 2, "it was taken again");
    assert!(!world.records.contains_key(root(1).as_bytes()));
}

#[test]
fn a_round_that_gave_way_when_its_nonce_was_taken_may_come_again() {
    let (mut world, mut sender) = start();
    sender.offer(offer(1));
    settle(&mut world, &mut sender);
    world.disturb(Disturbance::Foreign);
    world.last = Some(offer(2));
    sender.offer(offer(2));
    blocks(&mut world, &mut sender, 9);
    assert_eq!(world.failures.len(), 1);
    assert_eq!(world.records.len(), 1, "round 2 took its place");
    // Nothing else has its root, so that it may have its nonce again.
    world.disturb(Disturbance::UndoFinalLosing(30));
    blocks(&mut world, &mut sender, 12);
    finish(&mut world, &mut sender);
    let first = world.sends.iter().filter(|bytes| **bytes == world.sends[0]);
    assert_eq!(first.count(), 2, "its bytes were sent again");
    assert!(world.records.contains_key(root(1).as_bytes()));
    assert!(world.records.contains_key(root(2).as_bytes()));
    assert_eq!(sender.offer(offer(1)), Offered::Known);
}

#[test]
fn somebody_elses_transaction_in_a_block_from_the_future_ends_nothing() {
    let (mut world, mut sender) = start();
    world.last = Some(offer(1));
    sender.offer(offer(1));
    settle(&mut world, &mut sender);
    world.disturb(Disturbance::Foreign);
    for _ in 0..4 {
        world.mine();
    }
    let is_find =
        |request: &Request| matches!(request, Request::Chain(ChainRequest::FindNonce { .. }));
    let find = until(&mut world, &mut sender, is_find);
    let used = ChainOutcome::NonceUsed {
        transaction: TransactionHash::from_bytes([7; 32]),
        anchor: Anchor {
            block: Block {
                number: 100_000_000,
                hash: BlockHash::from_bytes([7; 32]),
            },
            time: Timestamp::from_millis(world.now + 300_001),
        },
    };
    end(&mut world, &mut sender, &find, Outcome::Chain(used));
    let status = sender.status();
    let (trouble, _) = status.trouble.unwrap();
    assert!(trouble.contains("is from the future"), "{trouble}");
    assert_eq!(status.last_failure, None);
    finish(&mut world, &mut sender);
}

#[test]
fn blocks_that_are_said_to_have_left_the_chain_one_by_one_are_found_where_they_were() {
    for which in [[1, 0, 0], [1, 0, 1], [1, 1, 0], [0, 1, 0]] {
        for is_restarted in [false, true] {
            let (mut world, mut sender) = recorded(5);
            let blocks = |world: &World| {
                let all = world.records.values();
                all.map(|record| record.inclusion.block).collect::<Vec<_>>()
            };
            let before = blocks(&world);
            let is_observe =
                |request: &Request| matches!(request, Request::Chain(ChainRequest::Observe { .. }));
            for gone in which {
                let observe = until(&mut world, &mut sender, is_observe);
                world.carry_out(&mut sender, observe, Some(Fault::Gone(gone)));
                let is_save = |request: &Request| matches!(request, Request::ReplaceState { .. });
                let save = until(&mut world, &mut sender, is_save);
                world.carry_out(&mut sender, save, None);
                if is_restarted {
                    sender = world.sender();
                }
            }
            finish(&mut world, &mut sender);
            assert_eq!(blocks(&world), before);
            assert_eq!(world.sends.len(), 5, "nothing was sent again");
            assert_eq!(world.state().unwrap().next_nonce, 5);
        }
    }
}

#[test]
fn a_block_of_an_earlier_round_that_was_a_lie_is_noticed() {
    for number in 1..=5 {
        let mut world = World::new();
        let mut sender = world.sender();
        for number in 1..=5 {
            world.last = Some(offer(number));
            sender.offer(offer(number));
            finish(&mut world, &mut sender);
        }
        assert_eq!(world.records.len(), 5);
        // An endpoint had named another block than the one that has the transaction.
        let block = block_of(&world, number);
        let at = usize::try_from(block.number).unwrap();
        world.ledger.broke_its_word = true;
        world.ledger.blocks[at].hash = BlockHash::from_bytes([9; 32]);
        let mut looks = 0;
        while told(&world).is_empty() {
            blocks(&mut world, &mut sender, 5);
            looks += 1;
            assert!(looks <= 6, "it is not noticed: {number}");
        }
        assert_eq!(told(&world), [block]);
        // A restart finds it on its way before rounds that ended.
        sender = world.sender();
        world.last = Some(offer(6));
        sender.offer(offer(6));
        finish(&mut world, &mut sender);
        assert_eq!(told(&world), [block]);
        let anew = block_of(&world, number);
        assert!(anew != block && anew.number == block.number);
        assert_eq!(world.state().unwrap().next_nonce, 6);
        assert_eq!(world.sends.len(), 6, "nothing was sent again");
    }
}

#[test]
fn a_nonce_that_no_earlier_round_explains_is_looked_into_before_it_is_taken() {
    let (mut world, mut sender) = start();
    sender.offer(offer(1));
    finish(&mut world, &mut sender);
    assert!(world.sought.is_empty(), "a new account needs no proof");
    for _ in 0..3 {
        world.disturb(Disturbance::Foreign);
        world.mine();
    }
    world.last = Some(offer(2));
    sender.offer(offer(2));
    // The signer fails at first, which is no reason to look again.
    let is_sign = |request: &Request| matches!(request, Request::Chain(ChainRequest::Sign(_)));
    let sign = until(&mut world, &mut sender, is_sign);
    world.carry_out(&mut sender, sign, Some(Fault::NotDone));
    finish(&mut world, &mut sender);
    assert_eq!(world.sought, [3], "the last of them, once");
    assert_eq!(world.state().unwrap().next_nonce, 5);
    assert_eq!(world.records.len(), 2);
}

#[test]
fn a_nonce_that_is_too_high_is_not_believed() {
    for rounds in [0, 2] {
        let mut world = World::new();
        let mut sender = world.sender();
        for number in 1..=rounds {
            sender.offer(offer(number));
            finish(&mut world, &mut sender);
        }
        let sent = world.sends.len();
        world.nonce_said = Some(1_000);
        world.last = Some(offer(9));
        sender.offer(offer(9));
        blocks(&mut world, &mut sender, 6);
        let (trouble, _) = sender.status().trouble.unwrap();
        assert!(trouble.contains("known_nonce = 1000"), "{trouble}");
        assert_eq!(world.sought.last(), Some(&999));
        assert_eq!(world.sends.len(), sent);
        world.nonce_said = None;
        finish(&mut world, &mut sender);
        assert_eq!(world.state().unwrap().next_nonce, u64::from(rounds) + 1);
    }
}

#[test]
fn a_nonce_that_somebody_knows_needs_no_proof_and_a_lower_one_is_not_taken() {
    let mut world = World::new();
    for _ in 0..3 {
        world.disturb(Disturbance::Foreign);
        world.mine();
    }
    world.config.known_nonce = 4;
    let mut sender = world.sender();
    world.last = Some(offer(1));
    sender.offer(offer(1));
    blocks(&mut world, &mut sender, 5);
    let (trouble, _) = sender.status().trouble.unwrap();
    assert!(trouble.contains("next nonce is 3, and 4 is"), "{trouble}");
    assert!(world.sends.is_empty());
    world.config.known_nonce = 3;
    let mut sender = world.sender();
    finish(&mut world, &mut sender);
    assert!(world.sought.is_empty());
    assert_eq!(world.state().unwrap().next_nonce, 4);
}
