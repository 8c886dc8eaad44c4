//! The sender, driven by a chain on anvil: rounds among reorganisations, lost transactions, spikes of fees, endpoints that fail, and
//! restarts of the process at each step.
//!
//! Whatever happens: no root is paid for twice on the chain, there is no record without finality, and every round that was sent ends in
//! a record or in a named failure.

mod world;

use std::time::Duration;

use counterfoil_ethereum_sender::chain::ChainRequest;
use counterfoil_ethereum_sender::{Event, Failure, Hold, Offered};
use counterfoil_tests::Random;
use counterfoil_tests::anvil::{Anvil, ask};
use serde_json::json;

use world::World;

use crate::common::{offer, signed, timeless, unsigned};
use crate::fake::{Fake, Reply};

#[tokio::test]
async fn a_round_ends_in_a_record() {
    let Some(mut world) = World::start() else {
        return;
    };
    assert_eq!(world.sender.offer(offer(1)), Offered::Taken);
    world.settle().await;
    world.block().await;
    world.block().await;
    assert_eq!(world.names(), ["sent", "included"]);
    world.block().await;
    assert_eq!(world.names(), ["sent", "included", "recorded"]);
    world.finish().await;
    assert_eq!(world.records.len(), 1);
    // The next one takes the next nonce.
    world.sender.offer(offer(2));
    world.finish().await;
    assert_eq!(world.records.len(), 2);
}

#[tokio::test]
async fn a_transaction_that_the_network_loses_is_sent_again() {
    let Some(mut world) = World::start() else {
        return;
    };
    world.sender.offer(offer(1));
    world.settle().await;
    world.anvil.call("anvil_dropAllTransactions", json!([]));
    world.wait(12).await;
    assert_eq!(world.names(), ["sent", "sent again"]);
    world.finish().await;
    assert_eq!(world.sent.len(), 2);
}

#[tokio::test]
async fn a_stuck_transaction_is_replaced_with_the_same_nonce() {
    let Some(mut world) = World::start() else {
        return;
    };
    world.sender.offer(offer(1));
    world.settle().await;
    for _ in 0..16 {
        world.wait(12).await;
    }
    let attempts: Vec<usize> = world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Sent { attempt, .. } => Some(*attempt),
            _ => None,
        })
        .collect();
    assert_eq!(attempts, [1, 2]);
    world.finish().await;
    assert_eq!(world.records.len(), 1);
}

#[tokio::test]
async fn a_spike_of_fees_holds_a_round_back() {
    let Some(mut world) = World::start() else {
        return;
    };
    let fee = |world: &World, gwei: u64| {
        let fee = format!("{:#x}", gwei * 1_000_000_000);
        world
            .anvil
            .call("anvil_setNextBlockBaseFeePerGas", json!([fee]));
    };
    fee(&world, 60);
    world.anvil.mine(1);
    world.sender.offer(offer(1));
    world.settle().await;
    let (hold, _) = world.sender.status().hold.unwrap();
    assert!(matches!(hold, Hold::Fee { .. }), "{hold}");
    assert!(world.sent.is_empty());
    fee(&world, 10);
    world.anvil.mine(1);
    world.wait(60).await;
    assert_eq!(world.sent.len(), 1);
    // It spikes again while the round is on its way: anvil throws it out of its pool, and it is sent again in time.
    fee(&world, 60);
    world.block().await;
    for _ in 0..20 {
        fee(&world, 2);
        world.block().await;
    }
    world.finish().await;
    assert_eq!(world.records.len(), 1);
}

#[tokio::test]
async fn reorganisations_of_each_depth_are_survived() {
    for depth in 1..=2 {
        for above in 0..depth {
            let Some(mut world) = World::start() else {
                return;
            };
            world.sender.offer(offer(1));
            world.settle().await;
            for _ in 0..=above {
                world.block().await;
            }
            world.anvil.reorganise(depth);
            world.wait(12).await;
            assert!(
                world.names().contains(&"reorganised"),
                "{depth} {above}: {:?}",
                world.names()
            );
            world.finish().await;
            assert_eq!(world.records.len(), 1);
            // The very bytes again, and not another nonce.
            assert_eq!(world.sent.len(), 2, "{depth} {above}");
        }
    }
}

