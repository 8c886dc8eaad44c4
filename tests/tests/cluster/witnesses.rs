//! Witnesses against a log that forks, on bad networks and disks, with restarts in the middle.

use std::sync::Arc;

use counterfoil_store::faulty::{Odds as StoreOdds, Plan};

use crate::checker::{Branch, Checker};
use crate::clock::{Clock, pause, world};
use crate::keys::Shape;
use crate::liar::Lie;
use crate::network::{Network, Odds, Party};
use crate::node::Node;
use crate::random::Random;
use crate::rogue::Rogue;

/// Witnesses and the network before them.
pub(crate) struct Cluster {
    pub(crate) shape: Shape,
    pub(crate) clock: Clock,
    pub(crate) network: Arc<Network>,
    pub(crate) checker: Arc<Checker>,
    pub(crate) random: Random,
}

impl Cluster {
    /// Witnesses that run, on disks and a network that are whole.
    pub(crate) fn new(shape: Shape, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let (clock, checker) = (Clock::new(), Arc::new(Checker::new(shape)));
        let nodes = (0..shape.witnesses).map(|number| {
            let node = Node::new(number, clock, Arc::clone(&checker), random.split());
            node.start(Plan::none());
            Arc::new(node)
        });
        let nodes = nodes.collect();
        Self {
            shape,
            clock,
            network: Arc::new(Network::new(nodes, random.split())),
            checker,
            random,
        }
    }

    pub(crate) fn node(&self, number: usize) -> &Node {
        &self.network.nodes()[number]
    }

    pub(crate) fn log(&mut self) -> Rogue {
        Rogue::in_place_of_the_log(&self.network, &self.checker, self.random.split())
    }

    pub(crate) fn fork(&mut self, at: u64) -> Rogue {
        Rogue::fork(&self.network, &self.checker, at, self.random.split())
    }

    /// Faults of a store as often as the seed says.
    pub(crate) fn bad_disk(&mut self) -> Plan {
        let odds = StoreOdds {
            writes: u32::try_from(self.random.below(200)).unwrap(),
            reads: u32::try_from(self.random.below(100)).unwrap(),
        };
        Plan::seeded(self.random.below(u64::MAX), odds)
    }

    /// One thing happens to one witness, or to the network.
    pub(crate) fn disturb(&mut self, parties: &[Party]) {
        let number = self.random.index(self.shape.witnesses);
        let party = parties[self.random.index(parties.len())];
        match self.random.below(8) {
            0 => self.network.cut(party, number),
            1 => self.network.heal(),
            2 => self.node(number).crash(),
            // A second process beside the first, which has not ended yet.
            3 if self.random.one_in(2) => {
                let plan = self.bad_disk();
                self.node(number).start(plan);
            }
            4 => {
                let wrong_by = self.random.between(0, 400).cast_signed() - 200;
                self.node(number).set_clock(wrong_by);
            }
            5 => {
                let odds = self.random.below(150);
                self.network.set_odds(Odds::all(odds));
            }
            _ => {
                let plan = self.bad_disk();
                self.node(number).restart(plan);
            }
        }
    }

    /// Everything runs, and nothing fails any more. Lying witnesses lie on.
    pub(crate) fn heal(&self) {
        self.network.heal();
        self.network.set_odds(Odds::default());
        for node in self.network.nodes() {
            node.restart(Plan::none());
        }
    }

    pub(crate) fn hold(&self) {
        let violations = self.checker.violations();
        assert!(violations.is_empty(), "{violations:#?}");
    }
}

/// No size is under a quorum.
const NONE: [u64; 0] = [];

const TWO_OF_THREE: Shape = Shape {
    witnesses: 3,
    quorum: 2,
};

#[test]
fn a_fork_gets_no_quorum_and_leaves_proof_of_itself() {
    world(async {
        let mut cluster = Cluster::new(TWO_OF_THREE, 1);
        let mut log = cluster.log();
        log.grow(10);
        log.publish().await;
        assert_eq!(cluster.checker.quorums(Branch::Log), [10]);
        let mut fork = cluster.fork(7);
        fork.grow(3);
        fork.publish().await;
        assert_eq!(cluster.checker.quorums(Branch::Rogue), NONE);
        for number in 0..3 {
            let proofs = cluster.node(number).evidence().await;
            assert_eq!(proofs.len(), 1, "proofs at witness {number}");
        }
        // Beyond the size that was cosigned nothing is proved, and nothing cosigned either.
        fork.grow(5);
        fork.publish().await;
        assert_eq!(cluster.checker.quorums(Branch::Rogue), NONE);
        log.grow(1);
        log.publish().await;
        assert_eq!(cluster.checker.quorums(Branch::Log), [10, 11]);
        cluster.hold();
    });
}

