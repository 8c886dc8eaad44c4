//! Rounds: what is sent, what is not, and what is shown.

use std::sync::Arc;
use std::time::Duration;

use counterfoil_anchor::ethereum::{Mode, View};
use counterfoil_anchor::moment::{self, Moment};
use counterfoil_anchor::names::{Blobs as _, CheckpointHash};
use counterfoil_anchor::record::TokenRecord;
use counterfoil_anchor::records::Acknowledged;
use counterfoil_ethereum::{Calldata, Round, Transaction};
use counterfoil_ethereum_sender::Hold;
use counterfoil_store::memory::MemoryHeadStore;
use counterfoil_store::{Blob, HeadStore as _};
use counterfoil_tiles::checkpoint::Origin;
use counterfoil_tiles::hash::hash_leaf;

use crate::chain::CHAIN_ID;
use crate::world::{CHAIN, World, begin, count, damage, note};

#[tokio::test]
async fn one_transaction_is_for_all_logs_and_each_has_a_record_that_verifies() {
    let origins = ["c.example/log", "a.example/log", "b.example/log"];
    let world = World::new(&origins);
    let records = world.records().await;
    let mut places = Vec::new();
    for (origin, size) in origins.iter().zip(5..) {
        places.push(begin(&records, origin, size, 1_700_000_000).await);
    }
    let running = world.run().await;
    let status = running
        .until("recorded", |status| count(status, "recorded") == 1)
        .await;
    // In the order of the origins.
    let leaves = [
        ("a.example/log", 6),
        ("b.example/log", 7),
        ("c.example/log", 5),
    ]
    .map(|(origin, size)| hash_leaf(note(origin, size, 1_700_000_000).as_bytes()).into());
    let round = Round::new(leaves.to_vec()).unwrap();
    assert_eq!(world.chain.roots(), [*round.root()]);
    for (log, place) in status.logs.iter().zip(&places) {
        let recorded = world.recorded(place).await;
        assert_eq!(recorded.len(), 1);
        let block = log.newest.unwrap();
        assert_eq!(block.place, *place);
        let sent = Transaction::parse(&recorded[0].block.transaction).unwrap();
        assert_eq!(block.transaction, sent.hash);
        let carried = Calldata::parse(sent.call.unwrap().data).unwrap().root;
        assert_eq!(carried, *round.root());
    }
    assert_eq!(status.not_ready(), None);
    running.end().await;
}

#[tokio::test]
async fn nothing_is_sent_for_what_has_not_changed_and_a_log_that_grew_goes_alone() {
    let world = World::new(&["a.example/log", "b.example/log"]);
    let running = world.run().await;
    // There is nothing at all yet.
    running.looks(20).await;
    running.end().await;
    let records = world.records().await;
    begin(&records, "a.example/log", 5, 1_700_000_000).await;
    let still = begin(&records, "b.example/log", 9, 1_700_000_000).await;
    let running = world.run().await;
    running
        .until("recorded", |status| count(status, "recorded") == 1)
        .await;
    // The same tree with newer cosignatures is no news.
    begin(&records, "b.example/log", 9, 1_700_000_500).await;
    running.looks(100).await;
    assert_eq!(world.chain.roots().len(), 1);
    let grown = begin(&records, "a.example/log", 6, 1_700_000_600).await;
    running
        .until("recorded", |status| count(status, "recorded") == 2)
        .await;
    let recorded = world.recorded(&grown).await;
    assert_eq!(recorded[0].block.path.size.get(), 1, "it went alone");
    assert_eq!(world.recorded(&still).await.len(), 1);
    assert_eq!(world.chain.roots().len(), 2);
    running.end().await;
}

#[tokio::test]
async fn a_tree_that_does_not_change_is_anchored_again_once_its_anchor_is_old() {
    let mut world = World::new(&["a.example/log"]);
    let records = world.records().await;
    begin(&records, "a.example/log", 5, 1_700_000_000).await;
    // The chain's blocks are long ago.
    world.max_age = Some(Duration::from_secs(1));
    let running = world.run().await;
    running
        .until("recorded", |status| count(status, "recorded") == 1)
        .await;
    // The very same bytes would say nothing that is not said.
    running.looks(100).await;
    assert_eq!(world.chain.roots().len(), 1);
    let place = begin(&records, "a.example/log", 5, 1_700_000_500).await;
    running
        .until("recorded", |status| count(status, "recorded") == 2)
        .await;
    assert_eq!(world.recorded(&place).await.len(), 1);
    running.end().await;
}

