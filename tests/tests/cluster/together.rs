//! The log and its witnesses: what the log does while they cannot be reached, lie, or follow somebody else.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use counterfoil_log_server::log::State;
use counterfoil_store::faulty::Plan;

use crate::checker::Branch;
use crate::clock::{pause, world};
use crate::keys::Shape;
use crate::liar::Lie;
use crate::log::Machine;
use crate::network::Party;
use crate::random::Random;
use crate::rogue::stranger;
use crate::witnesses::Cluster;

const TWO_OF_THREE: Shape = Shape {
    witnesses: 3,
    quorum: 2,
};

const THREE_OF_FOUR: Shape = Shape {
    witnesses: 4,
    quorum: 3,
};

/// In how long a log that is whole publishes what it has acknowledged, after the world is whole.
const SOON: Duration = Duration::from_secs(30);

fn entries(round: u64) -> Vec<Bytes> {
    (0..3)
        .map(|entry| Bytes::from(format!("{round}, {entry}")))
        .collect()
}

pub(crate) async fn log(cluster: &mut Cluster) -> Arc<Machine> {
    let random = cluster.random.split();
    Machine::new(&cluster.network, &cluster.checker, cluster.clock, random).await
}

/// A log that runs and has published three entries.
async fn started(cluster: &mut Cluster) -> Arc<Machine> {
    let log = log(cluster).await;
    starts(cluster, &log).await;
    log
}

/// Starts a new log, which publishes three entries.
pub(crate) async fn starts(cluster: &Cluster, log: &Arc<Machine>) {
    log.start();
    while log.add(entries(0)).await == 0 {
        assert!(
            cluster.clock.elapsed() < SOON,
            "the log does not start: {:?}",
            log.refusals()
        );
    }
    assert!(
        log.catches_up(SOON).await,
        "three entries are not published"
    );
}

/// Entries are acknowledged and not published; how many there are in the end.
async fn takes_entries_without_publishing(cluster: &Cluster, log: &Machine) -> u64 {
    let published = cluster.checker.published_size();
    for round in 1..20 {
        assert_eq!(
            log.add(entries(round)).await,
            3,
            "entries are not acknowledged"
        );
        pause(3_000).await;
    }
    assert_eq!(cluster.checker.published_size(), published);
    assert_eq!(log.state(), Some(State::Unpublished));
    cluster.checker.acknowledged_size()
}

#[test]
fn a_log_behind_a_partition_goes_on_by_itself_when_it_heals() {
    world(async {
        let mut cluster = Cluster::new(TWO_OF_THREE, 11);
        let log = started(&mut cluster).await;
        cluster.network.cut(Party::Log, 0);
        cluster.network.cut(Party::Log, 2);
        let size = takes_entries_without_publishing(&cluster, &log).await;
        cluster.network.heal();
        assert!(
            log.catches_up(SOON).await,
            "not published after the partition"
        );
        assert_eq!(cluster.checker.published_size(), Some(size));
        assert_eq!(log.state(), Some(State::Running));
        cluster.checker.entries_are_published();
        cluster.hold();
    });
}

#[test]
fn a_log_with_fewer_witnesses_than_its_quorum_takes_entries_and_publishes_when_they_are_back() {
    world(async {
        let mut cluster = Cluster::new(THREE_OF_FOUR, 12);
        let log = started(&mut cluster).await;
        cluster.node(0).crash();
        cluster.node(3).crash();
        let size = takes_entries_without_publishing(&cluster, &log).await;
        // One is enough: three of four.
        cluster.node(3).start(Plan::none());
        assert!(log.catches_up(SOON).await, "not published with the quorum");
        assert_eq!(cluster.checker.published_size(), Some(size));
        cluster.checker.entries_are_published();
        cluster.hold();
    });
}

#[test]
fn what_was_acknowledged_without_a_quorum_is_published_after_a_crash() {
    world(async {
        let mut cluster = Cluster::new(TWO_OF_THREE, 13);
        let log = started(&mut cluster).await;
        cluster.node(0).crash();
        cluster.node(1).crash();
        let size = takes_entries_without_publishing(&cluster, &log).await;
        log.restart();
        pause(60_000).await;
        for node in [0, 1] {
            cluster.node(node).start(Plan::none());
        }
        assert!(
            log.catches_up(SOON).await,
            "not published: {:?}",
            log.refusals()
        );
        assert_eq!(cluster.checker.published_size(), Some(size));
        cluster.checker.entries_are_published();
        cluster.hold();
    });
}

#[test]
fn no_lie_of_one_witness_holds_the_log_up() {
    let lies = [
        Lie::SignsAnything,
        Lie::Garbage,
        Lie::Endless,
        Lie::Silence,
        Lie::WrongSize,
        Lie::AnotherCheckpoint,
        Lie::AnothersName,
        Lie::BitFlipped,
        Lie::Everything,
    ];
    for lie in lies {
        world(async {
            let mut cluster = Cluster::new(THREE_OF_FOUR, 14);
            cluster.node(0).lie(lie);
            let log = started(&mut cluster).await;
            for round in 1..10 {
                assert_eq!(log.add(entries(round)).await, 3, "{lie:?}");
                assert!(log.catches_up(SOON).await, "{lie:?} holds the log up");
            }
            cluster.checker.entries_are_published();
            cluster.hold();
        });
    }
}

