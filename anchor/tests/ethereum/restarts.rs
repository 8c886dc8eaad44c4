//! A process dies at each step, and the next one goes on.

use std::sync::Arc;

use counterfoil_store::memory::{MemoryBlobStore, MemoryHeadStore};

use crate::common::worker::Disk;
use crate::world::{Gated, World, begin, count};

/// More places than a round has.
const MOST: usize = 100;

#[tokio::test]
async fn wherever_a_process_dies_each_root_is_paid_once_and_each_log_has_one_record() {
    let mut died = 0;
    for place in 0..MOST {
        let mut world = World::new(&["a.example/log", "b.example/log"]);
        world.disk = Disk {
            blobs: Arc::new(Gated {
                inner: MemoryBlobStore::new(),
                chain: world.chain.clone(),
            }),
            heads: Arc::new(Gated {
                inner: MemoryHeadStore::new(),
                chain: world.chain.clone(),
            }),
        };
        let records = world.records().await;
        let places = [
            begin(&records, "a.example/log", 5, 1_700_000_000).await,
            begin(&records, "b.example/log", 6, 1_700_000_000).await,
        ];
        world.chain.gate.die_at(place);
        let running = world.run().await;
        let ended = running.until("recorded", |status| count(status, "recorded") == 1);
        let dead = tokio::select! {
            () = world.chain.gate.died.notified() => true,
            _ = ended => false,
        };
        world.chain.gate.live();
        died += usize::from(dead);
        running.die().await;
        let running = world.run().await;
        running
            .until("recorded", |status| {
                status.logs.iter().all(|log| log.newest.is_some())
                    && status.sender.as_ref().is_some_and(|sender| {
                        sender.last_record.is_some() && sender.on_its_way.is_none()
                    })
            })
            .await;
        // It has nothing left to do.
        running.looks(40).await;
        running.end().await;
        assert_eq!(world.chain.roots().len(), 1, "dead at {place}");
        for folder in &places {
            assert_eq!(world.recorded(folder).await.len(), 1, "dead at {place}");
        }
        if !dead {
            break;
        }
    }
    assert!(died >= 18, "a round has more steps than {died}");
    assert!(died < MOST, "the last one did not die");
}

#[tokio::test]
async fn a_damaged_register_stops_it_and_it_says_so() {
    let world = World::new(&["a.example/log"]);
    let register = counterfoil_store::RegisterName::new("ethereum/sender").unwrap();
    world
        .disk
        .heads
        .create(&register, "nonsense".into())
        .await
        .unwrap();
    let records = world.records().await;
    begin(&records, "a.example/log", 5, 1_700_000_000).await;
    let running = world.run().await;
    let status = running
        .until("stopped", |status| {
            status
                .not_ready()
                .is_some_and(|why| why.contains("nothing is sent"))
        })
        .await;
    let why = status.not_ready().unwrap();
    assert!(why.contains("restore it from a backup"), "{why}");
    running.end().await;
    assert_eq!(world.chain.roots().len(), 0);
}