#[tokio::test]
async fn an_operator_can_have_the_same_tree_anchored_at_once() {
    let world = World::new(&["a.example/log"]);
    let records = world.records().await;
    begin(&records, "a.example/log", 5, 1_700_000_000).await;
    let running = world.run().await;
    running
        .until("recorded", |status| count(status, "recorded") == 1)
        .await;
    begin(&records, "a.example/log", 5, 1_700_000_500).await;
    running.ethereum.want();
    running
        .until("recorded", |status| count(status, "recorded") == 2)
        .await;
    running.end().await;
}

#[tokio::test]
async fn a_log_whose_records_cannot_be_read_or_that_no_policy_admits_holds_nobody_back() {
    let world = World::new(&["a.example/log", "b.example/log", "c.example/log"]);
    let records = world.records().await;
    let good = begin(&records, "b.example/log", 5, 1_700_000_000).await;
    let damaged = Origin::new("a.example/log").unwrap();
    let register = counterfoil_anchor::state::register(
        counterfoil_tiles::checkpoint::OriginHash::of(&damaged),
    );
    world
        .disk
        .heads
        .create(&register, "nonsense".into())
        .await
        .unwrap();
    let running = world.run().await;
    running
        .until("recorded", |status| count(status, "recorded") == 1)
        .await;
    assert_eq!(world.recorded(&good).await.len(), 1);
    running.end().await;
}

#[tokio::test]
async fn a_log_that_forked_is_left_out_until_the_operator_has_dealt_with_that() {
    let mut world = World::new(&["a.example/log", "b.example/log"]);
    let records = world.records().await;
    let forked = begin(&records, "a.example/log", 5, 1_700_000_000).await;
    let good = begin(&records, "b.example/log", 5, 1_700_000_000).await;
    let anchored = note("a.example/log", 5, 1_700_000_000);
    let refused = note("a.example/log", 6, 1_700_000_000);
    records.saw_fork(forked.origin, &anchored, &refused);
    let none = Acknowledged::default();
    let kept = records.keep_forks(forked.origin, &none, Some(&anchored));
    kept.await.unwrap();
    let running = world.run().await;
    running
        .until("recorded", |status| count(status, "recorded") == 1)
        .await;
    running.looks(20).await;
    assert_eq!(world.recorded(&good).await.len(), 1);
    assert_eq!(world.recorded(&forked).await.len(), 0);
    running.end().await;
    let known = CheckpointHash::of(refused.as_bytes());
    world.acknowledged(0).forks.insert(known);
    let running = world.run().await;
    running
        .until("recorded", |status| count(status, "recorded") == 1)
        .await;
    assert_eq!(world.recorded(&forked).await.len(), 1);
    running.end().await;
}

#[tokio::test]
async fn what_the_records_say_is_anchored_where_the_register_is_from_an_older_backup() {
    let mut world = World::new(&["a.example/log"]);
    let records = world.records().await;
    let older = begin(&records, "a.example/log", 5, 1_700_000_000).await;
    let heads = Arc::new(MemoryHeadStore::new());
    let register = counterfoil_anchor::state::register(older.origin);
    let value = world.disk.heads.fetch(&register).await.unwrap().unwrap();
    heads.create(&register, value).await.unwrap();
    let newer = begin(&records, "a.example/log", 9, 1_700_000_900).await;
    let token = br#"{"by":"tsa","nonce":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],"sha256":[],"gen_time":1,"key":"k"}"#;
    let record = TokenRecord {
        authority: "tsa".parse().unwrap(),
        url: "http://tsa.example/".to_owned(),
        checkpoint: note("a.example/log", 9, 1_700_000_900).as_bytes().to_vec(),
        token: token.to_vec(),
        certificates: vec![vec![1], vec![2]],
        gen_time: Moment::from_millis(1),
        received: Moment::from_millis(1),
        revocation: Vec::new(),
    };
    records.keep(&newer, &record).await.unwrap();
    world.disk.heads = heads;
    let running = world.run().await;
    running
        .until("recorded", |status| count(status, "recorded") == 1)
        .await;
    assert_eq!(world.recorded(&newer).await.len(), 1);
    assert_eq!(world.recorded(&older).await.len(), 0);
    running.end().await;
}