#[test]
fn a_fork_behind_a_partition_splits_the_witnesses_and_neither_side_can_take_both() {
    world(async {
        let mut cluster = Cluster::new(
            Shape {
                witnesses: 4,
                quorum: 3,
            },
            2,
        );
        let mut log = cluster.log();
        log.grow(10);
        log.publish().await;
        for number in [0, 1] {
            cluster.network.cut(Party::Log, number);
            cluster.network.cut(Party::Rogue, 2 + number);
        }
        let mut fork = cluster.fork(10);
        log.grow(5);
        fork.grow(6);
        tokio::join!(log.publish(), fork.publish());
        cluster.network.heal();
        tokio::join!(log.publish(), fork.publish());
        log.grow(1);
        fork.grow(1);
        tokio::join!(log.publish(), fork.publish());
        // Two witnesses each: no quorum of three is left for anybody, ever.
        assert_eq!(cluster.checker.quorums(Branch::Log), [10]);
        assert_eq!(cluster.checker.quorums(Branch::Rogue), NONE);
        cluster.hold();
    });
}

#[test]
fn a_witness_that_signs_anything_cannot_give_a_fork_its_quorum() {
    world(async {
        let shape = Shape {
            witnesses: 4,
            quorum: 3,
        };
        let mut cluster = Cluster::new(shape, 3);
        cluster.node(3).lie(Lie::SignsAnything);
        let mut log = cluster.log();
        log.grow(10);
        log.publish().await;
        let mut fork = cluster.fork(4);
        fork.grow(40);
        fork.publish().await;
        assert_eq!(cluster.checker.quorums(Branch::Log), [10]);
        assert_eq!(cluster.checker.quorums(Branch::Rogue), NONE);
        cluster.hold();
    });
}

#[test]
fn a_witness_that_was_restored_from_an_old_backup_signs_nothing_for_anybody() {
    world(async {
        let mut cluster = Cluster::new(TWO_OF_THREE, 4);
        let mut log = cluster.log();
        log.grow(10);
        log.publish().await;
        let backup = cluster.node(0).disk().back_up();
        log.grow(10);
        log.publish().await;
        cluster.node(0).copy().await;
        cluster.node(0).restore(backup);
        let mut fork = cluster.fork(10);
        fork.grow(10);
        assert!(
            !fork.submit(0, 20).await,
            "it forgot that it had cosigned 20"
        );
        assert!(!log.submit(0, 20).await, "it goes on with an old database");
        // The others are enough for the log.
        log.grow(1);
        log.publish().await;
        assert_eq!(cluster.checker.quorums(Branch::Log), [10, 20, 21]);
        assert_eq!(cluster.checker.quorums(Branch::Rogue), NONE);
        cluster.hold();
    });
}

/// Two logs with one key, one of which misbehaves as well, for three minutes.
pub(crate) async fn forked(seed: u64) -> Cluster {
    let shapes = [(3, 2), (4, 3), (5, 4), (3, 3)];
    let mut random = Random::new(seed);
    let (witnesses, quorum) = shapes[random.index(shapes.len())];
    let shape = Shape { witnesses, quorum };
    let mut cluster = Cluster::new(shape, seed);
    for number in 0..random.index(shape.intersection()) {
        let lie = if random.one_in(2) {
            Lie::SignsAnything
        } else {
            Lie::Everything
        };
        cluster.node(number).lie(lie);
    }
    let mut log = cluster.log();
    log.grow(20);
    let fork = cluster.fork(random.between(0, 20));
    let tasks = [tokio::spawn(log.run()), tokio::spawn(fork.run())];
    while cluster.clock.elapsed().as_secs() < 180 {
        pause(random.between(100, 5_000)).await;
        cluster.disturb(&[Party::Log, Party::Rogue]);
    }
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    cluster.heal();
    cluster
}
