//! Blocks that leave the chain though they were final.

use counterfoil_anchor::ethereum::View;

use crate::world::{CHAIN, World, begin, count};

#[tokio::test]
async fn a_round_whose_final_block_is_undone_is_anchored_anew_and_is_an_alarm_until_dealt_with() {
    let world = World::new(&["a.example/log"]);
    let records = world.records().await;
    let place = begin(&records, "a.example/log", 5, 1_700_000_000).await;
    let running = world.run().await;
    let status = running
        .until("recorded", |status| count(status, "recorded") == 1)
        .await;
    let first = status.sender.unwrap().last_record.unwrap().block;
    // For now the network does not take it again.
    world.chain.ways(|ways| ways.refuses = true);
    world.chain.undo_from(first.number);
    let status = running
        .until("undone", |status| {
            count(status, "undone") == 1 && status.logs[0].newest.is_none()
        })
        .await;
    assert_eq!(status.undone().next().unwrap().block, first);
    assert!(status.sender.as_ref().unwrap().on_its_way.is_some());
    let view = View::of(&status, counterfoil_anchor::moment::now());
    assert_eq!(view.undone[0].block_hash, first.hash.to_string());
    world.chain.ways(|ways| ways.refuses = false);
    let status = running
        .until("recorded anew", |status| count(status, "recorded") == 2)
        .await;
    assert_eq!(status.undone().count(), 1, "it is no less an alarm");
    let sender = status.sender.as_ref().unwrap();
    let second = sender.last_record.unwrap().block;
    assert_ne!(second.hash, first.hash);
    assert_eq!(status.logs[0].newest.unwrap().number, second.number);
    assert_eq!(world.chain.roots().len(), 1, "it was paid for once");
    running.end().await;
    // Both records are kept, and the one counts that is on the chain.
    let records = world.records().await;
    let chain = CHAIN.parse().unwrap();
    let names = records.with_index(|index| index.blocks(&place, &chain));
    assert_eq!(names.len(), 2);
    for (known, alarms) in [(Vec::new(), 1), (vec![first.hash], 0)] {
        let mut plan = world.plan();
        plan.sender.known_undone = known;
        let running = world.on(plan).await;
        let status = running
            .until("read", |status| status.logs[0].newest.is_some())
            .await;
        running.end().await;
        assert_eq!(status.undone().count(), alarms);
        assert_eq!(status.logs[0].newest.unwrap().number, second.number);
    }
    // What the operator names does not count, whatever the register says.
    let mut plan = world.plan();
    plan.sender.known_undone = vec![second.hash];
    let running = world.on(plan).await;
    let status = running
        .until("seen", |status| {
            let sender = status.sender.as_ref();
            sender.is_some_and(|sender| sender.seen.is_some())
        })
        .await;
    running.end().await;
    assert_eq!(status.logs[0].newest, None);
    assert_eq!(world.chain.roots().len(), 1);
}

#[tokio::test]
async fn what_is_the_newest_where_the_newest_block_left_the_chain_is_an_older_one() {
    let world = World::new(&["a.example/log"]);
    let records = world.records().await;
    let mut blocks = Vec::new();
    let running = world.run().await;
    for (number, size) in [(1, 5), (2, 6), (3, 9)] {
        begin(&records, "a.example/log", size, 1_700_000_000 + size).await;
        let status = running
            .until("recorded", |status| count(status, "recorded") == number)
            .await;
        blocks.push(status.logs[0].newest.unwrap());
    }
    // The last two leave the chain, one after the other, and for now the network does not take them again.
    world.chain.ways(|ways| ways.refuses = true);
    world.chain.undo_from(blocks[1].number);
    let status = running
        .until("undone", |status| count(status, "undone") == 2)
        .await;
    running.end().await;
    assert_eq!(status.logs[0].newest, Some(blocks[0]));
    assert_eq!(blocks[0].place.size.get(), 5);
    // Nor does what the operator names count.
    let mut plan = world.plan();
    plan.sender.known_undone = vec![world.chain.block(blocks[0].number).hash];
    let running = world.on(plan).await;
    let status = running
        .until("loaded", |status| {
            status
                .sender
                .as_ref()
                .is_some_and(|sender| sender.is_loaded)
        })
        .await;
    running.end().await;
    assert_eq!(status.logs[0].newest, None);
}