#[tokio::test]
async fn a_nonce_that_something_else_uses_ends_in_a_named_failure_and_a_record() {
    let Some(mut world) = World::start() else {
        return;
    };
    world.sender.offer(offer(1));
    world.settle().await;
    world.anvil.call("anvil_dropAllTransactions", json!([]));
    let (hash, bytes) = signed(&world.chain, unsigned(Anvil::CHAIN_ID, 0, 77)).await;
    world
        .chain
        .carry_out(ChainRequest::Send { hash, bytes })
        .await;
    world.finish().await;
    let [
        (
            root,
            Failure::NonceTaken {
                nonce: 0,
                transaction,
            },
        ),
    ] = &world.failures[..]
    else {
        panic!("{:?}", world.failures);
    };
    assert_eq!((*root, *transaction), (offer(1).root, hash));
    // And it has been sent with the next one.
    assert_eq!(world.records.len(), 1);
}

#[tokio::test]
async fn a_restart_at_each_step_loses_nothing_and_pays_nothing_twice() {
    for is_done in [false, true] {
        for crash in 0.. {
            let Some(mut world) = World::start() else {
                return;
            };
            world.sender.offer(offer(1));
            let mut steps = 0;
            let mut crashed = false;
            // As many steps as a round takes, over the blocks that it takes.
            for _ in 0..6 {
                while let Some(operation) = world.poll() {
                    steps += 1;
                    if steps > crash && !crashed {
                        crashed = true;
                        // The operation is done or not, and its process does not learn of it.
                        if is_done {
                            world.effect(operation.request).await;
                        }
                        world.restart();
                        // Who offers does so again after a restart.
                        let offered = world.sender.offer(offer(1));
                        assert_eq!(offered, Offered::Taken);
                        continue;
                    }
                    let outcome = world.effect(operation.request).await;
                    world.sender.complete(operation.id, outcome);
                }
                world.anvil.mine(1);
                world.now += 12_000;
            }
            world.settle().await;
            world.finish().await;
            assert_eq!(world.records.len(), 1, "{crash} {is_done}");
            if !crashed {
                assert!(crash > 8, "a round has more steps than {crash}");
                break;
            }
        }
    }
}

/// An endpoint before anvil that fails once in so many calls, each time in another way.
async fn unreliable(anvil: &Anvil, seed: u64) -> Fake {
    let fake = Fake::start().await;
    let port = anvil.port();
    let mut random = Random::new(seed);
    fake.tamper(move |method, params, _| {
        let fails = random.one_in(6);
        let kind = random.below(4);
        if fails && kind == 0 {
            return Reply::Drop;
        }
        let mut answer = ask(port, method, params);
        if !fails {
            // The number of the call is another.
            answer.as_object_mut().unwrap().remove("id");
            return Reply::Answer(answer);
        }
        match kind {
            // It was done, and nobody learns of it.
            1 => Reply::Drop,
            2 => Reply::Raw(502, "text/html", b"<html>bad gateway</html>".to_vec()),
            _ => Reply::Answer(json!({"error": {"code": -32_603, "message": "internal error"}})),
        }
    });
    fake
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_fails_at_random_loses_nothing_and_pays_nothing_twice() {
    for seed in 0..4 {
        let Some(anvil) = Anvil::start(&["--no-mining"]) else {
            return;
        };
        anvil.mine(5);
        let (one, two) = (
            unreliable(&anvil, seed).await,
            unreliable(&anvil, 100 + seed).await,
        );
        let chain = timeless(&[&one.url, &two.url], Duration::from_secs(2));
        let mut world = World::of(anvil, chain);
        let mut random = Random::new(seed);
        for root in 1..=3 {
            world.sender.offer(offer(root));
            for _ in 0..8 {
                world.settle().await;
                match random.below(6) {
                    0 => {
                        let depth = 1 + random.below(2);
                        world.anvil.reorganise(depth);
                    }
                    1 => {
                        world.anvil.call("anvil_dropAllTransactions", json!([]));
                    }
                    2 => world.restart(),
                    _ => {}
                }
                world.block().await;
            }
            world.finish().await;
        }
        assert!(!world.records.is_empty(), "{seed}");
    }
}

#[tokio::test]
async fn a_round_whose_final_block_is_undone_is_on_the_chain_again_once() {
    let Some(mut world) = World::start() else {
        return;
    };
    world.sender.offer(offer(1));
    world.finish().await;
    let first = world.records[&offer(1).root].inclusion.block;
    world.anvil.reorganise(5);
    world.wait(600).await;
    assert_eq!(
        world.names(),
        ["sent", "included", "recorded", "undone", "sent again"]
    );
    world.finish().await;
    let second = world.records[&offer(1).root].inclusion.block;
    assert_ne!(first, second);
    assert_eq!(world.sender.status().undone[0].0.block, first);
    // The very bytes, twice.
    assert_eq!(world.sent.len(), 2);
    world.sender.offer(offer(2));
    world.finish().await;
    assert_eq!(world.records.len(), 2);
}