#[tokio::test]
async fn a_checkpoint_that_is_lost_while_its_round_is_on_its_way_holds_no_record_back() {
    type Lost = Option<&'static str>;
    let rows: [(&str, Lost); 2] = [("damaged", Some("nonsense")), ("gone", None)];
    for (name, lost) in rows {
        let world = World::new(&["a.example/log", "b.example/log", "c.example/log"]);
        world.chain.ways(|ways| ways.is_paused = true);
        let records = world.records().await;
        let mut places = Vec::new();
        for origin in ["a.example/log", "b.example/log", "c.example/log"] {
            places.push(begin(&records, origin, 5, 1_700_000_000).await);
        }
        let running = world.run().await;
        running
            .until("sent", |status| count(status, "sent") == 1)
            .await;
        // The log of one of the two goes on, so that nobody knows its checkpoint any more.
        let next = begin(&records, "a.example/log", 6, 1_700_000_100).await;
        for place in &places[..2] {
            let checkpoint = place.checkpoint();
            let blobs = &world.disk.blobs;
            blobs
                .discard(std::slice::from_ref(&checkpoint))
                .await
                .unwrap();
            if let Some(bytes) = lost {
                let blob = Blob::new(checkpoint, bytes);
                blobs.put_new(&[blob]).await.unwrap();
            }
        }
        world.chain.ways(|ways| ways.is_paused = false);
        running
            .until("the next recorded", |status| count(status, "recorded") == 2)
            .await;
        let mut counts = Vec::new();
        for place in places.iter().chain([&next]) {
            counts.push(world.recorded(place).await.len());
        }
        assert_eq!(counts, [0, 1, 1, 1], "{name}");
        assert_eq!(world.chain.roots().len(), 2, "{name}");
        running.end().await;
    }
}

#[tokio::test]
async fn a_round_that_fees_hold_back_is_shown_and_gives_way_to_the_next() {
    let world = World::new(&["a.example/log"]);
    world.chain.ways(|ways| ways.base_fee = 90);
    let records = world.records().await;
    let first = begin(&records, "a.example/log", 5, 1_700_000_000).await;
    let running = world.run().await;
    let held = running
        .until("held back", |status| {
            status
                .sender
                .as_ref()
                .is_some_and(|sender| sender.hold.is_some())
        })
        .await;
    let sender = held.sender.unwrap();
    assert!(
        matches!(sender.hold, Some((Hold::Fee { .. }, _))),
        "{:?}",
        sender.hold
    );
    assert!(sender.waiting.is_some());
    let second = begin(&records, "a.example/log", 6, 1_700_000_100).await;
    running
        .until("superseded", |status| count(status, "superseded") == 1)
        .await;
    world.chain.ways(|ways| ways.base_fee = 10);
    running
        .until("recorded", |status| count(status, "recorded") == 1)
        .await;
    assert_eq!(world.chain.roots().len(), 1);
    assert_eq!(world.recorded(&first).await.len(), 0);
    assert_eq!(world.recorded(&second).await.len(), 1);
    running.end().await;
}

#[tokio::test]
async fn what_another_chain_of_the_same_name_has_is_not_on_this_one() {
    let world = World::new(&["a.example/log"]);
    let records = world.records().await;
    let place = begin(&records, "a.example/log", 5, 1_700_000_000).await;
    world.chain.ways(|ways| ways.chain_id = Some(5));
    let mut other = world.plan();
    other.sender.identity.chain_id = 5;
    let running = world.on(other).await;
    running
        .until("recorded", |status| count(status, "recorded") == 1)
        .await;
    running.end().await;
    world.chain.ways(|ways| ways.chain_id = None);
    let running = world.run().await;
    running
        .until("recorded", |status| count(status, "recorded") == 1)
        .await;
    running.end().await;
    assert_eq!(world.chain.roots().len(), 2);
    let chain = CHAIN.parse().unwrap();
    let records = world.records().await;
    let names = records.with_index(|index| index.blocks(&place, &chain));
    let mut chains = Vec::new();
    for name in names {
        let (record, _) = records.block(&place, &name).await.unwrap();
        chains.push(record.block.chain_id);
    }
    assert_eq!(chains, [5, CHAIN_ID]);
}

#[tokio::test]
async fn a_balance_that_does_not_suffice_for_a_round_is_low_before_there_was_one() {
    for balance in [0, 1] {
        let world = World::new(&["a.example/log"]);
        world.chain.ways(|ways| ways.balance = Some(balance));
        let records = world.records().await;
        begin(&records, "a.example/log", 5, 1_700_000_000).await;
        let running = world.run().await;
        let status = running
            .until("held back", |status| {
                let sender = status.sender.as_ref();
                sender.is_some_and(|sender| sender.hold.is_some())
            })
            .await;
        assert!(status.is_low(), "{balance}");
        assert_eq!(status.days_left(), Some(0.0), "{balance}");
        running.end().await;
    }
}