#[test]
fn a_second_log_with_the_same_key_gets_no_quorum_beside_the_first() {
    world(async {
        let mut cluster = Cluster::new(TWO_OF_THREE, 15);
        let log = started(&mut cluster).await;
        let mut fork = cluster.fork(2);
        fork.grow(1);
        fork.publish().await;
        // It may take one witness from the log, by being faster.
        cluster.network.cut(Party::Log, 2);
        log.add(entries(1)).await;
        assert!(log.catches_up(SOON).await);
        let mut fork = cluster.fork(3);
        fork.grow(9);
        assert!(fork.submit(2, 12).await);
        cluster.network.heal();
        for round in 2..10 {
            assert_eq!(log.add(entries(round)).await, 3);
            fork.grow(1);
            fork.publish().await;
            assert!(log.catches_up(SOON).await, "the fork holds the log up");
        }
        assert_eq!(cluster.checker.quorums(Branch::Rogue), Vec::<u64>::new());
        assert_eq!(
            cluster.node(0).evidence().await.len(),
            1,
            "proofs of the fork at size 3"
        );
        cluster.hold();
    });
}

#[test]
fn a_witness_restored_from_an_old_backup_is_missed_and_nothing_else() {
    world(async {
        let mut cluster = Cluster::new(TWO_OF_THREE, 16);
        let log = started(&mut cluster).await;
        let backup = cluster.node(1).disk().back_up();
        for round in 1..5 {
            log.add(entries(round)).await;
            assert!(log.catches_up(SOON).await);
        }
        cluster.node(1).copy().await;
        cluster.node(1).restore(backup);
        for round in 5..10 {
            log.add(entries(round)).await;
            assert!(log.catches_up(SOON).await, "the other two are enough");
        }
        // It signs nothing, so the other two are needed both.
        cluster.node(0).crash();
        log.add(entries(10)).await;
        assert!(!log.catches_up(SOON).await, "the restored witness cosigned");
        cluster.node(0).start(Plan::none());
        assert!(log.catches_up(SOON).await);
        cluster.checker.entries_are_published();
        cluster.hold();
    });
}

#[test]
fn a_log_restored_from_an_old_backup_does_not_go_on_from_there() {
    world(async {
        let mut cluster = Cluster::new(TWO_OF_THREE, 17);
        let log = started(&mut cluster).await;
        let backup = log.back_up().await;
        for round in 1..5 {
            log.add(entries(round)).await;
            assert!(log.catches_up(SOON).await);
        }
        log.restore(backup).await;
        while log.refusals().is_empty() {
            assert!(cluster.clock.elapsed() < SOON * 4, "it does not notice");
            assert_eq!(log.add(entries(9)).await, 0, "it acknowledges entries");
        }
        cluster.hold();
    });
}

/// A log, witnesses of which some lie, a stranger and clients, while everything breaks for two minutes.
async fn disturbed(seed: u64, forks: Forks) -> (Cluster, Arc<Machine>) {
    let shapes = [(3, 2), (4, 3), (5, 4), (5, 3), (3, 3), (1, 1)];
    let mut random = Random::new(seed);
    let (witnesses, quorum) = shapes[random.index(shapes.len())];
    let shape = Shape { witnesses, quorum };
    let mut cluster = Cluster::new(shape, seed);
    // As many as can lie without breaking what two quorums share, nor keeping the rest from being a quorum.
    let most = (shape.intersection() - 1).min(witnesses - quorum);
    for number in 0..random.index(most + 1) {
        cluster.node(number).lie(Lie::Everything);
    }
    let log = log(&mut cluster).await;
    log.start();
    let mut tasks = vec![tokio::spawn(stranger(
        Arc::clone(&cluster.network),
        Arc::clone(&cluster.checker),
        random.split(),
    ))];
    for number in 0..2 {
        let client = Arc::clone(&log).client(number, random.split());
        tasks.push(tokio::spawn(client));
    }
    let mut parties = vec![Party::Log, Party::Log, Party::Stranger];
    if forks == Forks::Once {
        pause(20_000).await;
        let size = cluster.checker.history(Branch::Log).size();
        let fork = cluster.fork(random.between(0, size));
        tasks.push(tokio::spawn(fork.run()));
        parties.push(Party::Rogue);
    }
    while cluster.clock.elapsed().as_secs() < 120 {
        pause(random.between(100, 5_000)).await;
        if random.one_in(8) {
            log.restart();
        } else {
            cluster.disturb(&parties);
        }
    }
    for task in &tasks {
        task.abort();
    }
    (cluster, log)
}

/// Whether somebody has the log's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forks {
    Never,
    Once,
}

/// What a disturbed log acknowledged is published, once nothing breaks any more.
pub(crate) async fn disturbed_and_healed(seed: u64) -> Cluster {
    let (cluster, log) = disturbed(seed, Forks::Never).await;
    cluster.heal();
    // A witness whose clock was set far back waits until it is where its own cosignatures are.
    for node in cluster.network.nodes() {
        node.set_clock(0);
    }
    let caught_up = log.catches_up(Duration::from_mins(15)).await;
    assert!(caught_up, "it does not recover: {:?}", log.refusals());
    cluster.checker.entries_are_published();
    cluster
}

/// A log beside a second one with its key. Who wins the witnesses is nobody's promise.
pub(crate) async fn disturbed_and_forked(seed: u64) -> Cluster {
    disturbed(seed, Forks::Once).await.0
}
