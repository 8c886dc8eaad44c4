//! Whatever is asked, of however many witnesses on one database, and whatever the database does: no two cosigned
//! checkpoints of one size differ, sizes and times never go back, and what was cosigned is recorded.

use std::collections::HashMap;
use std::sync::Arc;

use counterfoil_store::HeadStore as _;
use counterfoil_store::faulty::{FaultyHeadStore, Odds, Plan};
use counterfoil_store::memory::MemoryHeadStore;
use counterfoil_tiles::cosignature::Timestamp;
use counterfoil_tiles::hash::{NodeHash, TreeSize};
use counterfoil_tiles::key::Algorithm;
use counterfoil_tiles::proof::verify_consistency;
use counterfoil_witness::record::register;
use counterfoil_witness::{AddAnswer, Options, Recorded, Signers, Witness};
use proptest::prelude::*;

use crate::common::{Signer, Tree, key, request};
use crate::support::{NOW, Stores, add_at};

const SIZES: u64 = 24;
const BRANCHES: u8 = 3;
const WITNESSES: usize = 3;

/// Something that a log or a stranger may do.
#[derive(Debug, Clone)]
enum Step {
    /// A request to one of the witnesses, with the proof of a branch.
    Add {
        witness: usize,
        old: Old,
        size: u64,
        branch: u8,
        proof: Proof,
        pause: u64,
    },
    /// A witness dies and comes back.
    Restart(usize),
}

#[derive(Debug, Clone)]
enum Old {
    /// What was cosigned last.
    Right,
    Size(u64),
}

#[derive(Debug, Clone)]
enum Proof {
    Of(u8),
    Junk(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let old = prop_oneof![5 => Just(Old::Right), 1 => (0..=SIZES).prop_map(Old::Size)];
    let proof = prop_oneof![
        6 => (0..BRANCHES).prop_map(Proof::Of),
        1 => (0..6_usize).prop_map(Proof::Junk),
    ];
    let branch = prop_oneof![4 => Just(0), 1 => 0..BRANCHES];
    let add = (0..WITNESSES, old, 0..=SIZES, branch, proof, 0..3_u64).prop_map(
        |(witness, old, size, branch, proof, pause)| Step::Add {
            witness,
            old,
            size,
            branch,
            proof,
            pause,
        },
    );
    prop_oneof![12 => add, 1 => (0..WITNESSES).prop_map(Step::Restart)]
}

/// What was cosigned, in the order of the answers.
#[derive(Default)]
struct History {
    roots: HashMap<u64, NodeHash>,
    latest: u64,
    time: u64,
}

impl History {
    fn add(&mut self, size: u64, root: NodeHash, time: u64) {
        let known = *self.roots.entry(size).or_insert(root);
        assert_eq!(known, root, "two roots were cosigned at size {size}");
        assert!(
            size >= self.latest,
            "{size} was cosigned after {}",
            self.latest
        );
        assert!(time >= self.time, "time {time} after {}", self.time);
        (self.latest, self.time) = (size, time);
    }
}

async fn run(steps: Vec<Step>, seed: u64, faults: u32) {
    let signer = Signer::new("example.com/log");
    // Branch 1 leaves branch 0 at its beginning, branch 2 in its middle.
    let trees = [
        Tree::new(SIZES),
        Tree::forked(SIZES, 0, 1),
        Tree::forked(SIZES, SIZES / 2, 2),
    ];
    let odds = Odds {
        writes: faults,
        reads: faults,
    };
    let plan = Plan::seeded(seed, odds);
    let heads = Arc::new(FaultyHeadStore::new(MemoryHeadStore::new(), plan));
    let stores = Stores::default();
    let start = || {
        // One key: what is asked here does not depend on which, and Ed25519 is quicker.
        let keys = Signers::new([key("w", Algorithm::CosignatureV1, 1)]).unwrap();
        let logs = counterfoil_witness::Logs::new([signer.log()]).unwrap();
        let options = Options::default();
        Witness::new(keys, logs, heads.clone(), stores.blobs.clone(), options)
    };
    let mut witnesses: Vec<Witness> = (0..WITNESSES).map(|_| start()).collect();
    let mut history = History::default();
    let mut now = NOW;
    for step in steps {
        let (witness, old, size, branch, proof, pause) = match step {
            Step::Restart(witness) => {
                witnesses[witness] = start();
                continue;
            }
            Step::Add {
                witness,
                old,
                size,
                branch,
                proof,
                pause,
            } => (witness, old, size, branch, proof, pause),
        };
        now += pause;
        let old = match old {
            Old::Right => history.latest,
            Old::Size(size) => size,
        };
        let tree = &trees[usize::from(branch)];
        let proof = match proof {
            Proof::Of(branch) => trees[usize::from(branch)].consistency(old.min(size), size),
            Proof::Junk(hashes) => vec![tree.root(3); hashes],
        };
        let update = request(old, proof, signer.sign(size, tree.root(size)));
        let before = history.latest;
        if let AddAnswer::Cosigned { lines, .. } = add_at(&witnesses[witness], &update, now).await {
            let time = Timestamp::of_signature(Algorithm::CosignatureV1, lines[0].signature());
            history.add(size, tree.root(size), time.unwrap().seconds());
            let value = heads
                .inner()
                .fetch(&register(signer.log().hash()))
                .await
                .unwrap();
            let recorded = Recorded::parse(&value.unwrap(), signer.log().hash()).unwrap();
            assert_eq!(
                recorded.checkpoint().size(),
                TreeSize::new(size),
                "not recorded"
            );
            assert_eq!(recorded.note().signatures()[1..], lines);
            // Not by the judge: whoever has both trees sees that one is the beginning of the other.
            if let Some(root) = history.roots.get(&before) {
                let proof = tree.consistency(before, size);
                let (old, new) = (TreeSize::new(before), TreeSize::new(size));
                verify_consistency(old, new, root, &tree.root(size), &proof).unwrap();
            }
        }
    }
}

fn block_on(future: impl Future) {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(future);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn cosigned_checkpoints_are_one_history(steps in prop::collection::vec(step(), 1..60)) {
        block_on(run(steps, 0, 0));
    }

    #[test]
    fn cosigned_checkpoints_are_one_history_whatever_the_store_does(
        steps in prop::collection::vec(step(), 1..60),
        seed in any::<u64>(),
    ) {
        block_on(run(steps, seed, 250));
    }
}