#[tokio::test]
async fn what_is_due_is_chosen_when_the_round_before_has_ended() {
    let world = World::new(&["a.example/log"]);
    world.chain.ways(|ways| ways.is_paused = true);
    let records = world.records().await;
    let first = begin(&records, "a.example/log", 5, 1_700_000_000).await;
    let running = world.run().await;
    running
        .until("sent", |status| count(status, "sent") == 1)
        .await;
    let between = begin(&records, "a.example/log", 6, 1_700_000_100).await;
    tokio::time::sleep(Duration::from_millis(250)).await;
    let last = begin(&records, "a.example/log", 7, 1_700_000_200).await;
    world.chain.ways(|ways| ways.is_paused = false);
    running
        .until("recorded", |status| count(status, "recorded") == 2)
        .await;
    let mut counts = Vec::new();
    for place in [first, between, last] {
        counts.push(world.recorded(&place).await.len());
    }
    assert_eq!(counts, [1, 0, 1]);
    running.end().await;
}

#[tokio::test]
async fn what_a_reorganisation_undid_comes_again_and_is_recorded_once() {
    let world = World::new(&["a.example/log"]);
    let records = world.records().await;
    let place = begin(&records, "a.example/log", 5, 1_700_000_000).await;
    let running = world.run().await;
    running
        .until("included", |status| count(status, "included") == 1)
        .await;
    world.chain.reorganise(1);
    running
        .until("recorded", |status| count(status, "recorded") == 1)
        .await;
    assert_eq!(world.chain.roots().len(), 1);
    assert_eq!(world.recorded(&place).await.len(), 1);
    running.end().await;
}

#[tokio::test]
async fn a_chain_that_does_not_answer_or_breaks_is_asked_again() {
    let world = World::new(&["a.example/log"]);
    world
        .chain
        .ways(|ways| ways.trouble = Some("no route to host"));
    let records = world.records().await;
    begin(&records, "a.example/log", 5, 1_700_000_000).await;
    let running = world.run().await;
    let trouble = |status: &counterfoil_anchor::ethereum::Status, words: &str| {
        let sender = status.sender.as_ref();
        let trouble = sender.and_then(|sender| sender.trouble.as_ref());
        trouble.is_some_and(|(why, _)| why.contains(words))
    };
    let status = running
        .until("in trouble", |status| trouble(status, "no route to host"))
        .await;
    assert_eq!(status.not_ready(), None, "that is no fault of this service");
    world.chain.ways(|ways| {
        ways.trouble = None;
        ways.breaks = true;
    });
    running
        .until("broken", |status| trouble(status, "a mistake in the chain"))
        .await;
    world.chain.ways(|ways| ways.breaks = false);
    running
        .until("recorded", |status| count(status, "recorded") == 1)
        .await;
    running.end().await;
}

#[tokio::test]
async fn what_does_not_verify_is_not_kept() {
    let world = World::new(&["a.example/log"]);
    world.chain.ways(|ways| ways.changes_receipt = true);
    let records = world.records().await;
    let place = begin(&records, "a.example/log", 5, 1_700_000_000).await;
    let running = world.run().await;
    let status = running
        .until("in trouble", |status| {
            let sender = status.sender.as_ref();
            sender.is_some_and(|sender| sender.trouble.is_some())
        })
        .await;
    let (why, _) = status.sender.unwrap().trouble.unwrap();
    assert!(why.contains("does not verify (receipt"), "{why}");
    assert_eq!(count(&running.ethereum.status(), "recorded"), 0);
    world.chain.ways(|ways| ways.changes_receipt = false);
    running
        .until("recorded", |status| count(status, "recorded") == 1)
        .await;
    assert_eq!(world.recorded(&place).await.len(), 1);
    running.end().await;
}

#[tokio::test]
async fn a_contract_that_is_not_there_is_not_called() {
    let mut world = World::new(&["a.example/log"]);
    world.mode = Mode::Contract;
    let records = world.records().await;
    begin(&records, "a.example/log", 5, 1_700_000_000).await;
    let running = world.run().await;
    let status = running
        .until("held back", |status| {
            status
                .sender
                .as_ref()
                .is_some_and(|sender| sender.hold.is_some())
        })
        .await;
    let (hold, _) = status.sender.unwrap().hold.unwrap();
    assert!(hold.to_string().contains("there is no contract"), "{hold}");
    world.chain.ways(|ways| ways.has_contract = true);
    running
        .until("recorded", |status| count(status, "recorded") == 1)
        .await;
    running.end().await;
}

