//! Faults that must be found: each of these worlds breaks a promise, and the checker has to say which.

use counterfoil_store::faulty::Plan;

use crate::checker::Branch;
use crate::clock::world;
use crate::keys::Shape;
use crate::liar::Lie;
use crate::witnesses::Cluster;

const TWO_OF_THREE: Shape = Shape {
    witnesses: 3,
    quorum: 2,
};

fn is_found(cluster: &Cluster, what: &str) {
    let violations = cluster.checker.violations();
    assert!(
        violations.iter().any(|violation| violation.contains(what)),
        "expected {what:?}, found {violations:#?}"
    );
}

#[test]
fn a_witness_that_answers_before_the_record_is_on_the_disk_is_found() {
    world(async {
        let mut cluster = Cluster::new(TWO_OF_THREE, 1);
        for number in [0, 1] {
            cluster.node(number).forget_to_flush();
        }
        let mut log = cluster.log();
        log.grow(10);
        log.publish().await;
        for number in [0, 1] {
            cluster.node(number).restart(Plan::none());
        }
        let mut fork = cluster.fork(0);
        fork.grow(12);
        fork.publish().await;
        is_found(&cluster, "witness 0 cosigned 10");
        is_found(&cluster, "both have a quorum and are inconsistent");
    });
}

#[test]
fn a_witness_that_checks_no_consistency_is_found() {
    world(async {
        let mut cluster = Cluster::new(TWO_OF_THREE, 2);
        cluster.node(1).misbehave(Lie::SignsAnything);
        let mut log = cluster.log();
        log.grow(10);
        log.publish().await;
        let mut fork = cluster.fork(5);
        fork.grow(10);
        fork.publish().await;
        is_found(&cluster, "witness 1 cosigned 10");
    });
}

#[test]
fn as_many_lying_witnesses_as_two_quorums_share_give_a_fork_its_quorum() {
    world(async {
        let shape = Shape {
            witnesses: 4,
            quorum: 3,
        };
        let mut cluster = Cluster::new(shape, 3);
        cluster.node(2).misbehave(Lie::SignsAnything);
        cluster.node(3).misbehave(Lie::SignsAnything);
        let mut log = cluster.log();
        log.grow(10);
        let mut fork = cluster.fork(5);
        fork.grow(10);
        for number in [0, 2, 3] {
            log.submit(number, 10).await;
        }
        for number in [1, 2, 3] {
            fork.submit(number, 15).await;
        }
        assert_eq!(cluster.checker.quorums(Branch::Rogue), [15]);
        is_found(&cluster, "both have a quorum and are inconsistent");
    });
}

#[test]
fn a_restored_witness_without_copies_is_found() {
    world(async {
        let mut cluster = Cluster::new(TWO_OF_THREE, 4);
        let mut log = cluster.log();
        log.grow(10);
        log.publish().await;
        let backup = cluster.node(0).disk().back_up();
        log.grow(10);
        log.publish().await;
        cluster.node(0).restore(backup);
        cluster.node(0).forget_copies();
        let mut fork = cluster.fork(10);
        fork.grow(9);
        fork.submit(0, 19).await;
        is_found(&cluster, "witness 0 cosigned 19");
    });
}
