//! A log whose policy changes: what it publishes is cosigned again, at the size that it has.

use counterfoil_log_server::log::{Log as _, LogStatus, State};
use counterfoil_store::faulty::Plan;
use counterfoil_tiles::note::Note;
use counterfoil_tiles::policy::Policy;

use crate::clock::{pause, world};
use crate::keys::{Shape, log_key, url, witness_keys};
use crate::log::Machine;
use crate::together::{log, starts};
use crate::witnesses::Cluster;

/// The checker's own policy, which both of the log's keep to.
const TWO_OF_THREE: Shape = Shape {
    witnesses: 3,
    quorum: 2,
};

/// Demands all of these: a witness and the place of its key.
fn all_of(keys: &[(usize, usize)]) -> Policy {
    let mut lines = vec![format!("log {}", log_key().vkey())];
    let mut group = "group all-of-them all".to_owned();
    for (witness, place) in keys {
        let key = &witness_keys(*witness)[*place];
        let name = format!("w{witness}.{place}");
        lines.push(format!("witness {name} {} {}", key.vkey(), url(*witness)));
        group = format!("{group} {name}");
    }
    lines.push(group);
    lines.push("quorum all-of-them\n".to_owned());
    Policy::parse(lines.join("\n").as_bytes()).unwrap()
}

fn published(log: &Machine) -> Note {
    let published = log.engine_now().unwrap().published().unwrap();
    Note::parse(published.note.bytes()).unwrap()
}

fn status(log: &Machine) -> LogStatus {
    log.engine_now().unwrap().status()
}

fn times(asked: &[usize], witness: usize) -> usize {
    asked.iter().filter(|number| **number == witness).count()
}

// SPEC(design 2, policy): "A changed policy takes effect once the current size is cosigned under it."
#[test]
fn an_idle_log_is_cosigned_again_under_a_changed_policy() {
    world(async {
        let mut cluster = Cluster::new(TWO_OF_THREE, 41);
        let log = log(&mut cluster).await;
        let earlier = all_of(&[(0, 0), (1, 0)]);
        log.set_policy(earlier.clone());
        starts(&cluster, &log).await;
        pause(5_000).await;
        let before = published(&log);
        earlier.verify(before.clone()).unwrap();

        // A second key of a witness that it has, and a witness that is down.
        cluster.node(2).crash();
        let changed = all_of(&[(0, 0), (0, 1), (1, 0), (2, 0)]);
        changed.verify(before.clone()).unwrap_err();
        log.set_policy(changed.clone());
        log.restart();
        pause(60_000).await;
        let stopped = status(&log);
        assert_eq!(
            (stopped.state, stopped.published_size),
            (State::Starting, Some(3)),
            "it cannot know that it is not an older copy, and serves what is published"
        );
        assert!(stopped.last_error.unwrap().what.contains("w2.0"));

        // It runs, and does not know the log: so it has seen no more of it, but the quorum is not there.
        cluster.node(2).restart_without_the_log();
        pause(10_000).await;
        log.take_asked();
        pause(5 * 60_000).await;
        let asked = log.take_asked();
        assert_eq!(times(&asked, 0) + times(&asked, 1), 0, "they have cosigned");
        assert!((8..20).contains(&times(&asked, 2)), "{asked:?}");
        let without = status(&log);
        assert_eq!(
            (without.state, without.published_size),
            (State::Unpublished, Some(3))
        );
        assert!(without.no_quorum_since.is_some());
        let missing: Vec<_> = without.witnesses.iter().filter(|it| !it.cosigns).collect();
        assert_eq!(missing.len(), 1, "{missing:?}");
        assert_eq!(missing[0].name, "w2.0");
        changed.verify(published(&log)).unwrap_err();

        // Its operator adds the log, and nobody adds an entry.
        cluster.node(2).restart(Plan::none());
        pause(45_000).await;
        let after = published(&log);
        assert_eq!(after.text(), before.text());
        changed.verify(after).unwrap();
        let status_with = status(&log);
        assert_eq!(
            (status_with.state, status_with.no_quorum_since),
            (State::Running, None)
        );

        // From here on it is the policy.
        assert_eq!(log.add(vec!["another".into()]).await, 1);
        pause(5_000).await;
        assert_eq!(cluster.checker.published_size(), Some(4));
        changed.verify(published(&log)).unwrap();
        cluster.hold();
    });
}