#[tokio::test]
async fn once_sends_and_the_next_time_records() {
    let world = World::new(&["a.example/log"]);
    let records = world.records().await;
    let place = begin(&records, "a.example/log", 5, 1_700_000_000).await;
    let status = world.ethereum().await.once(None).await;
    assert_eq!((count(&status, "sent"), count(&status, "recorded")), (1, 0));
    assert!(status.sender.unwrap().on_its_way.is_some());
    assert_eq!(world.chain.roots().len(), 0);
    // It waits for finality where it is told to.
    let wait = Some(Duration::from_secs(20));
    let status = world.ethereum().await.once(wait).await;
    assert_eq!(count(&status, "recorded"), 1, "{status:?}");
    assert_eq!(world.recorded(&place).await.len(), 1);
    // There is nothing new.
    let status = world.ethereum().await.once(None).await;
    assert_eq!(count(&status, "sent"), 0);
    assert_eq!(world.chain.roots().len(), 1);
}

#[tokio::test]
async fn what_was_recorded_just_now_is_not_new() {
    let world = World::new(&["a.example/log"]);
    let records = world.records().await;
    begin(&records, "a.example/log", 5, 1_700_000_000).await;
    let status = world.ethereum().await.once(None).await;
    assert_eq!((count(&status, "sent"), count(&status, "recorded")), (1, 0));
    // The same tree has newer cosignatures by the time that its round is final.
    begin(&records, "a.example/log", 5, 1_700_000_500).await;
    let wait = Some(Duration::from_secs(20));
    let status = world.ethereum().await.once(wait).await;
    assert_eq!((count(&status, "sent"), count(&status, "recorded")), (0, 1));
    assert_eq!(world.chain.roots().len(), 1);
    // Nor in a slot that begins at that very moment.
    begin(&records, "a.example/log", 6, 1_700_001_000).await;
    world.chain.ways(|ways| ways.is_paused = true);
    let mut plan = world.plan();
    plan.every = Duration::from_millis(1);
    let running = world.on(plan).await;
    running
        .until("sent", |status| count(status, "sent") == 1)
        .await;
    begin(&records, "a.example/log", 6, 1_700_001_500).await;
    world.chain.ways(|ways| ways.is_paused = false);
    running
        .until("recorded", |status| count(status, "recorded") == 1)
        .await;
    running.looks(20).await;
    running.end().await;
    assert_eq!(world.chain.roots().len(), 2);
}

#[tokio::test]
async fn a_round_whose_checkpoints_are_all_lost_is_not_recorded() {
    let world = World::new(&["a.example/log", "b.example/log"]);
    world.chain.ways(|ways| ways.is_paused = true);
    let records = world.records().await;
    let mut places = Vec::new();
    for origin in ["a.example/log", "b.example/log"] {
        places.push(begin(&records, origin, 5, 1_700_000_000).await);
    }
    let running = world.run().await;
    running
        .until("sent", |status| count(status, "sent") == 1)
        .await;
    // Their logs go on, so that nobody knows their checkpoints any more. For now what is their newest is held back.
    for (place, origin) in places.iter().zip(["a.example/log", "b.example/log"]) {
        damage(&world.disk, place.checkpoint()).await;
        begin(&records, origin, 6, 1_700_000_100).await;
    }
    world.chain.ways(|ways| ways.base_fee = 90);
    world.chain.ways(|ways| ways.is_paused = false);
    let status = running
        .until("lost", |status| count(status, "lost") == 1)
        .await;
    assert_eq!(count(&status, "recorded"), 0);
    assert_eq!(status.lost.as_ref().unwrap().checkpoints, places);
    let view = View::of(&running.ethereum.status(), moment::now());
    assert!(view.last_record.is_none());
    let named: Vec<String> = places.iter().map(|place| format!("/{place}")).collect();
    assert_eq!(view.lost.unwrap().checkpoints, named);
    // Until a later round is recorded.
    world.chain.ways(|ways| ways.base_fee = 10);
    let status = running
        .until("recorded", |status| count(status, "recorded") == 1)
        .await;
    assert_eq!((count(&status, "lost"), status.lost), (1, None));
    running.end().await;
}
