//! Many worlds, each from a seed.

use counterfoil_tests::each_seed;

use crate::checker::Branch;
use crate::clock::world;
use crate::together::{disturbed_and_forked, disturbed_and_healed};
use crate::witnesses::forked;

#[test]
fn two_logs_with_one_key_never_get_inconsistent_quorums() {
    let (mut requests, mut faults, mut quorums) = (0, 0, [0, 0]);
    each_seed(60, |seed| {
        world(async {
            let cluster = forked(seed).await;
            cluster.hold();
            let (sent, met) = cluster.network.counts();
            requests += sent;
            faults += met;
            quorums[0] += cluster.checker.quorums(Branch::Log).len();
            quorums[1] += cluster.checker.quorums(Branch::Rogue).len();
        });
    });
    println!(
        "{requests} requests, {faults} of them disturbed; quorums of each branch: {quorums:?}"
    );
    assert!(requests > 0 && faults > 0, "nothing happened");
    assert!(quorums[0] + quorums[1] > 0, "nobody ever had a quorum");
}

#[test]
fn whatever_breaks_what_was_acknowledged_is_under_a_quorum_once_nothing_breaks() {
    let (mut requests, mut faults, mut logged) = (0, 0, 0);
    each_seed(40, |seed| {
        world(async {
            let cluster = disturbed_and_healed(seed).await;
            cluster.hold();
            let (sent, met) = cluster.network.counts();
            requests += sent;
            faults += met;
            logged += cluster.checker.acknowledged_size();
        });
    });
    println!(
        "{requests} requests, {faults} of them disturbed; {logged} entries acknowledged and published"
    );
    assert!(requests > 0 && faults > 0 && logged > 0, "nothing happened");
}

#[test]
fn a_log_and_its_fork_never_get_inconsistent_quorums() {
    let mut quorums = [0, 0];
    each_seed(30, |seed| {
        world(async {
            let cluster = disturbed_and_forked(seed).await;
            cluster.hold();
            quorums[0] += cluster.checker.quorums(Branch::Log).len();
            quorums[1] += cluster.checker.quorums(Branch::Rogue).len();
        });
    });
    println!("quorums of the log and of its fork: {quorums:?}");
    assert!(quorums[0] > 0, "the log never had a quorum");
}
