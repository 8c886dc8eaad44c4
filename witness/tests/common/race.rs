//! A log's front ends that race for its witness, each with checkpoints of its own, and what must be true of what they got.

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use counterfoil_witness::{AddAnswer, Witness};

use super::{Signer, Tree, request};

/// How often the witness may be too busy, so that a test of one that always is ends.
const MAX_REFUSED: usize = 2_000;

/// A checkpoint that was cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) origin: String,
    pub(crate) old: u64,
    pub(crate) size: u64,
    pub(crate) root: String,
}

/// Small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Takes each log to a size, with checkpoints of one branch, as long as the witness goes that way; says what was cosigned,
/// as soon as it is.
pub(crate) async fn contend(
    witness: &Witness,
    signers: &[Signer],
    (goal, branch, seed): (u64, u8, u64),
    report: impl Fn(Step),
) {
    let tree = Tree::forked(goal + 4, 0, branch);
    let mut random = Random(seed);
    let mut known: Vec<Option<u64>> = vec![Some(0); signers.len()];
    let mut refused = 0;
    while known.iter().any(Option::is_some) {
        let log = usize::try_from(random.below(signers.len() as u64)).unwrap();
        let Some(old) = known[log] else { continue };
        let signer = &signers[log];
        let size = old + random.below(4);
        let root = tree.root(size);
        let update = request(old, tree.consistency(old, size), signer.sign(size, root));
        let body = update.to_string();
        let answer = witness
            .add_checkpoint(body.as_bytes(), SystemTime::now(), |_| Ok(()))
            .await;
        known[log] = match answer {
            AddAnswer::Cosigned { .. } => {
                report(Step {
                    origin: signer.origin.to_string(),
                    old,
                    size,
                    root: root.to_string(),
                });
                Some(size)
            }
            AddAnswer::Conflict { latest } => Some(latest.get()),
            // The other branch was first.
            AddAnswer::Inconsistent(_) => None,
            // The machine is busy; the next try tells.
            AddAnswer::Unavailable(why) => {
                refused += 1;
                assert!(refused < MAX_REFUSED, "{why}");
                Some(old)
            }
            other => panic!("{other:?}"),
        };
        known[log] = known[log].filter(|size| *size < goal);
    }
}

/// That each log has one history. If every step was heard of, they also join without a gap, up to `goal`.
pub(crate) fn assert_one_history(steps: &[Step], logs: usize, goal: Option<u64>) {
    let mut by_log: HashMap<&str, Vec<&Step>> = HashMap::new();
    for step in steps {
        by_log.entry(&step.origin).or_default().push(step);
    }
    assert_eq!(by_log.len(), logs, "a log got nothing");
    for (origin, steps) in by_log {
        let mut roots: HashMap<u64, &str> = HashMap::new();
        let mut growth: BTreeMap<u64, u64> = BTreeMap::new();
        for step in steps {
            let known = *roots.entry(step.size).or_insert(&step.root);
            assert_eq!(
                known, step.root,
                "{origin}: two roots at size {}",
                step.size
            );
            if step.size > step.old {
                let other = growth.insert(step.old, step.size);
                assert_eq!(
                    other, None,
                    "{origin}: two updates from size {} were cosigned",
                    step.old
                );
            }
        }
        let mut reached = 0;
        for (old, size) in growth {
            assert!(
                old >= reached,
                "{origin}: {old} to {size} after {reached} was reached: rolled back"
            );
            assert!(
                goal.is_none() || old == reached,
                "{origin}: nobody was told of {reached} to {old}"
            );
            reached = size;
        }
        assert!(
            goal.is_none_or(|goal| reached >= goal),
            "{origin} stopped at {reached}"
        );
    }
}
